// SPDX-License-Identifier: GPL-2.0-or-later
//! Names that QEMU makes up for block nodes: sessions of one machine have others each for the same
//! node.

use std::collections::HashMap;

use crate::json::Value;

/// How such a name begins: a count and two random digits follow (`id_generate` of `util/id.c`).
const MADE_UP: &str = "#block";
const RANDOM_DIGITS: usize = 2;

/// The names of a machine's first nodes, by their count.
#[derive(Debug, Default)]
pub(crate) struct FirstNodes(HashMap<String, String>);

/// Names that take the place of others.
#[derive(Debug)]
pub(crate) struct OtherNames(HashMap<String, String>);

impl FirstNodes {
    /// The names in texts of the time before anything changed.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut names = HashMap::new();
        for text in texts {
            for (at, _) in text.match_indices(MADE_UP) {
                let name = &text[at..at + length(&text[at..])];
                let count = &name[..name.len().saturating_sub(RANDOM_DIGITS)];
                names.insert(count.to_owned(), name.to_owned());
            }
        }
        Self(names)
    }

    /// The names that these nodes have in another session of the same machine, where they differ.
    pub(crate) fn as_in(&self, other: &Self) -> Option<OtherNames> {
        let names = self.0.iter().filter_map(|(count, name)| {
            let other = other.0.get(count).filter(|other| *other != name)?;
            Some((name.clone(), other.clone()))
        });
        let names: HashMap<String, String> = names.collect();
        (!names.is_empty()).then_some(OtherNames(names))
    }
}

impl OtherNames {
    /// The text with these names: it is as long as before.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(MADE_UP) {
            let (front, from) = rest.split_at(at);
            let name = &from[..length(from)];
            out.push_str(front);
            out.push_str(self.0.get(name).map_or(name, String::as_str));
            rest = &from[name.len()..];
        }
        out + rest
    }

    /// Puts these names in a value.
    pub(crate) fn put_in(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains(MADE_UP) => *text = self.in_text(text),
            Value::Array(elements) => elements.iter_mut().for_each(|it| self.put_in(it)),
            Value::Object(members) => members.values_mut().for_each(|it| self.put_in(it)),
            _ => {}
        }
    }
}

/// How long the made-up name is that the text begins with.
fn length(text: &str) -> usize {
    let digits = text.bytes().skip(MADE_UP.len());
    MADE_UP.len() + digits.take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_node_has_the_same_name() {
        let one = FirstNodes::of(["\"#block133\" \"#block038\""].into_iter());
        let other = FirstNodes::of(["#block1265, #block165 (#block038)"].into_iter());
        let names = other.as_in(&one).unwrap();
        let text = "#block165: #block1265 #block038 #block16 #block";
        assert_eq!(
            names.in_text(text),
            "#block133: #block1265 #block038 #block16 #block"
        );
        assert!(one.as_in(&one).is_none());
    }
}
