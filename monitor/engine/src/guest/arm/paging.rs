// SPDX-License-Identifier: GPL-2.0-or-later
//! How an Arm CPU maps a virtual address with tables of 4, 16 or 64 KiB, for instructions of 64 bits
//! (target/arm/ptw.c, `aa64_va_parameters` of target/arm/helper.c). What was not compared with
//! QEMU's own answers is refused.
//!
//! Nothing here reads memory: a [`Search`] says what it needs next.

use crate::guest::arm::section::{NARROW, Name, SCR_EL3, Whole};
use crate::guest::arm::vectors::{Traits, View};
use crate::guest::sought::{LookUp, Sought};

const SCTLR_EL1: Name = (3, 0, 1, 0, 0);
const TTBR0_EL1: Name = (3, 0, 2, 0, 0);
const TTBR1_EL1: Name = (3, 0, 2, 0, 1);
const TCR_EL1: Name = (3, 0, 2, 0, 2);
const SCTLR_EL2: Name = (3, 4, 1, 0, 0);
const TTBR0_EL2: Name = (3, 4, 2, 0, 0);
const TTBR1_EL2: Name = (3, 4, 2, 0, 1);
const TCR_EL2: Name = (3, 4, 2, 0, 2);
const SCTLR_EL3: Name = (3, 6, 1, 0, 0);
const ID_AA64MMFR0: Name = (3, 0, 0, 7, 0);
const ID_AA64MMFR2: Name = (3, 0, 0, 7, 2);

/// Bits of an entry.
const VALID: u64 = 1;
const TABLE: u64 = 1 << 1;

/// Bits of physical addresses, by what registers have for them.
const SIZES: [u32; 7] = [32, 36, 40, 42, 44, 48, 52];

/// Bits of an address that an entry or a register holds in one piece.
const WHOLE: u32 = 48;

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
    /// What the CPU can do: ID_AA64MMFR0 and ID_AA64MMFR2.
    features: [u64; 2],
}

impl Paging {
    /// How the CPU in this state maps addresses, or why that is not known.
    pub fn of(whole: &Whole, traits: Traits) -> Result<Self, &'static str> {
        let level = whole.status >> 2 & 3;
        if whole.status & NARROW != 0 {
            return Err("instructions of 32 bits have other tables");
        }
        let regime = Regime::of(whole, traits)?;
        let Some(features) = whole.system(ID_AA64MMFR0) else {
            return Err("the state does not say which tables this CPU has");
        };
        Ok(Self {
            on: regime.on,
            control: regime.control,
            bases: regime.bases,
            level,
            guarded: whole.status >> 22 & 1 == 1 && !regime.alone,
            features: [features, whole.system_or_0(ID_AA64MMFR2)],
        })
    }

    /// That of instructions of 32 bits with tables whose entries have 64: pages of 4 KiB, places of 40
    /// bits.
    pub(super) fn of_32_bits(control: u64, bases: [u64; 2], level: u64, guarded: bool) -> Self {
        Self {
            on: true,
            control,
            bases,
            level,
            guarded,
            features: [2, 0],
        }
    }

    /// Whether programs may be kept from one half of all addresses.
    fn has_halves(&self) -> bool {
        self.features[1] >> 60 != 0
    }

    /// Bits of the offset in a page: where what a system asks for is not there, the smallest.
    fn page_bits(&self, high: bool) -> u32 {
        let feature = |at: u32| self.features[0] >> at & 15;
        let has = |bits: u32| match bits {
            12 => feature(28) < 8,
            14 => (1..8).contains(&feature(20)),
            _ => feature(24) < 8,
        };
        let asked = match (high, self.control >> if high { 30 } else { 14 } & 3) {
            (false, 0) | (true, 2) => 12,
            (false, 2) | (true, 1) => 14,
            (false, 1) | (true, 3) => 16,
            _ => 0,
        };
        let mut all = [12, 14, 16].into_iter().filter(|bits| has(*bits));
        let smallest = all.clone().next().unwrap_or(16);
        all.find(|bits| *bits == asked).unwrap_or(smallest)
    }

    /// Bits of physical addresses.
    fn place_bits(&self, page_bits: u32) -> u32 {
        let range = (self.features[0] & 15).min(self.control >> 32 & 7);
        let bits = SIZES[(range as usize).min(SIZES.len() - 1)];
        if page_bits == 16 {
            bits
        } else {
            bits.min(WHOLE)
        }
    }

    fn bit(&self, lower: u32, upper: u32, high: bool) -> bool {
        self.control >> if high { upper } else { lower } & 1 == 1
    }
}

