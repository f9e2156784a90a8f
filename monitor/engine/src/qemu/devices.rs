// SPDX-License-Identifier: GPL-2.0-or-later
//! The tree of buses and devices, in the order in which QEMU keeps it.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::qemu::objects::{self, Node};
use crate::qmp::{Qmp, QmpError};

/// The bus that holds all others.
const ROOT: &str = "/machine/unattached/sysbus";

/// The name that the root bus prints; its name in QOM is another.
const ROOT_NAME: &str = "main-system-bus";

/// A type whose id is its own name.
const PLATFORM_BUS: &str = "platform-bus-device";

/// Devices on the virtual bus of pSeries machines, and their names there (`dt_name` in QEMU's
/// sources): with the value of `reg` they are the ids of those that were given none.
const VIRTUAL_DEVICES: &[(&str, &str)] = &[
    ("spapr-nvram", "nvram"),
    ("spapr-vlan", "l-lan"),
    ("spapr-vscsi", "v-scsi"),
    ("spapr-vty", "vty"),
    ("tpm-spapr", "vtpm"),
];

/// Multiplexers of I2C that give themselves an id.
const MULTIPLEXERS: &[&str] = &["pca9546", "pca9548"];

/// What an I3C bus adds to its name for the I2C bus that it makes next (hw/i3c/core.c,
/// i3c_init_bus).
const NEXT_TO_I3C: &str = "-legacy-i2c";

/// More than any machine nests.
const MAX_DEPTH: usize = 64;

/// A bus or a device in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bus.
    Bus,
    /// A device.
    Device,
}

/// One entry of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// A bus's name, a device's type.
    pub name: String,
    /// A bus's type, a device's id.
    pub label: String,
    /// How many buses and devices lie above.
    pub depth: usize,
    /// Its place among the objects.
    pub object: usize,
    /// The bus that a device sits on, by its place among the entries.
    pub bus: Option<usize>,
}

/// The tree, and the objects that it was made from.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// Buses and devices, each before what it holds.
    pub entries: Vec<Entry>,
    /// All objects.
    pub objects: Vec<Node>,
    /// The type above each type of device or bus, by the name of the lower.
    pub parents: HashMap<String, String>,
    /// The board, without its release: `pc-q35`, `virt`.
    pub board: String,
}

#[derive(Deserialize)]
struct Type {
    name: String,
    parent: Option<String>,
}

