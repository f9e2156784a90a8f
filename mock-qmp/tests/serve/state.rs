// SPDX-License-Identifier: GPL-2.0-or-later
//! The state that follows events and answers, and the report of what is not as recorded.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mock::{Client, Mock, STATUS, machine, machine_of, recordings, run, session};

#[test]
fn a_session_that_is_repeated_is_clean_in_strict_mode() {
    let (_folder, session) = session(STATUS);
    // The schema, by which the unknown command is refused before it is looked up.
    let schema =
        std::fs::read_to_string(recordings().join("schemas/2fd7c31f20045a12.json")).unwrap();
    std::fs::write(_folder.path().join("schema.json"), schema).unwrap();
    let mock = Mock::start(&[&session, "--mode", "strict"]);
    let mut client = mock.client();
    client.ask("query-status", json!({}));
    client.ask("cont", json!({}));
    client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"}));
    client.ask("device_del", json!({"id": "k"}));
    client.event("DEVICE_DELETED");
    assert_eq!(
        client.ask("no-such-command", json!({})),
        "The command no-such-command has not been found"
    );
    assert_eq!(mock.end(), (Some(0), String::new()));
}

#[test]
fn the_state_follows_events() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session]);
    let mut client = mock.client();
    let status = |client: &mut Client| client.ask("query-status", json!({}))["status"].take();
    assert_eq!(status(&mut client), "prelaunch");
    assert_eq!(
        client.ask("device_del", json!({"id": "k"})),
        "Device 'k' not found"
    );
    client.ask("cont", json!({}));
    assert_eq!(status(&mut client), "running");
    assert_eq!(
        client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"})),
        json!({})
    );
    assert_eq!(
        client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"})),
        "Duplicate device ID 'k'"
    );
    assert_eq!(client.ask("device_del", json!({"id": "k"})), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "k");
    assert_eq!(
        client.ask("device_del", json!({"id": "k"})),
        "Device 'k' not found"
    );
}

