// SPDX-License-Identifier: GPL-2.0-or-later
//! Which vector registers a CPU may use where it is, and how long they are (target/arm/helper.c).

use crate::guest::arm::kinds::Kind;
use crate::guest::arm::section::{
    CPACR_EL1, CPTR_EL2, CPTR_EL3, HCR_EL2, SCR_EL3, Whole, ZCR_EL1, ZCR_EL2, ZCR_EL3,
};

/// What QMP says of a CPU beside its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Whether it has EL2.
    pub el2: bool,
    /// Whether it has EL3.
    pub el3: bool,
    /// Whether it is of the eighth version of the architecture, or a later one.
    pub eighth: bool,
    /// Whether it has no scalable vectors: it may have their state all the same, for those that
    /// stream.
    pub fixed: bool,
    /// The lengths of vectors that it has: bit N is N + 1 times 128 bits.
    pub lengths: u32,
    /// Whether it has the M profile, whose registers are other ones.
    pub microcontroller: bool,
    /// Whether it protects memory by regions, and has no MMU.
    pub protects: bool,
    /// What decides about tables of instructions of 32 bits; none where that is not known.
    pub kind: Option<Kind>,
    /// Whether the system below EL2 has instructions of 64 bits.
    pub wide: bool,
    /// How many vector registers of 64 bits there are for instructions of 32 bits.
    pub narrow: usize,
}

/// Bits of HCR_EL2.
const HOST: u64 = 1 << 34;
const ALL_TRAPPED: u64 = 1 << 27;

/// Bits of SCR_EL3.
const NOT_SECURE: u64 = 1;
const SECURE_EL2: u64 = 1 << 18;

/// A CPU that executes instructions of 64 bits.
pub struct View<'a> {
    whole: &'a Whole,
    traits: Traits,
    el2: bool,
    /// HCR_EL2, where EL2 counts.
    pub hypervisor: u64,
}

impl<'a> View<'a> {
    /// The CPU in this state.
    #[must_use]
    pub fn new(whole: &'a Whole, traits: Traits) -> Self {
        let world = whole.system_or_0(SCR_EL3);
        let not_secure = !traits.el3 || world & NOT_SECURE != 0;
        let el2 = traits.el2 && (not_secure || world & SECURE_EL2 != 0);
        Self {
            whole,
            traits,
            el2,
            hypervisor: if el2 { whole.system_or_0(HCR_EL2) } else { 0 },
        }
    }

    /// The exception level.
    #[must_use]
    pub fn level(&self) -> u64 {
        self.whole.status >> 2 & 3
    }

    /// Whether EL2 is the host's, and this code its own.
    fn is_host(&self) -> bool {
        let own = self.level() == 2 || self.level() == 0 && self.hypervisor & ALL_TRAPPED != 0;
        self.hypervisor & HOST != 0 && own
    }

    /// Whether a field of two bits of CPACR_EL1, or of CPTR_EL2 in its form, traps.
    fn traps(&self, field: u64, el0: bool) -> bool {
        match field & 3 {
            1 => el0,
            3 => false,
            _ => true,
        }
    }

    /// Whether floating point is trapped, be it by EL1, EL2 or EL3.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        let level = self.level();
        let host_of_all = self.hypervisor & (HOST | ALL_TRAPPED) == HOST | ALL_TRAPPED;
        let cpacr = self.whole.system_or_0(CPACR_EL1);
        if !host_of_all && level <= 1 && self.traps(cpacr >> 20, level == 0) {
            return true;
        }
        let el2 = self.whole.system_or_0(CPTR_EL2);
        if level <= 2 && self.hypervisor & HOST != 0 {
            let el0 = level == 0 && self.hypervisor & ALL_TRAPPED != 0;
            if self.traps(el2 >> 20, el0) {
                return true;
            }
        } else if level <= 2 && self.el2 && el2 >> 10 & 1 == 1 {
            return true;
        }
        self.whole.system_or_0(CPTR_EL3) >> 10 & 1 == 1
    }

    /// How many times 128 bits vectors have, less 1; none where only the fixed ones may be used.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        if !self.whole.scalable || self.traits.fixed || self.are_scalable_trapped() {
            return None;
        }
        let level = self.level();
        let mut most = 15;
        let mut limit = |register| most = u64::min(most, self.whole.system_or_0(register) & 15);
        if level <= 1 && !self.is_host() {
            limit(ZCR_EL1);
        }
        if level <= 2 && self.el2 {
            limit(ZCR_EL2);
        }
        if self.traits.el3 {
            limit(ZCR_EL3);
        }
        let there = self.traits.lengths & ((2 << most) - 1);
        Some(there.checked_ilog2().unwrap_or(0) as usize)
    }

    fn are_scalable_trapped(&self) -> bool {
        let level = self.level();
        let cpacr = self.whole.system_or_0(CPACR_EL1);
        if level <= 1 && !self.is_host() && self.traps(cpacr >> 16, level == 0) {
            return true;
        }
        let el2 = self.whole.system_or_0(CPTR_EL2);
        if level <= 2 && self.el2 {
            let trapped = match self.hypervisor & HOST != 0 {
                true => {
                    let el0 = level == 0 && self.hypervisor & ALL_TRAPPED != 0;
                    self.traps(el2 >> 16, el0)
                }
                false => el2 >> 8 & 1 == 1,
            };
            if trapped {
                return true;
            }
        }
        self.traits.el3 && self.whole.system_or_0(CPTR_EL3) >> 8 & 1 == 0
    }
}