/// The registers that decide for the level where the CPU is (`arm_mmu_idx_el`,
/// `regime_translation_disabled`).
struct Regime {
    on: bool,
    /// As TCR_EL1 has it.
    control: u64,
    bases: [u64; 2],
    /// Whether it is for a hypervisor alone, which has no programs.
    alone: bool,
}

/// Bits of HCR_EL2: tables of EL2's behind those of EL1; none at all for EL1; a host's programs; its
/// tables in the form of EL1's.
const VM: u64 = 1;
const DC: u64 = 1 << 12;
const TGE: u64 = 1 << 27;
const E2H: u64 = 1 << 34;

impl Regime {
    fn of(whole: &Whole, traits: Traits) -> Result<Self, &'static str> {
        let level = whole.status >> 2 & 3;
        let hypervisor = View::new(whole, traits).hypervisor;
        let of_host = hypervisor & E2H != 0 && (level == 2 || level == 0 && hypervisor & TGE != 0);
        let is_on = |name| match whole.system(name) {
            Some(control) => Ok(control & 1 != 0),
            None => Err("the state lacks the registers of this exception level"),
        };
        let regime = match level {
            3 => Self::off(is_on(SCTLR_EL3)?),
            2 if !of_host => Self {
                on: is_on(SCTLR_EL2)?,
                control: alike(whole.system_or_0(TCR_EL2)),
                bases: [whole.system_or_0(TTBR0_EL2), 0],
                alone: true,
            },
            _ if of_host => Self {
                on: is_on(SCTLR_EL2)?,
                control: whole.system_or_0(TCR_EL2),
                bases: [TTBR0_EL2, TTBR1_EL2].map(|name| whole.system_or_0(name)),
                alone: false,
            },
            _ if hypervisor & (VM | DC) != 0 => {
                return Err("a hypervisor maps what this level maps once more (stage 2)");
            }
            _ => Self {
                on: is_on(SCTLR_EL1)? && hypervisor & TGE == 0,
                control: whole.system_or_0(TCR_EL1),
                bases: [TTBR0_EL1, TTBR1_EL1].map(|name| whole.system_or_0(name)),
                alone: false,
            },
        };
        let secure = traits.el3 && (level == 3 || whole.system_or_0(SCR_EL3) & 1 == 0);
        match secure && regime.on {
            true => Err("the secure world may have memory of its own, which QMP does not read"),
            false => Ok(regime),
        }
    }

    /// One whose tables can't be read here, if they are in use.
    fn off(on: bool) -> Self {
        Self {
            on,
            control: 0,
            bases: [0; 2],
            alone: true,
        }
    }
}

/// A control register of a level that has no upper half of addresses, in the form of those that have
/// one (`aa64_va_parameters`).
fn alike(control: u64) -> u64 {
    const NO_UPPER: u64 = 1 << 23;
    let moved = |from: u32, bits: u32, to: u32| (control >> from & ((1 << bits) - 1)) << to;
    // Size and granule are where they are; then the size of places, ignored tops, rights of tables,
    // long addresses.
    moved(0, 6, 0)
        | moved(14, 2, 14)
        | NO_UPPER
        | moved(16, 3, 32)
        | moved(20, 1, 37)
        | moved(24, 1, 41)
        | moved(32, 1, 59)
}

/// Looking up one address.
#[derive(Clone, Debug)]
pub struct Search {
    paging: Paging,
    /// Whether rights count.
    checks: bool,
    address: u64,
    bits: u32,
    page_bits: u32,
    place_bits: u32,
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
            page_bits: paging.page_bits(high),
            place_bits: paging.place_bits(paging.page_bits(high)),
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
        // Addresses of 52 bits in small pages.
        if self.page_bits < 16 && paging.control >> 59 & 1 == 1 {
            return Sought::Unknown;
        }
        let feature = |at: u32| paging.features[1] >> at & 15 != 0;
        let most = if self.page_bits == 16 && feature(16) {
            52
        } else {
            48
        };
        let least = match (feature(28), self.page_bits) {
            (false, _) => 25,
            (true, 16) => 17,
            (true, _) => 16,
        };
        if !(least..=most).contains(&self.bits) {
            return Sought::Unmapped;
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
        let apart = paging.level == 0 && paging.has_halves() && paging.bit(55, 56, high);
        if above != if high { ones } else { 0 } || off || apart {
            return Sought::Unmapped;
        }
        self.address &= (1 << self.bits) - 1;
        self.level = 4 - (self.bits - 4) / self.stride();
        // As many bits as the first table's entries have numbers, and 3 for their size.
        let size = self.bits - self.shift() + 3;
        let register = paging.bases[usize::from(high)];
        match self.place(register, register >> 2) {
            Some(base) => self.needs(base & !0 << size),
            None => Sought::Unmapped,
        }
    }

