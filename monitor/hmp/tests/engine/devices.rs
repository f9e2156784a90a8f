// SPDX-License-Identifier: GPL-2.0-or-later
//! Devices and objects of VMs that no recording has: values that QEMU wants otherwise than its
//! lists say, links, drives.

use crate::common::engine::{Requests, on_mock, refusal};
use mock_qmp::{Answer, MockQmp, Recording};
use rstest::rstest;
use serde_json::{Value, json};

async fn answer(mock: MockQmp, line: &str) -> String {
    let mock = mock.command("query-target", json!({"arch": "x86_64"}));
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    crate::common::engine::run(&mut monitor, line, &mut answer).await;
    answer
}

/// A device whose property "p" is listed as of type `listed`, which QEMU refuses with `wanted` as
/// long as it is a text.
fn device(requests: &Requests, listed: &'static str, wanted: &'static str) -> MockQmp {
    let mock = MockQmp::scripted().command(
        "device-list-properties",
        json!([{"name": "p", "type": listed}]),
    );
    requests.of(mock, "device_add", move |arguments| {
        if arguments["p"].is_string() {
            refusal(wanted)
        } else {
            json!({}).into()
        }
    })
}

// The sentences of 10.0.2's qobject-input-visitor.c.
const WANTS_BOOL: &str = "Invalid parameter type for 'p', expected: boolean";
const WANTS_INT: &str = "Invalid parameter type for 'p', expected: integer";
const WANTS_UINT: &str = "Parameter 'p' expects uint64";

#[rstest]
#[case("str", WANTS_BOOL, "on", json!(true))]
#[case("str", WANTS_INT, "-3", json!(-3))]
#[case("str", WANTS_UINT, "18446744073709551615", json!(u64::MAX))]
#[case("bool", WANTS_BOOL, "off", json!(false))]
#[tokio::test]
async fn a_device_s_option_gets_the_type_that_qemu_wants(
    #[case] listed: &'static str,
    #[case] wanted: &'static str,
    #[case] text: &str,
    #[case] sent: Value,
) {
    let requests = Requests::default();
    let line = format!("device_add edu,p={text}");
    assert_eq!(
        answer(device(&requests, listed, wanted), &line).await,
        "",
        "{line}"
    );
    assert_eq!(
        requests.seen().last(),
        Some(&json!({"driver": "edu", "p": sent})),
        "{line}"
    );
}

/// A wrong value is told only where QEMU has no other reason to refuse, as with 10.0.2's
/// `device_add e1000,bus=x,autonegotiation=maybe`.
#[rstest]
#[case("bool", WANTS_BOOL, "Error: Parameter 'p' expects 'on' or 'off'\n")]
#[case("bool", "Bus 'x' not found", "Error: Bus 'x' not found\n")]
#[case("str", WANTS_BOOL, "Error: Parameter 'p' expects 'on' or 'off'\n")]
#[case(
    "str",
    "Invalid parameter type for 'p', expected: array",
    "Error: Invalid parameter type for 'p', expected: array\n"
)]
#[case(
    "str",
    "Parameter 'p' expects an even number",
    "Error: Parameter 'p' expects an even number\n"
)]
#[tokio::test]
async fn another_reason_comes_before_a_wrong_value(
    #[case] listed: &'static str,
    #[case] refused: &'static str,
    #[case] expected: &str,
) {
    let requests = Requests::default();
    let mock = device(&requests, listed, refused);
    assert_eq!(answer(mock, "device_add edu,p=maybe").await, expected);
}

/// From 9.2 on QMP reads no texts where it wants numbers.
#[tokio::test]
async fn old_releases_get_texts() {
    for (version, sent) in [("9.1.3", json!("1")), ("9.2.0", json!(1))] {
        let requests = Requests::default();
        let mock = MockQmp::scripted().version(version).command(
            "device-list-properties",
            json!([{"name": "p", "type": "uint32"}]),
        );
        let mock = requests.of(mock, "device_add", |_| json!({}).into());
        assert_eq!(answer(mock, "device_add edu,p=1").await, "");
        assert_eq!(
            requests.seen(),
            [json!({"driver": "edu", "p": sent})],
            "{version}"
        );
    }
}

/// Types that a program built in are in no table.
#[tokio::test]
async fn types_that_are_in_no_table() {
    let types = |names: &[&str]| {
        let names: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        MockQmp::scripted()
            .command("qom-list-types", json!(names))
            .command("device_add", json!({}))
            .command("device-list-properties", json!([]))
    };
    let edu = "Misc devices:\nname \"edu\", bus PCI\n";
    let note = "QMP does not show the categories, buses and descriptions of some types, which are left out";
    assert_eq!(answer(types(&["edu"]), "info qdm").await, edu);
    assert_eq!(answer(types(&["edu"]), "device_add help").await, edu);
    let own = ["edu", "own-device"];
    assert_eq!(
        answer(types(&own), "info qdm").await,
        format!("{edu}note: {note}\n")
    );
    let refused = answer(types(&own), "device_add help").await;
    assert!(
        refused.contains(note) && !refused.contains("edu"),
        "{refused}"
    );
}

