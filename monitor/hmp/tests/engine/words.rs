// SPDX-License-Identifier: GPL-2.0-or-later
//! What TAB lists of devices that no recording has.

use mock_qmp::{Answer, MockQmp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::on_mock;

/// Two cards with ids, one of them without a back end, one card without an id, and a disk.
fn devices() -> MockQmp {
    let child = |name: &str, kind: &str| json!({"name": name, "type": format!("child<{kind}>")});
    let list = move |arguments: &Value| {
        let list = match arguments["path"].as_str().unwrap() {
            "/machine/peripheral" => vec![
                child("card", "e1000"),
                child("lone", "e1000"),
                child("disk", "virtio-blk-pci"),
            ],
            "/machine/peripheral-anon" => vec![child("device[0]", "rtl8139")],
            path if path.ends_with("/disk") => vec![json!({"name": "drive", "type": "str"})],
            _ => vec![json!({"name": "netdev", "type": "str"})],
        };
        Answer::from(json!(list))
    };
    let get = |arguments: &Value| {
        let path = arguments["path"].as_str().unwrap();
        Answer::from(match arguments["property"].as_str().unwrap() {
            "netdev" if path.ends_with("/card") => json!("net0"),
            "netdev" if path.ends_with("/lone") => json!(""),
            "netdev" => json!("net1"),
            "hotpluggable" => json!(!path.ends_with("/disk")),
            _ => json!(true),
        })
    };
    MockQmp::scripted()
        .command_with("qom-list", list)
        .command_with("qom-get", get)
        .command("query-rx-filter", json!([]))
}

async fn listed(mock: MockQmp, line: &str) -> Vec<String> {
    let (_server, mut monitor) = on_mock(mock).await;
    monitor.complete(line, line.len()).await.candidates
}

#[rstest]
#[case("netdev_del ", &["net0", "net1"])]
#[case("set_link ", &["card", "lone", "net0", "net1", "rtl8139.0"])]
#[case("set_link l", &["lone"])]
#[case("device_del ", &["card", "lone"])]
#[tokio::test]
async fn devices_by_what_they_are(#[case] line: &str, #[case] expected: &[&str]) {
    let mock = ["netdev_del", "set_link", "device_del"]
        .iter()
        .fold(devices(), |mock, name| mock.command(name, json!({})));
    assert_eq!(listed(mock, line).await, expected);
}

/// CPUs of these targets are made with the machine.
#[rstest]
#[case("riscv64", false)]
#[case("aarch64", false)]
#[case("arm", false)]
#[case("ppc64", false)]
#[case("x86_64", true)]
#[case("s390x", true)]
#[tokio::test]
async fn types_of_cpus(#[case] arch: &str, #[case] listed_here: bool) {
    let types = |arguments: &Value| {
        Answer::from(match arguments["implements"].as_str().unwrap() {
            "device" => json!([{"name": "some-cpu"}, {"name": "some-nic"}, {"name": "some-board"}]),
            _ => json!([{"name": "some-board"}]),
        })
    };
    let mock = MockQmp::scripted()
        .command("query-target", json!({"arch": arch}))
        .command("device_add", json!({}))
        .command("device-list-properties", json!([]))
        .command_with("qom-list-types", types);
    let expected: &[&str] = match listed_here {
        true => &["some-cpu", "some-nic"],
        false => &["some-nic"],
    };
    assert_eq!(listed(mock, "device_add some").await, expected);
}

/// The built-in stops at 256 candidates; people are told how many there are.
#[tokio::test]
async fn more_than_the_built_in_lists() {
    let types = |arguments: &Value| {
        let count = match arguments["implements"].as_str().unwrap() {
            "device" => 300,
            _ => 0,
        };
        let names = (0..count).map(|number| json!({"name": format!("some-{number}")}));
        Answer::from(Value::Array(names.collect()))
    };
    let mock = MockQmp::scripted()
        .command("query-target", json!({"arch": "x86_64"}))
        .command("device_add", json!({}))
        .command("device-list-properties", json!([]))
        .command_with("qom-list-types", types);
    let (_server, mut monitor) = on_mock(mock).await;
    let line = "device_add some";
    let listed = monitor.complete(line, line.len()).await.candidates;
    assert_eq!(listed.len(), 256);
    let offered = monitor.completer().offers(line).await.items;
    assert_eq!(offered.len(), 300);
}
