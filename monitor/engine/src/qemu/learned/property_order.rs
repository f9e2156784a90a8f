// SPDX-License-Identifier: GPL-2.0-or-later
//! In which order a release prints the properties of a type, which QMP does not show.
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

/// The releases that tables were learned from, oldest first, and the tables.
const TABLES: &[(Version, &str)] = &[
    // 7.2, seen: on 7.2.22.
    (v(7, 2), include_str!("property_order/7.2.tsv")),
    // 10.0, seen: on 10.0.2.
    (v(10, 0), include_str!("property_order/10.0.tsv")),
    // 11.1, seen: on 11.1.3.
    (v(11, 1), include_str!("property_order/11.1.tsv")),
];

impl Order {
    /// What is known of `version`, or else of the next newer release, or the newest. All say the
    /// same of what they share.
    #[must_use]
    pub fn of(version: Version) -> Self {
        let release = v(version.major, version.minor);
        let newer = TABLES.iter().find(|(learned, _)| *learned >= release);
        newer
            .or(TABLES.last())
            .map_or_else(Self::default, |(release, text)| Self {
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
    fn releases_agree_on_the_order_of_what_they_share() {
        let tables = [v(7, 2), v(10, 0), v(11, 1)].map(Order::of);
        for pair in tables.windows(2) {
            let (older, newer) = (&pair[0], &pair[1]);
            for (kind, properties) in &older.properties {
                let Some(others) = newer.properties.get(kind) else {
                    continue;
                };
                let shared = |names: &[String], others: &[String]| {
                    let mut names = names.to_vec();
                    names.retain(|name| others.contains(name));
                    names
                };
                assert_eq!(
                    shared(properties, others),
                    shared(others, properties),
                    "{kind}"
                );
            }
            for (kind, pins) in &older.pins {
                assert_eq!(newer.pins.get(kind).unwrap_or(pins), pins, "{kind}");
            }
        }
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
