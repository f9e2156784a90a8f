// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines whose answer changed with a release, or depends on what the built-in monitor would do with
//! them: just before the bound and at it.

use std::sync::Arc;

use hmp::client::{Client, Options};
use hmp::host::Unattended;
use hmp_engine::engine::Monitor;
use mock_qmp::{Answer, MockQmp, Recording};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::{Requests, on_mock, refusal, run};

async fn answer(mock: MockQmp, line: &str) -> String {
    let (_server, mut monitor) = on_mock(mock).await;
    let mut text = String::new();
    run(&mut monitor, line, &mut text).await;
    text
}

fn qemu(version: &str) -> MockQmp {
    MockQmp::scripted()
        .version(version)
        .command("query-target", json!({"arch": "x86_64"}))
}

fn recorded(name: &str) -> MockQmp {
    let path = format!("{}/../../recordings/{name}", env!("CARGO_MANIFEST_DIR"));
    MockQmp::from_recording(Recording::load(path).unwrap())
}

/// A QEMU that waits for its machine to be set up.
fn preconfig(version: &str) -> MockQmp {
    let refused = "The command 'query-target' is permitted only after machine initialization";
    MockQmp::scripted()
        .version(version)
        .command("query-target", refusal(refused))
        .command("x-exit-preconfig", json!({}))
        .command("x-query-virtio", refusal(refused))
        .command("x-query-virtio-status", refusal(refused))
}

/// There are no virtio devices before there is a machine; since 8.2 QOM is searched for them
/// (commit b532c684e0 of QEMU).
#[rstest]
#[case("7.2.22", "info virtio", "No VirtIO devices\n")]
#[case("8.1.5", "info virtio", "No VirtIO devices\n")]
#[case("8.2.0", "info virtio", "Error: No virtio devices found\n")]
#[case(
    "7.2.22",
    "info virtio-status /d",
    "Error: Path /d is not a VirtIODevice\n"
)]
#[case(
    "8.2.0",
    "info virtio-status /d",
    "Error: Path /d is not a realized VirtIODevice\n"
)]
#[tokio::test]
async fn virtio_before_the_machine(
    #[case] version: &str,
    #[case] line: &str,
    #[case] expected: &str,
) {
    assert_eq!(answer(preconfig(version), line).await, expected);
}

/// From 8.2 on the built-in reads the address first (commit 967f2de5c9 of QEMU).
#[rstest]
#[case("8.1.5", "nosuch:1", true)]
#[case("8.2.0", "nosuch:1", false)]
#[case("8.2.0", "tcp:h:1", true)]
#[tokio::test]
async fn an_address_of_a_migration(
    #[case] version: &str,
    #[case] address: &str,
    #[case] is_sent: bool,
) {
    let requests = Requests::default();
    let why = "'-incoming' was not specified on the command line";
    let mock = qemu(version).command("query-qmp-schema", json!([]));
    let mock = requests.of(mock, "migrate-incoming", move |_| refusal(why));
    let text = answer(mock, &format!("migrate_incoming {address}")).await;
    let unknown = format!("unknown migration protocol: {address}");
    let why = if is_sent { why } else { &unknown };
    assert_eq!(text, format!("Error: {why}\n"));
    assert_eq!(requests.seen().len(), usize::from(is_sent));
}

/// Until 9.2 a dot is behind the region, and one without an address has all bits set.
#[tokio::test]
async fn regions_of_pci_devices() {
    for (version, dot) in [("9.1.3", "."), ("9.2.0", "")] {
        let device = json!({
            "bus": 0, "slot": 2, "function": 0, "qdev_id": "x", "class_info": {"class": 264}, "id": {"device": 1, "vendor": 2},
            "regions": [{"bar": 4, "size": 64, "address": 0xc000, "type": "io"}]
        });
        let buses = json!([{"bus": 0, "devices": [device]}]);
        let text = answer(qemu(version).command("query-pci", buses), "info pci").await;
        let region = format!("\n      BAR4: I/O at 0xc000 [0xc03f]{dot}\n");
        assert!(text.contains(&region), "{version}: {text}");
    }
}

/// Where not all disks can be exported that were to be, the server stops again.
#[tokio::test]
async fn disks_that_can_t_be_exported() {
    let disk = json!([{
        "device": "d", "removable": false, "locked": false, "type": "unknown", "inserted": {}
    }]);
    for (line, stopped, expected) in [
        ("nbd_server_start -a h:1", 1, "Error: not this one\n"),
        ("nbd_server_start h:1", 0, ""),
    ] {
        let stops = Requests::default();
        let mock = qemu("10.0.2")
            .command("nbd-server-start", json!({}))
            .command("query-block", disk.clone())
            .command("nbd-server-add", refusal("not this one"));
        let mock = stops.of(mock, "nbd-server-stop", |_| json!({}).into());
        assert_eq!(answer(mock, line).await, expected, "{line}");
        assert_eq!(stops.seen().len(), stopped, "{line}");
    }
}

