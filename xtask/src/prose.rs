// SPDX-License-Identifier: GPL-2.0-or-later
//! Text in Markdown: lines to 100 columns, sentences, anchors.

/// How wide a line is.
pub const WIDTH: usize = 100;

/// Breaks a paragraph into lines, the first behind `first` and the others behind as many blanks. Short
/// code is not broken.
pub fn wrap(first: &str, text: &str) -> String {
    let indent = " ".repeat(first.chars().count());
    let mut out = first.to_owned();
    let mut column = first.chars().count();
    let mut fresh = true;
    for word in unbroken(text).split_whitespace() {
        let word = word.replace(TIE, " ");
        let width = word.chars().count();
        if !fresh && column + 1 + width > WIDTH {
            out.push('\n');
            out.push_str(&indent);
            column = indent.len();
            fresh = true;
        }
        if !fresh {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word);
        column += width;
        fresh = false;
    }
    out.push('\n');
    out
}

/// What stands for a blank that is not to be a line's end.
const TIE: char = '\0';

/// The text with its short pieces of code tied together.
fn unbroken(text: &str) -> String {
    let pieces = text.split('`').enumerate().map(|(at, piece)| {
        let is_short_code = at % 2 == 1 && piece.len() < WIDTH / 2;
        match is_short_code {
            true => piece
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(&TIE.to_string()),
            false => piece.to_owned(),
        }
    });
    pieces.collect::<Vec<_>>().join("`")
}

/// With a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    let rest = chars.as_str();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{rest}{stop}", first.unwrap_or_default())
}

/// The anchor that forges give to a heading.
pub fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => c.is_alphanumeric().then_some(c),
    });
    kept.collect()
}

/// What a table's cell may hold.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Names in code, with commas.
pub fn codes<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_between_words() {
        let long = "word ".repeat(30);
        let wrapped = wrap("- ", &long);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH));
        assert_eq!(wrapped.lines().count(), 2);
        assert!(
            wrapped
                .lines()
                .nth(1)
                .is_some_and(|l| l.starts_with("  word"))
        );
        assert_eq!(wrap("", "a\n b"), "a b\n");
        let tied = wrap("", &format!("{} `a b`", "x".repeat(96)));
        assert!(tied.ends_with("\n`a b`\n"), "{tied}");
    }

    #[test]
    fn sentences_and_anchors() {
        assert_eq!(sentence("show it"), "Show it.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(anchor("`info block-jobs`"), "info-block-jobs");
        assert_eq!(anchor("What QEMU would change"), "what-qemu-would-change");
        assert_eq!(cell("a|b"), "a\\|b");
        assert_eq!(codes(["a", "b"]), "`a`, `b`");
    }
}
