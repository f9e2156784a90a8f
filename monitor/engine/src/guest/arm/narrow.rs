// SPDX-License-Identifier: GPL-2.0-or-later
//! How an Arm CPU maps a virtual address for instructions of 32 bits: tables of entries of 32 bits, in the
//! form of the fifth version of the architecture or of the sixth and later ones (`get_phys_addr_v5` and
//! `get_phys_addr_v6` of target/arm/ptw.c, 10.0), or of 64 bits (`aa32_va_parameters` of
//! target/arm/helper.c), which are read as those of instructions of 64 bits.
//!
//! Nothing here reads memory: a [`Search`] says what it needs next.

use crate::guest::arm::kinds::Kind;
use crate::guest::arm::paging;
use crate::guest::arm::section::{NARROW, Name, SCR_EL3, Whole};
use crate::guest::arm::vectors::{Traits, View};
use crate::guest::sought::{LookUp, Sought};

const SCTLR: Name = (3, 0, 1, 0, 0);
const TTBR0: Name = (3, 0, 2, 0, 0);
const TTBR1: Name = (3, 0, 2, 0, 1);
const TTBCR: Name = (3, 0, 2, 0, 2);
/// CRn, CRm, opc1 and opc2 of the coprocessor 15.
const DACR: [u64; 4] = [3, 0, 0, 0];
const FCSEIDR: [u64; 4] = [13, 0, 0, 0];

/// Bits of SCTLR.
const ON: u64 = 1;
const SYSTEM: u64 = 1 << 8;
const ROM: u64 = 1 << 9;
const EXTENDED: u64 = 1 << 23;
const SWAPPED: u64 = 1 << 25;
const FLAGS: u64 = 1 << 29;

/// The bit of TTBCR for entries of 64 bits.
const LONG: u64 = 1 << 31;

/// Bits of HCR_EL2: tables of EL2's behind those of EL1, none at all, EL1 without tables.
const BELOW: u64 = 1 | 1 << 12 | 1 << 27;

/// Modes of the processor.
const USER: u64 = 0x10;
const MONITOR: u64 = 0x16;
const HYPERVISOR: u64 = 0x1a;

/// What decides about addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    kind: Kind,
    /// SCTLR.
    control: u64,
    /// TTBCR.
    split: u64,
    bases: [u64; 2],
    domains: u64,
    /// What addresses of the lowest 32 MiB are moved by (FCSE).
    moved: u32,
    user: bool,
    /// Whether a system may not read what programs may.
    guarded: bool,
}

impl Paging {
    /// How the CPU in this state maps addresses, or why that is not known.
    pub fn of(whole: &Whole, traits: Traits) -> Result<Self, &'static str> {
        let mode = whole.status & 0x1f;
        if whole.status & NARROW == 0 || traits.wide {
            return Err("instructions of 32 bits have other tables below a system of 64 bits");
        }
        let Some(kind) = traits.kind else {
            return Err("which tables this CPU has is not known here");
        };
        if mode == HYPERVISOR || View::new(whole, traits).hypervisor & BELOW != 0 {
            return Err("a hypervisor has tables of its own, or maps once more (stage 2)");
        }
        let secure = traits.el3 && (mode == MONITOR || whole.system_or_0(SCR_EL3) & 1 == 0);
        if secure {
            return Err("the secure world may have memory of its own, which QMP does not read");
        }
        let Some(control) = whole.system(SCTLR) else {
            return Err("the state lacks the registers of this exception level");
        };
        if control & SWAPPED != 0 {
            return Err("tables with the bytes of entries in the other order were not compared");
        }
        let banked = |name| whole.coprocessor(name).unwrap_or(0);
        Ok(Self {
            kind,
            control,
            split: whole.system_or_0(TTBCR),
            bases: [TTBR0, TTBR1].map(|name| whole.system_or_0(name)),
            domains: banked(DACR),
            moved: if kind.version < 8 {
                banked(FCSEIDR) as u32
            } else {
                0
            },
            user: mode == USER,
            guarded: kind.version == 8 && mode != USER && whole.status >> 22 & 1 == 1,
        })
    }
}

/// Looking up one address.
#[derive(Clone, Debug)]
pub enum Search {
    /// In tables whose entries have 32 bits.
    Short(Short),
    /// In tables whose entries have 64 bits, and whether bits above the 40th are ignored.
    Long(paging::Search, bool),
}

