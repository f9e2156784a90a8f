// SPDX-License-Identifier: GPL-2.0-or-later
//! A CPU's section in the state of all devices (target/arm/machine.c, `vmstate_arm_cpu`).

use std::collections::BTreeMap;

use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};

const VERSION: u32 = 22;

/// More system registers than any CPU has.
const MOST: usize = 1 << 14;

/// A system register, by the numbers that MRS names it with.
pub type Name = (u16, u16, u16, u16, u16);

/// System registers that decide what is shown.
pub const CPACR_EL1: Name = (3, 0, 1, 0, 2);
/// Traps of EL2.
pub const CPTR_EL2: Name = (3, 4, 1, 1, 2);
/// Traps of EL3.
pub const CPTR_EL3: Name = (3, 6, 1, 1, 2);
/// How EL2 is used.
pub const HCR_EL2: Name = (3, 4, 1, 1, 0);
/// The world, and whether EL2 is in both.
pub const SCR_EL3: Name = (3, 6, 1, 1, 0);
/// Lengths of vectors.
pub const ZCR_EL1: Name = (3, 0, 1, 2, 0);
/// Lengths of vectors.
pub const ZCR_EL2: Name = (3, 4, 1, 2, 0);
/// Lengths of vectors.
pub const ZCR_EL3: Name = (3, 6, 1, 2, 0);
/// Whether vectors stream.
pub const SVCR: Name = (3, 3, 4, 2, 2);
/// How numbers of 8 bits are formed.
pub const FPMR: Name = (3, 3, 4, 4, 2);
/// What the CPU has; its lowest 4 bits are about branch targets.
pub const ID_AA64PFR1: Name = (3, 0, 0, 4, 1);

/// Numbers of 64 bits in a vector of the state, which holds no more: 1024 bits.
pub const VECTOR: usize = 16;

/// Predicates: 16, and one for faults.
pub const PREDICATES: usize = 17;

/// What the section holds of the registers that can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// R0 to R15, of instructions of 32 bits.
    pub narrow: [u32; 16],
    /// X0 to X30 and the stack pointer.
    pub wide: Vec<u64>,
    /// The program counter of instructions of 64 bits.
    pub pc: u64,
    /// The processor's state.
    pub status: u64,
    /// The system registers, by number.
    system: BTreeMap<u64, u64>,
    /// What the vector unit has; none where the CPU has none.
    pub vectors: Option<Vectors>,
    /// Whether vectors are scalable.
    pub scalable: bool,
}

/// The vector unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vectors {
    /// The registers, the lowest number first.
    pub registers: Vec<[u64; VECTOR]>,
    /// Which parts of them instructions mean.
    pub predicates: Vec<[u64; 4]>,
    /// Control.
    pub control: u32,
    /// Status.
    pub status: u32,
    /// Both in one, as instructions of 32 bits have them.
    pub both: u32,
}

/// Bits of the status that say that instructions of 32 bits are executed.
pub const NARROW: u64 = 1 << 4;

/// What of control and status is in the register of both.
const CONTROL_BITS: u32 = 0x07ff_9f00;
const STATUS_BITS: u32 = 0xf800_009f;

/// The subsections that are known: name, version, bytes (the same file of 10.0; the last two seen on
/// 11.1.3).
const SIZES: &[(&str, u32, usize)] = &[
    ("cpu/vfp", 3, 576),
    ("cpu/vfp/fpcr_fpsr", 1, 16),
    ("cpu/iwmmxt", 1, 192),
    ("cpu/thumb2ee", 1, 8),
    ("cpu/sve", 1, 32 * 14 * 8 + PREDICATES * 32),
    ("cpu/serror", 1, 10),
    ("cpu/irq-line-state", 1, 4),
    ("cpu/wfxt-timer", 1, 8),
    ("cpu/pstate64", 1, 8),
    ("cpu/fpmr", 1, 8),
];

impl Whole {
    /// A system register; none where the CPU has it not.
    #[must_use]
    pub fn system(&self, name: Name) -> Option<u64> {
        self.system.get(&number(name)).copied()
    }

