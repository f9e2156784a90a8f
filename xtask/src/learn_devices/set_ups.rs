// SPDX-License-Identifier: GPL-2.0-or-later
//! Machines to see memory regions on: every one that a QEMU has, and those that most run, in many
//! ways.

use std::time::Duration;

/// A machine, and how long it runs.
pub struct SetUp {
    pub arguments: Vec<String>,
    pub runs: Duration,
}

/// How long firmware takes at most.
const FIRMWARE: Duration = Duration::from_secs(3);

/// How long a machine without firmware runs.
const NOTHING: Duration = Duration::from_millis(600);

/// How long Linux takes to set up its devices.
const LINUX: Duration = Duration::from_secs(40);

/// Arguments behind the name of a PC.
const OF_PCS: &[&str] = &[
    "",
    "-serial null -parallel null -vga std -nic user,model=e1000 -device qemu-xhci",
    "-serial null -vga cirrus -nic user,model=virtio-net-pci -device virtio-blk-pci,drive=be \
     -blockdev null-co,node-name=be",
    "-vga qxl -nic user,model=rtl8139 -device nvme,drive=be,serial=x -blockdev null-co,node-name=be",
    "-vga vmware -nic user,model=pcnet -device lsi53c895a -device ahci",
    "-vga virtio -nic user,model=e1000e -device virtio-scsi-pci -device ich9-usb-uhci1",
    "-m 64M -object memory-backend-ram,id=own,size=64M -machine memory-backend=own",
    "-m 5G",
    "-m 128M,slots=4,maxmem=2G -object memory-backend-ram,id=more,size=128M \
     -device pc-dimm,memdev=more",
    "-m 128M -object memory-backend-ram,id=node,size=128M -numa node,memdev=node",
    "-m 3G -machine max-ram-below-4g=1G",
    "-smp 3,maxcpus=4",
    "-machine smm=off -machine hpet=off",
    "-machine vmport=off -machine i8042=off -no-acpi",
    "-cpu max -device virtio-balloon-pci -device i6300esb -device pvpanic",
    "-blockdev null-co,node-name=f,size=4194304,read-zeroes=on -machine pflash0=f",
    "-device intel-iommu",
    "-device amd-iommu",
    "-device virtio-iommu-pci",
    "-accel kvm",
    "-accel kvm -machine kernel-irqchip=split",
    "-device pci-bridge,id=b,chassis_nr=1 -device e1000,bus=b,addr=1",
    "-device isa-debug-exit -device isa-debugcon -device sga -device tpci200",
    "-object memory-backend-ram,id=s,size=1M -device ivshmem-plain,memdev=s -device vmgenid",
    "-device vmcoreinfo -device pvscsi -device megasas -device AC97 -device intel-hda",
    "-device edu -device pci-testdev,membar=64M -device pci-serial,chardev=c -chardev null,id=c",
];

/// Arguments behind the name of a PC without PCI.
const OF_SMALL_PCS: &[&str] = &[
    "-serial null",
    "-m 64M -object memory-backend-ram,id=own,size=64M -machine memory-backend=own",
    "-m 5G",
    "-m 128M -object memory-backend-ram,id=node,size=128M -numa node,memdev=node",
    "-machine pcie=on,rtc=on,ioapic2=on -device virtio-net-pci",
    "-machine pit=off,pic=off,isa-serial=off",
    "-device virtio-blk-device,drive=be -blockdev null-co,node-name=be",
    "-serial null -parallel null -vga std -cpu 486",
    "-vga cirrus -nic user,model=ne2k_isa",
    "-accel kvm",
];

/// Arguments behind the name of a machine called virt.
const OF_VIRTS: &[&str] = &[
    "-serial null -device virtio-net-pci -device virtio-blk-device,drive=be -blockdev \
     null-co,node-name=be",
    "-m 64M -object memory-backend-ram,id=own,size=64M -machine memory-backend=own",
    "-m 4G -smp 2",
    "-machine secure=on",
    "-machine virtualization=on",
    "-machine gic-version=2",
    "-machine gic-version=3",
    "-machine gic-version=4,virtualization=on -cpu max",
    "-machine highmem=off",
    "-machine iommu=smmuv3",
    "-machine mte=on -cpu max",
    "-machine ras=on -machine its=off",
    "-machine aia=aplic",
    "-machine aia=aplic-imsic",
    "-machine aclint=on",
    "-m 128M,slots=4,maxmem=2G -object memory-backend-ram,id=more,size=128M \
     -device pc-dimm,memdev=more",
    "-blockdev null-co,node-name=f,size=67108864,read-zeroes=on -machine pflash0=f",
    "-blockdev null-co,node-name=f,size=33554432,read-zeroes=on -machine pflash0=f",
    "-device pcie-root-port,id=r -device virtio-net-pci,bus=r",
    "-accel kvm -cpu host",
];

/// Arguments behind the name of any machine that most run elsewhere.
const OF_OTHERS: &[&str] = &[
    "-m 512M -object memory-backend-ram,id=own,size=512M -machine memory-backend=own",
    "-m 1G -smp 2",
    "-m 2G,slots=4,maxmem=4G",
    "-serial null -device virtio-net-pci",
];

/// Older forms of PCs that users still start.
const OLDER: &[&str] = &["pc-q35-4.2", "pc-i440fx-4.2", "pc-q35-6.2", "pc-i440fx-7.1"];

/// All set-ups for a QEMU with these machines.
pub fn all(machines: &[String]) -> Vec<SetUp> {
    let mut all = Vec::new();
    for machine in machines {
        all.push(set_up(machine, "", NOTHING));
        let more: (&[&str], Duration) = match machine.as_str() {
            "pc" | "q35" => (OF_PCS, FIRMWARE),
            "microvm" | "isapc" => (OF_SMALL_PCS, FIRMWARE),
            "virt" => (OF_VIRTS, NOTHING),
            "pseries" | "s390-ccw-virtio" | "powernv" => (OF_OTHERS, FIRMWARE),
            _ => continue,
        };
        all.extend(more.0.iter().map(|line| set_up(machine, line, more.1)));
        if let ("pc" | "q35", Ok(linux)) = (machine.as_str(), std::env::var("HMP_TEST_LINUX")) {
            let line = format!(
                "-m 512M -smp 2 -vga std -nic user,model=e1000 -device virtio-blk-pci,drive=be \
                 -blockdev null-co,node-name=be -kernel {linux}/vmlinuz -initrd {linux}/initrd"
            );
            all.push(set_up(machine, &line, LINUX));
        }
    }
    if machines.iter().any(|machine| machine == "q35") {
        all.extend(
            OLDER
                .iter()
                .map(|older| set_up(older, "-vga std", FIRMWARE)),
        );
    }
    all
}

fn set_up(machine: &str, line: &str, runs: Duration) -> SetUp {
    let mut arguments = vec!["-M".to_owned(), machine.to_owned()];
    arguments.extend(line.split_whitespace().map(str::to_owned));
    SetUp { arguments, runs }
}
