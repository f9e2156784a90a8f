// SPDX-License-Identifier: GPL-2.0-or-later
//! The section of an s390x CPU in the state of all devices (target/s390x/machine.c).

use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};

const VERSION: u32 = 4;

/// The subsections: name, bytes; all are of version 1.
const SIZES: &[(&str, usize)] = &[
    ("cpu/fpu", 16 * 8 + 4),
    ("cpu/vregs", 16 * 8 + 32 * 8),
    ("cpu/riccb", 64),
    ("cpu/exval", 8),
    ("cpu/gscb", 32),
    ("cpu/bpbc", 1),
    ("cpu/etoken", 16),
    ("cpu/diag318", 8),
];

/// What the section holds of the registers that can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// The general registers.
    pub general: [u64; 16],
    /// The program status word; under TCG without its condition code.
    pub status: [u64; 2],
    /// The control registers.
    pub control: [u64; 16],
    /// The vector registers; the upper halves of the first 16 are the floating-point registers.
    pub vectors: [[u64; 2]; 32],
    /// Whether there is more of them than those halves.
    pub has_vectors: bool,
}

/// Reads the section of a CPU.
pub fn read(section: &Section<'_>) -> Result<Whole, Surprise> {
    section.of_versions(VERSION..=VERSION)?;
    let mut bytes = Bytes::big_endian(section.body);
    let mut whole = fixed(&mut bytes).ok_or_else(Surprise::short)?;
    let parts = subsections(bytes.rest(), |name, version| {
        let known = SIZES.iter().find(|(known, _)| *known == name);
        known.filter(|_| version == 1).map(|(_, size)| *size)
    })?;
    for part in parts {
        let mut bytes = Bytes::big_endian(part.body);
        let mut take = |range: std::ops::Range<usize>, half: usize| {
            for vector in &mut whole.vectors[range] {
                vector[half] = bytes.long().unwrap_or(0);
            }
        };
        match part.name {
            "cpu/fpu" => take(0..16, 0),
            "cpu/vregs" => {
                take(16..32, 0);
                take(0..32, 1);
                whole.has_vectors = true;
            }
            _ => {}
        }
    }
    Ok(whole)
}

fn fixed(bytes: &mut Bytes<'_>) -> Option<Whole> {
    let mut whole = Whole {
        general: bytes.numbers(8)?,
        status: bytes.numbers(8)?,
        ..Whole::default()
    };
    // The prefix; clocks and tokens; the access registers.
    bytes.take(8 + 4 + 7 * 8 + 16 * 4)?;
    whole.control = bytes.numbers(8)?;
    // Whether it runs, and what it was ordered; interrupts that wait.
    bytes.take(2)?;
    let waiting = usize::try_from(bytes.word()?).ok()?;
    bytes.take(waiting)?;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of the part that is always there.
    const FIXED: usize = 16 * 8 + 16 + 8 + 4 + 56 + 64 + 128 + 2 + 4;

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
        let mut body: Vec<u8> = (0..FIXED).map(|at| (at / 8) as u8).collect();
        body[FIXED - 4..].copy_from_slice(&[0, 0, 0, 3]);
        body.extend([9; 3]);
        body.extend(b"\x05\x09cpu/vregs\0\0\0\x01");
        body.extend((0..48u64).flat_map(u64::to_be_bytes));
        let whole = read(&section(4, &body)).unwrap();
        assert_eq!(whole.general[1], 0x0101_0101_0101_0101);
        assert_eq!(whole.status[0], 0x1010_1010_1010_1010);
        assert_eq!(whole.control[0].to_be_bytes()[0], 34);
        assert_eq!((whole.vectors[16], whole.vectors[0]), ([0, 32], [0, 16]));
        assert!(whole.has_vectors);
    }

    #[test]
    fn surprises_are_refused() {
        let body = vec![0; FIXED];
        assert!(read(&section(4, &body)).is_ok());
        assert!(read(&section(3, &body)).is_err());
        assert!(read(&section(4, &body[1..])).is_err());
        assert!(read(&section(4, &[&body[..], &[0]].concat())).is_err());
        let mut many = body;
        many[FIXED - 4..].fill(0xff);
        assert!(read(&section(4, &many)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 380..460)) {
            let _ = read(&section(4, &body));
        }
    }
}
