// SPDX-License-Identifier: GPL-2.0-or-later
//! What holds for the tables as a whole.

use std::collections::HashSet;

use super::*;
use crate::command::row::Command;
use crate::command::row::Way;

fn all() -> impl Iterator<Item = &'static Command> {
    MAIN.iter().chain(INFO)
}

#[test]
fn rows_are_sorted_and_names_are_unique() {
    for table in [MAIN, INFO] {
        assert!(table.is_sorted_by(|a, b| a.name < b.name));
        let mut seen = HashSet::new();
        for row in table {
            for name in row.names() {
                assert!(seen.insert(name), "{name} is there twice");
                assert_eq!(rows::find(table, name).map(|row| row.name), Some(row.name));
            }
        }
        assert!(rows::find(table, "").is_none());
        for row in table.iter().filter(|row| row.name.contains('|')) {
            assert!(rows::find(table, row.name).is_none(), "{}", row.name);
        }
    }
}

#[test]
fn args_types_are_spelled_with_known_letters() {
    for row in all() {
        let specs = row.older.iter().map(|o| o.args).chain([row.args]);
        for spec in specs.flat_map(|s| s.split(',')).filter(|s| !s.is_empty()) {
            let (key, kind) = spec
                .split_once(':')
                .unwrap_or_else(|| panic!("{}: {spec}", row.name));
            assert!(!key.is_empty());
            let letter = kind.trim_end_matches(['?', '.']);
            let flag = letter
                .strip_prefix('-')
                .is_some_and(|f| f.len() == 1 || (f.len() == 2 && f.ends_with('s')));
            assert!(
                flag || "FBsSOilMoTb/".contains(letter),
                "{}: {spec}",
                row.name
            );
        }
    }
}

#[test]
fn every_row_says_what_it_does_and_how() {
    for row in all() {
        assert!(!row.help.is_empty(), "{}", row.name);
        assert!(!row.routes.is_empty(), "{}", row.name);
        assert!(row.since < row.until, "{}", row.name);
        let last = row.routes.len() - 1;
        for (i, route) in row.routes.iter().enumerate() {
            let final_ = matches!(route.way, Way::ToConvert | Way::Blocked(_));
            assert!(
                !final_ || i == last,
                "{}: a route behind the last one",
                row.name
            );
            if let Way::Native(needs, _) | Way::Derived(needs, _) = route.way {
                assert!(
                    !needs.is_empty(),
                    "{} needs no QMP command: it is local",
                    row.name
                );
            }
        }
    }
}

#[test]
fn completions_name_arguments_of_their_row() {
    for row in all() {
        for (key, _) in row.complete {
            assert!(
                row.args
                    .split(',')
                    .any(|a| a.split(':').next() == Some(key)),
                "{}: {key}",
                row.name
            );
        }
    }
}

#[test]
fn bounds_of_older_spellings_rise() {
    for row in all() {
        assert!(
            row.older.is_sorted_by(|a, b| a.before < b.before),
            "{}",
            row.name
        );
    }
}
