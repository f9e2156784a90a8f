// SPDX-License-Identifier: GPL-2.0-or-later
//! Probes: what shows whether two VMs were changed alike. Asking them is for live runs.

use hmp_engine::command::nature::Effect;
use hmp_engine::table;
use serde::Deserialize;

/// One question.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Probe {
    /// A QMP command, by name or as the whole request.
    Qmp(String),
    /// A line of the built-in monitor.
    Hmp(String),
    /// A file that QEMU wrote: its size and a checksum.
    File(String),
    /// The size of a file that QEMU wrote with random numbers in it.
    Size(String),
    /// What QEMU added to a trace file since the step began, without the process ids and times that
    /// lines start with.
    Trace(String),
    /// What the guest would read from an image that QEMU wrote, whatever its format: its size and a
    /// checksum.
    Image(String),
    /// Whether the VNC server on `vnc.sock` takes this password.
    Vnc(String),
    /// Whether somebody listens on this Unix socket in the VM's directory, or on the VM's TCP port
    /// where it is `{port}`.
    Listens(String),
    /// How QEMU ended.
    Ends,
}

impl Probe {
    /// Whether it is about what happens in a step alone, so that there is nothing to see before.
    #[must_use]
    pub fn is_of_the_step(&self) -> bool {
        matches!(self, Self::Trace(_) | Self::Ends)
    }
}

/// What the built-in alone shows of a change: QMP has no query for it.
const BUILTIN_SHOWS: &[(&str, &str)] = &[
    ("netdev_add", "info network"),
    ("netdev_del", "info network"),
    ("savevm", "info snapshots"),
    ("delvm", "info snapshots"),
];

/// The probes of the command with that full name: what its row says shows a change.
#[must_use]
pub fn of_command(name: &str) -> Vec<Probe> {
    let Some(Effect::Changes(questions)) = table::named(name).map(|row| row.effect) else {
        return Vec::new();
    };
    let asked = questions.iter().map(|&q| Probe::Qmp(q.to_owned()));
    let shown = BUILTIN_SHOWS.iter().filter(|(of, _)| *of == name);
    asked
        .chain(shown.map(|(_, line)| Probe::Hmp((*line).to_owned())))
        .collect()
}
