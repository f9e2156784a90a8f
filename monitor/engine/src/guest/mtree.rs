// SPDX-License-Identifier: GPL-2.0-or-later
//! The lines of `info mtree` that are certain without QEMU's built-in monitor: of regions that are
//! always switched on, by the tables of each release (system/memory.c, `mtree_print_mr`).

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use crate::guest::regions::{Regions, SYSTEM};
use crate::qemu::devices::board;
use crate::qemu::learned::regions::{
    CONTAINER, Fact, IO as IO_KIND, RAM, RegionFacts, Start, owner,
};

/// The region that holds what port accesses see.
const IO: &str = "/machine/unattached/io[0]";

/// The region in which each PCI device sees memory; its address space has the name of the device's
/// type (hw/pci/pci.c, `do_pci_register_device`).
const BUS_MASTER: &str = "bus master container";

/// The regions in which emulated x86 CPUs see memory, by the types of their owners; the spaces have
/// the numbers of CPUs (target/i386/tcg/system/tcg-cpu.c).
const CPU_MEMORY: (&[&str], &str) = (&["i386-cpu", "x86_64-cpu"], "memory");

/// A window that the guest opens and shuts, by the types of its owners, its name and what it shows:
/// QEMU shows the targets of aliases that are shut too (hw/pci-host/q35.c, i440fx.c).
const PCI_WINDOW: (&[&str], &str, &str) = (&["i440FX", "mch"], "smram-region", "pci");

/// A PC's firmware, which is memory like any other where the guest's memory is hidden from the host:
/// it can't be put back at a reset (hw/i386/x86-common.c, `x86_bios_rom_init`; hw/i386/pc.c,
/// `pc_memory_init`).
const FIRMWARE: &[&str] = &["pc.bios", "pc.rom"];

/// Types of the machine's memory whose region is always plain memory.
const PLAIN_MEMORY: &[&str] = &["memory-backend-ram", "memory-backend-memfd"];

/// The answer, as far as it is certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The lines.
    pub text: String,
    /// How many regions have a line.
    pub regions: usize,
}

/// The regions of a machine, with what is known of them.
pub struct Tree<'a> {
    regions: &'a Regions,
    facts: Vec<Option<&'a Fact>>,
    /// The machine's own memory.
    ram: Option<usize>,
    /// Regions by name; none where several have it.
    by_name: HashMap<&'a str, Option<usize>>,
    /// Whether this release has a word for regions that nothing holds.
    containers_named: bool,
}

/// What an alias shows on this machine.
struct Target<'a> {
    name: &'a str,
    start: u64,
    number: usize,
}

/// Deeper than any machine's regions.
const MAX_LEVEL: usize = 64;

/// A region on the way down, as it is printed.
struct Place {
    number: usize,
    level: usize,
    base: u64,
}

/// The machine's own memory, where it is plain; `backend` is the path of the object that it has it
/// from, which is empty where there is none.
#[must_use]
pub fn ram(regions: &Regions, backend: &str) -> Option<usize> {
    let mut list = regions.list.iter();
    list.position(|region| {
        let parent = region.path.rsplit_once('/').map(|(parent, _)| parent);
        !backend.is_empty()
            && parent == Some(backend)
            && PLAIN_MEMORY.contains(&region.owner.as_str())
    })
}

/// Whether it matters where a region lies, by its owner's type and its name: whether it may have a
/// line, or say something of one that has.
pub fn matters(known: &RegionFacts) -> impl Fn(&str, &str) -> bool {
    let names: HashSet<(&str, &str)> = known
        .0
        .keys()
        .map(|key| (key.owner.as_str(), key.name.as_str()))
        .collect();
    let aliases = known.0.values().filter_map(|fact| fact.alias.as_ref());
    let targets: HashSet<&str> = aliases.map(|alias| alias.target.as_str()).collect();
    let (owners, window, _) = PCI_WINDOW;
    move |kind, name| {
        names.contains(&(owner(kind), name))
            || targets.contains(name)
            || PLAIN_MEMORY.contains(&kind)
            || name == window && owners.contains(&kind)
    }
}

