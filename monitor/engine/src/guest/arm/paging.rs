// SPDX-License-Identifier: GPL-2.0-or-later
//! How an Arm CPU maps a virtual address with tables of 4 KiB, for instructions of 64 bits
//! (target/arm/ptw.c). What was not compared with QEMU's own answers is refused.
//!
//! Nothing here reads memory: a [`Search`] says what it needs next.

use crate::guest::arm::section::{HCR_EL2, NARROW, Name, Whole};
use crate::guest::arm::vectors::Traits;
use crate::guest::sought::{LookUp, Sought};

const SCTLR_EL1: Name = (3, 0, 1, 0, 0);
const TTBR0_EL1: Name = (3, 0, 2, 0, 0);
const TTBR1_EL1: Name = (3, 0, 2, 0, 1);
const TCR_EL1: Name = (3, 0, 2, 0, 2);
const ID_AA64MMFR2: Name = (3, 0, 0, 7, 2);

/// Bits of an entry.
const VALID: u64 = 1;
const TABLE: u64 = 1 << 1;
const PLACE: u64 = 0xffff_ffff_f000;

/// Addresses below this are the same without tables, whatever the CPU.
const CERTAIN: u64 = 1 << 32;

/// The level of tables that hold pages.
const LAST: u32 = 3;

/// What decides about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    on: bool,
    control: u64,
    bases: [u64; 2],
    level: u64,
    /// Whether a system may not read what programs may.
    guarded: bool,
    /// Whether programs may be kept from one half of all addresses.
    halves: bool,
}

impl Paging {
    /// How the CPU in this state maps addresses, or why that is not known.
    pub fn of(whole: &Whole, traits: Traits) -> Result<Self, &'static str> {
        let level = whole.status >> 2 & 3;
        if whole.status & NARROW != 0 {
            return Err("instructions of 32 bits have other tables");
        }
        if level > 1 || traits.el3 || traits.el2 && whole.system_or_0(HCR_EL2) != 0 {
            return Err("EL2 and EL3 may change how addresses are mapped");
        }
        Ok(Self {
            on: whole.system_or_0(SCTLR_EL1) & 1 != 0,
            control: whole.system_or_0(TCR_EL1),
            bases: [TTBR0_EL1, TTBR1_EL1].map(|name| whole.system_or_0(name)),
            level,
            guarded: whole.status >> 22 & 1 == 1,
            halves: whole.system_or_0(ID_AA64MMFR2) >> 60 != 0,
        })
    }

    fn bit(&self, lower: u32, upper: u32, high: bool) -> bool {
        self.control >> if high { upper } else { lower } & 1 == 1
    }
}

/// Looking up one address.
#[derive(Clone, Debug)]
pub struct Search {
    paging: Paging,
    /// Whether rights count.
    checks: bool,
    address: u64,
    bits: u32,
    level: u32,
    high: bool,
    /// Whether a table keeps programs from what is below.
    kept: bool,
    next: Sought,
}

impl Search {
    /// Looks an address up; `checks` says that rights count.
    #[must_use]
    pub fn new(paging: &Paging, address: u64, checks: bool) -> Self {
        let high = address >> 55 & 1 == 1;
        let size = paging.control >> if high { 16 } else { 0 } & 63;
        let mut search = Self {
            paging: *paging,
            checks,
            address,
            bits: 64 - size as u32,
            level: 0,
            high,
            kept: false,
            next: Sought::Unmapped,
        };
        search.next = search.first();
        search
    }

    fn first(&mut self) -> Sought {
        let (paging, high) = (self.paging, self.high);
        if !paging.on {
            return match self.address < CERTAIN {
                true => Sought::At(self.address),
                false => Sought::Unknown,
            };
        }
        let granule = match high {
            true => paging.control >> 30 & 3 == 2,
            false => paging.control >> 14 & 3 == 0,
        };
        // Addresses of 52 bits.
        let long = paging.control >> 59 & 1 == 1;
        if !granule || long || !(25..=48).contains(&self.bits) {
            return Sought::Unknown;
        }
        let ignores_top = paging.bit(37, 38, high);
        let address = if ignores_top {
            self.address << 8 >> 8
        } else {
            self.address
        };
        let width = if ignores_top { 56 } else { 64 };
        let above = address >> self.bits;
        let ones = (1 << (width - self.bits)) - 1;
        let off = paging.bit(7, 23, high);
        let apart = paging.level == 0 && paging.halves && paging.bit(55, 56, high);
        if above != if high { ones } else { 0 } || off || apart {
            return Sought::Unmapped;
        }
        self.address &= (1 << self.bits) - 1;
        self.level = 4 - (self.bits - 4) / 9;
        // As many bits as the first table's entries have numbers, and 3 for their size.
        let size = self.bits - self.shift() + 3;
        let base = paging.bases[usize::from(high)] & 0xffff_ffff_fffe & !0 << size;
        self.needs(base)
    }

