// SPDX-License-Identifier: GPL-2.0-or-later
//! Where in the source a fault can be switched: the smallest expression, statement or block around
//! its text.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Item, Stmt};

use super::fault::Fault;
use crate::error::Error;
use crate::mutants::build::Change;
use crate::mutants::edits::{Edits, Instrumented};

impl Change for Fault {
    fn file(&self) -> &str {
        &self.file
    }

    fn write(text: &str, faults: &[(usize, &Self)]) -> Result<Instrumented, Error> {
        let file = syn::parse_file(text)?;
        let mut edits = Edits::default();
        let mut places: Vec<(Place, Vec<(usize, String)>)> = Vec::new();
        for (number, fault) in faults {
            // Blanks around it may be outside of what it is in.
            let old = fault.place(text)?;
            let start = old.end - text[old.clone()].trim_start().len();
            let old = start..start + fault.old.trim().len();
            let mut search = Search {
                wanted: old.clone(),
                found: None,
            };
            search.visit_file(&file);
            let Some(place) = search.found else {
                return Err(format!("{}: its text is in no function", fault.id).into());
            };
            let range = &place.range;
            let (before, behind) = (&text[range.start..old.start], &text[old.end..range.end]);
            let other = (*number, format!("{before}{}{behind}", fault.new.trim()));
            match places.iter_mut().find(|(p, _)| *p == place) {
                Some((_, others)) => others.push(other),
                None => places.push((place, vec![other])),
            }
        }
        for (place, others) in places {
            if place.statements {
                edits.choose_statements(place.range, &others);
            } else {
                edits.choose(place.range, &others);
            }
        }
        Ok(edits.write_into(text))
    }
}

/// Something that can be another one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    range: Range<usize>,
    /// A statement, or all that is in a block, instead of an expression.
    statements: bool,
}

struct Search {
    wanted: Range<usize>,
    found: Option<Place>,
}

impl Search {
    fn offer(&mut self, range: Range<usize>, statements: bool) {
        let around = range.start <= self.wanted.start && self.wanted.end <= range.end;
        let best = self.found.as_ref().map_or(usize::MAX, |p| p.range.len());
        if around && range.len() < best {
            self.found = Some(Place { range, statements });
        }
    }
}

impl<'ast> Visit<'ast> for Search {
    fn visit_item(&mut self, item: &'ast Item) {
        // What is known when the engine is built can't be switched.
        if !matches!(item, Item::Const(_) | Item::Static(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let inner = block.stmts.first().zip(block.stmts.last());
        if let Some((first, last)) = inner {
            let (first, last) = (first.span().byte_range(), last.span().byte_range());
            self.offer(first.start..last.end, true);
        }
        visit::visit_block(self, block);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if matches!(statement, Stmt::Expr(..) | Stmt::Macro(_)) {
            self.offer(statement.span().byte_range(), true);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        // A condition with `let` in it is no value.
        if !is_let(expr) {
            self.offer(expr.span().byte_range(), false);
        }
        visit::visit_expr(self, expr);
    }
}

fn is_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(both) => {
            matches!(both.op, BinOp::And(_)) && (is_let(&both.left) || is_let(&both.right))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(text: &str, faults: &[(&str, &str)]) -> String {
        let faults: Vec<Fault> = faults
            .iter()
            .map(|(old, new)| Fault {
                id: "i".into(),
                what: String::new(),
                family: String::new(),
                mask: None,
                file: String::new(),
                old: (*old).into(),
                new: (*new).into(),
            })
            .collect();
        let numbered: Vec<_> = faults.iter().enumerate().collect();
        Fault::write(text, &numbered).unwrap().text
    }

    #[test]
    fn the_smallest_thing_around_it_is_switched() {
        assert_eq!(
            planted("fn f() { g(a + 1, b) }", &[("a + 1", "a - 1")]),
            "fn f() { g((if crate::mutants::on(0) { a - 1 } else { a + 1 }), b) }"
        );
        // The arguments of a macro are no expressions here.
        assert_eq!(
            planted("fn f() { w!(o, \"{a}\")?; }", &[("{a}", "{b}")]),
            "fn f() { (if crate::mutants::on(0) { w!(o, \"{b}\") } else { w!(o, \"{a}\") })?; }"
        );
        assert_eq!(
            planted("fn f() { let a = 1; g(); h() }", &[("g();", "")]),
            "fn f() { let a = 1; if crate::mutants::on(0) {  } else { g(); } h() }"
        );
        assert_eq!(
            planted("fn f() { let a = 1; h(a) }", &[("a = 1; ", "a = 1; g(); ")]),
            "fn f() { if crate::mutants::on(0) { let a = 1; g(); h(a) } else { let a = 1; h(a) } }"
        );
    }

    #[test]
    fn several_share_a_place() {
        assert_eq!(
            planted("fn f() { g(12) }", &[("12", "1"), ("12", "2")]),
            "fn f() { g((if crate::mutants::on(0) { 1 } else if crate::mutants::on(1) { 2 } else { 12 })) }"
        );
    }

    #[test]
    fn what_is_in_no_function_is_an_error() {
        let fault: Fault =
            toml::from_str("id = 'i'\nwhat = ''\nfamily = ''\nfile = ''\nold = '12'\nnew = '13'")
                .unwrap();
        assert!(Fault::write("const N: u8 = 12;", &[(0, &fault)]).is_err());
    }
}
