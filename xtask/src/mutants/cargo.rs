// SPDX-License-Identifier: GPL-2.0-or-later
//! Cargo on a changed copy of the project.

use std::path::Path;
use std::process::Command;

/// Builds quickly what runs quickly, beside the copy.
pub fn cargo(tree: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", tree.with_file_name("target"))
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_INCREMENTAL", "0");
    for profile in ["DEV", "TEST"] {
        cargo
            .env(format!("CARGO_PROFILE_{profile}_DEBUG"), "0")
            .env(format!("CARGO_PROFILE_{profile}_OPT_LEVEL"), "1");
    }
    cargo
}
