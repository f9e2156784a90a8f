// SPDX-License-Identifier: GPL-2.0-or-later
//! Conversations that were recorded at the built-in's sockets, played at `hmp --listen`.
//!
//! A file has a line of JSON for each; the first says what the format is.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmp::client::address::Address;
use hmp::client::{Client as Qmp, Options};
use hmp_engine::qmp::Qmp as _;
use regex::Regex;
use serde_json::Value;

use crate::live::folder::absolute;
use crate::live::programs::Program;
use crate::live::talk::client::Place;
use crate::live::talk::conversation::{Action, Conversation, On, Received, STEP, Step, bytes};
use crate::live::talk::differs::Differs;
use crate::live::talk::machine::Machine;
use crate::live::talk::table::{QUIET, Table};

/// The folder that `{dir}` stands for: its name is echoed byte by byte, so it is always this one.
const FILES: &str = "/tmp/hmpsock";

/// Who may use it.
const LOCK: &str = "/tmp/.hmpsock.lock";

/// Why conversations can't be played.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    /// A file, a process or a socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line that is not a conversation.
    #[error("{}: line {line}: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// QMP of the VM.
    #[error("{0}")]
    Connect(#[from] hmp::client::ConnectError),
}

/// What came of a file of conversations.
#[derive(Debug, Default)]
pub struct Played {
    /// How many were equal.
    pub same: usize,
    /// Those that differ as the table says, with the reason.
    pub known: Vec<(String, String)>,
    /// Those that differ, with both texts from where they do.
    pub different: Vec<(String, String, String)>,
    /// Those about monitors on terminals and shared sockets, which are QEMU's own.
    pub left_out: usize,
}

impl Played {
    /// As text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (name, reason) in &self.known {
            let _ = writeln!(text, "known       {name}: {reason}");
        }
        for (name, wanted, got) in &self.different {
            let _ = writeln!(
                text,
                "different   {name}\n    expected  {wanted:?}\n    got       {got:?}"
            );
        }
        let _ = writeln!(
            text,
            "{} identical, {} known, {} different, {} of other kinds of monitor",
            self.same,
            self.known.len(),
            self.different.len(),
            self.left_out
        );
        text
    }
}

/// Plays the conversations of `file` whose name matches, with QEMU behind `hmp`.
pub async fn play(
    file: &Path,
    only: Option<&Regex>,
    qemu: &Program,
    hmp: &Path,
    differs: &Differs,
) -> Result<Played, TalkError> {
    let text = fs::read_to_string(file)?;
    let version = format!("{}.{}", qemu.version.major, qemu.version.minor);
    let mut played = Played::default();
    for (line, text) in text.lines().enumerate().skip(1) {
        let conversation: Conversation =
            serde_json::from_str(text).map_err(|error| TalkError::Json {
                path: file.to_owned(),
                line: line + 1,
                error,
            })?;
        let Some(wanted) = conversation.receive.get(&version) else {
            continue;
        };
        if only.is_some_and(|only| !only.is_match(&conversation.name)) {
            continue;
        }
        if matches!(conversation.on, On::Mux | On::Pty | On::PtyMux) {
            played.left_out += 1;
            continue;
        }
        let got = Received::of(conversation.play(qemu, hmp).await?);
        if got == *wanted {
            played.same += 1;
            continue;
        }
        let name = conversation.name.clone();
        match differs.conversation(&name, &qemu.qemu) {
            Some(reason) => played.known.push((name, reason.to_owned())),
            None => {
                let (wanted, got) = parted(wanted, &got);
                played.different.push((name, wanted, got));
            }
        }
    }
    Ok(played)
}

/// Both from shortly before where they part.
fn parted(wanted: &Received, got: &Received) -> (String, String) {
    let (Received::Text(wanted), Received::Text(got)) = (wanted, got) else {
        return (format!("{wanted:?}"), format!("{got:?}"));
    };
    let same = wanted.chars().zip(got.chars()).take_while(|(a, b)| a == b);
    let from = same.count().saturating_sub(40);
    let piece = |text: &str| text.chars().skip(from).take(160).collect();
    (piece(wanted), piece(got))
}

impl Conversation {
    async fn play(&self, qemu: &Program, hmp: &Path) -> Result<String, TalkError> {
        let run = tempfile::Builder::new()
            .prefix("hmp-talk-")
            .tempdir_in(std::env::temp_dir())?;
        let uses_files = self.vm.contains("{dir}")
            || self.send.iter().any(|action| match action {
                Action::Send(text) => text.contains("{dir}"),
                _ => false,
            });
        let (dir, _lock) = match uses_files {
            true => (PathBuf::from(FILES), Some(files(&self.files)?)),
            false => (run.path().to_owned(), None),
        };
        let port = match self.on {
            On::Tcp | On::Telnet => free_port()?,
            _ => 0,
        };
        let mut machine = self.machine(qemu, hmp, run.path(), &dir, port).await?;
        let place = match port {
            0 => Place::Unix(run.path().join("m")),
            _ => Place::Tcp(port),
        };
        let mut table = Table::new(place);
        let talked = self.talk(&mut table, &mut machine, run.path(), &dir).await;
        table.close();
        machine.end().await;
        if uses_files {
            let _ = fs::remove_dir_all(FILES);
        }
        talked?;
        let version = Regex::new(r"QEMU \d[^\r\n]*? monitor - type");
        let text = table.text();
        Ok(match version {
            Ok(version) => version
                .replace_all(&text, "QEMU @VERSION@ monitor - type")
                .into(),
            Err(_) => text,
        })
    }

