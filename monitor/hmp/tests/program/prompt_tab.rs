// SPDX-License-Identifier: GPL-2.0-or-later
//! TAB at the prompt: what candidates are, more of them than the built-in has, and no key is held
//! for long.

use std::time::{Duration, Instant};

use mock_qmp::{Answer, MockQmp};
use serde_json::{Value, json};

use crate::common::program::Mock;
use crate::common::pty::PATIENCE;
use crate::common::screen::Screen;

fn devices(mock: MockQmp) -> MockQmp {
    mock.command(
        "device-list-properties",
        json!([
            {"name": "mac", "type": "str", "description": "Ethernet 6-byte MAC Address", "default-value": "x"},
            {"name": "multifunction", "type": "bool", "description": "on/off", "default-value": false},
            {"name": "netdev", "type": "str"},
            {"name": "chardev", "type": "str"},
        ]),
    )
    .command(
        "query-chardev",
        json!([
            {"label": "c0", "filename": "unix:/tmp/c0", "frontend-open": false},
            {"label": "c1", "filename": "vc", "frontend-open": true},
        ]),
    )
    .command(
        "query-cpus-fast",
        json!([{"cpu-index": 0, "qom-path": "/machine/unattached/device[0]"}, {"cpu-index": 1, "qom-path": "/x"}]),
    )
    .command("query-migrate-parameters", json!({"max-bandwidth": 7, "tls-creds": ""}))
    .command_with("qom-list", |request| {
        Answer::from(match request["path"].as_str().unwrap_or_default() {
            "/machine" => json!([
                {"name": "peripheral", "type": "child<container>"},
                {"name": "periodic", "type": "child<x>"},
                {"name": "smm", "type": "OnOffAuto"},
            ]),
            _ => json!([]),
        })
    })
    .command("qom-get", json!("auto"))
}

/// As much of a schema as the lines below ask for.
fn schema(mock: MockQmp) -> MockQmp {
    let object = |name: &str, members: Value| json!({"name": name, "meta-type": "object", "members": members});
    let member = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let optional = |name: &str, kind: &str| json!({"name": name, "type": kind, "default": null});
    let enumeration =
        |name: &str, values: Value| json!({"name": name, "meta-type": "enum", "values": values});
    let command = |name: &str, arguments: &str| json!({"name": name, "meta-type": "command", "arg-type": arguments});
    let union = |name: &str, members: Value, tag: &str, variants: Value| json!({"name": name, "meta-type": "object", "members": members, "tag": tag, "variants": variants});
    let schema = json!([
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
        {"name": "int", "meta-type": "builtin", "json-type": "int"},
        {"name": "bool", "meta-type": "builtin", "json-type": "boolean"},
        {"name": "STOP", "meta-type": "event", "arg-type": "empty"},
        {"name": "RTC_CHANGE", "meta-type": "event", "arg-type": "empty"},
        object("empty", json!([])),
        command("query-name", "empty"),
        command("netdev_add", "netdev"),
        union("netdev", json!([member("type", "kinds"), member("id", "str")]), "type",
            json!([{"case": "user", "type": "user"}])),
        enumeration("kinds", json!(["tap", "user"])),
        object("user", json!([optional("dnssearch", "[9]"), optional("ipv4", "bool")])),
        {"name": "[9]", "meta-type": "array", "element-type": "9"},
        object("9", json!([member("str", "str")])),
        command("chardev-add", "chardev"),
        object("chardev", json!([member("id", "str"), member("backend", "backend")])),
        union("backend", json!([member("type", "backends")]), "type", json!([
            {"case": "file", "type": "file-wrapper"}, {"case": "socket", "type": "socket-wrapper"},
        ])),
        enumeration("backends", json!(["file", "socket"])),
        object("file-wrapper", json!([member("data", "file")])),
        object("file", json!([member("out", "str"), optional("append", "bool")])),
        object("socket-wrapper", json!([member("data", "socket")])),
        object("socket", json!([optional("server", "bool"), optional("reconnect-ms", "int")])),
        command("object-add", "objects"),
        union("objects", json!([member("qom-type", "object-types"), member("id", "str")]), "qom-type",
            json!([{"case": "memory-backend-file", "type": "memory"}])),
        enumeration("object-types", json!(["memory-backend-file"])),
        object("memory", json!([optional("policy", "policies")])),
        enumeration("policies", json!(["default", "preferred", "bind", "interleave"])),
        command("blockdev-add", "node"),
        union("node", json!([member("driver", "drivers"), optional("read-only", "bool")]), "driver",
            json!([{"case": "qcow2", "type": "qcow2"}])),
        enumeration("drivers", json!(["qcow2", "raw"])),
        object("qcow2", json!([member("file", "reference"), optional("overlap", "list")])),
        {"name": "reference", "meta-type": "alternate", "members": [{"type": "node"}, {"type": "str"}]},
        {"name": "list", "meta-type": "array", "element-type": "policies"},
    ]);
    mock.command("query-qmp-schema", schema)
        .command(
            "qom-list-properties",
            json!([{"name": "policy", "type": "HostMemPolicy", "description": "where from"}]),
        )
        .command(
            "query-chardev-backends",
            json!([{"name": "file"}, {"name": "socket"}]),
        )
}

