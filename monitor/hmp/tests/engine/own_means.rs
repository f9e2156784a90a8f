// SPDX-License-Identifier: GPL-2.0-or-later
//! What the program around the engine brings itself: guest memory, a disassembler, help, commands.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmp_engine::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use hmp_engine::command::route::Passthrough;
use hmp_engine::command::row::{Command, ROW, Route};
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::{Access, Disassembler, GuestMemory, Host, Place};
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::v;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use hmp_engine::run;
use mock_qmp::MockQmp;
use serde_json::{Value, json};

/// Writes down what is asked, and has the built-in monitor answer with its line.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl Qmp for Asked {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        self.0.lock().unwrap().push(command.to_owned());
        Box::pin(async move {
            match command {
                "human-monitor-command" => Ok(arguments["command-line"].clone()),
                other => Err(QmpError::generic(format!("no {other} here"))),
            }
        })
    }
}

/// 0x100 bytes at 0x1000, each its address's last byte; CPU 0 alone is there.
struct Ours {
    disassembles: bool,
}

impl GuestMemory for Ours {
    fn read(&self, place: Place, into: &mut [u8]) -> Access {
        if place.cpu.is_some_and(|cpu| cpu != 0) {
            return Access::NoCpu;
        }
        let end = place.address.saturating_add(into.len() as u64);
        if place.address < 0x1000 || end > 0x1100 {
            return Access::Refused;
        }
        for (address, byte) in (place.address..).zip(into) {
            *byte = address as u8;
        }
        Access::Done
    }
}

impl Disassembler for Ours {
    fn disassemble(&self, place: Place, count: i32, out: &mut dyn Write) -> Access {
        let kind = if place.physical { "p" } else { "v" };
        writeln!(out, "{kind} {:#x} {count}", place.address).unwrap();
        Access::Done
    }
}

impl Host for Ours {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or_default(), 0)
    }

    fn memory(&self) -> Option<&dyn GuestMemory> {
        Some(self)
    }

    fn disassembler(&self) -> Option<&dyn Disassembler> {
        self.disassembles.then_some(self)
    }

    fn help(&self, command: &str) -> Option<String> {
        matches!(command, "stop" | "info status" | "log plugin")
            .then(|| format!("words for {command}\n"))
    }
}

const MEMORY: [&str; 4] = ["add-fd", "memsave", "pmemsave", "remove-fd"];

fn caps(more: &[&str]) -> Caps {
    let needs = ["qom-list", "qom-get", "query-cpus-fast", "x-query-ramblock"];
    let all = MEMORY.iter().chain(&needs).chain(more);
    Caps::from_parts(v(11, 1), Some("x86_64"), all.copied())
}

async fn answers(monitor: &mut Monitor, lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        monitor.run_line(line, &mut text).await;
    }
    text
}

#[tokio::test]
async fn memory_is_the_programs_own() {
    let asked = Arc::new(Asked::default());
    let builder = Monitor::builder(asked.clone()).host(Arc::new(Ours { disassembles: true }));
    let mut monitor = builder.build_with(caps(&["human-monitor-command"]));
    let text = answers(
        &mut monitor,
        &[
            "x/5xw 0x10f0",
            "xp/2xb 0x1001",
            "xp/2xg 0xff8",
            "x/3i 0x1000",
            "xp/i 0x20",
        ],
    )
    .await;
    assert_eq!(
        text,
        "00000000000010f0: 0xf3f2f1f0 0xf7f6f5f4 0xfbfaf9f8 0xfffefdfc\n\
         0000000000001100: Cannot access memory\n\
         00001001: 0x01 0x02\n\
         00000ff8: Cannot access memory\n\
         v 0x1000 3\n\
         p 0x20 1\n"
    );
    assert_eq!(asked.0.lock().unwrap().len(), 0, "nothing is asked of QEMU");
    // 0 where nothing is, then the bytes 0 to 0xf.
    let text = answers(&mut monitor, &["sum 0xff0 0x20", "sum 0x1000 0x10"]).await;
    let (both, alone) = text.split_once('\n').unwrap();
    assert_eq!(
        format!("{both}\n"),
        alone,
        "zeros leave a sum of 0 as it is"
    );
}

#[tokio::test]
async fn without_a_disassembler_of_the_programs_the_engine_goes_its_way() {
    let asked = Arc::new(Asked::default());
    let builder = Monitor::builder(asked.clone()).host(Arc::new(Ours {
        disassembles: false,
    }));
    let mut monitor = builder.build_with(caps(&["human-monitor-command"]));
    let text = answers(&mut monitor, &["x/3i 0x1000"]).await;
    assert!(text.starts_with("x/3i"), "the built-in monitor's: {text}");
}

#[tokio::test]
async fn a_cpu_that_is_gone_is_replaced_by_the_first() {
    let asked = Arc::new(Asked::default());
    let builder = Monitor::builder(asked).host(Arc::new(Ours { disassembles: true }));
    let mut monitor = builder.build_with(caps(&[]));
    let mut kept = monitor.kept();
    kept.cpu = Some(7);
    monitor.keep(kept);
    let text = answers(&mut monitor, &["x/1xb 0x1000"]).await;
    assert_eq!(text, "0000000000001000: 0x00\n");
    assert_eq!(monitor.kept().cpu, None);
}