    async fn machine(
        &self,
        qemu: &Program,
        hmp: &Path,
        run: &Path,
        dir: &Path,
        port: u16,
    ) -> io::Result<Machine> {
        let socket = |name: &str| format!("unix:{},server=on,wait=off", run.join(name).display());
        let vm = self.vm.replace("{dir}", &dir.to_string_lossy());
        let mut args: Vec<String> = ["-display", "none", "-nodefaults", "-S"]
            .map(str::to_owned)
            .into();
        args.extend(vm.split_whitespace().map(str::to_owned));
        for name in ["q", "q2"] {
            args.extend(["-qmp".to_owned(), socket(name)]);
        }
        let mut machine = Machine::start(&qemu.path, run, &args, &run.join("q2")).await?;
        let mut places = match self.on {
            On::Tcp => vec![format!("tcp:127.0.0.1:{port}")],
            On::Telnet => vec![format!("telnet:127.0.0.1:{port}")],
            _ => vec![format!("unix:{}", run.join("m").display())],
        };
        if self.on == On::Unix2 {
            places.push(format!("unix:{}", run.join("m2").display()));
        }
        let mut args: Vec<String> = Vec::new();
        for place in places {
            args.extend(["--listen".to_owned(), place]);
        }
        args.push(run.join("q2").to_string_lossy().into_owned());
        machine.add(&absolute(hmp), run, &args, None).await?;
        Ok(machine)
    }

    async fn talk(
        &self,
        table: &mut Table,
        machine: &mut Machine,
        run: &Path,
        dir: &Path,
    ) -> Result<(), TalkError> {
        let mut qmp = None;
        let mut who = 'A';
        table.open(who, 1).await?;
        if !self.eager {
            table.greeted(who).await;
        }
        for action in &self.send {
            match action {
                Action::Send(text) => {
                    let text = text.replace("{dir}", &dir.to_string_lossy());
                    table.send(who, &bytes(&text)).await;
                    table.settle(QUIET, Duration::ZERO).await;
                }
                Action::Wait(seconds) => {
                    table
                        .settle(Duration::ZERO, Duration::from_secs_f64(*seconds))
                        .await;
                }
                Action::Step(Step::Connect { r#as, monitor }) => {
                    who = *r#as;
                    table.open(who, monitor.unwrap_or(1)).await?;
                    table.settle(QUIET, Duration::ZERO).await;
                }
                Action::Step(Step::Client { r#as }) => who = *r#as,
                Action::Step(Step::Qmp { command, show }) => {
                    let client = match qmp.take() {
                        Some(client) => client,
                        None => {
                            let address = Address::Unix(run.join("q"));
                            Qmp::connect(&address, &Options::default()).await?
                        }
                    };
                    let name = command.get("execute").and_then(Value::as_str);
                    let arguments = command.get("arguments").cloned().unwrap_or_default();
                    let answer = client.0.execute(name.unwrap_or_default(), arguments).await;
                    qmp = Some(client);
                    table.note(who, &STEP.to_string());
                    if *show {
                        let answer = answer.unwrap_or_default();
                        table.note(who, &python_json(&answer));
                    }
                    table
                        .settle(Duration::from_millis(150), Duration::ZERO)
                        .await;
                }
                Action::Step(Step::Signal { number }) => {
                    let pid = machine.pid().and_then(|pid| i32::try_from(pid).ok());
                    let pid = pid.and_then(rustix::process::Pid::from_raw);
                    let signal = rustix::process::Signal::from_named_raw(*number);
                    if let (Some(pid), Some(signal)) = (pid, signal) {
                        rustix::process::kill_process(pid, signal).map_err(io::Error::from)?;
                    }
                    table.note(who, &STEP.to_string());
                    table
                        .settle(Duration::from_millis(300), Duration::ZERO)
                        .await;
                }
                Action::Step(step) => table.step(who, step).await?,
            }
        }
        let quiet = Duration::from_secs_f64(self.quiet.unwrap_or(0.25));
        table.settle(quiet, Duration::ZERO).await;
        Ok(())
    }
}

/// As the recordings have it: a blank behind colons and commas, members sorted.
fn python_json(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members = members.into_iter();
            let members = members.map(|(key, value)| {
                format!("{}: {}", Value::from(key.as_str()), python_json(value))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(python_json).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// Makes the folder of files, for one at a time.
fn files(names: &[String]) -> io::Result<File> {
    let lock = File::create(LOCK)?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    let _ = fs::remove_dir_all(FILES);
    fs::create_dir(FILES)?;
    for name in names {
        let path = Path::new(FILES).join(name);
        match name.ends_with('/') {
            true => fs::create_dir_all(path)?,
            false => {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                File::create(path)?.flush()?;
            }
        }
    }
    Ok(lock)
}

fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}