    /// Bits of an address that a table decides about.
    fn stride(&self) -> u32 {
        self.page_bits - 3
    }

    /// The address in an entry or a register, whose bits above 48 are elsewhere in it; none where
    /// the CPU has no such addresses.
    fn place(&self, held: u64, above: u64) -> Option<u64> {
        let low = held & ((1 << WHOLE) - 1);
        if self.place_bits > WHOLE {
            return Some(low | (above & 15) << WHOLE);
        }
        (low >> self.place_bits == 0).then_some(low)
    }

    fn shift(&self) -> u32 {
        self.page_bits + self.stride() * (LAST - self.level)
    }

    fn needs(&self, table: u64) -> Sought {
        let number = self.address >> self.shift() & ((1 << self.stride()) - 1);
        Sought::Entry {
            address: table + 8 * number,
            size: 8,
        }
    }

    fn after(&mut self, entry: u64) -> Sought {
        let leads = entry & TABLE != 0;
        if entry & VALID == 0 || !leads && !self.may_be_block() {
            return Sought::Unmapped;
        }
        // The offset in a page is no part of it, nor of a table.
        let held = entry & !0 << self.page_bits;
        let Some(place) = self.place(held, entry >> 12) else {
            return Sought::Unmapped;
        };
        if self.level < LAST && leads {
            self.kept |= entry >> 61 & 1 == 1 && !self.paging.bit(41, 42, self.high);
            self.level += 1;
            return self.needs(place);
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
        Sought::At(place & !within | self.address & within)
    }

    /// Whether an entry of this level may hold a block.
    fn may_be_block(&self) -> bool {
        let long = self.paging.features[0] & 15 == 6;
        match self.page_bits {
            12 => matches!(self.level, 1 | 2),
            14 => self.level == 2,
            _ => self.level == 2 || self.level == 1 && long,
        }
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
            control: 16 | 16 << 16 | 2 << 30 | 5 << 32,
            bases: [0x1000, 0x2000],
            level,
            guarded: true,
            // 48 bits of physical addresses, all sizes of pages.
            features: [0x10_0005, 0],
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
    fn larger_pages() {
        let with = |control: u64| Paging {
            control: control | 5 << 32,
            bases: [0x1_0000, 0],
            ..paging(1)
        };
        let large = with(22 | 1 << 14);
        let address = 0x2000_1234;
        assert_eq!(sought(&large, address, &[]), needed(0x1_0008));
        assert_eq!(sought(&large, address, &[0x3_0003]), needed(0x3_0000));
        let pages = [0x3_0003, 0x5_0003];
        assert_eq!(sought(&large, address, &pages), Sought::At(0x5_1234));
        // Bits of the offset are no part of the address.
        let pages = [0x3_0003, 0x5_f003];
        assert_eq!(sought(&large, address, &pages), Sought::At(0x5_1234));
        let block = [0x4000_0001];
        assert_eq!(sought(&large, address, &block), Sought::At(0x4000_1234));
        let middle = with(17 | 2 << 14);
        assert_eq!(sought(&middle, 5 << 36, &[]), needed(0x1_0028));
        // No block where a table has to be.
        assert_eq!(sought(&middle, 5 << 36, &[0x4000_0001]), Sought::Unmapped);
        let without = Paging {
            features: [5, 0],
            ..middle
        };
        assert_eq!(without.page_bits(false), 12);
    }

    #[test]
    fn addresses_that_the_cpu_has_not() {
        let narrow = Paging {
            features: [0x10_0000, 0],
            ..paging(1)
        };
        let block = |place: u64| [0x5003, place | 0x401];
        assert_eq!(sought(&narrow, 0, &block(1 << 32)), Sought::Unmapped);
        assert_eq!(sought(&narrow, 0, &block(1 << 31)), Sought::At(1 << 31));
        let long = Paging {
            control: 22 | 1 << 14 | 6 << 32,
            bases: [0x1_0000, 0],
            features: [6, 0],
            ..paging(1)
        };
        let block = [0x4000_0001 | 3 << 12];
        assert_eq!(sought(&long, 5, &block), Sought::At(3 << 48 | 0x4000_0005));
    }

    /// The state of a CPU with these registers at this level.
    fn state(level: u64, registers: &[(Name, u64)]) -> Whole {
        let registers = [&[(ID_AA64MMFR0, 0x10_0005)], registers].concat();
        Whole::with(level << 2 | 1 << 22, &registers)
    }

    #[test]
    fn each_level_has_its_registers() {
        use crate::guest::arm::section::HCR_EL2;
        let both = Traits {
            el2: true,
            el3: true,
            ..Traits::default()
        };
        let free = (SCR_EL3, 1);
        let el2 = [(SCTLR_EL2, 1), (TTBR0_EL2, 0x3000), (TTBR1_EL2, 0x4000)];
        let control = (TCR_EL2, 16 | 5 << 16 | 1 << 20);
        let of = |level, more: &[(Name, u64)]| {
            let registers = [
                &el2[..],
                &[free, control, (SCTLR_EL1, 1), (TTBR0_EL1, 0x1000)],
                more,
            ];
            Paging::of(&state(level, &registers.concat()), both)
        };
        // A hypervisor alone: one half of addresses, whose tops are ignored; no rights of programs.
        let alone = of(2, &[]).unwrap();
        assert_eq!(sought(&alone, 0xff << 56 | 0x1234, &[]), needed(0x3000));
        assert_eq!(sought(&alone, !0, &[]), Sought::Unmapped);
        let block = [0x5003, 0x4000_0441];
        assert_eq!(sought(&alone, 5, &block), Sought::At(0x4000_0005));
        // A host, with both halves, and its programs.
        let long = (TCR_EL2, 16 | 16 << 16 | 2 << 30 | 5 << 32);
        let host = of(2, &[long, (HCR_EL2, E2H)]).unwrap();
        assert_eq!(sought(&host, !0, &[]), needed(0x4ff8));
        assert_eq!(sought(&host, 5, &block), Sought::Unmapped);
        let program = of(0, &[long, (HCR_EL2, E2H | TGE)]).unwrap();
        assert_eq!(sought(&program, 5, &block), Sought::At(0x4000_0005));
        // Below a hypervisor that has nothing to say there.
        let below = of(1, &[(TCR_EL1, long.1), (HCR_EL2, 1 << 31)]).unwrap();
        assert_eq!(sought(&below, 5, &[]), needed(0x1000));
        let off = of(0, &[(HCR_EL2, TGE)]).unwrap();
        assert_eq!(sought(&off, 5, &[]), Sought::At(5));
        for (level, more, why) in [
            (1, &[(HCR_EL2, VM)][..], "stage 2"),
            (0, &[(HCR_EL2, DC)], "stage 2"),
            (1, &[(SCR_EL3, 0)], "secure world"),
            (3, &[(SCTLR_EL3, 1)], "secure world"),
            (3, &[], "lacks"),
        ] {
            let refused = of(level, more).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(
            sought(&of(3, &[(SCTLR_EL3, 0)]).unwrap(), 5, &[]),
            Sought::At(5)
        );
    }

    #[test]
    fn what_was_not_compared_is_not_known() {
        let with = |control| Paging {
            control,
            ..paging(1)
        };
        let long = with(16 | 1 << 59 | 5 << 32);
        assert_eq!(sought(&long, 0, &[]), Sought::Unknown);
        // Longer or shorter than there are.
        for control in [12, 45] {
            let short = with(control | 5 << 32);
            assert_eq!(sought(&short, 0, &[]), Sought::Unmapped, "{control}");
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
        fn no_tables_make_it_panic(control: u64, address: u64, level in 0u64..2, features: [u64; 2], entries in prop::collection::vec(any::<u64>(), 4)) {
            let paging = Paging { control, features, ..paging(level) };
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
