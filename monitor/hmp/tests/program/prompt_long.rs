// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that take long: how far they are, and how they end.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mock_qmp::Answer;
use serde_json::{Value, json};

use crate::common::program::Mock;
use crate::common::screen::Screen;

const TOTAL: u64 = 1 << 30;

/// A migration that has moved another eighth at each look.
fn migrating() -> Mock {
    let moved = AtomicU64::new(0);
    Mock::start_with(|mock| {
        mock.command("migrate", json!({}))
            .command_with("query-migrate", move |_| {
                let moved = moved.fetch_add(TOTAL / 8, Ordering::Relaxed);
                if moved > TOTAL / 2 {
                    return Answer::from(json!({"status": "completed"}));
                }
                Answer::from(json!({"status": "active", "ram": {
                    "transferred": moved, "remaining": TOTAL - moved, "total": TOTAL
                }}))
            })
    })
}

#[test]
fn a_migration_shows_how_far_it_is() {
    let mock = migrating();
    let mut screen = Screen::start(&mock, &["--native-only"]);
    screen.types("migrate exec:cat\r");
    screen.until("how far it is", |screen| {
        let line = screen.rows().join("\n");
        line.contains("migrate 2 s") && line.contains(" %") && line.contains("left")
    });
    screen.until("its end", |screen| {
        screen.line() == "(qemu)" && !screen.rows()[3].is_empty()
    });
    let rows = screen.rows();
    let last = rows.iter().rposition(|row| row == "(qemu)").unwrap();
    assert!(rows[last - 1].starts_with("it took "), "{rows:#?}");
    assert!(
        rows[last - 1].ends_with(" s; the VM is running"),
        "{rows:#?}"
    );
    assert!(!rows.join("\n").contains(" left"), "{rows:#?}");
}

#[test]
fn ctrl_c_leaves_it_running() {
    let mock = migrating();
    let mut screen = Screen::start(&mock, &["--native-only"]);
    screen.types("migrate exec:cat\r");
    screen.shows("migrate 1 s");
    screen.types("\x03");
    screen.shows("hmp: interrupted; the migration goes on; 'info migrate' shows it");
    screen.is_at("(qemu)");
}

#[test]
fn a_program_that_drives_a_prompt_sees_none() {
    let mock = migrating();
    let mut screen = Screen::start(&mock, &["--native-only", "--plain"]);
    screen.types("migrate exec:cat\r");
    screen.until("its end", |screen| {
        screen.line() == "(qemu)" && !screen.rows()[3].is_empty()
    });
    assert_eq!(screen.rows()[2..4], ["(qemu) migrate exec:cat", "(qemu)"]);
}

/// While QEMU writes a file it answers nothing: the file says how far it is.
#[test]
fn a_big_file_shows_how_far_it_is() {
    let mock = Mock::start_with(|mock| {
        let write = |arguments: &Value| {
            let file = File::create(arguments["filename"].as_str().unwrap()).unwrap();
            file.set_len(3 << 20).unwrap();
            Answer::from(json!({})).delay(Duration::from_secs(3))
        };
        mock.command("query-memory-size-summary", json!({"base-memory": 6 << 20}))
            .command_with("pmemsave", write)
            .command_with("dump-guest-memory", move |arguments| {
                let name = arguments["protocol"].as_str().unwrap();
                let name = name.strip_prefix("file:").unwrap();
                write(&json!({"filename": name}))
            })
    });
    let mut screen = Screen::start(&mock, &["--native-only"]);
    let file = mock.folder.path().join("f");
    let file = file.display();
    for (line, command, part) in [
        (
            format!("pmemsave 0 0x400000 \"{file}\""),
            "pmemsave",
            Some(" 75 %"),
        ),
        (
            format!("dump-guest-memory {file}"),
            "dump-guest-memory",
            Some(" 50 %"),
        ),
        (
            format!("dump-guest-memory -z {file}"),
            "dump-guest-memory",
            None,
        ),
    ] {
        screen.types("\x0c");
        screen.types(&format!("{line}\r"));
        screen.until("how far it is", |screen| {
            let rows = screen.rows().join("\n");
            let shown = part.map_or(!rows.contains('%'), |part| rows.contains(part));
            rows.contains(&format!("{command} 1 s")) && shown
        });
        screen.until("its end", |screen| {
            screen.line() == "(qemu)" && screen.rows().join("\n").contains("it took ")
        });
    }
}
