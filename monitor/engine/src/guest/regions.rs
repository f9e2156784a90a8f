// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's memory regions as QOM shows them: where they lie, and what that says of an address.
//!
//! QOM says a region's name, place and size; not its kind (memory, device, alias), nor whether it
//! is switched on. What is certain without that: an address that only memory covers, by the names
//! of QEMU's memory blocks, can be read; one that no region covers, containers aside, can't.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use serde_json::Value;

use crate::qemu::caps::Caps;
use crate::qemu::objects::{self, Node};
use crate::qmp::{Qmp, QmpError};

/// The region that holds what the CPUs see.
pub const SYSTEM: &str = "/machine/unattached/system[0]";

/// Types of objects that hide the guest's memory from the host (target/i386/sev.c, kvm/tdx.c; seen:
/// 11.1.3 has these for PCs).
const HIDING: &[&str] = &["sev-guest", "sev-snp-guest", "tdx-guest"];

/// A memory region.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// Its name, without the number that QOM puts behind it.
    pub name: String,
    /// Its QOM path.
    pub path: String,
    /// The type of the object that it belongs to in QOM.
    pub owner: String,
    /// Whether QEMU said where it lies; without that, what follows is nothing.
    pub is_placed: bool,
    /// Where it starts in its container.
    pub address: u64,
    /// How many bytes: 2^64 for the whole address space.
    pub size: u128,
    /// Which of overlapping regions lies above.
    pub priority: i32,
    /// The regions inside, by their place in the list.
    pub children: Vec<usize>,
    /// Whether another region holds it.
    pub contained: bool,
}

/// All memory regions of a machine.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// In the order of the object tree.
    pub list: Vec<Region>,
    /// The type of the machine.
    pub machine: String,
    /// Whether there is an object that hides the guest's memory from the host.
    pub hidden: bool,
}

impl Regions {
    /// Asks QEMU for them.
    pub async fn fetch(qmp: &dyn Qmp, caps: &Caps) -> Result<Self, QmpError> {
        Self::fetch_some(qmp, caps, |_, _| true).await
    }

