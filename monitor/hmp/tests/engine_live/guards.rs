// SPDX-License-Identifier: GPL-2.0-or-later
//! What speaks against asking for the state of all devices, on real QEMUs: the line is refused with
//! the reason, nothing was sent, and the VM is as it was. Devices are in
//! tests/program_live/cpu_state.rs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus, skipped};
use crate::common::roms::builtin;
use crate::common::steps::{Recorder, Step};
use crate::pc::{has, pcs};
use hmp::client::Client;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::{Value, json};

/// Firmware that stays where it is.
fn halt(folder: &std::path::Path) -> String {
    let path = folder.join("halt");
    std::fs::write(&path, vec![0xf4; 64 << 10]).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn status(client: &Client) -> Value {
    client.execute("query-status", Value::Null).await.unwrap()["status"].clone()
}

/// Lines that need the state.
const LINES: &[&str] = &["info registers", "info registers -a", "info lapic"];

/// Lines that need the state are refused for this reason, and QEMU is asked for nothing that could
/// harm it.
async fn refused(client: &Client, lines: &[&str], reason: &str, what: &str) {
    let before = status(client).await;
    for line in lines {
        let recorder = Arc::new(Recorder(client.clone(), Arc::new(Mutex::default())));
        let builder = Monitor::builder(recorder.clone()).host(recorder.clone());
        let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
        let mut monitor = builder.build().await.unwrap();
        let mut text = String::new();
        let ran = monitor.run_line(line, &mut text).await;
        assert!(text.contains(reason), "{what}: {line}: {text}");
        // A target without the command does not have it either.
        assert!(
            ran.route.is_none() || text.contains("unknown command"),
            "{ran:?}"
        );
        let steps = recorder.1.lock().unwrap();
        let harmful = steps.iter().find(|step| match step {
            Step::Asked(command, ..) => {
                matches!(
                    command.as_str(),
                    "xen-save-devices-state" | "add-fd" | "getfd"
                )
            }
            Step::Numbered(_) | Step::Wrote(_) => true,
        });
        assert_eq!(harmful, None, "{what}: {line}");
    }
    assert_eq!(status(client).await, before, "{what}");
}

#[tokio::test]
async fn a_guest_that_sleeps() {
    for program in pcs().filter(|program| has(program, "long")) {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let bios = halt(folder.path());
        let qemu = Qemu::start(&program, &["-M", "pc", "-m", "64M", "-bios", &bios]);
        let client = connect(&qemu).await;
        client.execute("cont", Value::Null).await.unwrap();
        // The guest goes to sleep through the ports of its power management.
        for line in [
            "o/w 0xcf8 0x80000b40",
            "o/w 0xcfc 0x601",
            "o/w 0xcf8 0x80000b80",
            "o/b 0xcfc 1",
            "o/h 0x604 0x2400",
        ] {
            builtin(&client, line, None).await;
        }
        for _ in 0..100 {
            if status(&client).await == "suspended" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(status(&client).await, "suspended");
        let what = program.display().to_string();
        refused(&client, LINES, "the VM is in the state suspended", &what).await;
        client.execute("system_wakeup", Value::Null).await.unwrap();
    }
}

#[tokio::test]
async fn a_machine_that_is_not_made_yet() {
    for program in pcs() {
        let qemu = Qemu::start(&program, &["-M", "q35", "-vga", "none", "--preconfig"]);
        let client = connect(&qemu).await;
        let what = program.display().to_string();
        refused(
            &client,
            LINES,
            "until machine initialization has completed",
            &what,
        )
        .await;
    }
}

/// A VM whose memory is still at another: reading it could wait for pages.
#[tokio::test]
async fn a_migration_after_the_switch() {
    for program in pcs().filter(|program| has(program, "long")) {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let bios = halt(folder.path());
        let fill = folder.path().join("fill");
        std::fs::write(&fill, vec![17; 4 << 20]).unwrap();
        let loader = format!("loader,file={},addr=0x100000,force-raw=on", fill.display());
        let uri = format!("unix:{}", folder.path().join("migration").display());
        let common = [
            "-M",
            "q35",
            "-m",
            "16M",
            "-bios",
            &bios,
            "-global",
            "migration.x-postcopy-ram=on",
        ];
        let target = Qemu::start(&program, &[&common[..], &["-incoming", &uri]].concat());
        let source = Qemu::start(&program, &[&common[..], &["-device", &loader]].concat());
        let (there, here) = (connect(&target).await, connect(&source).await);
        here.execute("cont", Value::Null).await.unwrap();
        let slow = json!({"max-bandwidth": 40960, "max-postcopy-bandwidth": 40960});
        here.execute("migrate-set-parameters", slow).await.unwrap();
        here.execute("migrate", json!({"uri": uri})).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let switched = here.execute("migrate-start-postcopy", Value::Null).await;
        let mut state = Value::Null;
        for _ in 0..100 {
            let migration = there.execute("query-migrate", Value::Null).await.unwrap();
            state = migration["status"].clone();
            if state == "postcopy-active" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let what = program.display().to_string();
        if state != "postcopy-active" {
            skipped(&format!("{what}: no postcopy here ({switched:?}, {state})"));
            continue;
        }
        refused(
            &there,
            LINES,
            "a migration is in the state postcopy-",
            &what,
        )
        .await;
        refused(&here, LINES, "a migration is in the state postcopy-", &what).await;
    }
}

/// A target all of whose machines crash when their state is saved.
#[tokio::test]
async fn a_target_that_crashes() {
    let name = "qemu-system-sh4";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::env::split_paths(&path).map(|folder| folder.join(name));
    let Some(program) = programs
        .into_iter()
        .find(|program: &PathBuf| program.is_file())
    else {
        skipped("no qemu-system-sh4 on PATH");
        return;
    };
    let mut qemu = Qemu::start(&program, &["-M", "r2d"]);
    let client = connect(&qemu).await;
    refused(&client, &LINES[..2], "blocked: ", name).await;
    assert!(qemu.lives());
}

/// CPUs whose state has parts that are not read.
#[tokio::test]
async fn cpus_that_are_not_known() {
    for program in qemus() {
        let name = program.display().to_string();
        for (target, machine, lines, reason) in [
            ("arm", &["-M", "lm3s6965evb"][..], 2, "M profile"),
            ("arm", &["-M", "mps3-an536"], 2, "without an MMU"),
            (
                "riscv64",
                &["-M", "virt", "-bios", "none", "-cpu", "lowrisc-ibex"],
                1,
                "32 bits",
            ),
        ] {
            if !name.ends_with(target) {
                continue;
            }
            let qemu = Qemu::start(&program, machine);
            let client = connect(&qemu).await;
            let lines = &["info registers -a", "x/i 0"][..lines];
            refused(&client, lines, reason, &name).await;
        }
    }
}
