// SPDX-License-Identifier: GPL-2.0-or-later
//! The same bytes at the built-in's socket and at that of `hmp --listen`, on two VMs that are alike.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use hmp::client::address::Address;
use hmp::client::{Client as Qmp, Options};
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::qmp::version::v;
use tokio::time::{Instant, timeout};

use crate::judge::mask;
use crate::live::folder::absolute;
use crate::live::programs::Program;
use crate::live::tabs::load_modules;
use crate::live::talk::client::{Place, Stream};
use crate::live::talk::differs::Differs;
use crate::live::talk::generate::{Sessions, Typed};
use crate::live::talk::machine::Machine;
use crate::live::vm::{VmError, in_dir};

/// Pieces of a session.
const PIECES: usize = 20;

/// Silence that ends what answers a piece.
const QUIET: Duration = Duration::from_millis(12);

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The VM: what there is for lines and candidates, and nothing that time moves.
const VM: &[&str] = &[
    "-M",
    "q35",
    "-m",
    "64",
    "-smp",
    "2",
    "-S",
    "-name",
    "talk",
    "-display",
    "none",
    "-nodefaults",
    "-drive",
    "if=none,id=drv0,file={dir}/d.raw,format=raw",
    "-device",
    "virtio-blk-pci,drive=drv0,id=blk0",
    "-drive",
    "if=none,id=cd0,media=cdrom",
    "-device",
    "ide-cd,drive=cd0,id=cdrom0",
    "-netdev",
    "user,id=n0",
    "-device",
    "e1000,netdev=n0,id=nic0,mac=52:54:00:12:34:56",
    "-netdev",
    "user,id=n2",
    "-device",
    "qemu-xhci,id=usb",
    "-device",
    "virtio-balloon-pci,id=balloon0",
    "-chardev",
    "ringbuf,id=r0",
    "-object",
    "memory-backend-ram,id=m0,size=1M",
    "-vnc",
    "unix:{dir}/v,password=on",
    "-qmp",
    "unix:{dir}/q1,server=on,wait=off",
    "-qmp",
    "unix:{dir}/q2,server=on,wait=off",
    "-monitor",
    "unix:{dir}/m,server=on,wait=off",
];

/// How sessions are made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The same seed gives the same sessions.
    pub seed: u64,
    /// How many of them.
    pub sessions: usize,
    /// Whether ours never uses the built-in monitor: then answers are counted, not judged.
    pub native_only: bool,
}

/// What came of the sessions on one QEMU.
#[derive(Debug, Default)]
pub struct Talked {
    /// Sessions whose bytes were the same.
    pub same: usize,
    /// Sessions that differ: number, what was typed, both streams from where they part.
    pub different: Vec<(usize, String, String, String)>,
    /// Lines that were run.
    pub lines: usize,
    /// Bytes that the built-in sent.
    pub bytes: usize,
    /// Pieces with the same answer, and with another one, natively.
    pub pieces: (usize, usize),
    /// The commands whose answers differ, natively, and how often.
    pub commands: BTreeMap<String, usize>,
}

impl Talked {
    /// As text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (number, typed, theirs, ours) in &self.different {
            let _ = writeln!(
                text,
                "different   session {number} at {typed}\n    expected  {theirs}\n    got       {ours}"
            );
        }
        let (same, other) = self.pieces;
        let _ = writeln!(
            text,
            "{} sessions identical, {} different; {} lines, {} bytes; {} of {} answers identical",
            self.same,
            self.different.len(),
            self.lines,
            self.bytes,
            same,
            same + other,
        );
        for (command, count) in &self.commands {
            let _ = writeln!(text, "    {count:5}  {command}");
        }
        text
    }
}

/// Has the sessions on two VMs of this QEMU.
pub async fn talk(
    qemu: &Program,
    hmp: &Path,
    plan: Plan,
    differs: &Differs,
) -> Result<Talked, VmError> {
    let theirs_vm = Vm::start(qemu).await?;
    let mut ours_vm = Vm::start(qemu).await?;
    // Not among the files of QEMU, whose names both complete.
    let apart = tempfile::tempdir_in(std::env::temp_dir())?;
    let socket = apart.path().join("l");
    let qmp = format!("unix:{}", ours_vm.dir.path().join("q2").display());
    let mut args = vec!["--listen".to_owned(), "unix:l".to_owned(), qmp];
    if plan.native_only {
        args.push("--native-only".to_owned());
    }
    ours_vm
        .machine
        .add(&absolute(hmp), apart.path(), &args, Some(&socket))
        .await?;
    let monitor = theirs_vm.monitor().await?;
    ours_vm.monitor().await?;
    let emacs = qemu.version >= EMACS_KEYS;
    let mut sessions = Sessions::new(plan.seed, &monitor, emacs, differs, &qemu.qemu);
    let places = (
        Place::Unix(theirs_vm.dir.path().join("m")),
        Place::Unix(socket),
    );
    let mut talked = Talked::default();
    for number in 0..plan.sessions {
        sessions.reconnect();
        let mut pieces: Vec<Typed> = (0..PIECES).map(|_| sessions.next()).collect();
        pieces.push(sessions.end());
        let both = tokio::join!(session(&places.0, &pieces), session(&places.1, &pieces));
        let (theirs, ours) = (both.0?, both.1?);
        let dirs = (dir(&theirs_vm), dir(&ours_vm));
        let (theirs, ours) = (renamed(theirs, &dirs.0), renamed(ours, &dirs.1));
        talked.judge(number, &pieces, &theirs, &ours, &monitor, plan.native_only);
    }
    theirs_vm.machine.end().await;
    ours_vm.machine.end().await;
    Ok(talked)
}

