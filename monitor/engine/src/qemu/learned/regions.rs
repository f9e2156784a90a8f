// SPDX-License-Identifier: GPL-2.0-or-later
//! What a release prints of memory regions in `info mtree` beyond what QOM shows: their kind, and
//! what aliases show. Only regions that are always switched on, and of which nothing else changes,
//! are in the tables.
//!
//! The tables are learned from QEMU's own `info mtree` by `cargo xtask learn-devices regions`.
//! Columns are separated by tabs: the type of the object that a region belongs to, behind `@` the
//! board where boards differ; the region's name; `root` or `inside` another; its kind; of an alias
//! its target, and where it may start there.

use std::collections::BTreeMap;

use crate::qmp::version::{Version, v};

/// The target of aliases that show the machine's own memory, whatever its name.
pub const RAM: &str = "{ram}";

/// The type of owner of regions that belong to the machine itself.
pub const MACHINE: &str = "machine";

/// Which regions a line is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The type of the object that it belongs to, see [`owner`].
    pub owner: String,
    /// The board, without its release; empty where all boards agree.
    pub board: String,
    /// The region's name.
    pub name: String,
    /// Whether another region holds it.
    pub inside: bool,
}

/// What never changes of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The word that QEMU prints: `ram`, `rom`, `i/o`, `container`, ...
    pub kind: String,
    /// What an alias shows.
    pub alias: Option<Alias>,
}

/// What an alias shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name of the region, or [`RAM`].
    pub target: String,
    /// Where it starts there: all that was ever true.
    pub starts: Vec<Start>,
}

/// Where in its target an alias starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its beginning.
    Zero,
    /// At the alias's own address.
    Address,
    /// So that both end together.
    End,
}

impl Start {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zero, Self::Address, Self::End];

    fn word(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Address => "address",
            Self::End => "end",
        }
    }
}

/// What is known of one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionFacts(pub BTreeMap<Key, Fact>);

/// The releases that tables were learned from, oldest first, and the tables.
const TABLES: &[(Version, &str)] = &[
    // 7.2, seen: on 7.2.22.
    (v(7, 2), include_str!("regions/7.2.tsv")),
    // 10.0, seen: on 10.0.2.
    (v(10, 0), include_str!("regions/10.0.tsv")),
    // 11.1, seen: on 11.1.3.
    (v(11, 1), include_str!("regions/11.1.tsv")),
];

/// The word for regions that are no memory.
pub const IO: &str = "i/o";

/// The word of newer releases for those of them that no other region holds, whatever they are: it
/// changes where a region is put into another or taken out (seen: 11.1.3 has it for every region of
/// a device behind a BAR that is not mapped). Aliases have the word of what they show.
pub const CONTAINER: &str = "container";

/// The first release that may have that word (11.0, seen: on 11.1.3; 10.2 is without).
const CONTAINERS_NAMED: Version = v(11, 0);

/// The first third number of development trees, release candidates among them.
const DEVELOPMENT: u32 = 50;

/// The release after this one: there are three a year.
fn following(release: Version) -> Version {
    match release.minor {
        0 | 1 => v(release.major, release.minor + 1),
        _ => v(release.major.saturating_add(1), 0),
    }
}

impl RegionFacts {
    /// What is known of `version`: of a release between two that tables were learned from, what
    /// both agree on; of older and newer ones, nothing.
    #[must_use]
    pub fn of(version: Version) -> Self {
        let release = v(version.major, version.minor);
        // A development tree is neither the release before it nor the one after.
        let next = if version.micro < DEVELOPMENT {
            release
        } else {
            following(release)
        };
        let older = TABLES.iter().rev().find(|(known, _)| *known <= release);
        let newer = TABLES.iter().find(|(known, _)| *known >= next);
        let (Some((older, text)), Some((newer, other))) = (older, newer) else {
            return Self::default();
        };
        let mut facts = Self::read(text);
        if older != newer {
            let mut other = Self::read(other);
            if next < CONTAINERS_NAMED {
                other.as_before_containers();
            }
            facts.0.retain(|key, fact| other.0.get(key) == Some(fact));
        }
        facts
    }

    /// Takes the word back that older releases do not have.
    fn as_before_containers(&mut self) {
        let facts = self.0.values_mut();
        for fact in facts.filter(|fact| fact.kind == CONTAINER) {
            IO.clone_into(&mut fact.kind);
        }
    }

    /// Whether the release has the word [`CONTAINER`].
    #[must_use]
    pub fn names_containers(&self) -> bool {
        self.0.values().any(|fact| fact.kind == CONTAINER)
    }

    /// What never changes of a region on `board`.
    #[must_use]
    pub fn get(&self, owner: &str, board: &str, name: &str, inside: bool) -> Option<&Fact> {
        let mut key = Key {
            owner: owner.to_owned(),
            board: board.to_owned(),
            name: name.to_owned(),
            inside,
        };
        self.0.get(&key).or_else(|| {
            key.board.clear();
            self.0.get(&key)
        })
    }

    /// Reads a table; lines that are none are passed over.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(read).collect())
    }

    /// The table as text, sorted.
    #[must_use]
    pub fn write(&self) -> String {
        self.0
            .iter()
            .map(|(key, fact)| write(key, fact) + "\n")
            .collect()
    }
}

