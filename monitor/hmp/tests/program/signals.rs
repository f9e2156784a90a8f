// SPDX-License-Identifier: GPL-2.0-or-later
//! Signals, time-outs and owners, against the mock.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::program::{Mock, Ran, binary, heeding, run};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

fn send(child: &Child, signal: Signal) {
    kill_process(
        Pid::from_raw(child.id().try_into().unwrap()).unwrap(),
        signal,
    )
    .unwrap();
}

fn ends(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

fn piped(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Has `info name` answered; returns the standard input for more.
fn asked(child: &mut Child) -> ChildStdin {
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"info name\n").unwrap();
    let mut answer = [0; 3];
    let output = child.stdout.as_mut().unwrap();
    output.read_exact(&mut answer).unwrap();
    input
}

#[rstest]
#[case(Signal::HUP, 129, "SIGHUP")]
#[case(Signal::INT, 130, "SIGINT")]
#[case(Signal::TERM, 143, "SIGTERM")]
fn a_signal_ends_it_with_a_code(#[case] signal: Signal, #[case] code: i32, #[case] name: &str) {
    let mock = Mock::start();
    // A line that QEMU never answers.
    let child = piped(heeding().arg(mock.path()).args(["-c", "system_powerdown"]));
    assert_eq!(mock.change(), "system_powerdown");
    send(&child, signal);
    let ran = ends(child);
    assert_eq!(
        ran.stderr,
        format!("hmp: ended by {name}; QEMU goes on with what it was asked already\n")
    );
    assert_eq!(ran.code, Some(code));
    // Between two lines nothing goes on.
    let mut child = piped(heeding().arg(mock.path()));
    let _input = asked(&mut child);
    std::thread::sleep(Duration::from_millis(100));
    send(&child, signal);
    let ran = ends(child);
    assert_eq!(ran.stderr, format!("hmp: ended by {name}\n"));
    assert_eq!(ran.code, Some(code));
}

#[test]
fn what_is_ignored_stays_ignored() {
    let mock = Mock::start();
    let path = mock.path();
    let script = format!(
        "trap '' HUP; exec {} {}",
        binary().display(),
        path.display()
    );
    let mut child = piped(Command::new("sh").args(["-c", &script]));
    let mut input = asked(&mut child);
    send(&child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(100));
    input.write_all(b"info name\n").unwrap();
    drop(input);
    let ran = ends(child);
    assert_eq!(
        (ran.stdout.as_str(), ran.code),
        ("vm\n", Some(0)),
        "{ran:?}"
    );
}

/// Jobs that a mock has: one that this test says is there, and those that are begun, which never
/// end.
fn with_jobs(id: String) -> Mock {
    let jobs = Arc::new(Mutex::new(vec![
        json!({"id": id, "type": "commit", "status": "running"}),
    ]));
    Mock::start_with(|mock| {
        let (begun, cancelled, dismissed) = (jobs.clone(), jobs.clone(), jobs.clone());
        mock.command("query-block", json!([]))
            .command("query-named-block-nodes", json!([]))
            .command("snapshot-delete", json!({}))
            .command("query-migrate", json!({}))
            .command_with("query-jobs", move |_| json!(*jobs.lock().unwrap()).into())
            .command_with("snapshot-save", move |arguments| {
                let id = arguments["job-id"].clone();
                let job = json!({"id": id, "type": "snapshot-save", "status": "running", "current-progress": 1});
                begun.lock().unwrap().push(job);
                json!({}).into()
            })
            .command_with("job-cancel", move |arguments| {
                for job in cancelled.lock().unwrap().iter_mut() {
                    if job["id"] == arguments["id"] {
                        job["status"] = "concluded".into();
                    }
                }
                json!({}).into()
            })
            .command_with("job-dismiss", move |arguments| {
                dismissed.lock().unwrap().retain(|job| job["id"] != arguments["id"]);
                json!({}).into()
            })
    })
}

#[test]
fn a_job_without_progress_runs_into_the_time_out() {
    let mock = with_jobs("other".into());
    let mut hmp = mock.hmp();
    let ran = run(hmp.args(["--timeout", "1", "-c", "savevm x", "-c", "info name"]));
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.stderr.starts_with("hmp: snapshot-save made no progress within 1 s, its outcome is unknown; one more line was not run\n"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("(snapshot-save) has ended"), "{ran:?}");
}

#[test]
fn jobs_of_the_living_are_left_alone() {
    let mine = hmp::host::owner::text().unwrap();
    let parts: Vec<_> = mine.split('.').collect();
    let owner = |boot: &str, start: &str, moment: &str| {
        format!("{boot}.{}.{}.{start}.{moment}", parts[1], parts[2])
    };
    for (owner, told, ended) in [
        (
            owner(parts[0], parts[3], parts[4]),
            "is another hmp's, which is at work",
            "left alone: the hmp that began it is at work",
        ),
        (
            owner(parts[0], "1", parts[4]),
            "'hmp --end-jobs' ends it",
            "cleared away",
        ),
        (
            owner("1", parts[3], "1"),
            "'hmp --end-jobs' ends it",
            "cleared away",
        ),
        (
            owner("1", parts[3], parts[4]),
            "is that of an hmp elsewhere",
            "left alone: an hmp elsewhere began it less than an hour ago, and may be at work",
        ),
    ] {
        let mock = with_jobs(format!("hmp-commit-{owner}"));
        let next = run(mock.hmp().args(["-c", "info name"]));
        assert!(next.stderr.contains(told), "{owner}: {next:?}");
        let end = run(mock.hmp().arg("--end-jobs"));
        let job = format!("the job hmp-commit-{owner} (commit, running): {ended}\n");
        assert_eq!((end.stdout, end.code), (job, Some(0)));
    }
}

/// A pipe that nobody writes to, where a recording would be.
#[test]
fn a_recording_that_does_not_come_is_left_by_signals() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut command = heeding();
    command.arg("--replay").arg(&pipe).args(["-c", "info name"]);
    let child = piped(&mut command);
    std::thread::sleep(Duration::from_millis(500));
    send(&child, Signal::TERM);
    // Whatever comes of that: a test that hangs tells nothing.
    std::thread::sleep(Duration::from_secs(3));
    send(&child, Signal::KILL);
    let ran = ends(child);
    assert_eq!(ran.code, Some(143), "{ran:?}");
}