#[test]
fn a_change_that_was_left_out_is_reported_as_the_cause() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[
        &session,
        "--mode",
        "free-reads",
        "--report",
        "json",
        "{}/report.json",
    ]);
    let mut client = mock.client();
    let refused = client.ask("device_add", json!({"driver": "usb-kbd", "id": "k"}));
    let refused = refused.as_str().unwrap();
    assert!(
        refused.contains("left out: ") && refused.contains("\"execute\":\"cont\""),
        "{refused}"
    );
    client.ask("device_add", json!({"driver": "usb-mouse", "id": "k"}));
    let report = mock.path("report.json");
    let end = Instant::now() + Duration::from_secs(5);
    let report = loop {
        let text = std::fs::read_to_string(&report).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if value["report"]["unmatched"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
        {
            break value;
        }
        assert!(Instant::now() < end, "{text}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let second = &report["report"]["unmatched"][1];
    assert_eq!(
        second["differences"][0],
        json!({"member": "driver", "sent": "\"usb-mouse\"", "recorded": "\"usb-kbd\""})
    );
    let (code, text) = mock.end();
    assert_eq!(code, Some(1));
    assert!(
        text.starts_with("left out: ") && text.contains("1 request follow"),
        "{text}"
    );
    assert!(
        text.contains("driver: \"usb-mouse\", recorded: \"usb-kbd\""),
        "{text}"
    );
}

#[test]
fn a_report_is_junit_too() {
    let machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    let path = report.to_str().unwrap();
    let mock = Mock::start(&[&machine, "--mode", "free-reads", "--report", "junit", path]);
    let mut client = mock.client();
    client.ask("query-nothing", json!({}));
    assert_eq!(mock.end().0, Some(1));
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(
        text.contains("failures=\"1\"") && text.contains("query-nothing"),
        "{text}"
    );
}

fn status(client: &mut Client) -> Value {
    client.ask("query-status", json!({}))["status"].take()
}

fn line(client: &mut Client, line: &str) -> Value {
    client.ask("human-monitor-command", json!({"command-line": line}))
}

#[test]
fn the_run_state_is_what_the_client_made_of_it() {
    for release in ["7.2", "10.0", "11.1"] {
        let machine = machine_of(release);
        let mock = Mock::start(&[&machine]);
        let mut client = mock.client();
        // What is recorded of a running machine leaves a stopped one as it is.
        for (command, arguments) in [
            ("device_add", json!({"driver": "usb-kbd", "id": "k"})),
            (
                "send-key",
                json!({"keys": [{"type": "qcode", "data": "ret"}]}),
            ),
        ] {
            assert_eq!(client.ask(command, arguments), json!({}), "{release}");
            assert_eq!(status(&mut client), "prelaunch");
        }
        assert_eq!(line(&mut client, "savevm first"), "");
        assert_eq!(status(&mut client), "prelaunch");
        assert_eq!(
            line(&mut client, "info status"),
            "VM status: paused (prelaunch)\r\n"
        );
        client.ask("cont", json!({}));
        client.ask("stop", json!({}));
        assert_eq!(status(&mut client), "paused");
        // `main_loop_should_exit` of QEMU.
        client.ask("system_reset", json!({}));
        assert_eq!(status(&mut client), "prelaunch", "{release}");
        assert_eq!(
            line(&mut client, "info status"),
            "VM status: paused (prelaunch)\r\n"
        );
        assert_eq!(mock.end().0, Some(0));
    }
}

#[test]
fn events_that_say_nothing_new_are_not_sent() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    let mut events = |command: &str| {
        client.send(&json!({"execute": command}));
        let mut names = Vec::new();
        loop {
            let message = client.line();
            match message["event"].as_str() {
                Some(name) => names.push(name.to_owned()),
                None => return names,
            }
        }
    };
    assert_eq!(events("stop"), [""; 0]);
    assert_eq!(events("cont"), ["RESUME"]);
    assert_eq!(events("cont"), [""; 0]);
    assert_eq!(events("stop"), ["STOP"]);
}

#[test]
fn two_devices_that_one_was_recorded_of_are_two() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    let add = |id: &str| json!({"driver": "usb-kbd", "id": id});
    for id in ["a1", "kbd1", "b2"] {
        assert_eq!(client.ask("device_add", add(id)), json!({}), "{id}");
    }
    assert_eq!(
        client.ask("device_add", add("a1")),
        "Duplicate device ID 'a1'"
    );
    let names = |client: &mut Client| -> Vec<String> {
        let listed = client.ask("qom-list", json!({"path": "/machine/peripheral"}));
        let names = listed.as_array().unwrap().iter();
        let names = names.map(|one| one["name"].as_str().unwrap().to_owned());
        names
            .filter(|name| ["a1", "b2", "kbd1"].contains(&name.as_str()))
            .collect()
    };
    let mut all = names(&mut client);
    all.sort();
    assert_eq!(all, ["a1", "b2", "kbd1"]);
    let usb = line(&mut client, "info usb").as_str().unwrap().to_owned();
    for id in ["a1", "b2", "kbd1", "tablet0"] {
        assert!(usb.contains(&format!("ID: {id}\r\n")), "{usb}");
    }
    assert_eq!(
        client.ask(
            "qom-get",
            json!({"path": "/machine/peripheral/b2", "property": "type"})
        ),
        "usb-kbd"
    );
    assert_eq!(client.ask("device_del", json!({"id": "kbd1"})), json!({}));
    let gone = client.event("DEVICE_DELETED");
    assert_eq!(
        gone,
        json!({"device": "kbd1", "path": "/machine/peripheral/kbd1"})
    );
    assert_eq!(client.ask("device_del", json!({"id": "b2"})), json!({}));
    let gone = client.event("DEVICE_DELETED");
    assert_eq!(
        gone,
        json!({"device": "b2", "path": "/machine/peripheral/b2"})
    );
    assert_eq!(names(&mut client), ["a1"]);
    assert_eq!(
        client.ask("device_del", json!({"id": "b2"})),
        "Device 'b2' not found"
    );
    // Nobody ever spoke of it.
    assert_eq!(
        client.ask("device_del", json!({"id": "zz"})),
        "Device 'zz' not found"
    );
}

