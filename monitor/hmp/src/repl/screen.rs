// SPDX-License-Identifier: GPL-2.0-or-later
//! Standard output and standard error as the engine and the program write to them.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use hmp_engine::engine::Sink;

use crate::repl::exit::Exit;
use crate::repl::streams;
use crate::terminal::bar::Bar;
use crate::terminal::escape::{CLEAR, for_terminal, on_one_line, with_clear};
use crate::terminal::style::{Style, Tint};

/// Where commands write their text: standard output, made harmless where it is a terminal; or,
/// for a line at the prompt, what it names.
pub(super) struct Screen {
    out: Out,
    /// Where answers go instead.
    aside: Option<Out>,
    /// Whether the command may clear the terminal.
    clears: bool,
    style: Style,
    /// What shows how far a line is; it makes room for text.
    bar: Bar,
}

struct Out {
    to: Box<dyn Write + Send>,
    terminal: bool,
    line_start: bool,
    error: Option<io::Error>,
}

impl Out {
    fn new(to: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self {
            to,
            terminal,
            line_start: true,
            error: None,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.to.write_all(bytes).err();
        }
    }

    fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.to.flush().err();
        }
    }

    fn text(&mut self, text: &str, clears: bool) -> fmt::Result {
        if let Some(last) = text.bytes().last() {
            self.line_start = last == b'\n' || text.ends_with(CLEAR);
        }
        if self.terminal && clears {
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

impl Screen {
    pub(super) fn stdout() -> Self {
        Self::new(streams::stdout(), io::stdout().is_terminal())
    }

    fn new(to: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self {
            out: Out::new(to, terminal),
            aside: None,
            clears: false,
            style: Style::PLAIN,
            bar: Bar::default(),
        }
    }

    /// What shows how far a line is.
    pub(super) fn bar(&self) -> Bar {
        self.bar.clone()
    }

    /// Uses colours.
    pub(super) fn colour(&mut self, style: Style) {
        self.style = style;
    }

    /// Lets answers go to another place, errors excepted, until [`back`](Self::back). `terminal`:
    /// what is written there may be acted on by the terminal.
    pub(super) fn aside(&mut self, to: Box<dyn Write + Send>, terminal: bool) {
        self.aside = Some(Out::new(to, terminal));
    }

    /// Answers go to standard output again. An error of the other place.
    pub(super) fn back(&mut self) -> io::Result<()> {
        let Some(mut aside) = self.aside.take() else {
            return Ok(());
        };
        aside.flush();
        aside.error.map_or(Ok(()), Err)
    }

    /// Ends an answer: everything written goes out, and a NUL byte where answers are told apart by
    /// one.
    pub(super) fn end_answer(&mut self, null: bool) {
        if null {
            self.out.put(b"\0");
            self.out.line_start = true;
        }
        self.out.flush();
    }

    /// Makes sure that what comes next is at the start of a line.
    pub(super) fn fresh_line(&mut self) {
        if !self.out.line_start {
            self.out.put(b"\n");
            self.out.line_start = true;
        }
    }

    /// Ends a line that somebody else began.
    pub(super) fn break_line(&mut self) {
        self.out.put(b"\r\n");
        self.end_answer(false);
    }

    /// Whether the answer that comes next is that of `clear`, whose sequence passes.
    pub(super) fn clears(&mut self, clears: bool) {
        self.clears = clears;
    }

    /// A line of the program's own, harmless and without its end, between answers.
    pub(super) fn line(&mut self, tint: Tint, text: &str) {
        self.fresh_line();
        let text = on_one_line(text);
        self.out.put(self.style.paint(tint, &text).as_bytes());
        self.out.put(b"\n");
    }

    /// An answer that was held back, harmless already.
    pub(super) fn harmless(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.out.line_start = *last == b'\n';
        }
        self.out.put(bytes);
    }

    /// What the program itself writes to the terminal, as it is.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
        self.out.flush();
    }

    /// Why no more can be written to standard output.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.out.error.as_ref()
    }

    /// How the program ends that would end so if all it wrote had gone out. A pipe whose reader has
    /// left is nobody's fault.
    pub(super) fn end(&self, exit: Exit) -> Exit {
        match self.error() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                say(&format!("can't write: {error}"));
                Exit::Failed
            }
            _ => exit,
        }
    }
}

impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let out = match self.aside.as_mut() {
            Some(aside) => aside,
            None => {
                self.bar.clear();
                &mut self.out
            }
        };
        out.text(text, self.clears)
    }
}

impl Sink for Screen {
    /// Errors are shown to the user, wherever the answer goes.
    fn error(&mut self, text: &str) -> fmt::Result {
        self.bar.clear();
        if !(self.out.terminal && self.style.is_on()) {
            return self.out.text(text, false);
        }
        let text = for_terminal(text);
        let painted = self.style.paint(Tint::Red, &text);
        self.out.put(painted.as_bytes());
        self.out.line_start = text.ends_with('\n');
        match self.out.error {
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
