// SPDX-License-Identifier: GPL-2.0-or-later
//! Ctrl-Z and `fg`: the terminal is given back while the program is stopped.

use std::io;
use std::sync::Arc;

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
