// SPDX-License-Identifier: GPL-2.0-or-later
//! What machines are put together from beyond what QEMU says of itself: data alone.

/// Families of machine types that take most devices, and come most often.
pub const MAIN: &[&str] = &[
    "pc-i440fx",
    "pc-q35",
    "microvm",
    "virt",
    "s390-ccw-virtio",
    "pseries",
];

/// Devices that bring buses: parts of their names, the type of bus, and what its name adds to the
/// device's id.
pub const BRINGS: &[(&str, &str, &str)] = &[
    ("virtio-scsi", "SCSI", ".0"),
    ("lsi", "SCSI", ".0"),
    ("megasas", "SCSI", ".0"),
    ("mptsas", "SCSI", ".0"),
    ("pvscsi", "SCSI", ".0"),
    ("am53c974", "SCSI", ".0"),
    ("dc390", "SCSI", ".0"),
    ("usb-uas", "SCSI", ".0"),
    ("spapr-vscsi", "SCSI", ".0"),
    ("ehci", "usb-bus", ".0"),
    ("uhci", "usb-bus", ".0"),
    ("xhci", "usb-bus", ".0"),
    ("ohci", "usb-bus", ".0"),
    ("ahci", "IDE", ".0"),
    ("piix3-ide", "IDE", ".0"),
    ("virtio-serial", "virtio-serial-bus", ".0"),
    ("intel-hda", "HDA", ".0"),
    ("usb-ccid", "ccid-bus", ".0"),
    ("sdhci-pci", "sd-bus", UNNAMED),
    ("isa-fdc", "floppy-bus", UNNAMED),
    ("ufs", "ufs-bus", UNNAMED),
    ("tpci200", "IndustryPack", ".0"),
    ("pci-bridge", "PCI", ""),
    ("pcie-pci-bridge", "PCI", ""),
    ("pcie-root-port", "PCIE", ""),
    ("nvme", "nvme-bus", ""),
];

/// What a bus adds whose name has nothing to do with its device's id.
pub const UNNAMED: &str = "?";

/// What some types need to be told; `{n}` is a number of their own.
pub const NEEDS: &[(&str, &str)] = &[
    ("pcie-root-port", "chassis={n},slot={n}"),
    ("ioh3420", "chassis={n},slot={n}"),
    ("xio3130-downstream", "chassis={n},slot={n}"),
    ("pci-bridge", "chassis_nr={n}"),
    ("pxb", "bus_nr={bus}"),
    ("pxb-pcie", "bus_nr={bus}"),
    ("pci-bridge-seat", "chassis_nr={n}"),
    ("nvme", "serial=s{n}"),
    ("vmgenid", "guid=auto"),
    ("rocker", "name=sw{n}"),
];

/// Properties that are set now and then, with values that fit.
pub const SETTINGS: &[(&str, &str)] = &[
    ("bootindex", "{n}"),
    ("acpi-index", "{n}"),
    ("mac", "52:54:00:12:34:{hex}"),
    ("num-queues", "2"),
    ("vectors", "4"),
    ("queue-size", "64"),
    ("physical_block_size", "4096"),
    ("logical_block_size", "512"),
    ("rotation_rate", "7200"),
    ("discard_granularity", "512"),
    ("serial", "serial{n}"),
    ("ver", "2.5+"),
    ("product", "disk"),
    ("wwn", "0x5000c50015ea71aa"),
    ("werror", "report"),
    ("multifunction", "on"),
    ("vgamem_mb", "32"),
    ("xres", "800"),
    ("share-rw", "on"),
    ("max_ports", "3"),
    ("ports", "4"),
    ("msi", "off"),
    ("romfile", ""),
];

/// Devices that are plugged into nothing and suit most machines.
pub const LOOSE: &[&str] = &[
    "pc-dimm",
    "nvdimm",
    "vmgenid",
    "vmcoreinfo",
    "ramfb",
    "intel-iommu",
    "amd-iommu",
    "vmclock",
];

/// What machines are given now and then as a whole.
pub const EXTRAS: &[&[&str]] = &[
    &["-name", "random,debug-threads=on"],
    &["-uuid", "3f1c2d4e-0000-4000-8000-00000000abcd"],
    &["-rtc", "base=2020-02-29T12:00:00,clock=vm"],
    &["-boot", "order=cd,menu=on"],
    &["-watchdog-action", "pause"],
    &["-vnc", "unix:{dir}/vnc.sock"],
    &["-vnc", "unix:{dir}/vnc.sock,password=on"],
    &["-serial", "null"],
    &["-serial", "vc"],
    &["-parallel", "null"],
    &["-object", "iothread,id=spare"],
    &["-object", "rng-builtin,id=rngspare"],
    &["-object", "memory-backend-ram,id=memspare,size=2M"],
    &["-object", "secret,id=sec0,data=letmein"],
    &["-object", "authz-simple,id=authz0,identity=fred"],
    &["-object", "throttle-group,id=tg0,x-bps-total=1000"],
    &["-object", "can-bus,id=can0"],
    &["-chardev", "ringbuf,id=spare"],
    &["-netdev", "user,id=spare,restrict=on"],
    &["-action", "reboot=shutdown"],
    &["-d", "unimp"],
];
