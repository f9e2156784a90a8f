// SPDX-License-Identifier: GPL-2.0-or-later
//! Programs in C with the library: the example on a mock, and the interface's corners.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use hmp::client::{Client, Options};
use hmp::host::Unattended;
use hmp_engine::engine::{Monitor, Outcome};
use mock_qmp::{MockQmp, Recording};
use serde_json::Value;

/// What Rust's standard library needs of the system, as in example/Makefile.
const SYSTEM: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

/// A recorded QEMU of which many lines are asked, and one that completes.
const LINES: &str = "../../recordings/10.0-x86_64-q35";
const TABS: &str = "../../recordings/10.0-x86_64-q35+completion";

/// How many of each session run under valgrind, which takes its time; all of them where
/// `HMP_TEST_LONG` is set (`.ci/long`).
const CHECKED: usize = 30;
/// How many of the recorded completions are tried.
const TAB_COUNT: usize = 60;

/// The recorded lines of a topic.
fn lines(topic: &str) -> Vec<String> {
    let text = std::fs::read_to_string(here(LINES).join(topic).with_extension("hmp")).unwrap();
    values(&text, "line").collect()
}

/// What stood left of the cursor when TAB was recorded, with a TAB in front.
fn tabs() -> Vec<String> {
    let text = std::fs::read_to_string(here(TABS).join("completion.tab")).unwrap();
    let prefixes = values(&text, "prefix");
    let prefixes = prefixes.take(TAB_COUNT);
    prefixes.map(|prefix| format!("\t{prefix}")).collect()
}

/// This member of the JSON objects in the lines of a text, where it is one line.
fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let objects = text.lines().map(move |line| {
        let object: Value = serde_json::from_str(line).unwrap();
        object.get(name)?.as_str().map(str::to_owned)
    });
    objects
        .flatten()
        .filter(|text| !text.contains(['\n', '\t']))
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The library that was built with this test, shared or static.
fn library(start: &str, end: &str) -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let deps = deps.parent().unwrap();
    let files = std::fs::read_dir(deps).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(start) && name.ends_with(end)
    });
    let newest = files.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.unwrap_or_else(|| panic!("no {start}*{end} in {}", deps.display()))
}

/// What is added to how C is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    Plain,
    /// With ASan, whose runtime finds what is lost, too.
    Address,
}

/// The C compiler.
fn compiler() -> Command {
    Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()))
}

