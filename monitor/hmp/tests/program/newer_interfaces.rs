// SPDX-License-Identifier: GPL-2.0-or-later
//! Interfaces that QEMU gets after 11.1: used where `query-commands` offers them, before the
//! built-in monitor; without them the built-in answers where that is allowed, and else the line
//! says what is missing.

use crate::common::program::{Mock, run};
use mock_qmp::Answer;
use rstest::rstest;
use serde_json::{Value, json};

/// A line, the command that answers it, the arguments that it must get, and what is missing without
/// it.
#[rstest]
#[case("info network", "x-query-network", json!({}))]
#[case("info usernet", "x-query-usernet", json!({}))]
#[case("qemu-io disk0 \"read 0 512\"", "x-qemu-io", json!({"device": "disk0", "command": "read 0 512"}))]
#[case("qemu-io -d dev0 flush", "x-qemu-io", json!({"device": "dev0", "command": "flush", "qdev": true}))]
fn newer_interfaces_come_first(#[case] line: &str, #[case] command: &str, #[case] expected: Value) {
    let text = json!({"human-readable-text": "first\r\nsecond\r\n"});
    let mock = Mock::start_with(|mock| {
        let expected = expected.clone();
        mock.command_with("human-monitor-command", |_| {
            Answer::from(json!("the built-in\r\n"))
        })
        .command_with(command, move |arguments| {
            if *arguments == expected || arguments.is_null() && expected == json!({}) {
                Answer::from(text.clone())
            } else {
                Answer::error("GenericError", format!("got {arguments}"))
            }
        })
    });
    for more in [&[][..], &["--native-only"]] {
        let ran = run(mock.hmp().args(more).args(["-c", line]));
        assert_eq!(ran.stdout, "first\nsecond\n", "{ran:?}");
        assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    }
}

#[rstest]
#[case("info network", "x-query-network")]
#[case("info usernet", "x-query-usernet")]
#[case("qemu-io disk0 flush", "x-qemu-io")]
fn without_them_the_built_in_answers_or_the_gap_is_named(
    #[case] line: &str,
    #[case] missing: &str,
) {
    let mock = Mock::start_with(|mock| {
        mock.command_with("human-monitor-command", |arguments| {
            Answer::from(json!(format!(
                "built-in: {}\r\n",
                arguments["command-line"].as_str().unwrap()
            )))
        })
    });
    let ran = run(mock.hmp().args(["-c", line]));
    assert_eq!(ran.stdout, format!("built-in: {line}\n"), "{ran:?}");
    let ran = run(mock.hmp().args(["--native-only", "-c", line]));
    assert!(
        ran.stdout.contains("blocked") && ran.stdout.contains(missing),
        "{ran:?}"
    );
    assert_eq!(ran.code, Some(1));
}