#[tokio::test]
async fn help_is_in_the_programs_words() {
    let asked = Arc::new(Asked::default());
    let builder = Monitor::builder(asked).host(Arc::new(Ours { disassembles: true }));
    let caps = caps(&["stop", "cont", "query-status"]);
    let mut monitor = builder.passthrough(Passthrough::Never).build_with(caps);
    let text = answers(
        &mut monitor,
        &["help stop", "help info status", "help cont"],
    )
    .await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "stop|s  -- words for stop");
    assert_eq!(lines[1], "info status  -- words for info status");
    assert!(lines[2].starts_with("cont|c  -- ") && !lines[2].contains("words for"));
    let text = answers(&mut monitor, &["help log"]).await;
    assert!(
        text.contains("plugin          words for log plugin\n"),
        "{text}"
    );
}

async fn greet(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    writeln!(cx, "hello from outside")?;
    Ok(())
}

async fn refuse(_: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    Err(CmdError::Unavailable("not here".into()))
}

const GREET: Command = Command {
    name: "greet|g",
    help: "say hello",
    routes: &[Route::local(run!(greet))],
    ..ROW
};

/// In place of QEMU's own.
const STOP: Command = Command {
    name: "stop",
    help: "stop as this program does it",
    routes: &[Route::native(&["stop"], run!(refuse))],
    ..ROW
};

const NAME: Command = Command {
    name: "name",
    help: "show the name as this program knows it",
    routes: &[Route::derived(&["query-name", "nothing"], run!(greet))],
    ..ROW
};

#[tokio::test]
async fn commands_from_outside_are_as_all_others() {
    static ROWS: [Command; 3] = [GREET, STOP, NAME];
    let asked = Arc::new(Asked::default());
    let builder = Monitor::builder(asked.clone())
        .own_command(&ROWS[0])
        .own_command(&ROWS[1])
        .own_info(&ROWS[2]);
    let caps = caps(&["human-monitor-command", "stop", "query-name"]);
    let mut monitor = builder.passthrough(Passthrough::Always).build_with(caps);

    let text = answers(&mut monitor, &["greet", "g", "greet x", "help greet"]).await;
    assert_eq!(
        text,
        "hello from outside\nhello from outside\ngreet|g: extraneous characters at the end of line\n\
         Try \"help greet\" for more information\ngreet|g  -- say hello\n"
    );
    let found = monitor.complete("gre", 3).await;
    assert_eq!(found.candidates, ["greet"]);

    // The built-in monitor knows neither: it is not asked, though it is to answer everything.
    let mut text = String::new();
    let ran = monitor.run_line("stop", &mut text).await;
    assert_eq!(
        (ran.outcome, text.as_str()),
        (Outcome::Failed, "not here\n")
    );
    let text = answers(&mut monitor, &["info name"]).await;
    assert_eq!(
        text,
        "info name: blocked: QEMU 11.1.0 lacks the QMP command nothing\n"
    );
    assert_eq!(asked.0.lock().unwrap().len(), 0);
    // What is QEMU's goes where it goes.
    assert_eq!(answers(&mut monitor, &["cont"]).await, "cont");
    let listed = monitor
        .rows()
        .main
        .iter()
        .filter(|row| row.names().any(|name| name == "stop"));
    assert_eq!(listed.count(), 1);
    assert!(monitor.rows().main.is_sorted_by_key(|row| row.name));
}

#[tokio::test]
async fn capabilities_are_shared_with_their_schema() {
    struct Schema(Mutex<usize>);
    impl Qmp for Schema {
        fn execute<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
            *self.0.lock().unwrap() += 1;
            Box::pin(async { Ok(json!([])) })
        }
    }
    let qmp = Schema(Mutex::default());
    let first = caps(&[]);
    let second = first.clone();
    first.schema(&qmp).await.unwrap();
    second.schema(&qmp).await.unwrap();
    assert_eq!(*qmp.0.lock().unwrap(), 1);
}

/// The example, as `cargo test` builds it beside the tests; what is run alone says that it is not.
#[tokio::test]
async fn the_example_has_a_command_of_its_own() {
    let tests = std::env::current_exe().unwrap();
    let example = tests.ancestors().nth(2).unwrap().join("examples/embed");
    if !example.exists() {
        println!("skipped: the example is not built");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("qmp.sock");
    let mock = MockQmp::scripted()
        .command("query-target", json!({"arch": "x86_64"}))
        .command("query-name", json!({"name": "web1"}))
        .command(
            "query-status",
            json!({"status": "paused", "running": false}),
        );
    let server = mock.serve_unix(&socket).unwrap();
    let lines = [
        "info summary",
        "help info summary",
        "info name",
        "info summary x",
    ];
    let program = tokio::process::Command::new(example)
        .arg(&socket)
        .args(lines)
        .output();
    let output = program.await.unwrap();
    drop(server);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        printed,
        "web1: paused\ninfo summary  -- show name and state of the VM on one line\nweb1\n\
         summary: extraneous characters at the end of line\n\
         Try \"help info summary\" for more information\n"
    );
}
