// SPDX-License-Identifier: GPL-2.0-or-later
//! What stops the VM for a moment, or could harm it, is done with the user's permission only.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::Risk;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::{Version, v};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use hmp_engine::table::{INFO, MAIN};
use rstest::rstest;
use serde_json::{Value, json};

/// What stops the VM for a moment.
const PAUSING: &[&str] = &["dump-guest-memory"];

/// What could harm it.
const RISKY: &[&str] = &["xen-save-devices-state"];

/// A QEMU that has every command, passes descriptors on, and refuses what it is asked.
#[derive(Default)]
struct Refusing(Mutex<Vec<String>>);

impl Qmp for Refusing {
    fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
        self.0.lock().unwrap().push(command.to_owned());
        let answer = match command {
            "query-cpus-fast" => Ok(
                json!([{"cpu-index": 0, "qom-path": "/cpu", "thread-id": 1, "target": "x86_64"}]),
            ),
            "query-status" => Ok(json!({"running": true, "status": "running"})),
            "query-migrate" => Ok(json!({})),
            "query-kvm" => Ok(json!({"enabled": false, "present": true})),
            "qom-list" => Ok(json!([])),
            "qom-get" => Ok(json!(1)),
            "query-target" => Ok(json!({"arch": "x86_64"})),
            other => Err(QmpError::generic(format!("{other} is refused"))),
        };
        Box::pin(async { answer })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        _: Value,
        _: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.0.lock().unwrap().push(command.to_owned());
        Box::pin(async { Ok(json!({"fdset-id": 1, "fd": 20})) })
    }
}

/// A QEMU about which one fact is this: what a command answers, or a property.
struct With {
    command: &'static str,
    answer: Value,
    qemu: Refusing,
}

impl Qmp for With {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        let path = &arguments["path"];
        let asked = command == self.command && (path.is_null() || path == "/machine/peripheral");
        if asked || arguments["property"] == self.command {
            let answer = self.answer.clone();
            return Box::pin(async { Ok(answer) });
        }
        self.qemu.execute(command, arguments)
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        arguments: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.qemu.execute_with_fd(command, arguments, fd)
    }
}

/// What could harm the VM is not sent, whatever is permitted, where something speaks against it.
#[rstest]
#[case("query-migrate", json!({"blocked-reasons": ["non-migratable device: 0000:00:04.0/nvme"]}), "0000:00:04.0/nvme")]
#[case("query-migrate", json!({"blocked-reasons": ["SEV: Migration is not implemented"]}), "confidential")]
#[case("query-migrate", json!({"status": "postcopy-active"}), "postcopy-active")]
#[case("query-migrate", json!({"status": "colo"}), "colo")]
#[case("query-status", json!({"running": false, "status": "suspended"}), "the state suspended")]
#[case("qom-list", json!([{"name": "s", "type": "child<pci-serial-2x>"}]), "pci-serial-2x")]
#[case("qom-list", json!([{"name": "s", "type": "child<vmbus-bridge>"}]), "vmbus-bridge")]
#[case("qom-list", json!([{"name": "s", "type": "child<vfio-pci>"}]), "never tried")]
#[tokio::test]
async fn guards(#[case] command: &'static str, #[case] answer: Value, #[case] reason: &str) {
    for line in ["info registers", "info registers -a", "info lapic"] {
        let qmp = Arc::new(With {
            command,
            answer: answer.clone(),
            qemu: Refusing::default(),
        });
        let builder = Monitor::builder(qmp.clone()).host(Arc::new(Unattended));
        let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
        let mut monitor = builder.build_with(caps(v(10, 0)));
        let mut text = String::new();
        let ran = monitor.run_line(line, &mut text).await;
        assert!(
            text.starts_with("refused: ") && text.contains(reason),
            "{text}"
        );
        assert_eq!(ran.refusal.unwrap().word(), "unavailable");
        let asked = qmp.qemu.0.lock().unwrap();
        let sent = ["xen-save-devices-state", "add-fd", "getfd"];
        assert!(!asked.iter().any(|command| sent.contains(&command.as_str())));
    }
}

