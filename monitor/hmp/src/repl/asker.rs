// SPDX-License-Identifier: GPL-2.0-or-later
//! Who is asked for a secret.

use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::blocking::blocking;
use super::editor;
use super::lines::{Input, Line};

/// Who is asked for a secret.
pub(super) enum Asker {
    /// The user, through the line editor of the prompt.
    Prompt(editor::Asker),
    /// The user, where lines come from the command line.
    Terminal,
    /// The next line of standard input.
    Lines(Input),
    /// Nobody.
    Nobody,
}

impl Asker {
    /// Who asks at the prompt, where there is one.
    pub(super) fn prompt(&self) -> Option<&editor::Asker> {
        match self {
            Self::Prompt(editor) => Some(editor),
            _ => None,
        }
    }

    /// The secret; none where nobody gave one.
    pub(super) async fn secret(&self, prompt: &str) -> Option<String> {
        match self {
            Self::Prompt(editor) => editor.secret(prompt).await,
            Self::Terminal => {
                let prompt = prompt.to_owned();
                // Where a signal ends the program meanwhile, the reader is left waiting.
                let _shown = Shown::remember();
                blocking(move || hidden(&prompt).ok()?).await.ok()?
            }
            Self::Lines(input) => match input.next().await? {
                Line::Text(text) => Some(text),
                _ => None,
            },
            Self::Nobody => None,
        }
    }
}

/// Gives standard input its modes back when it goes.
struct Shown(Option<Termios>);

impl Shown {
    fn remember() -> Self {
        Self(tcgetattr(io::stdin().as_fd()).ok())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone needs none.
            let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, before);
        }
    }
}

/// Reads a line from a terminal that does not show it meanwhile; none at its end.
fn hidden(prompt: &str) -> io::Result<Option<String>> {
    let stdin = io::stdin();
    let before = tcgetattr(stdin.as_fd())?;
    let mut quiet = before.clone();
    quiet.local_modes -= LocalModes::ECHO;
    quiet.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
    tcsetattr(stdin.as_fd(), OptionalActions::Now, &quiet)?;
    let mut out = io::stdout();
    let read = (|| {
        write!(out, "{prompt}")?;
        out.flush()?;
        let mut bytes = Vec::new();
        let length = stdin.lock().read_until(b'\n', &mut bytes)?;
        writeln!(out)?;
        Ok((length > 0).then(|| {
            let text = String::from_utf8_lossy(&bytes);
            text.trim_end_matches(['\r', '\n']).to_owned()
        }))
    })();
    tcsetattr(stdin.as_fd(), OptionalActions::Now, &before)?;
    read
}
