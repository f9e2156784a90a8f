// SPDX-License-Identifier: GPL-2.0-or-later
//! What one QEMU says of the order in which it prints.

use std::collections::{BTreeMap, HashMap, HashSet};

use hmp_engine::qemu::devices::{Devices, Entry, Kind};
use hmp_engine::qemu::learned::property_order::{Order, Region};
use serde_json::json;

use super::qemu::{Blocking, ready};
use crate::error::Error;

/// What `info qtree` says of one device.
#[derive(Default)]
struct Printed {
    kind: String,
    properties: Vec<String>,
    pins: Vec<String>,
    regions: Vec<(u64, u64)>,
}

fn read(text: &str) -> Vec<Printed> {
    let mut devices: Vec<Printed> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("dev: ") {
            let kind = rest.split(", id ").next().unwrap_or_default().to_owned();
            devices.push(Printed {
                kind,
                ..Printed::default()
            });
            continue;
        }
        let Some(device) = devices.last_mut() else {
            continue;
        };
        if let Some(rest) = line.strip_prefix("gpio-") {
            let name = rest.split('"').nth(1).unwrap_or_default().to_owned();
            if !device.pins.contains(&name) {
                device.pins.push(name);
            }
        } else if let Some((start, size)) =
            line.strip_prefix("mmio ").and_then(|l| l.split_once('/'))
        {
            let hex = |text| u64::from_str_radix(text, 16).unwrap_or(0);
            device.regions.push((hex(start), hex(size)));
        } else if let Some((name, _)) = line.split_once(" = ") {
            device.properties.push(name.to_owned());
        }
    }
    devices
}

/// The names of types' properties, asked once each: some types end the QEMU that looks at them.
#[derive(Default)]
pub struct Types(HashMap<String, HashSet<String>>);

impl Types {
    fn properties(&mut self, qmp: &Blocking, kind: &str) -> HashSet<String> {
        if let Some(known) = self.0.get(kind) {
            return known.clone();
        }
        self.0.insert(kind.to_owned(), HashSet::new());
        let names = qmp.properties(kind);
        self.0.insert(kind.to_owned(), names.clone());
        names
    }
}

/// Which types say what, learned from one QEMU.
pub fn learn(qmp: &Blocking, types: &mut Types, order: &mut Order) -> Result<(), Error> {
    let line = json!({"command-line": "info qtree"});
    let tree = qmp.call("human-monitor-command", &line)?;
    let printed = read(tree.as_str().unwrap_or_default());
    let devices = ready(Devices::fetch(qmp)).ok_or("pending")??;
    let entries: Vec<&Entry> = devices
        .entries
        .iter()
        .filter(|e| e.kind == Kind::Device)
        .collect();
    let kinds = || entries.iter().map(|entry| entry.name.as_str());
    if !kinds().eq(printed.iter().map(|said| said.kind.as_str())) {
        return Err("the tree is not the built-in's".into());
    }
    for (entry, said) in entries.into_iter().zip(printed) {
        for kind in devices.ancestry(&said.kind) {
            let all = types.properties(qmp, kind);
            let above = match devices.parents.get(kind) {
                Some(parent) => types.properties(qmp, parent),
                None => HashSet::new(),
            };
            let own = said
                .properties
                .iter()
                .filter(|p| all.contains(*p) && !above.contains(*p));
            merge(
                order.properties.entry(kind.to_owned()).or_default(),
                own.cloned().collect(),
            );
        }
        // The usual order of pins needs no telling.
        if said.pins.len() > 1 {
            merge(order.pins.entry(said.kind.clone()).or_default(), said.pins);
        }
        learn_regions(qmp, &devices, entry, &said.regions, order)?;
    }
    Ok(())
}

/// Puts names that are new where they stand among those known.
fn merge(known: &mut Vec<String>, names: Vec<String>) {
    let mut at = 0;
    for name in names {
        match known.iter().position(|k| *k == name) {
            Some(found) => at = found + 1,
            None => {
                known.insert(at, name);
                at += 1;
            }
        }
    }
}

fn learn_regions(
    qmp: &Blocking,
    devices: &Devices,
    entry: &Entry,
    printed: &[(u64, u64)],
    order: &mut Order,
) -> Result<(), Error> {
    let key = format!("{}@{}", entry.name, devices.board);
    if !devices.ancestry(&entry.name).contains(&"sys-bus-device")
        || order.regions.contains_key(&key)
    {
        return Ok(());
    }
    let device = &devices.objects[entry.object];
    let prefix = format!("{}/", device.path);
    let mut candidates = BTreeMap::new();
    for node in &devices.objects {
        let Some(path) = node.path.strip_prefix(&prefix) else {
            continue;
        };
        if node.kind.ends_with("memory-region") {
            let get = |property: &str| {
                let value = qmp.call("qom-get", &json!({"path": node.path, "property": property}));
                value.ok().and_then(|v| v.as_u64()).unwrap_or(0)
            };
            candidates.insert(path.to_owned(), (get("addr"), get("size")));
        }
    }
    let name = json!({"path": device.path, "property": "name"});
    let name = qmp.call("qom-get", &name).unwrap_or_default();
    let name = name.as_str().unwrap_or_default();
    let mut regions = Vec::new();
    for &(start, size) in printed {
        let placed = start != u64::MAX;
        let fits = |(_, (address, s)): &(&String, &(u64, u64))| {
            *s == size && (!placed || *address == start)
        };
        let Some(path) = candidates.iter().find(fits).map(|(path, _)| path.clone()) else {
            // Rather no line than a wrong one.
            return Ok(());
        };
        candidates.remove(&path);
        let path = match path.strip_prefix(name) {
            Some(rest) if !name.is_empty() => format!("{{name}}{rest}"),
            _ => path,
        };
        regions.push(Region { path, placed });
    }
    order.regions.insert(key, regions);
    Ok(())
}