/// Where the built-in would freeze the VM, our own function comes first, whatever more is allowed.
#[rstest]
#[case(Risk::Safe, false)]
#[case(Risk::Pausing, true)]
#[case(Risk::Risky, true)]
#[tokio::test]
async fn the_builtin_that_freezes_the_vm(#[case] allow: Risk, #[case] runs: bool) {
    let qmp = Arc::new(With {
        command: "la57",
        answer: json!(true),
        qemu: Refusing::default(),
    });
    let builder = Monitor::builder(qmp.clone()).host(Arc::new(Unattended));
    let mut monitor = builder.allow(allow).build_with(caps(v(10, 0)));
    let mut text = String::new();
    let ran = monitor.run_line("info mem", &mut text).await;
    let asked = qmp.qemu.0.lock().unwrap();
    let place = |name: &str| asked.iter().rposition(|command| command == name);
    assert_eq!(place("dump-guest-memory").is_some(), runs, "{asked:?}");
    // It is asked for registers, which this one does not show; with a permission to risk it, for the
    // line too, but only where ours can't: this QEMU refuses what it needs.
    let builtin = asked
        .iter()
        .filter(|command| *command == "human-monitor-command");
    let risked = allow == Risk::Risky;
    assert_eq!(builtin.count(), 1 + usize::from(risked), "{asked:?}");
    assert!(!risked || place("dump-guest-memory") < place("human-monitor-command"));
    if !runs {
        assert_eq!(ran.refusal.unwrap().word(), "hazard");
        assert!(
            text.ends_with("; hmp's own needs --allow pausing\n"),
            "{text}"
        );
    }
}

/// A QEMU that answers nothing in time, and all later.
#[derive(Default)]
struct Slow(Mutex<Vec<String>>);

impl Qmp for Slow {
    fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
        self.0.lock().unwrap().push(command.to_owned());
        let error = QmpError::Timeout {
            command: command.to_owned(),
            seconds: 1,
        };
        Box::pin(async { Err(error) })
    }
}

/// What would crash this QEMU is not sent because the question whether it would was not answered in
/// time.
#[rstest]
#[case("qom-set m0 policy bind", "qom-set")]
#[case("set_password vnc secret -d x", "set_password")]
#[case("drive_add 0 if=none,file=f", "blockdev-add")]
#[tokio::test]
async fn a_danger_that_can_t_be_asked_about(#[case] line: &str, #[case] harmful: &str) {
    for version in [v(7, 2), v(10, 0), v(11, 1)] {
        let qmp = Arc::new(Slow::default());
        let builder = Monitor::builder(qmp.clone()).host(Arc::new(Unattended));
        let builder = builder.passthrough(Passthrough::Never);
        let mut monitor = builder.build_with(caps(version));
        let mut text = String::new();
        let ran = monitor.run_line(line, &mut text).await;
        let asked = qmp.0.lock().unwrap();
        let first = asked.first();
        if ran.outcome != Outcome::Failed {
            assert!(matches!(ran.outcome, Outcome::Disconnected(_)), "{ran:?}");
            assert_eq!(asked.len(), 1, "{asked:?}");
        }
        if first.is_some_and(|first| first != harmful) {
            assert!(!asked.iter().any(|name| name == harmful), "{asked:?}");
        }
    }
}

/// Where nothing does, it is; and what lacks the permission says so.
#[tokio::test]
async fn what_registers_need() {
    let needs = "needs --allow risky: it could harm the VM\n";
    for (allow, text) in [
        (Risk::Safe, format!("info registers: {needs}")),
        (Risk::Pausing, format!("info registers: {needs}")),
        (
            Risk::Risky,
            "Error: xen-save-devices-state is refused\n".into(),
        ),
    ] {
        assert_eq!(answer(allow, "info registers").await.0, text);
    }
    let (_, plan) = answer(Risk::Risky, "info registers").await;
    assert_eq!(
        (&plan["route"], &plan["risk"]),
        (&json!("derived"), &json!("risky"))
    );
}

/// A QEMU that has every QMP command that any row needs.
fn caps(version: Version) -> Caps {
    let routes = MAIN.iter().chain(INFO).flat_map(|row| row.routes);
    let more = [
        "getfd",
        "closefd",
        "dump-guest-memory",
        "xen-save-devices-state",
        "pmemsave",
        "human-monitor-command",
    ];
    let commands = routes.flat_map(|route| route.needs()).copied().chain(more);
    Caps::from_parts(version, Some("x86_64"), commands)
}

/// A monitor of a QEMU that has every QMP command that any row needs.
fn monitor(version: Version, allow: Risk) -> (Arc<Refusing>, Monitor) {
    let qmp = Arc::new(Refusing::default());
    let builder = Monitor::builder(qmp.clone()).host(Arc::new(Unattended));
    let builder = builder.passthrough(Passthrough::Never).allow(allow);
    (qmp.clone(), builder.build_with(caps(version)))
}

