// SPDX-License-Identifier: GPL-2.0-or-later
//! Signals to the processes that a test started.

use std::process::Child;

/// Sends a signal to a process that this test started.
pub fn signal(process: &Child, name: &str) {
    let signal = match name {
        "INT" => rustix::process::Signal::INT,
        "KILL" => rustix::process::Signal::KILL,
        other => panic!("{other}"),
    };
    let pid = rustix::process::Pid::from_raw(process.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
