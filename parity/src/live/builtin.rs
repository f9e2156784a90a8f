// SPDX-License-Identifier: GPL-2.0-or-later
//! The built-in monitor over its own socket, as a user sees it.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::screen::{self, Screen};
use crate::judge::Tab;

const PROMPT: &[u8] = b"(qemu) ";

/// How the built-in asks for a secret.
const ASKS: &[u8] = b"Password: ";

/// What is typed behind a TAB: no line of anybody's holds it, and nothing completes to it.
const SENTINEL: &str = "~!~";

/// The key that removes the character left of the cursor.
const DELETE: u8 = 0x7f;

/// How long nothing follows a prompt that does not begin a line.
const PAUSE: Duration = Duration::from_millis(300);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The built-in monitor.
#[derive(Debug)]
pub struct Builtin {
    stream: UnixStream,
}

/// Why the built-in monitor gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum BuiltinError {
    /// The connection failed.
    #[error("built-in monitor: {0}")]
    Io(#[from] std::io::Error),
    /// QEMU ended.
    #[error("built-in monitor: connection closed")]
    Closed,
    /// No prompt came.
    #[error("built-in monitor: no prompt within {} s", PATIENCE.as_secs())]
    Silent,
    /// A line that its editor would not take as it is.
    #[error("built-in monitor: control characters can't be typed")]
    Control,
    /// What TAB printed is no list.
    #[error("built-in monitor: TAB printed something that is no list of candidates")]
    List,
}

impl Builtin {
    /// Connects and reads the banner.
    pub async fn connect(socket: &Path) -> Result<Self, BuiltinError> {
        let mut this = Self {
            stream: UnixStream::connect(socket).await?,
        };
        this.read_to(PROMPT).await?;
        Ok(this)
    }

    /// Types a line and returns what is printed before the next prompt, with LF line ends.
    pub async fn line(&mut self, line: &str) -> Result<String, BuiltinError> {
        self.line_with(line, None).await
    }

    /// As [`line`](Self::line); `answer` is typed where a password is asked for. The question is
    /// not part of the text.
    pub async fn line_with(
        &mut self,
        line: &str,
        answer: Option<&str>,
    ) -> Result<String, BuiltinError> {
        if line.chars().any(char::is_control) {
            return Err(BuiltinError::Control);
        }
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\n").await?;
        if let Some(answer) = answer {
            self.read_to(ASKS).await?;
            self.stream.write_all(answer.as_bytes()).await?;
            self.stream.write_all(b"\n").await?;
        }
        let bytes = self.read_to(PROMPT).await?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        // The editor's echo ends with the first line end.
        let answer = text.split_once('\n').map_or("", |(_, answer)| answer);
        Ok(answer.to_owned())
    }

    /// Types `text` and presses TAB twice; what each TAB made of the line and what it listed. The
    /// line is erased.
    ///
    /// A TAB without candidates prints nothing, so each is followed by a word that is waited for.
    pub async fn tab(&mut self, text: &str) -> Result<[Tab; 2], BuiltinError> {
        if text.chars().any(char::is_control) {
            return Err(BuiltinError::Control);
        }
        self.stream.write_all(text.as_bytes()).await?;
        let mut screen = Screen::showing("(qemu) ");
        let mut tabs = [Tab::default(), Tab::default()];
        for tab in &mut tabs {
            self.stream.write_all(b"\t").await?;
            self.stream.write_all(SENTINEL.as_bytes()).await?;
            self.watch(&mut screen, |row| row.ends_with(SENTINEL))
                .await?;
            let row = screen.last();
            let line = row.strip_prefix("(qemu) ").unwrap_or(&row);
            let line = line.strip_suffix(SENTINEL).unwrap_or(line).to_owned();
            let rows = screen.between();
            tab.list = if rows.is_empty() {
                Vec::new()
            } else {
                screen::candidates(&rows).ok_or(BuiltinError::List)?
            };
            let shown = format!("(qemu) {line}");
            self.stream.write_all(&[DELETE; SENTINEL.len()]).await?;
            self.watch(&mut screen, |row| row == shown).await?;
            screen = Screen::showing(&shown);
            tab.line = line;
        }
        let left = tabs[1].line.chars().count();
        self.stream.write_all(&vec![DELETE; left]).await?;
        self.watch(&mut screen, |row| row == "(qemu) ").await?;
        Ok(tabs)
    }

    /// Reads until the last row of the screen is as wanted.
    async fn watch(
        &mut self,
        screen: &mut Screen,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), BuiltinError> {
        let mut bytes = Vec::new();
        while !wanted(&screen.last()) {
            bytes.clear();
            let read = timeout(PATIENCE, self.stream.read_buf(&mut bytes));
            match read.await.map(|read| read.map(|length| length > 0)) {
                Ok(Ok(true)) => screen.show(&bytes),
                Ok(Ok(false)) => return Err(BuiltinError::Closed),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(BuiltinError::Silent),
            }
        }
        Ok(())
    }

    /// Everything up to the next `prompt`; QEMU's end counts as one, so that the answer to `quit`
    /// is read too.
    ///
    /// A prompt in the middle of a line is one where nothing follows: some texts of QEMU have no
    /// line end.
    async fn read_to(&mut self, prompt: &[u8]) -> Result<Vec<u8>, BuiltinError> {
        let mut bytes = Vec::new();
        loop {
            let text = bytes.strip_suffix(prompt);
            let patience = match text {
                Some(text) if text.is_empty() || text.ends_with(b"\n") => Duration::ZERO,
                Some(_) => PAUSE,
                None => PATIENCE,
            };
            let length = text.map(<[u8]>::len);
            let read = match patience {
                Duration::ZERO => None,
                _ => match timeout(patience, self.stream.read_buf(&mut bytes)).await {
                    Ok(read) => Some(read?),
                    Err(_) => None,
                },
            };
            match (read, length) {
                (None, Some(length)) => {
                    bytes.truncate(length);
                    return Ok(bytes);
                }
                (None, None) => return Err(BuiltinError::Silent),
                (Some(0), _) if bytes.is_empty() => return Err(BuiltinError::Closed),
                (Some(0), _) => return Ok(bytes),
                (Some(_), _) => {}
            }
        }
    }
}
