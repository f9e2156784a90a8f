// SPDX-License-Identifier: GPL-2.0-or-later
//! What QAPI's commands, events and answers say about the machine, as data.

/// What exists by one command and goes by another.
#[derive(Debug)]
pub(super) struct Relation {
    /// What it is, in words of a report.
    pub(super) kind: &'static str,
    /// The commands that make one, and the member that names it. They are the built-in monitor's
    /// too, in [`LINES`].
    pub(super) add: &'static [(&'static str, &'static str)],
    /// The commands that remove one, and the member that names it.
    pub(super) remove: &'static [(&'static str, &'static str)],
    /// The event that says when it is gone, and the member that names it; without one it is gone
    /// with the reply.
    pub(super) gone: Option<(&'static str, &'static str)>,
    /// QEMU's error for one that is not there, `{}` being its name; none where a job finds it out.
    pub(super) missing: Option<(&'static str, &'static str)>,
    /// The command that needs one.
    pub(super) needs: Option<Need>,
    /// The answers that list them all: what such a one does not name is not there.
    pub(super) listed: &'static [Asked],
    /// QEMU's error for one that is there already; none where it takes the other's place.
    pub(super) duplicate: Option<&'static str>,
    /// The built-in monitor's, where that is another.
    pub(super) duplicate_line: Option<&'static str>,
}

/// What a command of a job needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// The command, and the member that names what it needs.
    pub(super) command: (&'static str, &'static str),
    /// The built-in monitor's error where that is not there. Over QMP, the job fails.
    pub(super) missing: &'static str,
    /// The run state that a machine that ran is left in by the error (`hmp_loadvm` of QEMU 7.2 to
    /// 11.1).
    pub(super) stops: &'static str,
}

/// The words are those that QEMU 7.2, 10.0 and 11.1 answered (`qdev-monitor.c`, `block.c`,
/// `blockdev.c`, `net.c`, `object_interfaces.c`, `object.c`, `char.c`), the same to a line of the
/// built-in monitor, but for a character device that is there already.
pub(super) const RELATIONS: &[Relation] = &[
    Relation {
        kind: DEVICE,
        add: &[("device_add", "id")],
        remove: &[("device_del", "id")],
        gone: Some(("DEVICE_DELETED", "device")),
        missing: Some(("DeviceNotFound", "Device '{}' not found")),
        needs: None,
        listed: &[Asked::QomList("/machine/peripheral")],
        duplicate: Some("Duplicate device ID '{}'"),
        duplicate_line: None,
    },
    Relation {
        kind: NODE,
        add: &[("blockdev-add", "node-name")],
        remove: &[("blockdev-del", "node-name")],
        gone: None,
        missing: Some(("GenericError", "Failed to find node with node-name='{}'")),
        needs: None,
        listed: &[Asked::Command("query-named-block-nodes")],
        duplicate: Some("Duplicate nodes with node-name='{}'"),
        duplicate_line: None,
    },
    Relation {
        kind: NETDEV,
        add: &[("netdev_add", "id")],
        remove: &[("netdev_del", "id")],
        gone: None,
        missing: Some(("DeviceNotFound", "Device '{}' not found")),
        needs: None,
        listed: &[Asked::Line("info network")],
        duplicate: Some("Duplicate ID '{}'"),
        duplicate_line: None,
    },
    Relation {
        kind: OBJECT,
        add: &[("object-add", "id")],
        remove: &[("object-del", "id")],
        gone: None,
        missing: Some(("GenericError", "object '{}' not found")),
        needs: None,
        listed: &[Asked::QomList("/objects")],
        duplicate: Some(DUPLICATE_OBJECT),
        duplicate_line: None,
    },
    Relation {
        kind: CHARDEV,
        add: &[("chardev-add", "id")],
        remove: &[("chardev-remove", "id")],
        gone: None,
        missing: Some(("GenericError", "Chardev '{}' not found")),
        needs: None,
        listed: &[Asked::Command("query-chardev")],
        duplicate: Some("Chardev with id '{}' already exists"),
        duplicate_line: Some(DUPLICATE_OBJECT),
    },
    Relation {
        kind: SNAPSHOT,
        add: &[
            ("snapshot-save", "tag"),
            ("blockdev-snapshot-internal-sync", "name"),
        ],
        remove: &[
            ("snapshot-delete", "tag"),
            ("blockdev-snapshot-delete-internal-sync", "name"),
        ],
        gone: None,
        missing: None,
        needs: Some(Need {
            command: ("snapshot-load", "tag"),
            missing: "Snapshot '{}' does not exist in one or more devices",
            stops: "restore-vm",
        }),
        listed: &[
            Asked::Command("query-named-block-nodes"),
            Asked::Line("info snapshots"),
        ],
        duplicate: None,
        duplicate_line: None,
    },
];