impl Search {
    /// Looks an address up; `checks` says that rights count.
    #[must_use]
    pub fn new(paging: &Paging, address: u32, checks: bool) -> Self {
        let low = address < 32 << 20;
        let address = if low {
            address.wrapping_add(paging.moved)
        } else {
            address
        };
        if paging.control & ON != 0 && paging.split & LONG != 0 {
            let search = paging.long(address, checks);
            return Self::Long(search, paging.kind.version < 8);
        }
        Self::Short(Short::new(paging, address, checks))
    }
}

impl LookUp for Search {
    fn next(&self) -> Sought {
        match self {
            Self::Short(search) => search.next,
            Self::Long(search, _) => search.next(),
        }
    }

    fn entry(&mut self, entry: u64) {
        /// Bits of an entry above those of addresses.
        const ABOVE: u64 = 0xff << 40;
        match self {
            Self::Short(search) => search.next = search.after(entry),
            Self::Long(search, true) => search.entry(entry & !ABOVE),
            Self::Long(search, false) => search.entry(entry),
        }
    }
}

impl Paging {
    /// The search in tables of entries of 64 bits: as that of instructions of 64 bits, whose upper half of
    /// addresses has all upper bits.
    fn long(&self, address: u32, checks: bool) -> paging::Search {
        let [low, high] = [0, 16].map(|at| self.split >> at & 7);
        let upper = match high {
            0 => address > u32::MAX >> low,
            _ => address >= !(u32::MAX >> high),
        };
        let sign = if upper { !0 << 32 } else { 0 };
        let held = |bit: u64| self.split & 1 << bit;
        // 4 KiB for both halves, places of 40 bits; rights of tables are ignored where TTBCR2 counts.
        let sizes = (32 + low) | ((32 + high) << 16);
        let mut control = sizes | 2 << 30 | 2 << 32 | held(7) | held(23);
        if held(6) != 0 {
            control |= held(41) | held(42);
        }
        let paging = paging::Paging::of_32_bits(
            control,
            self.bases.map(|base| base & 0xffff_ffff_ffff),
            if self.user { 0 } else { 1 },
            self.guarded,
        );
        paging::Search::new(&paging, sign | u64::from(address), checks)
    }
}

/// A search in tables of entries of 32 bits.
#[derive(Clone, Debug)]
pub struct Short {
    paging: Paging,
    checks: bool,
    address: u64,
    /// The entry of the first table, where a second one is looked at.
    first: Option<u64>,
    next: Sought,
}

impl Short {
    fn new(paging: &Paging, address: u32, checks: bool) -> Self {
        let address = u64::from(address);
        let mut search = Self {
            paging: *paging,
            checks,
            address,
            first: None,
            next: Sought::At(address),
        };
        if paging.control & ON != 0 {
            search.next = search.begin();
        }
        search
    }

    /// The first table: TTBR1's where one of the upper bits is set (`get_level1_table_address`).
    fn begin(&self) -> Sought {
        let (split, bases) = (self.paging.split, self.paging.bases);
        let bits = split & 7;
        let upper = self.address >> (32 - bits) != 0;
        let (off, base) = match upper {
            true => (split >> 5 & 1 == 1, bases[1] & !0x3fff),
            false => (split >> 4 & 1 == 1, bases[0] & !(0x3fff >> bits)),
        };
        if off {
            return Sought::Unmapped;
        }
        needs(base & 0xffff_ffff | self.address >> 18 & 0x3ffc)
    }

    fn is_old(&self) -> bool {
        self.paging.kind.version < 7 && self.paging.control & EXTENDED == 0
    }

    fn after(&mut self, entry: u64) -> Sought {
        match self.first {
            None => self.after_first(entry),
            Some(first) => self.after_second(first, entry),
        }
    }

    fn after_first(&mut self, entry: u64) -> Sought {
        let (old, form) = (self.is_old(), entry & 3);
        let there = match form {
            0 => false,
            3 => old || self.paging.kind.keeps,
            _ => true,
        };
        if !there || !self.paging.is_open(self.domain(entry)) {
            return Sought::Unmapped;
        }
        let second = match (old, form) {
            (_, 1) => Some(entry & !0x3ff | self.address >> 10 & 0x3fc),
            (true, 3) => Some(entry & !0xfff | self.address >> 8 & 0xffc),
            _ => None,
        };
        if let Some(address) = second {
            self.first = Some(entry);
            return needs(address);
        }
        let rights = entry >> 10 & 3;
        if old {
            return self.found(entry, rights, entry & 0xfff0_0000, 20);
        }
        let rights = rights | entry >> 13 & 4;
        if !is_super(entry) {
            return self.found(entry, rights, entry & 0xfff0_0000, 20);
        }
        let above = (entry >> 20 & 15) << 32 | (entry >> 5 & 15) << 36;
        self.found(entry, rights, above | entry & 0xff00_0000, 24)
    }

