//! Our side of a comparison: the engine in this process, or the program `hmp` on a socket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use monitor::engine::{Monitor, Outcome};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Which side of ours answers.
#[derive(Clone, Debug, Default)]
pub enum Ours {
    /// The engine in this process.
    #[default]
    Engine,
    /// This program.
    Hmp(PathBuf),
}

/// How the built-in monitor is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theirs {
    /// Over its own socket, as a person sees it.
    #[default]
    Socket,
    /// By `human-monitor-command`, as programs ask it.
    Qmp,
}

impl Ours {
    /// The word in reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Hmp(_) => "hmp",
        }
    }
}

impl Theirs {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Qmp => "human-monitor-command",
        }
    }
}

/// Our side on one VM.
pub struct Side {
    /// Answers, or only says by which route the program will.
    monitor: Monitor,
    program: Option<Program>,
}

/// A running `hmp --null`.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// How long `hmp` may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Side {
    /// The engine.
    #[must_use]
    pub fn engine(monitor: Monitor) -> Self {
        Self {
            monitor,
            program: None,
        }
    }

    /// The program `hmp` on the QMP socket `socket`, with an engine of the same QEMU that tells its routes.
    pub fn hmp(
        monitor: Monitor,
        program: &Path,
        socket: &Path,
        native_only: bool,
    ) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command.arg("--null");
        if native_only {
            command.arg("--native-only");
        }
        let mut child = command
            .arg(socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self {
            monitor,
            program: Some(Program {
                child,
                input,
                output: BufReader::new(output),
            }),
        })
    }

    /// How the line will be carried out, see [`Monitor::explain`].
    #[must_use]
    pub fn explain(&self, line: &str) -> Value {
        self.monitor.explain(line)
    }

    /// Whether somebody can be asked for a secret.
    #[must_use]
    pub fn has_person(&self) -> bool {
        self.program.is_none()
    }

    /// Runs a line; the error says why there is no answer.
    pub async fn line(&mut self, line: &str, answer: &mut String) -> Result<(), String> {
        let Some(program) = &mut self.program else {
            return match self.monitor.run_line(line, answer).await {
                Outcome::Disconnected(error) => Err(error.to_string()),
                _ => Ok(()),
            };
        };
        // A blank line makes the engine look whether preconfig is over.
        self.monitor.run_line("", &mut String::new()).await;
        match timeout(PATIENCE, program.line(line)).await {
            Ok(Ok(text)) => {
                answer.push_str(&text);
                Ok(())
            }
            Ok(Err(error)) => Err(format!("hmp: {error}")),
            Err(_) => Err(format!("hmp: no answer within {} s", PATIENCE.as_secs())),
        }
    }

    /// Ends it.
    pub async fn end(self) {
        if let Some(mut program) = self.program {
            drop(program.input);
            if timeout(Duration::from_secs(5), program.child.wait())
                .await
                .is_err()
            {
                // It may have ended in this moment.
                let _ = program.child.kill().await;
            }
        }
    }
}

impl Program {
    async fn line(&mut self, line: &str) -> std::io::Result<String> {
        if line.contains('\n') {
            return Err(std::io::Error::other("a line can't hold a line end"));
        }
        self.input.write_all(line.as_bytes()).await?;
        self.input.write_all(b"\n").await?;
        let mut bytes = Vec::new();
        self.output.read_until(0, &mut bytes).await?;
        if bytes.pop() != Some(0) {
            // It has ended: well where it was told to quit, badly where the connection was lost.
            let status = self.child.wait().await?;
            if !matches!(status.code(), Some(0 | 1)) {
                return Err(std::io::Error::other(format!("it ended: {status}")));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
