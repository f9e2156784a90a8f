// SPDX-License-Identifier: GPL-2.0-or-later
//! What is typed and pasted at a pseudo-terminal: nothing is lost, nothing is run in pieces,
//! wherever what comes is cut.

use std::time::{Duration, Instant};

use mock_qmp::Answer;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::json;

use crate::common::program::Mock;
use crate::common::pty::{PATIENCE, Terminal};
use crate::common::screen::Screen;

/// `print` lines, with their answers.
fn lines(count: usize) -> (String, Vec<String>) {
    let numbers = 1000..1000 + count;
    let text = numbers.clone().map(|n| format!("print/d {n}\r")).collect();
    (text, numbers.map(|n| format!("\n{n}\r\n")).collect())
}

#[track_caller]
fn answers(terminal: &mut Terminal, answers: &[String]) {
    for answer in answers {
        terminal.sees(answer);
    }
    terminal.sees("(qemu) ");
}

#[test]
fn two_hundred_lines_in_one_write_have_two_hundred_answers() {
    for term in ["xterm", "dumb"] {
        let mock = Mock::start();
        let mut terminal = Terminal::start(&mock, term, &[]);
        let (text, expected) = lines(200);
        terminal.types(text.as_bytes());
        answers(&mut terminal, &expected);
        terminal.types(b"\x04");
        assert_eq!(terminal.ends(), 0);
    }
}

/// The editor paints a long line at each key of it, which takes longer than it is waited for.
#[test]
fn behind_a_long_line_nothing_is_lost() {
    let mock = Mock::start();
    let mut terminal = Terminal::start(&mock, "xterm", &[]);
    let (text, mut expected) = lines(20);
    expected.insert(0, "\n7\r\n".to_owned());
    let long = format!("print/d 7{}\r{text}", " ".repeat(3000));
    terminal.types(long.as_bytes());
    answers(&mut terminal, &expected);
}

#[test]
fn lines_that_trickle_in_are_run_whole() {
    let mock = Mock::start();
    let mut terminal = Terminal::start(&mock, "xterm", &[]);
    let (text, expected) = lines(60);
    for piece in text.as_bytes().chunks(7) {
        terminal.types(piece);
        std::thread::sleep(Duration::from_millis(5));
    }
    answers(&mut terminal, &expected);
}

/// A paste of some 300 bytes, with odd ones, keys and marks, cut at every place.
#[test]
fn where_a_paste_is_cut_does_not_matter() {
    let paste: &[u8] = b"print/d 1\rprint/d 2\r\x1b[200~print/d 3\rprint/d 4\r\x1b[201~\
        print/d 5\xff\rprint/d \xe9\rprint/d 6\r\nhalf a line\x15print/d 7\r\x80\x81\xc3\x28\rprint/d 8\r\
        print/d '\xc3\xbc'\rprint/d 9\r\x1b[Aprint\x1b[D\x1b[C\x15print/d 10\rinfo name\rprint/d 11\r\
        print/d 12\rprint/d 13\rprint/d 14\rprint/d 15\rprint/d 16\rprint/d 17\rprint/d 18\rprint/d 19\r";
    for term in ["xterm", "dumb"] {
        let mock = Mock::start();
        let mut terminal = Terminal::start(&mock, term, &[]);
        for cut in (0..paste.len()).step_by(3) {
            terminal.types(&paste[..cut]);
            // Long enough for a read to come back with what is there, not for the rest of a key.
            std::thread::sleep(Duration::from_millis(2));
            terminal.types(&paste[cut..]);
            for number in 1..=19 {
                if number == 5 {
                    continue;
                }
                let before = terminal.sees(&format!("\n{number}\r\n"));
                assert!(
                    !before.contains("unknown command: 'rint"),
                    "cut at {cut}: {before:?}"
                );
                if number == 11 {
                    assert!(before.contains("\nvm\r\n"), "cut at {cut}: {before:?}");
                }
            }
        }
        assert!(mock.changes.try_recv().is_err());
        terminal.types(b"\r\x04");
        assert_eq!(terminal.ends(), 1);
    }
}

#[test]
fn what_is_typed_while_a_command_runs_comes_after_it_unseen() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("query-kvm", |_| {
            std::thread::sleep(Duration::from_millis(700));
            Answer::from(json!({"enabled": false, "present": false}))
        })
    });
    let mut terminal = Terminal::start(&mock, "xterm", &[]);
    let (text, expected) = lines(50);
    terminal.types(b"info kvm\r");
    std::thread::sleep(Duration::from_millis(200));
    assert!(!terminal.echoes());
    terminal.types(text.as_bytes());
    terminal.sees("kvm support: not compiled\r\n");
    let between = terminal.sees("(qemu) ");
    assert!(!between.contains("print"), "{between:?}");
    answers(&mut terminal, &expected);
}

