// SPDX-License-Identifier: GPL-2.0-or-later
//! A VM for one case: its own directory, its own QEMU process, gone when dropped.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use hmp::client::address::Address;
use hmp::client::{Client, ConnectError, Events, Options};
use hmp::host::files::Place;
use hmp_engine::command::route::PASSTHROUGH;
use hmp_engine::qmp::{Qmp, QmpError};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::builtin::{Builtin, BuiltinError};
use super::folder;
use super::programs::Program;
use crate::case::{Case, Disk};

/// A running QEMU with a QMP connection for our engine, another one for probes, and the built-in
/// monitor.
pub struct Vm {
    dir: TempDir,
    path: PathBuf,
    port: u16,
    child: Child,
    /// Ended when dropped.
    others: Vec<Child>,
    /// The connection for our engine.
    pub qmp: Client,
    /// The connection for probes; events arrive here.
    pub aux: Client,
    events: Events,
    /// Events since [`Vm::forget_events`], by name and data.
    seen: Vec<(String, Value)>,
    /// How much of each trace file was read, and how much of it belongs to earlier steps.
    pub traces: HashMap<String, usize>,
    /// The built-in monitor.
    pub builtin: Builtin,
}

/// Why a VM could not be had.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// A file or process could not be made.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// qemu-img or QEMU failed; what it said.
    #[error("{0}")]
    Failed(String),
    /// QEMU did not come far enough to be talked to.
    #[error("{error} {said}")]
    Start {
        /// What was noticed.
        error: String,
        /// What QEMU said on standard error, with `{dir}` for the VM's directory.
        said: String,
    },
    /// No QMP connection.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// QEMU does not answer as QEMU does.
    #[error("{0}")]
    Qmp(#[from] QmpError),
    /// No built-in monitor.
    #[error("{0}")]
    Builtin(#[from] BuiltinError),
}

impl VmError {
    /// The line that says most about why QEMU did not start: its own, where it said anything.
    #[must_use]
    pub fn first_line(&self) -> String {
        let all = self.to_string();
        let Self::Start { error, said } = self else {
            return all.lines().next().unwrap_or_default().to_owned();
        };
        let own = said.lines().find(|line| !line.contains("warning: "));
        own.unwrap_or(error).to_owned()
    }
}

/// How long QEMU may take to open its sockets.
const START: Duration = Duration::from_secs(30);

impl Vm {
    /// Starts the VM of `case` in a new directory.
    pub async fn start(case: &Case, qemu: &Program) -> Result<Self, VmError> {
        // QEMUs in a chroot see the temporary directory of the system, by absolute paths.
        let dir = tempfile::Builder::new()
            .prefix("hmp-parity-")
            .tempdir_in(std::env::temp_dir())?;
        let path = dir.path().to_owned();
        Self::launch(case, qemu, dir, path).await
    }

    /// Starts the VM of `case` in a directory of this name, which must not exist.
    pub async fn start_in(case: &Case, qemu: &Program, path: &Path) -> Result<Self, VmError> {
        // The directory made for it is removed with all in it when the VM is dropped.
        let parent = path.parent().unwrap_or(Path::new("/"));
        let name = path.file_name().unwrap_or_default();
        let dir = tempfile::Builder::new()
            .prefix(name)
            .rand_bytes(0)
            .tempdir_in(parent)?;
        Self::launch(case, qemu, dir, path.to_owned()).await
    }

    async fn launch(
        case: &Case,
        qemu: &Program,
        dir: TempDir,
        path: PathBuf,
    ) -> Result<Self, VmError> {
        for disk in &case.disks {
            make_disk(&path, disk).await?;
        }
        let port = free_port()?;
        let mut others = Vec::new();
        for helper in &case.helpers {
            let mut words = helper.run.iter().map(|word| fill(word, &path, port));
            let mut command = folder::command(words.next().unwrap_or_default(), &path);
            let mut child = quiet(command.args(words), &path, "helper")?.spawn()?;
            opened(
                &path.join(&helper.listens),
                &mut child,
                helper.run.first().map_or("", String::as_str),
            )
            .await?;
            others.push(child);
        }
        let mut command = folder::command(&qemu.path, &path);
        command
            .args(case.args.iter().map(|a| fill(a, &path, port)))
            .args(["-display", "none"]);
        if !case.peer.is_empty() {
            let mut peer = folder::command(&qemu.path, &path);
            peer.args(command.as_std().get_args())
                .args(case.peer.iter().map(|a| fill(a, &path, port)))
                .args(["-monitor", "none", "-qmp"])
                .arg(format!(
                    "unix:{},server=on,wait=off",
                    path.join(PEER).display()
                ));
            others.push(quiet(&mut peer, &path, "peer")?.spawn()?);
        }
        command.args(socket_args(&path));
        let mut child = quiet(&mut command, &path, "stderr")?.spawn()?;
        let mut result = Self::connect(&path, &mut child).await;
        if !case.peer.is_empty() && result.is_ok() {
            result = peer_listens(&path).await.and(result);
        }
        match result {
            Ok((qmp, (aux, events), builtin)) => Ok(Self {
                dir,
                path,
                port,
                child,
                others,
                qmp,
                aux,
                events,
                seen: Vec::new(),
                traces: HashMap::new(),
                builtin,
            }),
            Err(error) => {
                // It may have ended by itself.
                let _ = child.kill().await;
                let said = std::fs::read(path.join("stderr")).unwrap_or_default();
                let said = String::from_utf8_lossy(&said);
                Err(VmError::Start {
                    error: error.to_string(),
                    said: said.trim().replace(&*path.to_string_lossy(), "{dir}"),
                })
            }
        }
    }

    async fn connect(
        path: &Path,
        child: &mut Child,
    ) -> Result<(Client, (Client, Events), Builtin), VmError> {
        let last = path.join("hmp.sock");
        opened(&last, child, "QEMU").await?;
        let options = Options {
            connect_timeout: START,
            command_timeout: Some(Duration::from_secs(60)),
            ..Options::default()
        };
        let (qmp, _) = Client::connect(&Address::Unix(path.join("qmp.sock")), &options).await?;
        let aux = Client::connect(&Address::Unix(path.join("aux.sock")), &options).await?;
        let builtin = Builtin::connect(&last).await?;
        Ok((qmp, aux, builtin))
    }

    /// The VM's own directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.path
    }

    /// Where QEMU looks for files.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.child.id() {
            Some(pid) => Place::of_process(pid, None),
            None => Place::working_in(self.path.clone()),
        }
    }

    /// Replaces `{dir}` and `{port}`.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        fill(text, &self.path, self.port)
    }

    /// A line on the built-in monitor: typed, or where its editor would not take it as it is, by
    /// `human-monitor-command`. `answer` is typed where it asks for a password.
    pub async fn builtin_line_with(
        &mut self,
        line: &str,
        answer: Option<&str>,
    ) -> Result<String, VmError> {
        if is_typed(line) {
            return Ok(self.builtin.line_with(line, answer).await?);
        }
        self.builtin_by_qmp(line).await
    }

    /// A line on the built-in monitor by `human-monitor-command`.
    pub async fn builtin_by_qmp(&self, line: &str) -> Result<String, VmError> {
        let arguments = json!({ "command-line": line });
        let reply = self.aux.execute(PASSTHROUGH, arguments).await?;
        Ok(reply.as_str().unwrap_or_default().replace("\r\n", "\n"))
    }

    /// Waits for an event; one that came since [`Vm::forget_events`] will do. Returns whether it
    /// came in time.
    pub async fn wait_for(&mut self, event: &str, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            self.drain_events();
            if self.seen.iter().any(|(name, _)| name == event) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The events so far, by name and data.
    pub fn peek_events(&mut self) -> &[(String, Value)] {
        self.drain_events();
        &self.seen
    }

    /// Forgets the events so far.
    pub fn forget_events(&mut self) {
        self.drain_events();
        self.seen.clear();
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.events.try_recv() {
            self.seen.push((event.name, event.data));
        }
    }

    /// Waits until QEMU ends by itself; `None` where it does not within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        let wait = tokio::time::timeout(patience, self.child.wait()).await;
        wait.ok()?.ok()
    }

    /// Whether QEMU still runs.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether QEMU has ended, or answers no more and ends soon.
    pub async fn is_ending(&mut self) -> bool {
        match self.aux.execute("query-status", json!({})).await {
            Ok(_) | Err(QmpError::Command { .. }) => false,
            Err(_) => self.ended(END).await.is_some(),
        }
    }

    /// Ends QEMU and waits until it is gone.
    pub async fn end(mut self) {
        // It may have ended by itself, and the directory goes in any case.
        let _ = self.child.kill().await;
        for mut other in self.others {
            let _ = other.kill().await;
        }
        let _ = self.dir.close();
    }
}