    /// Asks QEMU for them; of those whose owner's type and name are not `wanted`, not where they
    /// lie, unless one request asks for many.
    pub async fn fetch_some(
        qmp: &dyn Qmp,
        caps: &Caps,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Result<Self, QmpError> {
        // These hold nothing, and are most of what there is.
        let leaf = |kind: &str| kind.ends_with("memory-region") || kind == "irq";
        let nodes = objects::tree_without(qmp, "/", "container", leaf).await?;
        let owners: HashMap<usize, &str> = nodes
            .iter()
            .flat_map(|node| {
                node.children
                    .iter()
                    .map(|&child| (child, node.kind.as_str()))
            })
            .collect();
        let regions = nodes.iter().enumerate();
        let regions = regions.filter(|(_, node)| node.kind.ends_with("memory-region"));
        let (owners, regions): (Vec<&str>, Vec<&Node>) = regions
            .map(|(number, node)| (owners.get(&number).copied().unwrap_or_default(), node))
            .unzip();
        let asked: Vec<usize> = (0..regions.len())
            .filter(|&n| {
                caps.has("qom-list-get") || wanted(owners[n], &unnumbered(&regions[n].name))
            })
            .collect();
        let paths: Vec<&str> = asked.iter().map(|&n| regions[n].path.as_str()).collect();
        let answers =
            objects::values_of(qmp, caps, &paths, ["addr", "size", "priority", "container"])
                .await?;
        let mut values = vec![[const { None }; 4]; regions.len()];
        for (number, answer) in asked.into_iter().zip(answers) {
            values[number] = answer;
        }
        let mut all = Self::new(&regions, &values);
        for (region, owner) in all.list.iter_mut().zip(owners) {
            owner.clone_into(&mut region.owner);
        }
        if let Some(machine) = nodes.iter().find(|node| node.path == "/machine") {
            machine.kind.clone_into(&mut all.machine);
        }
        all.hidden = nodes
            .iter()
            .any(|node| HIDING.contains(&node.kind.as_str()));
        Ok(all)
    }

    /// Where they lie for the CPUs: those that system memory holds, however deep.
    #[must_use]
    pub fn places(&self) -> Vec<(&Region, Range<u128>)> {
        let Some(root) = self.list.iter().position(|r| r.path == SYSTEM) else {
            return Vec::new();
        };
        let mut places = Vec::new();
        // Each region has one container: without the root none comes twice.
        let mut open: Vec<(usize, u128)> = vec![(root, 0)];
        while let Some((number, start)) = open.pop() {
            let region = &self.list[number];
            places.push((region, start..start + region.size));
            let children = region.children.iter().filter(|&&child| child != root);
            open.extend(children.map(|&child| {
                let address = u128::from(self.list[child].address);
                (child, start + address)
            }));
        }
        places
    }

    fn new(nodes: &[&Node], values: &[[Option<Value>; 4]]) -> Self {
        let numbers: HashMap<&str, usize> = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (node.path.as_str(), number))
            .collect();
        let mut list: Vec<Region> = Vec::with_capacity(nodes.len());
        let mut containers = Vec::with_capacity(nodes.len());
        for (node, values) in nodes.iter().zip(values) {
            let number = |i: usize| values[i].as_ref().and_then(Value::as_u64);
            let size = number(1).unwrap_or(0);
            list.push(Region {
                name: unnumbered(&node.name),
                path: node.path.clone(),
                owner: String::new(),
                is_placed: values.iter().all(Option::is_some),
                address: number(0).unwrap_or(0),
                // The whole address space is the one size that does not fit.
                size: if size == u64::MAX {
                    1 << 64
                } else {
                    size.into()
                },
                // The signed number is shown as it is by some releases, as an unsigned one by
                // others.
                priority: values[2].as_ref().and_then(Value::as_i64).unwrap_or(0) as i32,
                children: Vec::new(),
                contained: false,
            });
            let container = values[3].as_ref().and_then(Value::as_str);
            containers.push(container.and_then(|path| numbers.get(path)).copied());
        }
        for (number, container) in containers.into_iter().enumerate() {
            if let Some(container) = container.filter(|&c| c != number) {
                list[container].children.push(number);
                list[number].contained = true;
            }
        }
        Self {
            list,
            ..Self::default()
        }
    }
}

/// A region's name as it was given: QOM escapes some characters and numbers regions of the same
/// name.
pub(super) fn unnumbered(name: &str) -> String {
    let name = match name.rsplit_once('[') {
        Some((name, number)) if number.ends_with(']') => name,
        _ => name,
    };
    let mut text = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("\\x") {
        text.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 4);
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii() => {
                text.push(byte.into());
                rest = &rest[at + 4..];
            }
            _ => {
                text.push_str("\\x");
                rest = &rest[at + 2..];
            }
        }
    }
    text + rest
}

/// Regions that hold others and are nothing themselves.
const CONTAINERS: &[&str] = &["system", "pci", PORTS];

/// That of the ports of Versatile's and Realview's PCI, which covers 4 GiB (hw/pci-host/versatile.c,
/// the one with that name).
const PORTS: &str = "pci_io";

/// Windows of memory under other names.
const MEMORY_ALIASES: &[&str] = &["ram-below-4g", "ram-above-4g", "isa-bios"];

/// Devices that show what they are asked for, whatever their state: the memory of a VGA
/// (hw/display/vga.c, `vga_mem_ops`).
const READABLE_DEVICES: &[&str] = &["vga-lowmem"];

/// Windows that lie over memory and show the same or other memory.
const TRANSPARENT: &[&str] = &["pam-ram", "pam-rom", "pam-pci"];

/// The window that shows the memory of a VGA where there is one, else nothing.
const VGA_WINDOW: &str = "smram-region";

/// What lies where, as far as certain.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Where something is: sorted, without gaps between neighbours.
    covered: Vec<Range<u128>>,
    /// Where a device may be, which may refuse to be read.
    unknown: Vec<Range<u128>>,
}

