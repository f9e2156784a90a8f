// SPDX-License-Identifier: GPL-2.0-or-later
//! What targets have of their own: the order of bytes, the width of addresses, where memory starts,
//! storage keys, registers.

use mock_qmp::{Answer, MockQmp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::{Requests, on_mock, run};

/// A QEMU whose memory is 1, 2, 3, ... from wherever it is read.
fn qemu(version: &str, arch: &str) -> MockQmp {
    MockQmp::scripted()
        .version(version)
        .command("query-target", json!({"arch": arch}))
        .command("query-status", json!({"running": true}))
        .command("add-fd", json!({"fdset-id": 1, "fd": 12}))
        .command("remove-fd", json!({}))
}

fn saved(arguments: &Value) -> Answer {
    let size = arguments["size"].as_u64().unwrap();
    let content: Vec<u8> = (1..).take(size.min(16) as usize).collect();
    Answer::from(json!({})).content("filename", content)
}

async fn answer(mock: MockQmp, line: &str) -> String {
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    run(&mut monitor, line, &mut answer).await;
    answer
}

#[rstest]
#[case("s390x", "0000000000000000: 0x01020304 0x05060708\n")]
#[case("ppc64", "0000000000000000: 0x01020304 0x05060708\n")]
#[case("ppc", "00000000: 0x01020304 0x05060708\n")]
#[case("riscv64", "0000000000000000: 0x04030201 0x08070605\n")]
#[case("aarch64", "0000000000000000: 0x04030201 0x08070605\n")]
#[case("arm", "00000000: 0x04030201 0x08070605\n")]
#[case("x86_64", "0000000000000000: 0x04030201 0x08070605\n")]
#[tokio::test]
async fn the_order_of_bytes(#[case] arch: &str, #[case] expected: &str) {
    let mock = qemu("10.0.2", arch).command_with("memsave", saved);
    assert_eq!(answer(mock, "x/2xw 0").await, expected);
}

/// Before 11.0 an address of 32 bits is a signed number.
#[rstest]
#[case("10.0.2", json!(-0x8000_0000_i64))]
#[case("11.1.3", json!(0x8000_0000_u32))]
#[tokio::test]
async fn the_upper_half_of_a_narrow_target(#[case] version: &str, #[case] asked: Value) {
    let requests = Requests::default();
    let mock = requests.of(qemu(version, "arm"), "memsave", saved);
    assert_eq!(
        answer(mock, "x/1xw 0x80000000").await,
        "80000000: 0x04030201\n"
    );
    assert_eq!(requests.seen()[0]["val"], asked);
}

/// Memory that is certain is read without a look at the map.
#[rstest]
#[case("riscv64", "virt-machine", 0x8000_0000, true)]
#[case("riscv64", "virt-machine", 0x4000_0000, false)]
#[case("aarch64", "virt-10.0-machine", 0x4000_0000, true)]
#[case("arm", "virt-10.0-machine", 0x4000_0000, true)]
#[case("arm", "virt-10.0-machine", 0x8000_0000, false)]
#[case("s390x", "s390-ccw-virtio-10.0-machine", 0, true)]
#[case("ppc64", "pseries-10.0-machine", 0, true)]
#[tokio::test]
async fn where_memory_starts(
    #[case] arch: &str,
    #[case] machine: &'static str,
    #[case] address: u64,
    #[case] certain: bool,
) {
    let looks = Requests::default();
    let mock = qemu("10.0.2", arch)
        .command_with("pmemsave", saved)
        .command("query-memory-size-summary", json!({"base-memory": 1 << 20}))
        .command("query-cpus-fast", json!([]))
        .command("x-query-ramblock", json!({"human-readable-text": ""}))
        .command_with("qom-get", move |_| json!(machine).into());
    let mock = looks.of(mock, "qom-list", |_| json!([]).into());
    let text = answer(mock, &format!("xp/1xb {address:#x}")).await;
    assert_eq!(text == format!("{address:016x}: 0x01\n"), certain, "{text}");
    assert_eq!(looks.seen().is_empty(), certain, "{text}");
}

#[rstest]
#[case("info skeys 0", "  key: 0xA\n")]
#[case("info skeys 0xb000", "  key: 0x6\n")]
#[case("info skeys 0xfff", "  key: 0xA\n")]
#[case("info skeys 0xc000", "Error: The given address is not valid\n")]
#[tokio::test]
async fn storage_keys(#[case] line: &str, #[case] expected: &str) {
    let keys = "page=000: key(10) => ACC=0, FP=1, REF=0, ch=0\n\
                page=00b: key(6) => ACC=0, FP=0, REF=1, ch=1\n";
    let mock = qemu("10.0.2", "s390x").command_with("dump-skeys", move |_| {
        Answer::from(json!({})).content("filename", keys)
    });
    assert_eq!(answer(mock, line).await, expected);
}

/// The monitors of these targets know registers by name, which QMP does not read.
#[rstest]
#[case("ppc64", "10.0.2", true)]
#[case("x86_64", "10.0.2", false)]
#[case("s390x", "10.0.2", false)]
#[case("s390x", "11.1.3", true)]
#[tokio::test]
async fn names_of_registers(#[case] arch: &str, #[case] version: &str, #[case] known: bool) {
    let text = answer(qemu(version, arch), "print $nip").await;
    assert_eq!(text.contains("is not available"), known, "{text}");
    assert_eq!(text.contains("unknown register"), !known, "{text}");
}

/// Guest memory as the chosen CPU sees it.
#[tokio::test]
async fn memory_of_the_chosen_cpu() {
    let requests = Requests::default();
    let cpus = json!([{"cpu-index": 0, "thread-id": 70}, {"cpu-index": 1, "thread-id": 71}]);
    let mock = qemu("10.0.2", "aarch64").command("query-cpus-fast", cpus);
    let mock = requests.of(mock, "memsave", |_| json!({}).into());
    let (_server, mut monitor) = on_mock(mock).await;
    for line in ["cpu 1", "memsave 0 8 \"/f\""] {
        let mut text = String::new();
        run(&mut monitor, line, &mut text).await;
        assert_eq!(text, "", "{line}");
    }
    assert_eq!(
        requests.seen(),
        [json!({"val": 0, "size": 8, "filename": "/f", "cpu-index": 1})]
    );
}
