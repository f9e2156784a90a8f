// SPDX-License-Identifier: GPL-2.0-or-later
//! What `info mtree` says of regions, wherever they were seen.

use std::collections::{BTreeMap, HashMap, HashSet};

use hmp_engine::guest::mtree::{alias_start, last, ram};
use hmp_engine::guest::regions::Regions;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qemu::devices::board;
use hmp_engine::qemu::learned::regions::{
    Alias, Fact, Key, MACHINE, RAM, RegionFacts, Start, owner,
};
use regex::Regex;
use serde_json::json;

use super::qemu::{Blocking, ready};
use crate::error::Error;

/// Regions that QEMU's sources switch, whatever was seen: calls of `memory_region_set_enabled`,
/// `memory_region_set_readonly`, `memory_region_set_alias_offset` and aliases made anew, in 7.2.0
/// and 10.0.13. Types of owners that begin so, and names that do.
const SWITCHED: &[(&str, &str)] = &[
    // Whatever has a boot block or a bank that moves.
    ("", "pam-"),
    ("", "smram"),
    ("", "tseg-"),
    ("", "smbase-"),
    ("", "vga.bank"),
    ("", "vga.chain4"),
    ("", "kvmvapic-rom"),
    ("", "pm-smbus"),
    // Windows of PCI and of its devices onto memory.
    ("", "pci_bridge_"),
    ("vfio", ""),
    ("virtio-gpu", "blob"),
    ("ICH9-LPC", "ich9-pm"),
    ("PIIX4_PM", "piix4-pm"),
    ("VT", ""),
    ("vt8", ""),
    ("xen", ""),
    // Controllers whose windows the guest moves.
    ("designware", ""),
    ("xilinx-pcie", ""),
    ("versatile_pci", ""),
    ("realview_pci", ""),
    ("mv64361", "pci"),
    ("sh_pci", ""),
    ("astro", ""),
    ("allwinner", "dram"),
    ("allwinner-h3-dramc", ""),
    ("allwinner-r40-dramc", ""),
    ("aspeed", ""),
    ("ast", ""),
    ("integrator_core", ""),
    ("xlnx.ps7-dev-cfg", ""),
    ("mips", ""),
    ("pnv", ""),
    ("rs6000", ""),
    ("spapr-", ""),
    ("xive", ""),
    ("nvdimm", ""),
    ("cxl", ""),
    ("vmclock", ""),
    // May be memory of a kind that is not seen in QOM, or switched by what it is plugged into.
    ("memory-backend", ""),
];

/// Parts of names of types that put themselves between devices and memory, and can be bypassed.
const BYPASSED: &[&str] = &["iommu", "smmu"];

/// Owners whose names of regions mean something on one board alone.
const OF_A_BOARD: &[&str] = &["container", MACHINE];

/// Regions that every board has, for memory and ports (system/physmem.c, `memory_map_init`).
const EVERYWHERE: &[&str] = &["system", "io"];

/// Parts of names of owners that some boards switch: VIA's south bridges do so with the ISA devices
/// in them.
const IN_SUPER_IO: &str = "isa-";

/// Boards with such a bridge.
const WITH_SUPER_IO: &[&str] = &["pegasos", "amigaone", "fuloong"];

fn is_switched(owner: &str, name: &str) -> bool {
    let listed = |(o, n): &(&str, &str)| owner.starts_with(o) && name.starts_with(n);
    SWITCHED.iter().any(listed) || BYPASSED.iter().any(|part| owner.contains(part))
}

/// A line of `info mtree`, with what it is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    /// The region at the top of its block.
    root: String,
    level: usize,
    start: u64,
    end: u64,
    priority: i32,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Printed {
    kind: String,
    /// Its target, and where it starts there.
    alias: Option<(String, u64)>,
    disabled: bool,
}

fn read(text: &str) -> HashMap<Place, Vec<Printed>> {
    let line = Regex::new(
        r"(?x)^(\ *)([0-9a-f]{16})-([0-9a-f]{16})\ \(prio\ (-?\d+),\ ([^)]+)\):\ 
        (?:alias\ (.*)\ @(.*)\ ([0-9a-f]{16})-[0-9a-f]{16}|(.*?))(\ \[disabled\])?$",
    );
    let Ok(line) = line else {
        return HashMap::new();
    };
    let mut root = String::new();
    let mut found: HashMap<Place, Vec<Printed>> = HashMap::new();
    for text in text.lines() {
        let Some(parts) = line.captures(text) else {
            root.clear();
            continue;
        };
        let part = |number: usize| parts.get(number).map_or("", |m| m.as_str());
        let hex = |number: usize| u64::from_str_radix(part(number), 16).unwrap_or(0);
        let is_alias = parts.get(6).is_some();
        let name = if is_alias { part(6) } else { part(9) };
        if root.is_empty() {
            name.clone_into(&mut root);
        }
        let place = Place {
            root: root.clone(),
            level: part(1).len() / 2,
            start: hex(2),
            end: hex(3),
            priority: part(4).parse().unwrap_or(0),
            name: name.to_owned(),
        };
        found.entry(place).or_default().push(Printed {
            kind: part(5).to_owned(),
            alias: is_alias.then(|| (part(7).to_owned(), hex(8))),
            disabled: parts.get(10).is_some(),
        });
    }
    found
}

