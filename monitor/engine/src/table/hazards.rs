// SPDX-License-Identifier: GPL-2.0-or-later
//! The table of hazards.

use crate::command::hazard::{At, HAZARD, Hazard, conditions};
use crate::qmp::version::v;

macro_rules! is {
    ($function:ident) => {
        |qmp, caps, args| Box::pin(conditions::$function(qmp, caps, args))
    };
}

/// Targets with devices that ask which CPU reads them.
const PER_CPU: &[&str] = &["aarch64", "arm", "ppc64"];

/// Reads of registers that ask which CPU reads them, by nobody.
const READ_BY_NO_CPU: Hazard = Hazard {
    targets: PER_CPU,
    harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
    seen: "10.0.2 and 11.1.3: GICv2 with two CPUs (the default of -M virt; xlnx-zcu102, smdkc210), a \
           Cortex-A9's global timer, XIVE of pseries; null pointer read",
    is: is!(reads_registers_of_each_cpu),
    ..HAZARD
};

/// Addresses of more than 33 bits, for an MMU of 32.
const BEYOND_SEGMENTS: Hazard = Hazard {
    harm: "of an address of more than 33 bits crashes QEMU on this CPU, whose MMU has 32",
    seen: "10.0.2 ppc64 -M g3beige and 40p, their firmware running: x 0xc000000000000000, gva2gpa, memsave: \
           SIGSEGV; the sources of 7.2 and 10.2 have it too",
    is: is!(has_segments),
    ..HAZARD
};

