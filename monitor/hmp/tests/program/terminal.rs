// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt of `hmp`, on a pseudo-terminal, against the mock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::program::{Mock, heeding};
use mock_qmp::Answer;
use rexpect::process::WaitStatus;
use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};
use serde_json::json;

const PROMPT: &str = "(qemu) ";
const UP: &str = "\x1b[A";

/// A user at a terminal.
struct Person {
    session: PtySession,
}

impl Person {
    fn with(mock: &Mock, more: &[&str]) -> Self {
        let mut command = heeding();
        command
            .arg(mock.path())
            .args(more)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .env("XDG_STATE_HOME", mock.folder.path())
            .env("XDG_CONFIG_HOME", mock.folder.path());
        let options = Options::new().timeout_ms(Some(20_000));
        Self {
            session: spawn_with_options(command, options).unwrap(),
        }
    }

    /// At the prompt, behind the banner.
    fn at_prompt(mock: &Mock) -> Self {
        let mut person = Self::with(mock, &[]);
        person.sees("QEMU 10.0.2 monitor - type 'help' for more information");
        person.sees(PROMPT);
        person
    }

    /// Waits for a text; returns what came before it.
    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        match self.session.exp_string(text) {
            Ok(before) => before,
            Err(error) => panic!("no {text:?}: {error}"),
        }
    }

    fn types(&mut self, text: &str) {
        self.session.send(text).unwrap();
        self.session.flush().unwrap();
    }

    /// Runs a line; returns what came before the next prompt.
    #[track_caller]
    fn runs(&mut self, line: &str) -> String {
        self.types(&format!("{line}\r"));
        self.sees("\r\n");
        self.sees(PROMPT)
    }

    fn presses(&mut self, control: char) {
        self.session.send_control(control).unwrap();
    }

    /// Waits for the end; returns what came before it, and the exit code.
    #[track_caller]
    fn leaves(mut self) -> (String, i32) {
        let rest = match self.session.exp_eof() {
            Ok(rest) => rest,
            Err(error) => panic!("it does not end: {error}"),
        };
        match self.session.process().wait().unwrap() {
            WaitStatus::Exited(_, code) => (rest, code),
            other => panic!("{other:?}"),
        }
    }
}

fn history_file(mock: &Mock) -> PathBuf {
    mock.folder.path().join("hmp/history")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn lines_are_run_until_ctrl_d() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    assert!(
        person
            .runs("info status")
            .contains("VM status: running\r\n")
    );
    assert!(!person.runs("").contains("unknown"));
    assert!(person.runs("info name").contains("vm\r\n"));
    person.presses('d');
    let (rest, code) = person.leaves();
    assert_eq!(code, 0, "{rest}");
    assert!(mock.changes.try_recv().is_err(), "the VM goes on");
}

#[test]
fn a_failed_command_shows_in_the_exit_code() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    assert!(person.runs("foo").contains("unknown command: 'foo'"));
    person.presses('d');
    assert_eq!(person.leaves().1, 1);
}

#[test]
fn tab_completes_names() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.types("inf\t");
    person.sees("info ");
    person.types("stat\t");
    person.sees("stats   ");
    person.sees("status  ");
    person.sees("(qemu) info stat");
    person.types("us\r");
    person.sees("VM status: running");
    person.sees(PROMPT);
    // Right behind the word and nowhere else.
    person.types("nam\x1b[D\x1b[D\x1b[D\x1b[Dinfo \x1b[F\x7f\x7f\x7fna\t");
    person.sees("info name ");
    person.types("\r");
    person.sees("vm\r\n");
}

#[test]
fn history_outlives_the_session_and_holds_no_passwords() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.runs("info name");
    person.runs("set_password vnc hunter2");
    person.runs("change vnc password hunter2");
    person.runs("object_add secret,id=s,data=hunter2");
    person.runs(" info status");
    let shown = person.runs("info history");
    assert!(
        shown.contains("'info name'") && !shown.contains("hunter2"),
        "{shown}"
    );
    // Killed: what was typed is in the file already.
    drop(person);
    let file = history_file(&mock);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("info name") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(
        !text.contains("info status"),
        "a leading blank keeps a line out"
    );
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);

    let mut person = Person::at_prompt(&mock);
    person.types(UP);
    person.sees("info history");
    person.types(UP);
    person.sees("info name");
    person.types("\r");
    person.sees("vm\r\n");
}

