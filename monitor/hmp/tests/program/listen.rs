// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp --listen`: the sockets, their clients, and what belongs to whom.

use std::fs;
use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mock_qmp::{Answer, MockQmp};
use serde_json::json;

use crate::common::listener::{Client, Listener};
use crate::common::program::{Mock, Ran, binary, hmp, run};

const GREETING: &str = "QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) ";

/// A mock and a server in front of it, whose socket is in the mock's folder.
fn served(more: &[&str]) -> (Mock, Listener) {
    let mock = Mock::start();
    let listener = Listener::start(&mock.path(), mock.folder.path(), more);
    (mock, listener)
}

#[test]
fn a_client_is_greeted_and_answered() {
    let (_mock, listener) = served(&[]);
    let mut client = Client::new(UnixStream::connect(&listener.socket).unwrap());
    assert_eq!(client.until("(qemu) "), GREETING);
    client.send("info nam\x7fme\r");
    let echo = client.until("\r\n");
    assert!(echo.starts_with("i\x1b[K\x1b[Din\x1b[K"), "{echo:?}");
    assert_eq!(client.until("(qemu) "), "vm\r\n(qemu) ");
    assert_eq!(client.line("zzz"), "unknown command: 'zzz'\r\n");
    client.send("  \n\n");
    client.until(" \x1b[K\r\n(qemu) \r\n(qemu) ");
}

#[test]
fn clients_are_served_at_once_and_share_what_is_the_sockets() {
    let (_mock, listener) = served(&[]);
    let (mut first, mut second) = (listener.client(), listener.client());
    first.send("half a li");
    assert_eq!(second.line("print/d 16"), "16\r\n");
    assert_eq!(
        second.line("info history"),
        "0: 'print/d 16'\r\n1: 'info history'\r\n"
    );
    first.send("\x15");
    // The format of the other one's line.
    assert_eq!(first.line("print 17"), "17\r\n");
    drop((first, second));
    let mut third = listener.client();
    third.send("\x1b[A");
    third.until("print 17\x1b[K");
}

#[test]
fn each_may_have_its_own_state() {
    let (_mock, listener) = served(&["--own-state"]);
    let (mut first, mut second) = (listener.client(), listener.client());
    assert_eq!(first.line("print/d 16"), "16\r\n");
    assert_eq!(second.line("print 17"), "0x11\r\n");
    assert_eq!(
        second.line("info history"),
        "0: 'print 17'\r\n1: 'info history'\r\n"
    );
}

#[test]
fn one_at_a_time() {
    let (_mock, listener) = served(&["--clients", "one"]);
    let mut first = listener.client();
    let waiting = UnixStream::connect(&listener.socket).unwrap();
    waiting
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert!((&waiting).read(&mut [0]).is_err());
    assert_eq!(first.line("info name"), "vm\r\n");
    drop(first);
    let mut second = Client::new(waiting);
    assert_eq!(second.until("(qemu) "), GREETING);
}

