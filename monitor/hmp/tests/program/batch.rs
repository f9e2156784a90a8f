// SPDX-License-Identifier: GPL-2.0-or-later
//! The binary `hmp` without a terminal, against the mock.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::common::program::{Mock, binary, hmp, run};
use mock_qmp::Answer;
use rstest::rstest;
use serde_json::{Value, json};

#[test]
fn lines_of_the_command_line() {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["-c", "info status", "-c", "info name"]));
    assert_eq!(ran.stdout, "VM status: running\nvm\n");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
}

#[test]
fn a_failed_command_does_not_end_the_run() {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["-c", "foo", "-c", "info name"]));
    assert_eq!(ran.stdout, "unknown command: 'foo'\nvm\n");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(1)));
}

#[test]
fn lines_of_standard_input() {
    let mock = Mock::start();
    let ran = run(mock.hmp().write_stdin("info status\r\n\nstop\ninfo name"));
    assert_eq!(ran.stdout, "VM status: running\nvm\n");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    assert_eq!(mock.change(), "stop");
}

#[test]
fn answers_ended_by_nul() {
    let mock = Mock::start();
    let ran = run(mock
        .hmp()
        .args(["--null", "--native-only"])
        .write_stdin("info name\n\nfoo\nstop x\n"));
    let expected = "vm\n\0\0unknown command: 'foo'\n\0\
        stop|s: extraneous characters at the end of line\n\
        Try \"help stop\" for more information\n\0";
    assert_eq!(ran.stdout, expected);
    assert_eq!(ran.code, Some(1));
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn a_partner_program_gets_each_answer_at_once() {
    let mock = Mock::start();
    let mut child = Command::new(binary())
        .arg(mock.path())
        .arg("--null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for (line, answer) in [("info name", "vm\n\0"), ("", "\0"), ("stop", "\0")] {
        writeln!(input, "{line}").unwrap();
        let mut bytes = Vec::new();
        output.read_until(0, &mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), answer);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn input_that_is_not_utf8() {
    let mock = Mock::start();
    let ran = run(mock.hmp().write_stdin(b"fo\xffo\ninfo name\n".as_slice()));
    assert_eq!(ran.stdout, "unknown command: 'fo\u{fffd}o'\nvm\n");
    assert_eq!(ran.code, Some(1));
}

#[test]
fn a_line_without_end() {
    let mock = Mock::start();
    let mut input = vec![b'x'; 3 << 20];
    input.extend(b"\ninfo name\n");
    let ran = run(mock.hmp().arg("--null").write_stdin(input));
    assert_eq!(ran.stdout, "\0vm\n\0");
    assert_eq!(
        ran.stderr,
        "hmp: a line of input is longer than 1 MiB; it was not run\n"
    );
    assert_eq!(ran.code, Some(1));
}

#[test]
fn quit_is_success() {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["-c", "info name", "-c", "quit"]));
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    let mock = Mock::start();
    let ran = run(mock.hmp().write_stdin("quit\n"));
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
}

#[test]
fn lines_behind_quit_are_lost() {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["-c", "quit", "-c", "stop", "-c", "cont"]));
    assert_eq!(ran.stderr, "hmp: QEMU has quit; 2 lines were not run\n");
    assert_eq!(ran.code, Some(4));
    let mock = Mock::start();
    let ran = run(mock.hmp().write_stdin("quit\nstop\n"));
    assert_eq!(
        ran.stderr,
        "hmp: QEMU has quit; lines of input were not run\n"
    );
    assert_eq!(ran.code, Some(4));
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn a_plan_instead_of_an_action() {
    let mock = Mock::start();
    let ran = run(mock
        .hmp()
        .args(["--explain", "-c", "stop", "-c", "info status"]));
    let plans: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(plans.len(), 2);
    assert_eq!(
        (&plans[0]["line"], &plans[0]["route"]),
        (&json!("stop"), &json!("native"))
    );
    assert_eq!(plans[1]["qmp"], json!(["query-status"]));
    assert_eq!(ran.code, Some(0));
    assert!(mock.changes.try_recv().is_err(), "nothing is changed");

    let ran = run(mock.hmp().arg("--explain").write_stdin("foo\nstop\n"));
    assert_eq!(ran.stdout.lines().count(), 2);
    assert_eq!(ran.code, Some(1));
}

