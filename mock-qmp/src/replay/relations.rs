// SPDX-License-Identifier: GPL-2.0-or-later
//! What QAPI's commands and events say about the machine, as data.

/// What exists by one command and goes by another.
#[derive(Debug)]
pub(super) struct Relation {
    /// What it is, in words of a report.
    pub(super) kind: &'static str,
    /// The command that makes one, and the member that names it.
    pub(super) add: (&'static str, &'static str),
    /// The command that removes one, and the member that names it.
    pub(super) remove: (&'static str, &'static str),
    /// The event that says when it is gone, and the member that names it; without one it is gone
    /// with the reply.
    pub(super) gone: Option<(&'static str, &'static str)>,
    /// QEMU's error for one that is not there, `{}` being its name.
    pub(super) missing: (&'static str, &'static str),
    /// QEMU's error for one that is there already.
    pub(super) duplicate: &'static str,
}

/// The words are those of QEMU 7.2 to 11.1 (`qdev-monitor.c`, `block.c`, `blockdev.c`,
/// `net.c`, `object_interfaces.c`, `object.c`, `char.c`).
pub(super) const RELATIONS: &[Relation] = &[
    Relation {
        kind: "device",
        add: ("device_add", "id"),
        remove: ("device_del", "id"),
        gone: Some(("DEVICE_DELETED", "device")),
        missing: ("DeviceNotFound", "Device '{}' not found"),
        duplicate: "Duplicate device ID '{}'",
    },
    Relation {
        kind: "block node",
        add: ("blockdev-add", "node-name"),
        remove: ("blockdev-del", "node-name"),
        gone: None,
        missing: ("GenericError", "Failed to find node with node-name='{}'"),
        duplicate: "Duplicate nodes with node-name='{}'",
    },
    Relation {
        kind: "network backend",
        add: ("netdev_add", "id"),
        remove: ("netdev_del", "id"),
        gone: None,
        missing: ("DeviceNotFound", "Device '{}' not found"),
        duplicate: "Duplicate ID '{}' for netdev",
    },
    Relation {
        kind: "object",
        add: ("object-add", "id"),
        remove: ("object-del", "id"),
        gone: None,
        missing: ("GenericError", "object '{}' not found"),
        duplicate: "attempt to add duplicate property '{}' to object (type 'container')",
    },
    Relation {
        kind: "character device",
        add: ("chardev-add", "id"),
        remove: ("chardev-remove", "id"),
        gone: None,
        missing: ("GenericError", "Chardev '{}' not found"),
        duplicate: "Chardev with id '{}' already exists",
    },
];

/// Events after which the machine runs or does not, and the run state that `query-status` has then,
/// unless the recording knows better.
pub(super) const RUN_EVENTS: &[(&str, &str)] = &[
    ("RESUME", "running"),
    ("STOP", "paused"),
    ("SUSPEND", "suspended"),
    ("SUSPEND_DISK", "suspended"),
    ("WAKEUP", "running"),
    ("SHUTDOWN", "shutdown"),
    ("GUEST_PANICKED", "guest-panicked"),
];

/// The run state of a machine whose processors run.
pub(super) const RUNNING: &str = "running";