#[test]
fn ctrl_c_at_the_prompt_drops_the_line() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.types("stop");
    person.sees("stop");
    person.presses('c');
    person.sees(PROMPT);
    assert!(person.runs("info name").contains("vm\r\n"));
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn ctrl_c_cancels_the_running_command() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.types("system_powerdown\r");
    assert_eq!(mock.change(), "system_powerdown");
    person.presses('c');
    person.sees("hmp: interrupted; QEMU goes on");
    person.sees(PROMPT);
    person.types("info name\r");
    person.sees("hmp: QEMU still answers an earlier line: system_powerdown\r\n");
    person.sees("vm\r\n");
    person.sees(PROMPT);
    assert!(person.runs("info name").contains("vm\r\n"));
    person.presses('d');
    assert_eq!(person.leaves().1, 0);
}

#[test]
fn ctrl_c_leaves_a_migration_running_and_says_so() {
    let cancelled = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&cancelled);
    let mock = Mock::start_with(|mock| {
        mock.command("migrate", json!({}))
            .command("query-migrate", json!({"status": "active"}))
            .command_with("migrate_cancel", move |_| {
                seen.store(true, Ordering::Relaxed);
                Answer::from(json!({}))
            })
    });
    let mut person = Person::at_prompt(&mock);
    person.types("migrate tcp:127.0.0.1:4444\r");
    std::thread::sleep(Duration::from_millis(300));
    person.presses('c');
    person.sees("hmp: interrupted; ");
    person.sees("the migration goes on; 'info migrate' shows it, 'migrate_cancel' ends it\r\n");
    person.sees(PROMPT);
    assert!(!cancelled.load(Ordering::Relaxed));
    // Detached, it comes back at once.
    person.runs("migrate -d tcp:127.0.0.1:4444");
    person.runs("migrate_cancel");
    assert!(cancelled.load(Ordering::Relaxed));
    person.presses('d');
    assert_eq!(person.leaves().1, 0);
}

/// A mock whose jobs never end.
fn with_an_endless_job() -> Mock {
    let begun = Arc::new(Mutex::new(json!([])));
    Mock::start_with(|mock| {
        let jobs = Arc::clone(&begun);
        mock.command("query-block", json!([]))
            .command("query-named-block-nodes", json!([]))
            .command_with("snapshot-save", move |arguments| {
                let id = arguments["job-id"].clone();
                *begun.lock().unwrap() =
                    json!([{"id": id, "type": "snapshot-save", "status": "running"}]);
                json!({}).into()
            })
            .command("snapshot-delete", json!({}))
            .command("query-migrate", json!({}))
            .command("job-cancel", json!({}))
            .command("job-dismiss", json!({}))
            .command_with("query-jobs", move |_| jobs.lock().unwrap().clone().into())
    })
}

#[test]
fn a_job_without_progress_is_given_up_and_the_session_goes_on() {
    let mock = with_an_endless_job();
    let mut person = Person::with(&mock, &["--timeout", "1"]);
    person.sees(PROMPT);
    person.types("savevm new\r");
    person.sees("hmp: snapshot-save made no progress within 1 s, its outcome is unknown\r\n");
    person.sees(" may go on or have ended; 'hmp --end-jobs' ends it");
    person.sees(PROMPT);
    assert!(person.runs("info name").contains("vm\r\n"));
    person.presses('d');
    assert_eq!(person.leaves().1, 1);
}

#[test]
fn ctrl_c_leaves_a_job_running_and_says_so() {
    let mock = with_an_endless_job();
    let mut person = Person::at_prompt(&mock);
    person.types("savevm new\r");
    std::thread::sleep(Duration::from_millis(300));
    person.presses('c');
    person.sees("hmp: interrupted; the job hmp-savevm-");
    person.sees(" goes on, its end is shown here\r\n");
    person.sees(PROMPT);
    person.presses('d');
    person.sees(" goes on; when it has ended, 'hmp --end-jobs' clears it away");
    assert_eq!(person.leaves().1, 0);
    let mut next = Person::with(&mock, &[]);
    next.sees("hmp: the job hmp-savevm-");
    next.sees(" (snapshot-save, running) is there from another");
    next.sees(PROMPT);
    next.presses('d');
    assert_eq!(next.leaves().1, 0);
}