#[rstest]
#[case("info stat", "stats\nstatus\n")]
#[case("system_r", "system_reset\n")]
#[case("no-such ", "")]
fn candidates(#[case] text: &str, #[case] expected: &str) {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["--complete", text]));
    assert_eq!((ran.stdout.as_str(), ran.code), (expected, Some(0)));
}

#[test]
fn candidates_that_are_files_are_ours() {
    let mock = Mock::start();
    std::fs::write(mock.folder.path().join("shot.ppm"), "").unwrap();
    let typed = format!("logfile {}/sh", mock.folder.path().display());
    let ran = run(mock.hmp().args(["--complete", &typed]));
    let expected = format!("{}/shot.ppm\n", mock.folder.path().display());
    assert_eq!(ran.stdout, expected);
}

#[rstest]
#[case(&["--no-such-flag"])]
#[case(&["tcp:localhost"])]
#[case(&["--list", "a", "b"])]
#[case(&["a", "--no-such-flag"])]
#[case(&["-c", "x", "a", "b"])]
#[case(&["--wait", "0", "a"])]
#[case(&["pid:x"])]
#[case(&["unix:/a,b"])]
#[case(&["a", "--timeout", "0"])]
#[case(&["a", "--timeout", "soon"])]
#[case(&["a", "--fd", "x"])]
#[case(&["a", "--fd", "x=987654"])]
#[case(&["a", "--allow", "all"])]
#[case(&["a", "--native-only", "--passthrough", "always"])]
#[case(&["a", "--replay", "b", "-c", "c"])]
#[case(&["--list", "-c", "stop"])]
fn usage(#[case] arguments: &[&str]) {
    let ran = run(hmp().args(arguments));
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(2)));
    assert!(!ran.stderr.is_empty());
}

#[test]
fn help_names_every_flag() {
    let ran = run(hmp().arg("--help"));
    assert_eq!(ran.code, Some(0));
    for flag in [
        "-c,",
        "--null",
        "--complete",
        "--explain",
        "--timeout",
        "--wait",
        "--fd",
        "--allow",
        "--native-only",
        "--replay",
        "--list",
        "Exit codes",
    ] {
        assert!(ran.stdout.contains(flag), "{flag}");
    }
    assert!(!ran.stdout.contains("--passthrough"));
}

#[test]
fn nobody_there() {
    let ran = run(hmp().args(["unix:/no/such/socket", "-c", "stop"]));
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(3)));
    assert!(
        ran.stderr
            .starts_with("hmp: unix:/no/such/socket: can't connect: No such file"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_human_monitors_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let banner = "QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) ";
        stream.write_all(banner.as_bytes()).unwrap();
        let _ = stream.read(&mut [0]);
    });
    let ran = run(hmp().arg(&path).args(["-c", "stop"]));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("human monitor"), "{}", ran.stderr);
    server.join().unwrap();
}