impl Map {
    /// What the CPUs see; `blocks` is the text of `info ramblock`. Empty where QEMU shows no system
    /// memory.
    #[must_use]
    pub fn new(regions: &Regions, blocks: &str) -> Option<Self> {
        let blocks = block_names(blocks);
        let places = regions.places();
        if places.is_empty() {
            return None;
        }
        let mut map = Self::default();
        let is_vga = |name: &str| READABLE_DEVICES.contains(&name);
        let has_vga = places.iter().any(|(region, _)| is_vga(&region.name));
        for (region, range) in places {
            let name = region.name.as_str();
            let is_memory = blocks.contains(name) || MEMORY_ALIASES.contains(&name) || is_vga(name);
            let is_window = TRANSPARENT.contains(&name) || has_vga && name == VGA_WINDOW;
            if CONTAINERS.contains(&name) || is_window {
                continue;
            }
            match region.children.is_empty() && is_memory {
                true => map.covered.push(range),
                false => map.unknown.push(range),
            }
        }
        map.covered.extend(map.unknown.iter().cloned());
        map.covered.sort_by_key(|range| range.start);
        map.covered.dedup_by(|next, range| {
            let joined = next.start <= range.end;
            if joined {
                range.end = range.end.max(next.end);
            }
            joined
        });
        Some(map)
    }

    /// How many of `size` bytes at `address` come before the first where nothing is.
    #[must_use]
    pub fn covered(&self, address: u64, size: u64) -> u64 {
        let address = u128::from(address);
        let end = self
            .covered
            .iter()
            .find(|range| range.contains(&address))
            .map_or(address, |range| range.end);
        u64::try_from(end - address).map_or(size, |len| len.min(size))
    }

    /// How many of `size` bytes at `address` come before the first where a device may be.
    #[must_use]
    pub fn before_device(&self, address: u64, size: u64) -> u64 {
        let start = u128::from(address);
        let behind = self.unknown.iter().filter(|range| range.end > start);
        let first = behind.map(|range| range.start.max(start)).min();
        first.map_or(size, |first| {
            u64::try_from(first - start).map_or(size, |len| len.min(size))
        })
    }

    /// Whether a device may be among `size` bytes at `address`.
    #[must_use]
    pub fn may_be_device(&self, address: u64, size: u64) -> bool {
        let start = u128::from(address);
        let end = start + u128::from(size);
        let mut unknown = self.unknown.iter();
        unknown.any(|range| range.start < end && start < range.end)
    }
}

