// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a text that is the beginning of a JSON object ends: within what, at which member.

/// A place at the end of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot<'t> {
    /// The byte where the word at the end starts, its quote included.
    pub(super) start: usize,
    /// Whether the name of a member is next, not a value.
    pub(super) key: bool,
    /// The objects and lists around it, the outermost first.
    pub(super) around: Vec<Level<'t>>,
}

/// An object or a list that has not ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Level<'t> {
    pub(super) list: bool,
    /// The members so far whose values are no objects or lists, without quotes.
    pub(super) given: Vec<(&'t str, &'t str)>,
    /// The names of all members so far; the last one's value is next, or in the next level.
    pub(super) names: Vec<&'t str>,
}

/// Deeper texts have no place.
const DEPTH: usize = 64;

enum Next {
    Key,
    Colon,
    Value,
    Comma,
}

/// The place at the end of a text; none where nothing can be said: behind a value, in what is no
/// JSON.
pub(super) fn spot(text: &str) -> Option<Spot<'_>> {
    let mut around: Vec<Level<'_>> = Vec::new();
    let mut next = Next::Value;
    let mut at = 0;
    loop {
        at = text.len() - text[at..].trim_start().len();
        let Some(first) = text[at..].chars().next() else {
            break;
        };
        let behind = at + first.len_utf8();
        match (&next, first) {
            (Next::Value, '{' | '[') => {
                if around.len() == DEPTH {
                    return None;
                }
                let list = first == '[';
                around.push(Level {
                    list,
                    ..Level::default()
                });
                next = if list { Next::Value } else { Next::Key };
                at = behind;
            }
            (Next::Key | Next::Comma, '}') | (Next::Value | Next::Comma, ']') => {
                let ended = around.pop()?;
                if ended.list != (first == ']') || around.is_empty() {
                    return None;
                }
                next = Next::Comma;
                at = behind;
            }
            (Next::Colon, ':') => {
                next = Next::Value;
                at = behind;
            }
            (Next::Comma, ',') => {
                next = if around.last()?.list {
                    Next::Value
                } else {
                    Next::Key
                };
                at = behind;
            }
            (Next::Key | Next::Value, _) => {
                let key = matches!(next, Next::Key);
                let length = match first {
                    '"' => string(&text[at..]),
                    _ if key => return None,
                    _ => text[at..].find(|c: char| ",]}".contains(c) || c.is_ascii_whitespace()),
                };
                let Some(length) = length else {
                    let start = at;
                    return Some(Spot { start, key, around });
                };
                let level = around.last_mut()?;
                let word = text[at..at + length].trim_matches('"');
                if key {
                    level.names.push(word);
                } else if let Some(name) = level.names.last() {
                    level.given.push((name, word));
                }
                next = if key { Next::Colon } else { Next::Comma };
                at += length;
            }
            _ => return None,
        }
    }
    let key = match next {
        Next::Key => true,
        Next::Value => false,
        Next::Colon | Next::Comma => return None,
    };
    let start = text.len();
    Some(Spot { start, key, around })
}

/// The length of a string with its quotes; none where it does not end.
fn string(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{", 1, true, "")]
    #[case("{ \"dri", 2, true, "")]
    #[case("{\"driver\": ", 11, false, "driver")]
    #[case("{\"driver\":\"ra", 10, false, "driver")]
    #[case("{\"a\": 1, \"b\": tr", 14, false, "b")]
    #[case("{\"a\": {\"b\": [", 13, false, "a")]
    #[case("{\"a\": {\"b\": [{\"c\\\"\": 1}, {", 26, true, "a")]
    fn places(#[case] text: &str, #[case] start: usize, #[case] key: bool, #[case] first: &str) {
        let spot = spot(text).unwrap();
        assert_eq!((spot.start, spot.key), (start, key));
        assert_eq!(
            spot.around[0].names.last().copied().unwrap_or_default(),
            first
        );
    }

    #[test]
    fn members_so_far() {
        let spot = spot("{\"driver\": \"raw\", \"x\": {}, \"y\": ").unwrap();
        assert_eq!(spot.around[0].given, [("driver", "raw")]);
        assert_eq!(spot.around[0].names, ["driver", "x", "y"]);
    }

    #[rstest]
    #[case("{}")]
    #[case("{\"a\"")]
    #[case("{\"a\": 1 ")]
    #[case("{a")]
    #[case("{]")]
    #[case("{\"a\": 1}}")]
    fn no_places(#[case] text: &str) {
        assert_eq!(spot(text), None);
    }

    #[test]
    fn depth_has_an_end() {
        assert_eq!(spot(&"[".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[\\[\\]{}\":, \\\\aä]*") {
            if let Some(spot) = spot(&text) {
                prop_assert!(text.is_char_boundary(spot.start));
            }
        }
    }
}