#[test]
fn a_lost_connection_is_said_above_the_line_and_the_prompt_stays() {
    let mut mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.runs("info name");
    person.types("info st");
    person.sees("info st");
    drop(mock.server.take());
    person.sees("hmp: connection to QEMU lost\r\n");
    // The line is whole, and is not run.
    person.sees("(qemu) info st");
    person.types("atus\r");
    person.sees("hmp: there is no VM; 'connect' looks for it again");
    person.sees(PROMPT);
    person.types("\r");
    person.sees(PROMPT);
    person.types("connect\r");
    person.sees("hmp: ");
    person.sees(PROMPT);
    person.presses('d');
    assert_eq!(person.leaves().1, 1);
}

#[test]
fn a_prompt_can_end_with_qemu() {
    let mut mock = Mock::start();
    let mut person = Person::with(&mock, &["--exit-on-end"]);
    person.sees(PROMPT);
    person.types("info st");
    person.sees("info st");
    drop(mock.server.take());
    let (rest, code) = person.leaves();
    assert!(
        rest.contains("\r\nhmp: connection to QEMU lost\r\n"),
        "{rest:?}"
    );
    assert_eq!(code, 4);
}

#[test]
fn a_connection_lost_in_mid_command_is_said_and_what_was_typed_is_not_run() {
    let mut mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.types("system_powerdown\rstop\rset_password vnc hunter2\reject cd0");
    assert_eq!(mock.change(), "system_powerdown");
    drop(mock.server.take());
    person.sees("hmp: connection to QEMU lost, outcome of system_powerdown unknown\r\n");
    person.sees("hmp: not run: stop\r\n");
    person.sees("hmp: not run: set_password ...\r\n");
    person.sees("hmp: not run: eject cd0\r\n");
    person.sees(PROMPT);
    person.types("quit\r");
    let (rest, code) = person.leaves();
    assert!(!rest.contains("hmp:"), "{rest:?}");
    assert_eq!(code, 1);
}

#[test]
fn a_guest_that_powers_off_leaves_the_prompt() {
    let event = json!({
        "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"},
        "timestamp": {"seconds": 1, "microseconds": 2}
    });
    let mock = Mock::start_with(|mock| {
        mock.command_with("system_reset", move |_| {
            Answer::from(json!({})).event_before(&event).quits()
        })
    });
    let mut person = Person::at_prompt(&mock);
    person.types("system_reset\r");
    person.sees("has ended (guest-shutdown)\r\n");
    person.sees(PROMPT);
    person.presses('d');
    assert_eq!(person.leaves().1, 0);
}

#[test]
fn a_qemu_that_is_back_is_connected_to() {
    for reconnect in [true, false] {
        let mut mock = Mock::start();
        let more: &[&str] = if reconnect { &["--reconnect"] } else { &[] };
        let mut person = Person::with(&mock, more);
        person.sees(PROMPT);
        drop(mock.server.take());
        person.sees("hmp: connection to QEMU lost\r\n");
        person.sees(PROMPT);
        let again = Mock::start_at(mock.folder);
        if !reconnect {
            person.types("connect\r");
        }
        person.sees("hmp: connected to QEMU 10.0.2: vm (process ");
        person.sees(", running)");
        person.sees(PROMPT);
        assert!(person.runs("info name").contains("vm\r\n"));
        person.presses('d');
        assert_eq!(person.leaves().1, 0);
        drop(again);
    }
}

#[test]
fn a_prompt_can_go_to_another_qemu() {
    let mock = Mock::start();
    let other = Mock::start_with(|mock| mock.command("query-name", json!({"name": "other"})));
    let mut person = Person::at_prompt(&mock);
    let shown = person.runs("connect");
    assert!(shown.contains("hmp: connected already"), "{shown}");
    person.runs(&format!("connect {}", other.path().display()));
    assert!(person.runs("info name").contains("other\r\n"));
    person.runs("connect /nowhere/at/all");
    assert!(person.runs("info name").contains("other\r\n"));
}