    fn shift(&self) -> u32 {
        12 + 9 * (LAST - self.level)
    }

    fn needs(&self, table: u64) -> Sought {
        let number = self.address >> self.shift() & 511;
        Sought::Entry {
            address: table + 8 * number,
            size: 8,
        }
    }

    fn after(&mut self, entry: u64) -> Sought {
        let leads = entry & TABLE != 0;
        if entry & VALID == 0 || self.level == LAST && !leads || self.level == 0 && !leads {
            return Sought::Unmapped;
        }
        if self.level < LAST && leads {
            self.kept |= entry >> 61 & 1 == 1 && !self.paging.bit(41, 42, self.high);
            self.level += 1;
            return self.needs(entry & PLACE);
        }
        let of_programs = entry >> 6 & 1 == 1 && !self.kept;
        let allowed = match self.paging.level {
            0 => of_programs,
            _ => !(self.paging.guarded && of_programs),
        };
        if self.checks && !allowed {
            return Sought::Unmapped;
        }
        let within = (1 << self.shift()) - 1;
        Sought::At(entry & PLACE & !within | self.address & within)
    }
}

impl LookUp for Search {
    fn next(&self) -> Sought {
        self.next
    }

    fn entry(&mut self, entry: u64) {
        self.next = self.after(entry);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paging(level: u64) -> Paging {
        Paging {
            on: true,
            // 48 bits each, upper tables of 4 KiB.
            control: 16 | 16 << 16 | 2 << 30,
            bases: [0x1000, 0x2000],
            level,
            guarded: true,
            halves: false,
        }
    }

    fn needed(address: u64) -> Sought {
        Sought::Entry { address, size: 8 }
    }

    fn sought(paging: &Paging, address: u64, entries: &[u64]) -> Sought {
        let mut search = Search::new(paging, address, true);
        for entry in entries {
            assert!(matches!(search.next(), Sought::Entry { .. }));
            search.entry(*entry);
        }
        search.next()
    }

    #[test]
    fn tables_blocks_and_pages() {
        let system = paging(1);
        assert_eq!(sought(&system, 0x4000_1234, &[]), needed(0x1000));
        assert_eq!(sought(&system, 0x4000_1234, &[0x5003]), needed(0x5008));
        assert_eq!(
            sought(&system, 0x4000_1234, &[0x5003, 0x8000_0401]),
            Sought::At(0x8000_1234)
        );
        let pages = [0x5003, 0x6003, 0x7003, 0x9_9003];
        assert_eq!(sought(&system, 0x4000_1234, &pages), Sought::At(0x9_9234));
        assert_eq!(sought(&system, 0x4000_1234, &[0x5001]), Sought::Unmapped);
        assert_eq!(
            sought(&system, 0x4000_1234, &[0x5003, 0x6003, 0x7003, 0x9_9001]),
            Sought::Unmapped
        );
        assert_eq!(sought(&system, 1 << 48, &[]), Sought::Unmapped);
        assert_eq!(sought(&system, !0, &[]), needed(0x2ff8));
    }

    #[test]
    fn rights_decide() {
        let block = |bits: u64| [0x5003, 0x4000_0401 | bits];
        assert_eq!(sought(&paging(1), 1 << 30, &block(0x40)), Sought::Unmapped);
        assert_eq!(
            sought(&paging(0), 1 << 30, &block(0x40)),
            Sought::At(1 << 30)
        );
        assert_eq!(sought(&paging(0), 1 << 30, &block(0)), Sought::Unmapped);
        // A table that keeps programs out.
        let kept = [1 << 61 | 0x5003, 0x4000_0441];
        assert_eq!(sought(&paging(0), 1 << 30, &kept), Sought::Unmapped);
    }

    #[test]
    fn what_was_not_compared_is_not_known() {
        let with = |control| Paging {
            control,
            ..paging(1)
        };
        for control in [16 | 1 << 14, 12, 45, 16 | 1 << 59] {
            assert_eq!(
                sought(&with(control), 0, &[]),
                Sought::Unknown,
                "{control:#x}"
            );
        }
        let off = Paging {
            on: false,
            ..paging(1)
        };
        assert_eq!(sought(&off, 5, &[]), Sought::At(5));
        assert_eq!(sought(&off, 1 << 40, &[]), Sought::Unknown);
    }

    proptest! {
        #[test]
        fn no_tables_make_it_panic(control: u64, address: u64, level in 0u64..2, entries in prop::collection::vec(any::<u64>(), 4)) {
            let paging = Paging { control, ..paging(level) };
            let mut search = Search::new(&paging, address, true);
            for entry in entries {
                if !matches!(search.next(), Sought::Entry { .. }) {
                    break;
                }
                search.entry(entry | 3);
            }
            let ended = !matches!(search.next(), Sought::Entry { .. });
            prop_assert!(ended);
        }
    }
}
