// SPDX-License-Identifier: GPL-2.0-or-later
//! Writes all changes into the source at once, each behind a condition that is true for one number
//! alone, so that the program is built once for all of them.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Expr, ExprBinary, ExprUnary, UnOp};

/// A change, as `cargo mutants --list --json` prints it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    /// The file, seen from the workspace's root.
    pub file: String,
    /// What is changed where, in words.
    pub name: String,
    genre: Genre,
    span: Span,
    replacement: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Span {
    start: Place,
}

/// Line and column, both counted in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

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

/// Writes those of `mutants` into `text` that are about it; `mutants` are numbered by the caller.
pub fn instrument(text: &str, mutants: &[(usize, &Mutant)]) -> syn::Result<Instrumented> {
    let file = syn::parse_file(text)?;
    let mut places: HashMap<(usize, usize), Vec<(usize, &Mutant)>> = HashMap::new();
    for (number, mutant) in mutants {
        let start = offset(text, mutant.span.start);
        let kind = mutant.genre as usize;
        places
            .entry((kind, start))
            .or_default()
            .push((*number, mutant));
    }
    let mut writer = Writer {
        text,
        places,
        insertions: Vec::new(),
        numbers: Vec::new(),
    };
    writer.bodies();
    writer.visit_file(&file);
    Ok(writer.finish())
}

struct Writer<'a> {
    text: &'a str,
    /// By genre and offset.
    places: HashMap<(usize, usize), Vec<(usize, &'a Mutant)>>,
    insertions: Vec<Insertion>,
    numbers: Vec<usize>,
}

impl Writer<'_> {
    fn at(&self, genre: Genre, offset: usize) -> Vec<(usize, Mutant)> {
        let found = self.places.get(&(genre as usize, offset));
        let found = found.into_iter().flatten();
        found.map(|(number, m)| (*number, (*m).clone())).collect()
    }

    /// Functions that return something else at once.
    fn bodies(&mut self) {
        let of_bodies = |(kind, _): &(usize, usize)| *kind == Genre::FnValue as usize;
        let starts: Vec<usize> = self
            .places
            .keys()
            .filter(|k| of_bodies(k))
            .map(|k| k.1)
            .collect();
        for start in starts {
            for (number, mutant) in self.at(Genre::FnValue, start) {
                let value = &mutant.replacement;
                let text = format!("if {} {{ return {value}; }} ", on(number));
                self.insert(start, usize::MAX, text, Some(number));
            }
        }
    }

    fn insert(&mut self, at: usize, extent: usize, text: String, number: Option<usize>) {
        self.numbers.extend(number);
        self.insertions.push(Insertion {
            at,
            closes: false,
            extent,
            text,
            number,
        });
    }

    /// An expression that is another one where a change is on.
    fn choose(&mut self, range: Range<usize>, others: &[(usize, String)]) {
        if others.is_empty() {
            return;
        }
        let extent = range.len();
        self.insert(range.start, extent, "(".into(), None);
        for (number, other) in others {
            let text = format!("if {} {{ {other} }} else ", on(*number));
            self.insert(range.start, extent, text, Some(*number));
        }
        self.insert(range.start, extent, "{ ".into(), None);
        let text = " })".into();
        self.insertions.push(Insertion {
            at: range.end,
            closes: true,
            extent,
            text,
            number: None,
        });
    }

    fn finish(mut self) -> Instrumented {
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
            text.push_str(&self.text[done..insertion.at]);
            done = insertion.at;
            let start = text.len();
            text.push_str(&insertion.text);
            ranges.extend(insertion.number.map(|number| (start..text.len(), number)));
        }
        text.push_str(&self.text[done..]);
        self.numbers.sort_unstable();
        Instrumented {
            text,
            ranges,
            numbers: self.numbers,
        }
    }
}

impl<'ast> Visit<'ast> for Writer<'_> {
    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        let op = expr.op.span().byte_range();
        let (left, right) = (
            expr.left.span().byte_range(),
            expr.right.span().byte_range(),
        );
        // A condition with `let` in it can't be put in parentheses.
        let in_let =
            matches!(expr.op, BinOp::And(_)) && (has_let(&expr.left) || has_let(&expr.right));
        if !in_let {
            let found = self.at(Genre::BinaryOperator, op.start).into_iter();
            let others: Vec<_> = found
                .map(|(number, m)| {
                    let (l, r) = (
                        &self.text[left.start..op.start],
                        &self.text[op.end..right.end],
                    );
                    (number, format!("{l}{}{r}", m.replacement))
                })
                .collect();
            self.choose(left.start..right.end, &others);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast ExprUnary) {
        if matches!(expr.op, UnOp::Not(_) | UnOp::Neg(_)) {
            let range = expr.span().byte_range();
            let without = &self.text[expr.expr.span().byte_range()];
            let found = self.at(Genre::UnaryOperator, range.start).into_iter();
            let others: Vec<_> = found
                .map(|(number, _)| (number, without.to_owned()))
                .collect();
            self.choose(range, &others);
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let pattern = arm.pat.span().byte_range();
        let guard = arm
            .guard
            .as_ref()
            .map(|(_, guard)| guard.span().byte_range());
        if let Some(guard) = guard.clone() {
            let found = self.at(Genre::MatchArmGuard, guard.start).into_iter();
            let others: Vec<_> = found.map(|(number, m)| (number, m.replacement)).collect();
            self.choose(guard, &others);
        }
        for (number, _) in self.at(Genre::MatchArm, arm.span().byte_range().start) {
            let on = on(number);
            match guard.clone() {
                None => self.insert(pattern.end, 0, format!(" if !{on}"), Some(number)),
                Some(guard) => {
                    let extent = guard.len() + 1;
                    self.insert(guard.start, extent, format!("!{on} && ("), Some(number));
                    let text = ")".into();
                    self.insertions.push(Insertion {
                        at: guard.end,
                        closes: true,
                        extent,
                        text,
                        number: None,
                    });
                }
            }
        }
        visit::visit_arm(self, arm);
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn on(number: usize) -> String {
    format!("crate::mutants::on({number})")
}

/// The byte at a place.
fn offset(text: &str, place: Place) -> usize {
    let lines = text.split_inclusive('\n').take(place.line - 1);
    let start: usize = lines.map(str::len).sum();
    let line = &text[start..];
    let chars = line.chars().take(place.column - 1);
    start + chars.map(char::len_utf8).sum::<usize>()
}
