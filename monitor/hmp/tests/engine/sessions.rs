// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user is told and what is kept between lines: the chosen CPU, passwords, input,
//! measurements.

use std::sync::Arc;
use std::time::Duration;

use crate::common::engine::{Requests, on_mock, refusal};
use hmp::client::{Client, Options};
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::Host;
use hmp_engine::qmp::BoxFuture;
use mock_qmp::{Answer, MockQmp, Recording};
use rstest::rstest;
use serde_json::{Value, json};

/// A mock of a release on x86_64.
fn qemu(version: &str) -> MockQmp {
    MockQmp::scripted()
        .version(version)
        .command("query-target", json!({"arch": "x86_64"}))
}

fn recorded(name: &str) -> MockQmp {
    let path = format!("{}/../../recordings/{name}", env!("CARGO_MANIFEST_DIR"));
    MockQmp::from_recording(Recording::load(path).unwrap())
}

async fn line(monitor: &mut Monitor, line: &str) -> String {
    let mut answer = String::new();
    crate::common::engine::run(monitor, line, &mut answer).await;
    answer
}

async fn answer(mock: MockQmp, text: &str) -> String {
    let (_server, mut monitor) = on_mock(mock).await;
    line(&mut monitor, text).await
}

/// Where the chosen CPU was unplugged, the first one counts (monitor/hmp.c).
#[tokio::test]
async fn a_chosen_cpu_that_is_gone() {
    let cpu = |index: u64| json!({"cpu-index": index, "thread-id": 70 + index, "qom-path": "/c", "target": "x86_64", "props": {}});
    let both = json!([cpu(0), cpu(1)]);
    let answers = vec![both.clone().into(), both.into(), json!([cpu(0)]).into()];
    let (_server, mut monitor) =
        on_mock(qemu("10.0.2").command_sequence("query-cpus-fast", answers)).await;
    assert_eq!(line(&mut monitor, "cpu 1").await, "");
    assert_eq!(
        line(&mut monitor, "info cpus").await,
        "  CPU #0: thread_id=70\n* CPU #1: thread_id=71\n"
    );
    assert_eq!(
        line(&mut monitor, "info cpus").await,
        "* CPU #0: thread_id=70\n"
    );
}

/// QMP's interrupt goes to the first CPU, the built-in's on some boards to the chosen one.
#[tokio::test]
async fn an_interrupt_of_the_chosen_cpu() {
    let cpus = json!([{"cpu-index": 0, "thread-id": 70}, {"cpu-index": 1, "thread-id": 71}]);
    for (arch, choose, sent) in [
        ("s390x", "cpu 1", 0),
        ("s390x", "cpu 0", 1),
        ("ppc64", "cpu 1", 0),
        ("x86_64", "cpu 1", 1),
    ] {
        let requests = Requests::default();
        let mock = MockQmp::scripted()
            .command("query-target", json!({"arch": arch}))
            .command("query-cpus-fast", cpus.clone());
        let mock = requests.of(mock, "inject-nmi", |_| json!({}).into());
        let (_server, mut monitor) = on_mock(mock).await;
        assert_eq!(line(&mut monitor, choose).await, "");
        let answer = line(&mut monitor, "nmi").await;
        assert_eq!(requests.seen().len(), sent, "{arch} {choose}: {answer}");
        assert_eq!(answer.is_empty(), sent == 1, "{arch} {choose}: {answer}");
    }
}

/// Before initialisation QEMU does not get as far as looking for a descriptor; later it does so
/// itself.
#[tokio::test]
async fn a_descriptor_that_is_not_passed() {
    let early =
        refusal("The command 'getfd' is permitted only after machine initialization has completed");
    let missing = "Error: No file descriptor supplied via SCM_RIGHTS\n";
    for (target, getfd, expected) in [
        (refusal("not now"), early, missing),
        (
            json!({"arch": "x86_64"}).into(),
            refusal("what QEMU says"),
            "Error: what QEMU says\n",
        ),
    ] {
        let mock = MockQmp::scripted()
            .command("query-target", target)
            .command("x-exit-preconfig", json!({}))
            .command("getfd", getfd);
        assert_eq!(answer(mock, "getfd x").await, expected);
    }
}

const ABSENT: &str = "Error: No VNC display is present\nTo enable it, use '-vnc ...'\n";
const DISABLED: &str = "Error: VNC password authentication is disabled\nTo enable it, use '-vnc ...,password-secret=ID'\n";