/// The names of memory blocks, without the device that they belong to.
fn block_names(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, next) = (words.next()?, words.next()?);
            // A block without a name starts with its page size.
            let named = next.bytes().all(|b| b.is_ascii_digit());
            named.then(|| name.rsplit('/').next().unwrap_or(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `(path, address, size, container)`
    fn regions(list: &[(&str, u64, u64, &str)]) -> Regions {
        let nodes: Vec<Node> = list
            .iter()
            .map(|(path, ..)| Node {
                path: (*path).into(),
                name: path.rsplit('/').next().unwrap().into(),
                ..Node::default()
            })
            .collect();
        let values: Vec<[Option<Value>; 4]> = list
            .iter()
            .map(|(_, address, size, container)| {
                [
                    json!(address),
                    json!(size),
                    json!(4_294_967_295u32),
                    json!(container),
                ]
                .map(Some)
            })
            .collect();
        Regions::new(&nodes.iter().collect::<Vec<_>>(), &values)
    }

    // Shortened from a q35 of 10.0.2.
    const BLOCKS: &str = "              Block Name    PSize              Offset\n                  pc.ram    4 KiB  0x0\n\
                          \u{20}                           4 KiB  0x0\n   0000:00:01.0/vga.vram    4 KiB  0x0\n";

    #[test]
    fn addresses_are_memory_device_or_nothing() {
        let list = regions(&[
            (SYSTEM, 0, u64::MAX, ""),
            (
                "/machine/unattached/ram-below-4g[0]",
                0,
                0x1000_0000,
                SYSTEM,
            ),
            ("/machine/q35/pci[0]", 0, u64::MAX, SYSTEM),
            ("/machine/q35/pam-pci[3]", 0xc0000, 0x4000, SYSTEM),
            (
                "/machine/vga/vga.vram[0]",
                0xfd00_0000,
                0x100_0000,
                "/machine/q35/pci[0]",
            ),
            ("/machine/hpet[0]", 0xfed0_0000, 0x400, SYSTEM),
        ]);
        assert_eq!((list.list[0].size, list.list[0].priority), (1 << 64, -1));
        let map = Map::new(&list, BLOCKS).unwrap();
        assert_eq!(map.covered(0xc0000, 16), 16);
        assert_eq!(map.covered(0xfff_fff8, 16), 8);
        assert_eq!(map.covered(0x2000_0000, 1), 0);
        assert_eq!(map.covered(0xfdff_fff0, 32), 16);
        assert_eq!(map.covered(0xfed0_03ff, 1), 1);
        assert_eq!(map.covered(u64::MAX, 1), 0);
        assert_eq!(map.before_device(0xfed0_0000 - 16, 32), 16);
        assert_eq!(map.before_device(0xfed0_03ff, 32), 0);
        assert_eq!(map.before_device(0xfed0_0400, 32), 32);
        assert_eq!(map.before_device(0, 32), 32);
        assert!(map.may_be_device(0xfed0_03ff, 1));
        assert!(!map.may_be_device(0xfed0_0400, u64::MAX));
    }

    #[test]
    fn what_holds_others_is_nothing() {
        let list = regions(&[
            (SYSTEM, 0, u64::MAX, ""),
            ("/pci_io[0]", 0x4300_0000, 1 << 32, SYSTEM),
            ("/lsi-io[0]", 0x100, 0x100, "/pci_io[0]"),
        ]);
        let map = Map::new(&list, "").unwrap();
        assert_eq!(map.covered(0x8000_0000, 16), 0);
        assert_eq!(map.covered(0x4300_0100, 16), 16);
        assert!(map.may_be_device(0x4300_0100, 1));
    }

    // xp on a PC's text screen, and on a machine without anything.
    #[test]
    fn the_memory_of_a_vga_can_be_read() {
        let screen = ("/machine/vga/vga-lowmem[0]", 0xa0000, 0x20000, "/pci[0]");
        let window = ("/smram-region[0]", 0xa0000, 0x20000, SYSTEM);
        let rest = [
            (SYSTEM, 0, u64::MAX, ""),
            ("/pci[0]", 0, u64::MAX, SYSTEM),
            ("/ram-below-4g[0]", 0, 0x400_0000, SYSTEM),
            window,
        ];
        let with = regions(&[rest.as_slice(), &[screen]].concat());
        let map = Map::new(&with, BLOCKS).unwrap();
        assert!(!map.may_be_device(0xb8000, 4000));
        assert_eq!(map.covered(0xb8000, 4000), 4000);
        assert!(
            Map::new(&regions(&rest), BLOCKS)
                .unwrap()
                .may_be_device(0xb8000, 1)
        );
        let none = Map::new(&regions(&rest[..1]), "").unwrap();
        assert_eq!((none.covered(0, 16), none.may_be_device(0, 16)), (0, false));
    }

    #[test]
    fn regions_that_hold_each_other_do_no_harm() {
        let list = regions(&[
            (SYSTEM, 0, u64::MAX, "/a[0]"),
            ("/a[0]", 0, 16, SYSTEM),
            ("/b[0]", 0, 16, "/c[0]"),
            ("/c[0]", 0, 16, "/b[0]"),
        ]);
        let map = Map::new(&list, "").unwrap();
        assert!(map.may_be_device(0, 1));
        assert!(Map::new(&Regions::default(), "").is_none());
    }

    #[test]
    fn names_lose_their_numbers_and_escapes() {
        assert_eq!(unnumbered("pam-ram[12]"), "pam-ram");
        assert_eq!(unnumbered("\\x2from@etc\\x2ftables[0]"), "/rom@etc/tables");
        assert_eq!(unnumbered("a\\xzz"), "a\\xzz");
    }
}
