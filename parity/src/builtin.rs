//! The built-in monitor over its own socket, as a person sees it.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

const PROMPT: &[u8] = b"(qemu) ";

/// How the built-in asks for a secret.
const ASKS: &[u8] = b"Password: ";

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

    /// As [`line`](Self::line); `answer` is typed where a password is asked for. The question is not part of the text.
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

    /// Everything up to the next `prompt`; QEMU's end counts as one, so that the answer to `quit` is read too.
    ///
    /// A prompt in the middle of a line is one where nothing follows: some texts of QEMU have no line end.
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