#[test]
fn quit_ends_both() {
    let mock = Mock::start();
    let mut person = Person::at_prompt(&mock);
    person.types("quit\r");
    let (rest, code) = person.leaves();
    assert_eq!(code, 0, "{rest}");
    assert!(!rest.contains("hmp:"), "{rest}");
}

#[test]
fn events_do_not_disturb_a_program() {
    let mock = Mock::start();
    let mut person = Person::with(&mock, &["--plain"]);
    person.sees(PROMPT);
    person.types("info na");
    person.sees("info na");
    let event = json!({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}});
    mock.server.as_ref().unwrap().send_event(&event);
    std::thread::sleep(Duration::from_millis(100));
    person.types("me\r");
    let before = person.sees("vm\r\n");
    assert!(!before.contains("STOP"), "{before}");
}

#[test]
fn a_limit_that_passed_does_not_end_the_session() {
    let mock = Mock::start();
    let mut person = Person::with(&mock, &["--timeout", "0.2"]);
    person.sees(PROMPT);
    let shown = person.runs("system_powerdown");
    assert!(
        shown.contains("hmp: no answer from QEMU within 1 s"),
        "{shown}"
    );
    assert!(person.runs("info name").contains("vm\r\n"));
}

#[test]
fn text_from_qemu_does_not_steer_the_terminal() {
    let mock = Mock::start_with(|mock| {
        mock.command("query-name", json!({"name": "a\u{1b}]0;b\u{7}\u{202e}c"}))
    });
    let mut person = Person::at_prompt(&mock);
    let shown = person.runs("info name");
    assert!(shown.contains("a\\x1b]0;b\\x07\\u{202e}c\r\n"), "{shown:?}");
}

#[test]
fn plans_are_shown_at_the_prompt() {
    let mock = Mock::start();
    let mut person = Person::with(&mock, &["--explain"]);
    person.sees(PROMPT);
    assert!(person.runs("stop").contains("\"route\":\"native\""));
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn a_terminal_without_abilities_will_do() {
    let mock = Mock::start();
    let mut command = heeding();
    command
        .arg(mock.path())
        .env("TERM", "dumb")
        .env("XDG_STATE_HOME", mock.folder.path());
    let options = Options::new().timeout_ms(Some(20_000));
    let mut person = Person {
        session: spawn_with_options(command, options).unwrap(),
    };
    person.sees(PROMPT);
    person.types("info name\n");
    person.sees("vm\r\n");
    person.sees(PROMPT);
    person.presses('c');
    person.types("info status\n");
    person.sees("VM status: running");
    person.sees(PROMPT);
    person.presses('d');
    assert_eq!(person.leaves().1, 0);
}

#[test]
fn a_failed_loadvm_says_that_the_vm_is_paused() {
    let mock = Mock::start_with(|mock| {
        mock.command("query-block", json!([]))
            .command("query-named-block-nodes", json!([]))
            .command("query-jobs", json!([]))
            .command("job-dismiss", json!({}))
            .command(
                "query-status",
                json!({"status": "restore-vm", "running": false}),
            )
            .command(
                "snapshot-load",
                Answer::error("GenericError", "no such snapshot"),
            )
    });
    let mut person = Person::at_prompt(&mock);
    person.types("loadvm x\r");
    person.sees("Error: no such snapshot");
    person.sees("hmp: the VM is paused now; 'cont' lets it go on as it was\r\n");
    person.sees(PROMPT);
    person.presses('d');
    assert_eq!(person.leaves().1, 1);
}

/// With eight requests in flight, what comes next waits for its turn.
#[test]
fn a_line_that_was_never_sent_is_cancelled() {
    let mock = Mock::start_with(|mock| mock.command("query-kvm", Answer::silence()));
    let mut person = Person::at_prompt(&mock);
    for _ in 0..8 {
        person.types("info kvm\r");
        std::thread::sleep(Duration::from_millis(300));
        person.presses('c');
        person.sees("hmp: interrupted; QEMU goes on with what it was asked already\r\n");
        person.sees(PROMPT);
    }
    person.types("stop\r");
    person.sees("QEMU still answers an earlier line: info kvm");
    std::thread::sleep(Duration::from_millis(300));
    person.presses('c');
    person.sees("hmp: cancelled\r\n");
    person.sees(PROMPT);
    assert!(mock.changes.try_recv().is_err());
}
