// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp --replay` on the recording that README shows; and on libvirt's recordings of QEMUs that are not here: a small one of ours, and,
//! where `HMP_TEST_REPLIES` names their folder, the real `caps_*.replies` files.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::common::program::{Ran, hmp, run};

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
    assert!(
        text.starts_with("Error: query-block was not recorded in "),
        "{text}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn a_recording_of_libvirts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("caps_8.1.50_x86_64.replies");
    fs::write(&file, SAMPLE).unwrap();
    check(&file, "8.1.50v8.1.0-9\n", "disabled", "events: on");
}

#[test]
fn libvirts_own_files() {
    let Some(folder) = std::env::var_os("HMP_TEST_REPLIES").map(PathBuf::from) else {
        eprintln!("skipped: no libvirt recordings (HMP_TEST_REPLIES names their folder)");
        return;
    };
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
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
        let text = fs::read_to_string(&file).unwrap();
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

/// What somebody types who has never seen it, on the recording of README's first command, and how
/// the answer begins.
#[rstest]
#[case("help", "announce_self ")]
#[case("? savevm", "savevm tag ")]
#[case("help info block", "info block ")]
#[case("info", "info ")]
#[case("info version", "10.0.2")]
#[case("info name", "parity-q35\n")]
#[case("info status", "VM status: paused (prelaunch)\n")]
#[case("info block", "disk0 ")]
#[case("info pci", "  Bus  0, device   0, function 0:\n")]
#[case("info qtree", "bus: main-system-bus\n")]
#[case("info qom-tree", "/machine (pc-q35-10.0-machine)\n")]
#[case("info registers", "\nCPU#")]
#[case("info mtree", "address-space: ")]
#[case("info mem", "PG disabled\n")]
#[case("info network", "nic0: ")]
#[case("info cpus", "* CPU #0: ")]
#[case("info chardev", "parallel0: ")]
#[case("info usb", "  Device 0.0, Port 1, ")]
#[case("info migrate", "globals:\n")]
#[case("info snapshots", "There is no snapshot available.\n")]
#[case("info history", "0: 'info history'\n")]
#[case("xp/2xg 0xfffffff0", "00000000fffffff0: ")]
#[case("xp /4xw  0xffff0", "00000000000ffff0: ")]
#[case("p 1+1", "0x2\n")]
#[case("cpu 1", "")]
#[case("qom-get /machine type", "\"pc-q35-10.0-machine\"\n")]
fn the_demo_answers(#[case] line: &str, #[case] begins: &str) {
    let ran = demo(line);
    assert!(ran.stdout.starts_with(begins), "{line}: {ran:?}");
    assert_eq!(ran.stdout.is_empty(), begins.is_empty(), "{line}: {ran:?}");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)), "{line}");
}

/// A first session, on the machine of each release that is shipped.
#[rstest]
fn a_newcomer_is_answered(#[values("7.2", "10.0", "11.1")] release: &str) {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings");
    let machine = recordings.join(format!("{release}-x86_64-q35"));
    let lines = [
        ("help", "device_add driver"),
        ("info status", "VM status: paused (prelaunch)\n"),
        ("info version", release),
        ("info block", "disk0 "),
        ("info pci", "Host bridge"),
        ("info cpus", "* CPU #0: "),
        ("info registers", "CPU#0"),
        ("info qtree", "bus: main-system-bus"),
        ("info network", "nic0: "),
        ("info mem", "PG disabled"),
        ("info snapshots", "There is no snapshot available."),
        ("x /4xw 0xfffffff0", "00000000fffffff0: 0x"),
        ("cont", ""),
        ("info status", "VM status: running\n"),
        ("stop", ""),
        ("info status", "VM status: paused\n"),
        ("c", ""),
        ("device_add usb-kbd,id=k", ""),
        ("info usb", "ID: k\n"),
        ("device_del k", ""),
        ("info usb", "ID: tablet0\n"),
        ("savevm mine", ""),
        ("info snapshots", "mine"),
        ("delvm mine", ""),
        ("balloon 128", ""),
        ("eject cd0", ""),
        ("sendkey ret", ""),
        ("system_reset", ""),
        ("quit", ""),
    ];
    let mut command = hmp();
    command.arg("--replay").arg(machine);
    for (line, _) in lines {
        command.args(["-c", line]);
    }
    let ran = run(&mut command);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)), "{ran:?}");
    assert!(!ran.stdout.contains("not recorded"), "{}", ran.stdout);
    let mut rest = ran.stdout.as_str();
    for (line, part) in lines {
        let at = rest.find(part);
        rest = &rest[at.unwrap_or_else(|| panic!("{line}: no {part} in {rest}")) + part.len()..];
    }
}

