// SPDX-License-Identifier: GPL-2.0-or-later
//! Conversations that were recorded at the built-in's sockets, played at `hmp --listen`.
//!
//! A file has a line of JSON for each: the first says what the format is. Bytes are letters of Latin-1.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmp::client::address::Address;
use hmp::client::{Client as Qmp, Options};
use hmp_engine::qmp::Qmp as _;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::live::folder::absolute;
use crate::live::programs::Program;
use crate::live::talk::client::{Place, Stream};
use crate::live::talk::differs::Differs;
use crate::live::talk::machine::Machine;

/// Marks in what was received that are not bytes: the server closed; an object step was done; what
/// another client received.
const CLOSED: char = '\u{2404}';
const STEP: char = '\u{241e}';
const CLIENT: char = '\u{241d}';

/// The folder that `{dir}` stands for: its name is echoed byte by byte, so it is always this one.
const FILES: &str = "/tmp/hmpsock";

/// Who may use it.
const LOCK: &str = "/tmp/.hmpsock.lock";

/// Silence that ends the answer to a write.
const QUIET: Duration = Duration::from_millis(60);

/// How long a client may take to be greeted, or to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// One conversation.
#[derive(Debug, Deserialize)]
struct Conversation {
    name: String,
    vm: String,
    send: Vec<Action>,
    receive: BTreeMap<String, Received>,
    #[serde(default)]
    on: On,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    eager: bool,
    quiet: Option<f64>,
}

/// The kind of monitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum On {
    #[default]
    Unix,
    /// Two monitors.
    Unix2,
    Tcp,
    Telnet,
    /// Two monitors on one socket that is shared, or a terminal: QEMU's own alone.
    Mux,
    Pty,
    PtyMux,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Action {
    Send(String),
    Wait(f64),
    Step(Step),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Step {
    #[serde(rename_all = "kebab-case")]
    Reconnect {
        #[serde(default)]
        at_once: bool,
        #[serde(default)]
        eager: bool,
    },
    Close,
    HalfClose,
    Connect {
        r#as: char,
        monitor: Option<u32>,
    },
    Client {
        r#as: char,
    },
    Pause,
    Unpause,
    Qmp {
        command: Value,
        #[serde(default)]
        show: bool,
    },
    Fd {
        send: String,
    },
    Signal {
        number: i32,
    },
    Send {
        text: String,
        #[serde(default = "once")]
        times: usize,
    },
}

fn once() -> usize {
    1
}

/// What came, or of what is long its digest.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Received {
    Text(String),
    Long {
        length: usize,
        sha256: String,
        begins: String,
        ends: String,
    },
}

/// Characters from which on a digest is kept.
const LONG: usize = 6000;

impl Received {
    fn of(text: String) -> Self {
        let length = text.chars().count();
        if length <= LONG {
            return Self::Text(text);
        }
        let digest = Sha256::digest(&text);
        Self::Long {
            length,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            begins: text.chars().take(200).collect(),
            ends: text.chars().skip(length - 200).collect(),
        }
    }
}

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

fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
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

/// What a client's reader says: bytes, or that the server closed.
type News = (char, u64, Option<Vec<u8>>);

/// The clients of one conversation.
struct Table {
    place: Place,
    clients: BTreeMap<char, Client>,
    news: mpsc::UnboundedReceiver<News>,
    tell: mpsc::UnboundedSender<News>,
    connections: u64,
}

struct Client {
    monitor: u32,
    text: String,
    /// Not there when it was closed.
    line: Option<Line>,
    /// Whether the server has closed.
    ended: bool,
    paused: watch::Sender<bool>,
}

