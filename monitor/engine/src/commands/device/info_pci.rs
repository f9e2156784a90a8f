// SPDX-License-Identifier: GPL-2.0-or-later
//! `info pci`.

use std::fmt::{self, Write};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qemu::pci::{PciBus, PciDevice, PciInfo, PciRegion};
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};

/// The first release that distinguishes regions without an address from others, and ends their lines
/// without a dot (9.2, commit aa37616fb4 of QEMU).
const UNMAPPED_SHOWN: Version = v(9, 2);

/// The address of a region that has none.
const UNMAPPED: i64 = -1;

/// `info pci`: devices depth first, all at the same indentation.
pub async fn info_pci(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let buses: Vec<PciInfo> = match cx.query("query-pci").await {
        Err(CmdError::Qmp(QmpError::Command { .. })) => {
            return Err(CmdError::Plain("PCI devices not supported".into()));
        }
        other => other?,
    };
    let dotted = cx.caps.version < UNMAPPED_SHOWN;
    for device in buses.iter().flat_map(|bus| &bus.devices) {
        print(cx, device, dotted)?;
    }
    Ok(())
}

fn print(out: &mut dyn Write, device: &PciDevice, dotted: bool) -> fmt::Result {
    writeln!(
        out,
        "  Bus {:2}, device {:3}, function {}:",
        device.bus, device.slot, device.function
    )?;
    match &device.class_info.desc {
        Some(desc) => write!(out, "    {desc}")?,
        None => write!(out, "    Class {:04}", device.class_info.class)?,
    }
    let id = &device.id;
    writeln!(out, ": PCI device {:04x}:{:04x}", id.vendor, id.device)?;
    if let (Some(vendor), Some(subsystem)) = (id.subsystem_vendor, id.subsystem) {
        writeln!(out, "      PCI subsystem {vendor:04x}:{subsystem:04x}")?;
    }
    if let Some(irq) = device.irq {
        let pin = char::from((device.irq_pin + i64::from(b'A') - 1) as u8);
        writeln!(out, "      IRQ {irq}, pin {pin}")?;
    }
    if let Some(bridge) = &device.pci_bridge {
        print_bus(out, &bridge.bus)?;
    }
    for region in &device.regions {
        print_region(out, region, dotted)?;
    }
    writeln!(out, "      id \"{}\"", device.qdev_id)?;
    if let Some(bridge) = &device.pci_bridge {
        for behind in &bridge.devices {
            print(out, behind, dotted)?;
        }
    }
    Ok(())
}

fn print_bus(out: &mut dyn Write, bus: &PciBus) -> fmt::Result {
    writeln!(out, "      BUS {}.", bus.number)?;
    writeln!(out, "      secondary bus {}.", bus.secondary)?;
    writeln!(out, "      subordinate bus {}.", bus.subordinate)?;
    let (io, memory, prefetchable) = (&bus.io_range, &bus.memory_range, &bus.prefetchable_range);
    writeln!(out, "      IO range [{:#06x}, {:#06x}]", io.base, io.limit)?;
    writeln!(
        out,
        "      memory range [{:#010x}, {:#010x}]",
        memory.base, memory.limit
    )?;
    writeln!(
        out,
        "      prefetchable memory range [{:#010x}, {:#010x}]",
        prefetchable.base, prefetchable.limit
    )
}

fn print_region(out: &mut dyn Write, region: &PciRegion, dotted: bool) -> fmt::Result {
    let start = region.address;
    let end = start.wrapping_add(region.size).wrapping_sub(1);
    let io = region.kind == "io";
    let bits = if region.mem_type_64 { 64 } else { 32 };
    let prefetchable = if region.prefetch { " prefetchable" } else { "" };
    write!(out, "      BAR{}: ", region.bar)?;
    let dot = if dotted { "." } else { "" };
    match (io, start == UNMAPPED && !dotted) {
        (true, true) => writeln!(out, "I/O (not mapped)"),
        (true, false) => writeln!(out, "I/O at {start:#06x} [{end:#06x}]{dot}"),
        (false, true) => writeln!(out, "{bits} bit{prefetchable} memory (not mapped)"),
        (false, false) => writeln!(
            out,
            "{bits} bit{prefetchable} memory at {start:#010x} [{end:#010x}]{dot}"
        ),
    }
}

/// `info pci` of a QEMU without PCI in QMP.
pub async fn no_pci(_: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    Err(CmdError::Plain("PCI devices not supported".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(dotted: bool) -> String {
        // 10.0.2, q35 before firmware mapped anything, cut; the class of a NVMe controller has no
        // name on 7.2.22.
        let answer = json!({
            "bus": 0, "irq_pin": 1, "irq": 10, "slot": 2, "function": 0, "qdev_id": "rp",
            "class_info": {"class": 264}, "id": {"device": 12, "vendor": 6966, "subsystem-vendor": 6966, "subsystem": 0},
            "regions": [
                {"prefetch": false, "mem_type_64": false, "bar": 0, "size": 4096, "address": -1, "type": "memory"},
                {"prefetch": true, "mem_type_64": true, "bar": 1, "size": 4096, "address": 4_261_412_864i64, "type": "memory"},
                {"bar": 4, "size": 32, "address": 49248, "type": "io"}
            ],
            "pci_bridge": {
                "bus": {
                    "number": 0, "secondary": 1, "subordinate": 1, "io_range": {"base": 0, "limit": 4095},
                    "memory_range": {"base": 0, "limit": 1_048_575}, "prefetchable_range": {"base": 0, "limit": 1_048_575}
                }
            }
        });
        let mut text = String::new();
        print(&mut text, &serde_json::from_value(answer).unwrap(), dotted).unwrap();
        text
    }

    #[test]
    fn a_bridge_with_regions() {
        assert_eq!(
            shown(false),
            "  Bus  0, device   2, function 0:\n    Class 0264: PCI device 1b36:000c\n      PCI subsystem 1b36:0000\n      \
             IRQ 10, pin A\n      BUS 0.\n      secondary bus 1.\n      subordinate bus 1.\n      \
             IO range [0x0000, 0x0fff]\n      memory range [0x00000000, 0x000fffff]\n      \
             prefetchable memory range [0x00000000, 0x000fffff]\n      BAR0: 32 bit memory (not mapped)\n      \
             BAR1: 64 bit prefetchable memory at 0xfe000000 [0xfe000fff]\n      \
             BAR4: I/O at 0xc060 [0xc07f]\n      id \"rp\"\n"
        );
    }

    #[test]
    fn old_releases_show_no_address_as_the_last_one() {
        assert!(shown(true).contains(
            "BAR0: 32 bit memory at 0xffffffffffffffff [0x00000ffe].\n      BAR1: 64 bit prefetchable memory at \
             0xfe000000 [0xfe000fff].\n      BAR4: I/O at 0xc060 [0xc07f].\n"
        ));
    }
}
