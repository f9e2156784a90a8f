// SPDX-License-Identifier: GPL-2.0-or-later
//! Machines of several topics.

use serde_json::json;

use crate::mock::{Mock, machine, program, recordings, run};

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
fn a_block_node_has_the_name_that_the_other_session_says() {
    let machine = machine();
    let mock = Mock::start(&[&machine, "--mode", "free-reads"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    let arguments =
        json!({"job-id": "j", "tag": "first", "vmstate": "#block999", "devices": ["#block999"]});
    assert_eq!(client.ask("snapshot-save", arguments), json!({}));
    let blocks = client.ask("query-block", json!({}));
    assert_eq!(blocks[0]["inserted"]["node-name"], "#block999");
    assert_eq!(mock.end().0, Some(0));
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