/// Lines of a row: as few arguments as it takes, and as many, numbers by the name of a register too.
fn lines(prefix: &str, name: &str, spec: &str) -> Vec<String> {
    let name = name.split('|').next().unwrap();
    let mut lines = vec![format!("{prefix}{name}")];
    for number in ["0", "$pc"] {
        let mut line = lines[0].clone();
        for arg in spec.split(',') {
            line += match arg
                .split_once(':')
                .map_or("", |(_, kind)| kind)
                .trim_end_matches(['?', '.'])
            {
                "i" | "l" | "M" | "o" | "T" => " ",
                _ => continue,
            };
            line += number;
        }
        lines.push(line);
        let mut whole = lines[0].clone();
        for arg in spec.split(',') {
            whole += match arg
                .split_once(':')
                .map_or("", |(_, kind)| kind)
                .trim_end_matches(['?', '.'])
            {
                "F" => " /nowhere",
                "b" => " on",
                "" | "/" => "",
                "-a" => " -a",
                kind if kind.starts_with('-') => "",
                "i" | "l" | "M" | "o" | "T" => [" 0", " $pc"][usize::from(number == "$pc")],
                _ => " a",
            };
        }
        lines.push(whole);
    }
    lines
}

/// Lines whose very purpose it is.
const ON_PURPOSE: &[&str] = &["dump-guest-memory"];

/// Runs every row's lines; returns whether something that pauses, and something risky, was sent.
async fn sent(version: Version, allow: Risk, passthrough: Passthrough) -> (bool, bool) {
    let qmp = Arc::new(Refusing::default());
    let builder = Monitor::builder(qmp.clone()).host(Arc::new(Unattended));
    let builder = builder.passthrough(passthrough).allow(allow);
    let mut monitor = builder.build_with(caps(version));
    for (prefix, table) in [("", MAIN), ("info ", INFO)] {
        for row in table.iter().filter(|row| !ON_PURPOSE.contains(&row.name)) {
            for line in lines(prefix, row.name, row.args_in(version)) {
                let mut text = String::new();
                monitor.run_line(&line, &mut text).await;
            }
        }
    }
    let asked = qmp.0.lock().unwrap().clone();
    let has = |list: &[&str]| asked.iter().any(|command| list.contains(&command.as_str()));
    (has(PAUSING), has(RISKY))
}

/// Every row, with the built-in monitor's help and without. What the other tests and the cases of
/// parity send is looked at by the engine itself, which stops at what was not permitted.
#[tokio::test]
async fn nothing_is_sent_without_permission() {
    for version in [v(7, 2), v(10, 0), v(11, 1)] {
        let native = Passthrough::Never;
        assert_eq!(
            sent(version, Risk::Safe, native).await,
            (false, false),
            "{version}"
        );
        assert_eq!(
            sent(version, Risk::Pausing, native).await,
            (true, false),
            "{version}"
        );
        assert_eq!(
            sent(version, Risk::Risky, native).await,
            (true, true),
            "{version}"
        );
        for passthrough in [Passthrough::Auto, Passthrough::Always] {
            let none = (false, false);
            assert_eq!(
                sent(version, Risk::Safe, passthrough).await,
                none,
                "{version}"
            );
            let (_, risky) = sent(version, Risk::Pausing, passthrough).await;
            assert!(!risky, "{version}");
        }
    }
}

async fn answer(allow: Risk, line: &str) -> (String, Value) {
    let (_, mut monitor) = monitor(v(11, 1), allow);
    let plan = json!(monitor.explain(line));
    let mut text = String::new();
    monitor.run_line(line, &mut text).await;
    (text, plan)
}

/// A line that is blocked only for want of permission says so, and how.
#[tokio::test]
async fn what_a_register_needs() {
    let (text, plan) = answer(Risk::Safe, "print $pc").await;
    assert_eq!(
        text,
        "print: needs --allow pausing: it stops the VM for a moment\n"
    );
    assert_eq!(
        (&plan["route"], &plan["reason"]),
        (&json!("refused"), &json!("not-allowed"))
    );
    let (text, plan) = answer(Risk::Pausing, "print $pc").await;
    assert_eq!(
        text,
        "print: no register can be read: dump-guest-memory is refused\n"
    );
    assert_eq!(
        plan,
        json!({
            "line": "print $pc", "command": "print", "route": "derived", "risk": "pausing",
            "qmp": ["getfd", "dump-guest-memory", "closefd"]
        })
    );
    let (_, plan) = answer(Risk::Pausing, "x/2xw $pc").await;
    assert_eq!(
        plan["qmp"],
        json!([
            "getfd",
            "dump-guest-memory",
            "closefd",
            "add-fd",
            "memsave",
            "remove-fd"
        ])
    );
    // What is wrong with the text comes first, and costs nothing.
    for line in ["print $pc+", "print $nope", "print ($pc"] {
        let (qmp, mut monitor) = monitor(v(11, 1), Risk::Risky);
        let mut text = String::new();
        monitor.run_line(line, &mut text).await;
        assert!(text.contains("Try \"help print\""), "{text}");
        assert!(qmp.0.lock().unwrap().is_empty(), "{line}");
    }
}
