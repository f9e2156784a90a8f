// SPDX-License-Identifier: GPL-2.0-or-later
//! In which order a release prints the properties of a type, which QMP does not tell.
//!
//! The tables are learned from a QEMU's own `info qtree` by the example `learn_devices`, which also
//! says how. Columns are separated by tabs: `p`, a type, its own properties; `g`, a type, its lines
//! of pins; `m`, a type, the regions of its `mmio` lines, with `!` behind one whose address is
//! never shown. Where boards differ in that, `@` and the board, without its release, stand behind
//! the type.

use std::collections::{HashMap, HashSet};

use crate::qmp::version::{Version, v};

/// What is known of one release.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// A type's own properties, without those of the types above.
    pub properties: HashMap<String, Vec<String>>,
    /// The names of a type's pins.
    pub pins: HashMap<String, Vec<String>>,
    /// The regions of a system bus device, by its type, or by type, `@` and board.
    pub regions: HashMap<String, Vec<Region>>,
    /// The release that it was learned from, its first two numbers.
    pub release: Version,
}

/// A region of a system bus device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Its path below the device, with `{name}` for the value of the device's property `name`.
    pub path: String,
    /// Whether QEMU keeps its address; where boards map it themselves, it does not.
    pub placed: bool,
}

/// The first release that a table serves, the release that it was learned from, and the table.
const TABLES: &[(Version, Version, &str)] = &[
    // 11.0: nearest; 11.1: learned
    (v(11, 0), v(11, 1), include_str!("property_order/11.1.tsv")),
    // 8.0: nearest; 10.0: learned
    (v(8, 0), v(10, 0), include_str!("property_order/10.0.tsv")),
    (
        Version::FIRST,
        v(7, 2), // 7.2: learned
        include_str!("property_order/7.2.tsv"),
    ),
];

impl Order {
    /// What is known of `version`, or of a release near it.
    #[must_use]
    pub fn of(version: Version) -> Self {
        let table = TABLES.iter().find(|(since, ..)| version >= *since);
        table.map_or_else(Self::default, |(_, release, text)| Self {
            release: *release,
            ..Self::read(text)
        })
    }

    /// Whether it was learned from this release itself.
    #[must_use]
    pub fn is_of(&self, version: Version) -> bool {
        (self.release.major, self.release.minor) == (version.major, version.minor)
    }

    /// The regions of a type on a board.
    #[must_use]
    pub fn regions_of(&self, kind: &str, board: &str) -> Option<&Vec<Region>> {
        let on_board = self.regions.get(&format!("{kind}@{board}"));
        on_board.or_else(|| self.regions.get(kind))
    }

    /// Drops the boards where all have the same.
    pub fn simplify(&mut self) {
        let mut by_kind: HashMap<String, HashSet<Vec<Region>>> = HashMap::new();
        for (key, regions) in &self.regions {
            let kind = key.split('@').next().unwrap_or(key);
            let all = by_kind.entry(kind.to_owned()).or_default();
            all.insert(regions.clone());
        }
        let same = |kind: &str| by_kind.get(kind).is_some_and(|all| all.len() == 1);
        self.regions = std::mem::take(&mut self.regions)
            .into_iter()
            .map(|(key, regions)| match key.split_once('@') {
                Some((kind, _)) if same(kind) => (kind.to_owned(), regions),
                _ => (key, regions),
            })
            .collect();
    }

    /// Reads a table; lines that are none are passed over.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut order = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let (Some(what), Some(kind)) = (columns.next(), columns.next()) else {
                continue;
            };
            let items: Vec<String> = columns.map(str::to_owned).collect();
            match what {
                "p" => {
                    order.properties.insert(kind.to_owned(), items);
                }
                "g" => {
                    order.pins.insert(kind.to_owned(), items);
                }
                "m" => {
                    let regions = items.iter().map(|item| Region::read(item)).collect();
                    order.regions.insert(kind.to_owned(), regions);
                }
                _ => {}
            }
        }
        order
    }

    /// The table as text, sorted.
    #[must_use]
    pub fn write(&self) -> String {
        let list = |what: &'static str, map: &HashMap<String, Vec<String>>| {
            let line = |(kind, items): (&String, &Vec<String>)| {
                let mut columns = vec![what, kind];
                columns.extend(items.iter().map(String::as_str));
                columns.join("\t")
            };
            map.iter().map(line).collect::<Vec<_>>()
        };
        let regions = self.regions.iter().map(|(kind, regions)| {
            let names = regions.iter().map(Region::write).collect();
            (kind.clone(), names)
        });
        let mut lines = list("p", &self.properties);
        lines.extend(list("g", &self.pins));
        lines.extend(list("m", &regions.collect()));
        lines.sort();
        lines.join("\n") + "\n"
    }
}

impl Region {
    fn read(text: &str) -> Self {
        let path = text.strip_suffix('!');
        Self {
            path: path.unwrap_or(text).to_owned(),
            placed: path.is_none(),
        }
    }

    fn write(&self) -> String {
        let mark = if self.placed { "" } else { "!" };
        format!("{}{mark}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_it_was_read() {
        let text = "g\thpet\t\tsysbus-irq\nm\thpet\thpet[0]\tx[0]!\np\tpci-device\taddr\tromfile\np\tpci-none\n";
        let order = Order::read(text);
        assert_eq!(order.properties["pci-device"], ["addr", "romfile"]);
        assert_eq!(order.pins["hpet"], ["", "sysbus-irq"]);
        assert!(order.regions["hpet"][0].placed && !order.regions["hpet"][1].placed);
        assert_eq!(order.write(), text);
    }

    #[test]
    fn boards_that_agree_are_one() {
        let mut order = Order::read("m\ta@x\tr\nm\ta@y\tr\nm\tb@x\tr\nm\tb@y\tr!\n");
        order.simplify();
        assert_eq!(order.write(), "m\ta\tr\nm\tb@x\tr\nm\tb@y\tr!\n");
        assert!(!order.regions_of("b", "y").unwrap()[0].placed);
        assert_eq!(order.regions_of("b", "z"), None);
        assert!(order.regions_of("a", "z").is_some());
    }

    #[test]
    fn every_release_has_a_table_of_pci_devices() {
        for version in [v(7, 2), v(10, 0), v(11, 1)] {
            let order = Order::of(version);
            let pci = &order.properties["pci-device"];
            assert!(pci.iter().any(|name| name == "addr"), "{version}");
        }
    }
}