/// Where a region ends, as QEMU prints it: a region without a size ends where it starts.
#[must_use]
pub fn last(start: u64, size: u128) -> Option<u64> {
    let more = u64::try_from(size.saturating_sub(1)).ok()?;
    start.checked_add(more)
}

/// Where in a target of `size` bytes an alias starts.
#[must_use]
pub fn alias_start(start: Start, address: u64, size: u128, target: Option<u128>) -> Option<u64> {
    match start {
        Start::Zero => Some(0),
        Start::Address => Some(address),
        Start::End => u64::try_from(target?.checked_sub(size)?).ok(),
    }
}

impl<'a> Tree<'a> {
    /// The regions of a machine; `ram` is its memory, see [`ram`].
    #[must_use]
    pub fn new(regions: &'a Regions, known: &'a RegionFacts, ram: Option<usize>) -> Self {
        let board = board(&regions.machine);
        let list = regions.list.iter();
        let changes = |name: &str| regions.hidden && FIRMWARE.contains(&name);
        let facts = list
            .map(|r| {
                let fact = known.get(owner(&r.owner), board, &r.name, r.contained);
                fact.filter(|_| !changes(&r.name))
            })
            .collect();
        let mut by_name = HashMap::new();
        for (number, region) in regions.list.iter().enumerate() {
            by_name
                .entry(region.name.as_str())
                .and_modify(|known| *known = None)
                .or_insert(Some(number));
        }
        Self {
            regions,
            facts,
            ram,
            by_name,
            containers_named: known.names_containers(),
        }
    }

    /// What is certain of `info mtree`: address spaces first, then what their aliases show, and
    /// those of CPUs.
    #[must_use]
    pub fn show(&self) -> Shown {
        let mut shown = Shown::default();
        let mut with_line = HashSet::new();
        let mut targets = Vec::new();
        for (number, region) in self.regions.list.iter().enumerate() {
            let (owners, name) = CPU_MEMORY;
            if !region.contained && region.name == name && owners.contains(&owner(&region.owner)) {
                let inside = region.children.iter();
                targets.extend(inside.filter_map(|&child| self.brings(child)));
            }
            let space = match region.path.as_str() {
                _ if region.contained => continue,
                SYSTEM => "memory",
                IO => "I/O",
                _ if region.name == BUS_MASTER => region.owner.as_str(),
                _ => continue,
            };
            let header = format!("address-space: {space}");
            shown.text += &self.section(&header, number, &mut with_line, &mut targets);
        }
        let mut seen = HashSet::new();
        let mut next = 0;
        while let Some(&target) = targets.get(next) {
            next += 1;
            if seen.insert(target) {
                let header = format!("memory-region: {}", self.regions.list[target].name);
                shown.text += &self.section(&header, target, &mut with_line, &mut targets);
            }
        }
        shown.regions = with_line.len();
        shown
    }

    /// A region and what it holds. What a region holds that is left out is left out with it: below
    /// another line it would seem to be in another region.
    fn section(
        &self,
        header: &str,
        root: usize,
        with_line: &mut HashSet<usize>,
        targets: &mut Vec<usize>,
    ) -> String {
        let Some(first) = self.line(&Place::root(root)) else {
            return String::new();
        };
        let mut text = format!("{header}\n");
        let mut open = vec![(Place::root(root), first)];
        while let Some((place, line)) = open.pop() {
            text += &line;
            with_line.insert(place.number);
            let region = &self.regions.list[place.number];
            let base = place.base.wrapping_add(region.address);
            let mut children: Vec<(Place, String)> = Vec::new();
            for number in self.children(place.number, root) {
                targets.extend(self.brings(number));
                let child = Place {
                    number,
                    level: place.level + 1,
                    base,
                };
                let rank = |number: usize| {
                    let region = &self.regions.list[number];
                    (region.address, region.priority)
                };
                // QEMU shows equals in the order in which they were added.
                let equal = |(other, _): &(Place, String)| rank(other.number) == rank(number);
                if children.last().is_some_and(equal) {
                    continue;
                }
                if let Some(line) = self.line(&child) {
                    children.push((child, line));
                }
            }
            open.extend(children.into_iter().rev());
        }
        text + "\n"
    }

