// SPDX-License-Identifier: GPL-2.0-or-later
//! Another program at the terminal, which may be fed an answer.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, kill_current_process_group, kill_process, waitpid,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::repl::blocking::blocking;
use crate::terminal::lend::{Lender, Lent};
use crate::terminal::suspend;

/// How soon a program that stops itself goes on, where nobody else could let it; and in which time a
/// signal to stop reaches this program, whichever thread takes it.
const SOON: Duration = Duration::from_millis(50);

/// Pieces of an answer that wait for a program that does not read them.
const WAITING: usize = 1 << 16;

/// A shell command's program.
pub(in crate::repl) fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}

/// Whether there is what a shell command begins with: a program, or a word of the shell's own.
pub(in crate::repl) fn is_there(line: &str) -> io::Result<bool> {
    let Some(word) = line.split_ascii_whitespace().next() else {
        return Ok(false);
    };
    if word.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_./+".contains(c)) {
        // A variable in front, a subshell: the shell knows.
        return Ok(true);
    }
    let asked = Command::new("/bin/sh")
        .args(["-c", "command -v -- \"$1\"", "sh", word])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    Ok(asked?.success())
}

/// Runs a program that has the terminal, and waits for its end.
pub(in crate::repl) async fn run(mut command: Command, lender: &Lender) -> io::Result<ExitStatus> {
    let lent = lender.lend()?;
    command.stdin(Stdio::from(lender.descriptor()?));
    let child = command.spawn()?;
    ended(lent, move || wait(&child)).await
}

/// Waits for the end of a program that has the terminal. Where it stops, this program stops too, so
/// that a shell goes on; both go on together.
fn wait(child: &Child) -> io::Result<ExitStatus> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    loop {
        let (pid, status) = match waitpid(pid, WaitOptions::UNTRACED) {
            Ok(Some(found)) => found,
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if !status.stopped() {
            return Ok(ExitStatus::from_raw(status.as_raw()));
        }
        if !suspend::nobody_continues() {
            kill_process(rustix::process::getpid(), Signal::STOP)?;
        }
        // All threads stop here, and go on here.
        std::thread::sleep(SOON);
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::CONT);
    }
}

/// Waits for a program that has the terminal until `work` is done.
async fn ended<T: Send + 'static>(
    lent: Lent,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let work = move || {
        let done = work();
        drop(lent);
        done
    };
    let mut interrupts = signal(SignalKind::interrupt())?;
    let work = blocking(work);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done?,
            // What is stopped below it would not act on Ctrl-C.
            Some(()) = interrupts.recv() => {
                let _ = kill_current_process_group(Signal::CONT);
            }
        }
    }
}

/// A program that reads an answer. It has the terminal, so that a pager can take keys.
pub(in crate::repl) struct Fed {
    writer: JoinHandle<()>,
    waiter: JoinHandle<io::Result<ExitStatus>>,
    lent: Lent,
    feed: Feed,
}

/// What is written to a program; it never waits for the program.
#[derive(Clone)]
pub(in crate::repl) struct Feed {
    pieces: SyncSender<Vec<u8>>,
    /// The program reads no more.
    shut: Arc<AtomicBool>,
    /// Whether that is an error: who only looks need not go on.
    ends: bool,
}

impl Fed {
    /// Starts a program. `ends`: writing fails once it reads no more.
    pub(in crate::repl) fn start(
        mut command: Command,
        lender: &Lender,
        ends: bool,
    ) -> io::Result<Self> {
        let lent = lender.lend()?;
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let (pieces, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let shut = Arc::new(AtomicBool::new(false));
        let feed = Feed {
            pieces,
            shut: Arc::clone(&shut),
            ends,
        };
        let mut stdin: Option<ChildStdin> = child.stdin.take();
        let writer = std::thread::Builder::new()
            .name("feeder".into())
            .spawn(move || {
                for piece in waiting {
                    let written = stdin.as_mut().map(|stdin| stdin.write_all(&piece));
                    if !matches!(written, Some(Ok(()))) {
                        shut.store(true, Ordering::Relaxed);
                        stdin = None;
                    }
                }
            })?;
        // From the beginning: one that is stopped reads nothing.
        let waiter = std::thread::Builder::new()
            .name("waiter".into())
            .spawn(move || wait(&child))?;
        Ok(Self {
            writer,
            waiter,
            lent,
            feed,
        })
    }

    /// Where its input is written to.
    pub(in crate::repl) fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Ends its input, for which all feeds must be gone, and waits for its end.
    pub(in crate::repl) async fn end(self) -> io::Result<ExitStatus> {
        let Self {
            writer,
            waiter,
            lent,
            feed,
        } = self;
        drop(feed);
        ended(lent, move || {
            let ended = |_| io::Error::other("its feeder ended");
            writer.join().map_err(ended)?;
            waiter.join().map_err(ended)?
        })
        .await
    }
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shut = self.shut.load(Ordering::Relaxed);
        if shut && self.ends {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !shut && self.pieces.send(bytes.to_vec()).is_err() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
