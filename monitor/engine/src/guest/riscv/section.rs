// SPDX-License-Identifier: GPL-2.0-or-later
//! The section of a RISC-V CPU in the state of all devices (target/riscv/machine.c of 10.0; its
//! layout changes often).

use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};

const VERSION: u32 = 10;

/// Registers of 64 bits, in the register that says which extensions there are.
const WIDE: u32 = 2;

/// The subsections: name, version, bytes.
const SIZES: &[(&str, u32, usize)] = &[
    ("cpu/pmp", 1, 16 * 9),
    ("cpu/hyper", 4, 316),
    ("cpu/vector", 2, 32 * 128 + 5 * 8 + 1),
    ("cpu/pointer_masking", 2, 0),
    ("cpu/kvmtimer", 1, 24),
    ("cpu/envcfg", 1, 24),
    ("cpu/debug", 2, 56),
    ("cpu/smtateen", 1, 96),
    ("cpu/jvt", 1, 8),
    ("cpu/elp", 1, 1),
    ("cpu/ssp", 1, 8),
    ("cpu/ctr", 1, 2 * 8 + 2 * 4 + 3 * 256 * 8),
];

/// What the section holds of the registers that can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// x0 to x31.
    pub general: [u64; 32],
    /// f0 to f31.
    pub floating: [u64; 32],
    /// The program counter.
    pub pc: u64,
    /// The extensions, a bit for each letter.
    pub extensions: u32,
    /// 0 for programs, 1 for systems, 3 for the machine.
    pub privilege: u64,
    /// Whether a guest of a hypervisor runs.
    pub guest: bool,
    /// The number of the hart.
    pub hart: u64,
    /// mstatus, mip, mie, mideleg.
    pub machine: Machine,
    /// The hypervisor's registers, where there is one.
    pub hypervisor: Option<Hypervisor>,
}

/// Registers of the machine and of systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// mstatus.
    pub mstatus: u64,
    /// mip.
    pub mip: u64,
    /// mie.
    pub mie: u64,
    /// mideleg.
    pub mideleg: u64,
    /// satp.
    pub satp: u64,
    /// stval.
    pub stval: u64,
    /// medeleg.
    pub medeleg: u64,
    /// stvec.
    pub stvec: u64,
    /// sepc.
    pub sepc: u64,
    /// scause.
    pub scause: u64,
    /// mtvec.
    pub mtvec: u64,
    /// mepc.
    pub mepc: u64,
    /// mcause.
    pub mcause: u64,
    /// mtval.
    pub mtval: u64,
    /// sscratch.
    pub sscratch: u64,
    /// mscratch.
    pub mscratch: u64,
}

/// Registers of hypervisors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hypervisor {
    /// hstatus.
    pub hstatus: u64,
    /// hedeleg.
    pub hedeleg: u64,
    /// hideleg.
    pub hideleg: u64,
    /// htval.
    pub htval: u64,
    /// vsstatus.
    pub vsstatus: u64,
    /// vstvec.
    pub vstvec: u64,
    /// vsepc.
    pub vsepc: u64,
    /// vscause.
    pub vscause: u64,
    /// mtval2.
    pub mtval2: u64,
}

impl Whole {
    /// Whether the CPU has the extension with this letter.
    #[must_use]
    pub fn has(&self, letter: char) -> bool {
        let bit = u32::from(letter) - u32::from('A');
        self.extensions >> bit & 1 == 1
    }
}

/// Reads the section of a CPU.
pub fn read(section: &Section<'_>) -> Result<Whole, Surprise> {
    section.of_versions(VERSION..=VERSION)?;
    let mut bytes = Bytes::big_endian(section.body);
    let (mut whole, width) = fixed(&mut bytes).ok_or_else(Surprise::short)?;
    if width != WIDE {
        return Err(Surprise("registers have another width".into()));
    }
    let parts = subsections(bytes.rest(), |name, version| {
        let known = SIZES
            .iter()
            .find(|(known, of, _)| (*known, *of) == (name, version));
        known.map(|(.., size)| *size)
    })?;
    for part in parts {
        if part.name == "cpu/hyper" {
            let read = hypervisor(&mut Bytes::big_endian(part.body));
            whole.hypervisor = Some(read.ok_or_else(Surprise::short)?);
        }
    }
    Ok(whole)
}

