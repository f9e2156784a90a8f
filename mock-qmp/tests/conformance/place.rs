// SPDX-License-Identifier: GPL-2.0-or-later
//! Which QEMUs the cases describe, and where the recordings of them are.

use std::path::{Path, PathBuf};

/// The QEMUs whose behaviour the cases hold.
pub const VERSIONS: [&str; 2] = ["10.0.2", "11.1.3"];

/// The folder of a machine's recording. One that waits to be set up is another machine.
pub fn folder(version: &str, vm: &str) -> PathBuf {
    let variant = if vm == "preconfig" { "+preconfig" } else { "" };
    let name = format!("{version}-x86_64-q35{variant}");
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/conformance/recordings")
        .join(name)
}

/// The topic of a machine's state.
pub fn topic(vm: &str) -> &str {
    match vm {
        "own" | "no-shutdown" => "prelaunch",
        other => other,
    }
}
