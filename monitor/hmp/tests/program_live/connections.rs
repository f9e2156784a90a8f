// SPDX-License-Identifier: GPL-2.0-or-later
//! The client and `hmp` on real QEMUs; see `HMP_TEST_QEMUS` in tests/common/qemu.rs.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use crate::common::program::{binary, hmp, run};
use crate::common::qemu::{Qemu, qemus};
use hmp::client::address::Address;
use hmp::client::{Client, Events, Options};
use hmp_engine::qmp::{Qmp, QmpError};
use serde_json::{Value, json};

async fn connect(qemu: &Qemu) -> (Client, Events) {
    let address = Address::Unix(qemu.socket());
    Client::connect(&address, &Options::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn many_commands_at_once() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let (client, _events) = connect(&qemu).await;
        let calls: Vec<_> = (0..200)
            .map(|number| {
                let client = client.clone();
                let command = ["query-name", "query-status"][number % 2];
                tokio::spawn(async move { client.execute(command, Value::Null).await })
            })
            .collect();
        for (number, call) in calls.into_iter().enumerate() {
            let answer = call.await.unwrap().unwrap();
            match number % 2 {
                0 => assert_eq!(answer["name"], "tested"),
                _ => assert_eq!(answer["running"], false),
            }
        }
        assert_eq!(client.strays(), 0);
    }
}

#[tokio::test]
async fn events_errors_and_the_end() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let (client, mut events) = connect(&qemu).await;
        client.execute("cont", Value::Null).await.unwrap();
        client.execute("stop", Value::Null).await.unwrap();
        assert_eq!(events.recv().await.unwrap().name, "RESUME");
        assert_eq!(events.recv().await.unwrap().name, "STOP");
        let missing = client.execute("device_del", json!({"id": "nosuch"})).await;
        let Err(QmpError::Command { class, .. }) = missing else {
            panic!("{missing:?}");
        };
        assert_eq!(class, "DeviceNotFound");
        let odd = client.execute("query-status", json!({"\u{FFFF}": 1})).await;
        assert!(matches!(odd, Err(QmpError::Command { .. })));
        client.execute("quit", Value::Null).await.unwrap();
        assert_eq!(events.recv().await.unwrap().name, "SHUTDOWN");
        assert_eq!(events.recv().await, None);
        let late = client.execute("query-status", Value::Null).await;
        assert!(matches!(late, Err(QmpError::Disconnected { .. })));
    }
}

#[tokio::test]
async fn descriptors_arrive_one_by_one() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let (client, _events) = connect(&qemu).await;
        let file = tempfile::tempfile().unwrap();
        let names: Vec<_> = (0..20).map(|number| format!("fd{number}")).collect();
        let calls = names.iter().map(|name| {
            let (client, file) = (client.clone(), file.try_clone().unwrap());
            let name = name.clone();
            tokio::spawn(async move {
                let arguments = json!({ "fdname": name });
                client
                    .execute_with_fd("getfd", arguments, file.as_fd())
                    .await
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
        for name in names {
            client
                .execute("closefd", json!({ "fdname": name }))
                .await
                .unwrap();
        }
        let none = client.execute("getfd", json!({"fdname": "none"})).await;
        assert!(matches!(none, Err(QmpError::Command { .. })), "{none:?}");
    }
}

#[test]
fn descriptors_of_the_command_line() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let file = tempfile::tempfile().unwrap();
        let output = Command::new(binary())
            .arg(qemu.socket())
            .args(["--native-only", "--fd", "named=0"])
            .args([
                "-c",
                "closefd named",
                "-c",
                "getfd named",
                "-c",
                "closefd named",
            ])
            .args(["-c", "getfd other"])
            .stdin(file)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "only first and last fail: {text}");
        assert!(lines[0].contains("'named' not found"), "{text}");
        assert_eq!(output.status.code(), Some(1));
    }
}

/// What the built-in monitor answers to these lines, with LF line ends.
async fn builtin(qemu: &Qemu, lines: &[&str]) -> Vec<String> {
    let (client, _events) = connect(qemu).await;
    let mut answers = Vec::new();
    for line in lines {
        let arguments = json!({ "command-line": line });
        let answer = client.execute("human-monitor-command", arguments).await;
        answers.push(answer.unwrap().as_str().unwrap().replace("\r\n", "\n"));
    }
    answers
}

#[test]
fn answers_are_the_built_ins() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let lines = [
            "info version",
            "foo",
            "stop x",
            "info status",
            "",
            "info name",
        ];
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let expected = runtime.block_on(builtin(&qemu, &lines));
        let ran = run(hmp()
            .arg("--native-only")
            .arg("--null")
            .arg(qemu.socket())
            .write_stdin(lines.join("\n")));
        assert_eq!(
            ran.stdout,
            expected.join("\0") + "\0",
            "{}",
            program.display()
        );
        assert_eq!(ran.code, Some(1));
    }
}

#[test]
fn before_the_machine_is_initialised() {
    for program in qemus() {
        let mut qemu = Qemu::start(&program, &["-preconfig"]);
        let ran = run(hmp().arg(qemu.socket()).args([
            "-c",
            "info version",
            "-c",
            "info name",
            "-c",
            "quit",
        ]));
        assert!(ran.stdout.contains("\ntested\n"), "{ran:?}");
        assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
        qemu.wait();
    }
}

#[test]
fn killed_between_two_lines() {
    for program in qemus() {
        let mut qemu = Qemu::start(&program, &[]);
        let mut child = Command::new(binary())
            .arg(qemu.socket())
            .arg("--null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"info name\n").unwrap();
        let mut answer = Vec::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_until(0, &mut answer).unwrap();
        assert_eq!(answer, b"tested\n\0");
        qemu.kill();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stderr, b"hmp: connection to QEMU lost\n");
        assert_eq!(output.status.code(), Some(4));
    }
}

#[test]
fn a_stopped_process_is_silent_and_the_vm_lives_on() {
    for program in qemus() {
        let mut qemu = Qemu::start(&program, &[]);
        let pid = rustix::process::Pid::from_raw(i32::try_from(qemu.pid()).unwrap()).unwrap();
        let mut child = Command::new(binary())
            .arg(qemu.socket())
            .args(["--null", "--timeout", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        input.write_all(b"info name\n").unwrap();
        output.read_until(0, &mut Vec::new()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        input.write_all(b"info status\n").unwrap();
        let ended = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(text.contains("no answer from QEMU within 1 s"), "{text}");
        assert_eq!(ended.status.code(), Some(4));
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        // The reply that is still owed goes to the next client.
        let ran = run(hmp().arg(qemu.socket()).args(["-c", "info name"]));
        assert_eq!(
            (ran.stdout.as_str(), ran.code),
            ("tested\n", Some(0)),
            "{ran:?}"
        );
        assert!(qemu.lives());
    }
}
