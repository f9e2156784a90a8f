// SPDX-License-Identifier: GPL-2.0-or-later
//! Nothing of an interrupted line stays in QEMU.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hmp::client::address::Address;
use hmp::client::{Client, Options};
use hmp_engine::qmp::Qmp;
use rexpect::session::PtySession;
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::engine::connect;
use crate::common::program::{Ran, heeding, hmp, run};
use crate::common::pty::Terminal;
use crate::common::qemu::{Qemu, qemus, skipped};
use crate::common::screen::Screen;

/// A line that takes far longer than this test.
const LONG: &str = "x /16777216xw 0";

/// How many files of ours a QEMU has open.
fn files(qemu: &Qemu) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", qemu.pid())).unwrap();
    open.filter(|entry| {
        let link = std::fs::read_link(entry.as_ref().unwrap().path());
        link.is_ok_and(|link| link.to_string_lossy().contains("memfd:hmp"))
    })
    .count()
}

/// The descriptor sets that a QEMU has, as another client sees them.
async fn sets(client: &Client) -> Value {
    client.execute("query-fdsets", Value::Null).await.unwrap()
}

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// `hmp` at a long line of which QEMU has begun to write memory.
fn at_work(qemu: &Qemu, line: &str) -> Child {
    let mut child = heeding()
        .arg(qemu.socket())
        .args(["-c", line])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut begun = [0; 1];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut begun)
        .unwrap();
    child
}

/// What it wrote after the signal, and its code; `None` where the signal ended it.
fn ends(mut child: Child) -> Ran {
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    Ran {
        stdout: String::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

/// A QEMU whose other QMP socket a client holds.
async fn start(program: &Path, running: bool) -> (Qemu, Client, TempDir) {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("q");
    let other = format!("unix:{},server=on,wait=off", path.display());
    let qemu = Qemu::start(program, &["-m", "256", "-qmp", &other]);
    drop(connect(&qemu).await);
    let (client, _) = Client::connect(&Address::Unix(path), &Options::default())
        .await
        .unwrap();
    if running {
        client.execute("cont", Value::Null).await.unwrap();
    }
    (qemu, client, folder)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays(#[values(false, true)] running: bool) {
    for program in qemus() {
        let place = format!("{}, running: {running}", program.display());
        let (qemu, other, _folder) = start(&program, running).await;
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
            let child = at_work(&qemu, LONG);
            send(child.id(), signal);
            let ran = ends(child);
            let place = format!("{place}, {signal:?}: {ran:?}");
            match signal {
                Signal::KILL => assert!(files(&qemu) <= 1, "{place}"),
                _ => {
                    assert_eq!(files(&qemu), 0, "{place}");
                    assert_eq!(ran.code, Some(128 + signal.as_raw()), "{place}");
                    assert!(ran.stderr.starts_with("hmp: ended by SIG"), "{place}");
                }
            }
        }
        // The next one clears away what SIGKILL left.
        let next = run(hmp().arg(qemu.socket()).args(["-c", "info name"]));
        assert_eq!((next.stdout.as_str(), next.code), ("tested\n", Some(0)));
        assert_eq!(files(&qemu), 0, "{place}");
        assert_eq!(sets(&other).await, json!([]), "{place}");
    }
}

#[test]
fn nothing_stays_of_a_line_that_ctrl_c_gives_up() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &["-m", "256"]);
        let mut command = heeding();
        command.arg(qemu.socket()).env("TERM", "dumb");
        command.env("HOME", qemu.folder());
        let mut person: PtySession =
            rexpect::session::spawn_command(command, Some(20_000)).unwrap();
        person.exp_string("(qemu)").unwrap();
        for _ in 0..2 {
            person.send_line(LONG).unwrap();
            person.exp_string("0000000000001000:").unwrap();
            person.send_control('c').unwrap();
            person.exp_string("hmp: ").unwrap();
            person.exp_string("(qemu)").unwrap();
            assert_eq!(files(&qemu), 0, "{}", program.display());
        }
        person.send_control('d').unwrap();
        person.exp_eof().unwrap();
    }
}

/// Sets of the living, of others and of programs elsewhere stay; `--explain` clears nothing.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_left_behind_is_cleared() {
    for program in qemus() {
        let qemu = Qemu::start(&program, &[]);
        let mine = hmp::host::owner::text().unwrap();
        let parts: Vec<_> = mine.split('.').collect();
        let elsewhere = format!("1.{}.{}.{}.{}", parts[1], parts[2], parts[3], parts[4]);
        let long_ago = format!("1.{}.{}.{}.1", parts[1], parts[2], parts[3]);
        let gone = format!("{}.{}.{}.1.{}", parts[0], parts[1], parts[2], parts[4]);
        let file = hmp::host::memfd::create().unwrap();
        let client = connect(&qemu).await;
        for opaque in [&mine, &elsewhere, &long_ago, &gone] {
            let opaque = json!({"opaque": format!("hmp:{opaque}")});
            let given = client.execute_with_fd("add-fd", opaque, file.fd());
            given.await.unwrap();
        }
        let opaque = json!({"opaque": "libvirt"});
        let given = client.execute_with_fd("add-fd", opaque, file.fd());
        given.await.unwrap();
        // Releases before 9.1 keep sets as long as the VM is stopped, though told to drop them.
        let keeps = client.greeting()["version"]["qemu"]["major"].as_u64() > Some(9);
        drop(client);
        if !keeps {
            continue;
        }
        for (arguments, left) in [
            (["--explain", "-c", "info name"], 5),
            (["--json", "-c", "info name"], 3),
        ] {
            run(hmp().arg(qemu.socket()).args(arguments));
            let sets = sets(&connect(&qemu).await).await;
            assert_eq!(sets.as_array().unwrap().len(), left, "{sets}");
        }
    }
}

