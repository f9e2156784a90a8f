// SPDX-License-Identifier: GPL-2.0-or-later
//! The definitions of missing interfaces, read by QEMU's own parser: `scripts/qapi-gen.py` of the
//! source trees that `HMP_TEST_QEMU_TREES` names (paths separated by colons).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use parity::tables::{hx, interfaces, qapi};

/// Where source trees are.
const VARIABLE: &str = "HMP_TEST_QEMU_TREES";

/// The trees; none where the variable names none, which is said.
fn trees() -> Vec<PathBuf> {
    let named = std::env::var_os(VARIABLE).unwrap_or_default();
    let trees: Vec<PathBuf> = std::env::split_paths(&named)
        .filter(|tree| tree.join("scripts/qapi-gen.py").is_file())
        .collect();
    if trees.is_empty() {
        // Not by a macro: what those print is shown only for tests that fail.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {VARIABLE} names no QEMU source tree with scripts/qapi-gen.py"
        );
    }
    trees
}

/// What the parser says against a schema; nothing where it takes it.
fn refused(tree: &Path, schema: &Path) -> Option<String> {
    let out = tempfile::tempdir().unwrap();
    let ran = Command::new("python3")
        .args(["-B".as_ref(), tree.join("scripts/qapi-gen.py").as_os_str()])
        .args(["-o".as_ref(), out.path().as_os_str(), schema.as_os_str()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    (!ran.status.success()).then_some(said)
}

/// What the parser has against schemas, which qapi-gen.py reads before it writes anything: all in
/// one process, since starting one for each takes long.
fn unread(tree: &Path, schemas: &[PathBuf]) -> String {
    const READ: &str = "\
import sys
sys.path.insert(0, sys.argv[1])
from qapi.error import QAPIError
from qapi.schema import QAPISchema
for name in sys.argv[2:]:
    try:
        QAPISchema(name)
    except QAPIError as error:
        print(name, error)
";
    let ran = Command::new("python3")
        .args(["-B", "-c", READ])
        .arg(tree.join("scripts"))
        .args(schemas)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// A copy of the tree's schema.
fn schema(tree: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(tree.join("qapi")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ext| ext == "json") {
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    copy
}

#[test]
fn qemus_own_parser_takes_every_definition() {
    for tree in trees() {
        let copy = schema(&tree);
        let of_tree: String = std::fs::read_dir(copy.path())
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        let mut alone = Vec::new();
        // Each alone, and all in QEMU's own schema, with its rules for names and documentation.
        let mut whole = std::fs::read_to_string(copy.path().join("qapi-schema.json")).unwrap();
        for one in interfaces::all() {
            let name = format!("{}.json", one.name);
            std::fs::write(copy.path().join(&name), qapi::file(one)).unwrap();
            // QEMU's own names need what pragma.json permits.
            let text = format!("{{ 'include': 'pragma.json' }}\n{{ 'include': '{name}' }}\n");
            let path = copy.path().join(format!("alone-{name}"));
            std::fs::write(&path, text).unwrap();
            alone.push(path);
            if !of_tree.contains(&format!("'command': '{}'", one.name)) {
                whole.extend(["{ 'include': '", &name, "' }\n"]);
            }
        }
        assert_eq!(unread(&tree, &alone), "", "{}", tree.display());
        let path = copy.path().join("with-ours.json");
        std::fs::write(&path, whole).unwrap();
        assert_eq!(refused(&tree, &path), None, "{}", tree.display());

        let wrong = "{ 'command': 'x', 'data': { 'a': { 'b': 'str' } }, 'returns': {} }\n";
        std::fs::write(&path, wrong).unwrap();
        assert!(refused(&tree, &path).is_some(), "the parser takes anything");
        assert_ne!(unread(&tree, &[path]), "", "the parser takes anything");
    }
}

#[test]
fn there_is_a_file_for_each_interface() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args([
            "gaps".as_ref(),
            "--qapi".as_ref(),
            folder.path().as_os_str(),
        ])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let written = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(written, interfaces::all().len());
    for one in interfaces::all() {
        let path = folder.path().join(format!("{}.json", one.name));
        assert_eq!(std::fs::read_to_string(path).unwrap(), qapi::file(one));
    }
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("within")] {
        let ran = Command::new(env!("CARGO_BIN_EXE_parity"))
            .args(["gaps".as_ref(), "--qapi".as_ref(), path.as_os_str()])
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(2));
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let named = format!("parity: {}: ", path.display());
        assert!(said.starts_with(&named), "{said}");
    }
}

#[test]
fn conditions_are_those_of_qemus_tables() {
    for tree in trees() {
        let tables = hx::tree(&tree).unwrap();
        for one in interfaces::all() {
            let here = |c: &&hx::HxCommand| c.handler == one.function;
            let Some(entry) = tables.main.iter().chain(&tables.info).find(here) else {
                continue;
            };
            let text = entry.conditions.join(" && ");
            for name in one.condition.macros() {
                // RISC-V's two targets share a macro that QAPI does not have.
                let there = name.trim_end_matches(|c: char| c.is_ascii_digit());
                assert!(
                    text.contains(there),
                    "{}: {name} is not in {text:?}",
                    one.name
                );
            }
            let free = text.is_empty() || !one.condition.macros().is_empty();
            assert!(free, "{}: its command has the condition {text:?}", one.name);
        }
    }
}
