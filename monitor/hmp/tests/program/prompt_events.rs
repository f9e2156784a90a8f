// SPDX-License-Identifier: GPL-2.0-or-later
//! Events above the line, the banner, the prompt with the VM's state: what a user sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mock_qmp::Answer;
use serde_json::{Value, json};

use crate::common::program::Mock;
use crate::common::screen::Screen;

fn event(name: &str, data: &Value) -> Value {
    let mut event =
        json!({"event": name, "timestamp": {"seconds": 1_700_000_000, "microseconds": 2}});
    if !data.is_null() {
        event["data"] = data.clone();
    }
    event
}

fn send(mock: &Mock, name: &str, data: &Value) {
    mock.server.as_ref().unwrap().send_event(&event(name, data));
}

#[test]
fn an_event_is_a_dim_line_above_the_one_that_is_typed() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    screen.types("info na");
    screen.is_at("(qemu) info na");
    send(
        &mock,
        "DEVICE_TRAY_MOVED",
        &json!({"device": "cd0", "id": "/x", "tray-open": true}),
    );
    screen.shows("DEVICE_TRAY_MOVED: cd0: open");
    screen.is_at("(qemu) info na");
    assert!(screen.look_of("DEVICE_TRAY_MOVED").0, "it is dim");
    assert!(!screen.look_of("(qemu) info na").0);
    screen.types("me\r");
    screen.shows("vm");
}

#[test]
fn a_stop_says_why() {
    let mock = Mock::start_with(|mock| {
        mock.command(
            "query-status",
            json!({"status": "io-error", "running": false}),
        )
    });
    let mut screen = Screen::start(&mock, &[]);
    send(&mock, "STOP", &Value::Null);
    screen.shows("STOP: io-error");
    screen.is_at("(qemu)");
}

#[test]
fn what_a_command_brings_about_is_told_before_the_next_prompt() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("cont", |_| {
            Answer::from(json!({})).event_before(&event("RESUME", &Value::Null))
        })
    });
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("cont");
    assert!(rows.len() == 1 && rows[0].ends_with(" RESUME"), "{rows:?}");
}

#[test]
fn which_events_are_shown_is_chosen() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("events"), ["events: * -RTC_CHANGE"]);
    send(&mock, "RTC_CHANGE", &json!({"offset": 1}));
    send(&mock, "RESUME", &Value::Null);
    screen.shows("RESUME");
    screen.types("events -JOB_*\r");
    screen.is_at("(qemu)");
    send(
        &mock,
        "JOB_STATUS_CHANGE",
        &json!({"id": "j", "status": "running"}),
    );
    send(&mock, "POWERDOWN", &Value::Null);
    screen.shows("POWERDOWN");
    assert_eq!(screen.runs("events off"), [""; 0]);
    send(&mock, "WAKEUP", &Value::Null);
    let rows = screen.runs("info name");
    assert_eq!(rows, ["vm"]);
    // All are kept.
    let rows = screen.runs("info events");
    let names: Vec<&str> = rows.iter().map(|row| &row[9..]).collect();
    let wanted = [
        "RTC_CHANGE: offset=1",
        "RESUME",
        "JOB_STATUS_CHANGE: j: running",
        "POWERDOWN",
        "WAKEUP",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn a_storm_of_events_leaves_the_line_whole() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let typed = "info name ".repeat(19) + "info names";
    assert_eq!(typed.len(), 200);
    let mut whole = String::new();
    let mut next = Instant::now();
    for letter in typed.chars() {
        whole.push(letter);
        screen.types(&letter.to_string());
        let until = Instant::now() + Duration::from_millis(25);
        while Instant::now() < until {
            if Instant::now() >= next {
                send(&mock, "MIGRATION", &json!({"status": "active"}));
                next = Instant::now() + Duration::from_millis(10);
            }
            screen.look(Duration::from_millis(2));
        }
        let line = format!("(qemu) {whole}");
        // What is left to type may stand behind it.
        screen.until(&line, |screen| screen.typed().starts_with(line.trim_end()));
    }
    screen.shows("MIGRATION: active");
}

