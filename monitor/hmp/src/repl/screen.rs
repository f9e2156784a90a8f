// SPDX-License-Identifier: GPL-2.0-or-later
//! Standard output and standard error as the engine and the program write to them.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::repl::exit::Exit;
use crate::repl::streams;
use crate::terminal::escape::{CLEAR, for_terminal, on_one_line, with_clear};

/// Where commands write their text: standard output, made harmless where it is a terminal.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    terminal: bool,
    /// Whether the command may clear the terminal.
    clears: bool,
    line_start: bool,
    error: Option<io::Error>,
}

impl Screen {
    pub(super) fn stdout() -> Self {
        Self::new(streams::stdout(), io::stdout().is_terminal())
    }

    fn new(out: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self {
            out,
            terminal,
            clears: false,
            line_start: true,
            error: None,
        }
    }

    /// Ends an answer: everything written goes out, and a NUL byte where answers are told apart by
    /// one.
    pub(super) fn end_answer(&mut self, null: bool) {
        if null {
            self.put(b"\0");
            self.line_start = true;
        }
        if self.error.is_none() {
            self.error = self.out.flush().err();
        }
    }

    /// Makes sure that what comes next is at the start of a line.
    pub(super) fn fresh_line(&mut self) {
        if !self.line_start {
            self.put(b"\n");
            self.line_start = true;
        }
    }

    /// Ends a line that somebody else began.
    pub(super) fn break_line(&mut self) {
        self.put(b"\r\n");
        self.end_answer(false);
    }

    /// Whether the answer that comes next is that of `clear`, whose sequence passes.
    pub(super) fn clears(&mut self, clears: bool) {
        self.clears = clears;
    }

    /// Why no more can be written.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// How the program ends that would end so if all it wrote had gone out. A pipe whose reader has
    /// left is nobody's fault.
    pub(super) fn end(&self, exit: Exit) -> Exit {
        match &self.error {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                say(&format!("can't write: {error}"));
                Exit::Failed
            }
            _ => exit,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.out.write_all(bytes).err();
        }
    }
}

impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(last) = text.bytes().last() {
            self.line_start = last == b'\n' || text.ends_with(CLEAR);
        }
        if self.terminal && self.clears {
            self.put(with_clear(text).as_bytes());
        } else if self.terminal {
            self.put(for_terminal(text).as_bytes());
        } else {
            self.put(text.as_bytes());
        }
        match self.error {
            None => Ok(()),
            Some(_) => Err(fmt::Error),
        }
    }
}

/// The program's own message, on one line of standard error. Nothing can be done where that fails.
pub(super) fn say(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "hmp: {}", on_one_line(text));
}

/// A message of several lines, whose foreign parts are escaped already.
pub(super) fn say_lines(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "hmp: {}", for_terminal(text));
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(terminal: bool, work: impl FnOnce(&mut Screen)) -> String {
        let shared = Shared::default();
        work(&mut Screen::new(Box::new(shared.clone()), terminal));
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_terminals_are_protected() {
        let text = |screen: &mut Screen| screen.write_str("a\x1b[2Jb").unwrap();
        assert_eq!(written(false, text), "a\x1b[2Jb");
        assert_eq!(written(true, text), "a\\x1b[2Jb");
    }

    #[test]
    fn answers_end_with_nul_where_asked() {
        let shown = written(false, |screen| {
            screen.write_str("a\n").unwrap();
            screen.end_answer(true);
            screen.end_answer(true);
            screen.end_answer(false);
        });
        assert_eq!(shown, "a\n\0\0");
    }

    #[test]
    fn a_fresh_line_is_started_once() {
        let shown = written(true, |screen| {
            screen.fresh_line();
            screen.write_str("a").unwrap();
            screen.fresh_line();
            screen.fresh_line();
            screen.write_str("b\n").unwrap();
            screen.fresh_line();
            screen.clears(true);
            screen.write_str(CLEAR).unwrap();
            screen.fresh_line();
        });
        assert_eq!(shown, format!("a\nb\n{CLEAR}"));
    }

    #[test]
    fn a_broken_pipe_is_remembered() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut screen = Screen::new(Box::new(writer), false);
        assert!(screen.write_str("a").is_err());
        assert!(screen.write_str("b").is_err());
        let kind = screen.error().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::BrokenPipe));
    }
}
