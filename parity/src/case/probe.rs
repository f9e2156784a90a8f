// SPDX-License-Identifier: GPL-2.0-or-later
//! Probes: what shows whether two VMs were changed alike. Asking them is for live runs.

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
    /// What QEMU added to a trace file since the step began, without the process ids and times that
    /// lines start with.
    Trace(String),
    /// What the guest would read from an image that QEMU wrote, whatever its format: its size and a
    /// checksum.
    Image(String),
    /// Whether the VNC server on `vnc.sock` takes this password.
    Vnc(String),
    /// How QEMU ended.
    Ends,
}

/// The probes of commands that change something, by their name.
const TABLE: &[(&[&str], &[&str])] = &[
    (
        &[
            "stop",
            "cont",
            "system_reset",
            "system_wakeup",
            "system_powerdown",
        ],
        &["query-status"],
    ),
    (&["exit_preconfig"], &["query-status"]),
    (
        &[
            "eject",
            "change",
            "block_resize",
            "block_set_io_throttle",
            "drive_del",
            "drive_add",
        ],
        &["query-block", "query-named-block-nodes"],
    ),
    (
        &[
            "commit",
            "snapshot_blkdev",
            "snapshot_blkdev_internal",
            "snapshot_delete_blkdev_internal",
        ],
        &["query-named-block-nodes"],
    ),
    (
        &["savevm", "loadvm", "delvm"],
        &["query-named-block-nodes", "query-status", "query-jobs"],
    ),
    (
        &[
            "block_stream",
            "drive_mirror",
            "drive_backup",
            "block_job_set_speed",
            "block_job_cancel",
            "block_job_complete",
            "block_job_pause",
            "block_job_resume",
        ],
        &["query-block-jobs"],
    ),
    (
        &[
            "nbd_server_start",
            "nbd_server_add",
            "nbd_server_remove",
            "nbd_server_stop",
        ],
        &["query-block-exports"],
    ),
    (
        &["chardev-add", "chardev-remove", "chardev-change"],
        &["query-chardev"],
    ),
    (
        &["netdev_add", "netdev_del", "set_link"],
        &["query-rx-filter"],
    ),
    (
        &["device_add", "device_del"],
        &[r#"{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}"#],
    ),
    (
        &["object_add", "object_del"],
        &[r#"{"execute":"qom-list","arguments":{"path":"/objects"}}"#],
    ),
    (&["balloon"], &["query-balloon"]),
    (&["watchdog_action"], &[]),
    (
        &["migrate", "migrate_cancel", "migrate_incoming"],
        &["query-migrate"],
    ),
    (
        &["migrate_continue", "migrate_start_postcopy"],
        &["query-status"],
    ),
    (&["migrate_set_capability"], &["query-migrate-capabilities"]),
    (&["migrate_set_parameter"], &["query-migrate-parameters"]),
    (&["calc_dirty_rate"], &["query-dirty-rate"]),
    (
        &["replay_break", "replay_delete_break", "replay_seek"],
        &["query-replay"],
    ),
    (
        &["trace-event"],
        &[r#"{"execute":"trace-event-get-state","arguments":{"name":"qmp_*"}}"#],
    ),
];

/// The probes of the command with that name.
#[must_use]
pub fn of_command(name: &str) -> Vec<Probe> {
    let row = TABLE.iter().find(|(names, _)| names.contains(&name));
    row.map_or(&[][..], |(_, probes)| probes)
        .iter()
        .map(|probe| Probe::Qmp((*probe).to_owned()))
        .collect()
}