#[test]
fn a_flood_is_counted_and_does_not_hold_keys() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    for number in 0..20_000 {
        send(&mock, "MIGRATION_PASS", &json!({"pass": number}));
    }
    screen.types("info name\r");
    screen.shows("\nvm");
    screen.until("the last one", |screen| {
        let all = &screen.terminal.all;
        let last = &all[all.len().saturating_sub(1 << 16)..];
        last.windows(10).any(|shown| shown == b"pass 19999")
    });
    let all = String::from_utf8_lossy(&screen.terminal.all).into_owned();
    assert!(all.contains("were left out") || all.contains("events were lost"));
}

/// The passes that were shown, in the order of the screen.
fn passes(screen: &Screen) -> Vec<u64> {
    let all = String::from_utf8_lossy(&screen.terminal.all);
    let shown = all.split("pass ").skip(1);
    let numbers = shown.map(|rest| {
        rest.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    });
    numbers.filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn events_keep_their_order_whenever_a_line_ends() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let mut sent = 0;
    for line in 0..200 {
        // Some before the line ends, some while it runs, some at the next prompt.
        for part in ["info n", "ame", "\r", ""] {
            for _ in 0..3 {
                send(&mock, "MIGRATION_PASS", &json!({"pass": sent}));
                sent += 1;
            }
            screen.types(part);
            screen.look(Duration::from_millis(line % 3));
        }
    }
    screen.shows(&format!("pass {}", sent - 1));
    let shown = passes(&screen);
    let late: Vec<_> = shown.windows(2).filter(|two| two[0] >= two[1]).collect();
    assert!(late.is_empty(), "{late:?}");
    let all = String::from_utf8_lossy(&screen.terminal.all);
    let said = all.contains("left out") || all.contains("events were lost");
    assert!(said || shown.len() == sent, "{} of {sent}", shown.len());
    screen.is_at("(qemu)");
}

#[test]
fn an_event_leaves_no_gap_wherever_the_line_is() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    // The first row, a line that was not painted for its last key, one of two rows, the last row.
    for (keys, typed) in [
        ("\x0c", ""),
        ("info na", "info na"),
        ("\x1b[D\x1b[D", "info na"),
        ("\x05\x17\x17", ""),
        (&"x".repeat(600), ""),
        ("\x15", ""),
        ("", ""),
        ("info", "info"),
    ] {
        screen.types(keys);
        if keys.len() < 600 {
            let line = format!("(qemu) {typed}");
            screen.until(&line, |screen| {
                let clear = keys != "\x0c" || screen.rows()[0].starts_with("(qemu)");
                clear && screen.typed() == line.trim_end()
            });
        }
        let before = passes(&screen).len() as u64;
        for pass in before..before + 3 {
            send(&mock, "MIGRATION_PASS", &json!({"pass": pass}));
            screen.shows(&format!("pass {pass}"));
        }
        let rows = screen.rows();
        let first = rows
            .iter()
            .position(|row| row.contains(&format!("pass {before}")));
        let first = first.unwrap();
        assert!(
            rows[first + 1].contains(&format!("pass {}", before + 1)),
            "{rows:?}"
        );
        assert!(
            rows[first + 2].contains(&format!("pass {}", before + 2)),
            "{rows:?}"
        );
        if keys.len() < 600 {
            screen.is_at(format!("(qemu) {typed}").trim_end());
            assert!(keys != "\x0c" || first == 0, "{rows:?}");
        }
    }
}

#[test]
fn the_banner_says_which_vm_it_is() {
    let mock = Mock::start_with(|mock| mock.command("qom-get", json!("pc-q35-10.0-machine")));
    let mut screen = Screen::start(&mock, &[]);
    let pid = std::process::id();
    screen.shows(&format!(
        "vm (process {pid}, pc-q35-10.0, running); Ctrl-D leaves, quit ends the VM"
    ));
    assert!(screen.rows()[0].starts_with("QEMU 10.0.2 monitor - type 'help'"));
    screen.is_at("(qemu)");
}

