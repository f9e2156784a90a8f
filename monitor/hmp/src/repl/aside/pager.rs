// SPDX-License-Identifier: GPL-2.0-or-later
//! A pager for what does not fit on the screen.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

use super::child::{Fed, Feed, shell};
use crate::terminal::escape::for_terminal;
use crate::terminal::lend::Lender;

/// The pager where nobody named one.
pub(in crate::repl) const DEFAULT: &str = "less -FRX";

/// Bytes of an answer that are held back at most, whatever its lines.
const HELD: usize = 1 << 20;

/// Holds an answer back as long as it fits; one that does not goes to a pager.
pub(in crate::repl) struct Pager {
    shared: Arc<Mutex<State>>,
}

struct State {
    command: String,
    lender: Lender,
    rows: usize,
    columns: usize,
    held: Vec<u8>,
    started: Option<(Fed, Feed)>,
    /// The pager can't be started, or would take keys that are not its own: all goes to the terminal.
    failed: bool,
}

/// What the answer is written to.
pub(in crate::repl) struct Paged(Arc<Mutex<State>>);

impl Pager {
    /// A pager with this command line. None for a terminal of an unknown size, and where there is no
    /// such program: the answer would be lost.
    pub(in crate::repl) fn new(command: &str, lender: Lender) -> Option<Self> {
        let size = tcgetwinsize(rustix::stdio::stdout()).ok()?;
        if !is_there(command) || size.ws_row < 2 || size.ws_col == 0 {
            return None;
        }
        let state = State {
            command: command.to_owned(),
            lender,
            rows: size.ws_row.into(),
            columns: size.ws_col.into(),
            held: Vec::new(),
            started: None,
            failed: false,
        };
        Some(Self {
            shared: Arc::new(Mutex::new(state)),
        })
    }

    /// What the answer is written to; it makes it harmless itself.
    pub(in crate::repl) fn paged(&self) -> Paged {
        Paged(Arc::clone(&self.shared))
    }

    /// The answer is complete: what was held back, for the terminal, where no pager was needed. Else
    /// waits until the user leaves the pager.
    pub(in crate::repl) async fn end(self) -> io::Result<Vec<u8>> {
        let (held, started) = {
            let mut state = lock(&self.shared);
            (std::mem::take(&mut state.held), state.started.take())
        };
        if let Some((fed, feed)) = started {
            drop(feed);
            fed.end().await?;
        }
        Ok(held)
    }
}

impl State {
    /// Whether what is held fits, with the prompt behind it.
    fn fits(&self) -> bool {
        let mut rows = 0;
        for line in self.held.split(|byte| *byte == b'\n') {
            let width = String::from_utf8_lossy(line).width();
            rows += width.div_ceil(self.columns).max(1);
        }
        rows <= self.rows && self.held.len() <= HELD
    }

    fn start(&mut self) -> io::Result<()> {
        let command = match self.command == DEFAULT {
            true => {
                // Some releases of less don't stop at Ctrl-Z then, and a shell around one would.
                let mut command = shell(&format!("exec {DEFAULT}"));
                // A key too many runs no program and writes no file.
                command.env("LESSSECURE", "1");
                command.env("LESSSECURE_ALLOW", "stop");
                command
            }
            false => shell(&self.command),
        };
        let fed = Fed::start(command, &self.lender, true)?;
        let mut feed = fed.feed();
        feed.write_all(&std::mem::take(&mut self.held))?;
        self.started = Some((fed, feed));
        Ok(())
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.0);
        let text = String::from_utf8_lossy(bytes);
        let harmless = for_terminal(&text);
        if let Some((_, feed)) = &mut state.started {
            feed.write_all(harmless.as_bytes())?;
            return Ok(bytes.len());
        }
        state.held.extend_from_slice(harmless.as_bytes());
        if !state.failed && !state.fits() {
            // Keys that were typed ahead are lines, not the pager's.
            state.failed = state.lender.was_typed_ahead() || state.start().is_err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the program that a command line begins with is there, as far as that can be seen.
fn is_there(command: &str) -> bool {
    let Some(program) = command.split_ascii_whitespace().next() else {
        return false;
    };
    // A variable in front, a subshell: the shell knows.
    if program.contains(['=', '(', '$', '"', '\'', '`', ';', '|']) {
        return true;
    }
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_no_pager() {
        assert!(is_there("sh -c true") && is_there("/bin/sh") && is_there("A=b nosuchprogram"));
        assert!(!is_there("nosuchprogram -R") && !is_there("/nowhere/less") && !is_there(" "));
    }
}