#[test]
fn nobody_reads() {
    let mock = Mock::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(binary())
        .arg(mock.path())
        .args(["-c", "help", "-c", "stop"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert!(mock.changes.try_recv().is_err(), "the run ends");
}

#[test]
fn a_limit_of_files_is_told() {
    let mock = Mock::start();
    let file = mock.folder.path().join("answer");
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(binary())
        .arg(mock.path())
        .args(["-c", "info name"])
        .stdout(std::fs::File::create(file).unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.starts_with("hmp: can't write: File too large"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_full_disk_is_told() {
    let mock = Mock::start();
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = Command::new(binary())
        .arg(mock.path())
        .args(["-c", "info name"])
        .stdout(full)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.starts_with("hmp: can't write: "), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn few_descriptors_are_an_error_or_enough() {
    let mock = Mock::start();
    for limit in 5..=24 {
        let mut shell = assert_cmd::Command::new("sh");
        let line = format!("ulimit -n {limit} && exec \"$0\" \"$1\" -c 'info name'");
        let ran = run(shell.arg("-c").arg(line).arg(binary()).arg(mock.path()));
        match ran.code {
            Some(0) => assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("vm\n", "")),
            Some(1 | 3) => assert!(
                ran.stderr.contains("Too many open files"),
                "{limit}: {ran:?}"
            ),
            _ => panic!("{limit}: {ran:?}"),
        }
        assert!(ran.code == Some(0) || limit < 16, "{limit}: {ran:?}");
    }
}

#[test]
fn a_limit_for_commands() {
    let mock = Mock::start();
    let begun = Instant::now();
    let ran = run(mock.hmp().args([
        "--timeout",
        "0.3",
        "-c",
        "system_powerdown",
        "-c",
        "info name",
    ]));
    assert!(begun.elapsed().as_secs() < 10);
    assert_eq!(
        ran.stderr,
        "hmp: no answer from QEMU within 1 s, outcome of system_powerdown unknown; one more line was not run\n"
    );
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(4)));
}

#[test]
fn the_built_in_monitor_is_used_unless_forbidden() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("human-monitor-command", |arguments| {
            Answer::from(json!(format!("ran {}\r\n", arguments["command-line"])))
        })
    });
    let ran = run(mock.hmp().args(["-c", "info usbhost"]));
    assert_eq!(
        (ran.stdout.as_str(), ran.code),
        ("ran \"info usbhost\"\n", Some(0))
    );
    let ran = run(mock.hmp().args(["--native-only", "-c", "info usbhost"]));
    assert!(!ran.stdout.contains("ran"), "{}", ran.stdout);
    assert_eq!(ran.code, Some(1));
    let ran = run(mock
        .hmp()
        .args(["--passthrough", "always", "-c", "info name"]));
    assert_eq!(ran.stdout, "ran \"info name\"\n");
}

#[test]
fn a_recording_instead_of_a_qemu() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.qmp");
    std::fs::write(&path, SESSION).unwrap();
    let ran = run(hmp().arg("--replay").arg(&path).args([
        "-c",
        "info status",
        "-c",
        "stop",
        "-c",
        "info status",
    ]));
    assert_eq!(ran.stdout, "VM status: running\nVM status: paused\n");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));

    let ran = run(hmp().args(["--replay", "/no/such/recording", "-c", "stop"]));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("/no/such/recording"), "{}", ran.stderr);
}

const SESSION: &str = r#"{"format":1,"topic":"main"}
{"greeting":{"version":{"qemu":{"micro":2,"minor":0,"major":10},"package":""},"capabilities":["oob"]},"at":0}
{"request":{"execute":"qmp_capabilities"},"at":1}
{"reply":{"return":{}},"at":1}
{"request":{"execute":"query-version"},"at":2}
{"reply":{"return":{"qemu":{"micro":2,"minor":0,"major":10},"package":""}},"at":2}
{"request":{"execute":"query-commands"},"at":2}
{"reply":{"return":[{"name":"query-status"},{"name":"stop"}]},"at":2}
{"request":{"execute":"query-target"},"at":2}
{"reply":{"return":{"arch":"x86_64"}},"at":2}
{"request":{"execute":"query-status"},"at":2}
{"reply":{"return":{"status":"running","running":true}},"at":2}
{"moment":1,"at":3}
{"request":{"execute":"stop"},"at":3}
{"event":{"timestamp":{"seconds":1,"microseconds":2},"event":"STOP"},"at":3}
{"reply":{"return":{}},"at":3}
{"request":{"execute":"query-status"},"at":4}
{"reply":{"return":{"status":"paused","running":false}},"at":4}
"#;

#[test]
fn json_has_what_qemu_returned_to_a_native_route() {
    let mock = Mock::start();
    let ran = run(mock
        .hmp()
        .args(["--json", "-c", "info status", "-c", "print 1"]));
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers[0]["route"], json!("native"));
    let status = json!({"status": "running", "running": true});
    let replies = json!([{"execute": "query-status", "return": status}]);
    assert_eq!(answers[0]["replies"], replies);
    assert_eq!(answers[1].get("replies"), None);
}
