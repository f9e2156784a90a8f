//! Answers for hosts that no test has, from a mock that says what such a host would.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::engine::on_mock;
use mock_qmp::{Answer, MockQmp};
use serde_json::json;

async fn answer(mock: MockQmp, line: &str) -> String {
    answer_of(mock, "x86_64", line).await
}

async fn answer_of(mock: MockQmp, arch: &str, line: &str) -> String {
    let mock = mock.command("query-target", json!({ "arch": arch }));
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    monitor.run_line(line, &mut answer).await;
    answer
}

/// The texts are those of target/i386/sev.c.
#[tokio::test]
async fn encrypted_guests() {
    let sev = |more: serde_json::Value| {
        let mut info = json!({"enabled": true, "api-major": 1, "api-minor": 55, "build-id": 8, "state": "running"});
        for (name, value) in more.as_object().unwrap() {
            info[name] = value.clone();
        }
        MockQmp::scripted().command("query-sev", info)
    };
    for (info, expected) in [
        (json!({"enabled": false}), "SEV is not enabled\n"),
        (
            json!({"sev-type": "sev", "handle": 3, "policy": 1}),
            "SEV type: sev\nstate: running\nbuild: 8\napi version: 1.55\nhandle: 3\ndebug: off\nkey-sharing: on\n",
        ),
        (
            json!({"handle": 3, "policy": 2}),
            "handle: 3\nstate: running\nbuild: 8\napi version: 1.55\ndebug: on\nkey-sharing: off\n",
        ),
        (
            json!({"sev-type": "sev-snp", "snp-policy": 0x10000}),
            "SEV type: sev-snp\nstate: running\nbuild: 8\napi version: 1.55\ndebug: off\nSMT allowed: on\n",
        ),
        (
            json!({"sev-type": "sev-snp", "snp-policy": 0x80000}),
            "SEV type: sev-snp\nstate: running\nbuild: 8\napi version: 1.55\ndebug: on\nSMT allowed: off\n",
        ),
    ] {
        assert_eq!(
            answer(sev(info.clone()), "info sev").await,
            expected,
            "{info}"
        );
    }
}

/// Where registers decide what bytes mean, or a CPU may get there.
#[tokio::test]
async fn instructions_that_are_not_certain() {
    let registers = "format i: how bytes are decoded depends on the CPU's registers";
    let cpu = json!([{"cpu-index": 0, "qom-path": "/cpu0"}]);
    for (version, arch, cpus, kind, start) in [
        ("10.0.2", "x86_64", &cpu, "", registers),
        ("10.0.2", "aarch64", &cpu, "cortex-a57-arm-cpu", registers),
        ("7.2.22", "aarch64", &cpu, "a64fx-arm-cpu", registers),
        (
            "10.0.2",
            "s390x",
            &json!([]),
            "",
            "Can not dump without CPU\n",
        ),
    ] {
        for line in ["x/i 0", "xp/2i 0x1000"] {
            let mut mock = MockQmp::scripted()
                .version(version)
                .command("query-cpus-fast", cpus.clone())
                .command("qom-get", json!(kind));
            for name in [
                "add-fd",
                "memsave",
                "pmemsave",
                "remove-fd",
                "qom-list",
                "x-query-ramblock",
            ] {
                mock = mock.command(name, json!({}));
            }
            let answer = answer_of(mock, arch, line).await;
            assert!(answer.starts_with(start), "{arch} {line}: {answer}");
        }
    }
}

/// A board with an interrupt controller at 0x8000000, whose registers are different for each CPU.
fn board(cpus: u64) -> MockQmp {
    let list = |arguments: &serde_json::Value| {
        let child =
            |name: &str, kind: &str| json!({"name": name, "type": format!("child<{kind}>")});
        let list = match arguments["path"].as_str().unwrap() {
            "/" => vec![child("machine", "vexpress-machine")],
            "/machine" => vec![child("unattached", "container")],
            "/machine/unattached" => vec![
                child("system[0]", "memory-region"),
                child("device[0]", "arm_gic"),
            ],
            "/machine/unattached/device[0]" => vec![child("gic_dist[0]", "memory-region")],
            _ => vec![],
        };
        Answer::from(json!(list))
    };
    let get = move |arguments: &serde_json::Value| {
        let path = arguments["path"].as_str().unwrap();
        let value = match (
            path.ends_with("gic_dist[0]"),
            arguments["property"].as_str().unwrap(),
        ) {
            (true, "addr") => json!(0x800_0000),
            (true, "size") => json!(0x1000),
            (true, "container") => json!("/machine/unattached/system[0]"),
            (false, "size") => json!(u64::MAX),
            (false, "num-cpu") => json!(cpus),
            (false, "type") if path.ends_with("device[0]") => json!("arm_gic"),
            (false, "type") => json!("vexpress-a9-machine"),
            _ => json!(0),
        };
        Answer::from(value)
    };
    MockQmp::scripted()
        .command("query-memory-size-summary", json!({"base-memory": 4096}))
        .command_with("qom-list", list)
        .command_with("qom-get", get)
        .command("add-fd", json!({}))
        .command("remove-fd", json!({}))
        .command("pmemsave", json!({}))
        .command("memsave", json!({}))
}

#[tokio::test]
async fn registers_of_each_cpu() {
    for (cpus, arch, line, refused) in [
        (2, "arm", "xp/4xw 0x8000000", true),
        (2, "aarch64", "xp/1xb 0x8000fff", true),
        (2, "arm", "x/2xg 0x7fffff8", true),
        (2, "arm", "xp/1xb 0x8001000", false),
        (2, "arm", "xp/8xb 0x7fffff8", false),
        (1, "arm", "xp/4xw 0x8000000", false),
        (2, "riscv64", "xp/4xw 0x8000000", false),
        (2, "arm", "sum 0x7000000 0x1000001", true),
        (2, "arm", "sum 0x7000000 0x1000000", false),
        (2, "arm", "x/i 0x8000ffc", true),
        (2, "arm", "pmemsave 0x8000000 1 \"f\"", true),
        (2, "arm", "pmemsave 0x8001000 1 \"f\"", false),
        (2, "arm", "memsave 0x8000000 1 \"f\"", true),
    ] {
        let answer = answer_of(board(cpus), arch, line).await;
        assert_eq!(
            answer.starts_with("refused: "),
            refused,
            "{arch} {line}: {answer}"
        );
    }
}

/// From 11.0 on every target has the commands, and only those with Xen guests answer.
#[tokio::test]
async fn xen_event_channels() {
    let none = "XEN emulation is not available in this QEMU\n";
    for (arch, version, list, inject) in [
        (
            "x86_64",
            "10.0.2",
            "port    1: vcpu: 0 ipi\n",
            "Delivered port 5\n",
        ),
        (
            "i386",
            "11.1.3",
            "port    1: vcpu: 0 ipi\n",
            "Delivered port 5\n",
        ),
        ("aarch64", "11.1.3", none, none),
        ("aarch64", "11.0.0", none, none),
    ] {
        let mock = || {
            let ipi = json!({"port": 1, "vcpu": 0, "type": "ipi", "remote-domain": "", "target": 0, "pending": false, "masked": false});
            MockQmp::scripted()
                .version(version)
                .command("xen-event-list", json!([ipi]))
                .command("xen-event-inject", json!({}))
        };
        assert_eq!(
            answer_of(mock(), arch, "xen-event-list").await,
            list,
            "{arch} {version}"
        );
        assert_eq!(
            answer_of(mock(), arch, "xen-event-inject 5").await,
            inject,
            "{arch} {version}"
        );
    }
}
