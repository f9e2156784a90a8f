// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt's own commands, its settings, and questions before what may lose something.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use mock_qmp::Answer;
use serde_json::json;

use crate::common::program::{Mock, hmp, run};
use crate::common::screen::Screen;

#[test]
fn qmp_shows_the_reply() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("qom-get", |request| {
            let path = request["path"].as_str().unwrap_or_default();
            Answer::from(json!({"path": path}))
        })
    });
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("qmp query-name");
    assert_eq!(rows, ["{", "  \"name\": \"vm\"", "}"]);
    let rows = screen.runs("qmp qom-get path=/machine property=type");
    assert_eq!(rows[1], "  \"path\": \"/machine\"");
    let rows = screen.runs(r#"qmp {"execute": "qom-get", "arguments": {"path": "/a"}}"#);
    assert_eq!(rows[1], "  \"path\": \"/a\"");
    let rows = screen.runs("qmp qom-get path=\"/a b\"");
    assert_eq!(rows[1], "  \"path\": \"/a b\"");
    let rows = screen.runs("connect nosuch");
    let text = "hmp: there is no socket and no running QEMU called 'nosuch'; 'vms' lists what runs";
    assert_eq!(rows.concat(), text);
    let rows = screen.runs("connect one x");
    assert_eq!(rows, ["hmp: 'x' is too much: connect goes to one VM"]);
    let rows = screen.runs("qmp nosuch");
    assert!(rows[0].contains("nosuch"), "{rows:?}");
    let rows = screen.runs("qmp query-name x");
    assert_eq!(rows, ["hmp: 'x' is not NAME=VALUE"]);
    screen.types("\x04");
    assert_eq!(screen.terminal.ends(), 1);
}

#[test]
fn explain_says_what_a_line_would_do() {
    let mock = Mock::start_with(|mock| mock.command("migrate", json!({})));
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("explain info name");
    assert_eq!(
        rows,
        [
            "command     info name",
            "route       native: QMP has the command",
            "QMP         query-name"
        ]
    );
    let rows = screen.runs("explain watch info name");
    assert_eq!(rows[0], "command     watch", "{rows:?}");
    assert!(
        rows[1].starts_with("route       the prompt's own: "),
        "{rows:?}"
    );
    let rows = screen.runs("explain info name x");
    assert!(rows.iter().any(|row| row.starts_with("error ")), "{rows:?}");
    let rows = screen.runs("explain migrate tcp:127.0.0.1:1");
    // Not that it is so.
    let hazard = rows.iter().find(|row| row.starts_with("hazard"));
    let start = "hazard      refused where that is so, unless --allow risky is given: migrate ";
    assert!(hazard.is_some_and(|row| row.starts_with(start)), "{rows:?}");
    screen.runs("explain stop");
    assert!(mock.changes.try_recv().is_err(), "nothing is done");
}

/// What lines may do to the VM is chosen at the prompt too, by a word.
#[test]
fn allow_chooses_what_lines_may_do() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--native-only"]);
    let risk = |rows: Vec<String>| rows[0].split(':').next().unwrap_or_default().to_owned();
    assert_eq!(risk(screen.runs("allow")), "safe");
    assert_eq!(screen.runs("allow pausing"), [""; 0]);
    assert_eq!(risk(screen.runs("allow")), "pausing");
    assert_eq!(
        screen.runs("allow all"),
        ["hmp: 'all' is none of safe, pausing, risky"]
    );
    assert_eq!(risk(screen.runs("allow")), "pausing");
    screen.runs("allow safe");
    assert_eq!(risk(screen.runs("allow")), "safe");
}

#[test]
fn apropos_finds_commands() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("apropos nosuchword");
    assert!(
        rows.len() == 1 && rows[0].starts_with("hmp: no command"),
        "{rows:?}"
    );
    let rows = screen.runs("apropos RESET");
    assert!(
        rows.iter().any(|row| row.starts_with("system_reset ")),
        "{rows:?}"
    );
}

