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

/// How many of each session run under valgrind, which takes its time.
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

/// Builds a program of one file with the library.
fn build(source: &str, library: &Path, folder: &Path) -> PathBuf {
    let program = folder.join("program");
    let built = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()))
        .args(["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"])
        .arg("-I")
        .arg(here("include"))
        .arg("-o")
        .arg(&program)
        .arg(here(source))
        .arg(library)
        .args(SYSTEM)
        .output()
        .expect("a C compiler");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    program
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

#[test]
fn the_example_answers_as_the_engine_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
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

    let folder = tempfile::tempdir().unwrap();
    let library = library("libhmp_ffi", ".a");
    let program = build("example/monitor.c", &library, folder.path());
    for (recording, lines) in sessions {
        let expected = |lines| runtime.block_on(expected(&recording, lines));
        let printed = example(&mut Command::new(&program), &recording, &lines);
        assert_eq!(printed, expected(&lines), "{}", recording.display());
        if let Some(mut checked) = valgrind(&program) {
            let lines = &lines[..CHECKED.min(lines.len())];
            let printed = example(&mut checked, &recording, lines);
            assert_eq!(printed, expected(lines), "{}", recording.display());
        }
    }
}

#[test]
fn the_interface_keeps_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let program = build("tests/entry.c", &library("libhmp_ffi", ".a"), folder.path());
    run(&mut Command::new(&program), "");
    if let Some(mut checked) = valgrind(&program) {
        run(&mut checked, "");
    }
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
    let makefile = std::fs::read_to_string(here("example/Makefile")).unwrap();
    assert!(
        makefile.contains(&SYSTEM.join(" ")),
        "other system libraries"
    );
}
