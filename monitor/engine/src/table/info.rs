// SPDX-License-Identifier: GPL-2.0-or-later
//! The table of `info`.

use crate::command::nature::Family;
use crate::command::row::{Command, Comp, ErrorStyle, Older, Present, ROW, Route};
use crate::command::vm_state;
use crate::commands::{
    block, chardev, cpu, device, display, machine, memory, migration, net, snapshot, trace,
};
use crate::host::Risk;
use crate::qemu::missing;
use crate::qmp::version::v;
use crate::run;
use crate::table::targets::{
    ARM_AND_X86, IN_PART, NOTES_AND_TABLES, RISCV64, S390X, STATE_AND_TABLES, WITH_MEM, WITH_TLB,
    WITH_VIA, X86,
};

/// What reading registers out of the state of all devices needs.
const REGISTERS: &[&str] = &[
    "query-cpus-fast",
    "query-kvm",
    "query-status",
    "query-migrate",
    "qom-list",
    "add-fd",
    "xen-save-devices-state",
    "remove-fd",
];

/// The rows, sorted by name.
pub const INFO: &[Command] = &[
    Command {
        name: "accel",
        help: "show the accelerator's statistics",
        family: Family::Tracing,
        since: v(10, 1), // 10.1, commit c10eb74010 of QEMU
        routes: &[Route::native(
            &["x-accel-stats"],
            run!(machine::text::accel),
        )],
        ..ROW
    },
    Command {
        name: "accelerators",
        help: "show the accelerators built in",
        family: Family::Tracing,
        since: v(10, 2), // 10.2, commit 71d5babbd6 of QEMU
        routes: &[Route::native(
            &["query-accelerators"],
            run!(machine::info::info_accelerators),
        )],
        ..ROW
    },
    Command {
        name: "balloon",
        help: "show the balloon's size",
        family: Family::Memory,
        routes: &[Route::native(
            &["query-balloon"],
            run!(memory::info::info_balloon),
        )],
        ..ROW
    },
    Command {
        name: "block",
        args: "nodes:-n,verbose:-v,device:B?",
        params: "[-n] [-v] [device]",
        help: "show block devices (-n named nodes, -v with details)",
        family: Family::Block,
        routes: &[Route::native(
            &["query-block", "query-named-block-nodes"],
            run!(block::info_block::info_block),
        )],
        ..ROW
    },
    Command {
        name: "block-jobs",
        help: "show the block jobs",
        family: Family::BlockJobs,
        routes: &[Route::native(
            &["query-block-jobs"],
            run!(block::info_block::info_block_jobs),
        )],
        ..ROW
    },
    Command {
        name: "blockstats",
        help: "show how much each block device read and wrote",
        family: Family::Block,
        routes: &[Route::native(
            &["query-blockstats"],
            run!(block::info_block::info_blockstats),
        )],
        ..ROW
    },
    Command {
        name: "capture",
        help: "show the running sound recordings",
        family: Family::Audio,
        routes: &[Route::blocked(&missing::QUERY_CAPTURE)],
        ..ROW
    },
    Command {
        name: "chardev",
        help: "list the character devices",
        family: Family::CharacterDevices,
        preconfig: true,
        routes: &[Route::native(
            &["query-chardev"],
            run!(chardev::backend::info_chardev),
        )],
        ..ROW
    },
    Command {
        name: "cmma",
        args: "addr:l,count:l?",
        params: "address [count]",
        help: "show storage attributes",
        family: Family::Memory,
        present: Present::Target(S390X),
        routes: &[Route::blocked(&missing::QUERY_CMMA)],
        ..ROW
    },
    Command {
        name: "cpus",
        help: "show the CPUs",
        family: Family::Cpus,
        routes: &[Route::native(
            &["query-cpus-fast"],
            run!(cpu::cpus::info_cpus),
        )],
        ..ROW
    },
    Command {
        name: "cryptodev",
        help: "list the crypto devices",
        family: Family::Devices,
        preconfig: true,
        since: v(8, 0), // 8.0, commit ef52091aeb of QEMU
        routes: &[Route::native(
            &["query-cryptodev"],
            run!(machine::info::info_cryptodev),
        )],
        ..ROW
    },
    Command {
        name: "dirty_rate",
        help: "show the measured dirty page rate",
        family: Family::Migration,
        routes: &[Route::native(
            &["query-dirty-rate"],
            run!(migration::dirty_rate::info),
        )],
        ..ROW
    },
    Command {
        name: "dump",
        help: "show the state of a memory dump",
        family: Family::Memory,
        routes: &[Route::native(
            &["query-dump"],
            run!(machine::info::info_dump),
        )],
        ..ROW
    },
    Command {
        name: "firmware-log",
        args: "max-size:o?",
        params: "[max-size]",
        help: "show the firmware's log",
        family: Family::Machine,
        since: v(10, 2), // 10.2, commit c8aa812031 of QEMU
        routes: &[Route::native(
            &["query-firmware-log"],
            run!(machine::info_firmware_log::info_firmware_log),
        )],
        ..ROW
    },
    Command {
        name: "history",
        help: "show the lines typed so far",
        family: Family::Monitor,
        preconfig: true,
        routes: &[Route::local(run!(machine::info::info_history))],
        ..ROW
    },
    Command {
        name: "hotpluggable-cpus",
        help: "show the CPUs that can be plugged",
        family: Family::Cpus,
        preconfig: true,
        routes: &[Route::native(
            &["query-hotpluggable-cpus"],
            run!(cpu::cpus::info_hotpluggable),
        )],
        ..ROW
    },
    Command {
        name: "iothreads",
        help: "show the I/O threads",
        family: Family::Devices,
        preconfig: true,
        routes: &[Route::native(
            &["query-iothreads"],
            run!(machine::info::info_iothreads),
        )],
        ..ROW
    },
    Command {
        name: "irq",
        help: "show interrupt counts",
        family: Family::Devices,
        routes: &[Route::native(&["x-query-irq"], run!(machine::text::irq))],
        ..ROW
    },
    Command {
        name: "jit",
        help: "show the translator's statistics",
        family: Family::Tracing,
        present: Present::With("x-query-jit"),
        routes: &[Route::native(&["x-query-jit"], run!(machine::text::jit))],
        ..ROW
    },
    Command {
        name: "kvm",
        help: "show whether KVM is in use",
        family: Family::Machine,
        routes: &[Route::native(&["query-kvm"], run!(machine::info::info_kvm))],
        ..ROW
    },
    Command {
        name: "lapic",
        args: "apic-id:i?",
        params: "[apic-id]",
        help: "show a local APIC",
        family: Family::Cpus,
        present: Present::Target(X86),
        routes: &[
            Route::derived(vm_state::NEEDS, run!(cpu::lapic::info_lapic))
                .with_risk(Risk::Risky)
                .on(X86),
            Route::blocked(&missing::QUERY_LAPIC),
        ],
        ..ROW
    },
    Command {
        name: "mem",
        help: "show the ranges of virtual memory that are mapped",
        family: Family::Cpus,
        present: Present::Target(WITH_MEM),
        routes: &[
            Route::derived(NOTES_AND_TABLES, run!(memory::translate::info_mem))
                .with_risk(Risk::Pausing)
                .on(X86),
            Route::derived(STATE_AND_TABLES, run!(memory::riscv::info_mem))
                .with_risk(Risk::Risky)
                .on(RISCV64),
            Route::blocked(&missing::QUERY_MEM),
        ],
        ..ROW
    },
    Command {
        name: "memdev",
        help: "show the memory back ends",
        family: Family::Memory,
        preconfig: true,
        routes: &[Route::native(
            &["query-memdev"],
            run!(memory::info::info_memdev),
        )],
        ..ROW
    },
    Command {
        name: "memory-devices",
        help: "show the memory devices",
        family: Family::Memory,
        routes: &[Route::native(
            &["query-memory-devices"],
            run!(memory::info::info_memory_devices),
        )],
        ..ROW
    },
    Command {
        name: "memory_size_summary",
        help: "show how much memory the VM has",
        family: Family::Memory,
        routes: &[Route::native(
            &["query-memory-size-summary"],
            run!(memory::info::info_memory_size_summary),
        )],
        ..ROW
    },
    Command {
        name: "mice",
        help: "show the mice",
        family: Family::Display,
        routes: &[Route::native(
            &["query-mice"],
            run!(display::info::info_mice),
        )],
        ..ROW
    },
    Command {
        name: "migrate",
        args: "all:-a",
        params: "[-a]",
        help: "show the state of migration (-a in detail)",
        family: Family::Migration,
        older: &[Older {
            before: v(10, 1), // 10.1, commit e09c6d8375 of QEMU
            args: "",
            params: "",
        }],
        routes: &[Route::partial(
            &["query-migrate"],
            run!(migration::info_migrate::info_migrate),
        )],
        ..ROW
    },
    Command {
        name: "migrate_capabilities",
        help: "show the capabilities of migration",
        family: Family::Migration,
        routes: &[Route::native(
            &["query-migrate-capabilities"],
            run!(migration::info_migrate::info_capabilities),
        )],
        ..ROW
    },
    Command {
        name: "migrate_parameters",
        help: "show the parameters of migration",
        family: Family::Migration,
        routes: &[Route::native(
            &["query-migrate-parameters"],
            run!(migration::info_parameters::info_parameters),
        )],
        ..ROW
    },
    Command {
        name: "mtree",
        args: "flatview:-f,dispatch_tree:-d,owner:-o,disabled:-D",
        params: "[-f][-d][-o][-D]",
        help: "show the memory tree (-f flat views, -d dispatch trees, -o owners, -D disabled regions too)",
        family: Family::Memory,
        routes: &[
            Route::partial(&["qom-list", "qom-get"], run!(memory::mtree::info_mtree)),
            Route::blocked(&missing::QUERY_MTREE),
        ],
        ..ROW
    },
    Command {
        name: "name",
        help: "show the VM's name",
        family: Family::Machine,
        preconfig: true,
        routes: &[Route::native(
            &["query-name"],
            run!(machine::run_state::info_name),
        )],
        ..ROW
    },
    Command {
        name: "network",
        help: "show the state of the network",
        family: Family::Network,
        routes: &[
            Route::native(&["x-query-network"], run!(machine::text::network)),
            Route::blocked(&missing::QUERY_NETDEV),
        ],
        ..ROW
    },
    Command {
        name: "numa",
        help: "show the NUMA nodes",
        family: Family::Memory,
        routes: &[Route::native(&["x-query-numa"], run!(machine::text::numa))],
        ..ROW
    },
    Command {
        name: "opcount",
        help: "show the translator's opcode counts",
        family: Family::Tracing,
        until: v(10, 1), // 10.1, commit a8e49597d4 of QEMU
        present: Present::With("x-query-opcount"),
        routes: &[Route::native(
            &["x-query-opcount"],
            run!(machine::text::opcount),
        )],
        ..ROW
    },
    Command {
        name: "pci",
        help: "show PCI devices",
        family: Family::Devices,
        routes: &[
            Route::native(&["query-pci"], run!(device::info_pci::info_pci)),
            Route::local(run!(device::info_pci::no_pci)),
        ],
        ..ROW
    },
    Command {
        name: "pic",
        help: "show the interrupt controllers",
        family: Family::Devices,
        routes: &[
            Route::native(&["x-query-interrupt-controllers"], run!(machine::text::pic)),
            Route::blocked(&missing::QUERY_PIC),
        ],
        ..ROW
    },
    Command {
        name: "profile",
        help: "show the profile of QEMU itself",
        family: Family::Tracing,
        until: v(8, 1), // 8.1, commit 1b65b4f54c of QEMU
        present: Present::With("x-query-profile"),
        routes: &[Route::native(
            &["x-query-profile"],
            run!(machine::text::profile),
        )],
        ..ROW
    },
    Command {
        name: "qdm",
        help: "show the device models",
        family: Family::Devices,
        routes: &[
            Route::derived(&["qom-list-types"], run!(device::info_qdm::info_qdm))
                .after_builtin("what types there are was learned from other builds"),
            Route::partial(&["qom-list-types"], run!(device::info_qdm::info_qdm_part)),
        ],
        ..ROW
    },
    Command {
        name: "qom-tree",
        args: "path:s?",
        params: "[path]",
        help: "show the object tree",
        family: Family::Devices,
        preconfig: true,
        routes: &[Route::derived(
            &["qom-list", "qom-get"],
            run!(device::info_qom_tree::info_qom_tree),
        )
        .after_builtin(
            "each object costs a request, together a hundred times what one line takes",
        )],
        ..ROW
    },
    Command {
        name: "qtree",
        args: "brief:-b",
        params: "[-b]",
        help: "show the device tree (-b without properties)",
        family: Family::Devices,
        older: &[Older {
            before: v(9, 0), // 9.0, commit 46e23b2e42 of QEMU
            args: "",
            params: "",
        }],
        routes: &[
            Route::derived(
                &["qom-list", "qom-get", "qom-list-types"],
                run!(device::info_qtree::info_qtree),
            )
            .after_builtin("the order of properties and pins was learned from other machines"),
            Route::partial(
                &["qom-list", "qom-get", "qom-list-types"],
                run!(device::info_qtree::info_qtree),
            ),
        ],
        ..ROW
    },
    Command {
        name: "ramblock",
        help: "show the blocks of memory",
        family: Family::Memory,
        routes: &[Route::native(
            &["x-query-ramblock"],
            run!(machine::text::ramblock),
        )],
        ..ROW
    },
    Command {
        name: "rdma",
        help: "show RDMA devices",
        family: Family::Migration,
        until: v(9, 1), // 9.1, commit 1dfd42c426 of QEMU
        present: Present::With("x-query-rdma"),
        routes: &[Route::native(&["x-query-rdma"], run!(machine::text::rdma))],
        ..ROW
    },
    Command {
        name: "registers",
        args: "cpustate_all:-a,vcpu:i?",
        params: "[-a|vcpu]",
        help: "show CPU registers (-a of all CPUs)",
        family: Family::Cpus,
        routes: &[
            Route::derived(REGISTERS, run!(cpu::registers::info_registers))
                .with_risk(Risk::Risky)
                .on(ARM_AND_X86),
            Route::partial(REGISTERS, run!(cpu::registers::info_registers))
                .with_risk(Risk::Risky)
                .on(IN_PART),
            Route::blocked(&missing::QUERY_REGISTERS),
        ],
        ..ROW
    },
    Command {
        name: "replay",
        help: "show the state of record and replay",
        family: Family::RunState,
        routes: &[Route::native(
            &["query-replay"],
            run!(machine::info::info_replay),
        )],
        ..ROW
    },
    Command {
        name: "rocker",
        args: "name:s",
        params: "name",
        help: "show a rocker switch",
        family: Family::Network,
        routes: &[Route::native(
            &["query-rocker"],
            run!(net::info_rocker::info),
        )],
        ..ROW
    },
    Command {
        name: "rocker-of-dpa-flows",
        args: "name:s,tbl_id:i?",
        params: "name [tbl_id]",
        help: "show the flows of a rocker switch",
        family: Family::Network,
        routes: &[Route::native(
            &["query-rocker-of-dpa-flows"],
            run!(net::info_rocker::info_flows),
        )],
        ..ROW
    },
    Command {
        name: "rocker-of-dpa-groups",
        args: "name:s,type:i?",
        params: "name [type]",
        help: "show the groups of a rocker switch",
        family: Family::Network,
        routes: &[Route::native(
            &["query-rocker-of-dpa-groups"],
            run!(net::info_rocker::info_groups),
        )],
        ..ROW
    },
    Command {
        name: "rocker-ports",
        args: "name:s",
        params: "name",
        help: "show the ports of a rocker switch",
        family: Family::Network,
        routes: &[Route::native(
            &["query-rocker-ports"],
            run!(net::info_rocker::info_ports),
        )],
        ..ROW
    },
    Command {
        name: "roms",
        help: "show the ROMs",
        family: Family::Machine,
        routes: &[Route::native(&["x-query-roms"], run!(machine::text::roms))],
        ..ROW
    },
    Command {
        name: "sev",
        help: "show the state of SEV",
        family: Family::Machine,
        present: Present::Target(X86),
        routes: &[
            Route::native(&["query-sev"], run!(machine::confidential::info_sev)),
            Route::local(run!(machine::confidential::no_sev)),
        ],
        ..ROW
    },
    Command {
        name: "sgx",
        help: "show the state of SGX",
        family: Family::Machine,
        present: Present::Target(X86),
        errors: ErrorStyle::Bare,
        routes: &[Route::native(
            &["query-sgx"],
            run!(machine::confidential::info_sgx),
        )],
        ..ROW
    },
    Command {
        name: "skeys",
        args: "addr:l",
        params: "address",
        help: "show the storage key of an address",
        family: Family::Memory,
        present: Present::Target(S390X),
        routes: &[Route::derived(
            &["dump-skeys", "add-fd", "remove-fd"],
            run!(memory::dump::info_skeys),
        )],
        ..ROW
    },
    Command {
        name: "snapshots",
        help: "show the snapshots of the VM",
        family: Family::Snapshots,
        routes: &[Route::derived(
            &["query-block", "query-named-block-nodes"],
            run!(snapshot::vm::info),
        )],
        errors: ErrorStyle::BareBefore(v(10, 2)), // 10.2, commit dec83ac02b of QEMU
        ..ROW
    },
    Command {
        name: "spice",
        help: "show the SPICE server",
        family: Family::Display,
        present: Present::With("query-spice"),
        routes: &[Route::native(
            &["query-spice"],
            run!(display::info::info_spice),
        )],
        ..ROW
    },
    Command {
        name: "stats",
        args: "target:s,names:s?,provider:s?",
        params: "target [names] [provider]",
        help: "show statistics of a target ('vm', 'vcpu' or 'cryptodev')",
        family: Family::Tracing,
        errors: ErrorStyle::Bare,
        routes: &[Route::native(
            &["query-stats", "query-stats-schemas", "query-cpus-fast"],
            run!(trace::info_stats::info_stats),
        )],
        ..ROW
    },
    Command {
        name: "status",
        help: "show whether the guest runs",
        family: Family::RunState,
        preconfig: true,
        routes: &[Route::native(
            &["query-status"],
            run!(machine::run_state::info_status),
        )],
        ..ROW
    },
    Command {
        name: "sync-profile",
        args: "mean:-m,no_coalesce:-n,max:i?",
        params: "[-m] [-n] [max]",
        help: "show the profile of locks (-m by mean time, -n every call site)",
        family: Family::Tracing,
        routes: &[Route::blocked(&missing::QUERY_SYNC_PROFILE)],
        ..ROW
    },
    Command {
        name: "tlb",
        help: "show how virtual addresses are mapped",
        family: Family::Cpus,
        present: Present::Target(WITH_TLB),
        routes: &[
            Route::derived(NOTES_AND_TABLES, run!(memory::translate::info_tlb))
                .with_risk(Risk::Pausing)
                .on(X86),
            Route::blocked(&missing::QUERY_TLB),
        ],
        ..ROW
    },
    Command {
        name: "tpm",
        help: "show the TPM devices",
        family: Family::Devices,
        routes: &[
            Route::native(&["query-tpm"], run!(machine::info::info_tpm)),
            Route::local(run!(machine::info::no_tpm)),
        ],
        ..ROW
    },
    Command {
        name: "trace-events",
        args: "name:s?,vcpu:i?",
        params: "[name] [vcpu]",
        help: "show the trace events and their states",
        family: Family::Tracing,
        errors: ErrorStyle::Bare,
        complete: &[("name", Comp::TraceEvent)],
        routes: &[Route::native(
            &["trace-event-get-state"],
            run!(trace::events::info_trace_events),
        )],
        ..ROW
    },
    Command {
        name: "usb",
        help: "show the guest's USB devices",
        family: Family::Devices,
        routes: &[Route::native(&["x-query-usb"], run!(machine::text::usb))],
        ..ROW
    },
    Command {
        name: "usbhost",
        help: "show the host's USB devices",
        family: Family::Devices,
        routes: &[Route::blocked(&missing::QUERY_USB_HOST)],
        ..ROW
    },
    Command {
        name: "usernet",
        help: "show user-mode network connections",
        family: Family::Network,
        routes: &[
            Route::native(&["x-query-usernet"], run!(machine::text::usernet)),
            Route::blocked(&missing::QUERY_USERNET),
        ],
        ..ROW
    },
    Command {
        name: "uuid",
        help: "show the VM's UUID",
        family: Family::Machine,
        preconfig: true,
        routes: &[Route::native(
            &["query-uuid"],
            run!(machine::run_state::info_uuid),
        )],
        ..ROW
    },
    Command {
        name: "vcpu_dirty_limit",
        help: "show the limits of dirty pages",
        family: Family::Migration,
        routes: &[Route::native(
            &["query-vcpu-dirty-limit"],
            run!(migration::dirty_rate::info_limit),
        )],
        ..ROW
    },
    Command {
        name: "version",
        help: "show QEMU's version",
        family: Family::Monitor,
        preconfig: true,
        routes: &[Route::native(
            &["query-version"],
            run!(machine::run_state::info_version),
        )],
        ..ROW
    },
    Command {
        name: "via",
        help: "show the registers of the VIA",
        family: Family::Devices,
        present: Present::Until(v(11, 1), &Present::Target(WITH_VIA)), // 11.1, seen: on 11.1.3; 10.2 has it on some targets
        routes: &[Route::blocked(&missing::QUERY_VIA)],
        ..ROW
    },
    Command {
        name: "virtio",
        help: "show the virtio devices",
        family: Family::Virtio,
        preconfig: true,
        routes: &[Route::native(
            &["x-query-virtio"],
            run!(device::info_virtio::info_virtio),
        )],
        ..ROW
    },
    Command {
        name: "virtio-queue-element",
        args: "path:s,queue:i,index:i?",
        params: "path queue [index]",
        help: "show an element of a virtio queue",
        family: Family::Virtio,
        preconfig: true,
        routes: &[Route::native(
            &["x-query-virtio-queue-element"],
            run!(device::info_virtio::info_queue_element),
        )],
        ..ROW
    },
    Command {
        name: "virtio-queue-status",
        args: "path:s,queue:i",
        params: "path queue",
        help: "show the state of a virtio queue",
        family: Family::Virtio,
        preconfig: true,
        routes: &[Route::native(
            &["x-query-virtio-queue-status"],
            run!(device::info_virtio::info_queue_status),
        )],
        ..ROW
    },
    Command {
        name: "virtio-status",
        args: "path:s",
        params: "path",
        help: "show the state of a virtio device",
        family: Family::Virtio,
        preconfig: true,
        routes: &[Route::native(
            &["x-query-virtio-status"],
            run!(device::info_virtio::info_status),
        )],
        ..ROW
    },
    Command {
        name: "virtio-vhost-queue-status",
        args: "path:s,queue:i",
        params: "path queue",
        help: "show the state of a vhost queue",
        family: Family::Virtio,
        preconfig: true,
        routes: &[Route::native(
            &["x-query-virtio-vhost-queue-status"],
            run!(device::info_virtio::info_vhost_queue_status),
        )],
        ..ROW
    },
    Command {
        name: "vm-generation-id",
        help: "show the VM's generation id",
        family: Family::Machine,
        routes: &[Route::native(
            &["query-vm-generation-id"],
            run!(machine::info::info_vm_generation_id),
        )],
        ..ROW
    },
    Command {
        name: "vnc",
        help: "show the VNC servers",
        family: Family::Display,
        present: Present::With("query-vnc"),
        routes: &[Route::native(
            &["query-vnc-servers"],
            run!(display::info::info_vnc),
        )],
        ..ROW
    },
];
