// SPDX-License-Identifier: GPL-2.0-or-later
//! Our side of a comparison: the engine in this process, or the program `hmp` on a socket.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::folder;
use super::panics::{caught, caught_now};
use crate::judge::{Outcome, Plan, Ran, adapter};

/// Which side of ours answers.
#[derive(Clone, Debug, Default)]
pub enum Ours {
    /// The engine in this process.
    #[default]
    Engine,
    /// This program.
    Hmp(PathBuf),
}

/// How the program `hmp` is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the built-in monitor must not help it.
    pub native_only: bool,
    /// What it may risk.
    pub allow: Risk,
}

impl Options {
    /// Without the built-in's help, and without a risk.
    pub const NATIVE: Self = Self {
        native_only: true,
        allow: Risk::Safe,
    };
}

/// How the built-in monitor is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theirs {
    /// Over its own socket, as a user sees it.
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
    hmp: Option<Hmp>,
}

/// How long `hmp` may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Side {
    /// The engine.
    #[must_use]
    pub fn engine(monitor: Monitor) -> Self {
        Self { monitor, hmp: None }
    }

    /// The program `hmp` on the QMP socket `socket`, in the socket's folder, with an engine of the
    /// same QEMU that plans its routes.
    pub fn hmp(
        monitor: Monitor,
        program: &Path,
        socket: &Path,
        options: Options,
    ) -> io::Result<Self> {
        let hmp = Hmp::start(program, socket, options)?;
        Ok(Self {
            monitor,
            hmp: Some(hmp),
        })
    }

    /// How the line would be carried out. Where the engine panics over that, nothing is planned.
    #[must_use]
    pub fn plan(&self, line: &str) -> Plan {
        self.try_plan(line).unwrap_or_default()
    }

    fn try_plan(&self, line: &str) -> Result<Plan, String> {
        caught_now(|| adapter::plan(&self.monitor.explain(line)))
    }

    /// Whether somebody can be asked for a secret.
    #[must_use]
    pub fn has_user(&self) -> bool {
        self.hmp.is_none()
    }

    /// Runs a line. A panic is an outcome of that line; lines behind it can be run.
    pub async fn line(&mut self, line: &str) -> Ran {
        let mut text = String::new();
        let plan = match self.try_plan(line) {
            Ok(plan) => plan,
            Err(panic) => {
                return adapter::unanswered(Plan::default(), Outcome::Panicked(panic), text);
            }
        };
        let Some(hmp) = &mut self.hmp else {
            return match caught(self.monitor.run_line(line, &mut text)).await {
                Ok(ran) => adapter::ran(plan, ran, text),
                Err(panic) => adapter::unanswered(plan, Outcome::Panicked(panic), text),
            };
        };
        // A blank line makes the engine look whether preconfig is over.
        self.monitor.run_line("", &mut String::new()).await;
        match hmp.line(line).await {
            Ok(Some(answer)) => adapter::answered(plan, answer),
            Ok(None) => adapter::unanswered(plan, Outcome::Answered, text),
            Err(outcome) => adapter::unanswered(plan, outcome, text),
        }
    }

    /// Ends it.
    pub async fn end(self) {
        if let Some(hmp) = self.hmp {
            hmp.running.end().await;
        }
    }
}

/// The program `hmp --null --json`.
struct Hmp {
    program: PathBuf,
    socket: PathBuf,
    options: Options,
    running: Running,
}

struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Where `hmp` writes what is not an answer, in its folder.
const ERRORS: &str = "hmp-stderr";

/// The status of a Rust program that panicked.
const PANICKED: i32 = 101;

impl Hmp {
    fn start(program: &Path, socket: &Path, options: Options) -> io::Result<Self> {
        Ok(Self {
            program: program.to_owned(),
            socket: socket.to_owned(),
            options,
            running: Running::start(program, socket, options)?,
        })
    }

    /// The answer to a line; none where the line ended the program, as it was to.
    async fn line(&mut self, line: &str) -> Result<Option<adapter::Answer>, Outcome> {
        let answer = match timeout(PATIENCE, self.running.line(line)).await {
            Ok(answer) => answer,
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                return Err(Outcome::Lost(format!("hmp: no answer within {seconds} s")));
            }
        };
        let lost = |error: &dyn std::fmt::Display| Outcome::Lost(format!("hmp: {error}"));
        match answer {
            Ok(Answer::Text(text)) if text.is_empty() => Ok(None),
            Ok(Answer::Text(text)) => serde_json::from_str(&text).map_err(|error| lost(&error)),
            Ok(Answer::Panicked) => Err(self.panicked()),
            Err(error) => Err(lost(&error)),
        }
    }

    /// Starts it anew for the lines behind the one at which it panicked.
    fn panicked(&mut self) -> Outcome {
        let said = std::fs::read_to_string(folder_of(&self.socket).join(ERRORS));
        let said = said.unwrap_or_default().trim().to_owned();
        match Running::start(&self.program, &self.socket, self.options) {
            Ok(running) => {
                self.running = running;
                Outcome::Panicked(said)
            }
            Err(error) => Outcome::Lost(format!("hmp: {error}, after a panic: {said}")),
        }
    }
}

