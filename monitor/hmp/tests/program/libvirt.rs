// SPDX-License-Identifier: GPL-2.0-or-later
//! A domain of libvirt's, through a stand-in for virsh that asks the mock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;
use mock_qmp::Answer;
use serde_json::json;

use crate::common::program::{Mock, Ran, heeding, hmp, run};
use crate::common::pty::Terminal;
use crate::common::screen::Screen;

/// A virsh that knows one domain: it talks to the socket `q` in its own folder.
const VIRSH: &str = r#"#!/usr/bin/env python3
import json, os, socket, sys, time
time.sleep(float(os.environ.get("PAUSE", "0")))
command, _, domain = sys.argv[1:4]
gone = os.path.join(os.path.dirname(__file__), "gone")
if domain != "web1" or os.path.exists(gone):
    sys.exit("error: failed to get domain '%s'" % domain)
if command == "domid":
    print("1\n")
    sys.exit()
request = sys.argv[5]
server = socket.socket(socket.AF_UNIX)
server.connect(os.path.join(os.path.dirname(__file__), "q"))
lines = server.makefile("rw")
def ask(request):
    lines.write(json.dumps(request) + "\n")
    lines.flush()
    while True:
        reply = json.loads(lines.readline())
        if "event" not in reply:
            return reply
lines.readline()
ask({"execute": "qmp_capabilities"})
if json.loads(request)["execute"] == "quit":
    # The domain is known for some time after its QEMU ended.
    if os.fork() == 0:
        time.sleep(0.5)
        open(gone, "w")
        sys.exit()
    sys.exit("error: Unable to read from monitor: Connection reset by peer")
reply = ask(dict(json.loads(request), id="libvirt-7"))
print(json.dumps(reply, indent=1))
"#;

fn virsh(mock: &Mock) -> Command {
    let path = mock.folder.path().join("virsh");
    if !path.exists() {
        fs::write(&path, VIRSH).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = hmp();
    command.env("HMP_VIRSH", path);
    command
}

fn ran(mock: &Mock, arguments: &[&str]) -> Ran {
    run(virsh(mock).args(arguments).write_stdin(""))
}

#[test]
fn lines_go_through_virsh() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("eject", |_| {
            Answer::error("DeviceNotFound", "Device 'x' not found")
        })
    });
    let answer = ran(
        &mock,
        &[
            "--libvirt",
            "web1",
            "--yes",
            "-c",
            "info name",
            "-c",
            "info status",
        ],
    );
    assert_eq!(answer.stdout, "vm\nVM status: running\n", "{answer:?}");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let answer = ran(&mock, &["--libvirt", "web1", "--yes", "info", "name"]);
    assert_eq!(answer.stdout, "vm\n", "{answer:?}");
    let answer = ran(&mock, &["--libvirt", "web1", "--yes", "eject", "x"]);
    assert_eq!(answer.stdout, "Error: Device 'x' not found\n", "{answer:?}");
    assert_eq!(answer.code, Some(1), "{answer:?}");
}

#[test]
fn the_user_must_agree() {
    let mock = Mock::start();
    let answer = ran(&mock, &["--libvirt", "web1", "-c", "info name"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(
        answer.stderr.contains("tainted (custom-monitor)"),
        "{answer:?}"
    );
    assert_eq!(answer.stdout, "");
}

#[test]
fn what_virsh_says_is_said() {
    let mock = Mock::start();
    let answer = ran(&mock, &["--libvirt", "nosuch", "--yes", "-c", "info name"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(
        answer.stderr.contains("failed to get domain 'nosuch'"),
        "{answer:?}"
    );
    let mut command = hmp();
    command.env("HMP_VIRSH", "/nowhere/virsh");
    let answer = run(command.args(["--libvirt", "web1", "--yes", "-c", "info name"]));
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(
        answer.stderr.contains("can't run /nowhere/virsh"),
        "{answer:?}"
    );
}

#[test]
fn a_domain_that_ends_ends_the_connection() {
    let mock = Mock::start();
    let lines = [
        "--libvirt",
        "web1",
        "--yes",
        "-c",
        "info name",
        "-c",
        "quit",
    ];
    let answer = ran(&mock, &lines);
    assert_eq!(answer.stdout, "vm\n", "{answer:?}");
    assert_eq!((answer.code, &*answer.stderr), (Some(0), ""));
    let answer = ran(&mock, &["--libvirt", "web1", "--yes", "-c", "info name"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
}

#[test]
fn no_descriptor_is_passed() {
    let mock = Mock::start_with(|mock| mock.command("memsave", json!({})));
    let answer = ran(
        &mock,
        &["--libvirt", "web1", "--yes", "--native-only", "-c", "xp 0"],
    );
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(!answer.stdout.contains("0000000000000000:"), "{answer:?}");
}

#[test]
fn a_virsh_that_does_not_answer_is_waited_for_as_long_as_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("virsh");
    fs::write(&path, "#!/bin/sh\nexec sleep 100\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = "--libvirt web1 --yes --timeout 1 -c stop".split(' ');
    let answer = run(hmp().env("HMP_VIRSH", &path).args(arguments));
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(
        answer.stderr.contains("does not answer within 1 s"),
        "{answer:?}"
    );
}

/// Each question is a program that is started, which takes its time.
#[test]
fn the_banner_waits_for_virsh() {
    let mock = Mock::start();
    drop(virsh(&mock));
    let mut command = heeding();
    command.arg("--libvirt");
    command.env("HMP_VIRSH", mock.folder.path().join("virsh"));
    command.env("PAUSE", "1.5");
    let (domain, folder) = (Path::new("web1"), mock.folder.path());
    let mut screen = Screen::of(Terminal::run(command, domain, folder, "xterm", &["--yes"]));
    screen.shows("\nvm (running); Ctrl-D leaves");
}