/// How long QEMU may take to end once its connections are closed: it may write a core.
const END: Duration = Duration::from_secs(10);

/// The QMP socket of the other end of a migration.
const PEER: &str = "peer-qmp.sock";

/// Waits until a program opens its socket.
async fn opened(socket: &Path, child: &mut Child, name: &str) -> Result<(), VmError> {
    let deadline = Instant::now() + START;
    while !socket.exists() {
        if let Some(status) = child.try_wait()? {
            return Err(VmError::Failed(format!("{name} ended: {status}")));
        }
        if Instant::now() > deadline {
            return Err(VmError::Failed(format!(
                "{name} did not open {}",
                socket.display()
            )));
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Waits until the other end of a migration listens: it answers QMP only then.
async fn peer_listens(dir: &Path) -> Result<(), VmError> {
    let deadline = Instant::now() + START;
    let address = Address::Unix(dir.join(PEER));
    loop {
        match Client::connect(&address, &Options::default()).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(VmError::Failed(format!("the peer: {error}")));
            }
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The monitors' sockets; the human one comes last, so that its appearance means that all are
/// there.
fn socket_args(dir: &Path) -> Vec<String> {
    let socket = |name: &str| format!("unix:{},server=on,wait=off", dir.join(name).display());
    vec![
        "-qmp".into(),
        socket("qmp.sock"),
        "-qmp".into(),
        socket("aux.sock"),
        "-qmp".into(),
        socket("rec.sock"),
        "-monitor".into(),
        socket("hmp.sock"),
    ]
}

/// Whether the built-in's editor takes a line as it is. What else there is needs
/// `human-monitor-command`.
#[must_use]
pub fn is_typed(line: &str) -> bool {
    !line.chars().any(char::is_control) && line.len() < 4000 && line.is_ascii()
}

/// Replaces `{dir}`.
#[must_use]
pub fn in_dir(text: &str, dir: &Path) -> String {
    text.replace("{dir}", &dir.to_string_lossy())
}

fn fill(text: &str, dir: &Path, port: u16) -> String {
    in_dir(text, dir).replace("{port}", &port.to_string())
}

/// A TCP port of the local host that nobody listens on.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Without streams but for standard error, which goes to a file.
fn quiet<'a>(command: &'a mut Command, dir: &Path, log: &str) -> std::io::Result<&'a mut Command> {
    Ok(command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join(log))?)
        .kill_on_drop(true))
}

async fn make_disk(dir: &Path, disk: &Disk) -> Result<(), VmError> {
    let file: PathBuf = dir.join(&disk.file);
    let mut create = folder::command("qemu-img", dir);
    create.args(["create", "-q", "-f", &disk.format]);
    if let Some((backing, format)) = &disk.backing {
        create.arg("-b").arg(dir.join(backing)).args(["-F", format]);
    }
    create.arg(&file).args(&disk.size);
    succeed(create).await?;
    for command in &disk.write {
        let mut write = folder::command("qemu-io", dir);
        write.args(["-f", &disk.format, "-c", command]).arg(&file);
        succeed(write).await?;
    }
    for snapshot in &disk.snapshots {
        let mut take = folder::command("qemu-img", dir);
        take.args(["snapshot", "-c", snapshot]).arg(&file);
        succeed(take).await?;
    }
    Ok(())
}

async fn succeed(mut command: Command) -> Result<(), VmError> {
    let output = command.stdin(Stdio::null()).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(VmError::Failed(format!("image: {}", said.trim())))
}
