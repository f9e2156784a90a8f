//! Answers for hosts that no test has, from a mock that says what such a host would.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::engine::on_mock;
use mock_qmp::MockQmp;
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
