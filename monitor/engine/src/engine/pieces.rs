// SPDX-License-Identifier: GPL-2.0-or-later
//! Memory that the built-in monitor is asked for piece by piece.

use serde_json::Value;

use crate::format::memory::{PIECE, Shown};
use crate::format::sign::Sign as _;
use crate::grammar::args::Args;

/// What a line of `x` or `xp` shows, if that is more than two pieces.
pub(super) fn long<'a>(command: Option<&'a str>, args: Option<&Args>) -> Option<Shown<'a>> {
    let name = command.filter(|name| matches!(*name, "x" | "xp"))?;
    let number = |key: &str| args?.get(key)?.as_i64();
    let letter = args?
        .get("format")
        .and_then(Value::as_str)?
        .chars()
        .next()?;
    let size = number("size").filter(|size| *size > 0);
    let shown = Shown {
        name,
        // The built-in counts in 32 bits, signed.
        count: u64::try_from(number("count")? as i32).ok()?,
        letter,
        size: u64::try_from(size.unwrap_or(1)).ok()?,
        address: number("addr")?.as_unsigned(),
    };
    let lines = if letter == 'i' {
        shown.count
    } else {
        // What it can't count it doesn't show.
        let bytes = i32::try_from(shown.count * shown.size).ok()?;
        u64::try_from(bytes).ok()? / shown.bytes_per_line()
    };
    let end = shown.address.checked_add(shown.count.checked_mul(16)?)?;
    (lines > 2 * PIECE && end < 1 << 63).then_some(shown)
}

/// Instructions that come in pieces. One more is asked for than is shown: the next piece begins
/// there.
pub(super) struct Listing<'a> {
    shown: Shown<'a>,
    done: bool,
}

impl<'a> Listing<'a> {
    pub(super) fn new(shown: Shown<'a>) -> Self {
        Self { shown, done: false }
    }

    /// The line that asks for the next piece.
    pub(super) fn next_line(&self) -> Option<String> {
        let more = Shown {
            count: self.piece() + 1,
            ..self.shown
        };
        (!self.done && self.shown.count > 0).then(|| more.line())
    }

    fn piece(&self) -> u64 {
        self.shown.count.min(PIECE)
    }

    /// The part of its answer that is to be shown.
    pub(super) fn take<'t>(&mut self, text: &'t str) -> &'t str {
        let piece = self.piece();
        let mut at = 0;
        let mut found = 0;
        for line in text.split_inclusive('\n') {
            if let Some(address) = begins(line) {
                if found == piece {
                    self.shown.count -= piece;
                    self.shown.address = address;
                    return &text[..at];
                }
                found += 1;
            }
            at += line.len();
        }
        // Fewer than asked for: there are no more, or the text is of another kind.
        self.done = true;
        text
    }
}

/// The address of a line where an instruction begins. One that has many bytes goes on in lines of
/// its own, with bytes alone.
fn begins(line: &str) -> Option<u64> {
    let (address, rest) = line.trim_end().split_once(": ")?;
    let address = u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()?;
    let is_byte = |word: &str| word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit());
    (!rest.split_ascii_whitespace().all(is_byte)).then_some(address)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn args(count: i64, format: &str, size: i64, addr: i64) -> Map<String, Value> {
        let args = json!({"count": count, "format": format, "size": size, "addr": addr});
        args.as_object().unwrap().clone()
    }

    #[test]
    fn only_long_ones_come_in_pieces() {
        let is_long = |command, args| long(Some(command), Some(&args)).is_some();
        assert!(is_long("xp", args(50_000_000, "x", 4, 0)));
        assert!(is_long("x", args(200, "i", 0, 0)));
        assert!(!is_long("xp", args(64, "x", 4, 0)));
        assert!(!is_long("xp", args(-1, "x", 4, 0)));
        assert!(!is_long("xp", args(0x2000_0000, "x", 8, 0)));
        assert!(!is_long("print", args(50_000_000, "x", 4, 0)));
        assert!(!is_long("xp", args(50_000_000, "x", 4, -16)));
    }

    // Shortened from 7.2.22.
    #[test]
    fn a_listing_goes_on_where_the_last_instruction_begins() {
        let shown = Shown {
            name: "x",
            count: PIECE + 1,
            letter: 'i',
            size: 1,
            address: 16,
        };
        let mut listing = Listing::new(shown);
        let line = |address: u64| {
            format!("0x{address:08x}:  00 00                    addb     %al, (%bx, %si)\n")
        };
        assert_eq!(
            listing.next_line().unwrap(),
            format!("x/{}i 0x10", PIECE + 1)
        );
        let first: String = (0..PIECE - 1).map(|n| line(16 + 2 * n)).collect();
        let long = "0x00001000:  66 67 c7 84 00 00 00 00  movl     $0, (%eax, %eax)\n0x00001008:  00 00 00 00 00\n";
        let text = format!("{first}{long}{}", line(0x100d));
        assert_eq!(listing.take(&text), format!("{first}{long}"));
        assert_eq!(listing.next_line().unwrap(), "x/2i 0x100d");
        let text = format!("{}{}", line(0x100d), line(0x100f));
        assert_eq!(listing.take(&text), line(0x100d));
        assert_eq!(listing.next_line(), None);
    }

    #[test]
    fn what_ends_early_ends_the_listing() {
        let shown = Shown {
            name: "x",
            count: 1000,
            letter: 'i',
            size: 1,
            address: 0,
        };
        let mut listing = Listing::new(shown);
        let text = "0x00000000:  Address 0x0 is out of bounds.\n";
        assert_eq!(listing.take(text), text);
        assert_eq!(listing.next_line(), None);
    }
}