#[test]
fn files_of_lines_are_run() {
    let mock = Mock::start();
    let file = mock.folder.path().join("lines");
    fs::write(&file, "# a comment\n\ninfo name\nprint 5\n").unwrap();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs(&format!("source {}", file.display()));
    assert_eq!(rows, ["(qemu) info name", "vm", "(qemu) print 5", "0x5"]);
    let rows = screen.runs("source /nowhere");
    assert!(
        rows[0].starts_with("hmp: can't read /nowhere: "),
        "{rows:?}"
    );
    // One that runs itself ends with Ctrl-C.
    fs::write(&file, format!("source {}\n", file.display())).unwrap();
    screen.types(&format!("source {}\r", file.display()));
    screen.shows("(qemu) source");
    screen.types("\x03");
    screen.is_at("(qemu)");
}

#[test]
fn a_line_is_watched_until_ctrl_c() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    screen.types("watch -n 0.1 info name\r");
    screen.shows("every 0.1 s: info name\nvm");
    let before = screen.terminal.all.len();
    screen.until("it again", |screen| {
        let more = String::from_utf8_lossy(&screen.terminal.all[before..]);
        more.matches("vm").count() > 2
    });
    screen.types("\x03");
    screen.is_at("(qemu)");
    for (line, why) in [
        (
            "watch stop",
            "that changes the VM: only a line that looks can be watched",
        ),
        ("watch info foo", "unknown command: 'info foo'"),
        (
            "watch info events",
            "'info events' is the prompt's own, and can't be watched",
        ),
        (
            "watch qmp query-status",
            "'qmp' is the prompt's own, and can't be watched",
        ),
        (
            "watch -n 0 info name",
            "'0' is not a number of seconds, 0.1 or more",
        ),
        ("watch", "a line is missing"),
    ] {
        assert_eq!(screen.runs(line), [format!("hmp: {why}")], "{line}");
    }
    assert!(mock.changes.try_recv().is_err(), "nothing is changed");
}

#[test]
fn of_a_long_answer_the_beginning_is_watched() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("human-monitor-command", |_| {
            let lines: String = (0..50).map(|n| format!("line {n}\r\n")).collect();
            Answer::from(json!(lines))
        })
    });
    let mut screen = Screen::start(&mock, &[]);
    screen.types("watch -n 0.1 info mtree\r");
    screen.shows("and 29 more lines");
    assert_eq!(screen.rows()[0], "every 0.1 s: info mtree");
    assert_eq!(screen.rows()[1], "line 0");
    screen.types("\x03");
    screen.is_at("(qemu)");
}

#[test]
fn the_prompts_own_commands_and_aliases_have_help() {
    let mock = Mock::start();
    let folder = mock.folder.path().join("hmp");
    fs::create_dir_all(&folder).unwrap();
    let aliases =
        "[aliases]\nnm = \"info name\"\n\"a b\" = \"stop\"\nquit = \"info name\"\nvms = \"stop\"\n";
    fs::write(folder.join("config.toml"), aliases).unwrap();
    let mut screen = Screen::start(&mock, &[]);
    screen.shows("hmp: the alias 'a b' is not used: its name is not one word");
    screen.shows("hmp: the alias 'quit' is not used: QEMU has a command of that name");
    screen.shows("hmp: the alias 'vms' is not used: the prompt has a command of that name");
    let rows = screen.runs("help watch");
    assert_eq!(
        rows,
        [
            "watch [-n seconds] line -- run a line that only looks again and again, until",
            "    Ctrl-C"
        ]
    );
    let rows = screen.runs("help info events");
    assert_eq!(rows, ["info events -- show the last 100 events"]);
    let rows = screen.runs("help nm");
    assert_eq!(rows[0], "nm -- short for 'info name'");
    assert!(rows[1].starts_with("info name "), "{rows:?}");
    let rows = screen.runs("explain nm");
    assert_eq!(rows[0], "command     info name");
    screen.types("watch -n 0.1 nm\r");
    screen.shows("every 0.1 s: info name\nvm");
    screen.types("\x03");
    screen.is_at("(qemu)");
}

