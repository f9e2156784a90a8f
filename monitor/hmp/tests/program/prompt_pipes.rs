// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers that go to a file, a program or a pager.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use mock_qmp::{Answer, MockQmp};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use crate::common::program::{Mock, binary};
use crate::common::pty::Terminal;
use crate::common::screen::Screen;

fn objects(mock: MockQmp) -> MockQmp {
    let names = |count: usize| {
        let names: Vec<_> = (0..count)
            .map(|n| json!({"name": format!("name{n}"), "type": "string"}))
            .collect();
        json!(names)
    };
    mock.command_with("qom-list", move |request| {
        let long = request["path"] == "/long";
        if request["path"] == "/none" {
            return Answer::error("GenericError", "no such path");
        }
        Answer::from(names(if long { 500 } else { 3 }))
    })
}

#[test]
fn answers_go_through_programs() {
    let mock = Mock::start_with(objects);
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("qom-list /short | grep 1"), ["name1 (string)"]);
    assert_eq!(screen.runs("qom-list /long | grep 1 | wc -l"), ["176"]);
    assert_eq!(
        screen.runs("qom-list /long | head -n 1"),
        ["name0 (string)"]
    );
    assert_eq!(screen.runs("qom-list /long | true"), [""; 0]);
    assert_eq!(screen.runs("info name | cat > /dev/null"), [""; 0]);
    // An error is the user's to see.
    let rows = screen.runs("qom-list /none | cat > /dev/null");
    assert_eq!(rows, ["Error: no such path"]);
    // What is behind runs on.
    assert_eq!(screen.runs("info name"), ["vm"]);
}

#[test]
fn answers_go_into_files() {
    let mock = Mock::start_with(objects);
    let mut screen = Screen::start(&mock, &[]);
    let file = mock.folder.path().join("a b");
    assert_eq!(
        screen.runs(&format!("info name > \"{}\"", file.display())),
        [""; 0]
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "vm\n");
    assert_eq!(
        screen.runs(&format!("info name >> \"{}\"", file.display())),
        [""; 0]
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "vm\nvm\n");
}

#[test]
fn nothing_runs_where_the_answer_can_not_go() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("stop > /nowhere/at/all");
    assert!(
        rows[0].starts_with("hmp: can't open /nowhere/at/all: "),
        "{rows:?}"
    );
    let rows = screen.runs("stop |");
    assert_eq!(rows, ["hmp: a program is missing behind '|'"]);
    assert!(mock.changes.try_recv().is_err(), "nothing is changed");
}

#[test]
fn a_sign_in_a_line_of_the_built_in_is_its_own() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("print 1 | 2"), ["0x3"]);
    let rows = screen.runs("foo | cat");
    assert_eq!(rows, ["unknown command: 'foo'"]);
}

#[test]
fn a_pager_has_what_does_not_fit() {
    let mock = Mock::start_with(objects);
    let folder = mock.folder.path().join("hmp");
    fs::create_dir_all(&folder).unwrap();
    let seen = mock.folder.path().join("seen");
    // It takes a key of its own from the terminal, and reads the answer.
    let pager = format!(
        "tee {} | tail -n 1; read k < /dev/tty; echo key $k",
        seen.display()
    );
    fs::write(folder.join("config.toml"), format!("pager = '{pager}'\n")).unwrap();
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("qom-list /short").len(), 3);
    assert!(!seen.exists());
    screen.types("qom-list /long\r");
    screen.shows("name499 (string)");
    screen.types("x\r");
    screen.shows("key x");
    screen.is_at("(qemu)");
    assert_eq!(fs::read_to_string(&seen).unwrap().lines().count(), 500);
    // Nothing that the pager was typed is a line.
    assert_eq!(screen.runs("info name"), ["vm"]);
    drop(screen);
    let mut screen = Screen::start(&mock, &["--no-pager"]);
    screen.types("qom-list /long\r");
    screen.shows("name499 (string)\n(qemu)");
}

#[test]
fn shell_commands_have_the_terminal() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("!echo a b"), ["a b"]);
    screen.types("! echo what; read a; echo got $a\r");
    screen.shows("\nwhat");
    screen.types("z\r");
    screen.shows("got z");
    screen.is_at("(qemu)");
    let rows = screen.runs("!exit 3");
    assert_eq!(rows, ["hmp: the command ended with exit status: 3"]);
}

