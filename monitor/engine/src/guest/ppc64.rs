// SPDX-License-Identifier: GPL-2.0-or-later
//! The section of a PowerPC CPU of 64 bits in the state of all devices (target/ppc/machine.c).

use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};

const VERSION: u32 = 5;

/// Special purpose registers.
const SPECIAL: usize = 1024;

/// The subsections: name, version, bytes.
const SIZES: &[(&str, u32, usize)] = &[
    ("cpu/fpu", 1, 32 * 8 + 8),
    ("cpu/altivec", 1, 32 * 16 + 4),
    ("cpu/vsx", 1, 32 * 8),
    ("cpu/sr", 1, 32 * 8),
    ("cpu/slb", 1, 64 * 16),
    ("cpu/slb", 2, 64 * 16),
    ("cpu/bhrb", 1, 8 + 32 * 8),
    ("cpu/compat", 1, 4),
    ("cpu/reservation", 1, 4 * 8),
];

/// What the section holds of the registers that can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The general registers.
    pub general: [u64; 32],
    /// The condition register, a field of 4 bits each.
    pub condition: [u32; 8],
    /// The next instruction.
    pub next: u64,
    /// The special purpose registers, by number.
    pub special: Vec<u64>,
    /// The machine's state (MSR).
    pub state: u64,
    /// The floating-point registers.
    pub floating: [u64; 32],
    /// Their status.
    pub floating_status: u64,
    /// What is reserved, and of what length; the length is there as long as something is.
    pub reservation: Option<(u64, u64)>,
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
            "cpu/fpu" => floating(&mut bytes, &mut whole),
            "cpu/reservation" => bytes
                .numbers(8)
                .map(|[address, length]| whole.reservation = Some((address, length))),
            _ => Some(()),
        };
        read.ok_or_else(Surprise::short)?;
    }
    Ok(whole)
}

fn fixed(bytes: &mut Bytes<'_>) -> Option<Whole> {
    // The kind of CPU.
    bytes.take(8)?;
    let general = bytes.numbers(8)?;
    let condition = bytes.numbers::<8>(4)?.map(|field| field as u32);
    let next = bytes.long()?;
    let special: Option<Vec<u64>> = (0..SPECIAL).map(|_| bytes.long()).collect();
    // An accumulator, what was a reservation.
    bytes.take(2 * 8)?;
    let state = bytes.long()?;
    // Hidden flags.
    bytes.take(8)?;
    Some(Whole {
        general,
        condition,
        next,
        special: special?,
        state,
        floating: [0; 32],
        floating_status: 0,
        reservation: None,
    })
}

fn floating(bytes: &mut Bytes<'_>, whole: &mut Whole) -> Option<()> {
    whole.floating = bytes.numbers(8)?;
    whole.floating_status = bytes.long()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of the part that is always there.
    const FIXED: usize = 8 + 256 + 32 + 8 + 8 * SPECIAL + 32;

    fn section(version: u32, body: &[u8]) -> Section<'_> {
        Section {
            name: "cpu",
            instance: 0,
            version,
            body,
        }
    }

    #[test]
    fn fields_have_their_places() {
        let mut body = vec![0; FIXED];
        body[15] = 1;
        body[264 + 3] = 2;
        body[296 + 7] = 3;
        body[304 + 8 * 8 + 7] = 4;
        body[304 + 8 * SPECIAL + 23] = 5;
        body.extend(b"\x05\x07cpu/fpu\0\0\0\x01");
        body.extend((0..33u64).flat_map(u64::to_be_bytes));
        let whole = read(&section(5, &body)).unwrap();
        assert_eq!((whole.general[0], whole.condition[0]), (1, 2));
        assert_eq!((whole.next, whole.special[8], whole.state), (3, 4, 5));
        assert_eq!((whole.floating[31], whole.floating_status), (31, 32));
        assert_eq!(whole.reservation, None);
    }

    #[test]
    fn surprises_are_refused() {
        let body = vec![0; FIXED];
        assert!(read(&section(5, &body)).is_ok());
        assert!(read(&section(4, &body)).is_err());
        assert!(read(&section(5, &body[1..])).is_err());
        assert!(read(&section(5, &[&body[..], &[0]].concat())).is_err());
        let transaction = [&body[..], b"\x05\x06cpu/tm\0\0\0\x01", &[0; 100]].concat();
        assert!(read(&section(5, &transaction)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(more in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = vec![0; FIXED];
            bytes.extend(b"\x05\x0fcpu/reservation\0\0\0\x01");
            bytes.extend(more);
            let _ = read(&section(5, &bytes));
        }
    }
}
