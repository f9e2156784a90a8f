// SPDX-License-Identifier: GPL-2.0-or-later
//! Programs that talk to QEMU's monitor socket, unchanged, at that of `hmp --listen`.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::common::listener::Listener;
use crate::common::program::{Mock, binary};
use crate::common::qemu::skipped;

/// A mock, and a server with a unix and a TCP socket in front of it; the port.
fn served(kind: &str) -> (Mock, Listener, u16) {
    let mock = Mock::start();
    let port = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let socket = mock.folder.path().join("m");
    let mut command = Command::new(binary());
    command
        .arg("--listen")
        .arg(format!("{kind}:127.0.0.1:{port},server=on,wait=off"))
        .arg("--listen")
        .arg(format!("unix:{},server=on,wait=off", socket.display()))
        .arg(mock.path());
    let listener = Listener::run(command, socket);
    (mock, listener, port)
}

/// What a program writes that is given `input`; none where it is not here.
fn talks(program: &str, arguments: &[&str], input: &str) -> Option<String> {
    let spawned = Command::new("timeout")
        .arg("30")
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    if which(program).is_none() {
        skipped(&format!("no {program}"));
        return None;
    }
    let mut child = spawned.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn which(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

const LINES: &str = "info name\ninfo status\n";

fn assert_answered(text: &str) {
    assert!(
        text.starts_with("QEMU 10.0.2 monitor - type 'help'"),
        "{text:?}"
    );
    assert!(
        text.contains("info name\x1b[K\r\nvm\r\n(qemu) "),
        "{text:?}"
    );
    assert!(
        text.contains("\r\nVM status: running\r\n(qemu) "),
        "{text:?}"
    );
}

#[test]
fn socat() {
    let (_mock, listener, port) = served("tcp");
    for place in [
        format!("UNIX-CONNECT:{}", listener.socket.display()),
        format!("TCP:127.0.0.1:{port}"),
    ] {
        if let Some(text) = talks("socat", &["-t5", "-", &place], LINES) {
            assert_answered(&text);
        }
    }
}

#[test]
fn nc() {
    let (_mock, listener, port) = served("tcp");
    let socket = listener.socket.display().to_string();
    if let Some(text) = talks("nc", &["-N", "-U", &socket], LINES) {
        assert_answered(&text);
        let text = talks("nc", &["-N", "127.0.0.1", &port.to_string()], LINES);
        assert_answered(&text.unwrap());
    }
}

#[test]
fn telnet() {
    let (_mock, _listener, port) = served("telnet");
    // telnet leaves at the end of its input at once.
    let script = "(sleep 0.5; printf 'info name\\n'; sleep 0.5; printf 'info status\\n'; sleep 1) \
                  | telnet 127.0.0.1 \"$0\"";
    if which("telnet").is_none() {
        skipped("no telnet");
        return;
    }
    let text = talks("sh", &["-c", script, &port.to_string()], "").unwrap();
    assert!(text.contains("vm\r\n"), "{text:?}");
    assert!(text.contains("VM status: running\r\n"), "{text:?}");
}

#[test]
fn expect() {
    if which("expect").is_none() || which("socat").is_none() {
        skipped("no expect, or no socat");
        return;
    }
    let (_mock, listener, _) = served("tcp");
    let script = r#"
        set timeout 20
        spawn socat STDIO UNIX-CONNECT:[lindex $argv 0]
        expect timeout { exit 2 } "(qemu) "
        send "info status\n"
        expect timeout { exit 3 } "VM status: running"
        expect timeout { exit 4 } "(qemu) "
        send "print/d 6*7\n"
        expect timeout { exit 5 } -re "\n42\r+\n\\(qemu\\) "
        exit 0
    "#;
    let mut child = Command::new("expect")
        .args(["-f", "-"])
        .arg(&listener.socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// As the human monitor of avocado-vt does it: an answer is over when the last line begins with the
/// prompt; the echo is what the first line ends with.
const AVOCADO: &str = r#"
import os, re, socket, sys, time
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
monitor.settimeout(20)
def read():
    text = ""
    while True:
        text += monitor.recv(1024).decode(errors="ignore")
        lines = text.splitlines()
        if lines and lines[-1].split() and lines[-1].split()[-1] == "(qemu)":
            return "\n".join(lines[:-1])
def clean(text):
    return re.sub(r"\x1b\[[0-9]*[A-Z]", "", text)
def cmd(line):
    monitor.sendall(line.encode() + b"\n")
    lines = clean(read()).splitlines()
    return "\n".join(lines[1:])
assert "QEMU" in read()
assert cmd("info status") == "VM status: running", "status"
assert cmd("info name") == "vm", "name"
assert "unknown command" in cmd("nosuch"), "unknown"
for number in range(50):
    assert cmd("print/d %d" % number) == str(number), number
"#;

#[test]
fn the_human_monitor_of_avocado() {
    let (_mock, listener, _) = served("tcp");
    let output = Command::new("python3")
        .args(["-c", AVOCADO])
        .arg(&listener.socket)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

/// A script of the kind that counts lines: a greeting, then an echo and an answer for each line.
const COUNTS: &str = r#"
set -e
coproc MONITOR { socat - "UNIX-CONNECT:$1"; }
read -r -t 20 greeting <&"${MONITOR[0]}"
case $greeting in "QEMU "*" monitor - type 'help' for more information"*) ;; *) exit 2 ;; esac
for number in 1 2 3; do
    echo "print/d $number" >&"${MONITOR[1]}"
    read -r -t 20 echo <&"${MONITOR[0]}"
    read -r -t 20 answer <&"${MONITOR[0]}"
    [ "$answer" = "$number"$'\r' ] || exit 3
done
"#;

#[test]
fn a_script_that_counts_lines() {
    if which("socat").is_none() {
        skipped("no socat");
        return;
    }
    let (_mock, listener, _) = served("tcp");
    let status = Command::new("bash")
        .args(["-c", COUNTS, "bash"])
        .arg(&listener.socket)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}