#[test]
fn a_line_does_not_run_where_its_program_is_not_there() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("stop | nosuchprogram -x");
    assert_eq!(
        rows,
        ["hmp: can't start 'nosuchprogram -x': there is no such program"]
    );
    assert!(mock.changes.try_recv().is_err(), "nothing is changed");
    // Words of the shell's own are there.
    assert_eq!(
        screen.runs("info name | while read x; do echo \"<$x>\"; done"),
        ["<vm>"]
    );
}

#[test]
fn what_goes_through_a_program_can_not_steer_the_terminal() {
    let mock =
        Mock::start_with(|mock| mock.command("query-name", json!({"name": "n\u{1b}]0;x\u{7}"})));
    let mut screen = Screen::start(&mock, &[]);
    assert_eq!(screen.runs("info name | cat"), [r"n\x1b]0;x\x07"]);
}

/// The states of a process and of those below it, as in `/proc/PID/stat`.
fn states(pid: Pid) -> String {
    let pid = pid.as_raw_nonzero();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    let children = fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    let children = children
        .flatten()
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default())
        .collect::<String>();
    let below = children
        .split_whitespace()
        .filter_map(|child| Pid::from_raw(child.parse().ok()?));
    state.into_iter().collect::<String>() + &below.map(states).collect::<String>()
}

