// SPDX-License-Identifier: GPL-2.0-or-later
//! What was sent, and with what permission, is written down where tests ask for it.

use std::process::Command;

#[cfg(debug_assertions)]
use crate::common::program::{Mock, run};

/// What a run of lines wrote down.
#[cfg(debug_assertions)]
fn trace(allow: &str) -> String {
    let (mock, folder) = (Mock::start(), tempfile::tempdir().unwrap());
    let mut hmp = mock.hmp();
    hmp.env("HMP_TEST_TRACE", folder.path());
    if allow != "safe" {
        hmp.args(["--allow", allow]);
    }
    run(hmp.args(["-c", "info status", "-c", "stop"]));
    let mut files = std::fs::read_dir(folder.path()).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    std::fs::read_to_string(file).unwrap()
}

#[cfg(debug_assertions)]
#[test]
fn what_was_sent_is_written_down_with_what_was_permitted() {
    for allow in ["safe", "pausing", "risky"] {
        let trace = trace(allow);
        let at = |part: &str| {
            trace
                .find(part)
                .unwrap_or_else(|| panic!("{part}: {trace}"))
        };
        let permitted = at(&format!("0\tallow\t{allow}\t\n"));
        assert!(permitted < at("0\tsent\tquery-status\t\n"), "{trace}");
        assert!(permitted < at("0\tsent\tstop\t\n"), "{trace}");
    }
}

/// What reads it fails where something went out that was not permitted, and where nothing did.
#[test]
fn what_reads_it_says_what_was_not_permitted() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/trace.py");
    let good = "0\tallow\tsafe\t\n0\tsent\tstop\t\n1\tallow\tpausing\t\n\
                1\tsent\tdump-guest-memory\tfd:hmp-guest-dump\n2\tallow\trisky\t\n\
                2\tsent\tdump-guest-memory\tfd:hmp-guest-dump\n2\tsent\txen-save-devices-state\t\n";
    let judged = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1-1.tsv"), text).unwrap();
        let mut python = Command::new("python3");
        let done = python.arg(script).arg(folder.path()).output().unwrap();
        (
            done.status.success(),
            String::from_utf8(done.stdout).unwrap(),
        )
    };
    assert!(judged(good).0, "{}", judged(good).1);
    assert!(!judged("").0);
    for bad in [
        "0\tsent\tdump-guest-memory\tfd:hmp-guest-dump\n",
        "1\tsent\txen-save-devices-state\t\n",
        "1\tsent\tobject-add\thmp-ports\n",
        "3\tsent\txen-save-devices-state\t\n",
    ] {
        let (passed, said) = judged(&format!("{good}{bad}"));
        let name = bad.split('\t').nth(2).unwrap();
        assert!(!passed && said.contains(name), "{said}");
    }
    // The user's own dump.
    let own = "0\tsent\tdump-guest-memory\tfile:/tmp/dump\n";
    assert!(judged(&format!("{good}{own}")).0);
}
