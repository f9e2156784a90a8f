// SPDX-License-Identifier: GPL-2.0-or-later
//! Signals that ask the program to end: it tidies up first.

use std::fs;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caught {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT, as by Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Caught {
    /// The signal's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    fn kind(self) -> SignalKind {
        SignalKind::from_raw(self.number().into())
    }
}

/// The signals that are waited for.
pub(super) struct Signals(Vec<(Caught, Signal)>);

impl Signals {
    /// Catches them, but those that whoever started the program has it ignore (`nohup`, jobs in the
    /// background of a script). At a prompt, Ctrl-C is for the line.
    pub(super) fn catch(prompt: bool) -> Self {
        leave_to_writers();
        if prompt {
            leave_to_programs();
        }
        let all = [Caught::Hangup, Caught::Interrupt, Caught::Terminate];
        let ignored = ignored();
        let caught = all
            .into_iter()
            .filter(|caught| !(prompt && *caught == Caught::Interrupt))
            .filter(|caught| ignored >> (caught.number() - 1) & 1 == 0)
            // One that can't be caught ends the program as it always did.
            .filter_map(|caught| Some((caught, signal(caught.kind()).ok()?)));
        Self(caught.collect())
    }

    /// The next one.
    pub(super) async fn recv(&mut self) -> Caught {
        std::future::poll_fn(|cx| {
            for (caught, signal) in &mut self.0 {
                if signal.poll_recv(cx).is_ready() {
                    return std::task::Poll::Ready(*caught);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Catches SIGXFSZ: a limit of the size of files (`ulimit -f`) is an error of who writes one, and
/// ends neither a prompt with the terminal in its hands nor anybody without a word.
fn leave_to_writers() {
    let number = rustix::process::Signal::XFSZ.as_raw();
    drop(signal(SignalKind::from_raw(number)));
}

/// Catches what is for the programs that have the terminal for a while: Ctrl-\ there would end this
/// program with them. And the end of programs is reported only to who does not ignore SIGCHLD, which
/// a program may be started to do. What is caught is as usual in programs that are started.
fn leave_to_programs() {
    for kind in [SignalKind::quit(), SignalKind::child()] {
        // One that can't be caught does what it always did. The handler stays without the receiver.
        drop(signal(kind));
    }
}

/// The signals that this process ignores, a bit each from the lowest.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