/// Answers of 11.1.3 without a display, and with `-vnc unix:...`.
#[rstest]
#[case("set_password vnc x", "set_password")]
#[case("change vnc password x", "change-vnc-password")]
#[tokio::test]
async fn how_to_have_a_password(#[case] line: &str, #[case] command: &str) {
    for (refused, expected) in [
        ("No VNC display is present", ABSENT),
        ("VNC password authentication is disabled", DISABLED),
        ("anything else", "Error: anything else\n"),
    ] {
        let mock = recorded("11.1-x86_64-q35").command(command, refusal(refused));
        assert_eq!(answer(mock, line).await, expected, "{line}");
    }
}

const NO_PASSWORDS: &str =
    "If you want use passwords please enable password auth using '-vnc ${dpy},password'.\n";
const NOT_SET: &str = "Error: Could not set password\n";

/// Before 11.0 (ui/vnc.c) VNC says why; SPICE has the same error without a reason.
#[tokio::test]
async fn a_display_without_passwords() {
    let servers =
        |auth: &str| json!([{"id": "default", "server": [], "clients": [], "auth": auth}]);
    for (line, auth, hint) in [
        ("set_password vnc x", "none", NO_PASSWORDS),
        ("set_password vnc x -d default", "none", NO_PASSWORDS),
        ("set_password vnc x -d other", "none", ""),
        ("set_password vnc x", "vnc", ""),
        ("set_password spice x", "none", ""),
    ] {
        let mock = recorded("10.0-x86_64-q35")
            .command("set_password", refusal("Could not set password"))
            .command("query-vnc-servers", servers(auth));
        assert_eq!(
            answer(mock, line).await,
            format!("{hint}{NOT_SET}"),
            "{line} {auth}"
        );
    }
}

/// A reason that could not be looked for because the connection broke is not passed over.
#[tokio::test]
async fn the_connection_breaks_while_a_reason_is_looked_for() {
    let mock = || {
        recorded("10.0-x86_64-q35")
            .command("set_password", refusal("Could not set password"))
            .command("query-vnc-servers", refusal("not here"))
    };
    assert_eq!(answer(mock(), "set_password vnc x").await, NOT_SET);
    let fault = "drop-before:command=query-vnc-servers";
    let broken = mock().fault(fault.parse::<mock_qmp::Fault>().unwrap());
    let (_server, mut monitor) = on_mock(broken).await;
    let mut answer = String::new();
    let ran = crate::common::engine::run(&mut monitor, "set_password vnc x", &mut answer).await;
    assert!(matches!(ran.outcome, Outcome::Disconnected(_)), "{ran:?}");
    assert_eq!(answer, "");
}

/// The first release that shows these as errors.
#[tokio::test]
async fn what_is_no_password() {
    let text = "Expected 'password' after 'vnc'\n";
    for (version, expected) in [
        ("7.2.22", text.to_owned()),
        ("8.0.0", format!("Error: {text}")),
    ] {
        let mock = qemu(version)
            .command("change-vnc-password", json!({}))
            .command("blockdev-change-medium", json!({}));
        assert_eq!(answer(mock, "change vnc foo").await, expected, "{version}");
    }
}

/// A user who types "hush" at any prompt.
struct Person;

impl Host for Person {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn secret<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { Some("hush".to_owned()) })
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(0), 0)
    }
}

/// The built-in is silent about a password typed at its prompt that was not taken; a connection
/// that broke is told.
#[tokio::test]
async fn a_password_typed_at_the_prompt() {
    for (fault, told) in [
        (None, false),
        (Some("drop-before:command=change-vnc-password"), true),
    ] {
        let requests = Requests::default();
        let mut mock = qemu("10.0.2").command("blockdev-change-medium", json!({}));
        mock = requests.of(mock, "change-vnc-password", |_| {
            refusal("Could not set password")
        });
        if let Some(fault) = fault {
            mock = mock.fault(fault.parse::<mock_qmp::Fault>().unwrap());
        }
        let (_server, stream) = mock.serve_in_memory().unwrap();
        let (client, _) = Client::from_unix(stream, &Options::default())
            .await
            .unwrap();
        let mut monitor = Monitor::builder(Arc::new(client))
            .host(Arc::new(Person))
            .passthrough(Passthrough::Never)
            .build()
            .await
            .unwrap();
        let mut answer = String::new();
        let ran =
            crate::common::engine::run(&mut monitor, "change vnc password", &mut answer).await;
        assert_eq!(
            matches!(ran.outcome, Outcome::Disconnected(_)),
            told,
            "{ran:?}"
        );
        assert_eq!(answer, "");
        assert_eq!(requests.seen(), [json!({"password": "hush"})]);
    }
}

