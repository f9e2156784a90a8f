// SPDX-License-Identifier: GPL-2.0-or-later
//! The tree of buses and devices, in the order in which QEMU keeps it.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::qemu::devices::entry::{Entry, Kind};
use crate::qemu::devices::ids;
use crate::qemu::objects::{self, Node};
use crate::qmp::{Qmp, QmpError};

/// The bus that holds all others.
const ROOT: &str = "/machine/unattached/sysbus";

/// The name that the root bus prints; its name in QOM is another.
const ROOT_NAME: &str = "main-system-bus";

/// A type whose id is its own name.
const PLATFORM_BUS: &str = "platform-bus-device";

/// What an I3C bus adds to its name for the I2C bus that it makes next (hw/i3c/core.c,
/// i3c_init_bus).
const NEXT_TO_I3C: &str = "-legacy-i2c";

/// More than any machine nests.
const MAX_DEPTH: usize = 64;

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
        ids::give(qmp, &mut devices.entries, &devices.objects, &devices.board).await?;
        Ok(devices)
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
#[must_use]
pub fn board(machine: &str) -> &str {
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
        if let Some(&device) = by_path.get(path).filter(|&&device| seen.insert(device)) {
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
