// SPDX-License-Identifier: GPL-2.0-or-later
//! How a RISC-V CPU of 64 bits maps virtual addresses (Sv39, Sv48, Sv57), read out of its tables as
//! the built-in monitor reads them (target/riscv/monitor.c and cpu_helper.c).
//!
//! Nothing here reads memory: a [`Walk`] and a [`Search`] say what they need next.

use std::sync::Arc;

use crate::format::sign::Sign as _;
use crate::guest::bytes::Bytes;
use crate::guest::riscv::section::Whole;
use crate::guest::sought::{LookUp, Sought};

/// Bits of an entry.
const VALID: u64 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const LEAF: u64 = READ | WRITE | EXECUTE;

/// Bits of an entry that extensions give a meaning.
const EXTENSIONS: u64 = !0 << 54;

/// Bits of mstatus: memory as another mode sees it, pages of programs for systems, code as data.
const OTHER_MODE: u64 = 1 << 17;
const SYSTEM_READS_PROGRAMS: u64 = 1 << 18;
const CODE_IS_READABLE: u64 = 1 << 19;

const PAGE: u64 = 4096;
const ENTRIES: usize = 512;

/// Where a physical page's number is.
const NUMBER: u64 = (1 << 44) - 1;

/// What decides about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    levels: u32,
    top: u64,
    privilege: u64,
    status: u64,
}

/// What satp may say beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Addresses are physical.
    None,
    /// They are mapped.
    Paged(Paging),
    /// In a way that is not known here.
    Unknown,
}

impl Mapping {
    /// How the CPU in this state maps addresses where it does.
    #[must_use]
    pub fn of(whole: &Whole) -> Self {
        let satp = whole.machine.satp;
        let levels = match satp >> 60 {
            0 => return Self::None,
            8 => 3,
            9 => 4,
            10 => 5,
            _ => return Self::Unknown,
        };
        Self::Paged(Paging {
            levels,
            top: (satp & NUMBER) << 12,
            privilege: whole.privilege,
            status: whole.machine.mstatus,
        })
    }
}

/// Whether a state has memory as another mode sees it, or as a hypervisor's guest does.
#[must_use]
pub fn is_seen_otherwise(whole: &Whole) -> bool {
    whole.guest || whole.privilege == 3 && whole.machine.mstatus & OTHER_MODE != 0
}

impl Paging {
    fn bits(&self) -> u32 {
        12 + 9 * self.levels
    }

    /// An address with its upper bits as the highest one that counts.
    #[must_use]
    pub fn canonical(&self, address: u64) -> u64 {
        let bits = self.bits();
        match address >> (bits - 1) & 1 {
            1 => address | !0 << bits,
            _ => address,
        }
    }
}

/// Pages behind each other, virtually and physically, with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first virtual address.
    pub start: u64,
    /// The first physical address.
    pub place: u64,
    /// Bytes.
    pub size: u64,
    /// The bits of the entries.
    pub bits: u64,
}

/// What a walk does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It needs the page at this address, for [`Walk::table`].
    Table(u64),
    /// A block is complete.
    Block(Block),
    /// That was all.
    End,
}

#[derive(Clone, Debug)]
struct Frame {
    table: Arc<[u8]>,
    next: usize,
    start: u64,
    /// Where the last page of this table starts.
    last: Option<u64>,
}

/// A walk over everything that is mapped.
#[derive(Clone, Debug)]
pub struct Walk {
    levels: u32,
    end: u64,
    frames: Vec<Frame>,
    needed: Option<(u64, u64)>,
    open: Option<Block>,
    last_size: u64,
}

impl Walk {
    /// Over what is mapped.
    #[must_use]
    pub fn new(paging: &Paging) -> Self {
        Self {
            levels: paging.levels,
            end: 1 << paging.bits(),
            frames: Vec::new(),
            needed: Some((paging.top, 0)),
            open: None,
            last_size: 0,
        }
    }

    /// Gives the page that was needed; what is missing of it counts as 0.
    pub fn table(&mut self, table: Arc<[u8]>) {
        if let Some((_, start)) = self.needed.take() {
            self.frames.push(Frame {
                table,
                next: 0,
                start,
                last: None,
            });
        }
    }

