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

/// What is not read over QMP says why.
#[tokio::test]
async fn disassembly() {
    for (arch, reason) in [
        ("s390x", "disassembler knows"),
        ("x86_64", "the CPU's registers"),
    ] {
        let mut mock = MockQmp::scripted();
        for name in ["add-fd", "memsave", "remove-fd"] {
            mock = mock.command(name, json!({}));
        }
        let answer = answer_of(mock, arch, "x/i 0").await;
        assert!(answer.contains(reason), "{arch}: {answer}");
    }
}