    /// A register of the coprocessor 15, by CRn, CRm, opc1 and opc2, that instructions of 32 bits have; of
    /// two worlds, that of the one that is not secure.
    #[must_use]
    pub fn coprocessor(&self, [crn, crm, op1, op2]: [u64; 4]) -> Option<u64> {
        // As KVM numbers them, with QEMU's bit for the world (`ENCODE_CP_REG`).
        let number = 0x4020_0000_200f_0000 | crn << 11 | crm << 7 | op1 << 3 | op2;
        self.system.get(&number).copied()
    }

    /// One with this status and these system registers; of two values the later one.
    #[cfg(test)]
    pub(crate) fn with(status: u64, registers: &[(Name, u64)]) -> Self {
        let numbered = registers
            .iter()
            .map(|(name, value)| (number(*name), *value));
        Self {
            status,
            system: numbered.collect(),
            ..Self::default()
        }
    }

    /// The same, or 0.
    #[must_use]
    pub fn system_or_0(&self, name: Name) -> u64 {
        self.system(name).unwrap_or(0)
    }
}

/// As KVM numbers registers of 64 bits.
fn number((op0, op1, crn, crm, op2): Name) -> u64 {
    let number = op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
    0x6030_0000_0013_0000 | u64::from(number)
}

/// Reads the section of a CPU.
pub fn read(section: &Section<'_>) -> Result<Whole, Surprise> {
    section.of_versions(VERSION..=VERSION)?;
    let mut bytes = Bytes::big_endian(section.body);
    let mut whole = fixed(&mut bytes).ok_or_else(Surprise::short)?;
    let parts = subsections(bytes.rest(), |name, version| {
        let known = SIZES
            .iter()
            .find(|(known, of, _)| (*known, *of) == (name, version));
        known.map(|(.., size)| *size)
    })?;
    for part in parts {
        let mut bytes = Bytes::big_endian(part.body);
        let read = match part.name {
            "cpu/vfp" => vfp(&mut bytes).map(|vectors| whole.vectors = Some(vectors)),
            "cpu/vfp/fpcr_fpsr" => apart(&mut bytes, &mut whole),
            "cpu/sve" => sve(&mut bytes, &mut whole),
            "cpu/pstate64" => bytes.long().map(|status| whole.status = status),
            _ => Some(()),
        };
        read.ok_or_else(Surprise::short)?;
    }
    Ok(whole)
}

fn fixed(bytes: &mut Bytes<'_>) -> Option<Whole> {
    let narrow = bytes.numbers::<16>(4)?.map(|number| number as u32);
    let wide = bytes.numbers::<32>(8)?.to_vec();
    let (pc, status) = (bytes.long()?, bytes.word()?);
    // Registers of other modes: the saved status, stack pointers, link registers.
    bytes.take(4 + 8 * 8 + 2 * 8 * 4 + 2 * 5 * 4 + 2 * 4 * 8)?;
    let count = usize::try_from(bytes.word()?)
        .ok()
        .filter(|count| *count <= MOST)?;
    let names = bytes.take(8 * count)?;
    let mut names = Bytes::big_endian(names);
    let mut system = BTreeMap::new();
    for _ in 0..count {
        system.insert(names.long()?, bytes.long()?);
    }
    // Exclusive access, exceptions, timers, whether it is switched off.
    bytes.take(3 * 8 + 8 + 2 * 4 + 8 + 2 * 8 + 1)?;
    Some(Whole {
        narrow,
        wide,
        pc,
        status: status.into(),
        system,
        ..Whole::default()
    })
}

fn vfp(bytes: &mut Bytes<'_>) -> Option<Vectors> {
    let mut vectors = Vectors::default();
    for _ in 0..32 {
        let mut register = [0; VECTOR];
        register[..2].copy_from_slice(&bytes.numbers::<2>(8)?);
        vectors.registers.push(register);
    }
    // Numbers of the unit's own.
    bytes.take(4 + 14 * 4)?;
    vectors.both = bytes.word()?;
    vectors.control = vectors.both & CONTROL_BITS;
    vectors.status = vectors.both & STATUS_BITS;
    Some(vectors)
}

