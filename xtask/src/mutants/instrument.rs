// SPDX-License-Identifier: GPL-2.0-or-later
//! Writes all changes into the source at once, each behind a condition that is true for one number
//! alone, so that the program is built once for all of them.

use std::collections::HashMap;

use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Expr, ExprBinary, ExprUnary, UnOp};

use super::build::Change;
use super::edits::{Edits, Instrumented, on};
use crate::error::Error;

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

impl Change for Mutant {
    fn file(&self) -> &str {
        &self.file
    }

    fn write(text: &str, mutants: &[(usize, &Self)]) -> Result<Instrumented, Error> {
        Ok(instrument(text, mutants)?)
    }
}

/// Writes those of `mutants` into `text` that are about it; `mutants` are numbered by the caller.
fn instrument(text: &str, mutants: &[(usize, &Mutant)]) -> syn::Result<Instrumented> {
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
        edits: Edits::default(),
    };
    writer.bodies();
    writer.visit_file(&file);
    Ok(writer.edits.write_into(text))
}

struct Writer<'a> {
    text: &'a str,
    /// By genre and offset.
    places: HashMap<(usize, usize), Vec<(usize, &'a Mutant)>>,
    edits: Edits,
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
                self.edits.insert(start, usize::MAX, text, Some(number));
            }
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
            self.edits.choose(left.start..right.end, &others);
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
            self.edits.choose(range, &others);
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
            self.edits.choose(guard, &others);
        }
        for (number, _) in self.at(Genre::MatchArm, arm.span().byte_range().start) {
            let on = on(number);
            match guard.clone() {
                None => self
                    .edits
                    .insert(pattern.end, 0, format!(" if !{on}"), Some(number)),
                Some(guard) => {
                    let extent = guard.len() + 1;
                    self.edits
                        .insert(guard.start, extent, format!("!{on} && ("), Some(number));
                    self.edits.close(guard.end, extent, ")");
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

/// The byte at a place.
fn offset(text: &str, place: Place) -> usize {
    let lines = text.split_inclusive('\n').take(place.line - 1);
    let start: usize = lines.map(str::len).sum();
    let line = &text[start..];
    let chars = line.chars().take(place.column - 1);
    start + chars.map(char::len_utf8).sum::<usize>()
}