/// What was seen of regions; `None` of what is not always the same.
type Facts = BTreeMap<Key, Option<Fact>>;

/// What was seen of regions.
#[derive(Default)]
pub struct Seen {
    /// Where the machine's memory is one object, and where it is not: there aliases of [`RAM`] are
    /// never shown, so that they may be anything.
    with_ram: Facts,
    without: Facts,
}

impl Seen {
    /// Looks at a machine.
    pub fn look(&mut self, qmp: &Blocking) -> Result<(), Error> {
        let caps = ready(Caps::probe(qmp)).ok_or("pending")??;
        let regions = ready(Regions::fetch(qmp, &caps)).ok_or("pending")??;
        let backend = json!({"path": "/machine", "property": "memory-backend"});
        let backend = qmp.call("qom-get", &backend).unwrap_or_default();
        let ram = ram(&regions, backend.as_str().unwrap_or_default());
        let line = json!({"command-line": "info mtree -D"});
        let text = qmp.call("human-monitor-command", &line)?;
        let printed = read(text.as_str().unwrap_or_default());
        let roots: HashSet<&str> = printed.keys().map(|p| p.root.as_str()).collect();
        let tops = (0..regions.list.len()).filter(|&n| !regions.list[n].contained);
        for top in tops {
            let root = regions.list[top].name.as_str();
            if !roots.contains(root) {
                continue;
            }
            let mut open = vec![(top, 1, 0u64)];
            while let Some((number, level, base)) = open.pop() {
                let region = &regions.list[number];
                let start = base.wrapping_add(region.address);
                let place = Place {
                    root: root.to_owned(),
                    level,
                    start,
                    end: last(start, region.size).unwrap_or(0),
                    priority: region.priority,
                    name: region.name.clone(),
                };
                let fact = fact(&regions, ram, number, printed.get(&place));
                self.add(&regions, ram, number, fact);
                open.extend(region.children.iter().map(|&c| (c, level + 1, start)));
            }
        }
        Ok(())
    }

    fn add(&mut self, regions: &Regions, ram: Option<usize>, number: usize, fact: Option<Fact>) {
        let region = &regions.list[number];
        let owner = owner(&region.owner);
        if is_switched(owner, &region.name) {
            return;
        }
        let board = board(&regions.machine);
        let has_super_io = WITH_SUPER_IO.iter().any(|b| board.starts_with(b));
        if owner.contains(IN_SUPER_IO) && has_super_io {
            return;
        }
        let key = Key {
            owner: owner.to_owned(),
            board: board.to_owned(),
            name: region.name.clone(),
            inside: region.contained,
        };
        let facts = match ram {
            Some(_) => &mut self.with_ram,
            None => &mut self.without,
        };
        learn(facts, key, fact);
    }

    /// Adds what somebody else saw.
    pub fn merge(&mut self, other: Self) {
        let lists = [
            (&mut self.with_ram, other.with_ram),
            (&mut self.without, other.without),
        ];
        for (facts, others) in lists {
            for (key, fact) in others {
                learn(facts, key, fact);
            }
        }
    }

    /// What was the same wherever it was seen.
    pub fn facts(&self) -> RegionFacts {
        let mut every = self.with_ram.clone();
        for (key, fact) in &self.without {
            let known = every.get(key).and_then(Option::as_ref);
            let alias = known.and_then(|fact| fact.alias.as_ref());
            if alias.is_none_or(|alias| alias.target != RAM) {
                learn(&mut every, key.clone(), fact.clone());
            }
        }
        let mut all: BTreeMap<Key, Vec<(String, Option<Fact>)>> = BTreeMap::new();
        for (mut key, fact) in every {
            let board = std::mem::take(&mut key.board);
            all.entry(key).or_default().push((board, fact));
        }
        let mut facts = RegionFacts::default();
        for (key, seen) in all {
            // What changes on one board may do so on others.
            let Some(seen) = seen
                .into_iter()
                .map(|(board, fact)| Some((board, fact?)))
                .collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            let by_board = OF_A_BOARD.contains(&key.owner.as_str())
                && !EVERYWHERE.contains(&key.name.as_str())
                || key.owner.contains(IN_SUPER_IO);
            let mut list = seen.iter().map(|(_, fact)| fact.clone()).map(Some);
            let first = list.next().flatten();
            let common = list.fold(first, |a, b| a.zip(b).and_then(|(a, b)| both(a, b)));
            match common {
                Some(fact) if !by_board => {
                    facts.0.insert(key, fact);
                }
                _ => facts.0.extend(seen.into_iter().map(|(board, fact)| {
                    let key = key.clone();
                    (Key { board, ..key }, fact)
                })),
            }
        }
        facts
    }
}

fn learn(facts: &mut Facts, key: Key, fact: Option<Fact>) {
    let known = facts.entry(key).or_insert_with(|| fact.clone());
    *known = known.take().zip(fact).and_then(|(a, b)| both(a, b));
}