    fn after_second(&self, first: u64, entry: u64) -> Sought {
        if !self.is_old() {
            let rights = entry >> 4 & 3 | entry >> 7 & 4;
            return match entry & 3 {
                0 => Sought::Unmapped,
                1 => self.found(first, rights, entry & 0xffff_0000, 16),
                _ => self.found(first, rights, entry & 0xffff_f000, 12),
            };
        }
        // Rights of each quarter of a page.
        let quarter = |page: u32| entry >> (4 + 2 * (self.address >> (page - 2) & 3)) & 3;
        match entry & 3 {
            0 => Sought::Unmapped,
            1 => self.found(first, quarter(16), entry & 0xffff_0000, 16),
            2 => self.found(first, quarter(12), entry & 0xffff_f000, 12),
            _ if first & 3 == 3 => self.found(first, entry >> 4 & 3, entry & 0xffff_fc00, 10),
            _ if self.paging.kind.small => {
                self.found(first, entry >> 4 & 3, entry & 0xffff_f000, 12)
            }
            _ => Sought::Unmapped,
        }
    }

    /// The number of a first entry's domain.
    fn domain(&self, entry: u64) -> u64 {
        match !self.is_old() && entry & 3 != 1 && is_super(entry) {
            true => 0,
            false => entry >> 5 & 15,
        }
    }

    /// A page or section of so many bits of offset, where the rights allow that it is read.
    fn found(&self, first: u64, rights: u64, place: u64, bits: u32) -> Sought {
        let paging = self.paging;
        let free = paging.domains >> (2 * self.domain(first)) & 3 == 3;
        let flagged = !self.is_old() && paging.kind.keys && paging.control & FLAGS != 0;
        if !free && flagged && rights & 1 == 0 {
            // Never used, as far as the flag says.
            return Sought::Unmapped;
        }
        let may = |user| match flagged {
            true => simple(rights >> 1, user),
            false => paging.reads(rights, user),
        };
        let allowed = may(paging.user) && !(paging.guarded && may(true));
        if self.checks && !free && !allowed {
            return Sought::Unmapped;
        }
        let within = (1 << bits) - 1;
        Sought::At(place & !within | self.address & within)
    }
}

impl Paging {
    /// Whether a domain lets anything through.
    fn is_open(&self, domain: u64) -> bool {
        self.domains >> (2 * domain) & 1 == 1
    }

    /// Whether rights without access flags let a system or a program read (`ap_to_rw_prot_is_user`).
    fn reads(&self, rights: u64, user: bool) -> bool {
        match rights {
            0 if self.kind.version >= 7 => false,
            0 => match self.control & (SYSTEM | ROM) {
                SYSTEM => !user,
                ROM => true,
                _ => false,
            },
            1 | 5 => !user,
            2 | 3 | 6 => true,
            7 => self.kind.keys,
            _ => false,
        }
    }
}

/// Whether rights beside an access flag let a system or a program read (`simple_ap_to_rw_prot_is_user`).
fn simple(rights: u64, user: bool) -> bool {
    !user || rights & 1 == 1
}

/// Whether an entry is one of 16 for 16 MiB.
fn is_super(entry: u64) -> bool {
    entry >> 18 & 1 == 1
}

