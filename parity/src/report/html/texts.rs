// SPDX-License-Identifier: GPL-2.0-or-later
//! The texts of a report, each embedded once, and long ones cut.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeSeq, Serializer};

/// Most bytes of one answer that are embedded.
pub const CAP: usize = 64 * 1024;

/// Bytes shown ahead of the first difference where an answer is cut at its start too.
const LEAD: usize = 4 * 1024;

/// Texts by number. Number 0 is the empty text.
#[derive(Debug)]
pub struct Texts<'a> {
    list: Vec<Text<'a>>,
    numbers: HashMap<Text<'a>, usize>,
}

/// A text, or the part of it that is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Text<'a> {
    part: &'a str,
    /// The byte of the whole text at which the part begins.
    from: usize,
    /// Lines of the whole text before the part.
    lines: usize,
    /// Bytes of the whole text.
    size: usize,
}

impl Default for Texts<'_> {
    fn default() -> Self {
        let mut texts = Self {
            list: Vec::new(),
            numbers: HashMap::new(),
        };
        texts.whole("");
        texts
    }
}

impl<'a> Texts<'a> {
    /// The number of a text that is short by nature, such as a line or a name.
    pub fn whole(&mut self, text: &'a str) -> usize {
        self.add(text, 0..text.len())
    }

    /// The numbers of two texts that are compared. Long ones are cut around their first difference,
    /// at the same byte.
    pub fn pair(&mut self, a: &'a str, b: &'a str) -> (usize, usize) {
        let start = if a == b || a.len().max(b.len()) <= CAP {
            0
        } else {
            start(a, b)
        };
        let mut part =
            |text: &'a str| self.add(text, start..floor(text, start.saturating_add(CAP)));
        (part(a), part(b))
    }

    fn add(&mut self, whole: &'a str, range: std::ops::Range<usize>) -> usize {
        let text = Text {
            part: &whole[range.clone()],
            from: range.start,
            lines: whole[..range.start].matches('\n').count(),
            size: whole.len(),
        };
        let next = self.list.len();
        *self.numbers.entry(text).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }
}

/// Where two long texts are cut at their start: nowhere if the first difference is near it.
fn start(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    if same < CAP / 2 {
        return 0;
    }
    let near = floor(a, same - LEAD);
    // Both texts are alike up to `same`, so that this is a boundary of both.
    match a[..near].rfind('\n') {
        Some(end) if near - end < LEAD => end + 1,
        _ => near,
    }
}

/// The last character boundary at or before `at`, which may lie behind the end.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A list; a text that was cut is an object with its `part`, `from`, `lines` and `size`.
impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Cut<'a> {
            part: &'a str,
            from: usize,
            lines: usize,
            size: usize,
        }
        let mut list = serializer.serialize_seq(Some(self.list.len()))?;
        for text in &self.list {
            let Text {
                part,
                from,
                lines,
                size,
            } = *text;
            if part.len() == size {
                list.serialize_element(part)?;
            } else {
                let cut = Cut {
                    part,
                    from,
                    lines,
                    size,
                };
                list.serialize_element(&cut)?;
            }
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_texts_are_kept_once() {
        let mut texts = Texts::default();
        assert_eq!(texts.pair("a\n", "a\n"), (1, 1));
        assert_eq!(texts.whole(""), 0);
        assert_eq!(texts.pair("b", "a\n"), (2, 1));
        assert_eq!(serde_json::to_string(&texts).unwrap(), r#"["","a\n","b"]"#);
    }

    #[test]
    fn a_cut_shows_the_first_difference() {
        let common = "same line\n".repeat(20_000);
        let (a, b) = (format!("{common}one\n"), format!("{common}two\n"));
        let mut texts = Texts::default();
        let (a, b) = texts.pair(&a, &b);
        let (a, b) = (texts.list[a], texts.list[b]);
        assert!(a.part.ends_with("\none\n") && b.part.ends_with("\ntwo\n"));
        assert!(a.part.starts_with("same line\n") && a.part.len() < CAP);
        assert_eq!((a.from, a.lines, a.size), (b.from, b.lines, b.size));
        assert_eq!(a.from, a.lines * "same line\n".len());
        assert_eq!(a.size, common.len() + 4);
    }

    #[test]
    fn any_text_can_be_cut() {
        let euros = "€".repeat(CAP);
        let other = format!("{}x", "€".repeat(CAP - 1));
        for (a, b) in [
            (euros.as_str(), euros.as_str()),
            (&euros, &other),
            (&euros, "€"),
            ("", &euros),
            (&euros, "\u{20ad}"),
        ] {
            let mut texts = Texts::default();
            let (a, b) = texts.pair(a, b);
            for text in [texts.list[a], texts.list[b]] {
                assert!(text.part.len() <= CAP && text.from <= text.size);
            }
        }
    }
}