/// What is true of both.
fn both(mut a: Fact, b: Fact) -> Option<Fact> {
    if a.kind != b.kind {
        return None;
    }
    match (&mut a.alias, b.alias) {
        (None, None) => Some(a),
        (Some(alias), Some(other)) if alias.target == other.target => {
            alias.starts.retain(|start| other.starts.contains(start));
            (!alias.starts.is_empty()).then_some(a)
        }
        _ => None,
    }
}

/// What the lines at a region's place say; nothing where they disagree, or say that it is off.
fn fact(
    regions: &Regions,
    ram: Option<usize>,
    number: usize,
    printed: Option<&Vec<Printed>>,
) -> Option<Fact> {
    let region = &regions.list[number];
    let printed = printed?;
    let (first, rest) = printed.split_first()?;
    // A flash's mode changes.
    if first.disabled || first.kind == "romd" || rest.iter().any(|other| other != first) {
        return None;
    }
    let alias = match &first.alias {
        None => None,
        Some((name, at)) => {
            let mut named = (0..regions.list.len()).filter(|&n| regions.list[n].name == *name);
            let target = named.next().filter(|_| named.next().is_none());
            let size = target.map(|target| regions.list[target].size);
            let mut starts = Start::ALL.to_vec();
            starts.retain(|&start| {
                alias_start(start, region.address, region.size, size) == Some(*at)
            });
            let is_ram = target.is_some() && target == ram;
            let target = if is_ram { RAM } else { name };
            let target = target.to_owned();
            (!starts.is_empty()).then_some(Some(Alias { target, starts }))?
        }
    };
    let kind = first.kind.clone();
    Some(Fact { kind, alias })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_what_they_are_found_by() {
        // Of 10.0.2, cut.
        let text = "address-space: memory\n  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n    \
                    00000000000c0000-00000000000c3fff (prio 1, ram): alias pam-ram @pc.ram \
                    00000000000c0000-00000000000c3fff [disabled]\n\n";
        let found = read(text);
        assert_eq!(found.len(), 2);
        let (place, printed) = found.iter().find(|(p, _)| p.level == 2).unwrap();
        assert_eq!((place.root.as_str(), place.start), ("system", 0xc0000));
        assert_eq!(place.name, "pam-ram");
        assert_eq!(printed[0].alias, Some(("pc.ram".to_owned(), 0xc0000)));
        assert!(printed[0].disabled);
    }

    #[test]
    fn what_changes_once_is_not_known() {
        let key = |board: &str| Key {
            owner: "VGA".into(),
            board: board.into(),
            name: "x".into(),
            inside: true,
        };
        let fact = |kind: &str| Fact {
            kind: kind.into(),
            alias: None,
        };
        let seen = |other| {
            let list = [(key("pc"), Some(fact("ram"))), (key("virt"), other)];
            let seen = Seen {
                with_ram: list.into(),
                ..Seen::default()
            };
            seen.facts().write()
        };
        assert_eq!(seen(Some(fact("ram"))), "VGA\tx\tinside\tram\n");
        let apart = "VGA@pc\tx\tinside\tram\nVGA@virt\tx\tinside\trom\n";
        assert_eq!(seen(Some(fact("rom"))), apart);
        assert_eq!(seen(None), "");
    }

    #[test]
    fn what_two_saw_counts_where_both_agree() {
        let seen = |name: &str, kind: Option<&str>| {
            let key = Key {
                owner: "VGA".into(),
                board: "pc".into(),
                name: name.into(),
                inside: true,
            };
            let fact = kind.map(|kind| Fact {
                kind: kind.into(),
                alias: None,
            });
            Seen {
                with_ram: [(key, fact)].into(),
                ..Seen::default()
            }
        };
        let mut all = Seen::default();
        for (name, kind) in [
            ("a", Some("ram")),
            ("b", Some("ram")),
            ("b", None),
            ("c", None),
            ("c", Some("ram")),
            ("d", Some("ram")),
            ("d", Some("rom")),
        ] {
            all.merge(seen(name, kind));
        }
        assert_eq!(all.facts().write(), "VGA\ta\tinside\tram\n");
    }

    #[test]
    fn aliases_of_memory_may_be_anything_where_it_is_no_object() {
        let key = Key {
            owner: "container".into(),
            board: "pc".into(),
            name: "low".into(),
            inside: true,
        };
        let fact = |kind: &str, target: &str| {
            Some(Fact {
                kind: kind.into(),
                alias: Some(Alias {
                    target: target.into(),
                    starts: vec![Start::Zero],
                }),
            })
        };
        let seen = |target: &str| {
            let seen = Seen {
                with_ram: [(key.clone(), fact("ram", target))].into(),
                without: [(key.clone(), fact("i/o", "pc.ram"))].into(),
            };
            seen.facts().write()
        };
        assert_eq!(seen(RAM), "container@pc\tlow\tinside\tram\t{ram}\tzero\n");
        assert_eq!(seen("other"), "");
    }
}