const LATE: &str = "QEMU has not answered yet; press TAB again";

fn screen(mock: &Mock) -> Screen {
    Screen::start(mock, &["--color", "never"])
}

/// Presses TAB behind a text on a clear screen.
fn tab(screen: &mut Screen, text: &str) {
    screen.types("\x15\x0c");
    screen.until("a clear screen", |screen| {
        screen.rows()[0] == "(qemu)" && screen.rows()[1].is_empty()
    });
    screen.types(text);
    screen.is_at(&format!("(qemu) {text}"));
    screen.types("\t");
    // On a busy machine even a mock may need more than a key may wait.
    let begun = Instant::now();
    while !screen.look(Duration::from_millis(500)) {
        assert!(begun.elapsed() < PATIENCE, "TAB does nothing: {text}");
    }
    while screen.rows().iter().any(|row| row == LATE) {
        screen.types("\x0c\t");
        std::thread::sleep(Duration::from_millis(300));
        while screen.look(Duration::from_millis(100)) {}
    }
}

/// TAB lists these, and leaves the line so.
#[track_caller]
fn lists(screen: &mut Screen, text: &str, rows: &[&str], line: &str) {
    tab(screen, text);
    for row in rows {
        screen.until(row, |screen| screen.rows().iter().any(|shown| shown == row));
    }
    screen.is_at(&format!("(qemu) {line}"));
}

/// TAB makes the line this.
#[track_caller]
fn becomes(screen: &mut Screen, text: &str, line: &str) {
    tab(screen, text);
    screen.is_at(&format!("(qemu) {line}"));
}

#[test]
fn names_have_their_help() {
    let mock = Mock::start();
    let mut screen = screen(&mock);
    tab(&mut screen, "info stat");
    screen.shows("\nstatus  ");
    screen.is_at("(qemu) info stat");
    // The prompt's own are among them.
    becomes(&mut screen, "even", "events");
    becomes(&mut screen, "inf", "info");
    becomes(&mut screen, "info eve", "info events");
}

#[test]
fn options_of_a_device() {
    let mock = Mock::start_with(devices);
    let mut screen = screen(&mock);
    let rows = [
        "mac=            str, default x, Ethernet 6-byte MAC Address",
        "multifunction=  bool, default off, on/off",
    ];
    lists(
        &mut screen,
        "device_add e1000,m",
        &rows,
        "device_add e1000,m",
    );
    let line = "device_add e1000,multifunction=";
    becomes(&mut screen, "device_add e1000,mul", line);
    lists(&mut screen, line, &["off  on"], &format!("{line}o"));
    // One that is in use is not offered.
    becomes(
        &mut screen,
        "device_add x,chardev=",
        "device_add x,chardev=c0",
    );
}