/// QOM paths below which clients name things (`qdev_set_id`, `user_creatable_add_type`,
/// `chardev_new`), and what they name there.
pub(super) const CONTAINED: &[(&str, &str)] = &[
    ("/machine/peripheral/", DEVICE),
    ("/objects/", OBJECT),
    ("/chardevs/", CHARDEV),
];

const DUPLICATE_OBJECT: &str =
    "attempt to add duplicate property '{}' to object (type 'container')";
pub(super) const DEVICE: &str = "device";
pub(super) const NODE: &str = "block node";
const NETDEV: &str = "network backend";
const OBJECT: &str = "object";
const CHARDEV: &str = "character device";
const SNAPSHOT: &str = "snapshot";
/// What has no relation: commands of all kinds start one.
pub(super) const JOB: &str = "job";

/// Lines of the built-in monitor that do what a command of [`RELATIONS`] does (`hmp-commands.hx`):
/// the line's first word, the command, and where the name stands.
pub(super) const LINES: &[(&str, &str, Named)] = &[
    ("device_add", "device_add", Named::Option),
    ("device_del", "device_del", Named::Word),
    ("netdev_add", "netdev_add", Named::Option),
    ("netdev_del", "netdev_del", Named::Word),
    ("object_add", "object-add", Named::Option),
    ("object_del", "object-del", Named::Word),
    ("chardev-add", "chardev-add", Named::Option),
    ("chardev-remove", "chardev-remove", Named::Word),
    ("savevm", "snapshot-save", Named::Word),
    ("loadvm", "snapshot-load", Named::Word),
    ("delvm", "snapshot-delete", Named::Word),
    ("eject", "eject", Named::Word),
    ("change", "blockdev-change-medium", Named::Word),
];

/// Commands about a job, the member that names it, and QEMU's error where it is not there (`job-qmp.c`
/// and `blockdev.c` of QEMU 7.2 to 11.1).
pub(super) const JOB_COMMANDS: &[(&[&str], &str, &str, &str)] = &[
    (
        &[
            "job-cancel",
            "job-complete",
            "job-dismiss",
            "job-finalize",
            "job-pause",
            "job-resume",
        ],
        "id",
        "GenericError",
        "Job not found",
    ),
    (
        &["block-job-dismiss", "block-job-finalize"],
        "id",
        "DeviceNotActive",
        "Block job '{}' not found",
    ),
    (
        &[
            "block-job-cancel",
            "block-job-complete",
            "block-job-pause",
            "block-job-resume",
            "block-job-set-speed",
        ],
        "device",
        "DeviceNotActive",
        "Block job '{}' not found",
    ),
];

/// Commands that change what is in a removable device, and the member that says what; none where
/// nothing is in it then.
pub(super) const MEDIA: &[(&str, Option<&str>)] = &[
    ("blockdev-change-medium", Some("filename")),
    ("blockdev-insert-medium", Some("node-name")),
    ("blockdev-remove-medium", None),
    ("eject", None),
];

/// Where a line names what it is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    /// `id=NAME` among its options.
    Option,
    /// The first word that is no flag.
    Word,
}

/// What an answer lists.
#[derive(Debug)]
pub(super) struct List {
    /// The command; for the built-in monitor's text, the line.
    pub(super) of: Asked,
    /// What it lists, by [`Relation::kind`].
    pub(super) kind: &'static str,
    /// Where an element has its name.
    pub(super) form: Form,
}

