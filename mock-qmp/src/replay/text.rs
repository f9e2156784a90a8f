// SPDX-License-Identifier: GPL-2.0-or-later
//! JSON text with other names in it.

use super::names::Pair;

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

/// QOM paths below which clients name things (`qdev_set_id`, `user_creatable_add_type`,
/// `chardev_new`).
const CONTAINERS: &[&str] = &["/machine/peripheral/", "/objects/", "/chardevs/"];

/// The JSON text with the second name of a pair for the first, each string once; of several pairs
/// with the same first name the first counts.
pub(super) fn renamed(text: &str, kind: Kind, pairs: &[&Pair]) -> String {
    if pairs.is_empty() {
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
            Some(plain) => match in_string(&plain, kind, pairs) {
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

/// A string with other names in it, if there is one.
pub(super) fn in_string(text: &str, kind: Kind, pairs: &[&Pair]) -> Option<String> {
    let whole = pairs.iter().find(|(from, _)| from == text);
    if let Some((_, to)) = whole {
        return Some(to.clone());
    }
    if let Some(path) = in_path(text, pairs) {
        return Some(path);
    }
    let mut other = text.to_owned();
    // A file's path may be inside a longer string.
    for (from, to) in pairs.iter().filter(|(from, _)| from.starts_with('/')) {
        other = other.replace(from, to);
    }
    other = match kind {
        Kind::Data => other,
        Kind::Error => by_word(&other, pairs, |before| before.ends_with('\'')),
        Kind::Prose => by_word(&other, pairs, |before| !before.ends_with('/')),
    };
    (other != text).then_some(other)
}

/// Whether a text is a QOM path that has a client's name in it.
pub(super) fn has_name(text: &str) -> bool {
    CONTAINERS.iter().any(|start| text.starts_with(start))
}

/// A QOM path with another name in it.
pub(super) fn in_path(text: &str, pairs: &[&Pair]) -> Option<String> {
    let container = CONTAINERS.iter().find(|start| text.starts_with(**start))?;
    let below = &text[container.len()..];
    let name = below.split('/').next()?;
    let (_, to) = pairs.iter().find(|(from, _)| from == name)?;
    Some(format!("{container}{to}{}", &below[name.len()..]))
}

/// The text with words replaced where what is before one allows it, or a container of QOM is.
fn by_word(text: &str, pairs: &[&Pair], is_name: impl Fn(&str) -> bool) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        let pair = pairs.iter().find(|(from, _)| from == word);
        let here = || {
            let before = &text[..at];
            is_name(before) || CONTAINERS.iter().any(|start| before.ends_with(start))
        };
        match pair.filter(|_| !word.is_empty() && here()) {
            Some((_, to)) => out.push_str(to),
            None => out.push_str(word),
        }
        let gap = rest[end..].find(is_part).unwrap_or(rest.len() - end);
        out.push_str(&rest[end..end + gap]);
        at += end + gap;
    }
    out
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
    fn names_are_replaced(#[case] kind: Kind, #[case] text: &str, #[case] expected: &str) {
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let pairs = [
            pair("k", "z\"9"),
            pair("k", "other"),
            pair("/tmp/a", "/tmp/b"),
        ];
        assert_eq!(
            renamed(text, kind, &pairs.iter().collect::<Vec<_>>()),
            expected
        );
    }
}
