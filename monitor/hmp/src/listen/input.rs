// SPDX-License-Identifier: GPL-2.0-or-later
//! What a client sent and nobody has looked at yet, with the descriptors that came along.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// A piece that came at once.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    next: usize,
    descriptor: Option<OwnedFd>,
}

/// Bytes in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Input {
    pieces: VecDeque<Piece>,
    length: usize,
}

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8], descriptor: Option<OwnedFd>) {
        self.length += bytes.len();
        self.pieces.push_back(Piece {
            bytes: bytes.to_vec(),
            next: 0,
            descriptor,
        });
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The next byte, and the descriptor that came with it.
    pub(super) fn next(&mut self) -> Option<(u8, Option<OwnedFd>)> {
        let piece = self.pieces.front_mut()?;
        let byte = *piece.bytes.get(piece.next)?;
        let descriptor = piece.descriptor.take();
        piece.next += 1;
        self.length -= 1;
        if piece.next == piece.bytes.len() {
            self.pieces.pop_front();
        }
        Some((byte, descriptor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_comes_with_its_first_byte() {
        let mut input = Input::default();
        input.push(b"ab", None);
        input.push(b"c", Some(std::fs::File::open("/dev/null").unwrap().into()));
        assert_eq!(input.len(), 3);
        let next = |input: &mut Input| input.next().map(|(byte, fd)| (byte, fd.is_some()));
        assert_eq!(next(&mut input), Some((b'a', false)));
        assert_eq!(next(&mut input), Some((b'b', false)));
        assert_eq!(next(&mut input), Some((b'c', true)));
        assert_eq!(next(&mut input), None);
        assert_eq!(input.len(), 0);
    }
}