/// The request that an answer is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    Command(&'static str),
    /// `qom-list` of this path.
    QomList(&'static str),
    Line(&'static str),
    /// A line with one more word.
    LineAbout(&'static str),
}

/// The form of a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Each array that is the value of a member of the first name, in which each element has its
    /// name, or a QOM path that it is in, at the second; the answer itself if the first is empty.
    Array(&'static str, &'static str),
    /// Text: paragraphs, each from a line that is indented as the first is to the next such; what
    /// it mentions it is of.
    Text,
}

/// The answers that list what comes and goes. What is in an answer in another state is put right by
/// them.
pub(super) const LISTS: &[List] = &[
    list(
        Asked::Command("query-iothreads"),
        OBJECT,
        Form::Array("", "id"),
    ),
    list(
        Asked::Command("query-memdev"),
        OBJECT,
        Form::Array("", "id"),
    ),
    list(Asked::QomList("/objects"), OBJECT, Form::Array("", "name")),
    list(Asked::Line("info iothreads"), OBJECT, Form::Text),
    list(Asked::Line("info memdev"), OBJECT, Form::Text),
    list(
        Asked::Command("query-chardev"),
        CHARDEV,
        Form::Array("", "label"),
    ),
    list(
        Asked::QomList("/chardevs"),
        CHARDEV,
        Form::Array("", "name"),
    ),
    list(Asked::Line("info chardev"), CHARDEV, Form::Text),
    list(
        Asked::QomList("/machine/peripheral"),
        DEVICE,
        Form::Array("", "name"),
    ),
    list(
        Asked::Command("query-pci"),
        DEVICE,
        Form::Array("devices", "qdev_id"),
    ),
    list(
        Asked::Command("query-block"),
        DEVICE,
        Form::Array("", "qdev"),
    ),
    list(
        Asked::Command("query-blockstats"),
        DEVICE,
        Form::Array("", "qdev"),
    ),
    list(
        Asked::Command("query-rx-filter"),
        DEVICE,
        Form::Array("", "name"),
    ),
    list(
        Asked::Command("query-memory-devices"),
        DEVICE,
        Form::Array("", "id"),
    ),
    list(Asked::Command("x-query-usb"), DEVICE, Form::Text),
    list(Asked::Line("info usb"), DEVICE, Form::Text),
    list(Asked::Line("info block"), DEVICE, Form::Text),
    list(Asked::Line("info pci"), DEVICE, Form::Text),
    list(Asked::Line("info network"), NETDEV, Form::Text),
    list(
        Asked::Command("query-named-block-nodes"),
        NODE,
        Form::Array("", "node-name"),
    ),
    list(
        Asked::Command("query-named-block-nodes"),
        SNAPSHOT,
        Form::Array("snapshots", "name"),
    ),
    list(
        Asked::Command("query-block"),
        SNAPSHOT,
        Form::Array("snapshots", "name"),
    ),
    list(Asked::Command("query-jobs"), JOB, Form::Array("", "id")),
    list(
        Asked::Command("query-block-jobs"),
        JOB,
        Form::Array("", "device"),
    ),
    list(Asked::Line("info block-jobs"), JOB, Form::Text),
    list(Asked::Line("info snapshots"), SNAPSHOT, Form::Text),
];

const fn list(of: Asked, kind: &'static str, form: Form) -> List {
    List { of, kind, form }
}

/// Commands that open or close a tray, or do what they do only where it is open.
pub(super) const TRAY_COMMANDS: &[&str] = &[
    "blockdev-change-medium",
    "blockdev-close-tray",
    "blockdev-open-tray",
    "eject",
];

/// Events after which the machine runs or does not, and the run state that `query-status` has then,
/// unless the recording knows better.
pub(super) const RUN_EVENTS: &[(&str, &str)] = &[
    ("RESUME", RUNNING),
    ("STOP", "paused"),
    ("SUSPEND", "suspended"),
    ("SUSPEND_DISK", "suspended"),
    ("WAKEUP", RUNNING),
    ("SHUTDOWN", "shutdown"),
    ("GUEST_PANICKED", "guest-panicked"),
];

/// The run state of a machine whose processors run.
pub(super) const RUNNING: &str = "running";
/// The run state of a machine that waits for another's.
pub(super) const INCOMING: &str = "inmigrate";
/// Run states that a reset leaves as they are; it makes `prelaunch` of others
/// (`main_loop_should_exit` of QEMU 7.2 to 11.1).
pub(super) const KEPT_BY_RESET: &[&str] = &[RUNNING, INCOMING, "finish-migrate", "preconfig"];
