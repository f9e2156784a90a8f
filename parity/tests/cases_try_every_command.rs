// SPDX-License-Identifier: GPL-2.0-or-later
//! The cases try every command: with arguments that are right, and with a mistake.

use std::path::Path;

use parity::case;
use parity::tables::tried::{Tried, tried};

/// Commands that no case can try, each with the reason.
const EXCUSED: &[(&str, &str)] = &[
    ("help", "takes any text, so that no argument is wrong"),
    ("info", "takes any text, so that no argument is wrong"),
    (
        "trace-file",
        "in builds with another trace back end only; no QEMU here has it",
    ),
];

#[test]
fn every_command_is_tried_in_success_and_in_error() {
    let cases = case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).unwrap();
    let tried = tried(&cases);
    let lacking = |name: &str| {
        let Tried { right, wrong } = tried[name];
        let mut lacks = Vec::new();
        if right == 0 {
            lacks.push("right");
        }
        if wrong == 0 {
            lacks.push("wrong");
        }
        lacks.join(" and ")
    };
    let mut holes = Vec::new();
    for name in tried.keys() {
        let excused = EXCUSED.iter().any(|(excused, _)| excused == name);
        match (lacking(name), excused) {
            (lacks, false) if !lacks.is_empty() => {
                holes.push(format!("{name}: no line that is {lacks}"));
            }
            (lacks, true) if lacks.is_empty() => {
                holes.push(format!("{name}: needs no excuse any more"));
            }
            _ => {}
        }
    }
    assert!(holes.is_empty(), "{}", holes.join("\n"));
}
