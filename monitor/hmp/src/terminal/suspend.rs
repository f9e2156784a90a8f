// SPDX-License-Identifier: GPL-2.0-or-later
//! Ctrl-Z and `fg`: the terminal is given back while the program is stopped.

use std::io;
use std::sync::Arc;

use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::signal::unix::{self, SignalKind, signal};

use super::input::Input;
use super::mode::{Mode, Terminal};

/// Catches the signals from now on, and acts on them as long as it is polled.
pub fn watch(
    terminal: Arc<Terminal>,
    input: Arc<Input>,
) -> io::Result<impl Future<Output = io::Result<()>>> {
    let stops = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let continues = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    Ok(act(terminal, input, stops, continues))
}

async fn act(
    terminal: Arc<Terminal>,
    input: Arc<Input>,
    mut stops: unix::Signal,
    mut continues: unix::Signal,
) -> io::Result<()> {
    loop {
        tokio::select! {
            Some(()) = stops.recv() => {
                if nobody_continues() {
                    continue;
                }
                terminal.lend()?;
                // All threads stop here, and go on here.
                kill_process(getpid(), Signal::STOP)?;
            }
            // Also of one that was stopped in a way that can't be caught.
            Some(()) = continues.recv() => {
                terminal.reapply()?;
                if terminal.mode() == Mode::Editing {
                    // The line is shown anew: the rich editor does so when the window changes.
                    kill_process(getpid(), Signal::WINCH)?;
                    input.call();
                }
            }
        }
    }
}

/// Whether nobody could let the program go on again: its group is orphaned (`xterm -e hmp`), and the
/// system itself would not stop it.
fn nobody_continues() -> bool {
    let group = rustix::process::getpgrp();
    let session = |pid| rustix::process::getsid(pid).ok();
    let ours = session(None);
    let mut above = rustix::process::getppid();
    while let Some(pid) = above {
        if session(Some(pid)) != ours {
            return true;
        }
        if rustix::process::getpgid(Some(pid)).ok() != Some(group) {
            return false;
        }
        // A script that runs it: who runs the script?
        above = parent(pid);
    }
    true
}

/// The parent of a process, by `/proc`.
fn parent(pid: Pid) -> Option<Pid> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Pid::from_raw(line.trim().parse().ok()?)
}
