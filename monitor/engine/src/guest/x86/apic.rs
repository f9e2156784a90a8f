// SPDX-License-Identifier: GPL-2.0-or-later
//! A local APIC's section in the state of all devices (hw/intc/apic_common.c).

use crate::format::sign::Sign as _;
use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};

const VERSION: u32 = 3;

/// The one subsection: two numbers about what a CPU that waits for its start was sent.
const WAITING: (&str, usize) = ("apic_sipi", 8);

/// 256 bits.
pub type Vectors = [u32; 8];

/// What the section holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apic {
    /// The arbitration priority.
    pub arbitration: u8,
    /// The task priority.
    pub priority: u8,
    /// The spurious vector, and whether it is enabled.
    pub spurious: u32,
    /// The logical destination.
    pub logical: u8,
    /// Its format.
    pub format: u8,
    /// What is in service.
    pub service: Vectors,
    /// What is triggered by level.
    pub level: Vectors,
    /// What is requested.
    pub requests: Vectors,
    /// Timer, thermal sensor, performance counters, LINT0, LINT1, errors.
    pub local: [u32; 6],
    /// Errors.
    pub errors: u32,
    /// The command for other CPUs.
    pub command: [u32; 2],
    /// How the timer's clock is divided, as a register and as a shift.
    pub divide: u32,
    /// The shift.
    pub shift: u32,
    /// Where the timer starts from.
    pub initial: u32,
    /// When it was started, in nanoseconds of the VM's clock.
    pub started: i64,
}

/// Reads the section of a local APIC.
pub fn read(section: &Section<'_>) -> Result<Apic, Surprise> {
    let surprise = || Surprise("the state of a local APIC has another layout".into());
    if section.version != VERSION {
        return Err(surprise());
    }
    let mut bytes = Bytes::big_endian(section.body);
    let apic = fixed(&mut bytes).ok_or_else(surprise)?;
    subsections(bytes.rest(), |name, version| {
        ((name, version) == (WAITING.0, 1)).then_some(WAITING.1)
    })?;
    Ok(apic)
}

fn fixed(bytes: &mut Bytes<'_>) -> Option<Apic> {
    let word = |number: u64| number as u32;
    // The base address and the number.
    bytes.take(4 + 1)?;
    let apic = Apic {
        arbitration: bytes.byte()?,
        priority: bytes.byte()?,
        spurious: bytes.word()?,
        logical: bytes.byte()?,
        format: bytes.byte()?,
        service: bytes.numbers(4)?.map(word),
        level: bytes.numbers(4)?.map(word),
        requests: bytes.numbers(4)?.map(word),
        local: bytes.numbers(4)?.map(word),
        errors: bytes.word()?,
        command: bytes.numbers(4)?.map(word),
        divide: bytes.word()?,
        shift: bytes.word()?,
        initial: bytes.word()?,
        started: bytes.long()?.as_signed(),
    };
    // When the timer goes off next, and whether.
    bytes.take(16)?;
    // A shift beyond is none.
    (apic.shift <= 7).then_some(apic)
}

impl Apic {
    /// Where the timer is at `now`, in nanoseconds of the VM's clock.
    #[must_use]
    pub fn count(&self, now: i64) -> u32 {
        const PERIODIC: u32 = 1 << 17;
        let ticks = now.wrapping_sub(self.started) >> self.shift;
        let initial = i64::from(self.initial);
        if self.local[0] & PERIODIC != 0 {
            let gone = ticks.as_unsigned() % (u64::from(self.initial) + 1);
            return self.initial.wrapping_sub(gone as u32);
        }
        match ticks >= initial {
            true => 0,
            false => initial.wrapping_sub(ticks) as u32,
        }
    }

    /// The priority of what the CPU does.
    #[must_use]
    pub fn processor_priority(&self) -> u8 {
        let highest = (0..=255u8).rev().find(|vector| bit(&self.service, *vector));
        let class = highest.unwrap_or(0) >> 4;
        match self.priority >> 4 >= class {
            true => self.priority,
            false => class << 4,
        }
    }
}

/// A vector's bit.
#[must_use]
pub fn bit(vectors: &Vectors, number: u8) -> bool {
    vectors[usize::from(number >> 5)] >> (number & 31) & 1 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: usize = 181;

    fn section(version: u32, body: &[u8]) -> Section<'_> {
        Section {
            name: "apic",
            instance: 0,
            version,
            body,
        }
    }

    #[test]
    fn fields_are_where_they_were_seen() {
        let mut body: Vec<u8> = (0..SIZE as u8).collect();
        body[149..153].copy_from_slice(&[0, 0, 0, 3]);
        let apic = read(&section(3, &body)).unwrap();
        assert_eq!((apic.arbitration, apic.priority), (5, 6));
        assert_eq!(
            (apic.spurious, apic.logical, apic.format),
            (0x0708_090a, 11, 12)
        );
        assert_eq!(apic.service[0], 0x0d0e_0f10);
        assert_eq!(
            (apic.level[0], apic.requests[0]),
            (0x2d2e_2f30, 0x4d4e_4f50)
        );
        assert_eq!((apic.local[0], apic.errors), (0x6d6e_6f70, 0x8586_8788));
        assert_eq!((apic.command[0], apic.divide), (0x898a_8b8c, 0x9192_9394));
        assert_eq!((apic.shift, apic.initial), (3, 0x999a_9b9c));
        assert_eq!(apic.started.to_be_bytes()[0], 157);
        for size in [SIZE - 1, SIZE + 1] {
            body.resize(size, 0);
            assert!(read(&section(3, &body)).is_err());
        }
        assert!(read(&section(4, &body[..SIZE])).is_err());
        body.truncate(SIZE);
        body.extend(b"\x05\x09apic_sipi\0\0\0\x01\0\0\0\0\0\0\0\0");
        assert!(read(&section(3, &body)).is_ok());
    }

    #[test]
    fn the_timer_counts_down() {
        let mut apic = Apic {
            initial: 100,
            shift: 1,
            ..Apic::default()
        };
        assert_eq!(
            (apic.count(0), apic.count(100), apic.count(200)),
            (100, 50, 0)
        );
        apic.local[0] = 1 << 17;
        assert_eq!(
            (apic.count(200), apic.count(202), apic.count(204)),
            (0, 100, 99)
        );
        apic.initial = u32::MAX;
        assert_eq!(apic.count(i64::MIN) as u64 % 2, 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 170..200), now: i64) {
            if let Ok(apic) = read(&section(3, &body)) {
                let _ = (apic.count(now), apic.processor_priority());
            }
        }
    }
}
