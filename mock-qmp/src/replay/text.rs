// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON text with other names in it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::relations::CONTAINED;

/// What the strings of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values: a name is a string of its own, or a part of a path.
    Data,
    /// An error: a name is in quotes too.
    Error,
    /// Text for people: a name is a word in it.
    Prose,
}

/// Names that take the place of others.
#[derive(Debug, Default)]
pub(super) struct Renames<'a> {
    names: HashMap<&'a str, &'a str>,
    /// Those that are files' paths.
    paths: Vec<(&'a str, &'a str)>,
}

impl<'a> Renames<'a> {
    /// Of several pairs with the same first name the first counts.
    pub(super) fn new(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut renames = Self::default();
        for (from, to) in pairs {
            if let Entry::Vacant(entry) = renames.names.entry(from) {
                entry.insert(to);
                if from.starts_with('/') && from[1..].contains('/') {
                    renames.paths.push((from, to));
                }
            }
        }
        renames
    }

    /// The JSON text with the other names, each string once.
    pub(super) fn in_text(&self, text: &str, kind: Kind) -> String {
        if self.names.is_empty() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('"') {
            let (front, literal) = rest.split_at(start + 1);
            let end = end_of_string(literal);
            let (inner, behind) = literal.split_at(end);
            out.push_str(front);
            // Members of QAPI's types have names of their own.
            let is_member = behind
                .strip_prefix('"')
                .is_some_and(|behind| behind.trim_start().starts_with(':'));
            match unescaped(inner).filter(|_| !is_member) {
                Some(plain) => match self.in_string(&plain, kind) {
                    Some(other) => out.push_str(&escaped(&other)),
                    None => out.push_str(inner),
                },
                None => out.push_str(inner),
            }
            let quote = usize::from(behind.starts_with('"'));
            out.push_str(&behind[..quote]);
            rest = &behind[quote..];
        }
        out + rest
    }

    /// A string with other names in it, if there is one.
    pub(super) fn in_string(&self, text: &str, kind: Kind) -> Option<String> {
        if let Some(to) = self.names.get(text) {
            return Some((*to).to_owned());
        }
        if let Some(path) = self.in_path(text) {
            return Some(path);
        }
        let other = match self.paths.is_empty() {
            true => text.to_owned(),
            false => self.in_files(text),
        };
        let other = match kind {
            Kind::Data => other,
            Kind::Error => self.by_word(&other, |before| before.ends_with('\'')),
            Kind::Prose => self.by_word(&other, |before| !before.ends_with('/')),
        };
        (other != text).then_some(other)
    }

    /// A QOM path with another name in it.
    fn in_path(&self, text: &str) -> Option<String> {
        let (container, name) = name_in(text)?;
        let to = self.names.get(name)?;
        let below = &text[container.len() + name.len()..];
        Some(format!("{container}{to}{below}"))
    }

    /// The text with other files' paths in it; one may be inside a longer string.
    fn in_files(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(slash) = text[at..].find('/').map(|slash| at + slash) {
            out.push_str(&text[at..slash]);
            let starts = !text[..slash].ends_with(is_part);
            let found = self.paths.iter().find(|(from, _)| {
                let rest = text[slash..].strip_prefix(from);
                starts && rest.is_some_and(|rest| !rest.starts_with(is_part))
            });
            let (next, put) = match found {
                Some((from, to)) => (slash + from.len(), *to),
                None => (slash + 1, "/"),
            };
            out.push_str(put);
            at = next;
        }
        out + &text[at..]
    }

    /// The text with words replaced where what is before one allows it, or a container of QOM is.
    fn by_word(&self, text: &str, is_name: impl Fn(&str) -> bool) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            let here = || {
                let before = &text[..at];
                is_name(before) || CONTAINED.iter().any(|(start, _)| before.ends_with(start))
            };
            let other = self.names.get(word).filter(|_| !word.is_empty() && here());
            out.push_str(other.map_or(word, |to| *to));
            let gap = rest[end..].find(is_part).unwrap_or(rest.len() - end);
            out.push_str(&rest[end..end + gap]);
            at += end + gap;
        }
        out
    }
}

/// Whether text for people has a name in it: as a word, or in a QOM path.
pub(super) fn is_word(text: &str, name: &str) -> bool {
    let mut places = text.match_indices(name);
    places.any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + name.len()..]);
        let is_path = || CONTAINED.iter().any(|(start, _)| before.ends_with(start));
        let starts = !before.ends_with(is_part) && (!before.ends_with('/') || is_path());
        starts && !behind.starts_with(is_part)
    })
}

/// Whether a character may be part of a name.
pub(super) fn is_part(c: char) -> bool {
    c.is_alphanumeric() || "_-.".contains(c)
}

/// Where a string's content ends that starts here.
fn end_of_string(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

fn unescaped(inner: &str) -> Option<String> {
    match inner.contains('\\') {
        true => serde_json::from_str(&format!("\"{inner}\"")).ok(),
        false => Some(inner.to_owned()),
    }
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Whether a text is a QOM path that has a client's name in it.
pub(super) fn has_name(text: &str) -> bool {
    name_in(text).is_some()
}

/// The name that a client gave, in a QOM path, and what is before it.
pub(super) fn name_in(text: &str) -> Option<(&'static str, &str)> {
    let (container, _) = CONTAINED
        .iter()
        .find(|(start, _)| text.starts_with(start))?;
    let name = text[container.len()..].split('/').next()?;
    Some((container, name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Kind::Data, r#"{"id":"k","k":"k1"}"#, r#"{"id":"z\"9","k":"k1"}"#)]
    #[case(
        Kind::Data,
        r#""/machine/peripheral/k/x""#,
        r#""/machine/peripheral/z\"9/x""#
    )]
    #[case(Kind::Data, r#""/machine/other/k""#, r#""/machine/other/k""#)]
    #[case(Kind::Data, r#""a k, b""#, r#""a k, b""#)]
    #[case(Kind::Error, r#""Duplicate 'k', k""#, r#""Duplicate 'z\"9', k""#)]
    #[case(Kind::Prose, r#""k: 1, k1\r\n x k""#, r#""z\"9: 1, k1\r\n x z\"9""#)]
    #[case(
        Kind::Prose,
        r#""/a/k /machine/peripheral/k""#,
        r#""/a/k /machine/peripheral/z\"9""#
    )]
    #[case(Kind::Data, r#""json:{/tmp/a}""#, r#""json:{/tmp/b}""#)]
    #[case(Kind::Data, r#"{"broken":"k"#, r#"{"broken":"z\"9"#)]
    #[case(Kind::Data, r#""broken\"#, r#""broken\"#)]
    #[case(
        Kind::Data,
        r#""x /tmp/ab /tmp/a.1 /tmp/a""#,
        r#""x /tmp/ab /tmp/a.1 /tmp/b""#
    )]
    #[case(Kind::Data, r#""x /tmp/c""#, r#""x /tmp/c/tmp/c""#)]
    fn names_are_replaced(#[case] kind: Kind, #[case] text: &str, #[case] expected: &str) {
        let pairs = [
            ("k", "z\"9"),
            ("k", "other"),
            ("/tmp/a", "/tmp/b"),
            ("/tmp/c", "/tmp/c/tmp/c"),
        ];
        let renames = Renames::new(pairs.into_iter());
        assert_eq!(renames.in_text(text, kind), expected);
    }
}
