// SPDX-License-Identifier: GPL-2.0-or-later
//! What a release says of its types of devices in lists for users, which QMP does not show.
//!
//! The tables are learned from a QEMU's own `info qdm` by the example `learn_devices`. Columns are
//! separated by tabs: type, bus, alias, `-` where only boards make it, description, and categories,
//! separated by commas.

use std::collections::BTreeMap;

use crate::qmp::version::{Version, v};

/// The categories in QEMU's order (include/hw/qdev-core.h), the last for types without one.
pub const CATEGORIES: &[&str] = &[
    "Controller/Bridge/Hub",
    "USB",
    "Storage",
    "Network",
    "Input",
    "Display",
    "Sound",
    "Misc",
    "CPU",
    "Watchdog",
    "Uncategorized",
];

/// A type of device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// The type of bus that it sits on, empty for none.
    pub bus: String,
    /// Another name for it, empty for none.
    pub alias: String,
    /// Whether only boards make it, and no user can.
    pub for_boards: bool,
    /// What it is, empty where nothing says so.
    pub description: String,
    /// The headings that it is listed under.
    pub categories: Vec<String>,
}

/// Types of devices by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models(pub BTreeMap<String, Model>);

/// The releases that tables were learned from, oldest first, and the tables.
const TABLES: &[(Version, &str)] = &[
    // 7.2, seen: on 7.2.22.
    (v(7, 2), include_str!("device_models/7.2.tsv")),
    // 10.0, seen: on 10.0.2.
    (v(10, 0), include_str!("device_models/10.0.tsv")),
    // 11.1, seen: on 11.1.3.
    (v(11, 1), include_str!("device_models/11.1.tsv")),
];

impl Models {
    /// What is known of `version`, and whether it was learned from that release itself: of a release
    /// between two, what both say alike.
    #[must_use]
    pub fn of(version: Version) -> (Self, bool) {
        let release = v(version.major, version.minor);
        let at = TABLES.partition_point(|(learned, _)| *learned < release);
        let read = |(_, text): &(Version, &str)| Self::read(text);
        match (&TABLES[..at], &TABLES[at..]) {
            (_, [table @ (learned, _), ..]) if *learned == release => (read(table), true),
            ([.., older], [newer, ..]) => (read(older).shared_with(&read(newer)), false),
            ([.., table], []) | ([], [table, ..]) => (read(table), false),
            ([], []) => (Self::default(), false),
        }
    }

    fn shared_with(mut self, other: &Self) -> Self {
        self.0
            .retain(|name, model| other.0.get(name) == Some(model));
        self
    }

    /// Reads a table; lines that are none are passed over.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let model = |line: &str| {
            let mut columns = line.split('\t').map(str::to_owned);
            let name = columns.next()?;
            let model = Model {
                bus: columns.next()?,
                alias: columns.next()?,
                for_boards: columns.next()? == "-",
                description: columns.next()?,
                categories: columns.next()?.split(',').map(str::to_owned).collect(),
            };
            Some((name, model))
        };
        Self(
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(model)
                .collect(),
        )
    }

    /// The table as text.
    #[must_use]
    pub fn write(&self) -> String {
        let lines = self.0.iter().map(|(name, model)| {
            let boards = if model.for_boards { "-" } else { "" };
            let categories = model.categories.join(",");
            let (bus, alias, description) = (&model.bus, &model.alias, &model.description);
            format!("{name}\t{bus}\t{alias}\t{boards}\t{description}\t{categories}\n")
        });
        lines.collect()
    }
}

impl Model {
    /// The alias that the type `name` has on a target: of the types with one alias, the target's
    /// transport has it.
    #[must_use]
    pub fn alias_on(&self, name: &str, arch: Option<&str>) -> &str {
        let ccw = arch == Some("s390x");
        let others = if ccw { "-pci" } else { "-ccw" };
        if self.alias.starts_with("virtio-") && name.ends_with(others) {
            ""
        } else {
            &self.alias
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_it_was_read() {
        let text =
            "e1000\tPCI\te1000-82540em\t\tIntel, Gigabit\tNetwork\nmch\tPCI\t\t-\t\tMisc,USB\n";
        let models = Models::read(text);
        assert!(models.0["mch"].for_boards && !models.0["e1000"].for_boards);
        assert_eq!(models.0["mch"].categories, ["Misc", "USB"]);
        assert_eq!(models.write(), text);
    }

    #[test]
    fn every_release_has_its_types_in_known_categories() {
        for version in [v(7, 2), v(10, 0), v(11, 1)] {
            let (models, same) = Models::of(version);
            assert!(same && models.0.len() > 400, "{version}");
            let mut categories = models.0.values().flat_map(|model| &model.categories);
            assert!(categories.all(|c| CATEGORIES.contains(&c.as_str())));
            assert_eq!(models.0["e1000"].bus, "PCI");
        }
    }

    #[test]
    fn a_release_in_between_has_what_its_neighbours_say_alike() {
        let (models, same) = Models::of(v(8, 2));
        assert!(!same && models.0.contains_key("e1000"));
        // 7.2 says another description, and does not have the other type, which users may make in
        // 8.2 and may not in 10.0.
        assert!(!models.0.contains_key("cxl-type3"));
        assert!(!models.0.contains_key("vhost-user-device"));
        let (models, same) = Models::of(v(10, 2));
        assert!(!same && models.0.contains_key("e1000") && !models.0.contains_key("emmc"));
        assert!(!Models::of(v(11, 2)).1);
    }

    #[test]
    fn one_transport_has_the_alias() {
        let model = Model {
            alias: "virtio-rng".into(),
            ..Model::default()
        };
        assert_eq!(
            model.alias_on("virtio-rng-pci", Some("x86_64")),
            "virtio-rng"
        );
        assert_eq!(model.alias_on("virtio-rng-pci", Some("s390x")), "");
        assert_eq!(model.alias_on("virtio-rng-ccw", Some("x86_64")), "");
    }
}
