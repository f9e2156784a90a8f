// SPDX-License-Identifier: GPL-2.0-or-later
//! What is typed: lines, arguments, expressions, option strings.

use hmp_engine::engine::secret;
use hmp_engine::grammar::args::{self, Format, Rulebook};
use hmp_engine::grammar::expr::{self, Context, RegisterError, Registers};
use hmp_engine::grammar::line::Cursor;
use hmp_engine::grammar::size::{self, Rules};
use hmp_engine::grammar::{keyval, number, qjson, shell, socket_address};
use hmp_engine::qmp::version::{Version, v};
use hmp_engine::table::{INFO, MAIN};

use crate::{choice, explains};

/// Releases between whose neighbours something is read in another way.
const RELEASES: [Version; 5] = [v(7, 2), v(8, 0), v(8, 1), v(10, 0), v(11, 1)];

/// Registers of which some have a value, some can't be read, and the others are not there.
struct Some3;

impl Registers for Some3 {
    fn get(&self, name: &str) -> Result<i64, RegisterError> {
        match name.len() % 3 {
            0 => Ok(i64::MIN),
            1 => Err(RegisterError::Unknown),
            _ => Err(RegisterError::Unavailable("so")),
        }
    }
}

fn context(choice: usize) -> Context<'static> {
    Context {
        registers: &Some3,
        binary_numbers: choice % 2 == 1,
    }
}

fn rules(choice: usize) -> Rules {
    Rules::of(RELEASES[choice % RELEASES.len()])
}

/// The first byte chooses the row whose args_type is read with, the second the release.
pub fn lines(data: &[u8]) {
    let (number, rest) = choice(data);
    let (release, rest) = choice(rest);
    let text = String::from_utf8_lossy(rest);
    let rows = MAIN.len() + INFO.len();
    let number = number * rows / 256;
    let row = MAIN.iter().chain(INFO).nth(number);
    let row = row.unwrap_or(&MAIN[0]);
    let specs = row.older.iter().map(|older| older.args);
    for spec in specs.chain([row.args]) {
        let mut cursor = Cursor::new(&text);
        let mut format = Format::default();
        let rulebook = Rulebook {
            expressions: context(release),
            sizes: rules(release),
        };
        let (parsed, ended) = args::parse(row.name, spec, &mut cursor, &mut format, rulebook);
        assert!(text.is_char_boundary(cursor.pos()), "{}", cursor.pos());
        match ended {
            Ok(()) => assert_eq!(cursor.peek(), None, "{parsed:?}"),
            Err(error) => {
                let _ = error.to_string();
            }
        }
        assert!(matches!(format.size, 1 | 2 | 4 | 8), "{format:?}");
        if let Some(at) = parsed.after_format {
            assert!(text.is_char_boundary(at));
        }
    }
    let mut cursor = Cursor::new(&text);
    while let Ok(word) = cursor.string() {
        assert!(word.len() <= text.len() && text.is_char_boundary(cursor.pos()));
    }
    let mut cursor = Cursor::new(&text);
    if let Some(name) = cursor.name() {
        assert!(text.contains(name) && text.is_char_boundary(cursor.pos()));
    }
    match shell::split(&text) {
        Ok(words) => assert!(words.iter().map(String::len).sum::<usize>() <= text.len()),
        Err(error) => explains(error),
    }
    let _ = (secret::may_hold_one(&text), secret::asks_for_one(&text));
}

/// Reading goes on, and stays in the text.
pub fn expressions(data: &[u8]) {
    let (kind, rest) = choice(data);
    let text = String::from_utf8_lossy(rest);
    let mut cursor = Cursor::new(&text);
    loop {
        let from = cursor.pos();
        let value = expr::evaluate(&mut cursor, context(kind));
        assert!(cursor.pos() >= from && text.is_char_boundary(cursor.pos()));
        match value {
            Ok(_) => assert!(cursor.pos() > from, "a value of nothing"),
            Err(error) => {
                explains(error);
                break;
            }
        }
    }
}

/// Option strings in all the ways that QEMU reads them, and what their values may be.
pub fn options(data: &[u8]) {
    let (release, rest) = choice(data);
    let text = String::from_utf8_lossy(rest);
    let version = RELEASES[release % RELEASES.len()];
    for implied in [None, Some("driver")] {
        let pairs = keyval::pairs(&text, implied);
        let length: usize = pairs.iter().map(|pair| pair.value.len()).sum();
        // A word without a value has "on" or "off" for one.
        assert!(length <= text.len() + 3 * pairs.len());
        let _ = keyval::nest(&pairs);
        for pair in &pairs {
            let _ = (pair.deprecation(), keyval::boolean(&pair.value));
        }
        let _ = keyval::parse(&text, implied);
    }
    assert!(keyval::items(&text).count() <= text.len() + 1);
    let _ = keyval::first(&text, "id").is_some_and(|id| keyval::is_well_formed_id(&id));
    let _ = qjson::parse(&text, version);
    let _ = socket_address::parse(&text, version);
    let _ = (
        number::strtou64(&text, version),
        number::strtoi64(&text, version),
    );
    if let Some((_, length)) = number::strtod(&text) {
        assert!(text.is_char_boundary(length), "{length}");
    }
    for scale in [size::BYTES, size::MIB] {
        let _ = size::whole(&text, scale, rules(release));
        if let Ok((_, length)) = size::parse(&text, scale, rules(release)) {
            assert!(text.is_char_boundary(length), "{length}");
        }
    }
}
