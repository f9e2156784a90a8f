// SPDX-License-Identifier: GPL-2.0-or-later
//! A line as words behind the address, and addresses that lead nowhere.

use std::os::unix::net::UnixListener;

use crate::common::program::{Mock, hmp, run};
use rstest::rstest;

#[test]
fn words_are_a_line() {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["info", "status"]).write_stdin("stop\n"));
    assert_eq!(ran.stdout, "VM status: running\n");
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    assert!(mock.changes.try_recv().is_err(), "input is not read");

    let ran = run(mock.hmp().args(["print", "1", "+ 1"]));
    assert_eq!((ran.stdout.as_str(), ran.code), ("0x2\n", Some(0)));
}

#[test]
fn a_failed_line_has_its_code() {
    let mock = Mock::start();
    let ran = run(mock.hmp().args(["no-such", "command"]));
    assert_eq!(
        (ran.stdout.as_str(), ran.code),
        ("unknown command: 'no-such'\n", Some(1))
    );
}

#[test]
fn options_come_before_the_line() {
    let mock = Mock::start();
    let ran = run(hmp()
        .args(["--native-only", "--null"])
        .arg(mock.path())
        .args(["--timeout", "9", "info", "name"]));
    assert_eq!((ran.stdout.as_str(), ran.code), ("vm\n\0", Some(0)));
    // What looks like an option behind the first word belongs to the line.
    let ran = run(mock
        .hmp()
        .args(["--explain", "info", "block", "-v", "--null"]));
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["line"], "info block -v --null");
}

#[test]
fn words_beside_a_recording() {
    let recording = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../recordings/10.0-x86_64-q35"
    );
    let ran = run(hmp().args(["--replay", recording, "info", "name"]));
    let again = run(hmp().args(["--replay", recording, "-c", "info name"]));
    assert_eq!((&ran.stdout, ran.code), (&again.stdout, Some(0)), "{ran:?}");
}

#[test]
fn a_line_without_an_address_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(hmp().current_dir(folder.path()).args(["info", "status"]));
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(3)));
    assert!(ran.stderr.contains("called 'info'"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hmp ADDRESS LINE"), "{}", ran.stderr);
}

#[test]
fn a_recording_that_is_missing_is_named() {
    let ran = run(hmp().args(["--replay", "10.0-x86_64-q35", "-c", "stop"]));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("10.0-x86_64-q35"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("10.qmp"), "{}", ran.stderr);
}

#[rstest]
#[case("folder", "this is a folder, not a socket")]
#[case("./folder", "this is a folder, not a socket")]
#[case("file", "this is a regular file, not a socket")]
#[case("./stale", "nobody listens at this socket")]
#[case("stale", "nobody listens at this socket")]
#[case("./missing", "No such file or directory")]
#[case("unix:./missing,server=on,wait=off", "No such file or directory")]
#[case("missing", "no socket and no running QEMU called 'missing'")]
#[case("@hmp-test-of-a-name", "no abstract socket of this name")]
#[case("127.0.0.1:1", "nobody listens at this port")]
#[case("pid:1", "no running QEMU has the process number 1")]
#[case("name:hmp-test-of-a-name", "no running QEMU is called")]
fn places_that_are_none(#[case] address: &str, #[case] says: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    drop(UnixListener::bind(folder.path().join("stale")).unwrap());
    let ran = run(hmp()
        .current_dir(folder.path())
        .args([address, "-c", "stop"]));
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(3)));
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}

#[test]
fn a_socket_of_another_user() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        eprintln!("a_socket_of_another_user skipped: only root can be another user");
        return;
    }
    // Where another user may run the program.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let program = folder.path().join("hmp");
    std::fs::copy(crate::common::program::binary(), &program).unwrap();
    let mode = |path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(folder.path(), 0o755);
    mode(&program, 0o755);
    let socket = folder.path().join("q");
    let _listener = UnixListener::bind(&socket).unwrap();
    mode(&socket, 0o600);
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    mode(&closed, 0o700);
    for (path, says) in [
        (socket, "the socket belongs to root (mode 600)"),
        (closed.join("q"), "a folder on the way"),
    ] {
        let output = std::process::Command::new(&program)
            .uid(65534)
            .gid(65534)
            .arg(path)
            .args(["-c", "stop"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.contains("permission denied: ") && text.contains(says),
            "{text}"
        );
        assert_eq!(output.status.code(), Some(3));
    }
}

#[test]
fn a_socket_that_appears_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("q");
    let waiting = std::thread::spawn({
        let folder = folder.path().to_owned();
        // A word, which could be a name as well.
        move || {
            run(hmp()
                .current_dir(folder)
                .args(["--wait", "30", "q", "info", "name"]))
        }
    });
    std::thread::sleep(std::time::Duration::from_millis(400));
    let mock = Mock::start();
    std::os::unix::fs::symlink(mock.path(), late).unwrap();
    let ran = waiting.join().unwrap();
    assert_eq!(
        (ran.stdout.as_str(), ran.code),
        ("vm\n", Some(0)),
        "{ran:?}"
    );

    let begun = std::time::Instant::now();
    let ran = run(hmp()
        .current_dir(folder.path())
        .args(["--wait", "0.5", "no-such", "-c", "stop"]));
    assert_eq!(ran.code, Some(3));
    assert!(begun.elapsed().as_secs() < 8);
}
