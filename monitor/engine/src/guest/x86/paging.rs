// SPDX-License-Identifier: GPL-2.0-or-later
//! How a CPU maps virtual addresses, read out of its tables as the built-in monitor reads them
//! (target/i386/monitor.c and helper.c): with 2 levels of 32-bit entries, or 3, 4 or 5 of 64-bit
//! ones.
//!
//! Nothing here reads memory: a [`Walk`] and a [`Search`] say what they need next.

use std::sync::Arc;

use crate::format::sign::Sign as _;
use crate::guest::bytes::Bytes;
use crate::guest::sought::{LookUp, Sought};
use crate::guest::x86::cpu::{self, Cpu, EXTENDED, FIVE_LEVELS, LARGE_PAGES, PAGING};

/// Bits of an entry.
pub const PRESENT: u64 = 1;
/// May be written to.
pub const WRITE: u64 = 1 << 1;
/// By programs too.
pub const USER: u64 = 1 << 2;
/// A page, not a table.
const LARGE: u64 = 1 << 7;

/// The part of an entry that says where a table is, as the built-in takes it where it lists
/// everything, and where it looks one address up.
const LISTED_TABLE: u64 = 0x3_ffff_ffff_f000;
const SEARCHED_TABLE: u64 = 0xf_ffff_ffff_f000;

/// Bytes of a page, and of a table of most kinds.
pub const PAGE: u64 = 4096;

/// What decides about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    control: [u64; 5],
    long_mode: bool,
    narrow: bool,
}

impl From<&Cpu> for Paging {
    fn from(cpu: &Cpu) -> Self {
        Self {
            control: cpu.control,
            long_mode: cpu.long_mode,
            narrow: cpu.narrow,
        }
    }
}

/// Tables of one level.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// The bits of an address that are below those that choose an entry.
    shift: u32,
    entries: usize,
    /// Bytes of an entry.
    width: usize,
    /// Whether an entry may be a page.
    pages: bool,
    /// Whether an entry limits what may be done with the pages below it.
    limits: bool,
    /// The part of a page's entry that `info tlb` shows.
    shown: u64,
}

const fn level(shift: u32, pages: bool, shown: u64) -> Level {
    Level {
        shift,
        entries: 512,
        width: 8,
        pages,
        limits: true,
        shown,
    }
}

/// Five levels; the last four are what long mode has otherwise.
const LONG: &[Level] = &[
    level(48, false, 0),
    level(39, false, 0),
    level(30, true, 0x3_ffff_c000_0000),
    level(21, true, 0x3_ffff_ffe0_0000),
    level(12, true, 0x3_ffff_ffff_f000),
];
const PAE: &[Level] = &[
    Level {
        entries: 4,
        limits: false,
        ..level(30, false, 0)
    },
    level(21, true, !0xf_ffff),
    level(12, true, !0xfff),
];
const LEGACY: &[Level] = &[
    Level {
        entries: 1024,
        width: 4,
        ..level(22, false, !0x1f_ffff)
    },
    Level {
        entries: 1024,
        width: 4,
        ..level(12, true, !0xfff)
    },
];
const LEGACY_LARGE: &[Level] = &[
    Level {
        pages: true,
        ..LEGACY[0]
    },
    LEGACY[1],
];

impl Paging {
    /// Whether addresses are mapped at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.control[0] & PAGING != 0
    }

    /// Whether the CPU is in protected mode.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.control[0] & cpu::PROTECTED != 0
    }

    fn has(&self, bit: u64) -> bool {
        self.control[4] & bit != 0
    }

    fn levels(&self) -> &'static [Level] {
        match (self.has(EXTENDED), self.long_mode) {
            (false, _) if self.has(LARGE_PAGES) => LEGACY_LARGE,
            (false, _) => LEGACY,
            (true, false) => PAE,
            (true, true) if self.has(FIVE_LEVELS) => LONG,
            (true, true) => &LONG[1..],
        }
    }

    /// Where the first table is.
    fn top(&self) -> u64 {
        let cr3 = self.control[3];
        match (self.has(EXTENDED), self.long_mode) {
            (false, _) => cr3 & 0xffff_f000,
            (true, false) => cr3 & !0x1f,
            (true, true) => cr3 & LISTED_TABLE,
        }
    }

    /// An address as it is shown: its upper bits are those of the highest one that counts.
    #[must_use]
    pub fn canonical(&self, address: u64) -> u64 {
        let bits = if self.has(FIVE_LEVELS) { 57 } else { 48 };
        match self.narrow {
            true => address,
            false if address >> (bits - 1) & 1 == 1 => address | u64::MAX << bits,
            false => address,
        }
    }

    /// The end of what can be mapped.
    #[must_use]
    pub fn end(&self) -> u64 {
        let top = &self.levels()[0];
        (top.entries as u64) << top.shift
    }
}

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its first virtual address.
    pub start: u64,
    /// Its entry, as `info tlb` shows it: where it is, and its bits.
    pub place: u64,
    /// The bits of its entry.
    pub bits: u64,
    /// What all levels permit: [`PRESENT`], [`WRITE`], [`USER`].
    pub rights: u64,
}

