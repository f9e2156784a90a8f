// SPDX-License-Identifier: GPL-2.0-or-later
//! Random lines: mostly what a row takes, with a mistake now and then.

use hmp_engine::command::row::Command;
use hmp_engine::command::rows::Rows;
use hmp_engine::qmp::version::Version;

/// Makes lines from a seed: the same seed gives the same lines.
#[derive(Debug)]
pub(crate) struct Generator {
    random: fastrand::Rng,
    rows: Vec<(&'static str, &'static Command)>,
    version: Version,
}

const WORDS: &[&str] = &[
    "a",
    "disk0",
    "foo",
    "\"a b\"",
    "\"a\\nb\\\"c\"",
    "\"open",
    "\"bad\\q\"",
    "\"\\",
    "''",
    "-f",
    "-x",
    "-",
    "--",
    "x,y=z",
    "é",
    "\"\"",
    "a\"b",
    "\"a\"b",
    "a\\ b",
    "1",
    "0x10",
    "on",
    "nosuch",
    "/m",
    "a/b",
    "$x",
    "{",
    "\\",
    "'",
    "%s%n",
    "~",
    "a=b",
];
const OPTIONS: &[&str] = &[
    "nosuch,id=0a",
    "nosuch,id=",
    "nosuch,id=a b",
    "\"nosuch,id=a b\"",
    "nosuch,id=x,,",
    "nosuch,id=\"x\"",
    "\"open",
    "\"x\\q\"",
    "nosuch,id=-a",
    "nosuch,id=é",
    "nosuch,x=y,id=9",
];
const SIZES: &[&str] = &[
    "1",
    "1k",
    "1.5G",
    "0x10",
    "0x10k",
    "-1",
    "abc",
    "",
    "1q",
    "1MB",
    "1e3",
    "1.5e3",
    ".5k",
    "1.",
    "+1",
    "99999999999T",
    "18446744073709551616",
    "9223372036854775807b",
    "9223372036854775808b",
    "1.5b",
    "0",
    "0x",
    "08",
    "1 ",
    "7E",
    "8E",
    "1.0000000001b",
    "inf",
    "nan",
    "0x1p3",
    "0b1",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "7",
    "08",
    "010",
    "0x",
    "0x10",
    "0xffffffff",
    "0x100000000",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "1k",
    "1.5",
    "abc",
    "'a'",
    "' '",
    "'ab'",
    "''",
    "'",
    "'\\n'",
    "$nope",
    "$",
    "1e3",
    "0X1F",
    "00",
    "é",
    "'é'",
    "\"1\"",
];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "&", "|", "^", "<<", "==", "!", "&&", ",", ";", ")", "(",
];
const FORMATS: &[&str] = &[
    "/x",
    "/4xw",
    "/2dh",
    "/c",
    "/8cb",
    "/u",
    "/o",
    "/i",
    "/",
    "/4",
    "/b",
    "/g",
    "/L",
    "/z",
    "/xz",
    "/x5",
    "/5x5",
    "/-1x",
    "/xx",
    "/xbhw",
    "/4294967297x",
    "/ x",
    " /x",
    "/xé",
    "//",
    "/99999999999x",
    "/2i",
    "/ib",
];
const SWITCHES: &[&str] = &[
    "on", "off", "ON", "\"on\"", "on,", "o", "offf", "", "yes", "onx", "on\x01",
];
const BLANKS: &[&str] = &[" ", " ", " ", "  ", "\t", " \t ", "\x0b"];