/// An object whose property "p" is declared as of type `declared` and takes anything but texts.
fn object(requests: &Requests, declared: &'static str, wanted: &'static str) -> MockQmp {
    let mock = MockQmp::scripted()
        .command("qom-list", json!([{"name": "p", "type": declared}]))
        .command("qom-get", json!(0));
    requests.of(mock, "qom-set", move |arguments| {
        if arguments["value"].is_string() {
            refusal(&format!(
                "Invalid parameter type for 'p', expected: {wanted}"
            ))
        } else {
            json!({}).into()
        }
    })
}

#[rstest]
#[case("OwnType", "integer", "-7", Ok(json!(-7)))]
#[case("OwnType", "boolean", "yes", Ok(json!(true)))]
#[case("OwnType", "number", "1.5", Ok(json!(1.5)))]
#[case("OwnType", "array", "0-2,5", Ok(json!([0, 1, 2, 5])))]
#[case("int", "array", "1,3", Ok(json!([1, 3])))]
#[case("int", "integer", "x", Err("Error: Parameter 'p' expects int64\n"))]
#[case("OwnType", "integer", "x", Err("Error: Parameter 'p' expects int64\n"))]
#[case(
    "OwnType",
    "boolean",
    "x",
    Err("Error: Parameter 'p' expects 'on' or 'off'\n")
)]
#[case(
    "OwnType",
    "number",
    "x",
    Err("Error: Invalid parameter type for 'p', expected: number\n")
)]
#[case(
    "OwnType",
    "object",
    "x",
    Err("Error: Invalid parameter type for 'p', expected: object\n")
)]
#[tokio::test]
async fn a_property_gets_the_type_that_qemu_wants(
    #[case] declared: &'static str,
    #[case] wanted: &'static str,
    #[case] text: &str,
    #[case] expected: Result<Value, &str>,
) {
    let requests = Requests::default();
    let mock = object(&requests, declared, wanted);
    let answer = answer(mock, &format!("qom-set /o p {text}")).await;
    match expected {
        Ok(value) => {
            assert_eq!(answer, "");
            assert_eq!(requests.seen().last().unwrap()["value"], value);
        }
        Err(text) => assert_eq!(answer, text),
    }
}

/// A machine with a link, which reads as `target`.
fn linked(target: Answer) -> MockQmp {
    let list = |arguments: &Value| {
        let list = match arguments["path"].as_str().unwrap() {
            "/machine" => json!([
                {"name": "disk", "type": "child<edu>"},
                {"name": "boot", "type": "link<edu>"}
            ]),
            _ => json!([{"name": "type", "type": "string"}]),
        };
        Answer::from(list)
    };
    MockQmp::scripted()
        .command_with("qom-list", list)
        .command_with("qom-get", move |arguments| {
            match arguments["property"].as_str().unwrap() {
                "type" => json!("edu").into(),
                "machine" => json!("/machine").into(),
                "boot" => target.clone(),
                _ => refusal("no such property"),
            }
        })
}

/// A link leads to its object; one that changed since QEMU was asked whether it is there is shown
/// under its own name.
#[tokio::test]
async fn links_lead_to_objects() {
    for (target, expected) in [
        (json!("/machine/disk").into(), "/disk (edu)\n"),
        (json!("").into(), "/boot (edu)\n"),
        (
            refusal("Property 'q35-machine.boot' not found"),
            "/boot (edu)\n",
        ),
    ] {
        let answer = answer(linked(target), "info qom-tree /machine/boot").await;
        assert_eq!(answer, expected);
    }
}

/// Drives that a device uses can't be removed; others lose their image only.
#[tokio::test]
async fn drives_that_are_removed() {
    let drives = || {
        let requests = Requests::default();
        let mock = MockQmp::scripted()
            .command("query-named-block-nodes", json!([]))
            .command("blockdev-del", refusal("no node"))
            .command("x-debug-query-block-graph", json!({"nodes": [], "edges": []}))
            .command(
                "query-block",
                json!([
                    {"device": "", "qdev": "/machine/peripheral/d", "removable": false, "locked": false, "type": "unknown"},
                    {"device": "used", "qdev": "u", "removable": false, "locked": false, "type": "unknown"},
                    {"device": "free", "removable": true, "locked": false, "type": "unknown"}
                ]),
            );
        let mock = requests.of(mock, "eject", |_| json!({}).into());
        (mock, requests)
    };
    for (line, start, ejected) in [
        ("drive_del free", "note: the image is closed", true),
        ("drive_del used", "drive_del: blocked: ", false),
        ("drive_del nosuch", "Device 'nosuch' not found", false),
        ("drive_del \"\"", "Device '' not found", false),
    ] {
        let (mock, requests) = drives();
        let answer = answer(mock, line).await;
        assert!(answer.starts_with(start), "{line}: {answer}");
        let expected: &[Value] = if ejected {
            &[json!({"device": "free", "force": true})]
        } else {
            &[]
        };
        assert_eq!(requests.seen(), expected, "{line}");
    }
}