#[test]
fn options_of_back_ends_and_objects() {
    let mock = Mock::start_with(|mock| schema(devices(mock)));
    let mut screen = screen(&mock);
    let line = "chardev-add file,";
    let rows = ["append=      bool", "path=        str"];
    lists(&mut screen, line, &rows, line);
    let all = screen.rows().join("\n");
    assert!(!all.contains("server"), "those of another: {all}");
    let line = "chardev-add socket,server=";
    lists(&mut screen, line, &["off  on"], &format!("{line}o"));
    let line = "netdev_add user,";
    lists(
        &mut screen,
        line,
        &["dnssearch=  list of options, optional"],
        line,
    );
    let line = "netdev_add user,ipv4=";
    lists(&mut screen, line, &["off  on"], &format!("{line}o"));
    let line = "object_add memory-backend-file,policy=";
    becomes(
        &mut screen,
        &format!("{line}i"),
        &format!("{line}interleave"),
    );
    let rows = ["policy=  default|preferred|bind|interleave, where from"];
    let line = "object_add memory-backend-file,";
    lists(&mut screen, line, &rows, line);
    let line = "drive_add 0 if=none,format=";
    lists(&mut screen, line, &["qcow2  raw"], line);
    becomes(
        &mut screen,
        "drive_add 0 werror=en",
        "drive_add 0 werror=enospc",
    );
    becomes(
        &mut screen,
        "chardev-add backend=s",
        "chardev-add backend=socket",
    );
}

#[test]
fn what_is_logged() {
    let mock = Mock::start();
    let mut screen = screen(&mock);
    lists(
        &mut screen,
        "log cpu",
        &["cpu_reset  CPU state before a reset"],
        "log cpu",
    );
    becomes(&mut screen, "log int,inv", "log int,invalid_mem");
    becomes(&mut screen, "log non", "log none");
}

