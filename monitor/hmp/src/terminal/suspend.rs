// SPDX-License-Identifier: GPL-2.0-or-later
//! Ctrl-Z and `fg`: the terminal is given back while the program is stopped.

use std::io;
use std::sync::Arc;

use nix::unistd;
use rustix::process::{Signal, getpid, kill_process};
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
                // Whoever waits for the program that has the terminal stops after it: one that goes on
                // would take what is typed to a shell.
                if input.is_lent() || nobody_continues() {
                    continue;
                }
                terminal.lend()?;
                // All threads stop here, and go on here.
                kill_process(getpid(), Signal::STOP)?;
            }
            // Also of one that was stopped in a way that can't be caught.
            Some(()) = continues.recv() => {
                if input.is_lent() {
                    continue;
                }
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
///
/// Numbers are 0 of processes, groups and sessions outside the PID namespace (pid_namespaces(7)); the
/// `Pid` of rustix can't be that.
pub fn nobody_continues() -> bool {
    let group = unistd::getpgrp();
    let session = |pid| unistd::getsid(pid).ok();
    let ours = session(None);
    let mut above = Some(unistd::getppid());
    while let Some(pid) = above.filter(|pid| pid.as_raw() > 0) {
        if session(Some(pid)) != ours {
            return true;
        }
        if unistd::getpgid(Some(pid)).ok() != Some(group) {
            return false;
        }
        // A script that runs it: who runs the script?
        above = parent(pid);
    }
    true
}

/// The parent of a process, by `/proc`.
fn parent(pid: unistd::Pid) -> Option<unistd::Pid> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().map(unistd::Pid::from_raw)
}
