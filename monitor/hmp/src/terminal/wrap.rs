// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that are parted at words.

/// A line, without its end, on as many as it takes. The second and those behind it begin with
/// `indent` blanks, where so many leave room. A word that is longer than a line is not parted.
#[must_use]
pub fn wrapped(line: &str, columns: usize, indent: usize) -> String {
    let indent = if indent * 2 > columns { 0 } else { indent };
    let mut text = String::new();
    let (mut column, mut begin) = (0, 0);
    for word in line.split_inclusive(' ') {
        let width = word.trim_end().chars().count();
        if column > begin && width > 0 && column + width > columns {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            (column, begin) = (indent, indent);
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrapped("one two three", 7, 2), "one two\n  three");
        assert_eq!(wrapped("one two three", 13, 2), "one two three");
        assert_eq!(wrapped("one twothree x", 7, 9), "one\ntwothree\nx");
        assert_eq!(wrapped("x     about it", 8, 3), "x\n   about\n   it");
        assert_eq!(wrapped("", 8, 3), "");
    }
}
