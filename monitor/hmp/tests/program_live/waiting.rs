// SPDX-License-Identifier: GPL-2.0-or-later
//! Sockets that others use: who waits, what is said, and what else a socket may be.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::program::{binary, hmp, run};
use crate::common::qemu::{Qemu, qemus};
use hmp::client::address::Address;
use hmp::client::{Client, Events, Options};

fn hold(runtime: &tokio::runtime::Runtime, socket: &Path) -> (Client, Events) {
    let address = Address::Unix(socket.to_owned());
    runtime
        .block_on(Client::connect(&address, &Options::default()))
        .unwrap()
}

#[test]
fn twenty_at_once_all_answer() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let children: Vec<_> = (0..20)
            .map(|_| {
                Command::new(binary())
                    .arg(qemu.socket())
                    .args(["-c", "info name"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(text, "tested\n", "{output:?}");
            assert_eq!(output.status.code(), Some(0));
        }
    }
}

/// The first message of a run that waits, which must come within a second.
fn first_message(child: &mut std::process::Child) -> String {
    let begun = Instant::now();
    let mut text = String::new();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    messages.read_line(&mut text).unwrap();
    let elapsed = begun.elapsed();
    child.stderr = Some(messages.into_inner());
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}: {text}");
    text
}

fn waiting(arguments: &[&str], socket: &str) -> std::process::Child {
    Command::new(binary())
        .args(arguments)
        .args([socket, "-c", "info name"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_held_socket_is_said_at_once_and_waited_for() {
    for program in qemus() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let second = format!("unix:{}/second", folder.path().display());
        let qemu = Qemu::start(&program, &["-qmp", &format!("{second},server=on,wait=off")]);
        let shown = qemu.socket().display().to_string();
        let mut holder = Command::new(binary())
            .arg(qemu.socket())
            .arg("--null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(holder.stdin.as_mut().unwrap(), b"info name\n").unwrap();
        let mut answers = BufReader::new(holder.stdout.take().unwrap());
        answers.read_until(0, &mut Vec::new()).unwrap();

        let mut child = waiting(&[], &shown);
        let text = first_message(&mut child);
        let held = format!("unix:{shown} is held by hmp (pid {})", holder.id());
        assert!(text.contains(&held), "{text}");
        let free = format!("{second} of the same QEMU is free");
        assert!(text.contains(&free), "{text}");
        assert!(text.contains("waiting up to 10 s"), "{text}");
        // It gets its turn.
        drop(holder.stdin.take());
        holder.wait().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "tested\n");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn a_held_socket_is_given_up_with_its_holder_named() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _held = hold(&runtime, &qemu.socket());
        let begun = Instant::now();
        let ran = run(hmp()
            .args(["--wait", "1.5"])
            .arg(qemu.socket())
            .args(["-c", "stop"]));
        assert!(begun.elapsed() < Duration::from_secs(8));
        assert_eq!(ran.code, Some(3));
        let holder = format!("(pid {})", std::process::id());
        let last = ran.stderr.lines().last().unwrap();
        assert!(
            last.contains("is held by ") && last.contains(&holder),
            "{last}"
        );
        assert!(last.contains("no greeting within 2 s"), "{last}");
    }
}

#[test]
fn a_port_that_is_held() {
    for program in qemus() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = port.local_addr().unwrap().port();
        drop(port);
        let place = format!("tcp:127.0.0.1:{number}");
        let qemu = Qemu::start(&program, &["-qmp", &format!("{place},server=on,wait=off")]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address: Address = place.parse().unwrap();
        let _held = runtime
            .block_on(Client::connect(&address, &Options::default()))
            .unwrap();
        let mut child = waiting(&["--wait", "2"], &format!("localhost:{number}"));
        let text = first_message(&mut child);
        let holder = format!("(pid {})", std::process::id());
        assert!(
            text.contains("is held by ") && text.contains(&holder),
            "{text}"
        );
        let free = format!("unix:{} of the same QEMU is free", qemu.socket().display());
        assert!(text.contains(&free), "{text}");
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }
}

#[test]
fn a_stopped_qemu_is_held_by_nobody() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let pid = rustix::process::Pid::from_raw(i32::try_from(qemu.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let mut child = waiting(&[], &qemu.socket().display().to_string());
        let text = first_message(&mut child);
        let stopped = format!("tested (pid {}), is stopped", qemu.pid());
        assert!(text.contains(&stopped), "{text}");
        let list = run(hmp().arg("--list"));
        let line = format!("{}\ttested\t", qemu.pid());
        let line = list.stdout.lines().find(|l| l.starts_with(&line)).unwrap();
        assert_eq!(line.split('\t').nth(3), Some("stopped"));
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "tested\n");
    }
}

#[test]
fn sockets_that_serve_something_else() {
    for program in qemus() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let at = |name: &str| format!("unix:{}/{name},server=on,wait=off", folder.path().display());
        let telnet = format!("{},telnet=on", at("t"));
        let websocket = format!("{},websocket=on", at("w"));
        let (human, device) = (at("h"), at("s"));
        let device = device.strip_prefix("unix:").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = port.local_addr().unwrap().port();
        drop(port);
        let tls =
            format!("socket,id=l,host=127.0.0.1,port={number},server=on,wait=off,tls-creds=c");
        let qemu = Qemu::start(
            &program,
            &[
                "-object",
                "tls-creds-anon,id=c,endpoint=server",
                "-chardev",
                &tls,
                "-mon",
                "chardev=l,mode=control",
                "-qmp",
                &telnet,
                "-qmp",
                &websocket,
                "-monitor",
                &human,
                "-chardev",
                &format!("socket,id=s,path={device}"),
            ],
        );
        let tls = format!("127.0.0.1:{number}");
        for (name, says) in [
            (tls.as_str(), "serves QMP within TLS"),
            ("t", "speaks telnet"),
            ("w", "serves QMP within websocket"),
            ("h", "human monitor"),
            ("s", "serves a character device of the guest"),
        ] {
            let begun = Instant::now();
            let ran = run(hmp().current_dir(folder.path()).args([name, "-c", "stop"]));
            assert!(begun.elapsed() < Duration::from_secs(5), "{name}");
            assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(3)), "{name}");
            assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
            assert!(!ran.stderr.contains("held by"), "{}", ran.stderr);
        }
        drop(qemu);
    }
}