/// The dangers that are known. Nothing that pauses or risks the VM may be in a condition.
pub const HAZARDS: &[Hazard] = &[
    Hazard {
        at: &[
            At::Line("info virtio-status"),
            At::Qmp("x-query-virtio-status"),
        ],
        since: v(11, 0), // 11.0, seen: on 11.1.3; 10.2 is without
        harm: "aborts this QEMU",
        seen: "11.1.3, x86_64 and aarch64, every virtio device tried: assertion in visit_start_struct",
        is: is!(is_virtio_device),
        ..HAZARD
    },
    // Text consoles lost their device.
    Hazard {
        at: &[At::Line("info vnc"), At::Qmp("query-vnc-servers")],
        since: v(8, 2),  // 8.2, commit b208f745a8 of QEMU
        until: v(10, 2), // 10.2, commit 4c1646e23f of QEMU
        harm: "aborts this QEMU, for a VNC server shows a text console",
        seen: "10.0.2, x86_64 and aarch64: a machine without a display device, -vnc",
        is: is!(vnc_shows_text),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("device_add"), At::Qmp("device_add")],
        harm: "with the property 'realized' aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add TYPE,realized=on",
        may: conditions::sets_realized,
        ..HAZARD
    },
    Hazard {
        at: &[At::Qmp("device_add")],
        since: v(9, 2),  // 9.2, commit be93fd5372 of QEMU
        until: v(11, 1), // 11.1, seen: 11.1.3 refuses the id; 10.2 does not
        harm: "with an empty id crashes this QEMU",
        seen: "10.0.2 over QMP; 7.2.22 and 11.1.3 refuse the id themselves",
        may: conditions::has_empty_id,
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("qom-set")],
        harm: "without -j crashes QEMU for a property that is a structure; use -j and JSON",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set /machine boot x",
        may: conditions::is_plain,
        is: is!(plain_set_of_structure),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("qom-set"), At::Qmp("qom-set")],
        harm: "of a drive to the block node that the device has already aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set DEVICE drive NODE, and of a virtio device's backend",
        is: is!(sets_the_same_node),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("qemu-io")],
        harm: "of a command that is there to end the program (abort, sigraise) kills QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: qemu-io d0 abort",
        certain: false,
        may: conditions::ends_the_process,
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("calc_dirty_rate")],
        until: v(9, 1), // 9.1, commit e65152d548 of QEMU
        harm: "with -r or -b crashes this QEMU where KVM is off",
        seen: "7.2.22 with TCG: null pointer read; 10.0.2 and 11.1.3 are fine",
        may: conditions::uses_dirty_log,
        is: is!(kvm_is_off),
        ..HAZARD
    },
    Hazard {
        at: &[At::Qmp("calc-dirty-rate")],
        until: v(9, 1), // 9.1, commit e65152d548 of QEMU
        harm: "in this mode crashes this QEMU where KVM is off",
        seen: "7.2.22 with TCG: null pointer read; 10.0.2 and 11.1.3 are fine",
        may: conditions::uses_dirty_log,
        is: is!(kvm_is_off),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("exit_preconfig"), At::Qmp("x-exit-preconfig")],
        since: v(11, 0), // 11.0, seen: on 11.1.3; 10.2 is without
        harm: "aborts this QEMU on a machine with its default display adapter and a text console \
               (-vga none or -nodefaults avoids it)",
        seen: "11.1.3 -M q35 and -M pc with --preconfig: duplicate property 'console[0]'",
        certain: false,
        is: is!(second_console),
        ..HAZARD
    },
    Hazard {
        at: &[
            At::Line("device_add"),
            At::Qmp("device_add"),
            At::Qmp("device-list-properties"),
            At::Qmp("qom-list-properties"),
        ],
        harm: "of a GL device ends QEMU, for the module for it is not installed",
        seen: "7.2.22: device_add virtio-gpu-gl-pci,help; device-list-properties of it and of \
               virtio-vga-gl; 10.0.2 and 11.1.3 with the module hidden",
        may: conditions::is_gl_device,
        is: is!(gl_module_is_missing),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("device_add"), At::Qmp("device_add")],
        harm: "of a second rocker switch of the same name aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add rocker, twice: assertion in msix_vector_unuse",
        may: conditions::is_rocker,
        is: is!(rocker_exists),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("device_del"), At::Qmp("device_del")],
        harm: "of a rocker switch, or of a bridge above one, aborts QEMU as soon as the device goes",
        seen: "7.2.22, 10.0.2, 11.1.3, q35 and virt: device_del of a rocker on a pcie-root-port, the guest not \
               running: assertion in msix_vector_unuse",
        is: is!(takes_rocker_away),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("screendump"), At::Qmp("screendump")],
        since: v(8, 2), // 8.2, commit b208f745a8 of QEMU
        harm: "of this device aborts QEMU: its search for the device's screen meets a text console",
        seen: "10.0.2 and 11.1.3: screendump FILE ID, with the id of a device that has no screen; 7.2.22 says so",
        may: conditions::names_device,
        is: is!(meets_text_console),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("info mem")],
        harm: "freezes the VM for half a minute and prints garbage, for the guest uses 5-level paging",
        seen: "7.2.22, 10.0.2, 11.1.3: the built-in reads page 0 as tables when CR4.LA57 is set",
        certain: false,
        builtin: true,
        is: is!(cpu_has_la57),
        ..HAZARD
    },
    Hazard {
        at: &[At::Qmp("xen-save-devices-state")],
        harm: "crashes QEMU with a device whose state cannot be migrated",
        seen: "7.2.22, 10.0.2, 11.1.3: nvme, rocker, usb-audio, usb-serial, usb-net, ufs, amd-iommu, virtio-sound",
        is: is!(has_non_migratable_device),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("drive_add")],
        harm: "of a null-co, null-aio or nvme node aborts QEMU where it can't read the size, latency-ns, \
               read-zeroes or namespace",
        seen: "7.2.22, 10.0.2, 11.1.3: drive_add -n 0 driver=null-co,node-name=n,size=x; read-zeroes=x, \
               a lone size, nvme's namespace=x",
        may: conditions::drive_has_bad_value,
        ..HAZARD
    },
    Hazard {
        at: &[
            At::Line("change"),
            At::Line("drive_backup"),
            At::Line("drive_mirror"),
            At::Line("snapshot_blkdev"),
        ],
        harm: "of a null-co, null-aio or nvme image aborts QEMU where it can't read the size, latency-ns, \
               read-zeroes or namespace",
        seen: "11.1.3: change cd json:{\"driver\":\"null-co\",\"size\":\"x\"}; the others open images by the \
               same function",
        may: conditions::image_has_bad_value,
        ..HAZARD
    },
    Hazard {
        at: &[
            At::Line("savevm"),
            At::Line("migrate"),
            At::Qmp("snapshot-save"),
            At::Qmp("xen-save-devices-state"),
        ],
        since: v(11, 0), // 11.0, seen: on 11.1.3; 10.2 is without
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        is: is!(nvme_without_namespace),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("migrate"), At::Qmp("migrate")],
        harm: "aborts QEMU in the state restore-vm, which a failed loadvm left; cont ends that \
               state",
        seen: "7.2.22 and 10.0.2 exec:, 10.0.2 and 11.1.3 file: too: invalid runstate transition \
               restore-vm to finish-migrate",
        may: conditions::goes_to_a_command_or_file,
        is: is!(is_restoring),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("migrate"), At::Qmp("migrate")],
        harm: "aborts QEMU in the state restore-vm, which a failed loadvm left, once somebody answers; \
               cont ends that state",
        seen: "7.2.22, 10.0.2, 11.1.3: as with exec:, unix: with a reader; one that nobody reads only fails",
        certain: false,
        may: conditions::goes_to_a_socket,
        is: is!(is_restoring),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("netdev_add"), At::Qmp("netdev_add")],
        until: v(9, 0), // 9.0, commit d9b33018a0 of QEMU
        harm: "of a tap with vhost=on aborts this QEMU where it can't open /dev/vhost-net",
        seen: "7.2.22: assertion in net_client_init1; vhostforce=on, 10.0.2 and 11.1.3 answer an error",
        certain: false,
        may: conditions::opens_vhost,
        is: is!(lacks_vhost),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("netdev_add"), At::Qmp("netdev_add")],
        until: v(9, 0), // 9.0, commit d9b33018a0 of QEMU
        harm: "of a tap with vhostfd aborts this QEMU where that is no descriptor of /dev/vhost-net",
        seen: "7.2.22, vhostfd=nosuch: assertion in net_client_init1; 10.0.2 and 11.1.3 answer an error",
        certain: false,
        may: conditions::gets_vhost,
        is: is!(may_make_tap),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("netdev_add"), At::Qmp("netdev_add")],
        since: v(11, 0), // 11.0, seen: on 11.1.3; 10.2 is without
        harm: "of a tap with vhostfd aborts this QEMU where no descriptor of that number is open",
        seen: "11.1.3, vhostfd=99: double free; 7.2.22 (with vhostforce=on) and 10.0.2 answer an error",
        certain: false,
        may: conditions::gets_vhost_by_number,
        is: is!(may_make_tap),
        ..HAZARD
    },
    Hazard {
        at: &[At::Line("info via"), At::Qmp("x-query-via")],
        harm: "kills QEMU, which divides by the clock of a macio device that no board set",
        seen: "10.0.2 ppc64 -M pseries -device macio-newworld: SIGFPE; fine with mac99's own",
        is: is!(has_clockless_via),
        ..HAZARD
    },
    Hazard {
        at: &[
            At::Line("info cmma"),
            At::Line("info skeys"),
            At::Line("dump-skeys"),
            At::Line("migration_mode"),
            At::Qmp("dump-skeys"),
        ],
        harm: "aborts QEMU on the machine none, which has no storage keys and attributes",
        seen: "10.0.2 s390x -M none: assertions in s390_get_stattrib_device and s390_get_skeys_device",
        is: is!(has_no_machine),
        ..HAZARD
    },
    Hazard {
        at: &[
            At::Line("xp"),
            At::Line("sum"),
            At::Line("pmemsave"),
            At::Qmp("pmemsave"),
        ],
        ..READ_BY_NO_CPU
    },
    Hazard {
        at: &[At::Line("x"), At::Line("memsave"), At::Qmp("memsave")],
        ..READ_BY_NO_CPU
    },
    Hazard {
        at: &[
            At::Line("x"),
            At::Line("gva2gpa"),
            At::Line("memsave"),
            At::Qmp("memsave"),
        ],
        targets: &["ppc64"],
        may: conditions::is_beyond_segments,
        ..BEYOND_SEGMENTS
    },
    Hazard {
        at: &[At::Line("memsave"), At::Qmp("memsave")],
        targets: &["ppc"],
        may: conditions::is_beyond_segments,
        ..BEYOND_SEGMENTS
    },
    Hazard {
        at: &[At::Line("x"), At::Line("gva2gpa")],
        since: v(11, 0), // 11.0, commit c029aa1024 of QEMU; d6db93d8e1: gva2gpa
        targets: &["ppc"],
        may: conditions::is_beyond_segments,
        ..BEYOND_SEGMENTS
    },
    Hazard {
        at: &[At::Line("x")],
        until: v(11, 0), // 11.0, commit c029aa1024 of QEMU
        targets: &["ppc"],
        harm: "of an address from 0x80000000 on crashes this QEMU on this CPU, for it extends the sign",
        seen: "10.0.2 ppc -M g3beige, its firmware running: x 0xfff00100: SIGSEGV",
        builtin: true,
        may: conditions::is_negative_in_32_bits,
        ..BEYOND_SEGMENTS
    },
];