fn recorded(name: &str) -> MockQmp {
    let path = format!("{}/../../recordings/{name}", env!("CARGO_MANIFEST_DIR"));
    MockQmp::from_recording(Recording::load(path).unwrap())
}

/// The base of a multiplexer that can't be made goes; chardev/char.c.
#[tokio::test]
async fn a_multiplexer_without_its_name() {
    let requests = Requests::default();
    let mock =
        requests.of(
            recorded("10.0-x86_64-q35"),
            "chardev-add",
            |arguments| match arguments["id"].as_str().unwrap() {
                "c-base" => json!({}).into(),
                id => refusal(&format!(
                    "Failed to add chardev '{id}': Chardev with id '{id}' already exists"
                )),
            },
        );
    let removed = Requests::default();
    let mock = removed.of(mock, "chardev-remove", |_| json!({}).into());
    assert_eq!(
        answer(mock, "chardev-add null,id=c,mux=on").await,
        "Error: attempt to add duplicate property 'c' to object (type 'container')\n"
    );
    assert_eq!(
        requests.seen()[1],
        json!({"id": "c", "backend": {"type": "mux", "data": {"chardev": "c-base"}}})
    );
    assert_eq!(removed.seen(), [json!({"id": "c-base"})]);
}

/// What a device of a release takes, and words of options that need no value.
#[tokio::test]
async fn options_of_character_devices() {
    let made = json!({"logappend": false});
    let on =
        "warning: short-form boolean option 'append' deprecated\nPlease use append=on instead\n";
    for (recording, line, backend, expected) in [
        (
            "7.2-x86_64-q35",
            "chardev-add pty,id=c,path=/tmp/p",
            json!({"type": "pty", "data": made}),
            "",
        ),
        (
            "10.0-x86_64-q35",
            "chardev-add pty,id=c,path=/tmp/p",
            json!({"type": "pty", "data": {"logappend": false, "path": "/tmp/p"}}),
            "",
        ),
        (
            "10.0-x86_64-q35",
            "chardev-add file,id=c,path=/tmp/f,append",
            json!({"type": "file", "data": {"logappend": false, "append": true, "out": "/tmp/f"}}),
            on,
        ),
    ] {
        let requests = Requests::default();
        let mock = requests.of(recorded(recording), "chardev-add", |_| json!({}).into());
        assert_eq!(answer(mock, line).await, expected, "{recording} {line}");
        assert_eq!(
            requests.seen(),
            [json!({"id": "c", "backend": backend})],
            "{recording} {line}"
        );
    }
}

/// What was secret is not read in order to write it anew.
#[tokio::test]
async fn a_secret_is_not_read() {
    for (kind, line) in [
        ("string", "qom-set /objects/s data hunter2"),
        ("string", "qom-set -j /objects/s data 'hunter2'"),
        ("str", "qom-set /d password hunter2"),
        ("Any", "qom-set /d password hunter2"),
    ] {
        let (read, written) = (Requests::default(), Requests::default());
        let mock = MockQmp::scripted().command(
            "qom-list",
            json!([{"name": "data", "type": kind}, {"name": "password", "type": kind}]),
        );
        let mock = read.of(mock, "qom-get", |_| json!("old").into());
        let mock = written.of(mock, "qom-set", |_| json!({}).into());
        let (_server, mut monitor) = on_mock(mock).await;
        let mut text = String::new();
        let ran = monitor.run_line(line, &mut text).await;
        assert_eq!(read.seen(), [json!(null); 0], "{line}: {ran:?} {text}");
        assert_eq!(written.seen().len(), 1, "{line}: {ran:?} {text}");
    }
}

/// QEMU ends where a GL device needs a module that is not installed, on every release.
#[tokio::test]
async fn gl_devices_need_their_module() {
    for (types, refused) in [
        (json!([]), true),
        (json!([{"name": "virtio-gpu-gl-device"}]), false),
    ] {
        let mock = MockQmp::scripted()
            .command("device_add", json!({}))
            .command("qom-list-types", types)
            .command("device-list-properties", json!([]));
        let text = answer(mock, "device_add virtio-gpu-gl-pci,help").await;
        assert_eq!(text.contains("of a GL device ends QEMU"), refused, "{text}");
        assert_eq!(text.contains("There are no options"), !refused, "{text}");
    }
}
