// SPDX-License-Identifier: GPL-2.0-or-later
//! Which of the devices that QMP lists by their places on buses is which of the tree.

use std::collections::HashMap;

use serde_json::Value;

use crate::format::qtree::UsbDevice;
use crate::qemu::devices::{Devices, Kind};
use crate::qemu::pci::{PciDevice, PciInfo};

/// The devices of `query-pci`, by entry.
pub fn pci<'p>(
    devices: &Devices,
    values: &[HashMap<String, Value>],
    pci: &'p [PciInfo],
) -> HashMap<usize, &'p PciDevice> {
    let is = |number: usize, kind: &str| {
        let entry = &devices.entries[number];
        let name = match entry.kind {
            Kind::Device => &entry.name,
            Kind::Bus => &entry.label,
        };
        devices.ancestry(name).contains(&kind)
    };
    // The device that a bus belongs to is the last one before it that lies a step higher.
    let owner = |bus: usize| {
        let mut above = devices.entries[..bus].iter();
        let depth = devices.entries[bus].depth;
        above.rposition(|e| e.depth + 1 == depth)
    };
    let bridge = |bus: usize| owner(bus).filter(|&owner| is(owner, "pci-device"));
    // Both lists have the host bridge that was made last first.
    let roots: Vec<usize> = (0..devices.entries.len())
        .filter(|&n| devices.entries[n].kind == Kind::Bus && is(n, "PCI") && bridge(n).is_none())
        .collect();
    let mut found: HashMap<usize, &PciDevice> = HashMap::new();
    for (number, entry) in devices.entries.iter().enumerate() {
        let Some(bus) = entry.bus.filter(|_| is(number, "pci-device")) else {
            continue;
        };
        let siblings = match bridge(bus) {
            Some(bridge) => {
                let bridge = found.get(&bridge).and_then(|b| b.pci_bridge.as_ref());
                bridge.map(|bridge| &bridge.devices)
            }
            None => {
                let nth = roots.iter().position(|&root| root == bus);
                nth.filter(|_| roots.len() == pci.len())
                    .map(|nth| &pci[nth].devices)
            }
        };
        let stored = values[number].get("addr");
        let devfn = match stored.or(values[number].get("legacy-addr")) {
            Some(Value::String(text)) => slot_of(text),
            Some(number) => number.as_i64().map(|n| (n >> 3, n & 7)),
            None => None,
        };
        let device = siblings
            .into_iter()
            .flatten()
            .find(|d| devfn == Some((d.slot, d.function)));
        if let Some(device) = device {
            found.insert(number, device);
        }
    }
    found
}

fn slot_of(text: &str) -> Option<(i64, i64)> {
    let (slot, function) = text.split_once('.')?;
    let hex = |text| i64::from_str_radix(text, 16).ok();
    Some((hex(slot)?, hex(function)?))
}

/// The devices of `info usb`, by entry: by their ids, and those without one by their places on
/// buses of a known number.
pub fn usb<'u>(devices: &Devices, usb: &'u [UsbDevice]) -> HashMap<usize, &'u UsbDevice> {
    let mut found: HashMap<usize, &UsbDevice> = HashMap::new();
    let mut buses: Vec<(usize, Vec<usize>)> = Vec::new();
    for (number, entry) in devices.entries.iter().enumerate() {
        let Some(bus) = entry.bus.filter(|&b| devices.entries[b].label == "usb-bus") else {
            continue;
        };
        match buses.iter_mut().find(|(known, _)| *known == bus) {
            Some((_, all)) => all.push(number),
            None => buses.push((bus, vec![number])),
        }
        let same = |d: &&UsbDevice| !entry.label.is_empty() && d.id.as_ref() == Some(&entry.label);
        if let Some(device) = usb.iter().find(same) {
            found.insert(number, device);
        }
    }
    let number_of = |(bus, all): &(usize, Vec<usize>)| {
        let named = all.iter().find_map(|number| Some(found.get(number)?.bus));
        let numbered = devices.entries[*bus].name.strip_prefix("usb-bus.");
        named.or_else(|| numbered?.parse().ok())
    };
    let mut numbers: Vec<Option<u64>> = buses.iter().map(number_of).collect();
    // One bus and one number that are left belong together.
    let mut left: Vec<u64> = usb.iter().map(|device| device.bus).collect();
    left.retain(|number| !numbers.contains(&Some(*number)));
    left.dedup();
    let mut unknown = numbers.iter_mut().filter(|number| number.is_none());
    if let (Some(unknown), None, [number]) = (unknown.next(), unknown.next(), left.as_slice()) {
        *unknown = Some(*number);
    }
    for ((_, all), bus_number) in buses.into_iter().zip(numbers) {
        let rest: Vec<usize> = all.into_iter().filter(|n| !found.contains_key(n)).collect();
        let nameless: Vec<&UsbDevice> = usb
            .iter()
            .filter(|d| Some(d.bus) == bus_number && d.id.is_none())
            .collect();
        // Which of several is which nothing says.
        if let ([number], [device]) = (rest.as_slice(), nameless.as_slice()) {
            found.insert(*number, device);
        }
    }
    found
}