#[test]
fn ctrl_d_typed_ahead_leaves_behind_the_command() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("query-kvm", |_| {
            std::thread::sleep(Duration::from_millis(500));
            Answer::from(json!({"enabled": false, "present": false}))
        })
    });
    let mut terminal = Terminal::start(&mock, "xterm", &[]);
    terminal.types(b"info kvm\r\x04");
    terminal.sees("kvm support: not compiled");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_password_takes_the_next_pasted_line_and_is_not_shown() {
    for term in ["xterm", "dumb", "xterm-256color"] {
        let mock = Mock::start_with(|mock| {
            mock.command_with("change-vnc-password", |arguments| {
                match arguments.get("password").and_then(|p| p.as_str()) {
                    Some("hunter2") => Answer::from(json!({})),
                    _ => Answer::error("GenericError", "another password"),
                }
            })
            .command("blockdev-change-medium", json!({}))
            .command("query-vnc", json!({"enabled": true}))
            .command("query-vnc-servers", json!([]))
        });
        let mut terminal = Terminal::start(&mock, term, &[]);
        terminal.types(b"change vnc password\rhunter2\rprint/d 77\r");
        terminal.sees("\n77\r\n");
        terminal.sees("(qemu) ");
        let all = String::from_utf8_lossy(&terminal.all).into_owned();
        assert!(
            !all.contains("hunter2") && !all.contains("another"),
            "{term}: {all:?}"
        );
        assert!(all.contains('*'), "{term}: {all:?}");
    }
}

#[test]
fn a_plain_prompt_is_the_last_thing_written() {
    for (term, more) in [
        ("dumb", &[][..]),
        ("", &[]),
        ("vt100", &[]),
        ("xterm", &["--plain"]),
    ] {
        let mock = Mock::start();
        let mut terminal = Terminal::start(&mock, term, more);
        terminal.types(b"info name\r");
        terminal.sees("vm\r\n(qemu) ");
        std::thread::sleep(Duration::from_millis(100));
        while let Ok(bytes) = terminal.shown.try_recv() {
            terminal.rest.extend(bytes);
        }
        assert_eq!(terminal.rest, b"", "{term}");
        assert!(!terminal.all.contains(&0x1b), "{term}: {:?}", terminal.all);
        terminal.types(b"stopx\x7f\x17info na\t");
        terminal.sees("info name ");
        terminal.types(b"\r");
        terminal.sees("vm\r\n(qemu) ");
    }
}

#[test]
fn ctrl_z_is_nothing_where_nobody_can_let_it_go_on() {
    let mock = Mock::start();
    let mut terminal = Terminal::start(&mock, "xterm", &[]);
    terminal.types(b"info na\x1a");
    std::thread::sleep(Duration::from_millis(300));
    terminal.types(b"me\r");
    terminal.sees("\nvm\r\n");
    assert!(!terminal.echoes());
}