fn moved(axis: &str, value: i32) -> Value {
    json!({"type": "rel", "data": {"axis": axis, "value": value}})
}

/// Numbers are those of the C library that the release was built with.
#[tokio::test]
async fn movements_in_binary() {
    for (version, x) in [("10.0.2", 0), ("11.1.0", 3)] {
        let requests = Requests::default();
        let mock = requests.of(qemu(version), "input-send-event", |_| json!({}).into());
        assert_eq!(answer(mock, "mouse_move 0b11 -5").await, "");
        let events = json!({"events": [moved("x", x), moved("y", -5)]});
        assert_eq!(requests.seen(), [events], "{version}");
    }
}

/// QEMU refuses all events where nobody takes one of them; the built-in sends each for itself.
#[tokio::test]
async fn events_that_nobody_takes() {
    for (refused, sent) in [
        ("Input handler not found for event type rel", 4),
        ("VM not running", 2),
    ] {
        let requests = Requests::default();
        let mock = requests.of(qemu("10.0.2"), "input-send-event", move |arguments| {
            let is_movement = |event: &Value| event["type"] == "rel";
            if arguments["events"]
                .as_array()
                .unwrap()
                .iter()
                .any(is_movement)
            {
                refusal(refused)
            } else {
                json!({}).into()
            }
        });
        assert_eq!(answer(mock, "mouse_move 1 2 1").await, "");
        let wheel = |down| json!({"type": "btn", "data": {"button": "wheel-up", "down": down}});
        let all = json!({"events": [moved("x", 1), moved("y", 2), wheel(true)]});
        let released = json!({"events": [wheel(false)]});
        let seen = requests.seen();
        assert_eq!((seen.first(), seen.last()), (Some(&all), Some(&released)));
        let alone =
            [moved("x", 1), moved("y", 2), wheel(true)].map(|event| json!({"events": [event]}));
        let alone = if sent == 2 { &[] } else { alone.as_slice() };
        assert_eq!(&seen[1..seen.len() - 1], alone, "{refused}");
    }
}

/// -1 stands for what is not given; migration/dirtyrate.c.
#[tokio::test]
async fn arguments_of_dirty_rates_that_are_not_given() {
    for (line, command, sent) in [
        (
            "calc_dirty_rate 2 512",
            "calc-dirty-rate",
            json!({"calc-time": 2, "mode": "page-sampling", "sample-pages": 512}),
        ),
        (
            "calc_dirty_rate 2 1",
            "calc-dirty-rate",
            json!({"calc-time": 2, "mode": "page-sampling", "sample-pages": 1}),
        ),
        (
            "calc_dirty_rate 2 (-1)",
            "calc-dirty-rate",
            json!({"calc-time": 2, "mode": "page-sampling"}),
        ),
        (
            "set_vcpu_dirty_limit 5 1",
            "set-vcpu-dirty-limit",
            json!({"dirty-rate": 5, "cpu-index": 1}),
        ),
        (
            "set_vcpu_dirty_limit 5 (-1)",
            "set-vcpu-dirty-limit",
            json!({"dirty-rate": 5}),
        ),
    ] {
        let requests = Requests::default();
        let mock = requests.of(qemu("10.0.2"), command, |_| json!({}).into());
        let answer = answer(mock, line).await;
        assert_eq!(requests.seen(), [sent], "{line}: {answer}");
    }
}

/// Old releases show sampled pages where none were sampled, and tell where to look for limits.
#[tokio::test]
async fn dirty_rates_of_releases() {
    let pages = "Sample Pages: 512 (per GB)\n";
    for (version, mode, shown) in [
        ("7.2.22", "dirty-ring", pages),
        ("8.0.0", "dirty-ring", ""),
        ("8.0.0", "page-sampling", pages),
    ] {
        let info = json!({"status": "measured", "start-time": 9, "calc-time": 1, "sample-pages": 512, "mode": mode, "dirty-rate": 3});
        let mock = qemu(version).command("query-dirty-rate", info);
        assert_eq!(
            answer(mock, "info dirty_rate").await,
            format!(
                "Status: measured\nStart Time: 9 (ms)\n{shown}Period: 1 (sec)\nMode: {mode}\nDirty rate: 3 (MB/s)\n"
            ),
            "{version}"
        );
    }
    for (version, expected) in [
        (
            "7.2.22",
            "[Please use 'info vcpu_dirty_limit' to query dirty limit for virtual CPU]\n",
        ),
        (
            "8.0.0",
            "[Please use 'info vcpu_dirty_limit' to query dirty limit for virtual CPU]\n",
        ),
        ("8.1.0", ""),
    ] {
        let mock = qemu(version).command("set-vcpu-dirty-limit", json!({}));
        assert_eq!(
            answer(mock, "set_vcpu_dirty_limit 5").await,
            expected,
            "{version}"
        );
    }
}

