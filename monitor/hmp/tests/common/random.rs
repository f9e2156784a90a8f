// SPDX-License-Identifier: GPL-2.0-or-later
//! Random numbers that are the same in every run.

/// As every generator that need not be a good one (Marsaglia's xorshift); from a number that is not
/// 0.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }
}