impl Generator {
    /// Lines for the rows of one QEMU.
    #[must_use]
    pub fn new(seed: u64, rows: &Rows, version: Version) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            rows: rows.all().collect(),
            version,
        }
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.random.usize(..list.len())]
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.random.u32(..n) == 0
    }

    fn blank(&mut self) -> &'static str {
        self.pick(BLANKS)
    }

    /// The full names of the rows, in their order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let full = |(prefix, row): &(&str, &Command)| {
            format!("{prefix}{}", row.names().next().unwrap_or_default())
        };
        self.rows.iter().map(full)
    }

    /// A line for the row of that number.
    pub fn line(&mut self, row: usize) -> String {
        let (prefix, row) = self.rows[row % self.rows.len()];
        let mut line = String::new();
        if self.one_in(8) {
            line.push_str(self.blank());
        }
        self.name(&mut line, prefix, row);
        if self.one_in(12) {
            // No blank behind the name, or nothing at all.
            line.push_str(self.pick(&["", "/", "/x", "\"a\"", "-f"]));
            return line;
        }
        let specs: Vec<&str> = row
            .args_in(self.version)
            .split(',')
            .filter(|s| !s.is_empty())
            .collect();
        for spec in &specs {
            let kind = spec.split_once(':').map_or("", |(_, kind)| kind);
            self.argument(&mut line, kind);
        }
        if self.one_in(3) {
            let extra = self.pick(&["x", "-x", "1", "\"", "/x", ".", "/", ",", "é", "  ", "\t"]);
            line.push_str(self.blank());
            line.push_str(extra);
        }
        if self.one_in(50) {
            line.push('\0');
            line.push_str("behind");
        }
        line
    }

    fn name(&mut self, line: &mut String, prefix: &str, row: &'static Command) {
        let names: Vec<&'static str> = row.names().collect();
        let name = self.pick(&names);
        if !prefix.is_empty() {
            line.push_str("info");
            line.push_str(self.blank());
        }
        match self.random.u32(..40) {
            0 => line.push_str(&name.to_uppercase()),
            1 => line.push_str(&name[..name.len() / 2]),
            2 => line.push_str(row.name),
            3 => {
                line.push_str(name);
                line.push_str(self.pick(&["x", "é", ";", "|", "\"", "\u{7f}"]));
            }
            _ => line.push_str(name),
        }
    }

    fn argument(&mut self, line: &mut String, kind: &str) {
        if let Some(flag) = kind.strip_prefix('-') {
            self.flag(line, flag);
            return;
        }
        // Left out: optional ones often, others now and then.
        let optional = kind.ends_with(['?', '.']);
        if self.one_in(if optional { 2 } else { 6 }) {
            return;
        }
        if kind.ends_with('.') {
            line.push_str(self.pick(&[".", " .", ". "]));
        }
        let letter = kind.chars().next().unwrap_or('s');
        if letter == '/' {
            if self.one_in(2) {
                line.push_str(self.pick(FORMATS));
            }
            return;
        }
        if !line.ends_with('.') {
            line.push_str(self.blank());
        }
        match letter {
            'i' | 'l' | 'M' => self.expression(line, 3),
            'o' => line.push_str(self.pick(SIZES)),
            'b' => line.push_str(self.pick(SWITCHES)),
            'O' => line.push_str(self.pick(OPTIONS)),
            _ if self.one_in(60) => line.push_str(&"long".repeat(300)),
            _ => line.push_str(self.pick(WORDS)),
        }
    }

    fn flag(&mut self, line: &mut String, flag: &str) {
        if self.one_in(2) {
            return;
        }
        line.push_str(self.blank());
        line.push('-');
        match self.random.u32(..6) {
            0 => line.push_str(self.pick(&["x", "", " ", "-", "é", "q"])),
            _ => line.extend(flag.chars().next()),
        }
        if flag.ends_with('s') && flag.len() > 1 {
            line.push_str(self.pick(&["", " "]));
            line.push_str(self.pick(WORDS));
        }
    }

    fn expression(&mut self, line: &mut String, depth: u32) {
        match self.random.u32(..8) {
            0 if depth > 0 => {
                line.push('(');
                self.expression(line, depth - 1);
                if !self.one_in(8) {
                    line.push(')');
                }
            }
            1 if depth > 0 => {
                line.push_str(self.pick(&["-", "+", "~", "- "]));
                self.expression(line, depth - 1);
            }
            2 | 3 if depth > 0 => {
                self.expression(line, depth - 1);
                if self.one_in(3) {
                    line.push_str(self.blank());
                }
                line.push_str(self.pick(OPERATORS));
                if self.one_in(3) {
                    line.push_str(self.blank());
                }
                self.expression(line, depth - 1);
            }
            _ if self.one_in(3) => line.push_str(&self.random.u64(..).to_string()),
            _ => line.push_str(self.pick(NUMBERS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_lines_again_and_every_row_its_turn() {
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), [""; 0]);
        let rows = hmp_engine::table::rows(&caps);
        let lines = |seed| {
            let mut generator = Generator::new(seed, &rows, caps.version);
            (0..500).map(|row| generator.line(row)).collect::<Vec<_>>()
        };
        assert_eq!(lines(1), lines(1));
        assert_ne!(lines(1), lines(2));
        let all = lines(3);
        assert!(
            all.iter()
                .any(|l| l.trim_start().starts_with("migrate_set_parameter"))
        );
        assert!(all.iter().any(|l| l.trim_start().starts_with("info")));
    }
}
