// SPDX-License-Identifier: GPL-2.0-or-later
//! What `parity hx scaffold` writes compiles: `scaffolded.rs` is what it writes for the tables beside
//! it, and a part of this test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scaffolded;

use std::path::Path;
use std::process::Command;

use hmp_engine::command::row::{Present, Way};

/// A source tree of the tables beside this file.
fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = tree.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("VERSION", "12.0.0\n");
    write("hmp-commands.hx", include_str!("main-commands.txt"));
    write("hmp-commands-info.hx", include_str!("info-commands.txt"));
    write("qapi/misc.json", "{ 'command': 'new-thing' }\n");
    tree
}

#[test]
fn what_is_written_is_what_compiles_here() {
    let tree = tree();
    let ran = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["hx".as_ref(), "scaffold".as_ref(), tree.path().as_os_str()])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let written = String::from_utf8(ran.stdout).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scaffold/scaffolded.rs");
    let here = std::fs::read_to_string(here).unwrap();
    let (_, here) = here.split_once("#![allow(dead_code)]\n\n").unwrap();
    assert_eq!(words(&written), words(here), "{written}");
}

#[test]
fn any_name_becomes_one_of_rust() {
    let tree = tree();
    let names = ["\u{e9}cran-x", "9p", "a\u{201c}b"];
    let entry = |name| format!("    {{\n .name = \"{name}\",\n .args_type = \"1a:s\",\n }},\n");
    let text: String = names.into_iter().map(entry).collect();
    std::fs::write(tree.path().join("hmp-commands.hx"), text).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["hx".as_ref(), "scaffold".as_ref(), tree.path().as_os_str()])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let written = String::from_utf8(ran.stdout).unwrap();
    for part in [
        "fn \u{e9}cran_x(",
        "struct \u{c9}cranX",
        "fn _9p(",
        "fn a_b(",
        "_1a: String",
    ] {
        assert!(written.contains(part), "{part} not in {written}");
    }
}

/// The text but for its layout, which is rustfmt's.
fn words(text: &str) -> String {
    let text: String = text.split_whitespace().collect();
    text.replace(",}", "}")
        .replace(",]", "]")
        .replace(",)", ")")
}

#[test]
fn rows_have_conditions_and_the_qmp_command_of_the_table() {
    let text = &scaffolded::INFO_ROWS[0];
    assert_eq!(text.name, "new-text");
    assert!(matches!(text.present, Present::With("x-query-new-text")));
    let Way::Native(needs, _) = text.routes[0].way else {
        panic!("no native route")
    };
    assert_eq!(needs, ["x-query-new-text"]);
    let dump = &scaffolded::MAIN_ROWS[1];
    assert!(matches!(
        dump.present,
        Present::Target(&["i386", "x86_64", "s390x"])
    ));
    assert!(scaffolded::MAIN_ROWS[0].preconfig);
    assert!(matches!(
        scaffolded::INFO_ROWS[1].routes[0].way,
        Way::ToConvert
    ));
}