#[test]
fn a_client_has_none_of_the_prompts_powers() {
    let (mock, listener) = served(&[]);
    let mut client = listener.client();
    let file = mock.folder.path().join("made");
    for line in [
        "!true",
        "source x",
        "watch info name",
        "connect x",
        "vms",
        "qmp stop",
        "allow risky",
    ] {
        let name = line.split(' ').next().unwrap();
        assert_eq!(client.line(line), format!("unknown command: '{name}'\r\n"));
    }
    for line in [
        "info name | cat".to_owned(),
        format!("info name > {}", file.display()),
    ] {
        let answer = client.line(&line);
        assert!(answer.contains("extraneous characters"), "{answer:?}");
    }
    assert!(!file.exists());
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn a_client_that_ends_its_side_gets_all() {
    let (_mock, listener) = served(&[]);
    let mut client = listener.client();
    client.send("info name\ninfo status\nhalf");
    client.stream.shutdown(Shutdown::Write).unwrap();
    let rest = client.rest();
    assert!(rest.contains("\r\nvm\r\n(qemu) "), "{rest:?}");
    assert!(
        rest.contains("\r\nVM status: running\r\n(qemu) h\x1b[K"),
        "{rest:?}"
    );
}

#[test]
fn a_password_belongs_to_the_socket() {
    let mock = Mock::start_with(|mock| {
        mock.command_with("change-vnc-password", |_| Answer::from(json!({})))
            .command("blockdev-change-medium", json!({}))
            .command("query-vnc", json!({"enabled": true}))
            .command("query-vnc-servers", json!([]))
    });
    let listener = Listener::start(&mock.path(), mock.folder.path(), &["--native-only"]);
    let mut client = listener.client();
    client.send("change vnc password\n");
    client.until("Password: ");
    client.send("sec");
    client.until("***\x1b[K");
    drop(client);
    let mut next = Client::new(UnixStream::connect(&listener.socket).unwrap());
    assert!(next.until("Password: ").starts_with("QEMU 10.0.2 monitor"));
    next.send("secret\n");
    let echo = next.until("(qemu) ");
    assert!(echo.ends_with("******\x1b[K\r\n(qemu) "), "{echo:?}");
    let history = next.line("info history");
    assert_eq!(history, "0: 'change vnc password'\r\n1: 'info history'\r\n");
}

#[test]
fn a_line_that_waits_holds_its_client_alone() {
    let (mock, listener) = served(&[]);
    let mut waits = listener.client();
    waits.send("system_powerdown\ninfo name\n");
    assert_eq!(mock.change(), "system_powerdown");
    let mut other = listener.client();
    assert_eq!(other.line("info status"), "VM status: running\r\n");
    drop(waits);
    // What the one that left began is the next one's to wait for.
    thread::sleep(Duration::from_millis(200));
    let mut next = Client::new(UnixStream::connect(&listener.socket).unwrap());
    next.stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut greeting = vec![0; 200];
    let count = next.stream.read(&mut greeting).unwrap();
    let greeting = String::from_utf8_lossy(&greeting[..count]).into_owned();
    assert!(
        greeting.ends_with("for more information\r\n"),
        "{greeting:?}"
    );
    assert_eq!(other.line("info name"), "vm\r\n");
}

#[test]
fn quit_ends_all() {
    let (_mock, mut listener) = served(&[]);
    let (mut first, mut second) = (listener.client(), listener.client());
    first.send("quit\ninfo name\n");
    assert!(first.rest().ends_with("quit\x1b[K\r\n"));
    assert_eq!(second.rest(), "");
    assert!(listener.ended().code().is_some());
    assert!(!listener.socket.exists());
}

#[test]
fn a_qemu_that_comes_back_is_served_again() {
    let mut mock = Mock::start();
    let listener = Listener::start(&mock.path(), mock.folder.path(), &["--reconnect"]);
    let mut client = listener.client();
    assert_eq!(client.line("info name"), "vm\r\n");
    drop(mock.server.take());
    assert_eq!(client.rest(), "");
    // It waits in the socket's queue until there is a QEMU again.
    let waiting = UnixStream::connect(&listener.socket).unwrap();
    let folder = std::mem::replace(&mut mock.folder, tempfile::tempdir().unwrap());
    let _ = fs::remove_file(folder.path().join("q"));
    let _back = Mock::start_at(folder);
    let mut client = Client::new(waiting);
    assert_eq!(client.until("(qemu) "), GREETING);
    assert_eq!(client.line("info history"), "0: 'info history'\r\n");
}

#[test]
fn the_end_of_qemu_is_an_exit_code() {
    let (mut mock, mut listener) = served(&[]);
    let mut client = listener.client();
    drop(mock.server.take());
    assert_eq!(client.rest(), "");
    assert_eq!(listener.ended().code(), Some(4));
    assert!(listener.said().contains("connection to QEMU lost"));
}

#[test]
fn permissions_and_locks() {
    let (mock, listener) = served(&[]);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&listener.socket), 0o600);
    let place = format!("unix:{}", listener.socket.display());
    let again = ran(&["--listen", &place], &mock);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(
        again.stderr.contains("a program listens there already"),
        "{again:?}"
    );
    assert!(listener.socket.exists());
    let file = mock.folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    let taken = ran(&["--listen", &format!("unix:{}", file.display())], &mock);
    assert!(
        taken.stderr.contains("a file that is not a socket"),
        "{taken:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    // Another program's socket, in use.
    let foreign = mock.folder.path().join("foreign");
    let _listens = UnixListener::bind(&foreign).unwrap();
    let taken = ran(&["--listen", &format!("unix:{}", foreign.display())], &mock);
    assert!(
        taken.stderr.contains("a program listens there already"),
        "{taken:?}"
    );
}