    /// What a region holds, as QEMU prints it: by address, at one address by priority.
    fn children(&self, number: usize, root: usize) -> Vec<usize> {
        let list = &self.regions.list;
        let mut children: Vec<usize> = list[number].children.clone();
        children.retain(|&child| child != root);
        children.sort_by_key(|&child| (list[child].address, -i64::from(list[child].priority)));
        children
    }

    /// The region that is shown because an alias in an address space shows it.
    fn brings(&self, number: usize) -> Option<usize> {
        let region = &self.regions.list[number];
        let (owners, name, target) = PCI_WINDOW;
        if region.name == name && owners.contains(&region.owner.as_str()) {
            return self.by_name.get(target).copied().flatten();
        }
        Some(self.target(number)?.number)
    }

    /// What an alias shows, where this machine has just one region of that name, of its kind: other
    /// releases of a board may have another.
    fn target(&self, number: usize) -> Option<Target<'a>> {
        let region = &self.regions.list[number];
        let fact = self.facts[number]?;
        let alias = fact.alias.as_ref()?;
        let found = match alias.target.as_str() {
            RAM => self.ram?,
            name => self.by_name.get(name).copied().flatten()?,
        };
        if !self.is_of_kind(found, &fact.kind, 0) {
            return None;
        }
        let target = &self.regions.list[found];
        let size = target.is_placed.then_some(target.size);
        let mut starts = alias
            .starts
            .iter()
            .map(|&start| alias_start(start, region.address, region.size, size));
        let start = starts.next()??;
        // What was one thing wherever it was seen may be two here.
        starts.all(|other| other == Some(start)).then_some(())?;
        Some(Target {
            name: &target.name,
            start,
            number: found,
        })
    }

    /// Whether a region may be of a kind that an alias of it has. Where no row says it, it depends on
    /// where the region lies: the guest of an rtl8139 that maps one BAR alone shows the alias of a
    /// region that nothing holds.
    fn is_of_kind(&self, number: usize, kind: &str, level: usize) -> bool {
        if level > MAX_LEVEL {
            return false;
        }
        if let Some(fact) = self.facts[number] {
            let alias = fact.alias.as_ref().filter(|alias| alias.target != RAM);
            return fact.kind == kind
                && alias.is_none_or(|alias| {
                    let shown = self.by_name.get(alias.target.as_str()).copied().flatten();
                    shown.is_some_and(|shown| self.is_of_kind(shown, kind, level + 1))
                });
        }
        let region = &self.regions.list[number];
        match kind {
            IO_KIND | CONTAINER if self.containers_named => {
                region.is_placed && region.contained == (kind == IO_KIND)
            }
            _ => true,
        }
    }

    /// The line of a region, where all of it is certain.
    fn line(&self, place: &Place) -> Option<String> {
        let region = &self.regions.list[place.number];
        if place.level > MAX_LEVEL || !region.is_placed {
            return None;
        }
        let is_ram = self.ram == Some(place.number);
        let fact = self.facts[place.number];
        let kind = match fact {
            Some(fact) => fact.kind.as_str(),
            None if is_ram && !region.contained => "ram",
            None => return None,
        };
        let start = place.base.checked_add(region.address)?;
        let end = last(start, region.size)?;
        let mut line = "  ".repeat(place.level);
        write!(
            line,
            "{start:016x}-{end:016x} (prio {}, {kind}): ",
            region.priority
        )
        .ok()?;
        if fact.is_some_and(|fact| fact.alias.is_some()) {
            let Target { name, start, .. } = self.target(place.number)?;
            let end = last(start, region.size)?;
            write!(
                line,
                "alias {} @{name} {start:016x}-{end:016x}",
                region.name
            )
            .ok()?;
        } else {
            line += &region.name;
        }
        line += "\n";
        Some(line)
    }
}