#[test]
fn the_built_in_monitors_lines_are_requests_too() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    assert_eq!(line(&mut client, "device_add usb-kbd,id=z9"), "");
    assert_eq!(
        line(&mut client, "device_add usb-kbd,id=z9"),
        "Error: Duplicate device ID 'z9'\r\n"
    );
    let usb = client.ask("x-query-usb", json!({}))["human-readable-text"].take();
    assert!(usb.as_str().unwrap().contains("ID: z9\n"), "{usb}");
    assert_eq!(client.ask("device_del", json!({"id": "z9"})), json!({}));
    assert_eq!(client.event("DEVICE_DELETED")["device"], "z9");
    assert_eq!(
        line(&mut client, "device_del z9"),
        "Error: Device 'z9' not found\r\n"
    );
    assert_eq!(
        line(&mut client, "loadvm nosuch"),
        "Error: Snapshot 'nosuch' does not exist in one or more devices\r\n"
    );
}

#[test]
fn snapshots_are_where_they_were_made() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    let tags = |client: &mut Client| -> Vec<Value> {
        let mut tags = Vec::new();
        for arguments in [json!({}), json!({"flat": true})] {
            let nodes = client.ask("query-named-block-nodes", arguments);
            tags.push(nodes[0]["image"]["snapshots"][0]["name"].clone());
        }
        let blocks = client.ask("query-block", json!({}));
        tags.push(blocks[0]["inserted"]["image"]["snapshots"][0]["name"].clone());
        let text = line(client, "info snapshots");
        let text = text.as_str().unwrap();
        let word = text
            .lines()
            .nth(2)
            .and_then(|line| line.split_whitespace().nth(1));
        tags.push(word.map_or(Value::Null, Value::from));
        tags
    };
    assert_eq!(tags(&mut client), vec![Value::Null; 4]);
    line(&mut client, "savevm first");
    assert_eq!(tags(&mut client), ["first"; 4]);
    let node = client.ask("query-block", json!({}))[0]["inserted"]["node-name"].take();
    let delete = json!({"job-id": "d", "tag": "first", "devices": [node]});
    assert_eq!(client.ask("snapshot-delete", delete.clone()), json!({}));
    assert_eq!(
        client.ask("snapshot-delete", delete),
        "Job ID 'd' already in use"
    );
    assert_eq!(tags(&mut client), vec![Value::Null; 4]);
    assert_eq!(
        client.ask("job-dismiss", json!({"id": "zz"})),
        "Job not found"
    );
}

