// SPDX-License-Identifier: GPL-2.0-or-later
//! What is shown while a line is typed: ghost text, unknown commands, what may have been meant.

use std::time::{Duration, Instant};

use mock_qmp::Answer;
use serde_json::json;
use vt100::Color;

use crate::common::program::Mock;
use crate::common::screen::Screen;

const RED: Color = Color::Idx(1);

#[test]
fn arguments_that_are_left_are_ghosts() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    screen.types_slowly("block_resize ");
    screen.is_at("(qemu) block_resize device size");
    assert!(screen.look_of("device size").0, "it is dim");
    screen.types_slowly("d0 ");
    screen.is_at("(qemu) block_resize d0 size");
    // They are not typed.
    screen.types("\x1b[C\x1b[C5\r");
    screen.shows("(qemu) block_resize d0 5\n");
}

#[test]
fn the_rest_of_an_earlier_line_is_a_ghost() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    screen.runs("info name");
    screen.types_slowly("info n");
    screen.is_at("(qemu) info name");
    assert!(screen.look_of("ame").0, "it is dim");
    screen.types("\x1b[C\r");
    screen.shows("(qemu) info name\nvm");
}

#[test]
fn an_unknown_command_is_red() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    screen.types_slowly("stat");
    screen.until("red", |screen| {
        screen.line() == "(qemu) stat" && screen.look_of("stat").1 == RED
    });
    screen.types("\x7f\x7f\x7fto");
    screen.until("as it is", |screen| {
        screen.line() == "(qemu) sto" && screen.look_of("sto").1 == Color::Default
    });
    screen.types("\x15info namx");
    screen.until("red", |screen| {
        screen.line() == "(qemu) info namx" && screen.look_of("namx").1 == RED
    });
    assert_eq!(screen.look_of("info").1, Color::Default);
}

#[test]
fn what_may_have_been_meant_is_said() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("info namee");
    assert_eq!(
        rows,
        [
            "unknown command: 'info namee'",
            "hmp: did you mean 'info name'?"
        ]
    );
    assert_eq!(screen.look_of("unknown command").1, RED);
    // The beginning of one is none.
    let rows = screen.runs("info nam");
    assert_eq!(rows.last().unwrap(), "hmp: did you mean 'info name'?");
    let rows = screen.runs("qqqq");
    assert_eq!(rows, ["unknown command: 'qqqq'"]);
}

#[test]
fn without_colours_nothing_is_shown_that_is_not_typed() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &["--color", "never"]);
    screen.types_slowly("block_resize ");
    screen.is_at("(qemu) block_resize");
    screen.look(Duration::from_millis(200));
    screen.is_at("(qemu) block_resize");
}

#[test]
fn a_program_that_types_sees_what_it_typed() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    screen.runs("info name");
    screen.restart();
    screen.types("info name");
    screen.until("it", |screen| screen.line().ends_with("info name"));
    let all = String::from_utf8_lossy(&screen.terminal.all).into_owned();
    assert!(all.contains("info name"), "{all:?}");
}

/// The editor looks at the whole line for each key that it takes.
#[test]
fn a_long_line_can_be_pasted() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("count", |request| {
            let text = request["text"].as_str().unwrap_or_default();
            Answer::from(json!({"length": text.len()}))
        })
    });
    let mut screen = Screen::start(&mock, &[]);
    let text = "a b".repeat(70_000);
    for (before, behind) in [("", ""), ("\x1b[200~", "\x1b[201~")] {
        let begun = Instant::now();
        screen.restart();
        screen.types(&format!(
            "{before}qmp count {{\"text\": \"{text}\"}}{behind}\r"
        ));
        screen.shows("  \"length\": 210000\n}\n(qemu)");
        let (took, wrote) = (begun.elapsed(), screen.terminal.all.len());
        assert!(took < Duration::from_secs(20), "{took:?}");
        // Not the line for each row of it.
        assert!(wrote < 20 * text.len(), "{wrote}");
        screen.runs("info name");
    }
}