fn fixed(bytes: &mut Bytes<'_>) -> Option<(Whole, u32)> {
    let mut whole = Whole {
        general: bytes.numbers(8)?,
        floating: bytes.numbers(8)?,
        ..Whole::default()
    };
    // Priorities of interrupts.
    bytes.take(128)?;
    whole.pc = bytes.long()?;
    // A reservation, the rounding mode, faults, versions.
    bytes.take(7 * 8)?;
    let width = bytes.word()?;
    whole.extensions = bytes.word()?;
    bytes.take(8)?;
    whole.privilege = bytes.long()?;
    whole.guest = bytes.byte()? != 0;
    bytes.take(8)?;
    whole.hart = bytes.long()?;
    let [mstatus, mip, _, mie, _, _, _, mideleg] = bytes.numbers(8)?;
    let [
        satp,
        stval,
        medeleg,
        stvec,
        sepc,
        scause,
        mtvec,
        mepc,
        mcause,
        mtval,
    ] = bytes.numbers(8)?;
    // What indirect access selects, counters.
    bytes.take(2 * 8 + 4 * 4 + 32 * 4 * 8 + 2 * 32 * 8)?;
    let [sscratch, mscratch, _] = bytes.numbers(8)?;
    whole.machine = Machine {
        mstatus,
        mip,
        mie,
        mideleg,
        satp,
        stval,
        medeleg,
        stvec,
        sepc,
        scause,
        mtvec,
        mepc,
        mcause,
        mtval,
        sscratch,
        mscratch,
    };
    Some((whole, width))
}

fn hypervisor(bytes: &mut Bytes<'_>) -> Option<Hypervisor> {
    let [hstatus, hedeleg, hideleg] = bytes.numbers(8)?;
    bytes.take(4)?;
    let htval = bytes.long()?;
    bytes.take(9 * 8 + 64)?;
    let [vsstatus, vstvec, _, vsepc, vscause, _, _, _, _, mtval2] = bytes.numbers(8)?;
    Some(Hypervisor {
        hstatus,
        hedeleg,
        hideleg,
        htval,
        vsstatus,
        vstvec,
        vsepc,
        vscause,
        mtval2,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of the part that is always there.
    const FIXED: usize = 512 + 128 + 8 + 56 + 16 + 8 + 1 + 16 + 64 + 80 + 16 + 16 + 1024 + 512 + 24;

    /// Where it is said how wide registers are.
    const WIDTH: usize = 512 + 128 + 8 + 56;

    fn section(version: u32, body: &[u8]) -> Section<'_> {
        Section {
            name: "cpu",
            instance: 0,
            version,
            body,
        }
    }

    fn body() -> Vec<u8> {
        let mut body: Vec<u8> = (0..FIXED).map(|at| (at / 8) as u8).collect();
        body[WIDTH..WIDTH + 8].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 1]);
        body
    }

    #[test]
    fn fields_have_their_places() {
        let body = body();
        let whole = read(&section(10, &body)).unwrap();
        assert_eq!(whole.general[1], 0x0101_0101_0101_0101);
        assert_eq!(whole.pc, 0x5050_5050_5050_5050);
        assert!(whole.has('A') && !whole.has('F'));
        assert_eq!(
            whole.machine.mscratch.to_be_bytes()[7],
            ((FIXED - 9) / 8) as u8
        );
    }

    #[test]
    fn surprises_are_refused() {
        let sound = body();
        assert!(read(&section(10, &sound)).is_ok());
        assert!(read(&section(11, &sound)).is_err());
        assert!(read(&section(10, &sound[1..])).is_err());
        assert!(read(&section(10, &[&sound[..], &[0]].concat())).is_err());
        let mut narrow = sound;
        narrow[WIDTH + 3] = 1;
        assert!(read(&section(10, &narrow)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(more in prop::collection::vec(any::<u8>(), 0..400), cut in 0..FIXED) {
            let mut bytes = body();
            bytes.extend(b"\x05\x09cpu/hyper\0\0\0\x04");
            bytes.extend(more);
            let _ = read(&section(10, &bytes));
            let _ = read(&section(10, &bytes[cut..]));
        }
    }
}