#[test]
fn a_prompt_may_show_the_state() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--prompt", "state"]);
    screen.is_at("vm running (qemu)");
    // As it was when the line began.
    send(&mock, "STOP", &Value::Null);
    screen.shows("STOP");
    screen.is_at("vm running (qemu)");
}

/// Whoever starts a VM chooses its name.
#[test]
fn a_name_in_the_prompt_is_harmless() {
    let name = json!({"name": "A\u{202e}rtl\u{9b}x"});
    let mock = Mock::start_with(|mock| mock.command("query-name", name));
    let mut screen = Screen::start(&mock, &["--prompt", "state"]);
    screen.is_at(r"A\u{202e}rtl\u{9b}x running (qemu)");
}

#[test]
fn a_prompt_says_at_once_that_the_vm_is_gone() {
    let mut mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--prompt", "state"]);
    screen.types("info na");
    screen.is_at("vm running (qemu) info na");
    mock.server = None;
    screen.shows("connection to QEMU lost");
    screen.is_at("vm gone    (qemu) info na");
    screen.types("\r");
    screen.is_at("vm gone (qemu)");
}

#[test]
fn colours_can_be_left_out() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--color", "never"]);
    send(&mock, "RESUME", &Value::Null);
    screen.shows("RESUME");
    assert!(!screen.look_of("RESUME").0);
    drop(screen);
    let mut screen = Screen::start(&mock, &["--color", "always"]);
    screen.runs("foo");
    assert_eq!(screen.look_of("unknown command").1, vt100::Color::Idx(1));
}

/// A mock that migrates until it was asked twice.
fn migrating(end: Value) -> Mock {
    let asked = AtomicU64::new(0);
    Mock::start_with(|mock| {
        mock.command("migrate", json!({}))
            .command_with("query-migrate", move |_| {
                match asked.fetch_add(1, Ordering::Relaxed) {
                    0 | 1 => {
                        let ram = json!({"transferred": 30, "remaining": 70, "total": 100});
                        Answer::from(json!({"status": "active", "ram": ram}))
                    }
                    _ => Answer::from(end.clone()),
                }
            })
    })
}

#[test]
fn the_end_of_a_migration_in_the_background_is_told() {
    let mock = migrating(json!({"status": "failed", "error-desc": "no room"}));
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("migrate -d exec:cat"), [""; 0]);
    screen.types("info na");
    screen.shows(" MIGRATION: failed: no room");
    screen.is_at("(qemu) info na");
    screen.types("me\r");
    let rows = screen.runs("info events");
    assert!(rows[0].ends_with(" MIGRATION: failed: no room"), "{rows:?}");
    // The same where another command began it; not where it is not wanted.
    assert_eq!(screen.runs("qmp migrate uri=exec:cat"), ["{}"]);
    screen.shows(" MIGRATION: failed: no room");
    screen.runs("events off");
    screen.types("migrate -d exec:cat\r");
    while screen.look(Duration::from_millis(1500)) {}
    let rows = screen.runs("info events");
    assert_eq!(rows.len(), 3, "{rows:?}");
}

#[test]
fn the_end_of_a_migration_is_told_once() {
    let mock = migrating(json!({"status": "completed"}));
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("migrate -d exec:cat"), [""; 0]);
    send(&mock, "MIGRATION", &json!({"status": "completed"}));
    screen.shows(" MIGRATION: completed");
    while screen.look(Duration::from_millis(2000)) {}
    let rows = screen.runs("info events");
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[test]
fn progress_has_the_time_of_day() {
    let mock = migrating(json!({"status": "completed"}));
    let mut screen = Screen::start(&mock, &[]);
    screen.runs("events progress");
    screen.runs("migrate -d exec:cat");
    screen.until("a tenth", |screen| {
        let rows = screen.rows();
        let row = rows.iter().find(|row| row.ends_with("migration: 30 %"));
        row.is_some_and(|row| row.find(" migration") == Some(8))
    });
}
