// SPDX-License-Identifier: GPL-2.0-or-later
//! The list of planted faults fits the engine: each one's place is there once, and no family and no
//! mask is without one.

use std::process::Command;

#[test]
fn the_list_fits_the_engine() {
    let check = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["plant", "--check"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{error}");
}