/// What a walk does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It needs this memory, for [`Walk::table`].
    Table {
        /// Where.
        address: u64,
        /// How many bytes.
        size: usize,
    },
    /// A page.
    Page(Page),
    /// Nothing is from this address up to the next step's.
    Hole(u64),
    /// That was all.
    End,
}

/// A table that is being read.
#[derive(Clone, Debug)]
struct Frame {
    table: Arc<[u8]>,
    next: usize,
    start: u64,
    rights: u64,
}

/// A walk over everything that is mapped, in the order of tables.
#[derive(Clone, Debug)]
pub struct Walk {
    levels: &'static [Level],
    frames: Vec<Frame>,
    /// The table that is needed: its address, and what is known of what it maps.
    needed: Option<(u64, u64, u64)>,
}

impl Walk {
    /// Over what is mapped where paging is on.
    #[must_use]
    pub fn new(paging: &Paging) -> Self {
        Self {
            levels: paging.levels(),
            frames: Vec::new(),
            needed: Some((paging.top(), 0, u64::MAX)),
        }
    }

    /// Gives the memory that was needed; what is missing of it counts as 0.
    pub fn table(&mut self, table: Arc<[u8]>) {
        if let Some((_, start, rights)) = self.needed.take() {
            self.frames.push(Frame {
                table,
                next: 0,
                start,
                rights,
            });
        }
    }

    /// What comes next.
    pub fn step(&mut self) -> Step {
        if let Some((address, ..)) = self.needed {
            let level = &self.levels[self.frames.len()];
            let size = level.entries * level.width;
            return Step::Table { address, size };
        }
        loop {
            if self.frames.is_empty() {
                return Step::End;
            }
            let depth = self.frames.len() - 1;
            let level = &self.levels[depth];
            let Some(frame) = self.frames.last_mut().filter(|f| f.next < level.entries) else {
                self.frames.pop();
                continue;
            };
            let number = frame.next;
            frame.next += 1;
            let start = frame.start + ((number as u64) << level.shift);
            let entry = frame.table.get(number * level.width..).unwrap_or_default();
            let entry = Bytes::little_endian(entry).number(level.width).unwrap_or(0);
            if entry & PRESENT == 0 {
                return Step::Hole(start);
            }
            let limited = frame.rights & entry;
            let rights = match level.limits {
                true => limited,
                false => frame.rights,
            };
            let last = depth + 1 == self.levels.len();
            if last || level.pages && entry & LARGE != 0 {
                return Step::Page(Page {
                    start,
                    place: entry & level.shown,
                    // In an entry of the last level the bit is another one.
                    bits: if last { entry & !LARGE } else { entry },
                    rights: limited & (PRESENT | WRITE | USER),
                });
            }
            let table = match level.width {
                4 => entry & 0xffff_f000,
                _ => entry & LISTED_TABLE,
            };
            self.needed = Some((table, start, rights));
            return self.step();
        }
    }
}

/// Looking up one address.
#[derive(Clone, Debug)]
pub struct Search {
    levels: &'static [Level],
    depth: usize,
    address: u64,
    /// The physical addresses that the A20 gate lets through.
    gate: u64,
    next: Sought,
}

impl Search {
    /// Looks `address` up; `gate` has the bits of physical addresses that the A20 gate lets
    /// through.
    #[must_use]
    pub fn new(paging: &Paging, address: u64, gate: u64) -> Self {
        let address = match paging.narrow {
            true => address & 0xffff_ffff,
            false => address,
        };
        let levels = paging.levels();
        let mut search = Self {
            levels,
            depth: 0,
            address,
            gate,
            next: Sought::Unmapped,
        };
        if !paging.is_on() {
            let page = address & !(PAGE - 1) & gate & SEARCHED_TABLE;
            search.next = Sought::At(page | address & (PAGE - 1));
            return search;
        }
        let long = paging.has(EXTENDED) && paging.long_mode;
        if long {
            let above = if paging.has(FIVE_LEVELS) { 56 } else { 47 };
            if !matches!(address.as_signed() >> above, 0 | -1) {
                return search;
            }
        }
        let cr3 = paging.control[3];
        search.need(match (paging.has(EXTENDED), paging.long_mode) {
            (false, _) => cr3 & !0xfff,
            (true, false) => cr3 & !0x1f,
            (true, true) if paging.has(FIVE_LEVELS) => cr3 & !0xfff,
            (true, true) => cr3 & SEARCHED_TABLE,
        });
        search
    }

