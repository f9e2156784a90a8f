// SPDX-License-Identifier: GPL-2.0-or-later
//! `help` and `info` without a sub-command: what the built-in lists, in its order, with our
//! sentences.

use crate::common::engine::on_mock;
use mock_qmp::MockQmp;
use serde_json::json;

async fn answer(version: &str, line: &str) -> String {
    answer_of("x86_64", version, line).await
}

async fn answer_of(arch: &str, version: &str, line: &str) -> String {
    let mock = MockQmp::scripted().version(version);
    let mock = mock.command("query-target", json!({ "arch": arch }));
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    crate::common::engine::run(&mut monitor, line, &mut answer).await;
    answer
}

/// The first words of each line.
fn names(answer: &str) -> Vec<&str> {
    let lines = answer.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| line.split(" -- ").next().unwrap())
        .collect()
}

#[tokio::test]
async fn all_commands_are_listed() {
    for (version, line) in [("10.0.2", "help"), ("10.0.2", "help "), ("10.0.2", "? ")] {
        let answer = answer(version, line).await;
        let names = names(&answer);
        assert!(names.len() > 100, "{answer}");
        assert_eq!(
            names[0].split(' ').next(),
            Some("announce_self"),
            "{answer}"
        );
        assert!(names.contains(&"stop|s "), "{answer}");
        let info = names.iter().filter(|n| n.starts_with("info "));
        assert_eq!(info.count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn info_is_listed_by_itself_and_by_help() {
    let info = answer("10.0.2", "info").await;
    assert_eq!(info, answer("10.0.2", "help info").await);
    assert_eq!(info, answer("10.0.2", "help \"info\"").await);
    let names = names(&info);
    assert!(names.iter().all(|name| name.starts_with("info ")), "{info}");
    assert!(names.contains(&"info block [-n] [-v] [device]"), "{info}");
}

#[tokio::test]
async fn one_command_is_told_by_any_of_its_names() {
    let stop = answer("10.0.2", "help stop").await;
    assert!(stop.starts_with("stop|s  -- "), "{stop}");
    for line in ["help s", "help stop extra words", "help \"stop\"", "? s"] {
        assert_eq!(answer("10.0.2", line).await, stop, "{line}");
    }
    let block = answer("10.0.2", "help info block").await;
    assert!(block.starts_with("info block "), "{block}");
    assert_eq!(block.lines().count(), 1);
    for (line, expected) in [
        ("help nosuch", "unknown command: 'nosuch'\n"),
        ("help info nosuch", "unknown command: 'info nosuch'\n"),
        ("help x/i", "unknown command: 'x/i'\n"),
        // Seventeen words, and a quote that does not end.
        ("help a b c d e f g h i j k l m n o p q", ""),
        ("help \"stop", ""),
    ] {
        assert_eq!(answer("10.0.2", line).await, expected, "{line}");
    }
    let sixteen = answer("10.0.2", "help s b c d e f g h i j k l m n o p").await;
    assert_eq!(sixteen, stop);
}

/// QEMU's table ends these with a line end of their own.
#[tokio::test]
async fn two_sentences_have_a_blank_line_behind() {
    for (arch, version, blank) in [("x86_64", "7.2.22", 0), ("s390x", "7.2.22", 2)] {
        let list = answer_of(arch, version, "help").await;
        assert_eq!(list.matches("\n\n").count(), blank, "{list}");
    }
    let skeys = answer_of("s390x", "10.0.2", "help dump-skeys").await;
    assert!(
        skeys.starts_with("dump-skeys") && skeys.ends_with("\n\n"),
        "{skeys}"
    );
    let skeys = answer("10.0.2", "help dump-skeys").await;
    assert_eq!(skeys, "unknown command: 'dump-skeys'\n");
}

#[tokio::test]
async fn log_items_are_those_of_the_release() {
    let items = |answer: &str| {
        let lines = answer.lines().skip(1);
        lines
            .map(|l| l.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let old = items(&answer("7.2.22", "help log").await);
    let new = items(&answer("11.1.3", "help log").await);
    assert!(old.contains(&"out_asm".to_owned()), "{old:?}");
    assert!(!old.contains(&"op_plugin".to_owned()), "{old:?}");
    assert!(new.contains(&"op_plugin".to_owned()), "{new:?}");
    let first = items(&answer("8.0.0", "help log").await);
    for (version, shown) in [
        ("8.0.0", [false, false, false]),
        ("8.1.0", [true, false, false]),
        ("9.1.0", [true, true, false]),
        ("10.0.2", [true, true, true]),
    ] {
        let items = items(&answer(version, "help log").await);
        let has = ["vpu", "op_plugin", "invalid_mem"].map(|name| items.iter().any(|i| i == name));
        assert_eq!(has, shown, "{version}");
    }
    // The table of 7.2 has a line end too many behind one item.
    let after_plugin = |items: &[String]| {
        let at = items.iter().position(|item| item == "plugin").unwrap();
        items[at + 1].clone()
    };
    assert_eq!(after_plugin(&old), "");
    assert_eq!(after_plugin(&first), "strace");
    let extra = answer("11.1.3", "help log x").await;
    assert!(extra.starts_with("log "), "{extra}");
}