/// Help is asked for by the word alone; answers of 10.0.2.
#[rstest]
#[case("help=on", "Invalid parameter 'help'\n")]
#[case(
    "nohelp",
    "warning: short-form boolean option 'nohelp' deprecated\nPlease use help=off instead\nInvalid parameter 'help'\n"
)]
#[tokio::test]
async fn an_option_that_looks_like_help(#[case] option: &str, #[case] why: &str) {
    let line = format!("chardev-add null,id=c,{option}");
    assert_eq!(
        answer(recorded("10.0-x86_64-q35"), &line).await,
        format!("{why}Error: Parsing chardev args failed\n")
    );
}

/// Questions for types and their properties are the built-in's, where it may be asked.
#[rstest]
#[case("device_add help", true)]
#[case("device_add edu,help", true)]
#[case("device_add edu,dma_mask=1", false)]
#[tokio::test]
async fn questions_for_the_built_in(#[case] line: &str, #[case] is_asked: bool) {
    let asked = Requests::default();
    let mock = qemu("10.0.2")
        .command("device-list-properties", json!([]))
        .command("qom-list-types", json!([]))
        .command("device_add", json!({}));
    let mock = asked.of(mock, "human-monitor-command", |_| {
        json!("theirs\r\n").into()
    });
    let (_server, stream) = mock.serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    let builder = Monitor::builder(Arc::new(client)).host(Arc::new(Unattended));
    let mut monitor = builder.build().await.unwrap();
    let mut text = String::new();
    run(&mut monitor, line, &mut text).await;
    let expected: &[Value] = if is_asked {
        &[json!({"command-line": line})]
    } else {
        &[]
    };
    assert_eq!(asked.seen(), expected, "{text}");
    assert_eq!(text, if is_asked { "theirs\n" } else { "" });
}

/// Whoever is between (a filter, a recording) may have no built-in monitor for a line: the line is
/// then one on a QEMU without it, and the next one is asked for again.
#[tokio::test]
async fn a_built_in_monitor_that_is_listed_and_not_there() {
    let asked = Requests::default();
    let mock = qemu("10.0.2").command("query-status", json!({"status": "running"}));
    let mock = asked.of(mock, "human-monitor-command", |arguments| {
        match arguments["command-line"].as_str() {
            Some("info mtree") => json!("theirs\r\n").into(),
            _ => Answer::error("CommandNotFound", "not here"),
        }
    });
    let (_server, stream) = mock.serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    let builder = Monitor::builder(Arc::new(client)).host(Arc::new(Unattended));
    let mut monitor = builder.build().await.unwrap();
    for (line, begins) in [
        ("help info status", "info status "),
        ("info registers", "info registers: blocked: "),
        ("info mtree", "theirs\n"),
    ] {
        let mut text = String::new();
        run(&mut monitor, line, &mut text).await;
        assert!(text.starts_with(begins), "{line}: {text}");
    }
    assert_eq!(asked.seen().len(), 3);
}

/// Snapshots in an image below another one may be the monitor's, which QMP does not show.
#[rstest]
#[case(
    "qcow2",
    true,
    "note: QMP does not show which nodes are the monitor's; their lists are left out\n"
)]
#[case("qcow2", false, "There is no snapshot available.\n")]
#[case("raw", true, "There is no snapshot available.\n")]
#[tokio::test]
async fn snapshots_in_an_image_below(
    #[case] driver: &str,
    #[case] has_snapshot: bool,
    #[case] expected: &str,
) {
    let snapshot = json!({
        "id": "1", "name": "s", "vm-state-size": 0, "date-sec": 0, "date-nsec": 0, "vm-clock-sec": 0, "vm-clock-nsec": 0
    });
    let snapshots = if has_snapshot {
        json!([snapshot])
    } else {
        json!([])
    };
    let nodes = json!([
        {
            "node-name": "top", "drv": "qcow2", "ro": false, "image": {},
            "children": [{"child": "backing", "node-name": "base"}]
        },
        {"node-name": "base", "drv": driver, "ro": false, "image": {"snapshots": snapshots}, "children": []}
    ]);
    let drives = json!([{
        "device": "d", "removable": false, "locked": false, "type": "unknown", "inserted": {"node-name": "top"}
    }]);
    let mock = qemu("10.1.0")
        .command("query-block", drives)
        .command("query-named-block-nodes", nodes);
    assert_eq!(answer(mock, "info snapshots").await, expected);
}