/// The folder's name as it occurs in answers.
fn dir(vm: &Vm) -> Vec<u8> {
    vm.dir.path().as_os_str().as_encoded_bytes().to_vec()
}

/// The answers with the same name for the folder of either VM.
fn renamed(answers: Vec<Vec<u8>>, dir: &[u8]) -> Vec<Vec<u8>> {
    let rename = |mut answer: Vec<u8>| {
        let mut at = 0;
        while let Some(found) = answer[at..].windows(dir.len()).position(|part| part == dir) {
            answer.splice(at + found..at + found + dir.len(), *b"{dir}");
            at += found;
        }
        answer
    };
    answers.into_iter().map(rename).collect()
}

/// The first release whose editor knows ^N, ^P and ^U (9.1, commit e1e55d346a of QEMU).
const EMACS_KEYS: hmp_engine::qmp::version::Version = v(9, 1);

struct Vm {
    dir: tempfile::TempDir,
    machine: Machine,
}

impl Vm {
    async fn start(qemu: &Program) -> Result<Self, VmError> {
        let dir = tempfile::Builder::new()
            .prefix("hmp-talk-")
            .tempdir_in(std::env::temp_dir())?;
        std::fs::write(dir.path().join("d.raw"), vec![0; 4 << 20])?;
        let args: Vec<String> = VM.iter().map(|arg| in_dir(arg, dir.path())).collect();
        let machine = Machine::start(&qemu.path, dir.path(), &args, &dir.path().join("m")).await?;
        Ok(Self { dir, machine })
    }

    /// A monitor that says what lines are. All modules of QEMU are loaded behind it, as completion
    /// over QMP has it.
    async fn monitor(&self) -> Result<Monitor, VmError> {
        let address = Address::Unix(self.dir.path().join("q1"));
        let (client, _) = Qmp::connect(&address, &Options::default()).await?;
        load_modules(&client).await?;
        let building = Monitor::builder(std::sync::Arc::new(client)).passthrough(Passthrough::Auto);
        Ok(building.build().await?)
    }
}

/// What a client receives for each piece, the greeting first.
async fn session(place: &Place, pieces: &[Typed]) -> io::Result<Vec<Vec<u8>>> {
    let stream = Stream::connect(place).await?;
    let mut all = vec![answer(&stream, PROMPTS).await?];
    for (number, piece) in pieces.iter().enumerate() {
        let due = match piece.lines.is_empty() {
            _ if number + 1 == pieces.len() => LAST,
            true => ANYTHING,
            false => PROMPTS,
        };
        let (written, read) = tokio::join!(stream.write(&piece.bytes), answer(&stream, due));
        written?;
        all.push(read?);
    }
    Ok(all)
}

/// What an answer ends with: a TAB's with anything, a line's with a prompt, the last with what the line
/// prints that ends a session.
const ANYTHING: &[&[u8]] = &[b""];
const PROMPTS: &[&[u8]] = &[b"(qemu) ", b"Password: "];
const LAST: &[&[u8]] = &[b"\r\n0x1\r\n(qemu) "];

/// Reads until what is due is there, and nothing comes any more.
async fn answer(stream: &Stream, due: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let whole = due.iter().any(|end| answer.ends_with(end));
        let left = match whole {
            true => QUIET,
            false => deadline.saturating_duration_since(Instant::now()),
        };
        match timeout(left, stream.read(&mut buffer)).await {
            Err(_) | Ok(Ok(0)) => return Ok(answer),
            Ok(read) => answer.extend_from_slice(buffer.get(..read?).unwrap_or_default()),
        }
    }
}

impl Talked {
    fn judge(
        &mut self,
        number: usize,
        pieces: &[Typed],
        theirs: &[Vec<u8>],
        ours: &[Vec<u8>],
        monitor: &Monitor,
        native_only: bool,
    ) {
        let commands = |typed: &Typed| -> Vec<String> {
            let lines = typed.lines.iter();
            lines
                .filter_map(|line| monitor.explain(line).command)
                .collect()
        };
        let greeted = Typed {
            bytes: Vec::new(),
            lines: Vec::new(),
        };
        let typed = std::iter::once(&greeted).chain(pieces);
        let (mut their_text, mut our_text) = (String::new(), String::new());
        let mut first = None;
        for (typed, (theirs, ours)) in typed.zip(theirs.iter().zip(ours)) {
            self.bytes += theirs.len();
            self.lines += typed.lines.len();
            let commands = commands(typed);
            let (theirs, ours) = (masked(theirs, &commands), masked(ours, &commands));
            if theirs == ours {
                self.pieces.0 += 1;
            } else {
                self.pieces.1 += 1;
                first = first.or_else(|| Some(shown(&typed.bytes)));
                for command in commands.into_iter().filter(|_| native_only) {
                    *self.commands.entry(command).or_default() += 1;
                }
            }
            their_text.push_str(&theirs);
            our_text.push_str(&ours);
        }
        if their_text == our_text {
            self.same += 1;
        } else if !native_only {
            let same = their_text.chars().zip(our_text.chars());
            let from = same.take_while(|(a, b)| a == b).count().saturating_sub(60);
            let part = |text: &str| {
                format!(
                    "{:?}",
                    text.chars().skip(from).take(200).collect::<String>()
                )
            };
            let typed = first.unwrap_or_default();
            self.different
                .push((number, typed, part(&their_text), part(&our_text)));
        }
    }
}

fn masked(bytes: &[u8], commands: &[String]) -> String {
    let mut text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    for command in commands {
        text = mask::apply(&text, command).text;
    }
    text
}

fn shown(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let text = text.replace("\x7f\x7f\x7f\x7f", "");
    format!("{text:?}")
}
