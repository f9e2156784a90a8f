// SPDX-License-Identifier: GPL-2.0-or-later
//! Options that are not right, and names that are others.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use crate::mock::{Mock, STATUS, machine, recordings, run, session};

#[rstest]
#[case(&["serve", "{}", "--listen", "unix:/nowhere/q"], "unix:/nowhere/q: No such file")]
#[case(&["record", "--qemu", "unix:/nowhere/q", "--listen", "unix:/nowhere/p", "--output", "/nowhere"], "unix:/nowhere/q: No such file")]
#[case(&["serve", "no-such-machine", "--listen", "unix:/tmp/q"], "no-such-machine")]
#[case(&["serve", "{}", "--listen", "unix:/tmp/q", "--map", "x=y"], "expected /RECORDED=/HERE")]
#[case(&["serve", "{}", "--listen", "unix:/tmp/q", "--ignore", "x"], "'x' is not COMMAND.MEMBER")]
#[case(&["serve", "{}", "--listen", "unix:/tmp/q", "--fault", "error:nth=0"], "nth=0")]
fn errors_name_what_they_are_about(#[case] arguments: &[&str], #[case] expected: &str) {
    let (_folder, session) = session(STATUS);
    let arguments: Vec<_> = arguments
        .iter()
        .map(|word| word.replace("{}", &session))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(expected), "{text}");
}

#[test]
fn names_and_folders_may_be_others_here() {
    let text = r#"{"format":1}
{"moment":1,"at":1}
{"request":{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"n","filename":"/recorded/disk"}},"at":1}
{"reply":{"return":{}},"at":1}
{"request":{"execute":"query-named-block-nodes"},"at":2}
{"reply":{"return":[{"node-name":"n","file":"/recorded/disk"}]},"at":2}
"#;
    let (_folder, session) = session(text);
    let mock = Mock::start(&[
        &session,
        "--mode",
        "strict",
        "--map",
        "/recorded=/here",
        "--ignore",
        "blockdev-add.node-name",
    ]);
    let mut client = mock.client();
    let node = json!({"driver": "file", "node-name": "mine", "filename": "/here/disk"});
    assert_eq!(client.ask("blockdev-add", node), json!({}));
    let nodes = client.ask("query-named-block-nodes", json!({}));
    assert_eq!(nodes, json!([{"node-name": "mine", "file": "/here/disk"}]));
    assert_eq!(mock.end().0, Some(0));
}

#[test]
fn a_folder_without_a_main_topic_says_which_there_are() {
    let folder = recordings().join("10.0-arm-virt");
    let folder = folder.to_str().unwrap();
    let output = run(&["serve", folder, "--listen", "unix:/tmp/never"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("one of its topics is to be named, as in ") && text.contains("mtree-virt"),
        "{text}"
    );
}

#[test]
fn reports_are_written_in_both_forms() {
    let mock = Mock::start(&[
        &machine(),
        "--mode",
        "free-reads",
        "--report",
        "json",
        "{}/report.json",
        "--report",
        "junit",
        "{}/report.xml",
    ]);
    mock.client().ask("query-nothing", json!({}));
    let (json, xml) = (mock.path("report.json"), mock.path("report.xml"));
    let end = Instant::now() + Duration::from_secs(5);
    while ![&json, &xml]
        .iter()
        .all(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains("query-nothing")))
    {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(mock.end().0, Some(1));
    let output = run(&[
        "serve",
        &machine(),
        "--listen",
        "unix:/tmp/never",
        "--report",
        "xml",
        "f",
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("'xml' is neither json nor junit"), "{text}");
}
