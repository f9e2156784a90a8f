// SPDX-License-Identifier: GPL-2.0-or-later
//! Guest memory where QEMU can't be passed a descriptor: it writes into a private file, of which
//! nothing is left.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::channel;

use crate::common::program::{Ran, hmp, run};
use crate::common::qemu::{Qemu, qemus};
use mock_qmp::{Answer, MockQmp};
use serde_json::{Value, json};

/// A QEMU that writes `A`, `B`, ... where `opens` says that it can.
fn mock(opens: impl Fn(&str) -> bool + Send + 'static, length: u64) -> MockQmp {
    let save = move |arguments: &Value| {
        let path = arguments["filename"].as_str().unwrap();
        if !opens(path) {
            let sentence = format!("Could not open '{path}': No such file or directory");
            return Answer::error("GenericError", sentence);
        }
        let wanted = arguments["size"].as_u64().unwrap();
        let content: Vec<u8> = (b'A'..).take(wanted.min(length) as usize).collect();
        Answer::from(json!({})).content("filename", content)
    };
    MockQmp::scripted()
        .command("query-target", json!({"arch": "x86_64"}))
        .command("add-fd", json!({"fdset-id": 1, "fd": 12}))
        .command("remove-fd", json!({}))
        .command_with("memsave", save)
}

/// `x/4cb 0`, by QMP alone.
fn show(address: &str, folder: &Path) -> Ran {
    let mut hmp = hmp();
    hmp.env("TMPDIR", folder);
    run(hmp.args([address, "--native-only", "-c", "x/4cb 0"]))
}

fn tcp(mock: MockQmp, folder: &Path) -> Ran {
    let server = mock.serve_tcp("127.0.0.1:0").unwrap();
    show(&server.address().to_string(), folder)
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

const SHOWN: &str = "0000000000000000: 'A' 'B' 'C' 'D'\n";

#[test]
fn over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let ran = tcp(mock(|_| true, 4), folder.path());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), SHOWN), "{ran:?}");
    assert!(is_empty(folder.path()));
}

/// The other end of a tunnel, or another user.
#[test]
fn a_qemu_that_does_not_see_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ran = tcp(mock(|_| false, 4), folder.path());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("Could not open '"), "{ran:?}");
    assert!(is_empty(folder.path()));
}

/// What QEMU says it wrote is not there.
#[test]
fn a_file_without_the_content() {
    let folder = tempfile::tempdir().unwrap();
    for length in [0, 3] {
        let ran = tcp(mock(|_| true, length), folder.path());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let found = format!("QEMU says it wrote 4 bytes, {length} are there");
        assert!(ran.stdout.contains(&found), "{ran:?}");
        assert!(is_empty(folder.path()));
    }
}

#[test]
fn no_place_for_a_file() {
    let ran = tcp(mock(|_| true, 4), Path::new("/no/such/folder"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("over unix sockets only"), "{ran:?}");
}

/// A QEMU whose root has no `/proc` takes the descriptor and can't open it again.
#[test]
fn a_descriptor_that_can_not_be_opened() {
    let (note, removed) = channel();
    let mock = mock(|path| !path.starts_with("/proc"), 4);
    unix(mock.command_with("remove-fd", move |arguments| {
        note.send(arguments["fdset-id"].clone()).unwrap();
        Answer::from(json!({}))
    }));
    assert_eq!(removed.iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_descriptor_that_is_refused() {
    let refusal = Answer::error("GenericError", "No file descriptor supplied via SCM_RIGHTS");
    unix(mock(|_| true, 4).command("add-fd", refusal));
}

/// Shows the bytes all the same.
fn unix(mock: MockQmp) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("q");
    let _server = mock.serve_unix(&socket).unwrap();
    let files = tempfile::tempdir().unwrap();
    let ran = show(socket.to_str().unwrap(), files.path());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), SHOWN), "{ran:?}");
    assert!(is_empty(files.path()));
}

/// Over TCP as over a unix socket.
#[test]
fn real_qemus() {
    let lines = ["x/8xw 0xffff0", "xp/40db 0x100000", "sum 0x100000 200000"];
    for program in qemus() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = port.local_addr().unwrap();
        drop(port);
        let qmp = format!("tcp:{place},server=on,wait=off");
        let qemu = Qemu::start(&program, &["-m", "256M", "-qmp", &qmp]);
        let files = tempfile::tempdir_in(qemu.folder()).unwrap();
        let answers = |address: &str, more: &[&str]| {
            let mut hmp = hmp();
            hmp.env("TMPDIR", files.path()).arg(address).args(more);
            for line in lines {
                hmp.args(["-c", line]);
            }
            let ran = run(&mut hmp);
            assert_eq!(ran.code, Some(0), "{}: {ran:?}", program.display());
            ran.stdout
        };
        let ours = answers(&format!("tcp:{place}"), &["--native-only"]);
        let passed = answers(qemu.socket().to_str().unwrap(), &["--native-only"]);
        assert_eq!(ours, passed, "{}", program.display());
        assert!(ours.lines().count() > 5, "{}: {ours}", program.display());
        assert!(is_empty(files.path()));
    }
}