#[test]
fn settings_are_read_and_printed() {
    let mock = Mock::start();
    let folder = mock.folder.path().join("hmp");
    fs::create_dir_all(&folder).unwrap();
    let config = folder.join("config.toml");
    fs::write(
        &config,
        "prompt = \"state\"\nevents = [\"STOP\"]\n[aliases]\nst = \"info name\"\nstop = \"cont\"\n",
    )
    .unwrap();
    let mut screen = Screen::of(crate::common::pty::Terminal::bare(&mock, "xterm", &[]));
    screen.is_at("vm running (qemu)");
    screen.types("st\r");
    screen.shows("(qemu) st\nvm\n");
    // A command of QEMU's is no alias.
    screen.types("stop\r");
    assert_eq!(mock.change(), "stop");
    drop(screen);
    let print = || {
        run(hmp()
            .arg("--print-config")
            .env("XDG_CONFIG_HOME", mock.folder.path()))
    };
    let printed = print();
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(printed.stdout.contains("prompt = \"state\""), "{printed:?}");
    fs::write(&config, "promt = 1\n").unwrap();
    let wrong = print();
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(
        wrong.stderr.contains("line 1: unknown field `promt`"),
        "{wrong:?}"
    );
    // The prompt is there all the same.
    let mut screen = Screen::of(crate::common::pty::Terminal::bare(&mock, "xterm", &[]));
    screen.shows("hmp/config.toml: line 1: unknown field");
    screen.is_at("(qemu)");
}

#[test]
fn what_may_lose_something_is_asked_about() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--confirm"]);
    screen.types("system_reset\r");
    screen.is_at("the guest is reset and loses what it has not written. Do it? (y/N)");
    screen.types("\r");
    screen.shows("hmp: not done");
    screen.is_at("(qemu)");
    assert!(mock.changes.try_recv().is_err());
    screen.types("system_reset\r");
    screen.is_at("the guest is reset and loses what it has not written. Do it? (y/N)");
    screen.types("y\r");
    assert_eq!(mock.change(), "system_reset");
    assert_eq!(screen.runs("info name"), ["vm"]);
    // The answer is no line of the history.
    screen.types("\x1b[A\x1b[A");
    screen.is_at("(qemu) system_reset");
}

#[test]
fn a_snapshot_that_is_replaced_is_asked_about() {
    let nodes = json!([{"image": {"snapshots": [{"name": "a", "id": "7", "vm-state-size": 1}]}}]);
    let mock = Mock::start_with(|mock| mock.command("query-named-block-nodes", nodes));
    let mut screen = Screen::start(&mock, &["--confirm"]);
    screen.types("savevm a\r");
    screen.is_at("the snapshot a is replaced. Do it? (y/N)");
    screen.types("n\r");
    screen.shows("hmp: not done");
    for other in ["savevm b", "savevm 7"] {
        let rows = screen.runs(other);
        assert!(!rows.join("").contains("replaced"), "{rows:?}");
    }
    drop(screen);
    // Without the option nothing is asked.
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("savevm a");
    assert!(!rows.join("").contains("replaced"), "{rows:?}");
}

#[test]
fn what_qmp_may_lose_is_asked_about_too() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--confirm"]);
    for line in [
        "qmp system_reset",
        "qmp {\"execute\": \"quit\"}",
        "qmp human-monitor-command {\"command-line\": \"system_reset\"}",
    ] {
        screen.types(&format!("{line}\r"));
        screen.until("it asks", |screen| screen.line().ends_with("Do it? (y/N)"));
        screen.types("\r");
        screen.is_at("(qemu)");
    }
    assert!(mock.changes.try_recv().is_err());
    let rows = screen.runs("qmp query-name");
    assert!(rows.join("").contains("\"vm\""), "{rows:?}");
}

