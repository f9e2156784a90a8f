// SPDX-License-Identifier: GPL-2.0-or-later
//! The main table.

use crate::command::manual::Quirk;
use crate::command::nature::{Effect, Family, Secret};
use crate::command::row::{Command, Comp, ErrorStyle, Older, Present, ROW, Route};
use crate::commands::{
    block, chardev, cpu, device, display, machine, memory, migration, monitor, net, snapshot, trace,
};
use crate::guest::dump;
use crate::host::Risk;
use crate::qemu::missing;
use crate::qmp::version::v;
use crate::run;
use crate::table::targets::{
    AARCH64, ARM, NOTES_AND_TABLES, RISCV64, S390X, STATE_AND_TABLES, STATE_AND_VIRTUAL, X86,
};

/// Why errors about images are the built-in's to say.
const IMAGE_HINTS: &str =
    "which process holds an image, or which module is not installed, is said apart from the error";

/// The rows, sorted by name.
pub const MAIN: &[Command] = &[
    Command {
        name: "announce_self",
        args: "interfaces:s?,id:s?",
        params: "[interfaces] [id]",
        help: "announce the guest's network addresses",
        family: Family::Network,
        effect: Effect::Changes(&[]),
        routes: &[Route::derived(
            &["query-migrate-parameters", "announce-self"],
            run!(migration::control::announce),
        )],
        ..ROW
    },
    Command {
        name: "balloon",
        args: "value:M",
        params: "target",
        help: "ask the guest to give memory back, down to this many MiB",
        family: Family::Memory,
        effect: Effect::Changes(&["query-balloon"]),
        routes: &[Route::native(&["balloon"], run!(machine::control::balloon))],
        ..ROW
    },
    Command {
        name: "block_job_cancel",
        args: "force:-f,device:B",
        params: "[-f] device",
        help: "stop a block job, with -f at once even where it is ready",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        preconfig: true,
        routes: &[Route::native(
            &["block-job-cancel"],
            run!(block::device::job_cancel),
        )],
        ..ROW
    },
    Command {
        name: "block_job_complete",
        args: "device:B",
        params: "device",
        help: "let a block job that is ready finish",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        preconfig: true,
        routes: &[Route::native(
            &["block-job-complete"],
            run!(block::device::job_complete),
        )],
        ..ROW
    },
    Command {
        name: "block_job_pause",
        args: "device:B",
        params: "device",
        help: "pause a block job",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        preconfig: true,
        routes: &[Route::native(
            &["block-job-pause"],
            run!(block::device::job_pause),
        )],
        ..ROW
    },
    Command {
        name: "block_job_resume",
        args: "device:B",
        params: "device",
        help: "go on with a paused block job",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        preconfig: true,
        routes: &[Route::native(
            &["block-job-resume"],
            run!(block::device::job_resume),
        )],
        ..ROW
    },
    Command {
        name: "block_job_set_speed",
        args: "device:B,speed:o",
        params: "device speed",
        help: "limit the speed of a block job",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        preconfig: true,
        routes: &[Route::native(
            &["block-job-set-speed"],
            run!(block::device::job_set_speed),
        )],
        ..ROW
    },
    Command {
        name: "block_resize",
        args: "device:B,size:o",
        params: "device size",
        help: "change the size of a block device",
        family: Family::Block,
        loses: "an image that gets smaller loses what is behind its new end",
        effect: Effect::Changes(&["query-block", "query-named-block-nodes"]),
        preconfig: true,
        routes: &[Route::native(
            &["block_resize"],
            run!(block::device::resize),
        )],
        ..ROW
    },
    Command {
        name: "block_set_io_throttle",
        args: "device:B,bps:l,bps_rd:l,bps_wr:l,iops:l,iops_rd:l,iops_wr:l",
        params: "device bps bps_rd bps_wr iops iops_rd iops_wr",
        help: "limit a disk's bytes and operations a second",
        family: Family::Block,
        effect: Effect::Changes(&["query-block", "query-named-block-nodes"]),
        preconfig: true,
        routes: &[Route::native(
            &["query-block", "block_set_io_throttle"],
            run!(block::device::set_io_throttle),
        )],
        ..ROW
    },
    Command {
        name: "block_stream",
        args: "device:B,speed:o?,base:s?",
        params: "device [speed [base]]",
        help: "copy what a device reads from its backing file into the device itself",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        preconfig: true,
        routes: &[Route::native(&["block-stream"], run!(block::copy::stream))],
        ..ROW
    },
    Command {
        name: "boot_set",
        args: "bootdevice:s",
        params: "bootdevice",
        help: "set the order of boot devices",
        family: Family::Machine,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::BOOT_SET)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "calc_dirty_rate",
        args: "dirty_ring:-r,dirty_bitmap:-b,second:l,sample_pages_per_GB:l?",
        params: "[-r] [-b] second [sample_pages_per_GB]",
        help: "measure how fast the guest dirties memory (-r with the dirty ring, -b with the dirty bitmap)",
        family: Family::Migration,
        effect: Effect::Changes(&["query-dirty-rate"]),
        routes: &[Route::native(
            &["calc-dirty-rate"],
            run!(migration::dirty_rate::calc),
        )],
        ..ROW
    },
    Command {
        name: "cancel_vcpu_dirty_limit",
        args: "cpu_index:l?",
        params: "[cpu_index]",
        help: "end that limit",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["cancel-vcpu-dirty-limit"],
            run!(migration::dirty_rate::cancel_limit),
        )],
        ..ROW
    },
    Command {
        name: "change",
        args: "device:B,force:-f,target:F,arg:s?,read-only-mode:s?",
        params: "device [-f] filename [format [read-only-mode]]",
        help: "put another medium into a drive, or set the VNC password",
        family: Family::Block,
        effect: Effect::Changes(&["query-block", "query-named-block-nodes"]),
        secret: Secret::Mentions(&["passw"]),
        routes: &[
            Route::native(&["blockdev-change-medium"], run!(display::password::change))
                .but_errors(IMAGE_HINTS),
        ],
        ..ROW
    },
    Command {
        name: "chardev-add",
        args: "args:s",
        params: "args",
        help: "add a character device",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&["query-chardev"]),
        routes: &[Route::derived(
            &["chardev-add", "chardev-remove", "query-chardev-backends"],
            run!(chardev::backend::add),
        )
        .after_builtin(
            "QMP does not say which devices are of the command line, nor SPICE's channels",
        )],
        complete: &[("args", Comp::ChardevType)],
        ..ROW
    },
    Command {
        name: "chardev-change",
        args: "id:s,args:s",
        params: "id args",
        help: "give a character device another back end",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&["query-chardev"]),
        routes: &[Route::derived(
            &["chardev-change"],
            run!(chardev::backend::change),
        )],
        ..ROW
    },
    Command {
        name: "chardev-remove",
        args: "id:s",
        params: "id",
        help: "remove a character device",
        family: Family::CharacterDevices,
        loses: "the character device is removed",
        effect: Effect::Changes(&["query-chardev"]),
        routes: &[Route::native(
            &["chardev-remove"],
            run!(chardev::backend::remove),
        )],
        complete: &[("id", Comp::Chardev)],
        ..ROW
    },
    Command {
        name: "chardev-send-break",
        args: "id:s",
        params: "id",
        help: "send a break on a character device",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["chardev-send-break"],
            run!(chardev::backend::send_break),
        )],
        complete: &[("id", Comp::Chardev)],
        ..ROW
    },
    Command {
        name: "clear",
        help: "clear the screen",
        family: Family::Monitor,
        preconfig: true,
        since: v(11, 1), // 11.1, seen: on 11.1.3; 10.2 is without
        routes: &[Route::local(run!(monitor::clear::clear))],
        ..ROW
    },
    Command {
        name: "client_migrate_info",
        args: "protocol:s,hostname:s,port:i?,tls-port:i?,cert-subject:s?",
        params: "protocol hostname port tls-port cert-subject",
        help: "tell remote display clients where the VM moves",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["client_migrate_info"],
            run!(migration::control::client_info),
        )
        .after_builtin("SPICE warns the monitor that asked")],
        ..ROW
    },
    Command {
        name: "closefd",
        args: "fdname:s",
        params: "closefd name",
        help: "close a named file descriptor",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&[]),
        preconfig: true,
        routes: &[Route::native(&["closefd"], run!(machine::control::closefd))],
        ..ROW
    },
    Command {
        name: "commit",
        args: "device:B",
        params: "device|all",
        help: "write the changes of a disk's overlay, or of all, into the image behind it",
        family: Family::BlockJobs,
        loses: "the image below is written to",
        effect: Effect::Changes(&["query-named-block-nodes"]),
        routes: &[Route::derived(
            &[
                "block-commit",
                "block-job-cancel",
                "query-jobs",
                "job-dismiss",
                "query-block",
                "query-named-block-nodes",
            ],
            run!(block::commit::commit),
        )
        .after_builtin(
            "QMP neither empties the overlay nor closes the image behind it for writing",
        )],
        errors: ErrorStyle::BareBefore(v(10, 2)), // 10.2, commit dec83ac02b of QEMU
        ..ROW
    },
    Command {
        name: "cont|c",
        help: "let the guest's CPUs run",
        family: Family::RunState,
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(&["cont"], run!(machine::run_state::cont))],
        ..ROW
    },
    Command {
        name: "cpu",
        args: "index:i",
        params: "index",
        help: "choose the CPU that later commands look at",
        family: Family::Cpus,
        routes: &[Route::native(&["query-cpus-fast"], run!(cpu::cpus::cpu))],
        ..ROW
    },
    Command {
        name: "delvm",
        args: "name:s",
        params: "tag",
        help: "delete a snapshot of the VM",
        family: Family::Snapshots,
        loses: "the snapshot is deleted",
        effect: Effect::Changes(&["query-named-block-nodes", "query-status", "query-jobs"]),
        routes: &[Route::derived(
            &[
                "snapshot-delete",
                "query-jobs",
                "job-dismiss",
                "query-block",
                "query-named-block-nodes",
            ],
            run!(snapshot::vm::delete),
        )],
        complete: &[("name", Comp::Snapshot)],
        ..ROW
    },
    Command {
        name: "device_add",
        args: "device:O",
        params: "driver[,prop=value][,...]",
        help: "plug a device in",
        family: Family::Devices,
        effect: Effect::Changes(&[
            r#"{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}"#,
        ]),
        complete: &[("device", Comp::DeviceType)],
        routes: &[Route::native(
            &["device_add", "device-list-properties"],
            run!(device::device_add::device_add),
        )],
        ..ROW
    },
    Command {
        name: "device_del",
        args: "id:s",
        params: "device",
        help: "unplug a device",
        family: Family::Devices,
        loses: "the device is unplugged",
        effect: Effect::Changes(&[
            r#"{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}"#,
        ]),
        complete: &[("id", Comp::Device)],
        routes: &[Route::native(
            &["device_del"],
            run!(machine::control::device_del),
        )],
        ..ROW
    },
    Command {
        name: "drive_add",
        args: "node:-n,pci_addr:s,opts:s",
        params: "[-n] [[<domain>:]<bus>:]<slot>\n[file=file][,if=type][,bus=n]\n[,unit=m][,media=d][,index=i]\n[,snapshot=on|off][,cache=on|off]\n[,readonly=on|off][,copy-on-read=on|off]",
        help: "add a drive for a device to be plugged in, or with -n a block node",
        family: Family::Block,
        effect: Effect::Changes(&["query-block", "query-named-block-nodes"]),
        routes: &[Route::partial(&["blockdev-add"], run!(block::drive::add))],
        errors: ErrorStyle::BareBefore(v(10, 2)), // 10.2, commit dec83ac02b of QEMU
        ..ROW
    },
    Command {
        name: "drive_backup",
        args: "reuse:-n,full:-f,compress:-c,device:B,target:s,format:s?",
        params: "[-n] [-f] [-c] device target [format]",
        help: "copy a disk as it is now to a target (-n existing target, -f whole chain, -c compressed)",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        routes: &[
            Route::native(&["drive-backup"], run!(block::copy::backup)).but_errors(IMAGE_HINTS)
        ],
        ..ROW
    },
    Command {
        name: "drive_del",
        args: "id:B",
        params: "device",
        help: "remove a drive on the host's side",
        family: Family::Block,
        loses: "the drive is taken from the guest at once",
        effect: Effect::Changes(&["query-block", "query-named-block-nodes"]),
        routes: &[Route::partial(
            &[
                "blockdev-del",
                "eject",
                "query-block",
                "query-named-block-nodes",
            ],
            run!(block::drive::delete),
        )],
        errors: ErrorStyle::BareBefore(v(10, 2)), // 10.2, commit dec83ac02b of QEMU
        ..ROW
    },
    Command {
        name: "drive_mirror",
        args: "reuse:-n,full:-f,device:B,target:s,format:s?",
        params: "[-n] [-f] device target [format]",
        help: "copy a disk to a target, and keep both alike until completed (-n existing target, -f whole chain)",
        family: Family::BlockJobs,
        effect: Effect::Changes(&["query-block-jobs"]),
        routes: &[
            Route::native(&["drive-mirror"], run!(block::copy::mirror)).but_errors(IMAGE_HINTS)
        ],
        ..ROW
    },
    Command {
        name: "dump-guest-memory",
        args: "paging:-p,detach:-d,windmp:-w,zlib:-z,lzo:-l,snappy:-s,raw:-R,filename:F,begin:l?,length:l?",
        params: "[-p] [-d] [-z|-l|-s|-w] [-R] filename [begin length]",
        help: "write guest memory into a core file (-p paging, -d in the background, -z zlib, -l LZO, -s snappy, -w Windows, -R raw)",
        family: Family::Memory,
        effect: Effect::Writes,
        older: &[Older {
            before: v(8, 2), // 8.2, commit e6549197f7 of QEMU
            args: "paging:-p,detach:-d,windmp:-w,zlib:-z,lzo:-l,snappy:-s,filename:F,begin:l?,length:l?",
            params: "[-p] [-d] [-z|-l|-s|-w] filename [begin length]",
        }],
        routes: &[Route::native(
            &["dump-guest-memory"],
            run!(memory::dump::dump_guest_memory),
        )],
        ..ROW
    },
    Command {
        name: "dump-skeys",
        args: "filename:F",
        help: "write the storage keys into a file",
        family: Family::Memory,
        effect: Effect::Writes,
        present: Present::Target(S390X),
        errors: ErrorStyle::Bare,
        routes: &[Route::native(
            &["dump-skeys"],
            run!(memory::dump::dump_skeys),
        )],
        quirk: Quirk::BlankLineBehind,
        ..ROW
    },
    Command {
        name: "dumpdtb",
        args: "filename:F",
        params: "filename",
        help: "write the device tree into a file",
        family: Family::Machine,
        effect: Effect::Writes,
        present: Present::With("dumpdtb"),
        routes: &[Route::native(&["dumpdtb"], run!(memory::dump::dumpdtb))],
        ..ROW
    },
    Command {
        name: "eject",
        args: "force:-f,device:B",
        params: "[-f] device",
        help: "take the medium out of a drive, with -f even when the guest locked it",
        family: Family::Block,
        loses: "the medium is taken out",
        effect: Effect::Changes(&["query-block", "query-named-block-nodes"]),
        routes: &[Route::native(&["eject"], run!(block::device::eject))],
        ..ROW
    },
    Command {
        name: "exit_preconfig",
        help: "leave preconfig and initialise the machine",
        family: Family::RunState,
        effect: Effect::Changes(&["query-status"]),
        preconfig: true,
        routes: &[Route::native(
            &["x-exit-preconfig"],
            run!(machine::run_state::exit_preconfig),
        )],
        ..ROW
    },
    Command {
        name: "expire_password",
        args: "protocol:s,time:s,display:-ds",
        params: "protocol time [-d display]",
        help: "say when the VNC or SPICE password expires",
        family: Family::Display,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["expire_password"],
            run!(display::password::expire),
        )],
        ..ROW
    },
    Command {
        name: "gdbserver",
        args: "device:s?",
        params: "[device]",
        help: "listen for gdb on a device (default tcp::1234), or stop with 'none'",
        family: Family::Machine,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::GDBSERVER)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "getfd",
        args: "fdname:s",
        params: "getfd name",
        help: "receive a file descriptor and give it a name",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&[]),
        preconfig: true,
        routes: &[Route::native(&["getfd"], run!(machine::control::getfd))],
        ..ROW
    },
    Command {
        name: "gpa2hpa",
        args: "addr:l",
        params: "addr",
        help: "show the host physical address of a guest physical one",
        family: Family::Memory,
        routes: &[Route::blocked(&missing::GPA2HPA)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "gpa2hva",
        args: "addr:l",
        params: "addr",
        help: "show the host virtual address of a guest physical one",
        family: Family::Memory,
        routes: &[Route::blocked(&missing::GPA2HVA)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "gva2gpa",
        args: "addr:l",
        params: "addr",
        help: "show the guest physical address of a guest virtual one",
        family: Family::Memory,
        routes: &[
            Route::derived(NOTES_AND_TABLES, run!(memory::translate::gva2gpa))
                .with_risk(Risk::Pausing)
                .on(X86),
            Route::derived(STATE_AND_TABLES, run!(memory::riscv::gva2gpa))
                .with_risk(Risk::Risky)
                .on(RISCV64),
            Route::derived(STATE_AND_TABLES, run!(memory::arm::gva2gpa))
                .with_risk(Risk::Risky)
                .on(ARM),
            Route::blocked(&missing::GVA2GPA),
        ],
        ..ROW
    },
    Command {
        name: "help|?",
        args: "name:S?",
        params: "[cmd]",
        help: "show how commands are written, or how one is",
        family: Family::Monitor,
        preconfig: true,
        routes: &[Route::local(run!(monitor::help::help)).after_builtin("the sentences are QEMU's")],
        ..ROW
    },
    Command {
        name: "hostfwd_add",
        args: "arg1:s,arg2:s?",
        params: "[netdev_id] [tcp|udp|unix]:[[hostaddr]:hostport|hostpath]-[guestaddr]:guestport",
        help: "forward a host port to the guest",
        family: Family::Network,
        effect: Effect::Changes(&[]),
        older: &[Older {
            before: v(10, 2), // 10.2, commit 6d10e02131 of QEMU
            args: "arg1:s,arg2:s?",
            params: "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
        }],
        routes: &[Route::blocked(&missing::HOSTFWD_ADD)],
        ..ROW
    },
    Command {
        name: "hostfwd_remove",
        args: "arg1:s,arg2:s?",
        params: "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
        help: "end forwarding a host port",
        family: Family::Network,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::HOSTFWD_REMOVE)],
        ..ROW
    },
    Command {
        name: "i",
        args: "fmt:/,addr:i,index:i.",
        params: "/fmt addr",
        help: "read an I/O port",
        family: Family::Monitor,
        effect: Effect::Changes(&[]),
        routes: &[
            Route::derived(machine::port_access::NEEDS, run!(machine::ports::read))
                .with_risk(Risk::Risky),
            Route::blocked(&missing::PORT_READ),
        ],
        ..ROW
    },
    Command {
        name: "info",
        args: "item:s?",
        params: "[subcommand]",
        help: "show something about the VM",
        family: Family::Monitor,
        preconfig: true,
        routes: &[Route::local(run!(monitor::help::info)).after_builtin("the sentences are QEMU's")],
        ..ROW
    },
    Command {
        name: "loadvm",
        args: "name:s",
        params: "tag",
        help: "go back to a snapshot of the VM",
        family: Family::Snapshots,
        loses: "the VM goes back to the snapshot and loses what it did since",
        effect: Effect::Changes(&["query-named-block-nodes", "query-status", "query-jobs"]),
        routes: &[Route::derived(
            &[
                "snapshot-load",
                "query-jobs",
                "job-dismiss",
                "query-block",
                "query-named-block-nodes",
            ],
            run!(snapshot::vm::load),
        )
        .after_builtin("QEMU says why it fails to the monitor that asked")],
        complete: &[("name", Comp::Snapshot)],
        ..ROW
    },
    Command {
        name: "log",
        args: "items:s",
        params: "item1[,...]",
        help: "choose what QEMU logs",
        family: Family::Monitor,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::SET_LOG)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "logfile",
        args: "filename:F",
        params: "filename",
        help: "send QEMU's log to a file",
        family: Family::Monitor,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::SET_LOGFILE)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "mce",
        args: "broadcast:-b,cpu_index:i,bank:i,status:l,mcg_status:l,addr:l,misc:l",
        params: "[-b] cpu bank status mcgstatus addr misc",
        help: "inject a machine check (-b to all CPUs)",
        family: Family::Cpus,
        effect: Effect::Changes(&[]),
        present: Present::Target(X86),
        routes: &[Route::blocked(&missing::INJECT_MCE)],
        ..ROW
    },
    Command {
        name: "memsave",
        args: "val:l,size:i,filename:s",
        params: "addr size file",
        help: "write virtual memory into a file",
        family: Family::Memory,
        effect: Effect::Writes,
        routes: &[Route::native(&["memsave"], run!(memory::save::memsave))],
        ..ROW
    },
    Command {
        name: "migrate",
        args: "detach:-d,resume:-r,uri:s",
        params: "[-d] [-r] uri",
        help: "move the VM to another QEMU (-d in the background, -r after a failed post-copy)",
        family: Family::Migration,
        effect: Effect::Changes(&["query-migrate"]),
        older: &[Older {
            before: v(9, 1), // 9.1, commit 61c4e39f73 of QEMU
            args: "detach:-d,blk:-b,inc:-i,resume:-r,uri:s",
            params: "[-d] [-b] [-i] [-r] uri",
        }],
        routes: &[Route::native(
            &["migrate", "query-migrate"],
            run!(migration::migrate::migrate),
        )],
        ..ROW
    },
    Command {
        name: "migrate_cancel",
        help: "give the running migration up",
        family: Family::Migration,
        effect: Effect::Changes(&["query-migrate"]),
        routes: &[Route::native(
            &["migrate_cancel"],
            run!(migration::control::cancel),
        )],
        ..ROW
    },
    Command {
        name: "migrate_continue",
        args: "state:s",
        params: "state",
        help: "go on with a migration that paused in this state",
        family: Family::Migration,
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(
            &["migrate-continue"],
            run!(migration::control::go_on),
        )],
        ..ROW
    },
    Command {
        name: "migrate_incoming",
        args: "uri:s",
        params: "uri",
        help: "start waiting for an incoming migration",
        family: Family::Migration,
        effect: Effect::Changes(&["query-migrate"]),
        routes: &[
            Route::native(&["migrate-incoming"], run!(migration::control::incoming)).after_builtin(
                "an address that fails leaves a state behind: it can't be tried twice",
            ),
        ],
        ..ROW
    },
    Command {
        name: "migrate_pause",
        help: "pause a post-copy migration",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["migrate-pause"],
            run!(migration::control::pause),
        )],
        ..ROW
    },
    Command {
        name: "migrate_recover",
        args: "uri:s",
        params: "uri",
        help: "go on with an incoming post-copy migration that failed",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["migrate-recover"],
            run!(migration::control::recover),
        )],
        ..ROW
    },
    Command {
        name: "migrate_set_capability",
        args: "capability:s,state:b",
        params: "capability state",
        help: "switch a capability of migration on or off",
        family: Family::Migration,
        effect: Effect::Changes(&["query-migrate-capabilities"]),
        routes: &[Route::native(
            &["migrate-set-capabilities"],
            run!(migration::control::set_capability),
        )],
        complete: &[
            ("capability", Comp::MigrationCapability),
            ("state", Comp::OneOf(&["on", "off"])),
        ],
        ..ROW
    },
    Command {
        name: "migrate_set_parameter",
        args: "parameter:s,value:S",
        params: "parameter value",
        help: "set a parameter of migration",
        family: Family::Migration,
        effect: Effect::Changes(&["query-migrate-parameters"]),
        older: &[Older {
            before: v(10, 2), // 10.2, commit f57ff59f1e of QEMU
            args: "parameter:s,value:s",
            params: "parameter value",
        }],
        routes: &[Route::native(
            &["migrate-set-parameters"],
            run!(migration::set_parameter::set_parameter),
        )],
        complete: &[("parameter", Comp::Members("migrate-set-parameters"))],
        ..ROW
    },
    Command {
        name: "migrate_start_postcopy",
        help: "switch the running migration to post-copy",
        family: Family::Migration,
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(
            &["migrate-start-postcopy"],
            run!(migration::control::start_postcopy),
        )],
        ..ROW
    },
    Command {
        name: "migration_mode",
        args: "mode:i",
        params: "mode",
        help: "switch the storage attributes' migration mode on or off",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        present: Present::Target(S390X),
        routes: &[Route::blocked(&missing::MIGRATION_MODE)],
        quirk: Quirk::BlankLineBehind,
        ..ROW
    },
    Command {
        name: "mouse_button",
        args: "button_state:i",
        params: "state",
        help: "press mouse buttons (1 left, 2 right, 4 middle)",
        family: Family::Display,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["input-send-event"],
            run!(display::input::mouse_button),
        )],
        ..ROW
    },
    Command {
        name: "mouse_move",
        args: "dx_str:s,dy_str:s,dz_str:s?",
        params: "dx dy [dz]",
        help: "move the mouse, and turn its wheel",
        family: Family::Display,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["input-send-event"],
            run!(display::input::mouse_move),
        )],
        ..ROW
    },
    Command {
        name: "mouse_set",
        args: "index:i",
        params: "index",
        help: "choose the mouse that gets events",
        family: Family::Display,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::MOUSE_SET)],
        errors: ErrorStyle::BareBefore(v(8, 0)), // 8.0, commit ec843b97f2 of QEMU
        ..ROW
    },
    Command {
        name: "nbd_server_add",
        args: "writable:-w,device:B,name:s?",
        params: "nbd_server_add [-w] device [name]",
        help: "export a disk over NBD (-w writable)",
        family: Family::Block,
        effect: Effect::Changes(&["query-block-exports"]),
        preconfig: true,
        routes: &[Route::native(&["nbd-server-add"], run!(block::nbd::add))],
        ..ROW
    },
    Command {
        name: "nbd_server_remove",
        args: "force:-f,name:s",
        params: "nbd_server_remove [-f] name",
        help: "end an NBD export (-f with clients connected)",
        family: Family::Block,
        effect: Effect::Changes(&["query-block-exports"]),
        preconfig: true,
        routes: &[Route::native(
            &["nbd-server-remove"],
            run!(block::nbd::remove),
        )],
        ..ROW
    },
    Command {
        name: "nbd_server_start",
        args: "all:-a,writable:-w,uri:s",
        params: "nbd_server_start [-a] [-w] host:port",
        help: "start an NBD server (-a export all disks, -w writable)",
        family: Family::Block,
        effect: Effect::Changes(&["query-block-exports"]),
        preconfig: true,
        routes: &[Route::native(
            &[
                "nbd-server-start",
                "nbd-server-add",
                "nbd-server-stop",
                "query-block",
            ],
            run!(block::nbd::start),
        )],
        ..ROW
    },
    Command {
        name: "nbd_server_stop",
        params: "nbd_server_stop",
        help: "stop the NBD server",
        family: Family::Block,
        effect: Effect::Changes(&["query-block-exports"]),
        preconfig: true,
        routes: &[Route::native(&["nbd-server-stop"], run!(block::nbd::stop))],
        ..ROW
    },
    Command {
        name: "netdev_add",
        args: "netdev:O",
        params: "[user|tap|socket|stream|dgram|vde|bridge|hubport|netmap|vhost-user|passt|af-xdp|vmnet-host|vmnet-shared|vmnet-bridged],id=str[,prop=value][,...]",
        help: "add a network back end",
        family: Family::Network,
        effect: Effect::Changes(&["query-rx-filter"]),
        preconfig: true,
        older: &[
            Older {
                before: v(8, 2), // 8.2, commit cb039ef3d9 of QEMU
                args: "netdev:O",
                params: "[user|tap|socket|stream|dgram|vde|bridge|hubport|netmap|vhost-user|vmnet-host|vmnet-shared|vmnet-bridged],id=str[,prop=value][,...]",
            },
            Older {
                before: v(10, 1), // 10.1, commit 854ee02b22 of QEMU
                args: "netdev:O",
                params: "[user|tap|socket|stream|dgram|vde|bridge|hubport|netmap|vhost-user|af-xdp|vmnet-host|vmnet-shared|vmnet-bridged],id=str[,prop=value][,...]",
            },
        ],
        routes: &[Route::derived(&["netdev_add"], run!(net::netdev_add::add))],
        complete: &[("netdev", Comp::NetdevType)],
        quirk: Quirk::BuiltTypes("netdev_add", "type"),
        ..ROW
    },
    Command {
        name: "netdev_del",
        args: "id:s",
        params: "id",
        help: "remove a network back end",
        family: Family::Network,
        loses: "the network back end is removed",
        effect: Effect::Changes(&["query-rx-filter"]),
        preconfig: true,
        routes: &[Route::native(&["netdev_del"], run!(net::link::delete))],
        complete: &[("id", Comp::Netdev)],
        ..ROW
    },
    Command {
        name: "nmi",
        help: "send a non-maskable interrupt",
        family: Family::RunState,
        loses: "the guest may crash, as it is made to",
        effect: Effect::Changes(&[]),
        routes: &[Route::native(&["inject-nmi"], run!(machine::control::nmi))],
        ..ROW
    },
    Command {
        name: "o",
        args: "fmt:/,addr:i,val:i",
        params: "/fmt addr value",
        help: "write an I/O port",
        family: Family::Monitor,
        effect: Effect::Changes(&[]),
        routes: &[
            Route::derived(machine::port_access::NEEDS, run!(machine::ports::write))
                .with_risk(Risk::Risky),
            Route::blocked(&missing::PORT_WRITE),
        ],
        ..ROW
    },
    Command {
        name: "object_add",
        args: "object:S",
        params: "[qom-type=]type,id=str[,prop=value][,...]",
        help: "create an object",
        family: Family::Devices,
        effect: Effect::Changes(&[r#"{"execute":"qom-list","arguments":{"path":"/objects"}}"#]),
        secret: Secret::Mentions(&["secret", "data="]),
        preconfig: true,
        complete: &[("object", Comp::ObjectType)],
        routes: &[Route::native(
            &["object-add"],
            run!(device::object_add::object_add),
        )],
        ..ROW
    },
    Command {
        name: "object_del",
        args: "id:s",
        params: "id",
        help: "remove an object",
        family: Family::Devices,
        loses: "the object is removed",
        effect: Effect::Changes(&[r#"{"execute":"qom-list","arguments":{"path":"/objects"}}"#]),
        preconfig: true,
        complete: &[("id", Comp::Object)],
        routes: &[Route::native(
            &["object-del"],
            run!(machine::control::object_del),
        )],
        ..ROW
    },
    Command {
        name: "one-insn-per-tb",
        args: "option:s?",
        params: "[on|off]",
        help: "run one guest instruction per translation block, or many again",
        family: Family::Tracing,
        effect: Effect::Changes(&[]),
        since: v(8, 1), // 8.1, commit e9ccfdd91d of QEMU
        routes: &[Route::blocked(&missing::ONE_INSN_PER_TB)],
        ..ROW
    },
    Command {
        name: "pcie_aer_inject_error",
        args: "advisory_non_fatal:-a,correctable:-c,id:s,error_status:s,header0:i?,header1:i?,header2:i?,header3:i?,prefix0:i?,prefix1:i?,prefix2:i?,prefix3:i?",
        params: "[-a] [-c] id <error_status> [<tlp header> [<tlp header prefix>]]",
        help: "inject a PCI Express error (-a advisory, -c correctable)",
        family: Family::Devices,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::PCIE_AER)],
        errors: ErrorStyle::BareBefore(v(8, 0)), // 8.0, commit ba235d33e8 of QEMU
        ..ROW
    },
    Command {
        name: "pmemsave",
        args: "val:l,size:i,filename:s",
        params: "addr size file",
        help: "write physical memory into a file",
        family: Family::Memory,
        effect: Effect::Writes,
        routes: &[Route::native(&["pmemsave"], run!(memory::save::pmemsave))],
        ..ROW
    },
    Command {
        name: "print|p",
        args: "fmt:/,val:l",
        params: "/fmt expr",
        help: "compute an expression",
        family: Family::Monitor,
        routes: &[Route::local(run!(monitor::print::print))],
        ..ROW
    },
    Command {
        name: "qemu-io",
        args: "qdev:-d,device:B,command:s",
        params: "[-d] [device] \"[command]\"",
        help: "run a command of qemu-io on a block device",
        family: Family::Block,
        effect: Effect::Changes(&[]),
        routes: &[
            Route::native(&["x-qemu-io"], run!(machine::text::qemu_io)),
            Route::blocked(&missing::QEMU_IO),
        ],
        ..ROW
    },
    Command {
        name: "qom-get",
        args: "path:s,property:s",
        params: "path property",
        help: "show a property of an object",
        family: Family::Devices,
        preconfig: true,
        routes: &[Route::native(&["qom-get"], run!(device::qom::get))],
        ..ROW
    },
    Command {
        name: "qom-list",
        args: "path:s?",
        params: "path",
        help: "list the properties of an object",
        family: Family::Devices,
        preconfig: true,
        routes: &[Route::native(&["qom-list"], run!(device::qom::list))],
        ..ROW
    },
    Command {
        name: "qom-set",
        args: "json:-j,path:s,property:s,value:S",
        params: "[-j] path property value",
        help: "set a property of an object (-j: the value is JSON)",
        family: Family::Devices,
        effect: Effect::Changes(&[]),
        secret: Secret::Mentions(&["data", "secret", "passw", "private-key"]),
        preconfig: true,
        routes: &[Route::native(
            &["qom-set", "qom-list"],
            run!(device::qom::set),
        )],
        ..ROW
    },
    Command {
        name: "quit|q",
        help: "end QEMU",
        family: Family::Monitor,
        loses: "the VM ends",
        effect: Effect::Changes(&[]),
        preconfig: true,
        routes: &[Route::native(&["quit"], run!(machine::run_state::quit))],
        ..ROW
    },
    Command {
        name: "replay_break",
        args: "icount:l",
        params: "icount",
        help: "stop the replay at an instruction",
        family: Family::RunState,
        effect: Effect::Changes(&["query-replay"]),
        errors: ErrorStyle::Bare,
        routes: &[Route::native(
            &["replay-break"],
            run!(machine::replay::replay_break),
        )],
        ..ROW
    },
    Command {
        name: "replay_delete_break",
        help: "remove the replay's breakpoint",
        family: Family::RunState,
        effect: Effect::Changes(&["query-replay"]),
        errors: ErrorStyle::Bare,
        routes: &[Route::native(
            &["replay-delete-break"],
            run!(machine::replay::replay_delete_break),
        )],
        ..ROW
    },
    Command {
        name: "replay_seek",
        args: "icount:l",
        params: "icount",
        help: "replay up to an instruction",
        family: Family::RunState,
        effect: Effect::Changes(&["query-replay"]),
        errors: ErrorStyle::Bare,
        routes: &[Route::native(
            &["replay-seek"],
            run!(machine::replay::replay_seek),
        )],
        ..ROW
    },
    Command {
        name: "ringbuf_read",
        args: "device:s,size:i",
        params: "device size",
        help: "read and remove bytes from a ring buffer",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["ringbuf-read"],
            run!(chardev::backend::ringbuf_read),
        )],
        complete: &[("device", Comp::Ringbuf)],
        ..ROW
    },
    Command {
        name: "ringbuf_write",
        args: "device:s,data:s",
        params: "device data",
        help: "write into a ring buffer",
        family: Family::CharacterDevices,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["ringbuf-write"],
            run!(chardev::backend::ringbuf_write),
        )],
        complete: &[("device", Comp::Ringbuf)],
        ..ROW
    },
    Command {
        name: "savevm",
        args: "name:s?",
        params: "tag",
        help: "take a snapshot of the whole VM, memory included",
        family: Family::Snapshots,
        effect: Effect::Changes(&["query-named-block-nodes", "query-status", "query-jobs"]),
        routes: &[Route::derived(
            &[
                "snapshot-save",
                "snapshot-delete",
                "query-jobs",
                "job-dismiss",
                "query-block",
                "query-named-block-nodes",
                "query-migrate",
            ],
            run!(snapshot::vm::save),
        )],
        ..ROW
    },
    Command {
        name: "screendump",
        args: "filename:F,format:-fs,device:s?,head:i?",
        params: "filename [-f format] [device [head]]",
        help: "write a picture of the screen into a file",
        family: Family::Display,
        effect: Effect::Writes,
        present: Present::With("screendump"),
        routes: &[Route::native(
            &["screendump"],
            run!(machine::control::screendump),
        )],
        ..ROW
    },
    Command {
        name: "sendkey",
        args: "keys:s,hold-time:i?",
        params: "keys [hold_ms]",
        help: "press keys together, joined with '-', for some milliseconds (default 100)",
        family: Family::Display,
        effect: Effect::Changes(&[]),
        complete: &[("keys", Comp::Key)],
        routes: &[Route::native(&["send-key"], run!(display::input::sendkey))],
        ..ROW
    },
    Command {
        name: "set_link",
        args: "name:s,up:b",
        params: "name on|off",
        help: "connect or disconnect a network cable",
        family: Family::Network,
        effect: Effect::Changes(&["query-rx-filter"]),
        routes: &[Route::native(&["set_link"], run!(net::link::set_link))],
        complete: &[
            ("name", Comp::NetClient),
            ("up", Comp::OneOf(&["on", "off"])),
        ],
        ..ROW
    },
    Command {
        name: "set_password",
        args: "protocol:s,password:s,display:-ds,connected:s?",
        params: "protocol password [-d display] [action-if-connected]",
        help: "set the VNC or SPICE password",
        family: Family::Display,
        effect: Effect::Changes(&[]),
        secret: Secret::Always,
        routes: &[Route::native(
            &["set_password"],
            run!(display::password::set),
        )],
        ..ROW
    },
    Command {
        name: "set_vcpu_dirty_limit",
        args: "dirty_rate:l,cpu_index:l?",
        params: "dirty_rate [cpu_index]",
        help: "limit how fast a CPU dirties memory",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        routes: &[Route::native(
            &["set-vcpu-dirty-limit"],
            run!(migration::dirty_rate::set_limit),
        )],
        ..ROW
    },
    Command {
        name: "singlestep",
        args: "option:s?",
        params: "[on|off]",
        help: "run one guest instruction per translation block, or many again",
        family: Family::Tracing,
        effect: Effect::Changes(&[]),
        until: v(9, 0), // 9.0, commit 97b6e1d35f of QEMU
        routes: &[Route::blocked(&missing::ONE_INSN_PER_TB)],
        ..ROW
    },
    Command {
        name: "snapshot_blkdev",
        args: "reuse:-n,device:B,snapshot-file:s?,format:s?",
        params: "[-n] device [new-image-file] [format]",
        help: "go on writing into a new overlay of a disk (-n: into an existing one)",
        family: Family::Snapshots,
        effect: Effect::Changes(&["query-named-block-nodes"]),
        routes: &[
            Route::native(&["blockdev-snapshot-sync"], run!(block::copy::snapshot))
                .but_errors(IMAGE_HINTS),
        ],
        ..ROW
    },
    Command {
        name: "snapshot_blkdev_internal",
        args: "device:B,name:s",
        params: "device name",
        help: "take a snapshot inside a disk image",
        family: Family::Snapshots,
        effect: Effect::Changes(&["query-named-block-nodes"]),
        routes: &[Route::native(
            &["blockdev-snapshot-internal-sync"],
            run!(block::copy::snapshot_internal),
        )],
        ..ROW
    },
    Command {
        name: "snapshot_delete_blkdev_internal",
        args: "device:B,name:s,id:s?",
        params: "device name [id]",
        help: "delete a snapshot inside a disk image",
        family: Family::Snapshots,
        loses: "the snapshot is deleted",
        effect: Effect::Changes(&["query-named-block-nodes"]),
        routes: &[Route::native(
            &["blockdev-snapshot-delete-internal-sync"],
            run!(block::copy::snapshot_delete),
        )],
        ..ROW
    },
    Command {
        name: "stopcapture",
        args: "n:i",
        params: "capture index",
        help: "end a sound recording",
        family: Family::Audio,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::STOPCAPTURE)],
        ..ROW
    },
    Command {
        name: "stop|s",
        help: "stop the guest's CPUs",
        family: Family::RunState,
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(&["stop"], run!(machine::run_state::stop))],
        ..ROW
    },
    Command {
        name: "sum",
        args: "start:i,size:i",
        params: "addr size",
        help: "show the checksum of a range of physical memory",
        family: Family::Memory,
        routes: &[
            Route::derived(&["add-fd", "pmemsave", "remove-fd"], run!(memory::sum::sum)),
            Route::derived(dump::NEEDS, run!(memory::sum::sum)).with_risk(Risk::Pausing),
        ],
        ..ROW
    },
    Command {
        name: "sync-profile",
        args: "op:s?",
        params: "[on|off|reset]",
        help: "switch the profiling of locks on or off, or reset it",
        family: Family::Tracing,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::SET_SYNC_PROFILE)],
        ..ROW
    },
    Command {
        name: "system_powerdown",
        help: "press the machine's power button",
        family: Family::RunState,
        loses: "the guest is asked to shut down",
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(
            &["system_powerdown"],
            run!(machine::run_state::system_powerdown),
        )],
        ..ROW
    },
    Command {
        name: "system_reset",
        help: "reset the machine",
        family: Family::RunState,
        loses: "the guest is reset and loses what it has not written",
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(
            &["system_reset"],
            run!(machine::run_state::system_reset),
        )],
        ..ROW
    },
    Command {
        name: "system_wakeup",
        help: "wake the guest from suspend",
        family: Family::RunState,
        effect: Effect::Changes(&["query-status"]),
        routes: &[Route::native(
            &["system_wakeup"],
            run!(machine::run_state::system_wakeup),
        )],
        ..ROW
    },
    Command {
        name: "trace-event",
        args: "name:s,option:b,vcpu:i?",
        params: "name on|off [vcpu]",
        help: "switch a trace event on or off",
        family: Family::Tracing,
        effect: Effect::Changes(&[
            r#"{"execute":"trace-event-get-state","arguments":{"name":"qmp_*"}}"#,
        ]),
        errors: ErrorStyle::Bare,
        complete: &[
            ("name", Comp::TraceEvent),
            ("option", Comp::OneOf(&["on", "off"])),
        ],
        routes: &[Route::native(
            &["trace-event-set-state"],
            run!(trace::events::trace_event),
        )],
        ..ROW
    },
    Command {
        name: "trace-file",
        args: "op:s?,arg:F?",
        params: "on|off|flush|set [arg]",
        help: "steer the file of the simple trace back end",
        family: Family::Tracing,
        effect: Effect::Changes(&[]),
        present: Present::RareBuild,
        routes: &[Route::blocked(&missing::TRACE_FILE)],
        ..ROW
    },
    Command {
        name: "watchdog_action",
        args: "action:s",
        params: "[reset|shutdown|poweroff|pause|debug|none|inject-nmi]",
        help: "choose what happens when the watchdog fires",
        family: Family::RunState,
        effect: Effect::Changes(&[]),
        older: &[Older {
            before: v(9, 0), // 9.0, commit 7805132bc3 of QEMU
            args: "action:s",
            params: "[reset|shutdown|poweroff|pause|debug|none]",
        }],
        routes: &[Route::native(
            &["watchdog-set-action"],
            run!(machine::run_state::watchdog_action),
        )],
        complete: &[("action", Comp::Enum("watchdog-set-action", "action"))],
        ..ROW
    },
    Command {
        name: "wavcapture",
        args: "path:F,audiodev:s,freq:i?,bits:i?,nchannels:i?",
        params: "path audiodev [frequency [bits [channels]]]",
        help: "record sound into a WAV file (default 44100 Hz, 16 bits, 2 channels)",
        family: Family::Audio,
        effect: Effect::Changes(&[]),
        routes: &[Route::blocked(&missing::WAVCAPTURE)],
        errors: ErrorStyle::Bare,
        ..ROW
    },
    Command {
        name: "x",
        args: "fmt:/,addr:l",
        params: "/fmt addr",
        help: "show memory at a virtual address",
        family: Family::Memory,
        routes: &[
            Route::derived(
                &["add-fd", "memsave", "remove-fd"],
                run!(memory::show_virtual::show_virtual),
            ),
            Route::partial(
                &["add-fd", "memsave", "remove-fd"],
                run!(memory::show_virtual::show_virtual_anyway),
            ),
            Route::derived(
                &[
                    "getfd",
                    "dump-guest-memory",
                    "closefd",
                    "add-fd",
                    "memsave",
                    "remove-fd",
                ],
                run!(memory::show_virtual::show_virtual_anyway),
            )
            .with_risk(Risk::Pausing)
            .on(X86),
            Route::derived(
                STATE_AND_VIRTUAL,
                run!(memory::show_virtual::show_virtual_anyway),
            )
            .with_risk(Risk::Risky)
            .on(AARCH64),
        ],
        ..ROW
    },
    Command {
        name: "x_colo_lost_heartbeat",
        help: "tell COLO that the other side is gone",
        family: Family::Migration,
        effect: Effect::Changes(&[]),
        present: Present::With("x-colo-lost-heartbeat"),
        routes: &[Route::native(
            &["x-colo-lost-heartbeat"],
            run!(migration::control::colo_lost_heartbeat),
        )],
        ..ROW
    },
    Command {
        name: "xen-event-inject",
        args: "port:i",
        params: "port",
        help: "raise a Xen event channel",
        family: Family::Machine,
        effect: Effect::Changes(&[]),
        since: v(8, 0), // 8.0, commit 507cb64d6e of QEMU
        present: Present::Until(v(11, 1), &Present::With("xen-event-inject")), // 11.1, seen: on 11.1.3; 10.2 has it on x86 only
        routes: &[Route::native(
            &["xen-event-inject"],
            run!(machine::xen::event_inject),
        )],
        ..ROW
    },
    Command {
        name: "xen-event-list",
        help: "list the Xen event channels",
        family: Family::Machine,
        effect: Effect::Changes(&[]),
        since: v(8, 0), // 8.0, commit 507cb64d6e of QEMU
        present: Present::Until(v(11, 1), &Present::With("xen-event-list")), // 11.1, seen: on 11.1.3; 10.2 has it on x86 only
        routes: &[Route::native(
            &["xen-event-list"],
            run!(machine::xen::event_list),
        )],
        ..ROW
    },
    Command {
        name: "xp",
        args: "fmt:/,addr:l",
        params: "/fmt addr",
        help: "show memory at a physical address",
        family: Family::Memory,
        routes: &[
            Route::derived(
                &[
                    "add-fd",
                    "pmemsave",
                    "remove-fd",
                    "query-cpus-fast",
                    "qom-list",
                    "qom-get",
                    "x-query-ramblock",
                ],
                run!(memory::show_physical::show_physical),
            ),
            Route::partial(
                &[
                    "add-fd",
                    "pmemsave",
                    "remove-fd",
                    "query-cpus-fast",
                    "qom-list",
                    "qom-get",
                    "x-query-ramblock",
                ],
                run!(memory::show_physical::show_physical_anyway),
            ),
            Route::derived(dump::NEEDS, run!(memory::show_physical::show_physical))
                .with_risk(Risk::Pausing),
            Route::derived(STATE_AND_TABLES, run!(memory::show_physical::show_physical))
                .with_risk(Risk::Risky)
                .on(AARCH64),
        ],
        ..ROW
    },
];