#[test]
fn the_terminal_is_as_it_was_after_ctrl_z_and_at_the_end() {
    let mock = Mock::start();
    let mut terminal = Terminal::under_a_shell(&mock, "xterm");
    assert!(!terminal.echoes());
    terminal.types(b"info na\x1a");
    let deadline = Instant::now() + PATIENCE;
    while !terminal.echoes() {
        assert!(Instant::now() < deadline, "the terminal was not given back");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = terminal.job().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    kill_process(pid, Signal::CONT).unwrap();
    while terminal.echoes() {
        assert!(
            Instant::now() < deadline,
            "the terminal was not taken again"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    // Without waiting for Enter the line is there again, and goes on.
    terminal.types(b"me\r");
    terminal.sees("\nvm\r\n");
    terminal.sees("(qemu) ");
    terminal.types(b"\x04");
    let theirs = terminal.theirs.try_clone().unwrap();
    assert_eq!(terminal.ends(), 0);
    let modes = tcgetattr(&theirs).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
}

/// A VM with a VNC server that takes any password.
fn with_vnc() -> Mock {
    Mock::start_with(|mock| {
        mock.command("change-vnc-password", json!({}))
            .command("blockdev-change-medium", json!({}))
            .command("query-vnc", json!({"enabled": true}))
            .command("query-vnc-servers", json!([]))
    })
}

#[test]
fn nothing_is_shown_where_a_password_is_typed() {
    let mock = with_vnc();
    let mut screen = Screen::start(&mock, &[]);
    screen.types("change vnc password\r");
    screen.is_at("Password:");
    // Longer than it takes for a line that works to show how far it is.
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(1200));
        while screen.look(Duration::from_millis(10)) {}
        assert_eq!(screen.line(), "Password:");
    }
    screen.types("abc");
    screen.is_at("Password: ***");
    screen.types("\r");
    screen.is_at("(qemu)");
    let rows = screen.rows();
    let asked = rows.iter().rposition(|row| row == "Password: ***");
    assert_eq!(rows[asked.unwrap() + 1], "(qemu)", "{rows:#?}");
}

#[test]
fn what_is_taken_back_is_gone_from_a_plain_terminal() {
    let mock = Mock::start();
    let mut screen = Screen::of(Terminal::bare(&mock, "dumb", &[]));
    screen.shows("(qemu) ");
    screen.types("print \u{65e5}\u{672c}");
    screen.is_at("(qemu) print \u{65e5}\u{672c}");
    screen.types("\x7f");
    screen.is_at("(qemu) print \u{65e5}");
    screen.types("\x7fe\u{301}");
    screen.is_at("(qemu) print e\u{301}");
    screen.types("\x7f1\x16\t2\x7f\x7f3");
    screen.is_at("(qemu) print 13");
    // Backspace does not lead to the row above.
    screen.types(&"x".repeat(100));
    screen.shows(&"x".repeat(80 - "(qemu) print 13".len()));
    screen.types(&"\x7f".repeat(100));
    screen.types("\x7f\x7f77\r");
    screen.shows("(qemu) print 77\n0x4d\n(qemu)");
}

#[test]
fn a_line_behind_a_question_that_was_given_up_is_no_password() {
    for term in ["xterm", "dumb"] {
        let mock = with_vnc();
        let mut terminal = Terminal::start(&mock, term, &[]);
        terminal.types(b"change vnc password\r");
        terminal.sees("Password:");
        std::thread::sleep(Duration::from_millis(200));
        kill_process(Pid::from_child(&terminal.child), Signal::INT).unwrap();
        terminal.sees("(qemu) ");
        terminal.types(b"print/d 77\r");
        terminal.sees("\n77\r\n");
    }
}

#[test]
fn a_question_for_a_password_that_a_signal_ends_leaves_the_terminal_as_it_was() {
    let mock = with_vnc();
    let mut terminal = Terminal::bare(&mock, "xterm", &["-c", "change vnc password"]);
    terminal.sees("Password:");
    assert!(!terminal.echoes());
    terminal.types(b"\x03");
    let theirs = terminal.theirs.try_clone().unwrap();
    assert_eq!(terminal.ends(), 130);
    let modes = tcgetattr(&theirs).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO));
}

#[test]
fn a_password_that_was_typed_ahead_of_the_end_is_not_shown() {
    for term in ["xterm", "dumb"] {
        let mut mock = Mock::start_with(|mock| mock.command("query-kvm", Answer::silence()));
        let mut terminal = Terminal::start(&mock, term, &[]);
        terminal.types(b"info kvm\rchange vnc password\rhunter2\rinfo name\r");
        std::thread::sleep(Duration::from_millis(500));
        drop(mock.server.take());
        terminal.sees("not run: change ...\r\nhmp: not run: ...\r\nhmp: not run: info name\r\n");
        terminal.sees("(qemu) ");
        let all = String::from_utf8_lossy(&terminal.all).into_owned();
        assert!(!all.contains("hunter2"), "{all:?}");
    }
}

#[test]
fn no_key_ends_hmp_with_the_terminal_in_its_hands() {
    let (ask, asked) = std::sync::mpsc::channel();
    let mock = Mock::start_with(|mock| {
        mock.command_with("query-kvm", move |_| {
            let _ = ask.send(());
            Answer::silence()
        })
    });
    let mut terminal = Terminal::start(&mock, "xterm", &[]);
    terminal.types(b"info kvm\r");
    // It runs.
    asked.recv_timeout(Duration::from_secs(20)).unwrap();
    terminal.types(b"\x1c\x03");
    terminal.sees("hmp: interrupted");
    terminal.sees("(qemu) ");
    terminal.types(b"half");
    terminal.sees("half");
    kill_process(Pid::from_child(&terminal.child), Signal::TERM).unwrap();
    terminal.sees("\nhmp: ended by SIGTERM");
    let theirs = terminal.theirs.try_clone().unwrap();
    assert_eq!(terminal.ends(), 143);
    let modes = tcgetattr(&theirs).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
}
