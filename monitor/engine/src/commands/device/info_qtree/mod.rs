// SPDX-License-Identifier: GPL-2.0-or-later
//! `info qtree`.

mod places;

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::format::properties::Property;
use crate::format::qtree::{self, UsbDevice};
use crate::qemu::caps::Caps;
use crate::qemu::devices::{Devices, Entry, Kind};
use crate::qemu::learned::property_order::Order;
use crate::qemu::pci::{PciDevice, PciInfo};
use crate::qemu::{objects, pins};
use crate::qmp::version::{Version, v};
use crate::qmp::{Qmp, QmpError};

/// Arguments of `info qtree`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    #[serde(default)]
    brief: bool,
}

/// Devices on USB that are attached later than they are made, or not at all (`auto_attach` in
/// hw/usb of QEMU): QMP does not show whether they are.
const MAYBE_DETACHED: &[&str] = &[
    "usb-bot",
    "usb-braille",
    "usb-host",
    "usb-redir",
    "usb-serial",
    "usb-uas",
];

/// `info qtree`, where QMP says all that it prints. Where there is no built-in monitor to say the
/// rest, a note names what is missing.
pub async fn info_qtree(cx: &mut Cx<'_>, args: Tree) -> CmdResult {
    if args.brief {
        return brief(cx).await;
    }
    let (text, left_out) = detailed(cx).await?;
    let what = left_out.join(", ");
    if !left_out.is_empty() && cx.has_builtin {
        return Err(CmdError::Unavailable(format!(
            "info qtree: QMP does not show {what}"
        )));
    }
    cx.write_str(&text)?;
    if !left_out.is_empty() {
        cx.note(format!("QMP does not show {what}"));
    }
    Ok(())
}

async fn brief(cx: &mut Cx<'_>) -> CmdResult {
    let devices = Devices::fetch(cx.qmp()).await?;
    print_brief(cx, &devices)?;
    Ok(())
}

/// The whole tree, and what is missing in it, in words.
async fn detailed(cx: &mut Cx<'_>) -> Result<(String, Vec<&'static str>), CmdError> {
    let qmp = cx.qmp();
    let devices = Devices::fetch(qmp).await?;
    let order = Order::of(cx.caps.version);
    let has_unknown = has_unknown_properties(cx, &devices, &order).await?;
    let names: Vec<Vec<String>> = devices
        .entries
        .iter()
        .map(|entry| names(&devices, entry, &order, cx.caps.version))
        .collect();
    let values = values(qmp, cx.caps, &devices, &names).await?;
    let regions = regions(qmp, cx.caps, &devices, &values, &order).await?;
    let pci: Vec<PciInfo> = answer(cx, "query-pci").await?.unwrap_or_default();
    let usb: Option<HumanReadableText> = answer(cx, "x-query-usb").await?;
    let usb = usb
        .map(|usb| UsbDevice::read_all(&usb.text))
        .unwrap_or_default();
    let mut printer = Printer {
        pci: places::pci(&devices, &values, &pci),
        usb: places::usb(&devices, &usb),
        devices: &devices,
        order: &order,
        names: &names,
        values: &values,
        regions,
        passed_on: pins::passed_on(&devices.objects),
        left_out: Vec::new(),
    };
    if !order.is_of(cx.caps.version) {
        printer.leave_out("the order of properties in this release");
    }
    if has_unknown {
        printer.leave_out("the order of properties of some types, which are left out");
    }
    let mut text = String::new();
    printer.print(&mut text)?;
    Ok((text, printer.left_out))
}

#[derive(Deserialize)]
struct HumanReadableText {
    #[serde(rename = "human-readable-text")]
    text: String,
}

/// A query's answer, `None` where QEMU has none.
async fn answer<T: DeserializeOwned>(
    cx: &mut Cx<'_>,
    command: &str,
) -> Result<Option<T>, CmdError> {
    match cx.query(command).await {
        Err(CmdError::Qmp(QmpError::Command { .. })) => Ok(None),
        other => other.map(Some),
    }
}

