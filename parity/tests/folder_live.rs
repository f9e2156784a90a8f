// SPDX-License-Identifier: GPL-2.0-or-later
//! A run leaves nothing in the folder that it was started from, whatever its lines make QEMU write.

use std::path::Path;
use std::process::Command;

use parity::live::programs;

/// Names without a folder, which QEMU takes to be of the folder that it runs in.
const CASE: &str = r#"
about = "files by relative names"
arch = ["x86_64", "aarch64", "arm", "riscv64", "ppc64", "s390x"]
args = ["-S", "-M", "none"]
twins = true
steps = [
    { line = "logfile left-behind.log", probe = [{ file = "left-behind.log" }] },
    { line = "pmemsave 0 16 left-behind.mem", probe = [{ file = "left-behind.mem" }] },
]
"#;

#[test]
fn nothing_is_left_where_a_run_was_started() {
    let programs = programs::available();
    let Some(program) = programs.first() else {
        println!("skipped: no QEMU; {} can name some", programs::VARIABLE);
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("case.toml"), CASE).unwrap();
    std::fs::write(dir.path().join("known.toml"), "").unwrap();
    let names = || {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let ran = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["run", "case.toml", "--native-only", "--known", "known.toml"])
        .arg("--qemu")
        .arg(&program.path)
        .args(["--json", "report.json"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let report = std::fs::read_to_string(dir.path().join("report.json")).unwrap();
    std::fs::remove_file(dir.path().join("report.json")).unwrap();
    assert_eq!(names(), before);
    if !is_elsewhere(&program.path) {
        // It was written, and the probes saw it.
        assert!(report.contains("16 bytes"), "{report}");
    }
}

/// Whether the program is a script that runs QEMU in another root folder.
fn is_elsewhere(program: &Path) -> bool {
    let text = std::fs::read_to_string(program).unwrap_or_default();
    text.contains("chroot ")
}