#[test]
fn what_follows_from_a_changed_request_is_told_with_it() {
    let (_folder, session) = session(STATUS);
    let mock = Mock::start(&[&session, "--mode", "free-reads"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    client.ask("device_add", json!({"driver": "usb-mouse", "id": "k"}));
    client.ask("device_del", json!({"id": "k"}));
    let (code, text) = mock.end();
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("not as recorded: ") && lines[0].contains("usb-kbd"),
        "{text}"
    );
    assert!(lines[1].contains("usb-mouse"), "{text}");
    assert_eq!(lines[2], "    driver: \"usb-mouse\", recorded: \"usb-kbd\"");
    assert!(
        lines[3].starts_with("  1 request follows from it") && lines[3].contains("device_del"),
        "{text}"
    );
    assert_eq!(lines.len(), 4, "{text}");
}

#[test]
fn a_migration_that_is_over_is_told_whole() {
    for release in ["7.2", "10.0", "11.1"] {
        let machine = machine_of(release);
        let mock = Mock::start(&[&machine, "--files", "none"]);
        let mut client = mock.client();
        client.ask("cont", json!({}));
        let events = json!({"capabilities": [{"capability": "events", "state": true}]});
        client.ask("migrate-set-capabilities", events);
        let uri = if release == "7.2" {
            "exec:cat > /tmp/x/state"
        } else {
            "file:/tmp/x/state"
        };
        client.ask("migrate", json!({"uri": uri}));
        while client.event("MIGRATION")["status"] != "completed" {}
        let told = client.ask("query-migrate", json!({}));
        assert_eq!(told["status"], "completed");
        assert!(
            told["ram"].is_object() && told["total-time"].is_u64(),
            "{release}: {told}"
        );
        assert_eq!(status(&mut client), "postmigrate");
    }
}

fn node(name: &str, file: &str) -> Value {
    let file = json!({"driver": "file", "filename": format!("/tmp/mock-qmp-first/{file}")});
    json!({"driver": "raw", "node-name": name, "file": file})
}

#[test]
fn names_that_the_recording_has_for_others_are_the_clients() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    // The recording has them the other way round.
    client.ask("blockdev-add", node("medium0", "extra.raw"));
    client.ask("blockdev-add", node("extra0", "cd.iso"));
    let stick = json!({"driver": "usb-storage", "id": "p", "drive": "medium0"});
    assert_eq!(client.ask("device_add", stick), json!({}));
    let blocks = client.ask("query-block", json!({}));
    let of_stick = blocks.as_array().unwrap().iter().find(|block| {
        let qdev = block["qdev"].as_str().unwrap_or_default();
        qdev.starts_with("/machine/peripheral/p/")
    });
    assert_eq!(
        of_stick.unwrap()["inserted"]["node-name"],
        "medium0",
        "{blocks}"
    );
    let text = line(&mut client, "info block");
    assert!(text.as_str().unwrap().contains("medium0: "), "{text}");
}

#[test]
fn what_is_a_word_of_qemus_stays_one() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    client.ask("netdev_add", json!({"type": "user", "id": "type"}));
    for id in ["info", "status", "usb-kbd", "block"] {
        let added = client.ask("device_add", json!({"driver": "usb-kbd", "id": id}));
        assert_eq!(added, json!({}), "{id}");
    }
    assert_eq!(line(&mut client, "info status"), "VM status: running\r\n");
    assert_eq!(status(&mut client), "running");
    let get = json!({"path": "/machine", "property": "type"});
    assert_eq!(client.ask("qom-get", get), "pc-q35-10.0-machine");
    let text = line(&mut client, "info block");
    assert!(text.as_str().unwrap().starts_with("disk0 "), "{text}");
}

#[test]
fn what_is_in_use_or_there_or_gone_is_known() {
    for release in ["7.2", "10.0", "11.1"] {
        let machine = machine_of(release);
        let mock = Mock::start(&[&machine]);
        let mut client = mock.client();
        client.ask("cont", json!({}));
        client.ask("blockdev-add", node("wood", "extra.raw"));
        let stick = json!({"driver": "usb-storage", "id": "pen", "drive": "wood"});
        assert_eq!(client.ask("device_add", stick), json!({}), "{release}");
        let delete = json!({"node-name": "wood"});
        assert_eq!(
            client.ask("blockdev-del", delete.clone()),
            "Node wood is in use"
        );
        client.ask("device_del", json!({"id": "pen"}));
        client.event("DEVICE_DELETED");
        assert_eq!(client.ask("blockdev-del", delete), json!({}));
        let get = json!({"path": "/machine/peripheral/pen", "property": "type"});
        assert_eq!(
            client.ask("qom-get", get),
            "Device '/machine/peripheral/pen' not found"
        );
        // What the machine has from the start.
        assert_eq!(
            client.ask("object-add", json!({"qom-type": "iothread", "id": "io0"})),
            "attempt to add duplicate property 'io0' to object (type 'container')"
        );
        let ring = json!({"type": "ringbuf", "data": {"size": 4096}});
        assert_eq!(
            client.ask("chardev-add", json!({"id": "ring0", "backend": ring})),
            "Chardev with id 'ring0' already exists"
        );
        assert_eq!(
            line(&mut client, "device_add usb-kbd,id=xhci"),
            "Error: Duplicate device ID 'xhci'\r\n"
        );
        // What comes is in the built-in monitor's lines too.
        client.ask("netdev_add", json!({"type": "user", "id": "lan9"}));
        let text = line(&mut client, "info network");
        assert!(
            text.as_str().unwrap().contains("lan9: "),
            "{release}: {text}"
        );
        client.ask("object-add", json!({"qom-type": "iothread", "id": "thr"}));
        let text = line(&mut client, "info iothreads");
        assert!(text.as_str().unwrap().contains("thr:"), "{release}: {text}");
    }
}

