// SPDX-License-Identifier: GPL-2.0-or-later
//! Breaking text into lines of a width.

/// The words of `text` in lines of at most `width` columns, where words are not longer; the first
/// line begins with `head`, the others with `indent`.
#[must_use]
pub fn fill(head: &str, indent: &str, text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = head.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_never_cut() {
        assert_eq!(fill("- ", "  ", "aa bb cc", 7), ["- aa bb", "  cc"]);
        assert_eq!(fill("", "", "longer x", 3), ["longer", "x"]);
    }
}
