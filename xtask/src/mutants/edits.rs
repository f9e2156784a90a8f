// SPDX-License-Identifier: GPL-2.0-or-later
//! Text that is put into a source file, so that a change is on where its number is.

use std::ops::Range;

/// A file with changes in it.
pub struct Instrumented {
    /// Its text.
    pub text: String,
    /// Where in it what a change brings is, which shows which of them does not build.
    pub ranges: Vec<(Range<usize>, usize)>,
    /// The changes that are in it.
    pub numbers: Vec<usize>,
}

/// Text to insert. Of several at one place those that close come first, inner ones before outer
/// ones, then those that open, outer ones first.
struct Insertion {
    at: usize,
    closes: bool,
    extent: usize,
    text: String,
    /// The change that the text stands for, where it is its own.
    number: Option<usize>,
}

/// What is put into one file.
#[derive(Default)]
pub struct Edits {
    insertions: Vec<Insertion>,
    numbers: Vec<usize>,
}

impl Edits {
    /// Text that opens something of `extent` bytes, or stands alone; `number` is the change that it
    /// stands for.
    pub fn insert(&mut self, at: usize, extent: usize, text: String, number: Option<usize>) {
        self.numbers.extend(number);
        self.insertions.push(Insertion {
            at,
            closes: false,
            extent,
            text,
            number,
        });
    }

    /// Text that closes something of `extent` bytes.
    pub fn close(&mut self, at: usize, extent: usize, text: &str) {
        self.insertions.push(Insertion {
            at,
            closes: true,
            extent,
            text: text.to_owned(),
            number: None,
        });
    }

    /// An expression that is another one where a change is on.
    pub fn choose(&mut self, range: Range<usize>, others: &[(usize, String)]) {
        self.choose_between(range, others, "(", ")");
    }

    /// A statement, or what is in a block, that is another one where a change is on.
    pub fn choose_statements(&mut self, range: Range<usize>, others: &[(usize, String)]) {
        self.choose_between(range, others, "", "");
    }

    fn choose_between(
        &mut self,
        range: Range<usize>,
        others: &[(usize, String)],
        open: &str,
        close: &str,
    ) {
        if others.is_empty() {
            return;
        }
        let extent = range.len();
        self.insert(range.start, extent, open.into(), None);
        for (number, other) in others {
            let text = format!("if {} {{ {other} }} else ", on(*number));
            self.insert(range.start, extent, text, Some(*number));
        }
        self.insert(range.start, extent, "{ ".into(), None);
        self.close(range.end, extent, &format!(" }}{close}"));
    }

    /// The file with all of it.
    pub fn write_into(mut self, before: &str) -> Instrumented {
        // Sorting is stable: what opens one expression keeps its order.
        self.insertions.sort_by_key(|i| {
            let extent = if i.closes {
                i.extent
            } else {
                usize::MAX - i.extent
            };
            (i.at, !i.closes, extent)
        });
        let (mut text, mut ranges, mut done) = (String::new(), Vec::new(), 0);
        for insertion in self.insertions {
            text.push_str(&before[done..insertion.at]);
            done = insertion.at;
            let start = text.len();
            text.push_str(&insertion.text);
            ranges.extend(insertion.number.map(|number| (start..text.len(), number)));
        }
        text.push_str(&before[done..]);
        self.numbers.sort_unstable();
        Instrumented {
            text,
            ranges,
            numbers: self.numbers,
        }
    }
}

/// The condition that a change is on.
pub fn on(number: usize) -> String {
    format!("crate::mutants::on({number})")
}
