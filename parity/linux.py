#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a Linux guest for the live tests, of the distribution's packages: FOLDER/vmlinuz and FOLDER/initrd.

    parity/linux.py FOLDER [PACKAGE.deb...]

The packages (a cloud kernel of x86_64 and busybox-static) are downloaded by apt-get where none are given; nothing is
installed, and no privilege is needed. HMP_TEST_LINUX=FOLDER has the tests use it. What the guest does is said on the
kernel's command line: work=idle, work=busy or work=disk (on the first virtio disk). It answers each line on its serial
console with its clock and the rounds of its work.
"""
import gzip
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

META = "linux-image-cloud-amd64"

# Modules for a virtio disk, in the order in which they are loaded.
MODULES = [
    "virtio",
    "virtio_ring",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
]

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
stty -echo
echo 0 > /proc/sys/kernel/printk
for module in %s; do insmod /modules/$module.ko; done
echo 0 > /rounds
echo 0 > /bad
case "$work" in
busy)
    while :; do md5sum /bin/busybox > /dev/null; done &
    ;;
disk)
    {
        round=0
        while :; do
            dd if=/dev/urandom of=/wrote bs=4096 count=16 2> /dev/null
            dd if=/wrote of=/dev/vda bs=65536 seek=$((round %% 64)) conv=fsync,notrunc 2> /dev/null \\
                || echo write $round >> /bad
            echo 3 > /proc/sys/vm/drop_caches
            dd if=/dev/vda of=/read bs=65536 skip=$((round %% 64)) count=1 2> /dev/null \\
                || echo read $round >> /bad
            cmp -s /wrote /read || echo differs $round >> /bad
            round=$((round + 1))
            echo $round > /new && mv /new /rounds
        done
    } &
    ;;
esac
# Symbols of all of the kernel, a few of which have an address in the CPU's own area.
awk 'NR %% 1500 == 1 || / (_text|_etext|init_task|sys_call_table|linux_banner|jiffies)$/ { print "symbol", $1, $3 }' \\
    /proc/kallsyms
echo READY
while read -r line; do
    read -r up idle < /proc/uptime
    errors=$(dmesg | grep -c 'I/O error')
    echo "clock $up rounds $(cat /rounds) bad $(($(wc -l < /bad) - 1 + errors))"
done
while :; do sleep 1000; done
"""


def download(folder):
    """The kernel's package has another name with every version."""
    depends = subprocess.run(["apt-cache", "depends", META], check=True, capture_output=True, text=True).stdout
    kernel = re.search(r"Depends: (linux-image-\S+)", depends)
    if not kernel:
        sys.exit(f"{META} is not known here: apt-get update?")
    subprocess.run(["apt-get", "download", "-q", kernel[1], "busybox-static"], cwd=folder, check=True)
    return list(folder.glob("*.deb"))


def archive(entries):
    """A cpio archive, as the kernel reads it ("newc")."""
    out = bytearray()
    for number, (name, mode, data, device) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))], 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + path
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def initrd(root):
    entries = [(name, 0o40755, b"", (0, 0)) for name in ("bin", "dev", "modules", "proc", "sys")]
    entries.append(("dev/console", 0o20600, b"", (5, 1)))
    entries.append(("dev/null", 0o20666, b"", (1, 3)))
    entries.append(("bin/busybox", 0o100755, (root / "bin/busybox").read_bytes(), (0, 0)))
    for module in MODULES:
        (path,) = root.glob(f"lib/modules/*/kernel/drivers/*/{module}.ko")
        entries.append((f"modules/{module}.ko", 0o100644, path.read_bytes(), (0, 0)))
    entries.append(("init", 0o100755, (INIT % " ".join(MODULES)).encode(), (0, 0)))
    return gzip.compress(archive(entries), 6, mtime=0)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        packages = [pathlib.Path(name) for name in sys.argv[2:]] or download(scratch)
        root = scratch / "root"
        for package in packages:
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        (kernel,) = root.glob("boot/vmlinuz-*")
        shutil.copy(kernel, folder / "vmlinuz")
        (folder / "initrd").write_bytes(initrd(root))
    print(f"{folder}: {kernel.name}")


if __name__ == "__main__":
    main()