#[test]
fn qmp_commands_complete_by_the_schema() {
    let mock = Mock::start_with(|mock| {
        schema(devices(mock))
            .command("blockdev-add", json!({}))
            .command("device_add", json!({}))
            .command_with("qom-list-types", |request| {
                Answer::from(match request["implements"].as_str() {
                    Some("device") => json!([{"name": "e1000"}]),
                    _ => json!([]),
                })
            })
    });
    let mut screen = screen(&mock);
    for (text, line) in [
        ("qmp query-nam", "qmp query-name"),
        ("qmp blockdev-add r", "qmp blockdev-add read-only="),
        ("qmp blockdev-add driver=q", "qmp blockdev-add driver=qcow2"),
        (
            "qmp blockdev-add driver=qcow2 f",
            "qmp blockdev-add driver=qcow2 file=",
        ),
        (
            "qmp blockdev-add read-only=t",
            "qmp blockdev-add read-only=true",
        ),
        ("qmp device_add driver=", "qmp device_add driver=e1000"),
        (
            r#"qmp blockdev-add {"r"#,
            r#"qmp blockdev-add {"read-only":"#,
        ),
        (
            r#"qmp blockdev-add {"driver": "q"#,
            r#"qmp blockdev-add {"driver": "qcow2""#,
        ),
        (
            r#"qmp blockdev-add {"driver": "qcow2", "file": {"dr"#,
            r#"qmp blockdev-add {"driver": "qcow2", "file": {"driver":"#,
        ),
        (
            r#"qmp blockdev-add {"driver": "qcow2", "overlap": ["pr"#,
            r#"qmp blockdev-add {"driver": "qcow2", "overlap": ["preferred""#,
        ),
        (r#"qmp {"ex"#, r#"qmp {"execute":"#),
        (
            r#"qmp {"execute": "query-n"#,
            r#"qmp {"execute": "query-name""#,
        ),
        (
            r#"qmp {"execute": "blockdev-add", "arguments": {"dri"#,
            r#"qmp {"execute": "blockdev-add", "arguments": {"driver":"#,
        ),
    ] {
        becomes(&mut screen, text, line);
    }
    let line = r#"qmp blockdev-add {"driver": "#;
    lists(
        &mut screen,
        line,
        &[r#""qcow2"  "raw""#],
        r#"qmp blockdev-add {"driver": ""#,
    );
}

#[test]
fn lines_files_and_vms_behind_the_prompts_own_commands() {
    let mock = Mock::start_with(|mock| schema(devices(mock)));
    let folder = mock.folder.path();
    std::fs::create_dir(folder.join("hmp")).unwrap();
    let aliases = "[aliases]\nregs = \"info registers\"\n";
    std::fs::write(folder.join("hmp/config.toml"), aliases).unwrap();
    std::fs::write(folder.join("a file"), "").unwrap();
    let mut screen = screen(&mock);
    let folder = folder.display().to_string();
    for (text, line) in [
        ("watch info nam", "watch info name"),
        ("watch -n 2 info nam", "watch -n 2 info name"),
        ("explain system_po", "explain system_powerdown"),
        ("help apr", "help apropos"),
        ("events STOP RTC", "events STOP RTC_CHANGE"),
        ("events progress of", "events progress off"),
        ("screen ki", "screen kitty"),
        ("reg", "regs"),
        ("watch regs -", "watch regs -a"),
    ] {
        becomes(&mut screen, text, line);
    }
    becomes(
        &mut screen,
        &format!("source {folder}/a"),
        &format!("source {folder}/a file"),
    );
    becomes(
        &mut screen,
        &format!("info name > {folder}/a"),
        &format!("info name > \"{folder}/a file\""),
    );
}

#[test]
fn objects_and_their_properties() {
    let mock = Mock::start_with(devices);
    let mut screen = screen(&mock);
    let rows = ["periodic    x", "peripheral  container"];
    lists(
        &mut screen,
        "qom-list /machine/per",
        &rows,
        "qom-list /machine/peri",
    );
    becomes(&mut screen, "qom-get /machine s", "qom-get /machine smm");
}

#[test]
fn numbers_flags_and_values() {
    let mock = Mock::start_with(devices);
    let mut screen = screen(&mock);
    lists(
        &mut screen,
        "cpu ",
        &["0  /machine/unattached/device[0]", "1  /x"],
        "cpu",
    );
    let line = "migrate_set_parameter max-bandwidth";
    becomes(&mut screen, &format!("{line} "), &format!("{line} 7B"));
    lists(
        &mut screen,
        "info block -",
        &["-n  nodes", "-v  verbose"],
        "info block -",
    );
    becomes(&mut screen, "print $ei", "print $eip");
}

#[test]
fn a_qemu_that_does_not_answer_holds_no_key() {
    let mock = Mock::start_with(|mock| mock.command_with("query-block", |_| Answer::silence()));
    let mut screen = screen(&mock);
    screen.types("block_resize \t");
    screen.shows(LATE);
    let mut longest = Duration::ZERO;
    let typed = "block_resize ".to_owned();
    let mut whole = typed.clone();
    for number in 0..100 {
        let key = if number % 5 == 4 { "\t" } else { "x" };
        let begun = Instant::now();
        screen.types(key);
        if key == "x" {
            whole.push('x');
            let line = format!("(qemu) {whole}");
            if line.len() > 70 {
                break;
            }
            screen.until(&line, |screen| screen.line() == line);
            longest = longest.max(begun.elapsed());
        }
    }
    // TAB itself waits 50 ms at most; the rest is this machine's.
    assert!(longest < Duration::from_millis(500), "{longest:?}");
}

#[test]
fn what_came_late_is_there_at_the_next_tab() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("query-block", |_| {
            Answer::from(json!([{"device": "disk0"}])).delay(Duration::from_millis(300))
        })
    });
    let mut screen = screen(&mock);
    screen.types("eject \t");
    screen.shows(LATE);
    // The question is asked twice.
    std::thread::sleep(Duration::from_millis(1500));
    screen.types("\t");
    screen.is_at("(qemu) eject disk0");
}