fn read(line: &str) -> Option<(Key, Fact)> {
    let mut columns = line.split('\t');
    let owner = columns.next()?;
    let (owner, board) = owner.split_once('@').unwrap_or((owner, ""));
    let name = columns.next()?.to_owned();
    let inside = match columns.next()? {
        "inside" => true,
        "root" => false,
        _ => return None,
    };
    let kind = columns.next()?.to_owned();
    let alias = columns.next().map(|target| {
        let words: Vec<&str> = columns.collect();
        let known = Start::ALL.into_iter();
        Alias {
            target: target.to_owned(),
            starts: known.filter(|s| words.contains(&s.word())).collect(),
        }
    });
    let key = Key {
        owner: owner.to_owned(),
        board: board.to_owned(),
        name,
        inside,
    };
    Some((key, Fact { kind, alias }))
}

fn write(key: &Key, fact: &Fact) -> String {
    let at = if key.board.is_empty() { "" } else { "@" };
    let place = if key.inside { "inside" } else { "root" };
    let mut line = format!(
        "{}{at}{}\t{}\t{place}\t{}",
        key.owner, key.board, key.name, fact.kind
    );
    if let Some(alias) = &fact.alias {
        line = line + "\t" + &alias.target;
        for start in &alias.starts {
            line = line + "\t" + start.word();
        }
    }
    line
}

/// The type of a region's owner as tables have it: all CPU models of a target are one, and all
/// machines.
#[must_use]
pub fn owner(kind: &str) -> &str {
    if kind.ends_with("-machine") {
        return MACHINE;
    }
    let Some(model) = kind.strip_suffix("-cpu") else {
        return kind;
    };
    model.rfind('-').map_or(kind, |at| &kind[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_it_was_read() {
        let text =
            "VGA\tvga.vram\tinside\tram\ncontainer@pc-q35\tisa-bios\tinside\trom\tpc.bios\tend\n";
        let facts = RegionFacts::read(text);
        assert_eq!(facts.write(), text);
        let alias = facts.get("container", "pc-q35", "isa-bios", true).unwrap();
        assert_eq!(alias.alias.as_ref().unwrap().starts, [Start::End]);
        assert_eq!(facts.get("container", "virt", "isa-bios", true), None);
        assert_eq!(facts.get("VGA", "virt", "vga.vram", false), None);
        assert!(facts.get("VGA", "virt", "vga.vram", true).is_some());
    }

    #[test]
    fn between_two_releases_counts_what_both_agree_on() {
        for (release, sides) in [
            (v(9, 1), [v(7, 2), v(10, 0)]),
            (v(10, 2), [v(10, 0), v(11, 1)]),
        ] {
            let between = RegionFacts::of(release);
            assert!(!between.0.is_empty());
            for known in sides.map(RegionFacts::of) {
                assert!(between.0.len() < known.0.len());
                for (key, fact) in &between.0 {
                    let mut known = known.0.get(key).cloned().unwrap();
                    if known.kind == CONTAINER {
                        known.kind = IO.into();
                    }
                    assert_eq!(&known, fact, "{key:?}");
                }
            }
            assert!(between.get("container", "", "system", false).is_some());
        }
        // Whether it has the word is not known.
        let unknown = RegionFacts::of(v(11, 0));
        assert_eq!(unknown.get("container", "", "system", false), None);
        for unknown in [v(7, 1), v(6, 2), v(11, 2), v(12, 0)] {
            assert_eq!(RegionFacts::of(unknown), RegionFacts::default());
        }
    }

    #[test]
    fn a_development_tree_is_between_two_releases() {
        let tree = |major, minor| {
            let micro = 91;
            RegionFacts::of(Version {
                micro,
                ..v(major, minor)
            })
        };
        for (before, after) in [((7, 2), (8, 0)), ((9, 2), (9, 2)), ((10, 0), (10, 1))] {
            let after = RegionFacts::of(v(after.0, after.1));
            assert_eq!(tree(before.0, before.1), after, "{before:?}");
        }
        // Which word these have is not known.
        for unknown in [tree(10, 2), tree(11, 0)] {
            assert_eq!(unknown.get("container", "", "system", false), None);
        }
        for unknown in [tree(6, 2), tree(7, 1), tree(11, 1), tree(u32::MAX, 2)] {
            assert_eq!(unknown, RegionFacts::default());
        }
        let update = Version {
            micro: 49,
            ..v(10, 0)
        };
        assert_eq!(RegionFacts::of(update), RegionFacts::of(v(10, 0)));
    }

    #[test]
    fn what_the_guest_switches_is_in_no_table() {
        for facts in [v(7, 2), v(10, 0), v(11, 1)].map(RegionFacts::of) {
            for (key, fact) in &facts.0 {
                let name = key.name.as_str();
                let switched = ["pam-", "smram", "tseg", "bus master"];
                let is_it = switched.iter().any(|s| name.starts_with(s));
                assert!(!is_it || name == "bus master container", "{key:?}");
                assert_ne!(fact.kind, "romd", "{key:?}");
                // Windows whose targets the guest moves (hw/pci-host/versatile.c, mv64361.c).
                let moved =
                    key.owner == "realview_pci" || key.owner == "mv64361" && name.ends_with("-win");
                assert!(!moved, "{key:?}");
            }
        }
    }

    #[test]
    fn models_of_cpus_and_machines_are_one_owner() {
        assert_eq!(owner("qemu64-x86_64-cpu"), "x86_64-cpu");
        assert_eq!(owner("cortex-a15-arm-cpu"), "arm-cpu");
        assert_eq!(owner("pc-q35-10.0-machine"), MACHINE);
        assert_eq!(owner("VGA"), "VGA");
    }
}
