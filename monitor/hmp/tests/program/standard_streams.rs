// SPDX-License-Identifier: GPL-2.0-or-later
//! Standard input that can't be read, standard output that can't be written, and what a session's
//! lines are.

use std::process::Command;

use crate::common::program::{Mock, Ran, binary, hmp, run};
use rstest::rstest;

/// Runs `hmp` by a shell, with `$S` as a mock's socket.
fn shell(line: &str) -> Ran {
    let mock = Mock::start();
    let output = Command::new("sh")
        .arg("-c")
        .arg(line.replace("hmp ", "\"$HMP\" "))
        .env("HMP", binary())
        .env("S", mock.path())
        .current_dir(mock.folder.path())
        .output()
        .unwrap();
    Ran {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

#[rstest]
#[case("hmp $S < /")]
#[case("hmp $S 0>file")]
#[case("hmp $S <&-")]
#[case("hmp --null --explain $S <&-")]
fn input_that_cant_be_read(#[case] line: &str) {
    let ran = shell(line);
    assert!(
        ran.stderr.starts_with("hmp: can't read standard input: "),
        "{ran:?}"
    );
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(1)));
}

#[test]
fn empty_input_is_read() {
    for line in ["hmp $S < /dev/null", "hmp $S 0<>/dev/null", ": | hmp $S"] {
        let ran = shell(line);
        assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)), "{line}");
    }
    // It is not read where the lines are given.
    let ran = shell("hmp $S -c 'info name' <&-");
    assert_eq!((ran.stdout.as_str(), ran.code), ("vm\n", Some(0)));
}

#[rstest]
#[case("hmp $S -c 'info status'")]
#[case("hmp $S info status")]
#[case("echo info status | hmp $S")]
#[case("hmp $S --null -c stop")]
#[case("hmp $S --json -c stop")]
#[case("hmp $S --explain -c stop")]
#[case("hmp $S --complete info")]
#[case("hmp --list")]
#[case("hmp --help")]
#[case("hmp -h")]
#[case("hmp --version")]
fn output_that_cant_be_written(#[case] line: &str) {
    for to in [">&-", ">/dev/full", "1</dev/null"] {
        let ran = shell(&format!("{line} {to}"));
        assert!(
            ran.stderr.starts_with("hmp: can't write: "),
            "{to}: {ran:?}"
        );
        assert_eq!(ran.code, Some(1), "{to}");
    }
    // Even where nothing can be said.
    assert_eq!(shell(&format!("{line} >&- 2>&-")).code, Some(1));
}

#[test]
fn output_that_is_not_needed_or_not_wanted() {
    let ran = shell("hmp $S -c stop >&-");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    for line in ["hmp $S -c 'info status'", "hmp --help", "hmp --list"] {
        let ran = shell(&format!("{line} >/dev/null"));
        assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)), "{line}");
        let ran = shell(&format!("{line} 1<>/dev/null"));
        assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)), "{line}");
    }
}

#[test]
fn readers_that_leave_are_no_fault() {
    for arguments in [&["--help"][..], &["--list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(binary())
            .args(arguments)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn streams_that_do_not_block_are_waited_for() {
    use std::io::{Read, Write};

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let mock = Mock::start();
    let ((input, mut lines), (mut answers, output)) =
        (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    for stream in [&input as &dyn std::os::fd::AsFd, &output] {
        let flags = fcntl_getfl(stream).unwrap();
        fcntl_setfl(stream, flags | OFlags::NONBLOCK).unwrap();
    }
    let mut child = Command::new(binary())
        .arg(mock.path())
        .stdin(input)
        .stdout(output)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..20 {
            std::thread::sleep(std::time::Duration::from_millis(10));
            // Its answers are more than a pipe holds.
            lines.write_all(b"help\n").unwrap();
        }
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    let mut text = String::new();
    answers.read_to_string(&mut text).unwrap();
    writer.join().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mock = Mock::start();
    let once = run(mock.hmp().args(["-c", "help"])).stdout;
    assert!(once.len() * 20 > 1 << 16);
    assert_eq!(text, once.repeat(20));
}

#[test]
fn a_line_with_a_nul_is_not_run() {
    let mock = Mock::start();
    let ran = run(mock
        .hmp()
        .arg("--null")
        .write_stdin("stop\0 now\ninfo name\n"));
    assert_eq!(ran.stdout, "\0vm\n\0");
    assert_eq!(
        ran.stderr,
        "hmp: a line of input holds a NUL byte; it was not run\n"
    );
    assert_eq!(ran.code, Some(1));
    assert!(mock.changes.try_recv().is_err(), "nothing is cut and run");
}

#[test]
fn the_sessions_lines_are_its_history() {
    let expected = "vm\nVM status: running\nunknown command: 'foo'\n\
        0: 'info name'\n1: 'info status'\n2: 'foo'\n3: 'info history'\n";
    let mock = Mock::start();
    let input = "info name\ninfo status\nfoo\n\ninfo history\n";
    let ran = run(mock.hmp().write_stdin(input));
    assert_eq!(ran.stdout, expected);
    let mock = Mock::start();
    let lines = ["info name", "info status", "foo", "info history"];
    let ran = run(mock.hmp().args(lines.iter().flat_map(|line| ["-c", line])));
    assert_eq!(ran.stdout, expected);
    let ran = run(hmp().args(["--help"]));
    assert_eq!(ran.code, Some(0));
}