/// A VM whose `commit disk0` takes seconds, since the base is slow; none where a tool is missing.
fn slow_disk(program: &Path) -> Option<(Qemu, TempDir)> {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let (base, top) = (folder.path().join("base"), folder.path().join("top"));
    let (base, top) = (base.to_str().unwrap(), top.to_str().unwrap());
    let create = "create -q -f qcow2";
    for (tool, arguments) in [
        ("qemu-img", format!("{create} {base} 1G")),
        ("qemu-img", format!("{create} -F qcow2 -b {base} {top}")),
    ] {
        let Ok(status) = Command::new(tool).args(arguments.split(' ')).status() else {
            skipped("no qemu-img");
            return None;
        };
        assert!(status.success());
    }
    let io = Command::new("qemu-io")
        .args(["-c", "write 0 256M", top])
        .stdout(Stdio::null())
        .status();
    if io.is_err() {
        skipped("no qemu-io");
        return None;
    }
    let slow = format!(
        "driver=throttle,node-name=base,throttle-group=t,file.driver=qcow2,\
         file.file.driver=file,file.file.filename={base}"
    );
    let drive =
        format!("if=none,id=disk0,driver=qcow2,file.driver=file,file.filename={top},backing=base");
    let group = "throttle-group,id=t,x-bps-total=67108864";
    let more = ["-object", group, "-blockdev", &slow, "-drive", &drive];
    Some((Qemu::start(program, &more), folder))
}

/// A commit is cancelled, and no job stays.
#[test]
fn a_commit_that_is_interrupted_leaves_no_job() {
    for program in qemus() {
        let Some((qemu, _folder)) = slow_disk(&program) else {
            return;
        };
        let child = heeding()
            .arg(qemu.socket())
            .args(["--native-only", "-c", "commit disk0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700));
        send(child.id(), Signal::TERM);
        let begun = Instant::now();
        let ran = ends(child);
        assert!(begun.elapsed() < Duration::from_secs(5), "{ran:?}");
        assert_eq!(ran.code, Some(143), "{ran:?}");
        let next = run(hmp().arg(qemu.socket()).args(["-c", "info name"]));
        assert_eq!(next.stderr, "", "{ran:?}");
        assert!(ran.stderr.contains("has ended"), "{ran:?}");
    }
}

/// At the prompt it goes on, to its end, which is shown.
#[test]
fn a_commit_that_ctrl_c_leaves_goes_on() {
    for program in qemus() {
        let Some((qemu, folder)) = slow_disk(&program) else {
            return;
        };
        let mut screen = Screen::of(Terminal::at(
            &qemu.socket(),
            qemu.folder(),
            "xterm",
            &["--native-only"],
        ));
        screen.is_at("(qemu)");
        screen.types("commit disk0\r");
        screen.shows("commit 1 s");
        screen.types("\x03");
        screen.shows("interrupted; the job hmp-commit-");
        screen.is_at("(qemu)");
        screen.types("info block-jobs\r");
        screen.shows("Type commit");
        // The job's name is as long as this moment's numbers are: it may end a row anywhere.
        screen.until("its end", |screen| {
            let text = screen.rows().concat().replace(' ', "");
            text.contains("(commit)isdone")
        });
        screen.is_at("(qemu)");
        let rows = screen.runs("info block-jobs");
        assert_eq!(rows, ["No active jobs"], "{}", program.display());
        screen.types("quit\r");
        assert_eq!(screen.terminal.ends(), 0);
        let base = folder.path().join("base");
        let read = Command::new("qemu-io")
            .args(["-r", "-c", "read -P 205 255M 1M"])
            .arg(base)
            .output();
        let read = String::from_utf8(read.unwrap().stdout).unwrap();
        assert!(!read.contains("failed"), "{read}");
    }
}

/// Nothing goes on in a process that has ended.
#[test]
fn a_migration_of_a_qemu_that_was_killed() {
    for program in qemus() {
        let mut qemu = Qemu::start(&program, &[]);
        let child = heeding()
            .arg(qemu.socket())
            .args(["-c", "migrate \"exec:sleep 5\""])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        let pid = qemu.pid();
        qemu.kill();
        let ran = ends(child);
        assert_eq!(ran.code, Some(4), "{ran:?}");
        assert!(!ran.stderr.contains("goes on"), "{ran:?}");
        assert!(
            ran.stderr
                .contains(&format!("QEMU (process {pid}) has ended")),
            "{ran:?}"
        );
    }
}