    /// What comes next.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some((address, _)) = self.needed {
                return Step::Table(address);
            }
            let depth = self.frames.len() as u32;
            let Some(frame) = self.frames.last_mut() else {
                let last = self.open.take();
                return last.map_or(Step::End, Step::Block);
            };
            if frame.next == ENTRIES {
                self.frames.pop();
                continue;
            }
            let number = frame.next;
            frame.next += 1;
            let size = PAGE << (9 * (self.levels - depth));
            let start = frame.start + number as u64 * size;
            let entry = frame.table.get(number * 8..).unwrap_or_default();
            let entry = Bytes::little_endian(entry).long().unwrap_or(0);
            if entry & VALID == 0 {
                continue;
            }
            let place = entry >> 10 << 12;
            if entry & LEAF == 0 {
                // Of the last level, such an entry leads nowhere.
                if depth < self.levels {
                    self.needed = Some((place, start));
                }
                continue;
            }
            if let Some(block) = self.page(start, place, size, entry & 0xff) {
                return Step::Block(block);
            }
        }
    }

    /// Takes a page in; returns the block that it ends. What it is behind counts within its table
    /// only, so that a table begins a block, and what follows one.
    fn page(&mut self, start: u64, place: u64, size: u64, bits: u64) -> Option<Block> {
        let last = self
            .frames
            .last_mut()
            .and_then(|frame| frame.last.replace(start));
        let behind = last.is_some_and(|last| last.wrapping_add(self.last_size) == start);
        let block = self.open.as_mut();
        let goes_on = block.filter(|block| {
            block.bits == bits && block.place.wrapping_add(block.size) == place && behind
        });
        self.last_size = size;
        if let Some(block) = goes_on {
            block.size = block.size.wrapping_add(size);
            return None;
        }
        let block = Block {
            start,
            place,
            size,
            bits,
        };
        self.open
            .replace(block)
            .filter(|block| block.start < self.end)
    }
}

/// Looking up one address.
#[derive(Clone, Debug)]
pub struct Search {
    paging: Paging,
    level: u32,
    address: u64,
    next: Sought,
}

impl Search {
    /// Looks an address up.
    #[must_use]
    pub fn new(paging: &Paging, address: u64) -> Self {
        let mut search = Self {
            paging: *paging,
            level: paging.levels - 1,
            address,
            next: Sought::Unmapped,
        };
        let upper = address.as_signed() >> (paging.bits() - 1);
        if paging.privilege == 3 {
            search.next = Sought::At(address);
        } else if matches!(upper, 0 | -1) {
            search.need(paging.top);
        }
        search
    }

    fn need(&mut self, table: u64) {
        let number = self.address >> (12 + 9 * self.level) & 511;
        self.next = Sought::Entry {
            address: table + 8 * number,
            size: 8,
        };
    }
}

impl LookUp for Search {
    fn next(&self) -> Sought {
        self.next
    }