#[test]
fn wrong_settings_ask_rather_than_not() {
    let mock = Mock::start();
    let folder = mock.folder.path().join("hmp");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "confirm = true\nbogus = 1\n").unwrap();
    let mut screen = Screen::start(&mock, &[]);
    screen.types("system_reset\r");
    screen.until("it asks", |screen| screen.line().ends_with("Do it? (y/N)"));
    screen.types("n\r");
    screen.is_at("(qemu)");
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn secrets_in_lines_of_the_prompts_own_are_not_kept() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("explain set_password vnc hunter2");
    let shown = rows.join("\n");
    assert!(
        shown.contains("(may be secret)") && !shown.contains("hunter2"),
        "{shown}"
    );
    screen.runs("type hunter2");
    screen.runs("qmp object-add {\"qom-type\": \"secret\", \"id\": \"s\", \"data\": \"hunter2\"}");
    screen.runs("watch set_password vnc hunter2");
    screen.runs("info name");
    let history = fs::read_to_string(mock.folder.path().join("hmp/history")).unwrap();
    assert!(
        history.contains("info name") && !history.contains("hunter2"),
        "{history}"
    );
}

#[test]
fn ctrl_c_ends_a_file_of_lines() {
    let mock = Mock::start();
    let file = mock.folder.path().join("lines");
    fs::write(&file, "info name | sleep 50\nstop\n").unwrap();
    let mut screen = Screen::start(&mock, &[]);
    screen.types(&format!("source {}\r", file.display()));
    screen.shows("| sleep 50");
    std::thread::sleep(Duration::from_millis(500));
    screen.types("\x03");
    screen.shows("1 more line of the file is left out");
    fs::write(&file, "watch info name\nstop\n").unwrap();
    screen.types(&format!("source {}\r", file.display()));
    screen.shows("every 2 s: info name");
    screen.types("\x03");
    screen.is_at("(qemu)");
    assert_eq!(screen.runs("info name"), ["vm"]);
    assert!(mock.changes.try_recv().is_err(), "nothing is stopped");
}

#[test]
fn a_home_that_is_no_folder_has_no_settings() {
    let printed = hmp()
        .arg("--print-config")
        .env("XDG_CONFIG_HOME", "/dev/null")
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    assert!(String::from_utf8_lossy(&printed.stdout).contains("confirm = false"));
}

#[test]
fn vms_takes_no_word() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("vms that");
    assert_eq!(rows, ["hmp: 'that' is too much: vms lists all"]);
}

#[test]
fn a_pattern_that_fits_no_event_is_an_error() {
    let mock = Mock::start_with(|mock| {
        mock.command(
            "query-qmp-schema",
            json!([{"name": "STOP", "meta-type": "event", "arg-type": "0"},
                   {"name": "RESUME", "meta-type": "event", "arg-type": "0"}]),
        )
    });
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(
        screen.runs("events bogus"),
        ["hmp: no event of this QEMU fits 'BOGUS'"]
    );
    assert_eq!(screen.runs("events"), ["events: * -RTC_CHANGE"]);
    assert_eq!(screen.runs("events stop,resume"), [""; 0]);
    assert_eq!(screen.runs("events"), ["events: STOP RESUME"]);
    assert_eq!(screen.runs("events progress on"), [""; 0]);
    assert_eq!(screen.runs("events"), ["events: STOP RESUME, and progress"]);
}

/// Not even how long it is can be seen.
#[test]
fn what_is_typed_unseen_is_not_shown() {
    let (note, keys) = channel();
    let mock = Mock::start_with(|mock| {
        mock.command_with("send-key", move |request| {
            let _ = note.send(request["keys"][0]["data"].clone());
            Answer::from(json!({}))
        })
    });
    let mut screen = Screen::start(&mock, &[]);
    screen.types("type -p\r");
    screen.is_at("Text:");
    screen.restart();
    screen.types("aB\x7fc");
    std::thread::sleep(Duration::from_millis(300));
    while screen.look(Duration::from_millis(50)) {}
    assert_eq!(screen.terminal.all, b"");
    screen.types("\r");
    screen.is_at("(qemu)");
    assert_eq!(keys.try_iter().collect::<Vec<_>>(), ["a", "c"]);
    // Ctrl-C takes it back.
    screen.types("type -p\r");
    screen.is_at("Text:");
    screen.types("ab\x03");
    screen.is_at("(qemu)");
    assert_eq!(screen.runs("info name"), ["vm"]);
}