fn folder_of(socket: &Path) -> &Path {
    socket.parent().unwrap_or(Path::new("/"))
}

/// What came of a line.
enum Answer {
    Text(String),
    Panicked,
}

impl Running {
    fn start(program: &Path, socket: &Path, options: Options) -> io::Result<Self> {
        let dir = folder_of(socket);
        let mut command = folder::command(program, dir);
        command.args(["--null", "--json"]);
        if options.native_only {
            command.arg("--native-only");
        }
        if options.allow > Risk::Safe {
            command.args(["--allow", options.allow.word()]);
        }
        let mut child = command
            .arg(socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(dir.join(ERRORS))?)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    async fn line(&mut self, line: &str) -> io::Result<Answer> {
        if line.contains('\n') {
            return Err(io::Error::other("a line can't hold a line end"));
        }
        self.input.write_all(line.as_bytes()).await?;
        self.input.write_all(b"\n").await?;
        let mut bytes = Vec::new();
        self.output.read_until(0, &mut bytes).await?;
        if bytes.pop() != Some(0) {
            // It has ended: well where it was to quit, badly where the connection was lost.
            let status = self.child.wait().await?;
            match status.code() {
                Some(0 | 1) => {}
                Some(PANICKED) => return Ok(Answer::Panicked),
                _ => return Err(io::Error::other(format!("it ended: {status}"))),
            }
        }
        Ok(Answer::Text(String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn end(mut self) {
        drop(self.input);
        let ended = timeout(Duration::from_secs(5), self.child.wait()).await;
        if ended.is_err() {
            // It may have ended in this moment.
            let _ = self.child.kill().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use hmp_engine::command::route::Passthrough;
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;
    use hmp_engine::qmp::{BoxFuture, Qmp, QmpError};
    use serde_json::{Value, json};

    use super::*;

    /// A QEMU on which `info name` panics, and everything else succeeds.
    struct Cliff;

    impl Qmp for Cliff {
        fn execute<'a>(
            &'a self,
            command: &'a str,
            _: Value,
        ) -> BoxFuture<'a, Result<Value, QmpError>> {
            Box::pin(async move {
                assert_ne!(command, "query-name", "fell down");
                Ok(json!({}))
            })
        }
    }

    fn monitor() -> Monitor {
        let commands = ["query-name", "stop"];
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), commands);
        let builder = Monitor::builder(Arc::new(Cliff)).passthrough(Passthrough::Never);
        builder.build_with(caps)
    }

    #[tokio::test]
    async fn a_command_that_panics_is_an_outcome_and_the_next_line_runs() {
        let mut side = Side::engine(monitor());
        let ran = side.line("info name").await;
        assert!(
            matches!(&ran.outcome, Outcome::Panicked(text) if text.contains("fell down")),
            "{ran:?}"
        );
        assert_eq!(ran.command, "info name");
        assert_eq!(side.line("stop").await.outcome, Outcome::Answered);
    }

    /// A program that answers with its folder, and ends as Rust programs do when they panic.
    const PROGRAM: &str = r#"#!/bin/sh
while read line; do
    [ "$line" = panic ] && { echo "fell down" >&2; exit 101; }
    pwd > "$line"
    printf '{"outcome":"done","notes":[],"text":"%s"}\000' "$PWD"
done
"#;

    #[tokio::test]
    async fn a_program_that_panics_is_started_anew_in_the_same_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        let program = folder.join("hmp");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let socket = folder.join("qmp.sock");
        let mut side = Side::hmp(monitor(), &program, &socket, Options::NATIVE).unwrap();
        let ran = side.line("panic").await;
        assert_eq!(ran.outcome, Outcome::Panicked("fell down".into()));
        let ran = side.line("left-behind").await;
        assert_eq!(ran.text, folder.to_string_lossy());
        assert!(folder.join("left-behind").exists());
        side.end().await;
    }
}