    fn need(&mut self, table: u64) {
        let level = &self.levels[self.depth];
        let number = self.address >> level.shift & (level.entries as u64 - 1);
        let place = table.wrapping_add(number * level.width as u64) & self.gate;
        let address = match level.width {
            4 => place & 0xffff_ffff,
            _ => place,
        };
        let size = level.width;
        self.next = Sought::Entry { address, size };
    }
}

impl LookUp for Search {
    fn next(&self) -> Sought {
        self.next
    }

    fn entry(&mut self, mut entry: u64) {
        let level = &self.levels[self.depth];
        if entry & PRESENT == 0 {
            self.next = Sought::Unmapped;
            return;
        }
        let last = self.depth + 1 == self.levels.len();
        let page = last || level.pages && entry & LARGE != 0;
        if !page {
            self.depth += 1;
            let mask = if level.width == 4 {
                !0xfff
            } else {
                SEARCHED_TABLE
            };
            self.need(entry & mask);
            return;
        }
        if level.width == 4 {
            if !last {
                // Bits 13 to 20 are bits 32 to 39 of where the page is.
                entry |= (entry & 0x1f_e000) << 19;
            }
            entry &= self.gate;
        }
        let within = (1 << level.shift) - 1;
        let page = entry & SEARCHED_TABLE & !within;
        self.next = Sought::At(page | self.address & within);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Numbers of 8 bytes by their addresses; the rest is 0.
    type Memory = BTreeMap<u64, u64>;

    fn read(memory: &Memory, address: u64, size: usize) -> Vec<u8> {
        let byte = |at: u64| {
            let number = memory.get(&(at & !7)).copied().unwrap_or(0);
            (number >> (at % 8 * 8)) as u8
        };
        (address..address + size as u64).map(byte).collect()
    }

    fn paging(cr4: u64, long_mode: bool) -> Paging {
        Paging {
            control: [PAGING | 1, 0, 0, 0x1000, cr4],
            long_mode,
            narrow: false,
        }
    }

    fn pages(paging: &Paging, memory: &Memory, most: usize) -> Vec<Page> {
        let mut walk = Walk::new(paging);
        let mut pages = Vec::new();
        for _ in 0..most {
            match walk.step() {
                Step::Table { address, size } => walk.table(read(memory, address, size).into()),
                Step::Page(page) => pages.push(page),
                Step::Hole(_) => {}
                Step::End => break,
            }
        }
        pages
    }

    fn sought(paging: &Paging, memory: &Memory, address: u64) -> Option<u64> {
        let mut search = Search::new(paging, address, u64::MAX);
        for _ in 0..6 {
            match search.next() {
                Sought::Entry { address, size } => {
                    let bytes = read(memory, address, size);
                    search.entry(Bytes::little_endian(&bytes).number(size).unwrap());
                }
                Sought::At(place) => return Some(place),
                Sought::Unmapped | Sought::Unknown => return None,
            }
        }
        panic!("more levels than there are");
    }

    #[test]
    fn long_mode_has_three_sizes_of_pages() {
        let four = paging(EXTENDED, true);
        let memory = Memory::from([
            (0x1000, 0x2007),
            (0x1ff8, 0x2003),
            (0x2000, 0x3007),
            (0x2008, 0x4000_0083),
            (0x3000, 0x4005),
            (0x3008, 0x8020_00e7),
            (0x4008, 1 << 63 | 0x9067),
        ]);
        let found = pages(&four, &memory, usize::MAX);
        let starts: Vec<u64> = found
            .iter()
            .map(|page| four.canonical(page.start))
            .collect();
        let high = 0xffff_ff80_0000_0000;
        assert_eq!(
            starts,
            [
                0x1000,
                0x20_0000,
                0x4000_0000,
                high + 0x1000,
                high + 0x20_0000,
                high + 0x4000_0000
            ]
        );
        assert_eq!(found[0].place, 0x9000);
        assert_eq!(found[0].bits >> 63, 1);
        assert_eq!((found[0].rights, found[1].rights), (PRESENT | USER, 7));
        assert_eq!(
            (found[3].rights, found[4].rights),
            (PRESENT, PRESENT | WRITE)
        );
        assert_eq!(found[1].place, 0x8020_0000);
        assert_eq!(found[2].place, 0x4000_0000);
        assert_eq!(sought(&four, &memory, 0x1234), Some(0x9234));
        assert_eq!(sought(&four, &memory, 0x2f_ffff), Some(0x802f_ffff));
        assert_eq!(
            sought(&four, &memory, high + 0x4123_4567),
            Some(0x4123_4567)
        );
        assert_eq!(sought(&four, &memory, 0x2000), None);
        assert_eq!(sought(&four, &memory, 0x8000_0000_1000), None);
        // The same tables, one level down.
        let five = paging(EXTENDED | FIVE_LEVELS, true);
        let mut memory = memory;
        memory.extend([(0x5000, 0x1007), (0x5ff8, 0x1003)]);
        let five = Paging {
            control: [PAGING | 1, 0, 0, 0x5000, five.control[4]],
            ..five
        };
        assert_eq!(pages(&five, &memory, usize::MAX).len(), 12);
        assert_eq!(sought(&five, &memory, 0x1234), Some(0x9234));
        assert_eq!(five.canonical(0x1ff_8000_0000_0000), 0xffff_8000_0000_0000);
        assert_eq!((four.end(), five.end()), (1 << 48, 1 << 57));
    }

    #[test]
    fn pae_has_four_tables_that_limit_nothing() {
        let pae = paging(EXTENDED, false);
        let memory = Memory::from([
            (0x1018, 0x2001),
            (0x2000, 0x3007),
            (0x2008, 0x8020_00e3),
            (0x3000, 0x9005),
        ]);
        let found = pages(&pae, &memory, usize::MAX);
        let starts: Vec<_> = found.iter().map(|page| (page.start, page.rights)).collect();
        assert_eq!(
            starts,
            [
                (0xc000_0000, PRESENT | USER),
                (0xc020_0000, PRESENT | WRITE)
            ]
        );
        assert_eq!(sought(&pae, &memory, 0xc000_0123), Some(0x9123));
        assert_eq!(sought(&pae, &memory, 0xc03f_ffff), Some(0x803f_ffff));
        assert_eq!(sought(&pae, &memory, 0x4000_0000), None);
        assert_eq!(pae.end(), 1 << 32);
    }

    #[test]
    fn entries_of_32_bits() {
        let large = paging(LARGE_PAGES, false);
        // Entries 0 and 1 of the first table, then 2 and 3; entries 0 and 1 of the second.
        let memory = Memory::from([
            (0x1000, 0x0080_20e7 << 32 | 0x2007),
            (0x2000, 0x9005 << 32 | 0x8067),
        ]);
        let found = pages(&large, &memory, usize::MAX);
        let starts: Vec<_> = found.iter().map(|page| (page.start, page.place)).collect();
        assert_eq!(
            starts,
            [(0, 0x8000), (0x1000, 0x9000), (0x40_0000, 0x80_0000)]
        );
        assert_eq!(sought(&large, &memory, 0x1fff), Some(0x9fff));
        assert_eq!(sought(&large, &memory, 0x40_1234), Some(0x1_0080_1234));
        // Without large pages the same entry is a table.
        assert_eq!(pages(&paging(0, false), &memory, usize::MAX).len(), 2);
    }

    #[test]
    fn without_paging_addresses_are_physical() {
        let mut off = paging(0, false);
        off.control[0] = 0;
        assert_eq!(
            Search::new(&off, 0x12_3456, u64::MAX).next(),
            Sought::At(0x12_3456)
        );
        assert_eq!(
            Search::new(&off, 0x12_3456, !(1 << 20)).next(),
            Sought::At(0x2_3456)
        );
    }

    proptest! {
        /// Tables may be anything, one that holds itself among them: what a walk takes is bounded
        /// by what it is given.
        #[test]
        fn no_tables_make_it_panic(
            cr4 in prop::sample::select(vec![0, LARGE_PAGES, EXTENDED, EXTENDED | FIVE_LEVELS]),
            long_mode: bool,
            cr3: u64,
            tables in prop::collection::vec(any::<u64>(), 1..40),
            address: u64,
        ) {
            let mut paging = paging(cr4, long_mode);
            paging.control[3] = cr3;
            let bytes: Vec<u8> = tables.iter().flat_map(|number| (number | 1).to_le_bytes()).collect();
            let whole: Arc<[u8]> = bytes.iter().copied().cycle().take(4096).collect();
            let mut walk = Walk::new(&paging);
            for _ in 0..4000 {
                match walk.step() {
                    Step::Table { .. } => walk.table(whole.clone()),
                    Step::End => break,
                    Step::Page(page) => prop_assert!(page.start < paging.end()),
                    Step::Hole(_) => {}
                }
                prop_assert!(walk.frames.len() <= 5);
            }
            let mut search = Search::new(&paging, address, u64::MAX);
            for number in tables {
                search.entry(number);
                if !matches!(search.next(), Sought::Entry { .. }) {
                    break;
                }
            }
        }
    }
}
