// SPDX-License-Identifier: GPL-2.0-or-later
//! Which routes commands would take on QEMUs that nobody started: a small conversation of our own
//! in libvirt's form, and libvirt's own where `HMP_TEST_REPLIES` names a folder with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hmp_engine::command::route::State;
use parity::judge::baseline::Baseline;
use parity::tables::forecast::{Forecast, forecast, render};
use parity::tables::{offered, stuck};

/// A QEMU 6.2 on s390x that offers three commands.
const REPLIES: &str = r#"{ "execute": "qmp_capabilities", "id": "libvirt-1" }

{ "return": {}, "id": "libvirt-1" }

{ "execute": "query-version", "id": "libvirt-2" }

{ "return": { "qemu": { "micro": 0, "minor": 2, "major": 6 }, "package": "v6.2.0" }, "id": "libvirt-2" }

{ "execute": "query-target", "id": "libvirt-3" }

{ "return": { "arch": "s390x" }, "id": "libvirt-3" }

{ "execute": "query-qmp-schema", "id": "libvirt-4" }

{ "return": [
  { "name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
  { "name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
  { "name": "human-monitor-command", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
  { "name": "0", "meta-type": "object", "members": [] }
], "id": "libvirt-4" }
"#;

fn state(forecast: &Forecast, command: &str, qemu: &str) -> Option<State> {
    let at = forecast.qemus.iter().position(|q| q.to_string() == qemu)?;
    let taken = forecast.commands.iter().find(|c| c.name == command)?;
    taken.states[at]
}

#[test]
fn libvirts_recordings_go_beside_ours() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("caps_6.2.0_s390x.replies"), REPLIES).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut qemus = offered::recorded(&root.join("recordings")).unwrap();
    qemus.extend(offered::replies(folder.path()).unwrap());
    let forecast = forecast(&qemus, &[]);
    assert_eq!(forecast.qemus[0].to_string(), "6.2-s390x", "oldest first");
    assert_eq!(state(&forecast, "stop", "6.2-s390x"), Some(State::Native));
    assert_eq!(
        state(&forecast, "info block", "6.2-s390x"),
        Some(State::Blocked)
    );
    assert_eq!(state(&forecast, "info lapic", "6.2-s390x"), None);
    assert_eq!(
        state(&forecast, "info block", "10.0-x86_64"),
        Some(State::Native)
    );
    assert_eq!(
        forecast.qmp["query-block"].lacking,
        ["6.2-s390x".parse().unwrap()]
    );
    assert_eq!(forecast.qmp["query-block"].since.as_deref(), Some("0.14"));
    let text = render(&forecast);
    assert!(text.starts_with("6.2-s390x "), "{text}");
}

#[test]
fn what_is_promised_is_what_runs_find() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let forecast = forecast(&offered::recorded(&root.join("recordings")).unwrap(), &[]);
    let text = std::fs::read_to_string(root.join("parity/baseline.tsv")).unwrap();
    let stuck = stuck::of_baseline(&Baseline::parse(&text).unwrap());
    assert!(stuck.len() > 500, "{}", stuck.len());
    let promised: BTreeSet<String> = stuck
        .iter()
        .filter(|s| {
            let state = state(&forecast, &s.command, &s.qemu.to_string());
            !matches!(state, Some(State::Blocked | State::Partial))
        })
        .map(|s| s.command.clone())
        .collect();
    // Whole but for devices that refuse to be read.
    assert_eq!(promised, BTreeSet::from(["xp".to_owned()]));
}

#[test]
fn the_real_files_cover_what_lies_between() {
    let Some(folder) = std::env::var_os("HMP_TEST_REPLIES").map(PathBuf::from) else {
        println!("skipped: HMP_TEST_REPLIES names no folder with libvirt's recordings");
        return;
    };
    let qemus = offered::replies(&folder).unwrap();
    assert!(qemus.len() > 3, "{} QEMUs", qemus.len());
    let forecast = forecast(&qemus, &[]);
    for (at, qemu) in forecast.qemus.iter().enumerate() {
        let native = forecast
            .commands
            .iter()
            .filter(|c| c.states[at] == Some(State::Native));
        assert!(native.count() > 80, "{qemu}\n{}", render(&forecast));
    }
}