/// Control and status, where what they hold does not fit into one.
fn apart(bytes: &mut Bytes<'_>, whole: &mut Whole) -> Option<()> {
    let vectors = whole.vectors.as_mut()?;
    vectors.control = bytes.long()? as u32;
    vectors.status = bytes.long()? as u32;
    Some(())
}

fn sve(bytes: &mut Bytes<'_>, whole: &mut Whole) -> Option<()> {
    whole.scalable = true;
    let vectors = whole.vectors.as_mut()?;
    for register in &mut vectors.registers {
        register[2..].copy_from_slice(&bytes.numbers::<14>(8)?);
    }
    for _ in 0..PREDICATES {
        vectors.predicates.push(bytes.numbers(8)?);
    }
    Some(())
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body of a section with these system registers and parts.
    fn body(system: &[(u64, u64)], parts: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut body = vec![0; 568];
        body[15 * 4 + 3] = 15;
        body[64 + 31 * 8 + 7] = 31;
        body[327] = 1;
        body[331] = 2;
        body.extend((system.len() as u32).to_be_bytes());
        body.extend(system.iter().flat_map(|(name, _)| name.to_be_bytes()));
        body.extend(system.iter().flat_map(|(_, value)| value.to_be_bytes()));
        body.extend([0; 65]);
        for (name, version, content) in parts {
            body.extend([5, name.len() as u8]);
            body.extend(name.bytes());
            body.extend(version.to_be_bytes());
            body.extend(*content);
        }
        body
    }

    fn section(version: u32, body: &[u8]) -> Section<'_> {
        Section {
            name: "cpu",
            instance: 0,
            version,
            body,
        }
    }

    #[test]
    fn fields_are_where_they_were_seen() {
        let mut vfp = vec![0; 576];
        vfp[31 * 16 + 15] = 9;
        vfp[572..].copy_from_slice(&u32::MAX.to_be_bytes());
        let body = body(&[(0x6030_0000_0013_c082, 7)], &[("cpu/vfp", 3, &vfp)]);
        let whole = read(&section(22, &body)).unwrap();
        assert_eq!((whole.narrow[15], whole.wide[31]), (15, 31));
        assert_eq!((whole.pc, whole.status), (1, 2));
        assert_eq!(
            (whole.system(CPACR_EL1), whole.system(SVCR)),
            (Some(7), None)
        );
        let vectors = whole.vectors.unwrap();
        assert_eq!(vectors.registers[31][..3], [0, 9, 0]);
        assert_eq!(
            (vectors.control, vectors.status),
            (CONTROL_BITS, STATUS_BITS)
        );
    }

    #[test]
    fn surprises_are_refused() {
        let sound = body(&[], &[]);
        assert!(read(&section(22, &sound)).is_ok());
        assert!(read(&section(21, &sound)).is_err());
        assert!(read(&section(22, &sound[..sound.len() - 1])).is_err());
        assert!(read(&section(22, &[&sound[..], &[0]].concat())).is_err());
        // Streaming vectors; what belongs to a part that is not there.
        assert!(read(&section(22, &body(&[], &[("cpu/sme", 1, &[0; 65536])]))).is_err());
        assert!(
            read(&section(
                22,
                &body(&[], &[("cpu/vfp/fpcr_fpsr", 1, &[0; 16])])
            ))
            .is_err()
        );
        let mut many = sound;
        many[568..572].fill(0xff);
        assert!(read(&section(22, &many)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = body(&[(1, 2), (3, 4)], &[("cpu/vfp", 3, &[1; 576]), ("cpu/serror", 1, &[0; 10])]);
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at.index(len)] = byte;
            }
            bytes.truncate(cut.index(len) + 1);
            let _ = read(&section(22, &bytes));
        }
    }
}
