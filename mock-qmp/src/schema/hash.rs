// SPDX-License-Identifier: GPL-2.0-or-later
//! Which of several unexpected members QEMU names: the first in the order of GLib's hash table.

/// The key that comes first when GLib iterates over a table of these, inserted in this order, of
/// which only those in `left` remain.
///
/// Tables of up to seven keys have eight places and were checked against QEMU; larger ones grow as
/// GLib 2.74 lets them.
pub(crate) fn first<'a>(inserted: &[&'a str], left: &[&str]) -> Option<&'a str> {
    let mut places: Vec<Option<&'a str>> = vec![None; 8];
    for (count, key) in inserted.iter().enumerate() {
        place(&mut places, key);
        let occupied = count + 1;
        if places.len() <= occupied + occupied / 16 {
            let size = (occupied * 4 / 3 + 1).next_power_of_two().max(8);
            let mut larger = vec![None; size.max(places.len() * 2)];
            places
                .iter()
                .flatten()
                .for_each(|key| place(&mut larger, key));
            places = larger;
        }
    }
    places.into_iter().flatten().find(|key| left.contains(key))
}

/// The largest prime below each power of two, from 8 on, that GLib takes the hash modulo.
const PRIMES: &[u32] = &[
    7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521,
];

fn place<'a>(places: &mut [Option<&'a str>], key: &'a str) {
    let shift = places.len().trailing_zeros() as usize;
    let prime = PRIMES.get(shift - 3).copied().unwrap_or(65521);
    let hash = str_hash(key).max(2);
    let mut index = (hash.wrapping_mul(11) % prime) as usize;
    let mut step = 0;
    while places[index].is_some() {
        step += 1;
        index = (index + step) & (places.len() - 1);
    }
    places[index] = Some(key);
}

/// `g_str_hash`.
fn str_hash(key: &str) -> u32 {
    key.bytes().fold(5381_u32, |hash, byte| {
        // C's char has a sign here.
        let byte = i8::from_ne_bytes([byte]);
        hash.wrapping_mul(33).wrapping_add_signed(byte.into())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn something_that_remains_is_found(keys in proptest::collection::hash_set("[a-z]{1,6}", 1..200)) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let left = &keys[keys.len() / 2..];
            let found = first(&keys, left);
            prop_assert!(found.is_some_and(|found| left.contains(&found)));
        }
    }
}