/// Builds a program of one file with the library; why not, where it does not link.
fn try_build(source: &str, library: &Path, folder: &Path, flags: Flags) -> Result<PathBuf, String> {
    let stem = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let (name, more): (String, &[&str]) = match flags {
        Flags::Plain => (stem.to_owned(), &[]),
        Flags::Address => (
            format!("{stem}-asan"),
            &["-fsanitize=address", "-fno-omit-frame-pointer"],
        ),
    };
    let program = folder.join(name);
    let glib = match stem {
        "glib" => glib().ok_or("GLib's headers are not installed")?,
        _ => Vec::new(),
    };
    let built = compiler()
        .args(["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(more)
        .arg("-I")
        .arg(here("include"))
        .arg("-o")
        .arg(&program)
        .arg(here(source))
        .arg(library)
        .args(glib)
        .args(SYSTEM)
        .output()
        .expect("a C compiler");
    match built.status.success() {
        true => Ok(program),
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}

fn build(source: &str, library: &Path, folder: &Path) -> PathBuf {
    try_build(source, library, folder, Flags::Plain).unwrap_or_else(|why| panic!("{why}"))
}

/// How to compile and link with GLib; `None` where its headers are not installed.
fn glib() -> Option<Vec<String>> {
    let asked = Command::new("pkg-config")
        .args(["--cflags", "--libs", "glib-2.0"])
        .output();
    let flags = asked.ok().filter(|asked| asked.status.success())?;
    let flags = String::from_utf8(flags.stdout).unwrap();
    Some(flags.split_whitespace().map(str::to_owned).collect())
}

/// Whether the compiler has ASan's runtime.
fn has_asan(folder: &Path) -> bool {
    let source = folder.join("empty.c");
    std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let program = folder.join("empty");
    let built = compiler()
        .args(["-fsanitize=address", "-o"])
        .args([&program, &source])
        .output()
        .unwrap();
    let works = built.status.success()
        && Command::new(&program)
            .status()
            .is_ok_and(|status| status.success());
    if !works {
        println!("skipped: the compiler has no ASan, or it does not run here");
    }
    works
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The program under valgrind, which fails on any error and any block that is lost; `None` where
/// it is not installed.
fn valgrind(program: &Path) -> Option<Command> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return None;
    }
    let mut command = Command::new("valgrind");
    command
        .args(["-q", "--error-exitcode=9", "--leak-check=full"])
        .args([
            "--errors-for-leak-kinds=definite,indirect",
            "--track-fds=no",
        ])
        .arg(program);
    Some(command)
}

fn mock(recording: &Path) -> MockQmp {
    MockQmp::from_recording(Recording::load(recording).unwrap())
}

/// What the engine itself answers.
async fn expected(recording: &Path, lines: &[String]) -> String {
    let (_server, stream) = mock(recording).serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    let builder = Monitor::builder(Arc::new(client)).host(Arc::new(Unattended));
    let mut monitor = builder.build().await.unwrap();
    let mut text = String::new();
    for line in lines {
        let Some(line) = line.strip_prefix('\t') else {
            let ran = monitor.run_line(line, &mut text).await;
            text += &ran.shown_notes();
            assert!(matches!(ran.outcome, Outcome::Done | Outcome::Failed));
            continue;
        };
        let found = monitor.complete(line, line.len()).await;
        for word in &found.candidates {
            writeln!(text, "{} {word}", found.start).unwrap();
        }
        if found.files {
            writeln!(text, "{} {} (files)", found.start, &line[found.start..]).unwrap();
        }
    }
    text
}

/// What the example prints on a mock.
fn example(command: &mut Command, recording: &Path, lines: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("qmp.sock");
    let server = mock(recording).serve_unix(&socket).unwrap();
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = run(command.arg(&socket), &input);
    drop(server);
    String::from_utf8(output.stdout).unwrap()
}

/// A recording and the lines that are typed on it.
type Session = (PathBuf, Vec<String>);

/// The recorded sessions: more than 200 lines and 40 completions.
fn sessions() -> Vec<Session> {
    let topics = ["main", "print"].map(|topic| (topic, lines(topic)));
    let count: usize = topics.iter().map(|(_, lines)| lines.len()).sum();
    let mut sessions: Vec<_> = topics
        .into_iter()
        .map(|(topic, lines)| (here(LINES).join(topic).with_extension("qmp"), lines))
        .collect();
    let tabs = tabs();
    assert!(
        count >= 200 && tabs.len() >= 40,
        "{count} lines, {} TABs",
        tabs.len()
    );
    sessions.push((here(TABS).join("completion.qmp"), tabs));
    sessions
}

/// Only the first lines of each session, but where all are asked for.
fn few(sessions: &[Session]) -> Vec<Session> {
    let all = std::env::var_os("HMP_TEST_LONG").is_some();
    let keep = if all { usize::MAX } else { CHECKED };
    let few = sessions.iter().map(|(recording, lines)| {
        let lines = lines.iter().take(keep).cloned().collect();
        (recording.clone(), lines)
    });
    few.collect()
}

/// What a program prints in these sessions is what the engine answers.
fn answers_as_the_engine(make: impl Fn() -> Command, sessions: &[Session]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (recording, lines) in sessions {
        let printed = example(&mut make(), recording, lines);
        let expected = runtime.block_on(expected(recording, lines));
        assert_eq!(printed, expected, "{:?}: {}", make(), recording.display());
    }
}

/// An example in each of its modes: on all lines, and checked by valgrind and ASan.
fn holds(source: &str, modes: &[&[&str]]) {
    let folder = tempfile::tempdir().unwrap();
    let library = library("libhmp_ffi", ".a");
    let program = build(source, &library, folder.path());
    let sessions = sessions();
    let few = few(&sessions);
    for mode in modes {
        let with = |program: &Path| {
            let mut command = Command::new(program);
            command.args(*mode);
            command
        };
        answers_as_the_engine(|| with(&program), &sessions);
        if valgrind(&program).is_some() {
            let checked = || {
                let mut command = valgrind(&program).unwrap();
                command.args(*mode);
                command
            };
            answers_as_the_engine(checked, &few);
        }
        if has_asan(folder.path()) {
            let asan = try_build(source, &library, folder.path(), Flags::Address).unwrap();
            answers_as_the_engine(|| with(&asan), &sessions);
        }
    }
}

#[test]
fn the_example_answers_as_the_engine_does() {
    holds("example/monitor.c", &[&[], &["--at-once"]]);
}

#[test]
fn the_example_on_a_main_loop_answers_as_the_engine_does() {
    if glib().is_none() {
        println!("skipped: GLib's headers are not installed");
        return;
    }
    holds("example/glib.c", &[&[], &["--thread"]]);
}

/// While QEMU does not answer, the loop goes on: what is typed meanwhile is read, and the program
/// ends when the connection does.
#[test]
fn a_main_loop_is_not_blocked_by_a_line_that_waits() {
    if glib().is_none() {
        println!("skipped: GLib's headers are not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let library = library("libhmp_ffi", ".a");
    let program = build("example/glib.c", &library, folder.path());
    let socket = folder.path().join("qmp.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let greeting = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \
                        \"major\": 10}, \"package\": \"\"}, \"capabilities\": []}}\n";
        stream.write_all(greeting.as_bytes()).unwrap();
        // Nothing is answered.
        std::thread::sleep(std::time::Duration::from_millis(700));
    });
    let mut command = Command::new(&program);
    let mut child = command
        .arg(&socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(b"info name\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    // More than a pipe takes: it would not be read by a loop that is held.
    typed.write_all(&b"info status\n".repeat(20_000)).unwrap();
    drop(typed);
    server.join().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the connection was lost"), "{said}");
    let held = said.split("for ").last().unwrap().split(' ').next();
    let held: u64 = held.unwrap().parse().unwrap();
    assert!(held < 500_000, "held for {held} us");
}

#[test]
fn the_interface_keeps_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let library = library("libhmp_ffi", ".a");
    let program = build("tests/entry.c", &library, folder.path());
    run(&mut Command::new(&program), "");
    if let Some(mut checked) = valgrind(&program) {
        run(&mut checked, "");
    }
    if has_asan(folder.path()) {
        let asan = try_build("tests/entry.c", &library, folder.path(), Flags::Address);
        run(&mut Command::new(asan.unwrap()), "");
    }
}

/// The functions that the header declares.
fn declared() -> Vec<String> {
    let header = std::fs::read_to_string(here("include/hmp.h")).unwrap();
    // A line that begins with blanks or a star goes on with something.
    let lines = header.lines().filter(|line| !line.starts_with([' ', '/']));
    let names = lines.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        let name = before.rsplit([' ', '*']).next()?;
        name.starts_with("hmp_").then(|| name.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn the_shared_library_of_the_makefile_has_versions() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("make")
        .arg("install")
        .arg(format!("OUT={}/out", folder.path().display()))
        .arg(format!("STATIC={}", library("libhmp_ffi", ".a").display()))
        .arg(format!("DESTDIR={}/root", folder.path().display()))
        .arg("PREFIX=/usr")
        .current_dir(here("."))
        .output();
    let Ok(made) = made else {
        println!("skipped: make is not installed");
        return;
    };
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let shared = folder.path().join("root/usr/lib/libhmp_ffi.so.0");
    let table = Command::new("objdump")
        .arg("-T")
        .arg(&shared)
        .output()
        .unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    // 0000 g DF .text 0000 HMP_0.1 hmp_poll
    let defined = table.lines().filter(|line| !line.contains("*UND*"));
    let versioned = defined.filter_map(|line| {
        let mut words = line.split_whitespace().rev();
        let (name, version) = (words.next()?, words.next()?);
        let is_code = line.contains(".text");
        is_code.then(|| (name.to_owned(), version.to_owned()))
    });
    let mut versioned: Vec<_> = versioned.collect();
    versioned.sort();
    let expected: Vec<_> = declared()
        .into_iter()
        .map(|name| (name, "HMP_0.1".to_owned()))
        .collect();
    assert!(expected.len() > 10, "{expected:?}");
    assert_eq!(
        versioned, expected,
        "what is exported is what the header has"
    );

    // A program that was linked with it needs that version, and runs with it.
    let program = build("tests/entry.c", &shared, folder.path());
    let needs = Command::new("objdump")
        .arg("-p")
        .arg(&program)
        .output()
        .unwrap();
    assert!(String::from_utf8(needs.stdout).unwrap().contains("HMP_0.1"));
    let libraries = folder.path().join("root/usr/lib");
    run(Command::new(program).env("LD_LIBRARY_PATH", &libraries), "");
    let package = std::fs::read_to_string(libraries.join("pkgconfig/hmp.pc")).unwrap();
    assert!(
        package.contains("prefix=/usr\n") && !package.contains('@'),
        "{package}"
    );
}

#[test]
fn the_shared_library_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let shared = library("libhmp_ffi", ".so");
    std::os::unix::fs::symlink(&shared, folder.path().join("libhmp_ffi.so.0")).unwrap();
    let program = build("tests/entry.c", &shared, folder.path());
    let mut command = Command::new(program);
    run(command.env("LD_LIBRARY_PATH", folder.path()), "");
}

#[test]
fn the_package_file_has_no_more_to_fill_in_than_is_said() {
    let text = std::fs::read_to_string(here("hmp.pc.in")).unwrap();
    let marks: Vec<&str> = text.split('@').skip(1).step_by(2).collect();
    assert_eq!(marks, ["PREFIX", "VERSION"]);
    assert!(text.contains(&SYSTEM.join(" ")), "other system libraries");
    for makefile in ["example/Makefile", "Makefile"] {
        let makefile = std::fs::read_to_string(here(makefile)).unwrap();
        assert!(
            makefile.contains(&SYSTEM.join(" ")),
            "other system libraries"
        );
    }
}
