// SPDX-License-Identifier: GPL-2.0-or-later
//! The beginning of an answer: as much of it as fits on the screen.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use unicode_width::UnicodeWidthStr;

use crate::terminal::escape::for_terminal;

/// Bytes of a line that are kept at most.
const LONGEST: usize = 1 << 16;

/// Keeps what fits and counts the lines that do not.
#[derive(Clone)]
pub(in crate::repl) struct Head(Arc<Mutex<State>>);

struct State {
    columns: usize,
    /// Rows that are left.
    rows: usize,
    text: Vec<u8>,
    /// The line that is not complete.
    line: Vec<u8>,
    /// Lines that did not fit.
    more: usize,
}

impl Head {
    /// Nothing, of which this many rows may become; the last says how many more there are.
    pub(in crate::repl) fn new(columns: usize, rows: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            columns: columns.max(1),
            rows: rows.saturating_sub(1),
            text: Vec::new(),
            line: Vec::new(),
            more: 0,
        })))
    }

    /// What fits, harmless, and how much more there is.
    pub(in crate::repl) fn shown(&self) -> Vec<u8> {
        let mut state = self.lock();
        if !state.line.is_empty() {
            state.end_line();
        }
        let mut text = std::mem::take(&mut state.text);
        match state.more {
            0 => {}
            1 => text.extend_from_slice(b"and 1 more line\n"),
            more => text.extend_from_slice(format!("and {more} more lines\n").as_bytes()),
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = for_terminal(&line);
        let rows = line.width().div_ceil(self.columns).max(1);
        if self.more > 0 || rows > self.rows {
            self.more += 1;
            return;
        }
        self.rows -= rows;
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
    }
}

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (part, ends) = match part.strip_suffix(b"\n") {
                Some(part) => (part, true),
                None => (part, false),
            };
            let room = LONGEST.saturating_sub(state.line.len());
            state.line.extend_from_slice(&part[..part.len().min(room)]);
            if ends {
                state.end_line();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: usize, parts: &[&str]) -> String {
        let mut head = Head::new(10, rows);
        for part in parts {
            head.write_all(part.as_bytes()).unwrap();
        }
        String::from_utf8(head.shown()).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(shown(4, &["a\nb", "c\n", "d"]), "a\nbc\nd\n");
        assert_eq!(
            shown(4, &["a\n".repeat(9).as_str()]),
            "a\na\na\nand 6 more lines\n"
        );
        assert_eq!(
            shown(4, &["12345678901\n", "2\n3\n"]),
            "12345678901\n2\nand 1 more line\n"
        );
        let wide = "\u{65e5}".repeat(8);
        assert_eq!(
            shown(4, &[&wide, "\n2\n3\n"]),
            format!("{wide}\n2\nand 1 more line\n")
        );
        assert_eq!(shown(4, &["\x1b[2J\n"]), "\\x1b[2J\n");
        assert_eq!(shown(0, &["a"]), "and 1 more line\n");
        assert_eq!(shown(4, &[]), "");
    }
}
