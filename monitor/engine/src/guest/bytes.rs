// SPDX-License-Identifier: GPL-2.0-or-later
//! Numbers in bytes that came from outside, one after the other; never beyond their end.

/// What is left of some bytes.
#[derive(Clone, Debug)]
pub struct Bytes<'a> {
    rest: &'a [u8],
    big_endian: bool,
}

impl<'a> Bytes<'a> {
    /// With the high byte first, as QEMU writes the state of devices.
    #[must_use]
    pub fn big_endian(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            big_endian: true,
        }
    }

    /// With the low byte first.
    #[must_use]
    pub fn little_endian(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            big_endian: false,
        }
    }

    /// What was not taken yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `size` bytes.
    pub fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(taken)
    }

    /// An unsigned number of `size` bytes, at most 8.
    pub fn number(&mut self, size: usize) -> Option<u64> {
        let bytes = self.take(size.min(8))?;
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if self.big_endian {
            bytes.iter().fold(0, push)
        } else {
            bytes.iter().rev().fold(0, push)
        })
    }

    /// A byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number of 2 bytes.
    pub fn half(&mut self) -> Option<u16> {
        self.number(2).map(|number| number as u16)
    }

    /// A number of 4 bytes.
    pub fn word(&mut self) -> Option<u32> {
        self.number(4).map(|number| number as u32)
    }

    /// A number of 8 bytes.
    pub fn long(&mut self) -> Option<u64> {
        self.number(8)
    }

    /// Numbers of `size` bytes.
    pub fn numbers<const N: usize>(&mut self, size: usize) -> Option<[u64; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number(size)?;
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_with_the_bytes() {
        let bytes = [1, 2, 3, 4, 5];
        let mut big = Bytes::big_endian(&bytes);
        assert_eq!(
            (big.half(), big.word(), big.rest()),
            (Some(0x102), None, &bytes[2..])
        );
        let mut little = Bytes::little_endian(&bytes);
        assert_eq!((little.word(), little.long()), (Some(0x0403_0201), None));
        assert_eq!((little.byte(), little.byte()), (Some(5), None));
        assert_eq!(
            Bytes::big_endian(&bytes).numbers(2),
            Some([0x102_u64, 0x304])
        );
        assert_eq!(Bytes::big_endian(&bytes).numbers::<3>(2), None);
    }
}