#[test]
fn files_have_the_name_of_the_latest() {
    let mock = Mock::start(&[&machine()]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    client.ask("blockdev-open-tray", json!({"id": "cdrom0"}));
    let text = line(&mut client, "info block");
    assert!(text.as_str().unwrap().contains("tray open"), "{text}");
    for name in ["cd.iso.1", "cd.iso.2", "cd.iso/tmp/mock-qmp-first/cd.iso"] {
        let file = format!("/tmp/mock-qmp-first/{name}");
        let change = json!({"id": "cdrom0", "filename": file, "format": "raw"});
        assert_eq!(client.ask("blockdev-change-medium", change), json!({}));
        let text = line(&mut client, "info block");
        assert!(
            text.as_str().unwrap().contains(&format!(": {file} (raw)")),
            "{text}"
        );
    }
}

#[test]
fn a_strict_replay_refuses_what_qemu_would() {
    let strict = || {
        let mock = Mock::start(&[&machine(), "--mode", "strict"]);
        let mut client = mock.client();
        client.ask("cont", json!({}));
        (mock, client)
    };
    let (mock, mut client) = strict();
    assert_eq!(
        client.ask("blockdev-add", node("a", "extra.raw")),
        json!({})
    );
    assert_eq!(
        client.ask("blockdev-add", node("a", "cd.iso")),
        "Duplicate nodes with node-name='a'"
    );
    let (code, text) = mock.end();
    assert_eq!(code, Some(1));
    assert!(text.contains("not possible in this state"), "{text}");

    let (_mock, mut client) = strict();
    // The recording adds one of this name once more, in vain; the second here is another.
    for id in ["one", "two"] {
        let add = json!({"driver": "usb-kbd", "id": id});
        assert_eq!(client.ask("device_add", add), json!({}));
    }
}

#[test]
fn the_root_is_not_mapped() {
    for mapping in ["/a=/", "/=/x", "//=/x"] {
        let output = run(&[
            "serve",
            &machine(),
            "--listen",
            "unix:/tmp/never",
            "--map",
            mapping,
        ]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("a folder is mapped, not the root"), "{text}");
    }
    let mock = Mock::scripted(
        "map = { \"/\" = \"/x\" }\n",
        &[&machine(), "--files", "none"],
    );
    let mut client = mock.client();
    client.ask(
        "screendump",
        json!({"filename": "/tmp/mock-qmp-first/screen.ppm"}),
    );
    assert_eq!(status(&mut client), "prelaunch");
}

#[test]
fn a_migration_leaves_the_machine_once() {
    let mock = Mock::start(&[&machine(), "--files", "none"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    let uri = json!({"uri": "file:/tmp/mock-qmp-first/state"});
    assert_eq!(client.ask("migrate", uri.clone()), json!({}));
    let end = Instant::now() + Duration::from_secs(5);
    while status(&mut client) != "postmigrate" {
        assert!(Instant::now() < end);
    }
    assert_eq!(
        client.ask("migrate", uri),
        "Can't migrate the vm that was paused due to previous migration"
    );
}
