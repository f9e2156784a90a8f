// SPDX-License-Identifier: GPL-2.0-or-later
//! What error texts depend on and introspection does not say, taken from QEMU's QAPI schemas 7.2
//! and 10.0.
//!
//! Introspection calls every integer `int` and gives types numbers for names. Names of members
//! suffice to know the kinds, but for a few that depend on the command.

use crate::release::{FIRST, Release, v};

/// How wide an integer member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntKind {
    /// 64 bits with sign, refused as "expected: integer".
    Signed,
    /// 64 bits; negative values are taken too.
    Unsigned,
    /// Unsigned up to a limit, with the C type's name.
    UpTo(u64, &'static str),
    /// With sign, from the lower to the upper limit, with the C type's name.
    Between(i64, i64, &'static str),
}

const U8: IntKind = IntKind::UpTo(u8::MAX as u64, "uint8_t");
const U16: IntKind = IntKind::UpTo(u16::MAX as u64, "uint16_t");
const U32: IntKind = IntKind::UpTo(u32::MAX as u64, "uint32_t");
const U64: IntKind = IntKind::Unsigned;
const I16: IntKind = IntKind::Between(i16::MIN as i64, i16::MAX as i64, "int16_t");
const I32: IntKind = IntKind::Between(i32::MIN as i64, i32::MAX as i64, "int32_t");
const I64: IntKind = IntKind::Signed;

/// Members whose kind depends on the variant of the command's arguments.
const BY_VARIANT: &[(&str, &str, &str, IntKind)] = &[
    ("netdev_add", "tap", "queues", U32),
    ("object-add", "sev-snp-guest", "policy", U64),
    ("set-numa-node", "hmat-cache", "node-id", U32),
];

/// Members whose kind depends on the command, and the first release in which it is that
/// (9.1, commit ef71d8209f of QEMU: memsave and pmemsave).
const BY_COMMAND: &[(&str, &str, Release, IntKind)] = &[
    ("blockdev-create", "size", FIRST, U64),
    ("cxl-inject-poison", "length", FIRST, U64),
    ("memsave", "size", v(9, 1), U64),
    ("memsave", "val", v(9, 1), U64),
    ("migrate", "offset", FIRST, U64),
    ("netdev_add", "offset", FIRST, U32),
    ("netdev_add", "port", FIRST, U16),
    ("object-add", "align", FIRST, U64),
    ("object-add", "offset", FIRST, U64),
    ("object-add", "policy", FIRST, U32),
    ("object-add", "queues", FIRST, U32),
    ("object-add", "size", FIRST, U64),
    ("pmemsave", "size", v(9, 1), U64),
    ("pmemsave", "val", v(9, 1), U64),
    ("set-cpu-topology", "book-id", FIRST, U16),
    ("set-cpu-topology", "core-id", FIRST, U16),
    ("set-cpu-topology", "drawer-id", FIRST, U16),
    ("set-cpu-topology", "socket-id", FIRST, U16),
    ("set-numa-node", "size", FIRST, U64),
    ("set-numa-node", "val", FIRST, U8),
    ("xen-event-inject", "port", FIRST, U32),
];

/// Members that are of one kind wherever they are.
const BY_NAME: &[(&[&str], IntKind)] = &[
    (
        &[
            "cbitpos",
            "cbw-timeout",
            "corrected-persistent-error-count",
            "corrected-volatile-error-count",
            "device",
            "dirty-shutdown-count",
            "expired_scan_cycle",
            "granularity",
            "handle",
            "handshake-max-seconds",
            "header",
            "interval",
            "log-sector-size",
            "max-connections",
            "max_queue_size",
            "maxlen",
            "nibble-mask",
            "node",
            "open-timeout",
            "poll-us",
            "prealloc-threads",
            "reconnect-delay",
            "reduced-phys-bits",
            "row",
            "rxsession",
            "tbl-id",
            "txsession",
            "vectors",
            "x-checkpoint-delay",
        ],
        U32,
    ),
    (
        &[
            "hubid",
            "max-discard",
            "max-transfer",
            "max-write-zero",
            "opt-discard",
            "opt-write-zero",
            "serial",
        ],
        I32,
    ),
    (
        &[
            "announce-initial",
            "announce-max",
            "announce-rounds",
            "announce-step",
            "avail-switchover-bandwidth",
            "bandwidth",
            "block-size",
            "boundaries",
            "boundaries-flush",
            "boundaries-read",
            "boundaries-write",
            "boundaries-zap",
            "cluster-size",
            "compare_timeout",
            "correction-mask",
            "dirty-rate",
            "downtime-limit",
            "dpa",
            "extent-size-hint",
            "gpa",
            "hugetlbsize",
            "latency",
            "latency-ns",
            "len",
            "log-size",
            "log-super-update-interval",
            "logical-block-size",
            "max-bandwidth",
            "max-postcopy-bandwidth",
            "mem",
            "min-cluster-size",
            "rxcookie",
            "sndbuf",
            "start",
            "throttle-bps",
            "throttle-ops",
            "txcookie",
            "vcpu-dirty-limit",
            "write-threshold",
            "x-vcpu-dirty-limit-period",
            "xbzrle-cache-size",
        ],
        U64,
    ),
    (
        &[
            "column",
            "cpu-affinity",
            "cpus",
            "dst",
            "host-id",
            "host-nodes",
            "index",
            "initiator",
            "line",
            "mode",
            "node-affinity",
            "nodeid",
            "num-queues",
            "queue",
            "queue-size",
            "src",
            "target",
            "to",
        ],
        U16,
    ),
    (
        &[
            "additional-status",
            "bank",
            "bank-group",
            "channel",
            "compress-level",
            "compress-threads",
            "cpu-throttle-increment",
            "cpu-throttle-initial",
            "decompress-threads",
            "descriptor",
            "flags",
            "health-status",
            "level",
            "life-used",
            "max-cpu-throttle",
            "media-status",
            "multifd-channels",
            "multifd-qatzip-level",
            "multifd-zlib-level",
            "multifd-zstd-level",
            "rank",
            "region",
            "throttle-trigger-threshold",
            "transaction-type",
            "type",
        ],
        U8,
    ),
    (&["temperature"], I16),
];

/// The kind of an integer argument; `variant` is the value that chose the variant whose member it
/// is, if it is one's.
pub(crate) fn int_kind(
    command: &str,
    variant: Option<&str>,
    member: &str,
    release: Release,
) -> IntKind {
    let by_variant = BY_VARIANT
        .iter()
        .find(|(of, case, name, _)| *of == command && variant == Some(case) && *name == member);
    if let Some((.., kind)) = by_variant {
        return *kind;
    }
    let by_command = BY_COMMAND
        .iter()
        .find(|(of, name, since, _)| *of == command && *name == member && *since <= release);
    if let Some((.., kind)) = by_command {
        return *kind;
    }
    BY_NAME
        .iter()
        .find(|(names, _)| names.contains(&member))
        .map_or(I64, |(_, kind)| *kind)
}

/// The name of the type of an argument that takes values of several kinds.
pub(crate) fn alternate_name(member: &str) -> &'static str {
    match member {
        "bitmaps" => "BlockDirtyBitmapOrStr",
        "backing" => "BlockdevRefOrNull",
        "overlap-check" => "Qcow2OverlapChecks",
        "iothread" | "tls-creds" | "tls-hostname" | "tls-authz" => "StrOrNull",
        _ => "BlockdevRef",
    }
}

