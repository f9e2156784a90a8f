// SPDX-License-Identifier: GPL-2.0-or-later
//! Parts that are made from the tables are fresh, and every release bound has a source.

use std::process::Command;

#[test]
fn nothing_is_stale() {
    let check = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["generate", "--check"])
        .output()
        .unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&check.stdout),
        String::from_utf8_lossy(&check.stderr),
    );
    assert!(check.status.success(), "{out}{error}");
}