    fn entry(&mut self, entry: u64) {
        let place = (entry >> 10 & NUMBER) << 12;
        self.next = Sought::Unmapped;
        if entry & VALID == 0 {
            return;
        }
        if entry & EXTENSIONS != 0 {
            self.next = Sought::Unknown;
            return;
        }
        if entry & LEAF == 0 {
            if self.level > 0 {
                self.level -= 1;
                self.need(place);
            }
            return;
        }
        let status = self.paging.status;
        let is_reserved = entry & (READ | WRITE) == WRITE;
        let is_others = match entry & USER {
            0 => self.paging.privilege != 1,
            _ => self.paging.privilege != 0 && status & SYSTEM_READS_PROGRAMS == 0,
        };
        let is_readable =
            entry & READ != 0 || entry & EXECUTE != 0 && status & CODE_IS_READABLE != 0;
        let within = (PAGE << (9 * self.level)) - 1;
        if !is_reserved && !is_others && is_readable && place & within == 0 {
            self.next = Sought::At(place | self.address & within);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needed(address: u64) -> Sought {
        Sought::Entry { address, size: 8 }
    }

    fn paging(privilege: u64) -> Paging {
        Paging {
            levels: 3,
            top: 0x1000,
            privilege,
            status: 0,
        }
    }

    fn table(entries: &[(usize, u64)]) -> Arc<[u8]> {
        let mut numbers = vec![0u64; ENTRIES];
        for (at, entry) in entries {
            numbers[*at] = *entry;
        }
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }

    fn entry(place: u64, bits: u64) -> u64 {
        place >> 12 << 10 | bits
    }

    /// The first pages of a table begin a block, though they follow those of another one.
    #[test]
    fn blocks_end_with_tables() {
        let mut walk = Walk::new(&paging(1));
        let tables = [
            table(&[(0, entry(0x2000, 1)), (2, entry(0x8000_0000, 0xcf))]),
            table(&[(0, entry(0x3000, 1)), (1, entry(0x4000, 1))]),
            table(&[(510, entry(0x9000, 0xc7)), (511, entry(0xa000, 0xc7))]),
            table(&[(0, entry(0xb000, 0xc7)), (1, entry(0xd000, 0xc7))]),
        ];
        let mut tables = tables.into_iter();
        let mut blocks = Vec::new();
        loop {
            match walk.step() {
                Step::Table(_) => walk.table(tables.next().unwrap()),
                Step::Block(block) => blocks.push((block.start, block.place, block.size)),
                Step::End => break,
            }
        }
        assert_eq!(
            blocks,
            [
                (0x1f_e000, 0x9000, 0x2000),
                (0x20_0000, 0xb000, 0x1000),
                (0x20_1000, 0xd000, 0x1000),
                (0x8000_0000, 0x8000_0000, 0x4000_0000)
            ]
        );
    }

    #[test]
    fn rights_decide() {
        let found = |privilege, entry: u64| {
            let mut search = Search::new(&paging(privilege), 0x4000_0123);
            assert_eq!(search.next(), needed(0x1008));
            search.entry(entry);
            search.next()
        };
        let at = Sought::At(0x8000_0123);
        assert_eq!(found(1, entry(0x8000_0000, 0xc3)), at);
        assert_eq!(found(0, entry(0x8000_0000, 0xc3)), Sought::Unmapped);
        assert_eq!(found(0, entry(0x8000_0000, 0xd3)), at);
        assert_eq!(found(1, entry(0x8000_0000, 0xd3)), Sought::Unmapped);
        assert_eq!(found(1, entry(0x8000_0000, 0xc9)), Sought::Unmapped);
        assert_eq!(found(1, entry(0x8000_1000, 0xc3)), Sought::Unmapped);
        assert_eq!(
            found(1, 1 << 63 | entry(0x8000_0000, 0xc3)),
            Sought::Unknown
        );
        assert_eq!(found(1, entry(0x2000, 1)), needed(0x2000));
        assert_eq!(Search::new(&paging(1), 1 << 40).next(), Sought::Unmapped);
        assert_eq!(paging(1).canonical(1 << 38), 0xffff_ffc0_0000_0000);
    }

    proptest! {
        #[test]
        fn no_tables_make_it_panic(tables in prop::collection::vec(any::<u64>(), 1..40), levels in 3u32..=5, address: u64) {
            let paging = Paging { levels, ..paging(1) };
            let bytes: Vec<u8> = tables.iter().flat_map(|number| (number | 1).to_le_bytes()).collect();
            let whole: Arc<[u8]> = bytes.iter().copied().cycle().take(4096).collect();
            let mut walk = Walk::new(&paging);
            for _ in 0..2000 {
                match walk.step() {
                    Step::Table(_) => walk.table(whole.clone()),
                    Step::End => break,
                    Step::Block(_) => {}
                }
                prop_assert!(walk.frames.len() <= 5);
            }
            let mut search = Search::new(&paging, address);
            for number in tables {
                if !matches!(search.next(), Sought::Entry { .. }) {
                    break;
                }
                search.entry(number);
            }
        }
    }
}
