// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user at a terminal sees: a screen of 24 rows and 80 columns.

use std::num::NonZero;
use std::time::{Duration, Instant};

use rustix::termios::{Winsize, tcsetwinsize};

use super::picture::svg;
use super::program::Mock;
use super::pty::{PATIENCE, Terminal};

pub const ROWS: u16 = 24;
pub const COLUMNS: u16 = 80;

fn nonzero(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// `hmp` on a terminal of a known size.
pub struct Screen {
    pub terminal: Terminal,
    parser: vt100::Parser,
    read: usize,
}

impl Screen {
    /// At its prompt.
    pub fn start(mock: &Mock, more: &[&str]) -> Self {
        let mut screen = Self::of(Terminal::bare(mock, "xterm", more));
        screen.shows("(qemu) ");
        screen
    }

    pub fn of(terminal: Terminal) -> Self {
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal.theirs, size).unwrap();
        Self {
            terminal,
            parser: vt100::Parser::new(nonzero(ROWS), nonzero(COLUMNS), 1000),
            read: 0,
        }
    }

    /// Begins to keep what comes anew.
    pub fn restart(&mut self) {
        self.terminal.all.clear();
        self.read = 0;
    }

    pub fn types(&mut self, text: &str) {
        self.terminal.types(text.as_bytes());
    }

    /// Types as a hand does.
    pub fn types_slowly(&mut self, text: &str) {
        for letter in text.chars() {
            self.types(&letter.to_string());
            std::thread::sleep(Duration::from_millis(120));
        }
    }

    /// Takes what came, for this long at most.
    pub fn look(&mut self, limit: Duration) -> bool {
        let came = match self.terminal.shown.recv_timeout(limit) {
            Ok(bytes) => {
                self.terminal.all.extend_from_slice(&bytes);
                true
            }
            Err(_) => false,
        };
        self.parser.process(&self.terminal.all[self.read..]);
        self.read = self.terminal.all.len();
        came
    }

    /// The screen's rows, without blanks at their ends.
    pub fn rows(&self) -> Vec<String> {
        let screen = self.parser.screen();
        screen
            .rows(0, COLUMNS)
            .map(|row| row.trim_end().to_owned())
            .collect()
    }

    /// The screen as SVG.
    pub fn picture(&self) -> String {
        svg(self.parser.screen())
    }

    /// The row that the cursor is in.
    pub fn line(&self) -> String {
        let (row, _) = self.parser.screen().cursor_position();
        self.rows()[usize::from(row)].clone()
    }

    /// The last prompt with what is typed behind it, on as many rows as that takes.
    pub fn typed(&self) -> String {
        let rows = self.rows();
        let first = rows.iter().rposition(|row| row.starts_with("(qemu)"));
        let rows = &rows[first.unwrap_or(0)..];
        let width = usize::from(COLUMNS);
        let rows: Vec<String> = rows.iter().map(|row| format!("{row:width$}")).collect();
        rows.concat().trim_end().to_owned()
    }

    /// The cell's colours at a text on the screen: whether it is dim, and its colour.
    pub fn look_of(&self, text: &str) -> (bool, vt100::Color) {
        let rows = self.rows();
        let (row, column) = rows
            .iter()
            .enumerate()
            .rev()
            .find_map(|(row, line)| Some((row, line.find(text)?)))
            .unwrap_or_else(|| panic!("no {text:?} in {rows:#?}"));
        let cell = self
            .parser
            .screen()
            .cell(row.try_into().unwrap(), column.try_into().unwrap())
            .unwrap();
        (cell.dim(), cell.fgcolor())
    }

    /// Waits until the screen's text has this.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        self.until(text, |screen| {
            screen.rows().join("\n").contains(text.trim_end())
        });
    }

    /// Waits until the row of the cursor is this.
    #[track_caller]
    pub fn is_at(&mut self, line: &str) {
        self.until(line, |screen| screen.line() == line.trim_end());
    }

    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            if !self.look(Duration::from_millis(100)) && Instant::now() > deadline {
                let bytes = String::from_utf8_lossy(&self.terminal.all);
                panic!("no {what:?} in {:#?} of {bytes:?}", self.rows());
            }
        }
    }

    /// Runs a line; returns the rows between it and the next prompt.
    #[track_caller]
    pub fn runs(&mut self, line: &str) -> Vec<String> {
        self.types("\x0c");
        self.until("a clear screen", |screen| screen.rows()[0] == "(qemu)");
        self.types(&format!("{line}\r"));
        self.until("the next prompt", |screen| {
            screen.line() == "(qemu)" && screen.rows()[0] != "(qemu)"
        });
        let rows = self.rows();
        let last = rows.iter().rposition(|row| row == "(qemu)").unwrap();
        rows[1..last].to_vec()
    }
}