/// Commands whose arguments QEMU reads itself, so that the schema lists only some of them.
pub(crate) const UNCHECKED: &[&str] = &["device_add"];

/// Commands that `--preconfig` allows, besides those that begin with `block`.
const BEFORE_MACHINE: &[&str] = &[
    "change-backing-file",
    "drive-backup",
    "drive-mirror",
    "nbd-server-add",
    "nbd-server-remove",
    "nbd-server-start",
    "nbd-server-stop",
    "netdev_add",
    "netdev_del",
    "object-add",
    "object-del",
    "qmp_capabilities",
    "qom-get",
    "qom-list",
    "qom-list-properties",
    "qom-list-types",
    "qom-set",
    "query-block",
    "query-block-exports",
    "query-block-jobs",
    "query-blockstats",
    "query-chardev",
    "query-command-line-options",
    "query-commands",
    "query-hotpluggable-cpus",
    "query-iothreads",
    "query-memdev",
    "query-name",
    "query-named-block-nodes",
    "query-pr-managers",
    "query-qmp-schema",
    "query-status",
    "query-uuid",
    "query-version",
    "quit",
    "set-action",
    "set-numa-node",
    "x-blockdev-amend",
    "x-blockdev-change",
    "x-blockdev-set-iothread",
    "x-debug-block-dirty-bitmap-sha256",
    "x-debug-query-block-graph",
    "x-exit-preconfig",
];

/// Whether a command may be used before the machine is set up.
pub(crate) fn allowed_before_machine(command: &str) -> bool {
    // `blockdev-*`, `block-*` and `block_*` are all of the block layer, which does not wait for a
    // machine.
    command.starts_with("block") || BEFORE_MACHINE.contains(&command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_depend_on_command_and_version() {
        assert_eq!(
            int_kind("block_resize", None, "size", v(10, 0)),
            IntKind::Signed
        );
        assert_eq!(
            int_kind("pmemsave", None, "size", v(10, 0)),
            IntKind::Unsigned
        );
        assert_eq!(int_kind("pmemsave", None, "size", v(9, 0)), IntKind::Signed);
        assert_eq!(
            int_kind("netdev_add", None, "queues", v(7, 2)),
            IntKind::Signed
        );
        assert_eq!(int_kind("netdev_add", Some("tap"), "queues", v(7, 2)), U32);
    }
}