/// Waits until a process and those below it, this many at least, have stopped.
#[track_caller]
fn stop(pid: Pid, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let states = states(pid);
        if states.len() >= count && states.chars().all(|state| state == 'T') {
            return;
        }
        assert!(Instant::now() < deadline, "{states}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_pipe_without_its_other_end_is_left_by_ctrl_c() {
    let mock = Mock::start_with(objects);
    let pipe = mock.folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut screen = Screen::start(&mock, &[]);
    for line in [
        format!("source {}", pipe.display()),
        format!("info name > {}", pipe.display()),
        format!("watch info name > {}", pipe.display()),
    ] {
        screen.types(&format!("{line}\r"));
        std::thread::sleep(Duration::from_millis(300));
        screen.types("\x03");
        screen.shows("hmp: cancelled");
        screen.is_at("(qemu)");
        screen.runs("info name");
    }
    // One that reads gets all of it.
    let reader = pipe.clone();
    let reader = std::thread::spawn(move || fs::read_to_string(reader).unwrap());
    screen.runs(&format!("info name > {}", pipe.display()));
    assert_eq!(reader.join().unwrap(), "vm\n");
    // One that reads nothing holds up nobody for good.
    let mut full = fs::File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(&pipe)
        .unwrap();
    while full.write(&[b'x'; 4096]).is_ok() {}
    screen.types(&format!("info name > {}\r", pipe.display()));
    std::thread::sleep(Duration::from_millis(500));
    screen.types("\x03");
    screen.shows("hmp: interrupted; the file does not have all of it");
    screen.is_at("(qemu)");
    screen.types("\x04");
    assert_eq!(screen.terminal.ends(), 1);
}

#[test]
fn what_is_typed_is_no_file_of_lines() {
    let mock = Mock::start();
    let mut screen = Screen::start(&mock, &[]);
    let rows = screen.runs("source /dev/tty");
    assert_eq!(rows, ["hmp: can't read /dev/tty: it is a terminal"]);
    assert_eq!(screen.runs("info name"), ["vm"]);
}

/// It is for the program that has the terminal; its signal comes to the prompt too.
#[test]
fn ctrl_backslash_ends_the_program_and_not_the_prompt() {
    let mock = with_pager("trap 'echo quit' QUIT; cat > /dev/null; echo paged; read k < /dev/tty");
    let mut screen = Screen::start(&mock, &[]);
    screen.types("!cat\r");
    std::thread::sleep(Duration::from_millis(300));
    screen.types("\x1c");
    screen.shows("hmp: the command ended with signal: 3");
    screen.is_at("(qemu)");
    screen.types("qom-list /long\r");
    screen.shows("\npaged");
    screen.types("\x1c");
    screen.types("x\r");
    screen.is_at("(qemu)");
    assert_eq!(screen.runs("info name"), ["vm"]);
}

#[test]
fn a_limit_of_files_leaves_the_prompt() {
    let mock = Mock::start_with(objects);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(binary());
    let folder = mock.folder.path();
    let mut screen = Screen::of(Terminal::run(limited, &mock.path(), folder, "xterm", &[]));
    screen.shows("(qemu) ");
    // The history can't be written either.
    assert_eq!(screen.runs("info name"), ["vm"]);
    let file = folder.join("answer");
    let rows = screen.runs(&format!("info name > {}", file.display()));
    let said = "hmp: can't write the file: File too large (os error 27)";
    assert_eq!(rows, [said]);
}

#[test]
fn programs_end_where_their_end_was_to_be_ignored() {
    let mock = Mock::start_with(objects);
    let mut ignoring = Command::new("env");
    ignoring.arg("--ignore-signal=CHLD").arg(binary());
    let folder = mock.folder.path();
    let mut screen = Screen::of(Terminal::run(ignoring, &mock.path(), folder, "xterm", &[]));
    screen.shows("(qemu) ");
    assert_eq!(screen.runs("info name | cat"), ["vm"]);
    assert_eq!(screen.runs("!echo said"), ["said"]);
}

fn with_pager(script: &str) -> Mock {
    let mock = Mock::start_with(objects);
    let folder = mock.folder.path().join("hmp");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("pager");
    fs::write(&path, script).unwrap();
    let text = format!("pager = 'A= exec /bin/sh {}'\n", path.display());
    fs::write(folder.join("config.toml"), text).unwrap();
    mock
}

#[test]
fn ctrl_z_stops_what_has_the_terminal_and_the_prompt() {
    let mock = with_pager("cat > /dev/null; echo paged; read k < /dev/tty; echo key $k");
    let mut screen = Screen::of(Terminal::under_a_shell(&mock, "xterm"));
    screen.types("qom-list /long\r");
    screen.shows("\npaged");
    screen.types("\x1a");
    let job = screen.terminal.job().unwrap();
    stop(job, 2);
    kill_process_group(job, Signal::CONT).unwrap();
    screen.types("x\r");
    screen.shows("key x");
    screen.is_at("(qemu)");
    assert_eq!(screen.runs("info name"), ["vm"]);
}

/// `less` is one such where it must start no program: what is typed next would be its own, and not
/// that of the shell which the prompt left the terminal to.
#[test]
fn the_prompt_goes_on_with_what_ctrl_z_does_not_stop() {
    let mock =
        with_pager("trap '' TSTP; cat > /dev/null; echo paged; read k < /dev/tty; echo key $k");
    let mut screen = Screen::of(Terminal::under_a_shell(&mock, "xterm"));
    screen.types("qom-list /long\r");
    screen.shows("\npaged");
    screen.types("\x1a");
    std::thread::sleep(Duration::from_millis(500));
    let states = states(screen.terminal.job().unwrap());
    assert!(states.len() >= 2 && !states.contains('T'), "{states}");
    screen.types("x\r");
    screen.shows("key x");
    screen.is_at("(qemu)");
}

#[test]
fn a_program_that_stops_itself_stops_the_prompt() {
    let mock = Mock::start();
    let line = "info name | exec sh -c 'kill -STOP $$; cat'";
    let mut screen = Screen::of(Terminal::under_a_shell(&mock, "xterm"));
    screen.types(&format!("{line}\r"));
    let job = screen.terminal.job().unwrap();
    stop(job, 2);
    kill_process_group(job, Signal::CONT).unwrap();
    screen.shows("\nvm");
    screen.is_at("(qemu)");
    drop(screen);
    // Nobody could let it go on: it does so itself.
    let mut screen = Screen::start(&mock, &[]);
    screen.types(&format!("{line}\r"));
    screen.shows("cat'\nvm\n(qemu)");
    // One that its shell waits for, and nobody else sees.
    screen.types("info name | (sh -c 'kill -STOP $$; echo went on'; true)\r");
    std::thread::sleep(Duration::from_millis(300));
    screen.types("\x03");
    screen.is_at("(qemu)");
    assert!(!screen.rows().join("\n").contains("\nwent on"));
    assert_eq!(screen.runs("info name"), ["vm"]);
}

#[test]
fn a_session_begun_outside_the_container() {
    // A container without a session of its own: numbers of what is outside are 0 in it.
    let container = ["--user", "--map-root-user", "--pid", "--fork"];
    let mut unshare = Command::new("unshare");
    let tried = unshare.args(container).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("skipped: this system makes no PID namespaces for tests");
        return;
    }
    let mock = Mock::start();
    let mut inside = Command::new("unshare");
    inside.args(container);
    // A shell that waits for it.
    inside
        .args(["sh", "-c", "\"$0\" \"$@\"; exit $?"])
        .arg(binary());
    let folder = mock.folder.path();
    let mut screen = Screen::of(Terminal::run(inside, &mock.path(), folder, "xterm", &[]));
    screen.shows("(qemu) ");
    screen.types("info name | exec sh -c 'kill -STOP $$; cat'\r");
    screen.shows("cat'\nvm\n(qemu)");
    screen.types("\x1a");
    assert_eq!(screen.runs("info name"), ["vm"]);
}
