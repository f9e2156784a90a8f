// SPDX-License-Identifier: GPL-2.0-or-later
//! The text of a line and the cursor in it, both in bytes.

/// Bytes that a line can have (util/readline.h, `READLINE_CMD_BUF_SIZE`).
const LONGEST: usize = 4095;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    text: Vec<u8>,
    cursor: usize,
}

/// White space as `isspace` of the C locale has it.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

impl Line {
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Another text, with the cursor at its end.
    pub(super) fn set(&mut self, text: Vec<u8>) {
        self.cursor = text.len();
        self.text = text;
    }

    /// Takes the text out.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Puts a byte in front of the cursor; in a full line it is dropped. QEMU looks at the cursor
    /// alone, and writes behind its buffer where that is not at the end.
    pub(super) fn insert(&mut self, byte: u8) {
        if self.text.len() < LONGEST {
            self.text.insert(self.cursor, byte);
            self.cursor += 1;
        }
    }

    pub(super) fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    pub(super) fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.text.len());
    }

    pub(super) fn start(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(super) fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    pub(super) fn backspace(&mut self) {
        if self.cursor > 0 {
            self.left();
            self.delete();
        }
    }

    pub(super) fn delete_to_start(&mut self) {
        self.delete_from(0);
    }

    /// The word, and white space between it and the cursor. The first byte is never looked at: it
    /// goes with what follows it.
    pub(super) fn delete_word(&mut self) {
        let space = |at: &usize| is_space(self.text[*at]);
        let last = (1..self.cursor).rev().find(|at| !space(at)).unwrap_or(0);
        let before = (1..=last).rev().find(space);
        self.delete_from(before.map_or(0, |at| at + 1));
    }

    fn delete_from(&mut self, start: usize) {
        if start < self.cursor {
            self.text.drain(start..self.cursor);
            self.cursor = start;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.set(text.into());
        line
    }

    #[rstest]
    #[case("ab cd", "ab ")]
    #[case("ab cd  ", "ab ")]
    #[case("a", "")]
    #[case(" a", "")]
    #[case("  ab", "  ")]
    #[case("   ", "")]
    #[case("a b", "a ")]
    #[case("a ", "")]
    #[case("", "")]
    fn words_are_deleted(#[case] before: &str, #[case] after: &str) {
        let mut line = line(before);
        line.delete_word();
        assert_eq!(
            (line.text(), line.cursor()),
            (after.as_bytes(), after.len())
        );
    }

    #[test]
    fn a_word_is_deleted_up_to_the_cursor() {
        let mut line = line("ab cdef");
        line.left();
        line.left();
        line.delete_word();
        assert_eq!((line.text(), line.cursor()), (&b"ab ef"[..], 3));
    }

    #[test]
    fn a_full_line_takes_nothing_anywhere() {
        let mut line = line(&"z".repeat(LONGEST));
        line.insert(b'a');
        line.start();
        line.insert(b'a');
        assert_eq!(line.text(), "z".repeat(LONGEST).as_bytes());
        assert_eq!(line.cursor(), 0);
    }

    #[test]
    fn the_ends_hold() {
        let mut line = line("a");
        line.right();
        line.delete();
        assert_eq!(line.cursor(), 1);
        line.start();
        line.left();
        line.backspace();
        assert_eq!((line.text(), line.cursor()), (&b"a"[..], 0));
    }
}