fn ran(arguments: &[&str], mock: &Mock) -> Ran {
    run(hmp().args(arguments).arg(mock.path()))
}

#[test]
fn a_socket_that_was_left_behind_is_taken_over() {
    let mock = Mock::start();
    let path = mock.folder.path().join("m");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut command = Command::new(binary());
    command
        .args(["--mode", "660", "--listen"])
        .arg(format!("unix:{}", path.display()))
        .arg(mock.path());
    let mut listener = Listener::run(command, path.clone());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    assert_eq!(listener.client().line("info name"), "vm\r\n");
    let pid = listener.child.id().to_string();
    Command::new("kill").arg(&pid).status().unwrap();
    assert_eq!(listener.ended().code(), Some(143));
    assert!(!path.exists() && !mock.folder.path().join("m.lock").exists());
}

#[test]
fn tcp_is_for_this_machine_unless_said() {
    let mock = Mock::start();
    for place in [
        "tcp:0.0.0.0:0",
        "tcp:0.0.0.0:4444",
        "tcp::4444",
        "telnet:[::]:4444",
        "tcp:192.0.2.1:4444",
    ] {
        let refused = ran(&["--listen", place], &mock);
        assert!(matches!(refused.code, Some(1 | 2)), "{refused:?}");
    }
    let refused = ran(&["--listen", "tcp:0.0.0.0:4444"], &mock);
    assert!(refused.stderr.contains("--bind-anywhere"), "{refused:?}");
    for wrong in ["vsock:1:2", "unix:/x,wait=on", "unix:/x,server=off"] {
        assert_eq!(ran(&["--listen", wrong], &mock).code, Some(2), "{wrong}");
    }
}

#[test]
fn telnet() {
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
        .arg(format!("telnet:127.0.0.1:{port},server=on,wait=off"))
        .arg("--listen")
        .arg(format!("unix:{}", socket.display()))
        .arg(mock.path());
    let _listener = Listener::run(command, socket);
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut offer = [0; 12];
    (&stream).read_exact(&mut offer).unwrap();
    assert_eq!(&offer, b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00");
    let mut client = Client::over(stream);
    assert_eq!(client.until("(qemu) "), GREETING);
    client.send(b"\xff\xfd\x01info \xff\xfb\x1fname\r\n");
    let answer = client.until("vm\r\n(qemu) \r\n(qemu) ");
    assert!(answer.contains("info name\x1b[K\r\n"), "{answer:?}");
}

#[test]
fn a_service_manager_passes_the_socket_and_is_told() {
    let mock = Mock::start();
    let path = mock.folder.path().join("m");
    let listening = UnixListener::bind(&path).unwrap();
    rustix::io::fcntl_setfd(&listening, rustix::io::FdFlags::empty()).unwrap();
    let told = mock.folder.path().join("n");
    let manager = UnixDatagram::bind(&told).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut command = Command::new("bash");
    let shell = "exec 3<&\"$1\"; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$2\" --listen systemd \"$3\"";
    command
        .args(["-c", shell, "bash"])
        .arg(listening.as_raw_fd().to_string())
        .arg(binary())
        .arg(mock.path())
        .env("NOTIFY_SOCKET", &told);
    let listener = Listener::run(command, path.clone());
    let mut buffer = [0; 64];
    let count = manager.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"READY=1");
    assert_eq!(listener.client().line("info name"), "vm\r\n");
    drop(listener);
    // It is the manager's.
    assert!(path.exists());
    let none = ran(&["--listen", "systemd"], &mock);
    assert!(none.stderr.contains("no sockets were passed"), "{none:?}");
}

