// SPDX-License-Identifier: GPL-2.0-or-later
//! The QMP interfaces that QEMU lacks: one constant each, shared by the rows that they block.

/// A QMP interface that would free commands. Its definition in QAPI's terms is `parity`'s.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// The name proposed for the QMP command.
    pub name: &'static str,
    /// Why nothing that exists will do, in one sentence.
    pub why: &'static str,
}

macro_rules! missing {
    ($(#[doc = $doc:literal] $konst:ident = $name:literal, $why:literal;)*) => {
        $(#[doc = $doc] pub const $konst: Missing = Missing { name: $name, why: $why };)*
        /// All of them.
        pub const ALL: &[&Missing] = &[$(&$konst),*];
    };
}

missing! {
    /// Network back ends.
    QUERY_NETDEV = "x-query-network",
        "no QMP command lists network back ends, their options, hubs or peers";
    /// User-mode network connections.
    QUERY_USERNET = "x-query-usernet",
        "libslirp's connection table is visible to the built-in monitor only";
    /// Forwarding rules added.
    HOSTFWD_ADD = "netdev-hostfwd-add",
        "forwarding rules are fixed once the user netdev exists";
    /// Forwarding rules removed.
    HOSTFWD_REMOVE = "netdev-hostfwd-remove",
        "forwarding rules are fixed once the user netdev exists";
    /// CPU registers.
    QUERY_REGISTERS = "x-query-registers",
        "no QMP command reads CPU registers; a memory dump's notes hold some, at the price of a pause";
    /// The local APIC.
    QUERY_LAPIC = "x-query-lapic",
        "no QMP command reads a local APIC";
    /// Interrupt controllers of old releases.
    QUERY_PIC = "x-query-interrupt-controllers",
        "QEMU has it from 9.1 on";
    /// The TLB.
    QUERY_TLB = "x-query-tlb",
        "address translation needs the control registers, which no QMP command reads";
    /// Page tables.
    QUERY_MEM = "x-query-mem",
        "address translation needs the control registers, which no QMP command reads";
    /// The memory tree.
    QUERY_MTREE = "x-query-mtree",
        "memory regions do not tell in QOM whether they are enabled, of which kind they are, or what they alias";
    /// Lock profiles.
    QUERY_SYNC_PROFILE = "x-query-sync-profile",
        "the counters are visible to the built-in monitor only";
    /// Switching lock profiles.
    SET_SYNC_PROFILE = "x-set-sync-profile",
        "the counters can be switched by the built-in monitor only";
    /// USB devices of the host.
    QUERY_USB_HOST = "query-usb-host",
        "only the QEMU process sees what its libusb sees";
    /// Audio captures.
    QUERY_CAPTURE = "query-audio-captures",
        "audio captures exist in the built-in monitor only";
    /// Starting an audio capture.
    WAVCAPTURE = "audio-capture-start",
        "audio captures exist in the built-in monitor only";
    /// Ending an audio capture.
    STOPCAPTURE = "audio-capture-stop",
        "audio captures exist in the built-in monitor only";
    /// Storage attributes of s390x guests.
    QUERY_CMMA = "x-query-cmma",
        "no QMP command reads storage attributes";
    /// Migration mode of s390x storage attributes.
    MIGRATION_MODE = "s390-set-migration-mode",
        "the mode is an attribute of the kernel's VM, and QOM has no property for it";
    /// The VIA of Macs.
    QUERY_VIA = "x-query-via",
        "no QMP command reads the chip's registers";
    /// The order of boot devices.
    BOOT_SET = "set-boot-order",
        "writing the machine's boot property does not run the board's handler";
    /// Port reads.
    PORT_READ = "port-read",
        "only the qtest protocol, a test interface, reaches I/O ports";
    /// Port writes.
    PORT_WRITE = "port-write",
        "only the qtest protocol, a test interface, reaches I/O ports";
    /// Host addresses of guest memory.
    GPA2HVA = "x-query-gpa2hva",
        "no QMP command maps guest physical addresses to memory blocks";
    /// Host physical addresses of guest memory.
    GPA2HPA = "x-query-gpa2hpa",
        "only the QEMU process may read its own page map";
    /// Guest physical addresses of virtual ones.
    GVA2GPA = "x-query-gva2gpa",
        "address translation needs the control registers, which no QMP command reads";
    /// Machine checks.
    INJECT_MCE = "inject-mce",
        "no QMP command raises a machine check";
    /// The accelerator's properties.
    ONE_INSN_PER_TB = "set-one-insn-per-tb",
        "the accelerator object is not in the QOM tree, so its property can't be set";
    /// The gdb server.
    GDBSERVER = "gdbserver-start",
        "the gdb character device is internal to QEMU";
    /// The mouse that gets events.
    MOUSE_SET = "mouse-set",
        "QMP lists mice and can't choose one";
    /// PCI Express errors.
    PCIE_AER = "pcie-aer-inject-error",
        "QMP injects CXL errors only";
    /// Log items.
    SET_LOG = "set-log",
        "log items can be set on the command line and by the built-in monitor only";
    /// The log file.
    SET_LOGFILE = "set-logfile",
        "the log file can be set on the command line and by the built-in monitor only";
    /// The file of the simple trace back end.
    TRACE_FILE = "trace-file",
        "the simple trace back end can be steered by the built-in monitor only";
    /// The I/O exerciser.
    QEMU_IO = "x-qemu-io",
        "no QMP command runs qemu-io's commands on a block device";
    /// A drive without a device.
    DRIVE_ADD = "drive-add",
        "QMP makes block nodes, and no drive; use drive_add -n and device_add with drive=NODE";
    /// Deletion of a drive.
    DRIVE_DEL = "drive-del",
        "QMP removes block nodes, and no block backend that -drive made";
}