/// Whether there are types with properties that no table has, so that their order is not known.
async fn has_unknown_properties(
    cx: &mut Cx<'_>,
    devices: &Devices,
    order: &Order,
) -> Result<bool, CmdError> {
    let mut asked = HashSet::new();
    for entry in devices.entries.iter().filter(|e| e.kind == Kind::Device) {
        let chain = devices.ancestry(&entry.name);
        let known = |kind: &&str| order.properties.contains_key(*kind);
        if chain.iter().all(known) || !asked.insert(&entry.name) {
            continue;
        }
        let kind = json!({"typename": entry.name});
        let listed: Vec<Property> = match cx.query_with("device-list-properties", kind).await {
            Err(CmdError::Qmp(QmpError::Command { .. }) | CmdError::Plain(_)) => Vec::new(),
            other => other?,
        };
        let above: HashSet<&String> = chain
            .iter()
            .filter_map(|kind| order.properties.get(*kind))
            .flatten()
            .collect();
        let mut listed = listed.iter().filter(|p| is_declared(p));
        if listed.any(|property| !above.contains(&property.name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a type declares the property in a list: then it has a default, a description, or is a
/// text.
fn is_declared(property: &Property) -> bool {
    property.default_value.is_some() || property.description.is_some() || property.kind == "str"
}

/// The first release that prints links (11.0, commit d10176ddf7 of QEMU).
const LINKS_SHOWN: Version = v(11, 0);

/// The properties that an entry prints, in order, as far as that is known.
fn names(devices: &Devices, entry: &Entry, order: &Order, version: Version) -> Vec<String> {
    if entry.kind == Kind::Bus {
        return Vec::new();
    }
    let has: HashSet<&str> = devices.objects[entry.object]
        .properties
        .iter()
        .filter(|p| version >= LINKS_SHOWN || !p.kind.starts_with("link<"))
        .map(|p| p.name.as_str())
        .collect();
    let chain = devices.ancestry(&entry.name);
    let listed = chain
        .iter()
        .filter_map(|kind| order.properties.get(*kind))
        .flatten();
    listed
        .filter(|name| has.contains(name.as_str()))
        .cloned()
        .collect()
}

/// The name under which old releases keep a value as text.
fn legacy(name: &str) -> String {
    format!("legacy-{name}")
}

async fn values(
    qmp: &dyn Qmp,
    caps: &Caps,
    devices: &Devices,
    names: &[Vec<String>],
) -> Result<Vec<HashMap<String, Value>>, QmpError> {
    let wanted: Vec<(&str, Vec<String>)> = devices
        .entries
        .iter()
        .zip(names)
        .map(|(entry, names)| {
            let object = &devices.objects[entry.object];
            let stored = |name: &String| {
                let text = legacy(name);
                let has_text = object.properties.iter().any(|p| p.name == text);
                if has_text { text } else { name.clone() }
            };
            (object.path.as_str(), names.iter().map(stored).collect())
        })
        .collect();
    objects::chosen_values(qmp, caps, &wanted).await
}

/// The address space of the machine: system bus devices are placed in it and nowhere else
/// (hw/core/sysbus.c, sysbus_mmio_map_common).
const SYSTEM_MEMORY: &str = "/machine/unattached/system[0]";

/// A region of a system bus device: where it starts, all bits set where that is not kept, and its
/// size.
type Place = (u64, u64);

/// The regions of system bus devices, by entry.
async fn regions(
    qmp: &dyn Qmp,
    caps: &Caps,
    devices: &Devices,
    values: &[HashMap<String, Value>],
    order: &Order,
) -> Result<HashMap<usize, Vec<Place>>, QmpError> {
    let mut wanted = Vec::new();
    for (number, entry) in devices.entries.iter().enumerate() {
        let path = &devices.objects[entry.object].path;
        let name = values[number].get("name").and_then(Value::as_str);
        let regions = order.regions_of(&entry.name, &devices.board);
        for region in regions.into_iter().flatten() {
            let inner = region.path.replace("{name}", name.unwrap_or_default());
            wanted.push((number, format!("{path}/{inner}"), region.placed));
        }
    }
    let paths: Vec<&str> = wanted.iter().map(|(_, path, _)| path.as_str()).collect();
    let asked = ["addr", "size", "container"];
    let found = objects::values_of(qmp, caps, &paths, asked).await?;
    let mut regions: HashMap<usize, Vec<Place>> = HashMap::new();
    for ((number, _, placed), [address, size, container]) in wanted.into_iter().zip(found) {
        let (Some(address), Some(size)) = (
            address.as_ref().and_then(Value::as_u64),
            size.as_ref().and_then(Value::as_u64),
        ) else {
            continue;
        };
        // Of one type, a board may place some itself and have others in a container.
        let is_elsewhere = container.is_some_and(|container| container != SYSTEM_MEMORY);
        let start = match placed && !is_elsewhere {
            true => address,
            false => u64::MAX,
        };
        regions.entry(number).or_default().push((start, size));
    }
    Ok(regions)
}

struct Printer<'p> {
    devices: &'p Devices,
    order: &'p Order,
    names: &'p [Vec<String>],
    values: &'p [HashMap<String, Value>],
    regions: HashMap<usize, Vec<Place>>,
    /// Objects whose pins may be another's.
    passed_on: HashSet<usize>,
    pci: HashMap<usize, &'p PciDevice>,
    usb: HashMap<usize, &'p UsbDevice>,
    /// What is missing, in words.
    left_out: Vec<&'static str>,
}

impl Printer<'_> {
    fn print(&mut self, out: &mut dyn Write) -> fmt::Result {
        for (number, entry) in self.devices.entries.iter().enumerate() {
            print_head(out, entry)?;
            if matches!(entry.kind, Kind::Device) {
                self.details(out, number, entry.depth * 2 + 2)?;
            }
        }
        Ok(())
    }

    fn details(&mut self, out: &mut dyn Write, number: usize, indent: usize) -> fmt::Result {
        let entry = &self.devices.entries[number];
        let object = &self.devices.objects[entry.object];
        let objects = &self.devices.objects;
        let (mut pins, is_whole) = pins::of(object, objects, self.order.pins.get(&entry.name));
        if !is_whole {
            self.leave_out("the order of pins of some types, which are left out");
        }
        if !pins.is_empty() && self.passed_on.contains(&entry.object) {
            self.leave_out("whose some pins are");
            pins.clear();
        }
        for pins in pins {
            for (word, count) in [("in", pins.inputs), ("out", pins.outputs)] {
                if count > 0 {
                    writeln!(out, "{:indent$}gpio-{word} \"{}\" {count}", "", pins.name)?;
                }
            }
        }
        if object.children.iter().any(|&c| objects[c].kind == "clock") {
            self.leave_out("clocks");
        }
        let values = &self.values[number];
        for name in &self.names[number] {
            let shown = match (values.get(&legacy(name)), values.get(name)) {
                (Some(Value::String(text)), _) if text.is_empty() => "<null>".into(),
                (Some(Value::String(text)), _) => text.clone(),
                (_, Some(value)) => match self.value(number, name, value) {
                    Some(shown) => shown,
                    None => {
                        self.leave_out("lists of some kinds");
                        continue;
                    }
                },
                (_, None) => continue,
            };
            writeln!(out, "{:indent$}{name} = {shown}", "")?;
        }
        self.bus_details(out, number, indent)
    }

    fn value(&self, number: usize, name: &str, value: &Value) -> Option<String> {
        let entry = &self.devices.entries[number];
        let object = &self.devices.objects[entry.object];
        let is_slot = name == "addr" && self.devices.ancestry(&entry.name).contains(&"pci-device");
        if let Some(devfn) = value.as_i64().filter(|_| is_slot) {
            return Some(qtree::slot(devfn));
        }
        let kind = object.properties.iter().find(|p| p.name == name);
        qtree::value(kind.map_or("", |p| &p.kind), value)
    }

    /// What a device's bus adds to it.
    fn bus_details(&mut self, out: &mut dyn Write, number: usize, indent: usize) -> fmt::Result {
        let entry = &self.devices.entries[number];
        let bus = entry
            .bus
            .map(|bus| self.devices.entries[bus].label.as_str());
        let chain = self.devices.ancestry(&entry.name);
        for (start, size) in self.regions.get(&number).into_iter().flatten() {
            writeln!(out, "{:indent$}mmio {start:016x}/{size:016x}", "")?;
        }
        let known = self.order.regions_of(&entry.name, &self.devices.board);
        let shown = self.regions.get(&number).map_or(0, Vec::len);
        if chain.contains(&"sys-bus-device") && known.is_none_or(|known| known.len() != shown) {
            self.leave_out("the regions of some system bus devices");
        }
        if chain.contains(&"pci-device") {
            match self.pci.get(&number) {
                Some(device) => print_pci(out, device, indent)?,
                None => self.leave_out("PCI devices behind bridges without a bus number"),
            }
        }
        if bus == Some("usb-bus") {
            let sure = !MAYBE_DETACHED.contains(&entry.name.as_str());
            match self.usb.get(&number).filter(|_| sure) {
                Some(device) => device.print(out, indent)?,
                None => self.leave_out("the addresses of some USB devices"),
            }
        }
        if bus == Some("virtio-serial-bus") {
            self.leave_out("the states of virtio ports");
        }
        Ok(())
    }

    fn leave_out(&mut self, what: &'static str) {
        if !self.left_out.contains(&what) {
            self.left_out.push(what);
        }
    }
}

fn print_pci(out: &mut dyn Write, device: &PciDevice, indent: usize) -> fmt::Result {
    write!(out, "{:indent$}class ", "")?;
    match &device.class_info.desc {
        Some(desc) => write!(out, "{desc}")?,
        None => write!(out, "Class {:04x}", device.class_info.class)?,
    }
    // A bridge has the upper half of a limit where others have their board.
    let (vendor, board) = match &device.pci_bridge {
        Some(bridge) => {
            let upper = bridge.bus.prefetchable_range.limit >> 32;
            (upper & 0xffff, upper >> 16 & 0xffff)
        }
        None => (
            device.id.subsystem_vendor.unwrap_or(0),
            device.id.subsystem.unwrap_or(0),
        ),
    };
    writeln!(
        out,
        ", addr {:02x}:{:02x}.{:x}, pci id {:04x}:{:04x} (sub {vendor:04x}:{board:04x})",
        device.bus, device.slot, device.function, device.id.vendor, device.id.device
    )?;
    for region in &device.regions {
        let kind = if region.kind == "io" { "i/o" } else { "mem" };
        let end = region.address.wrapping_add(region.size).wrapping_sub(1);
        writeln!(
            out,
            "{:indent$}bar {}: {kind} at {:#x} [{end:#x}]",
            "", region.bar, region.address
        )?;
    }
    Ok(())
}

fn print_brief(out: &mut dyn Write, devices: &Devices) -> fmt::Result {
    devices
        .entries
        .iter()
        .try_for_each(|entry| print_head(out, entry))
}

/// The lines that a bus or a device has in every tree.
fn print_head(out: &mut dyn Write, entry: &Entry) -> fmt::Result {
    let indent = entry.depth * 2;
    let (name, label) = (&entry.name, &entry.label);
    match entry.kind {
        Kind::Bus => {
            writeln!(out, "{:indent$}bus: {name}", "")?;
            writeln!(out, "{:1$}type {label}", "", indent + 2)
        }
        Kind::Device => writeln!(out, "{:indent$}dev: {name}, id \"{label}\"", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::objects::Node;

    // Of virtio-rng-pci in 10.0.2, cut; "realized" is a property of the object.
    #[test]
    fn declared_properties_are_told_from_the_objects() {
        let declared = |property| is_declared(&serde_json::from_value(property).unwrap());
        for property in [
            json!({"name": "vectors", "type": "uint32", "default-value": 2}),
            json!({"name": "addr", "type": "int32", "description": "Slot and optional function number"}),
            json!({"name": "failover_pair_id", "type": "str"}),
        ] {
            assert!(declared(property.clone()), "{property}");
        }
        assert!(!declared(json!({"name": "realized", "type": "bool"})));
    }

    #[test]
    fn links_are_printed_from_a_release_on() {
        let property = |name: &str, kind: &str| {
            serde_json::from_value(json!({"name": name, "type": kind})).unwrap()
        };
        let devices = Devices {
            entries: vec![Entry {
                kind: Kind::Device,
                name: "virtio-blk-device".into(),
                label: "d0".into(),
                depth: 0,
                object: 0,
                bus: None,
            }],
            objects: vec![Node {
                properties: vec![
                    property("iothread", "link<iothread>"),
                    property("serial", "str"),
                ],
                ..Node::default()
            }],
            ..Devices::default()
        };
        let order = Order::of(v(11, 1));
        let printed = |version| names(&devices, &devices.entries[0], &order, version);
        assert_eq!(printed(v(10, 2)), ["serial"]);
        assert_eq!(printed(v(11, 0)), ["serial", "iothread"]);
    }

    #[test]
    fn a_text_may_be_empty_or_none() {
        let devices = Devices {
            entries: vec![Entry {
                kind: Kind::Device,
                name: "e1000".into(),
                label: "n0".into(),
                depth: 0,
                object: 0,
                bus: None,
            }],
            objects: vec![Node::default()],
            ..Devices::default()
        };
        let value = |name: &str, value: &str| (name.to_owned(), json!(value));
        let values = HashMap::from([
            value("legacy-netdev", ""),
            value("netdev", "?"),
            value("legacy-addr", "02.0"),
            value("romfile", ""),
        ]);
        let names = ["netdev", "addr", "romfile", "absent"].map(str::to_owned);
        let mut printer = Printer {
            devices: &devices,
            order: &Order::default(),
            names: &[names.to_vec()],
            values: &[values],
            regions: HashMap::new(),
            passed_on: HashSet::new(),
            pci: HashMap::new(),
            usb: HashMap::new(),
            left_out: Vec::new(),
        };
        let mut text = String::new();
        printer.print(&mut text).unwrap();
        assert_eq!(
            text,
            "dev: e1000, id \"n0\"\n  netdev = <null>\n  addr = 02.0\n  romfile = \"\"\n"
        );
    }

    // pcibus_dev_print of hw/pci/pci-hmp-cmds.c reads the numbers of a board where a bridge has
    // that half.
    #[test]
    fn a_bridge_shows_half_a_limit_as_its_board() {
        let range = json!({"base": 0, "limit": 0});
        let device = json!({
            "bus": 0, "slot": 1, "function": 0, "class_info": {"class": 0x604, "desc": "PCI bridge"},
            "id": {"device": 12, "vendor": 0x1b36}, "qdev_id": "", "regions": [],
            "pci_bridge": {
                "bus": {
                    "number": 0, "secondary": 1, "subordinate": 1, "io_range": range, "memory_range": range,
                    "prefetchable_range": {"base": 0, "limit": 0x5678_1234_ffff_ffff_u64}
                },
                "devices": []
            }
        });
        let mut text = String::new();
        print_pci(&mut text, &serde_json::from_value(device).unwrap(), 2).unwrap();
        assert_eq!(
            text,
            "  class PCI bridge, addr 00:01.0, pci id 1b36:000c (sub 1234:5678)\n"
        );
    }

    #[test]
    fn devices_stand_below_their_bus() {
        let entry = |kind, name: &str, label: &str, depth| Entry {
            kind,
            name: name.into(),
            label: label.into(),
            depth,
            object: 0,
            bus: None,
        };
        let devices = Devices {
            entries: vec![
                entry(Kind::Bus, "main-system-bus", "System", 0),
                entry(Kind::Device, "q35-pcihost", "", 1),
                entry(Kind::Bus, "pcie.0", "PCIE", 2),
                entry(Kind::Device, "e1000", "n0", 3),
            ],
            ..Devices::default()
        };
        let mut text = String::new();
        print_brief(&mut text, &devices).unwrap();
        assert_eq!(
            text,
            "bus: main-system-bus\n  type System\n  dev: q35-pcihost, id \"\"\n    bus: pcie.0\n      type PCIE\n      \
             dev: e1000, id \"n0\"\n"
        );
    }
}
