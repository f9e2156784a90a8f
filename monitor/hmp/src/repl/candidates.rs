// SPDX-License-Identifier: GPL-2.0-or-later
//! What TAB puts in and lists.

use std::fmt::Write;

use hmp_engine::engine::complete::more::Item;

use crate::host::files::{self, Place};
use crate::repl::question::Found;
use crate::terminal::escape::{is_harmless, on_one_line};

/// Lines of the screen that a list leaves free: how many more there are, the line that is typed,
/// and one above.
const FREE: usize = 3;

/// Lines of a list at least.
const FEWEST: usize = 3;

/// What is listed where QEMU has not answered in time.
const LATE: &str = "QEMU has not answered yet; press TAB again\n";

/// Names of files in `place` that begin as what is typed.
pub(super) fn files_as_items(place: &Place, typed: &str) -> Vec<Item> {
    let files = files::complete(place, files::unquoted(typed));
    let item = |text: String| Item {
        open: text.ends_with('/'),
        text,
        about: String::new(),
    };
    files.into_iter().map(item).collect()
}

/// What TAB does with these candidates, where `typed` is there already.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// What takes the place of the word; none where it stays.
    pub(super) replacement: Option<String>,
    /// What is listed, with line ends.
    pub(super) list: String,
}

impl Offer {
    /// `size` is the terminal's, in columns and rows: a list is no longer than the screen. What can't
    /// be typed, or would steer the terminal, is left out.
    pub(super) fn new(found: Found, typed: &str, (width, height): (usize, usize)) -> Self {
        let lines = height.saturating_sub(FREE).max(FEWEST);
        if found.late {
            return Self {
                replacement: None,
                list: LATE.to_owned(),
            };
        }
        let mut items = found.items;
        items.retain(|item| is_harmless(&item.text));
        match items.as_slice() {
            [] => Self::default(),
            [one] => {
                let word = match found.verbatim {
                    true => one.text.clone(),
                    // A word that is alone is finished, unless it is a folder.
                    false if !one.open && !one.text.ends_with('/') => {
                        format!("{} ", quoted(&one.text))
                    }
                    false => quoted(&one.text),
                };
                Self {
                    replacement: Some(word),
                    list: String::new(),
                }
            }
            several => {
                let words: Vec<&str> = several.iter().map(|item| item.text.as_str()).collect();
                let common = common(&words);
                let there = match found.verbatim {
                    true => typed,
                    false => files::unquoted(typed),
                };
                let longer = common.len() > there.len();
                Self {
                    replacement: longer
                        .then(|| common.to_owned())
                        .filter(|c| found.verbatim || !needs_quotes(c)),
                    list: match several.iter().any(|item| !item.about.is_empty()) {
                        true => described(several, width, lines),
                        false => columns(&words, width, lines),
                    },
                }
            }
        }
    }
}

/// What all of them begin with.
fn common<'w>(words: &[&'w str]) -> &'w str {
    let Some((first, rest)) = words.split_first() else {
        return "";
    };
    let mut length = first.len();
    for word in rest {
        let same = first.bytes().zip(word.bytes()).take_while(|(a, b)| a == b);
        length = length.min(same.count());
    }
    while !first.is_char_boundary(length) {
        length -= 1;
    }
    &first[..length]
}

fn needs_quotes(word: &str) -> bool {
    word.starts_with('"') || word.contains(|c: char| c.is_ascii_whitespace())
}

