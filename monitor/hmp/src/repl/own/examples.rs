// SPDX-License-Identifier: GPL-2.0-or-later
//! Examples of commands, for help at the prompt. A test reads each as a line of QEMU's.

/// Lines, each with what it does; the command is the line's own.
pub(in crate::repl) const EXAMPLES: &[(&str, &str)] = &[
    ("balloon 512", "ask the guest to give back all but 512 MiB"),
    ("block_job_cancel drive0", "stop the job on drive0"),
    (
        "block_job_complete drive0",
        "go over to the copy that drive_mirror made",
    ),
    (
        "block_resize drive0 20G",
        "make the image of drive0 20 GiB large",
    ),
    (
        "block_set_io_throttle drive0 0 0 0 100 0 0",
        "100 requests a second at most",
    ),
    (
        "block_stream drive0",
        "copy what the images below hold into the top image",
    ),
    (
        "boot_set dc",
        "boot from CD first, then from disk, at the next reset",
    ),
    ("change ide1-cd0 /isos/live.iso", "put a medium in"),
    ("change vnc password", "ask for a password and set it"),
    (
        "chardev-add socket,id=c0,path=/tmp/c0,server=on,wait=off",
        "a socket for a device",
    ),
    ("chardev-remove c0", "remove it again"),
    (
        "client_migrate_info spice host2 5930",
        "where SPICE clients go after migration",
    ),
    (
        "commit drive0",
        "write the overlay's data into the image below",
    ),
    ("cpu 1", "look at CPU 1 from now on"),
    ("delvm before-update", "delete a snapshot"),
    (
        "device_add virtio-net-pci,netdev=n0,id=nic1",
        "plug in a network card",
    ),
    (
        "device_add usb-storage,drive=stick,id=stick1",
        "plug in a USB stick",
    ),
    ("device_del nic1", "unplug it"),
    (
        "drive_add 0 if=none,id=stick,file=/tmp/stick.img,format=raw",
        "a drive for device_add",
    ),
    (
        "drive_backup drive0 /backup/drive0.img raw",
        "copy the disk as it is now",
    ),
    ("drive_del stick", "take a drive away"),
    (
        "drive_mirror -f drive0 /new/drive0.qcow2 qcow2",
        "copy the disk and keep the copy alike",
    ),
    (
        "dump-guest-memory -z /tmp/core",
        "guest memory in a compressed dump, for crash",
    ),
    ("eject ide1-cd0", "take the medium out"),
    (
        "gva2gpa 0xffffffff81000000",
        "where a virtual address is in guest memory",
    ),
    (
        "hostfwd_add n0 tcp:127.0.0.1:2222-:22",
        "forward port 2222 to the guest's SSH",
    ),
    ("i /2xh 0x3f8", "read from I/O ports"),
    ("info block -v drive0", "the image and its chain"),
    (
        "info qtree -b",
        "devices and buses without their properties",
    ),
    ("info mtree -f", "address spaces as they are looked up"),
    ("info registers -a", "the registers of all CPUs"),
    ("info snapshots", "the snapshots that loadvm and delvm take"),
    (
        "info virtio-status /machine/peripheral/nic1/virtio-backend",
        "a device and its driver",
    ),
    ("loadvm before-update", "go back to a snapshot"),
    ("log guest_errors,unimp", "log what the guest does wrong"),
    (
        "memsave 0xffffffff81000000 4096 \"/tmp/page\"",
        "save virtual memory of the current CPU",
    ),
    ("migrate -d tcp:host2:4444", "migrate in the background"),
    (
        "migrate exec:zstd>/backup/vm.zst",
        "save the VM's state through a program",
    ),
    (
        "migrate_set_capability events on",
        "have events tell of each stage",
    ),
    (
        "migrate_set_parameter max-bandwidth 100M",
        "at most 100 MiB a second",
    ),
    ("mouse_move 10 -5", "move the mouse"),
    ("nbd_server_start -a 127.0.0.1:10809", "export all disks"),
    (
        "netdev_add user,id=n0,hostfwd=tcp:127.0.0.1:2222-:22",
        "a network for device_add",
    ),
    ("netdev_del n0", "remove it"),
    ("o /1xb 0x80 0x55", "write to an I/O port"),
    ("object_add iothread,id=io1", "a thread for disks"),
    ("object_del io1", "remove it"),
    (
        "pmemsave 0 0x100000 \"/tmp/low\"",
        "save the first MiB of guest memory",
    ),
    ("print/x 4096*3", "calculate"),
    ("qom-get /machine/peripheral/nic1 mac", "read a property"),
    ("qom-list /machine/peripheral", "what is there"),
    (
        "qom-set /machine/peripheral/balloon0 guest-stats-polling-interval 2",
        "set a property",
    ),
    (
        "savevm before-update",
        "a snapshot of the whole VM, in its disks",
    ),
    ("screendump /tmp/screen.ppm", "a picture of the screen"),
    ("sendkey ctrl-alt-delete", "press keys"),
    ("sendkey ctrl-alt-f2 500", "press them for half a second"),
    ("set_link nic1 off", "pull the cable"),
    (
        "set_password vnc secret keep",
        "set a password, connections stay",
    ),
    (
        "snapshot_blkdev drive0 /tmp/overlay.qcow2 qcow2",
        "go on in a new overlay",
    ),
    ("stop", "stop the VM; cont lets it go on"),
    ("sum 0x100000 0x1000", "a checksum of guest memory"),
    (
        "trace-event virtio_* on",
        "trace events whose name begins so",
    ),
    ("watchdog_action poweroff", "what the watchdog does"),
    ("x/8i $pc", "instructions at the program counter"),
    (
        "x/4xg 0xffff888000000000",
        "four 64-bit values at a virtual address",
    ),
    ("xp/16xb 0xb8000", "16 bytes at an address in guest memory"),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hmp_engine::engine::Monitor;
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;
    use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
    use serde_json::Value;

    use super::*;

    struct Nobody;

    impl Qmp for Nobody {
        fn execute<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
            Box::pin(async { Err(QmpError::Unsupported("nobody is there".into())) })
        }
    }

    #[test]
    fn each_is_a_line_of_the_monitor() {
        let offers = ["human-monitor-command", "screendump"];
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), offers);
        let monitor = Monitor::builder(Arc::new(Nobody)).build_with(caps);
        for (line, _) in EXAMPLES {
            let decision = monitor.explain(line);
            assert_eq!(decision.error, None, "{line}");
            assert!(decision.command.is_some(), "{line}");
        }
    }

    #[test]
    fn they_are_sorted() {
        let first = |line: &str| line.split([' ', '/']).next().unwrap_or_default().to_owned();
        let names: Vec<_> = EXAMPLES.iter().map(|(line, _)| first(line)).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