fn needs(address: u64) -> Sought {
    Sought::Entry { address, size: 4 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Domain 0 lets through what rights allow, domain 1 all, domain 2 nothing.
    fn paging(kind: Kind, control: u64) -> Paging {
        Paging {
            kind,
            control: control | ON,
            split: 0,
            bases: [0x4000, 0x8000],
            domains: 0b1101,
            moved: 0,
            user: false,
            guarded: false,
        }
    }

    fn needed(address: u64) -> Sought {
        Sought::Entry { address, size: 4 }
    }

    fn sought(paging: &Paging, address: u32, entries: &[u64]) -> Sought {
        let mut search = Search::new(paging, address, true);
        for entry in entries {
            assert!(matches!(search.next(), Sought::Entry { .. }));
            search.entry(*entry);
        }
        search.next()
    }

    #[test]
    fn sections_pages_and_tables() {
        let seventh = paging(Kind::SEVENTH, 0);
        let at = 0x8123_4567;
        assert_eq!(sought(&seventh, at, &[]), needed(0x4000 + 0x812 * 4));
        let section = 0x4560_0c02;
        assert_eq!(sought(&seventh, at, &[section]), Sought::At(0x4563_4567));
        let large = 1 << 18 | 3 << 20 | 1 << 5 | 0x4500_0c02;
        let place = 1 << 36 | 3 << 32 | 0x4523_4567;
        assert_eq!(sought(&seventh, at, &[large]), Sought::At(place));
        assert_eq!(sought(&seventh, at, &[0x9001]), needed(0x9000 + 0x34 * 4));
        assert_eq!(
            sought(&seventh, at, &[0x9001, 0x7_7032]),
            Sought::At(0x7_7567)
        );
        assert_eq!(
            sought(&seventh, at, &[0x9001, 0x7_0031]),
            Sought::At(0x7_4567)
        );
        assert_eq!(sought(&seventh, at, &[0x9001, 0]), Sought::Unmapped);
        // One form more where tables keep a system from executing.
        let keeps = paging(Kind::EIGHTH, 0);
        assert_eq!(sought(&seventh, at, &[section | 1]), Sought::Unmapped);
        assert_eq!(sought(&keeps, at, &[section | 1]), Sought::At(0x4563_4567));
        let split = Paging {
            split: 1 | 1 << 5,
            ..seventh
        };
        assert_eq!(sought(&split, at, &[]), Sought::Unmapped);
        let split = Paging {
            split: 1,
            ..seventh
        };
        assert_eq!(sought(&split, at, &[]), needed(0x8000 + 0x812 * 4));
    }

    #[test]
    fn the_old_form_has_quarters_and_smaller_pages() {
        let fifth = paging(Kind::FIFTH, 0);
        let at = 0x0123_4567;
        // The second quarter alone may be read.
        assert_eq!(
            sought(&fifth, at, &[0x9001, 0x7_7042]),
            Sought::At(0x7_7567)
        );
        assert_eq!(sought(&fifth, at, &[0x9001, 0x7_7032]), Sought::Unmapped);
        assert_eq!(sought(&fifth, at, &[0x9003]), needed(0x9000 + 0xd1 * 4));
        assert_eq!(
            sought(&fifth, at, &[0x9003, 0x7_7413]),
            Sought::At(0x7_7567)
        );
        assert_eq!(sought(&fifth, at, &[0x9001, 0x7_7013]), Sought::Unmapped);
        let sixth = paging(Kind::SIXTH, 0);
        assert_eq!(
            sought(&sixth, at, &[0x9001, 0x7_7013]),
            Sought::At(0x7_7567)
        );
        let moved = Paging {
            moved: 0x0200_0000,
            ..fifth
        };
        assert_eq!(sought(&moved, at, &[]), needed(0x4000 + 0x32 * 4));
    }

    #[test]
    fn domains_and_rights_decide() {
        let seventh = paging(Kind::SEVENTH, 0);
        let user = Paging {
            user: true,
            ..seventh
        };
        let section = |rights: u64, domain: u64| {
            [0x4560_0002 | (rights & 3) << 10 | (rights & 4) << 13 | domain << 5]
        };
        let mapped = |paging: &Paging, rights, domain| {
            matches!(sought(paging, 5, &section(rights, domain)), Sought::At(_))
        };
        assert!(mapped(&seventh, 1, 0) && !mapped(&user, 1, 0));
        assert!(mapped(&user, 2, 0) && mapped(&user, 7, 0) && !mapped(&user, 5, 0));
        assert!(!mapped(&seventh, 0, 0) && mapped(&seventh, 0, 1));
        assert!(!mapped(&seventh, 3, 2));
        let old = Paging {
            kind: Kind::SIXTH,
            control: ON | EXTENDED | ROM,
            ..seventh
        };
        assert!(mapped(&old, 0, 0) && !mapped(&old, 7, 0));
        // Of rights with an access flag, the flag is the lowest bit.
        let flags = Paging {
            control: ON | FLAGS,
            ..user
        };
        assert!(!mapped(&flags, 2, 0) && mapped(&flags, 3, 0) && !mapped(&flags, 1, 0));
        let guarded = Paging {
            kind: Kind::EIGHTH,
            guarded: true,
            ..seventh
        };
        assert!(mapped(&guarded, 1, 0) && !mapped(&guarded, 3, 0));
        // Later releases show the place whatever the rights, but not through a closed domain.
        let mut any = Search::new(&seventh, 5, false);
        any.entry(section(0, 0)[0]);
        assert_eq!(any.next(), Sought::At(0x4560_0005));
        let mut closed = Search::new(&seventh, 5, false);
        closed.entry(section(3, 2)[0]);
        assert_eq!(closed.next(), Sought::Unmapped);
    }

    #[test]
    fn long_entries() {
        let of = |split: u64| Paging {
            split: split | LONG,
            ..paging(Kind::SEVENTH, 0)
        };
        let long = |address: u64| Sought::Entry { address, size: 8 };
        assert_eq!(sought(&of(0), 0xc000_0000, &[]), long(0x4018));
        assert_eq!(sought(&of(1), 0xc000_0000, &[]), long(0x8018));
        assert_eq!(sought(&of(1 << 16), 0xc000_0000, &[]), long(0x8008));
        assert_eq!(
            sought(&of(1 << 16 | 1 << 23), 0xc000_0000, &[]),
            Sought::Unmapped
        );
        assert_eq!(sought(&of(2 << 16 | 1), 0x9000_0000, &[]), Sought::Unmapped);
        // Bits above the 40th are no part of an address before the eighth version.
        let block = 0xff << 40 | 3 << 32 | 0x4000_0401;
        assert_eq!(
            sought(&of(0), 5, &[block]),
            Sought::At(3 << 32 | 0x4000_0005)
        );
        let eighth = Paging {
            kind: Kind::EIGHTH,
            ..of(0)
        };
        assert_eq!(sought(&eighth, 5, &[block]), Sought::Unmapped);
    }

    #[test]
    fn states_that_are_not_read() {
        use crate::guest::arm::section::HCR_EL2;
        let traits = Traits {
            kind: Some(Kind::SEVENTH),
            el2: true,
            el3: true,
            ..Traits::default()
        };
        let of = |mode: u64, registers: &[(Name, u64)], traits| {
            let registers = [&[(SCTLR, ON), (SCR_EL3, 1)], registers].concat();
            Paging::of(&Whole::with(mode, &registers), traits)
        };
        assert!(of(0x13, &[], traits).is_ok());
        for (mode, registers, traits, why) in [
            (0x05, &[][..], traits, "64 bits"),
            (
                0x13,
                &[],
                Traits {
                    wide: true,
                    ..traits
                },
                "64 bits",
            ),
            (
                0x13,
                &[],
                Traits {
                    kind: None,
                    ..traits
                },
                "which tables",
            ),
            (0x1a, &[], traits, "hypervisor"),
            (0x13, &[(HCR_EL2, 1)], traits, "stage 2"),
            (0x16, &[], traits, "secure"),
            (0x13, &[(SCR_EL3, 0)], traits, "secure"),
            (0x13, &[(SCTLR, ON | SWAPPED)], traits, "other order"),
        ] {
            let refused = of(mode, registers, traits).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(Kind::of("arm1136-r2-arm-cpu", false), Some(Kind::SIXTH));
        assert_eq!(Kind::of("cortex-m4-arm-cpu", false), None);
    }

    proptest! {
        #[test]
        fn no_tables_make_it_panic(control: u64, split: u64, address: u32, domains: u32, bases: [u64; 2], number in 0usize..14, user: bool, entries in prop::collection::vec(any::<u64>(), 4)) {
            let kind = crate::guest::arm::kinds::KINDS.get(number).map_or(Kind::EIGHTH, |(_, kind)| *kind);
            let domains = domains.into();
            let paging = Paging { split, domains, bases, user, ..paging(kind, control) };
            let mut search = Search::new(&paging, address, true);
            for entry in entries {
                if !matches!(search.next(), Sought::Entry { .. }) {
                    break;
                }
                search.entry(entry);
            }
            let ended = !matches!(search.next(), Sought::Entry { .. });
            prop_assert!(ended);
        }
    }
}