impl Devices {
    /// Asks QEMU for the tree.
    pub async fn fetch(qmp: &dyn Qmp) -> Result<Self, QmpError> {
        let types = |implements: &'static str| async move {
            let list = json!({"implements": implements, "abstract": true});
            let answer = qmp.execute("qom-list-types", list).await?;
            serde_json::from_value::<Vec<Type>>(answer)
                .map_err(|e| QmpError::unexpected("qom-list-types", e))
        };
        let bus_types = types("bus").await?;
        let buses: HashSet<String> = bus_types.iter().map(|t| t.name.clone()).collect();
        let parents: HashMap<String, String> = types("device")
            .await?
            .into_iter()
            .chain(bus_types)
            .filter_map(|t| Some((t.name, t.parent?)))
            .collect();
        let leaf = |kind: &str| kind.ends_with("memory-region") || kind == "irq";
        let objects = objects::tree_without(qmp, "/machine", "", leaf).await?;
        let machine = json!({"path": "/machine", "property": "type"});
        let machine = qmp.execute("qom-get", machine).await?;
        let links = children(qmp, &objects, &buses).await?;
        let mut devices = Self {
            entries: Vec::new(),
            objects,
            parents,
            board: board(machine.as_str().unwrap_or_default()).to_owned(),
        };
        if let Some(root) = devices.objects.iter().position(|o| o.path == ROOT) {
            devices.bus(root, 0, &links, &buses);
        }
        devices.name_virtual_devices(qmp).await?;
        devices.name_multiplexers(qmp).await?;
        devices.name_pci_devices_of_s390(qmp).await?;
        Ok(devices)
    }

    /// Gives ids to the devices whose bus makes them up.
    async fn name_virtual_devices(&mut self, qmp: &dyn Qmp) -> Result<(), QmpError> {
        let name = |kind: &str| VIRTUAL_DEVICES.iter().find(|(k, _)| *k == kind);
        let nameless: Vec<(usize, &str)> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.label.is_empty())
            .filter_map(|(number, entry)| Some((number, name(&entry.name)?.1)))
            .collect();
        let registers = nameless.iter().map(|&(number, _)| {
            let object = self.entries[number].object;
            (self.objects[object].path.as_str(), "reg")
        });
        let registers = objects::values(qmp, registers).await?;
        for ((number, name), register) in nameless.into_iter().zip(registers) {
            if let Some(register) = register.as_ref().and_then(Value::as_u64) {
                self.entries[number].label = format!("{name}@{register:x}");
            }
        }
        Ok(())
    }

    /// Devices without an id, by their places among the entries, with the paths of their objects.
    fn nameless(&self, fits: impl Fn(&Entry) -> bool) -> Vec<(usize, &str)> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| {
                entry.kind == Kind::Device && entry.label.is_empty() && fits(entry)
            })
            .map(|(number, entry)| (number, self.objects[entry.object].path.as_str()))
            .collect()
    }

    /// Gives ids to multiplexers of I2C, which take their address, unless boards give them a name
    /// (hw/i2c/i2c_mux_pca954x.c, pca954x_realize).
    async fn name_multiplexers(&mut self, qmp: &dyn Qmp) -> Result<(), QmpError> {
        let found = self.nameless(|entry| MULTIPLEXERS.contains(&entry.name.as_str()));
        let asked = found
            .iter()
            .flat_map(|&(_, path)| [(path, "address"), (path, "name")]);
        let values = objects::values(qmp, asked).await?;
        let numbers: Vec<usize> = found.iter().map(|(number, _)| *number).collect();
        for (number, values) in numbers.into_iter().zip(values.chunks(2)) {
            let name = values[1].as_ref().and_then(Value::as_str);
            let address = values[0].as_ref().and_then(Value::as_u64);
            match (name.filter(|name| !name.is_empty()), address) {
                (Some(name), _) => self.entries[number].label = name.to_owned(),
                (None, Some(address)) => {
                    self.entries[number].label = format!("pca954x[{address:x}]");
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Gives ids to the PCI devices of s390x that have none, by where they are
    /// (hw/s390x/s390-pci-bus.c, s390_pcihost_plug); bridges number the buses behind them.
    async fn name_pci_devices_of_s390(&mut self, qmp: &dyn Qmp) -> Result<(), QmpError> {
        if !self.board.starts_with("s390-ccw-virtio") {
            return Ok(());
        }
        let on_root = |entry: &Entry| {
            let bus = entry.bus.and_then(|bus| self.entries.get(bus));
            bus.is_some_and(|bus| bus.name == "pci.0" && bus.label.starts_with("PCI"))
        };
        let found = self.nameless(on_root);
        let asked = found.iter().map(|&(_, path)| (path, "addr"));
        let values = objects::values(qmp, asked).await?;
        let numbers: Vec<usize> = found.iter().map(|(number, _)| *number).collect();
        for (number, address) in numbers.into_iter().zip(values) {
            // Slot and function in one number.
            if let Some(address) = address.as_ref().and_then(Value::as_u64) {
                self.entries[number].label =
                    format!("auto_00:{:02x}.{:x}", address >> 3, address & 7);
            }
        }
        Ok(())
    }

    fn bus(
        &mut self,
        object: usize,
        depth: usize,
        links: &HashMap<usize, Vec<usize>>,
        buses: &HashSet<String>,
    ) {
        let node = &self.objects[object];
        let name = if node.path == ROOT {
            ROOT_NAME
        } else {
            &node.name
        };
        let bus = self.entries.len();
        self.entries.push(Entry {
            kind: Kind::Bus,
            name: name.to_owned(),
            label: node.kind.clone(),
            depth,
            object,
            bus: None,
        });
        if depth > MAX_DEPTH {
            return;
        }
        for &child in links.get(&object).into_iter().flatten() {
            let node = &self.objects[child];
            let id = node.path.strip_prefix("/machine/peripheral/");
            // Boards give this one an id themselves.
            let id = id.or((node.kind == PLATFORM_BUS).then_some(PLATFORM_BUS));
            self.entries.push(Entry {
                kind: Kind::Device,
                name: node.kind.clone(),
                label: id
                    .filter(|id| !id.contains('/'))
                    .unwrap_or_default()
                    .to_owned(),
                depth: depth + 1,
                object: child,
                bus: Some(bus),
            });
            for inner in self.buses_of(child, buses) {
                self.bus(inner, depth + 2, links, buses);
            }
        }
    }

    /// A device's own buses, the last made first: their numbers rise.
    fn buses_of(&self, device: usize, buses: &HashSet<String>) -> Vec<usize> {
        let mut inner: Vec<usize> = self.objects[device]
            .children
            .iter()
            .copied()
            .filter(|&child| buses.contains(&self.objects[child].kind))
            .collect();
        inner.sort_by_key(|&child| std::cmp::Reverse(made(&self.objects[child].name)));
        inner
    }

    /// The types of a device or bus from its own up, without the one that all devices have.
    #[must_use]
    pub fn ancestry<'a>(&'a self, kind: &'a str) -> Vec<&'a str> {
        let mut chain = vec![kind];
        let mut here = kind;
        while let Some(parent) = self.parents.get(here) {
            if parent == "device" || chain.len() > MAX_DEPTH {
                break;
            }
            chain.push(parent);
            here = parent;
        }
        chain
    }
}

/// A machine's type without its release.
fn board(machine: &str) -> &str {
    let name = machine.strip_suffix("-machine").unwrap_or(machine);
    match name.rsplit_once('-') {
        Some((board, release)) if release.starts_with(|c: char| c.is_ascii_digit()) => board,
        _ => name,
    }
}

/// The devices on each bus, the last plugged first.
async fn children(
    qmp: &dyn Qmp,
    objects: &[Node],
    buses: &HashSet<String>,
) -> Result<HashMap<usize, Vec<usize>>, QmpError> {
    let by_path: HashMap<&str, usize> = objects
        .iter()
        .enumerate()
        .map(|(number, node)| (node.path.as_str(), number))
        .collect();
    let mut wanted: Vec<(usize, u64, &str)> = Vec::new();
    for (number, node) in objects.iter().enumerate() {
        if buses.contains(&node.kind) {
            let slots = node.properties.iter().filter_map(|p| {
                let slot = p.name.strip_prefix("child[")?.strip_suffix(']')?;
                Some((number, slot.parse().ok()?, p.name.as_str()))
            });
            wanted.extend(slots);
        }
    }
    wanted.sort_by_key(|&(bus, slot, _)| (bus, std::cmp::Reverse(slot)));
    let links = wanted
        .iter()
        .map(|&(bus, _, name)| (objects[bus].path.as_str(), name));
    let values = objects::values(qmp, links).await?;
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut seen = HashSet::new();
    for ((bus, ..), value) in wanted.into_iter().zip(values) {
        let path = value.as_ref().and_then(Value::as_str).unwrap_or_default();
        // A device sits on one bus.
        if let Some(&device) = by_path.get(path)
            && seen.insert(device)
        {
            children.entry(bus).or_default().push(device);
        }
    }
    Ok(children)
}

/// What orders the buses of one device as they were made: the number that their names end with.
fn made(name: &str) -> (u64, String, bool) {
    let (name, is_next) = match name.strip_suffix(NEXT_TO_I3C) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = name.split_at(name.len() - digits);
    (number.parse().unwrap_or(0), stem.to_owned(), is_next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buses_are_ordered_by_their_numbers() {
        let mut names = ["ide.1", "ide.10", "ide.2"];
        names.sort_by_key(|name| std::cmp::Reverse(made(name)));
        assert_eq!(names, ["ide.10", "ide.2", "ide.1"]);
        let mut names = ["dw.i3c.5", "dw.i3c.5-legacy-i2c"];
        names.sort_by_key(|name| std::cmp::Reverse(made(name)));
        assert_eq!(names, ["dw.i3c.5-legacy-i2c", "dw.i3c.5"]);
    }

    #[test]
    fn boards_are_machines_of_all_releases() {
        assert_eq!(board("pc-q35-10.0-machine"), "pc-q35");
        assert_eq!(board("raspi3b-machine"), "raspi3b");
    }

    #[test]
    fn a_chain_of_types_ends_before_the_first_of_all() {
        let parents = [
            ("e1000", "e1000-base"),
            ("e1000-base", "pci-device"),
            ("pci-device", "device"),
        ];
        let devices = Devices {
            parents: parents.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            ..Devices::default()
        };
        assert_eq!(
            devices.ancestry("e1000"),
            ["e1000", "e1000-base", "pci-device"]
        );
        assert_eq!(devices.ancestry("odd"), ["odd"]);
    }
}