/// The word as the monitor reads it: in quotes where it holds blanks.
fn quoted(word: &str) -> String {
    if !needs_quotes(word) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Words in columns, downwards.
fn columns(words: &[&str], width: usize, lines: usize) -> String {
    // No word is narrower than one column and the gap: more than these never fit.
    let most = words.len().min(lines * (width / 3).max(1));
    let longest = words[..most].iter().map(|word| word.chars().count()).max();
    let wide = longest.unwrap_or(0) + 2;
    let count = (width / wide).max(1);
    let shown = &words[..most.min(lines * count)];
    let rows = shown.len().div_ceil(count);
    let mut text = String::new();
    for row in 0..rows {
        let words: Vec<&&str> = shown.iter().skip(row).step_by(rows).collect();
        for (column, word) in words.iter().enumerate() {
            let pad = if column + 1 == words.len() { 0 } else { wide };
            // Writing to a string can't fail.
            let _ = write!(text, "{word:pad$}");
        }
        text.push('\n');
    }
    if words.len() > shown.len() {
        let _ = writeln!(text, "and {} more", words.len() - shown.len());
    }
    text
}

/// A line for each word, with what it is, cut at the terminal's width.
fn described(items: &[Item], width: usize, lines: usize) -> String {
    let shown = &items[..items.len().min(lines)];
    let longest = shown.iter().map(|item| item.text.chars().count()).max();
    let wide = longest.unwrap_or(0).min(width / 2) + 2;
    let mut text = String::new();
    for Item {
        text: word, about, ..
    } in shown
    {
        let about = on_one_line(about);
        // A word that is too long for its column has its gap all the same.
        let column = wide.max(word.chars().count() + 2);
        let line = format!("{word:column$}{about}");
        // The last column is left free: some terminals wrap there.
        let cut: String = line
            .trim_end()
            .chars()
            .take(width.saturating_sub(1))
            .collect();
        let _ = writeln!(text, "{}", cut.trim_end());
    }
    if items.len() > shown.len() {
        let _ = writeln!(text, "and {} more", items.len() - shown.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str, about: &str) -> Item {
        Item {
            text: text.into(),
            about: about.into(),
            open: false,
        }
    }

    fn found(words: Vec<String>) -> Found {
        Found {
            items: words.iter().map(|word| item(word, "")).collect(),
            ..Found::nothing(0)
        }
    }

    #[test]
    fn what_they_are_is_on_lines_of_their_own() {
        let about = |items: Vec<Item>| {
            let found = Found {
                items,
                ..Found::nothing(0)
            };
            Offer::new(found, "", (20, 24))
        };
        let both = about(vec![
            item("mac", "a MAC address, 00:00"),
            item("x", "\x1b[2J"),
        ]);
        assert_eq!(both.list, "mac  a MAC address,\nx    \\x1b[2J\n");
        let one = Item {
            open: true,
            ..item("mac=", "str")
        };
        assert_eq!(about(vec![one]).replacement.as_deref(), Some("mac="));
        let long = about(vec![item("failover_pair_id=", "str"), item("x", "y")]);
        assert_eq!(long.list, "failover_pair_id=\nx           y\n");
        let many = (0..100).map(|n| item(&format!("n{n}"), "a")).collect();
        let list = about(many).list;
        assert!(
            list.ends_with("and 79 more\n") && list.lines().count() == 22,
            "{list}"
        );
    }

    fn offer(words: &[&str], typed: &str) -> Offer {
        Offer::new(
            found(words.iter().map(|&w| w.to_owned()).collect()),
            typed,
            (20, 24),
        )
    }

    #[test]
    fn one_word_is_put_in() {
        let puts = |word, typed| offer(&[word], typed).replacement.unwrap();
        assert_eq!(puts("info", "i"), "info ");
        assert_eq!(puts("/tmp/", "/t"), "/tmp/");
        assert_eq!(puts("/a b.img", "/a"), "\"/a b.img\" ");
        assert_eq!(puts("/a \"b\\", "/a"), "\"/a \\\"b\\\\\" ");
    }

    #[test]
    fn several_are_listed_behind_what_they_share() {
        let both = offer(&["status", "stats", "stop"], "s");
        assert_eq!(both.replacement.as_deref(), Some("st"));
        assert_eq!(both.list, "status  stop\nstats\n");
        assert_eq!(offer(&["stats", "status"], "stat").replacement, None);
        assert_eq!(offer(&["ä", "å"], "").replacement, None);
    }

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        let left = offer(&["a\x1b[2J", "ab", "a\u{202e}"], "a");
        assert_eq!(left.replacement.as_deref(), Some("ab "));
        assert_eq!(offer(&["\x07"], ""), Offer::default());
    }

    #[test]
    fn long_lists_are_cut() {
        let words: Vec<String> = (0..70_000).map(|n| format!("n{n}")).collect();
        let text = Offer::new(found(words), "n", (80, 10)).list;
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 8, "{text}");
        let listed: usize = rows[..7]
            .iter()
            .map(|row| row.split_whitespace().count())
            .sum();
        assert_eq!(rows[7], format!("and {} more", 70_000 - listed));
    }
}