impl Place {
    fn root(number: usize) -> Self {
        Self {
            number,
            level: 1,
            base: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::regions::Region;
    use crate::qmp::version::v;

    /// `(path, owner, address, size, priority, container)`
    type Given = (
        &'static str,
        &'static str,
        u64,
        u128,
        i32,
        Option<&'static str>,
    );

    fn regions(list: &[Given]) -> Regions {
        let number = |path: &str| list.iter().position(|given| given.0 == path);
        let list = list.iter().enumerate().map(|(at, given)| {
            let &(path, owner, address, size, priority, container) = given;
            let is_child = |n: &usize| *n != at && list[*n].5.and_then(number) == Some(at);
            Region {
                name: path.rsplit('/').next().unwrap().replace("[0]", ""),
                path: path.into(),
                owner: owner.into(),
                is_placed: true,
                address,
                size,
                priority,
                children: (0..list.len()).filter(is_child).collect(),
                contained: container.is_some(),
            }
        });
        Regions {
            list: list.collect(),
            machine: "pc-q35-10.0-machine".into(),
            hidden: false,
        }
    }

    const FACTS: &str = "container\tsystem\troot\ti/o\ncontainer@pc-q35\tpci\tinside\ti/o\n\
                         container@pc-q35\tlow\tinside\tram\t{ram}\tzero\taddress\n\
                         VGA\tvram\tinside\tram\nVGA\tedid\tinside\ti/o\n\
                         x\twindow\tinside\ti/o\tpci\taddress\tzero\nx\trest\tinside\ti/o\tpci\tend\n";
    const PCI: Option<&str> = Some("/machine/unattached/pci[0]");
    const ALL: u128 = 1 << 64;

    fn show(list: &[Given], backend: &str) -> Shown {
        let regions = regions(list);
        let facts = RegionFacts::read(FACTS);
        Tree::new(&regions, &facts, ram(&regions, backend)).show()
    }

    const TREE: [Given; 3] = [
        (SYSTEM, "container", 0, ALL, 0, None),
        (
            "/machine/unattached/pci[0]",
            "container",
            0,
            ALL,
            -1,
            Some(SYSTEM),
        ),
        ("/objects/m/m[0]", "memory-backend-ram", 0, 0x1000, 0, None),
    ];

    #[test]
    fn lines_come_by_address_and_aliases_bring_their_targets() {
        let low = (
            "/machine/unattached/low[0]",
            "container",
            0,
            0x1000,
            0,
            Some(SYSTEM),
        );
        let vram = ("/a/vram[0]", "VGA", 0x2000, 16, 1, PCI);
        let list = [&TREE[..], &[low, vram]].concat();
        let shown = show(&list, "/objects/m");
        let text = "address-space: memory
  0000000000000000-ffffffffffffffff (prio 0, i/o): system
    0000000000000000-0000000000000fff (prio 0, ram): alias low @m 0000000000000000-0000000000000fff
    0000000000000000-ffffffffffffffff (prio -1, i/o): pci
      0000000000002000-000000000000200f (prio 1, ram): vram

memory-region: m
  0000000000000000-0000000000000fff (prio 0, ram): m

";
        assert_eq!(shown.text, text);
        assert_eq!(shown.regions, 5);
        // Memory that comes from somewhere else may be of another kind.
        let shown = show(&list, "");
        assert!(!shown.text.contains("low"), "{}", shown.text);
        assert_eq!(shown.regions, 3);
    }

    #[test]
    fn firmware_of_a_guest_with_hidden_memory_has_no_line() {
        let firmware = |path, address| (path, "container", address, 0x1000, 0, Some(SYSTEM));
        let list = [
            firmware("/a/pc.bios[0]", 0x1000),
            firmware("/a/pc.rom[0]", 0),
        ];
        let mut regions = regions(&[&TREE[..], &list].concat());
        let facts = RegionFacts::of(v(10, 0));
        let text = |regions: &Regions| Tree::new(regions, &facts, None).show().text;
        for name in FIRMWARE {
            assert!(text(&regions).contains(&format!("rom): {name}\n")));
        }
        regions.hidden = true;
        let hidden = text(&regions);
        assert!(
            hidden.contains("system") && !hidden.contains("rom"),
            "{hidden}"
        );
    }

    #[test]
    fn a_window_that_may_be_shut_brings_its_target() {
        let window = (
            "/a/smram-region[0]",
            "mch",
            0xa0000,
            0x20000,
            1,
            Some(SYSTEM),
        );
        let shown = show(&[&TREE[..], &[window]].concat(), "");
        assert!(!shown.text.contains("smram-region"));
        let text =
            "memory-region: pci\n  0000000000000000-ffffffffffffffff (prio -1, i/o): pci\n\n";
        assert!(shown.text.ends_with(text), "{}", shown.text);
    }

    #[test]
    fn what_is_not_certain_is_left_out_with_all_that_it_holds() {
        let list = [
            &TREE[..],
            &[
                ("/a/pam[0]", "mch", 0, 16, 1, PCI),
                ("/a/edid[0]", "VGA", 0, 16, 0, Some("/a/pam[0]")),
                // Two of one name and place, whose order is not known.
                ("/b/vram[0]", "VGA", 64, 16, 1, PCI),
                ("/c/vram[0]", "VGA", 64, 32, 1, PCI),
            ],
        ]
        .concat();
        let shown = show(&list, "");
        assert!(!shown.text.contains("pam") && !shown.text.contains("edid"));
        assert_eq!(shown.text.matches("vram").count(), 1);
        assert_eq!(shown.regions, 3);
    }

    #[test]
    fn what_matters_may_have_a_line_or_bring_one() {
        let facts = RegionFacts::read(FACTS);
        let matters = matters(&facts);
        for (owner, name) in [
            ("VGA", "vram"),
            // What an alias shows.
            ("other", "pci"),
            ("memory-backend-ram", "m"),
            ("mch", "smram-region"),
        ] {
            assert!(matters(owner, name), "{owner} {name}");
        }
        for (owner, name) in [("mch", "pam-ram"), ("x", "vram"), ("x", "smram-region")] {
            assert!(!matters(owner, name), "{owner} {name}");
        }
    }

    #[test]
    fn what_was_gone_before_it_said_where_it_lies_has_no_line() {
        let rest = ("/d/rest[0]", "x", 0, 16, 0, Some(SYSTEM));
        let mut regions = regions(&[&TREE[..], &[rest]].concat());
        let facts = RegionFacts::read(FACTS);
        let text = |regions: &Regions| Tree::new(regions, &facts, None).show().text;
        assert!(text(&regions).contains("alias rest @pci"));
        regions.list[1].is_placed = false;
        assert!(!text(&regions).contains("pci"));
        regions.list[0].is_placed = false;
        assert_eq!(text(&regions), "");
    }

    #[test]
    fn an_alias_starts_where_all_that_was_seen_agrees() {
        let window = |address| ("/d/window[0]", "x", address, 16, 0, Some(SYSTEM));
        let at = |address| show(&[&TREE[..], &[window(address)]].concat(), "").text;
        assert!(at(0).contains("alias window @pci 0000000000000000-000000000000000f"));
        assert!(at(0).contains("memory-region: pci\n"));
        assert!(!at(64).contains("window"));
        let rest = ("/d/rest[0]", "x", 0, 16, 0, Some(SYSTEM));
        let text = show(&[&TREE[..], &[rest]].concat(), "").text;
        assert!(text.contains("alias rest @pci fffffffffffffff0-ffffffffffffffff"));
        // Two of a name, none, or one of another kind: who knows what it shows?
        let other = ("/e/pci[0]", "x", 0, 1, 0, None);
        let text = show(&[&TREE[..], &[rest, window(0), other]].concat(), "").text;
        assert!(!text.contains("rest") && !text.contains("window"), "{text}");
        let text = show(&[TREE[0], window(0)], "").text;
        assert!(
            text.contains("system") && !text.contains("window"),
            "{text}"
        );
        let regions = regions(&[&TREE[..], &[window(0)]].concat());
        let facts = RegionFacts::read(&FACTS.replace("inside\ti/o\tpci", "inside\trom\tpci"));
        let text = Tree::new(&regions, &facts, None).show().text;
        assert!(text.contains("pci") && !text.contains("window"), "{text}");
    }

    #[test]
    fn the_word_of_an_alias_changes_with_the_place_of_what_it_shows() {
        let facts = "container\tsystem\troot\tcontainer\ncontainer@pc-q35\tpci\tinside\ti/o\n\
                     x\twindow\tinside\ti/o\tports\tzero\n\
                     x\tchain\tinside\ti/o\twindow\tzero\n\
                     x\tlost\tinside\ti/o\tnone\tzero\ny\tend\tinside\ti/o\tlost\tzero\n";
        let text = |place, facts: &str| {
            let list = [
                ("/x/ports[0]", "x", 0, 16, 0, place),
                ("/x/window[0]", "x", 0x10, 16, 0, Some(SYSTEM)),
                ("/x/chain[0]", "x", 0x20, 16, 0, Some(SYSTEM)),
                ("/x/lost[0]", "x", 0x30, 16, 0, Some(SYSTEM)),
                ("/y/end[0]", "y", 0x40, 16, 0, Some(SYSTEM)),
            ];
            let regions = regions(&[&TREE[..], &list].concat());
            Tree::new(&regions, &RegionFacts::read(facts), None)
                .show()
                .text
        };
        let held = text(PCI, facts);
        assert!(held.contains("i/o): alias window @ports"), "{held}");
        assert!(held.contains("i/o): alias chain @window"), "{held}");
        assert!(!held.contains("lost"), "{held}");
        // An rtl8139 of 11.1.3 whose BAR for ports is not mapped.
        let free = text(None, facts);
        assert!(free.contains("system") && !free.contains("alias"), "{free}");
        // Older releases have one word for both.
        let older = text(None, &facts.replace("root\tcontainer", "root\ti/o"));
        assert!(older.contains("i/o): alias window @ports"), "{older}");
    }

    #[test]
    fn addresses_beyond_the_last_and_endless_trees_do_no_harm() {
        let beyond = ("/b/vram[0]", "VGA", u64::MAX, 16, 1, PCI);
        let shown = show(&[&TREE[..], &[beyond]].concat(), "");
        assert!(!shown.text.contains("vram"));
        let loops = [
            (SYSTEM, "container", 0, ALL, 0, PCI),
            (
                "/machine/unattached/pci[0]",
                "container",
                0,
                ALL,
                0,
                Some(SYSTEM),
            ),
        ];
        assert_eq!(show(&loops, ""), Shown::default());
        let mut deep = regions(&TREE);
        for at in 3..1000 {
            deep.list.push(Region {
                name: "vram".into(),
                owner: "VGA".into(),
                is_placed: true,
                contained: true,
                ..Region::default()
            });
            let above = if at == 3 { 1 } else { at - 1 };
            deep.list[above].children.push(at);
        }
        let facts = RegionFacts::read(FACTS);
        let shown = Tree::new(&deep, &facts, None).show();
        assert_eq!(shown.regions, MAX_LEVEL);
    }
}