/// The recording of a client that did not ask for the target, which the description of the machine names.
#[test]
fn a_recording_of_a_client_that_knew_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings/10.0-x86_64-q35");
    fs::copy(
        from.join("machine.toml"),
        folder.path().join("machine.toml"),
    )
    .unwrap();
    let recorded = fs::read_to_string(from.join("first.qmp")).unwrap();
    let mut lines = recorded.lines();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        if line.starts_with(r#"{"request":{"execute":"query-target"}"#) {
            // Its reply.
            lines.next();
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    assert!(kept.len() < recorded.len());
    fs::write(folder.path().join("main.qmp"), kept).unwrap();
    let ran =
        run(hmp()
            .arg("--replay")
            .arg(folder.path())
            .args(["-c", "info block", "-c", "stop"]));
    assert!(ran.stdout.starts_with("disk0 ("), "{ran:?}");
    assert!(!ran.stdout.contains("initialization"), "{ran:?}");
}

/// Lines that nobody ran when the recording was made: one plain sentence each, without JSON.
#[rstest]
#[case("stop", "Error: stop was not recorded in ")]
#[case("cont", "Error: cont was not recorded in ")]
#[case("system_reset", "Error: system_reset was not recorded in ")]
#[case("system_powerdown", "Error: system_powerdown was not recorded in ")]
#[case("savevm a", "Error: query-jobs was not recorded in ")]
// The recording lists all snapshots, and all devices.
#[case(
    "loadvm a",
    "Error: Snapshot 'a' does not exist in one or more devices\n"
)]
#[case(
    "device_add virtio-rng-pci,id=r",
    "Error: device_add was not recorded in "
)]
#[case("device_del r", "Error: Device 'r' not found\n")]
#[case("eject cd0", "Error: eject was not recorded in ")]
#[case(
    "change cd0 /x.iso",
    "Error: blockdev-change-medium was not recorded in "
)]
#[case("migrate tcp:h:1", "Error: migrate was not recorded in ")]
#[case("screendump /x.ppm", "Error: screendump was not recorded in ")]
#[case("sendkey ret", "Error: send-key was not recorded in ")]
#[case("netdev_add user,id=n", "Error: netdev_add was not recorded in ")]
#[case("x/4xw 0", "Error: memsave was not recorded in ")]
#[case("x/4i $pc", "x: needs --allow pausing: ")]
#[case("log none", "log: blocked: ")]
#[case("reset", "unknown command: 'reset'\n")]
#[case("exit", "unknown command: 'exit'\n")]
fn a_session_says_what_it_has_not(#[case] line: &str, #[case] begins: &str) {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings");
    let session = recordings.join("10.0-x86_64-q35/main.qmp");
    let ran = run(hmp().arg("--replay").arg(session).args(["-c", line]));
    assert!(ran.stdout.starts_with(begins), "{line}: {ran:?}");
    assert!(!ran.stdout.contains('{'), "{line}: {ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{line}: {ran:?}");
    assert_eq!(ran.stderr, "", "{line}");
}

fn demo(line: &str) -> Ran {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let readme = fs::read_to_string(format!("{root}/README.md")).unwrap();
    let (_, command) = readme.split_once("-- --replay ").unwrap();
    let recording = command.split_whitespace().next().unwrap();
    let mut command = hmp();
    command
        .current_dir(root)
        .args(["--replay", recording, "-c", line]);
    run(&mut command)
}