struct Line {
    number: u64,
    stream: Stream,
    reader: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Table {
    fn new(place: Place) -> Self {
        let (tell, news) = mpsc::unbounded_channel();
        Self {
            place,
            clients: BTreeMap::new(),
            news,
            tell,
            connections: 0,
        }
    }

    fn note(&mut self, who: char, text: &str) {
        if let Some(client) = self.clients.get_mut(&who) {
            client.text.push_str(text);
        }
    }

    async fn open(&mut self, who: char, monitor: u32) -> io::Result<()> {
        let place = match (&self.place, monitor) {
            (Place::Unix(path), 2) => Place::Unix(path.with_file_name("m2")),
            (place, _) => place.clone(),
        };
        let stream = Stream::connect(&place).await?;
        self.connections += 1;
        let number = self.connections;
        let client = self.clients.entry(who).or_insert_with(|| Client {
            monitor,
            text: String::new(),
            line: None,
            ended: false,
            paused: watch::Sender::new(false),
        });
        let reader = tokio::spawn(read(
            stream.clone(),
            (who, number),
            self.tell.clone(),
            client.paused.subscribe(),
        ));
        client.ended = false;
        client.line = Some(Line {
            number,
            stream,
            reader: reader.abort_handle(),
        });
        Ok(())
    }

    fn hear(&mut self, (who, number, bytes): News) {
        let Some(client) = self.clients.get_mut(&who) else {
            return;
        };
        if client
            .line
            .as_ref()
            .is_none_or(|line| line.number != number)
        {
            return;
        }
        match bytes {
            Some(bytes) => client.text.push_str(&letters(&bytes)),
            None => {
                client.text.push(CLOSED);
                client.ended = true;
            }
        }
    }

    /// Waits for the first bytes, then for silence.
    async fn greeted(&mut self, who: char) {
        let before = self.clients.get(&who).map_or(0, |client| client.text.len());
        let deadline = Instant::now() + PATIENCE;
        while self
            .clients
            .get(&who)
            .is_some_and(|client| client.text.len() == before)
        {
            match timeout(deadline - Instant::now(), self.news.recv()).await {
                Ok(Some(news)) => self.hear(news),
                _ => return,
            }
        }
        self.settle(QUIET, Duration::ZERO).await;
    }

    /// Listens until nothing has come for `quiet`, and at least for `least`.
    async fn settle(&mut self, quiet: Duration, least: Duration) {
        let begin = Instant::now();
        let mut last = begin;
        loop {
            let until = (last + quiet).max(begin + least);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if let Ok(Some(news)) = timeout(left, self.news.recv()).await {
                self.hear(news);
                last = Instant::now();
            }
        }
    }

    async fn send(&mut self, who: char, bytes: &[u8]) {
        let client = self.clients.get(&who).filter(|client| !client.ended);
        let Some(line) = client.and_then(|client| client.line.as_ref()) else {
            return;
        };
        let stream = line.stream.clone();
        match timeout(PATIENCE, stream.write(bytes)).await {
            // The server may close meanwhile.
            Ok(_) => {}
            Err(_) => self.note(who, "<not taken>"),
        }
    }

    async fn step(&mut self, who: char, step: &Step) -> io::Result<()> {
        match step {
            Step::Reconnect { at_once, eager } => {
                let monitor = self.leave(who).await;
                if !at_once {
                    sleep(Duration::from_millis(100)).await;
                }
                self.note(who, &STEP.to_string());
                self.open(who, monitor).await?;
                if !eager {
                    self.greeted(who).await;
                }
            }
            Step::Close => {
                self.leave(who).await;
                self.note(who, &STEP.to_string());
                self.settle(QUIET, Duration::ZERO).await;
            }
            Step::HalfClose => {
                if let Some(line) = self
                    .clients
                    .get(&who)
                    .and_then(|client| client.line.as_ref())
                {
                    // The server may have closed before.
                    let _ = line.stream.finish();
                }
                self.note(who, &STEP.to_string());
                self.settle(Duration::from_millis(100), Duration::ZERO)
                    .await;
            }
            Step::Pause | Step::Unpause => {
                if let Some(client) = self.clients.get(&who) {
                    client.paused.send_replace(matches!(step, Step::Pause));
                }
                if matches!(step, Step::Unpause) {
                    self.settle(Duration::from_millis(300), Duration::ZERO)
                        .await;
                }
            }
            Step::Fd { send } => {
                let file = File::open("/dev/null")?;
                if let Some(line) = self
                    .clients
                    .get(&who)
                    .and_then(|client| client.line.as_ref())
                {
                    let stream = line.stream.clone();
                    stream.write_with(&bytes(send), file.as_fd()).await?;
                }
                self.settle(Duration::from_millis(100), Duration::ZERO)
                    .await;
            }
            Step::Send { text, times } => {
                let all = bytes(text).repeat(*times);
                self.send(who, &all).await;
            }
            _ => {}
        }
        Ok(())
    }

    /// Closes a client's connection; which monitor it was at.
    async fn leave(&mut self, who: char) -> u32 {
        let Some(client) = self.clients.get_mut(&who) else {
            return 1;
        };
        client.line = None;
        // Its reader has the other half.
        tokio::task::yield_now().await;
        client.monitor
    }

    fn close(&mut self) {
        for client in self.clients.values_mut() {
            client.line = None;
        }
    }

    /// What all received: the first client, then the others, each behind a mark.
    fn text(&self) -> String {
        let mut text = String::new();
        for (who, client) in &self.clients {
            if *who != 'A' {
                text.extend([CLIENT, *who]);
            }
            text.push_str(&client.text);
        }
        text
    }
}

async fn read(
    stream: Stream,
    (who, number): (char, u64),
    tell: mpsc::UnboundedSender<News>,
    mut paused: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        let read = tokio::select! {
            biased;
            _ = paused.changed() => continue,
            read = stream.read(&mut buffer) => read,
        };
        let count = read.unwrap_or(0);
        let news = buffer.get(..count).filter(|bytes| !bytes.is_empty());
        let ended = news.is_none();
        if tell.send((who, number, news.map(<[u8]>::to_vec))).is_err() || ended {
            return;
        }
    }
}