/// What single steps are is told by `info jit` since 8.1, while QMP tells of them up to 8.2.
#[tokio::test]
async fn single_steps_of_releases() {
    for (version, shown) in [
        ("8.0.5", " (single step mode)"),
        ("8.1.0", ""),
        ("8.2.0", ""),
    ] {
        let status = json!({"status": "running", "running": true, "singlestep": true});
        let mock = qemu(version).command("query-status", status);
        let expected = format!("VM status: running{shown}\n");
        assert_eq!(answer(mock, "info status").await, expected, "{version}");
    }
}

/// Errors of these commands have `Error:` in front since 10.2.
#[tokio::test]
async fn prefixes_of_releases() {
    for (version, prefix) in [("10.1.4", ""), ("10.2.0", "Error: ")] {
        let mock = qemu(version)
            .command("query-block", json!([]))
            .command("query-named-block-nodes", json!([]))
            .command("blockdev-del", json!({}))
            .command("eject", json!({}));
        let expected = format!("{prefix}Device 'nosuch' not found\n");
        assert_eq!(
            answer(mock, "drive_del nosuch").await,
            expected,
            "{version}"
        );
    }
}

/// The C library of the build decides about `0b11`, so that the built-in is asked where it is.
#[tokio::test]
async fn binary_numbers_are_the_builds() {
    for version in ["10.0.2", "11.1.3"] {
        let mock = qemu(version).command_with("human-monitor-command", |arguments| {
            Answer::from(json!(format!(
                "built-in: {}\n",
                arguments["command-line"].as_str().unwrap()
            )))
        });
        let (_server, stream) = mock.serve_in_memory().unwrap();
        let options = Options::default();
        let (client, _) = Client::from_unix(stream, &options).await.unwrap();
        let monitor = Monitor::builder(Arc::new(client)).build().await;
        let mut monitor = monitor.unwrap();
        assert_eq!(
            line(&mut monitor, "print 0b11").await,
            "built-in: print/1xw 0b11\n"
        );
        // No number, or one that all builds read alike.
        for own in ["print 0xb1", "print 3"] {
            let text = line(&mut monitor, own).await;
            assert!(!text.contains("built-in"), "{own}: {text}");
        }
    }
    assert_eq!(answer(qemu("11.1.3"), "print 0b11").await, "0x3\n");
    let refused = answer(qemu("10.0.2"), "print 0b11").await;
    assert!(refused.contains("extraneous characters"), "{refused}");
}

/// QEMU has one format for all its monitors, and knows nothing of lines that it was not given: a
/// line that is passed on says the session's, also where what comes behind it can't be read here.
#[tokio::test]
async fn lines_that_are_passed_on_have_the_sessions_format() {
    let mock = qemu("10.0.2").command_with("human-monitor-command", |arguments| {
        Answer::from(json!(format!(
            "{}\n",
            arguments["command-line"].as_str().unwrap()
        )))
    });
    let (_server, stream) = mock.serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    let mut monitor = Monitor::builder(Arc::new(client)).build().await.unwrap();
    for (typed, expected) in [
        ("print $pc", "print/1xw $pc\n"),
        ("print/d 9", "9\n"),
        ("print $pc", "print/1dw $pc\n"),
        ("print/o $pc", "print/1ow  $pc\n"),
        ("print 9", "011\n"),
        ("x $pc+4", "x/1ow $pc+4\n"),
        ("print 1/($pc-2)", "print/1ow 1/($pc-2)\n"),
        ("print/c 0b11", "print/1cw  0b11\n"),
        ("print $pc", "print/1cw $pc\n"),
    ] {
        assert_eq!(line(&mut monitor, typed).await, expected, "{typed}");
    }
}