#[test]
fn a_recording_can_be_listened_to() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("m");
    let recording = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../recordings/10.0-x86_64-q35"
    );
    let mut command = Command::new(binary());
    command
        .arg("--listen")
        .arg(format!("unix:{}", socket.display()))
        .args(["--replay", recording]);
    let listener = Listener::run(command, socket);
    let answer = listener.client().line("info status");
    assert!(answer.starts_with("VM status: "), "{answer:?}");
}

#[test]
fn bytes_of_any_kind_come_back() {
    let (mock, listener) = served(&[]);
    let mut client = listener.client();
    client.send(b"z\xff\xc3\n");
    client.until("\r\n");
    let answer = client.bytes_until("(qemu) ");
    assert_eq!(answer, b"unknown command: 'z\xff\xc3'\r\n(qemu) ");
    client.send(b"eject \xff\n");
    client.until("\r\n");
    assert_eq!(
        client.until("(qemu) "),
        "Error: QMP has no way to say the byte 0xff\r\n(qemu) "
    );
    assert!(mock.changes.try_recv().is_err());
}

#[test]
fn many_clients_get_their_own_answers() {
    let (_mock, listener) = served(&[]);
    // What is opened at the start is open once a client is served.
    let _first = listener.client();
    let before = listener.descriptors();
    let lazy = UnixStream::connect(&listener.socket).unwrap();
    let workers: Vec<_> = (0..10)
        .map(|number| {
            let mut client = listener.client();
            thread::spawn(move || {
                for line in 0..100 {
                    let sum = format!("print/d {number}000+{line}");
                    assert_eq!(client.line(&sum), format!("{}\r\n", number * 1000 + line));
                }
            })
        })
        .collect();
    for _ in 0..50 {
        let mut leaves = Client::new(UnixStream::connect(&listener.socket).unwrap());
        leaves.send("info status\ninfo na");
    }
    workers
        .into_iter()
        .for_each(|worker| worker.join().unwrap());
    drop(lazy);
    let begun = Instant::now();
    while listener.descriptors() > before {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{}",
            listener.descriptors()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_client_that_does_not_read_is_closed_and_harms_nobody() {
    let mock = Mock::start_with(|mock: MockQmp| {
        let name = "x".repeat(1 << 20);
        mock.command_with("query-name", move |_| Answer::from(json!({ "name": name })))
    });
    let listener = Listener::start(&mock.path(), mock.folder.path(), &[]);
    let mut lazy = UnixStream::connect(&listener.socket).unwrap();
    let lines = "info name\n".repeat(200);
    std::io::Write::write_all(&mut lazy, lines.as_bytes()).unwrap();
    let mut other = listener.client();
    let begun = Instant::now();
    // What it did not read so far is still to be had; then it is closed.
    loop {
        assert_eq!(other.line("info status"), "VM status: running\r\n");
        let mut polled = [rustix::event::PollFd::new(
            &lazy,
            rustix::event::PollFlags::empty(),
        )];
        rustix::event::poll(
            &mut polled,
            Some(&rustix::time::Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )
        .unwrap();
        if polled[0].revents().contains(rustix::event::PollFlags::HUP) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it is not closed: {} KiB",
            listener.memory()
        );
    }
    assert!(listener.memory() < 400 << 10, "{} KiB", listener.memory());
}
