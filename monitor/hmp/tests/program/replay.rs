// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp --replay` on libvirt's recordings of QEMUs that are not here: a small one of ours, and,
//! where `HMP_TEST_REPLIES` names their folder, the real `caps_*.replies` files.

use std::path::{Path, PathBuf};

use crate::common::program::{hmp, run};

/// What libvirt asks and records, cut short: a QEMU 8.1 of before `query-commands` was asked.
const SAMPLE: &str = r#"{
  "execute": "qmp_capabilities",
  "id": "libvirt-1"
}

{
  "return": {},
  "id": "libvirt-1"
}

{
  "execute": "query-version",
  "id": "libvirt-2"
}

{
  "return": {"qemu": {"micro": 50, "minor": 1, "major": 8}, "package": "v8.1.0-9"},
  "id": "libvirt-2"
}

{
  "execute": "query-kvm",
  "id": "libvirt-3"
}

{
  "return": {"enabled": false, "present": true},
  "id": "libvirt-3"
}

{
  "execute": "query-migrate-capabilities",
  "id": "libvirt-4"
}

{
  "return": [
    {"state": false, "capability": "xbzrle"},
    {"state": true, "capability": "events"}
  ],
  "id": "libvirt-4"
}

{
  "execute": "query-qmp-schema",
  "id": "libvirt-5"
}

{
  "return": [
    {"name": "query-version", "ret-type": "1", "meta-type": "command", "arg-type": "0"},
    {"name": "query-kvm", "ret-type": "1", "meta-type": "command", "arg-type": "0"},
    {"name": "query-migrate-capabilities", "ret-type": "1", "meta-type": "command", "arg-type": "0"},
    {"name": "query-block", "ret-type": "1", "meta-type": "command", "arg-type": "0"},
    {"name": "query-named-block-nodes", "ret-type": "1", "meta-type": "command", "arg-type": "0"},
    {"name": "query-qmp-schema", "ret-type": "1", "meta-type": "command", "arg-type": "0"},
    {"name": "0", "members": [], "meta-type": "object"},
    {"name": "1", "json-type": "value", "meta-type": "builtin"}
  ],
  "id": "libvirt-5"
}
"#;

/// Asks the imported file what it holds and what it does not.
fn check(file: &Path, version: &str, kvm: &str, capability: &str) {
    let folder = tempfile::tempdir().unwrap();
    let recording = mock_qmp::import::libvirt(file, folder.path()).unwrap();
    let ask = |line: &str| {
        let ran = run(hmp().arg("--replay").arg(&recording).args(["-c", line]));
        assert_eq!(ran.stderr, "", "{}: {ran:?}", file.display());
        (ran.stdout, ran.code)
    };
    let (text, code) = ask("info version");
    assert!(text.starts_with(version), "{text}");
    assert_eq!(code, Some(0));
    assert_eq!(
        ask("info kvm"),
        (format!("kvm support: {kvm}\n"), Some(0)),
        "{}",
        file.display()
    );
    let (text, code) = ask("info migrate_capabilities");
    assert!(text.lines().any(|line| line == capability), "{text}");
    assert_eq!(code, Some(0));
    let (text, code) = ask("info block");
    assert!(text.starts_with("Error: not recorded in "), "{text}");
    assert!(text.contains(r#"{"execute":"query-block"}"#), "{text}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_recording_of_libvirts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("caps_8.1.50_x86_64.replies");
    std::fs::write(&file, SAMPLE).unwrap();
    check(&file, "8.1.50v8.1.0-9\n", "disabled", "events: on");
}

#[test]
fn libvirts_own_files() {
    let Some(folder) = std::env::var_os("HMP_TEST_REPLIES").map(PathBuf::from) else {
        eprintln!("skipped: no libvirt recordings (HMP_TEST_REPLIES names their folder)");
        return;
    };
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let Some(version) = name
            .strip_prefix("caps_")
            .and_then(|rest| rest.split_once('_'))
            .filter(|_| name.ends_with(".replies"))
            .map(|(version, _)| version)
        else {
            continue;
        };
        // A file named after a release may come from a snapshot before it.
        let major = version.split('.').next().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let kvm = if text.contains(r#""present": true"#) {
            "enabled"
        } else {
            "not compiled"
        };
        let major = if version == "10.0.0" { "9.2.50" } else { major };
        check(&file, major, kvm, "xbzrle: off");
        checked += 1;
    }
    assert!(checked > 0, "no caps_*.replies files there");
}
