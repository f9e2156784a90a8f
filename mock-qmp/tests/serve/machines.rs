// SPDX-License-Identifier: GPL-2.0-or-later
//! Machines of several topics.

use serde_json::json;

use crate::mock::{Mock, machine_of, program, recordings, run};

#[test]
fn machines_are_listed_and_found_by_name() {
    let output = program()
        .arg("list")
        .env("MOCK_QMP_RECORDINGS", recordings())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for release in ["7.2", "10.0", "11.1"] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{release}-x86_64-q35 ")));
        assert!(
            line.unwrap().contains("one machine of first, typed, main"),
            "{text}"
        );
    }
    let output = program()
        .args([
            "check",
            "7.2-x86_64-q35",
            "10.0-x86_64-q35",
            "11.1-x86_64-q35",
        ])
        .env("MOCK_QMP_RECORDINGS", recordings())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn a_block_node_has_one_name_in_all_sessions() {
    for release in ["7.2", "10.0", "11.1"] {
        let machine = machine_of(release);
        let mock = Mock::start(&[&machine, "--mode", "free-reads"]);
        let mut client = mock.client();
        client.ask("cont", json!({}));
        let blocks = client.ask("query-block", json!({}));
        let node = blocks[0]["inserted"]["node-name"].as_str().unwrap();
        assert!(node.starts_with("#block"), "{node}");
        // One that only the built-in monitor was asked, in a third session.
        let line = json!({"command-line": "info block -n"});
        let text = client.ask("human-monitor-command", line);
        assert!(
            text.as_str().unwrap().starts_with(&format!("{node}: ")),
            "{text}"
        );
        let save =
            |node: &str| json!({"job-id": "j", "tag": "t", "vmstate": node, "devices": [node]});
        let refused = client.ask("snapshot-save", save("#block999"));
        let refused = refused.as_str().unwrap();
        assert!(
            refused.contains("vmstate: \"#block999\", recorded: "),
            "{refused}"
        );
        assert_eq!(client.ask("snapshot-save", save(node)), json!({}));
        assert_eq!(mock.end().0, Some(1));
    }
}

#[test]
fn contradictions_between_topics_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str| {
        format!(
            "{{\"format\":1}}\n{{\"request\":{{\"execute\":\"query-name\"}},\"at\":1}}\n{{\"reply\":{{\"return\":{{\"name\":\"{name}\"}}}},\"at\":1}}\n"
        )
    };
    for topic in ["a", "b"] {
        std::fs::write(folder.path().join(format!("{topic}.qmp")), named(topic)).unwrap();
    }
    let description = "arch = \"x86_64\"\nmachine = \"q35\"\ntopics = [\"a\", \"b\"]\n[qemu]\nmajor = 10\nminor = 0\nmicro = 2\n";
    std::fs::write(folder.path().join("machine.toml"), description).unwrap();
    let output = run(&["check", folder.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("b.qmp:2: query-name is answered otherwise at") && text.contains("a.qmp:2"),
        "{text}"
    );
}
