// SPDX-License-Identifier: GPL-2.0-or-later
//! What is printed of replies that no recording has: each number another one, so that none can
//! stand for its neighbour.

use hmp_engine::table::MAIN;
use mock_qmp::MockQmp;
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::{on_mock, run};

async fn answer(mock: MockQmp, line: &str) -> String {
    let mock = mock.command("query-target", json!({"arch": "x86_64"}));
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    run(&mut monitor, line, &mut answer).await;
    answer
}

#[rstest]
#[case(
    "info memdev",
    "query-memdev",
    json!([{
        "id": "m", "size": 4096, "merge": true, "dump": false, "prealloc": false, "share": true, "reserve": true,
        "host-nodes": [0, 1, 3], "policy": "bind"
    }]),
    "memory backend: m\n  size:  4096\n  merge: true\n  dump: false\n  prealloc: false\n  share: true\n\
     \x20 reserve: true\n  policy: bind\n  host nodes: 0-1,3\n\n"
)]
#[case(
    "info block-jobs",
    "query-block-jobs",
    json!([
        {"type": "stream", "device": "d", "offset": 1, "len": 2, "speed": 3},
        {"type": "mirror", "device": "e", "offset": 4, "len": 5, "speed": 6}
    ]),
    "Streaming device d: Completed 1 of 2 bytes, speed limit 3 bytes/s\n\
     Type mirror, device e: Completed 4 of 5 bytes, speed limit 6 bytes/s\n"
)]
#[case(
    "info dirty_rate",
    "query-dirty-rate",
    json!({
        "status": "measured", "start-time": 12345, "sample-pages": 512, "calc-time": 1, "mode": "dirty-ring",
        "dirty-rate": 7, "vcpu-dirty-rate": [{"id": 0, "dirty-rate": 3}, {"id": 1, "dirty-rate": 4}]
    }),
    "Status: measured\nStart Time: 12345 (ms)\nPeriod: 1 (sec)\nMode: dirty-ring\nDirty rate: 7 (MB/s)\n\
     vcpu[0], Dirty rate: 3 (MB/s)\nvcpu[1], Dirty rate: 4 (MB/s)\n"
)]
#[case(
    "info vcpu_dirty_limit",
    "query-vcpu-dirty-limit",
    json!([{"cpu-index": 1, "limit-rate": 20, "current-rate": 300}]),
    "vcpu[1], limit rate 20 (MB/s), current rate 300 (MB/s)\n"
)]
#[case(
    "info vnc",
    "query-vnc-servers",
    json!([{
        "id": "default", "auth": "vencrypt", "vencrypt": "x509-sasl", "display": "vga",
        "server": [{
            "host": "127.0.0.1", "service": "5907", "family": "ipv4", "websocket": false, "auth": "vencrypt",
            "vencrypt": "x509-sasl"
        }],
        "clients": [{
            "host": "127.0.0.1", "service": "40321", "family": "ipv4", "websocket": true, "x509_dname": "CN=a",
            "sasl_username": "b"
        }]
    }]),
    "default:\n  Server: 127.0.0.1:5907 (ipv4)\n    Auth: vencrypt (Sub: x509-sasl)\n\
     \x20 Client: 127.0.0.1:40321 (ipv4 (Websocket))\n    x509_dname: CN=a\n    sasl_username: b\n  Display: vga\n"
)]
#[case(
    "info pci",
    "query-pci",
    json!([{"bus": 0, "devices": [{
        "bus": 0, "slot": 11, "function": 2, "class_info": {"class": 1540}, "id": {"device": 12, "vendor": 6966},
        "irq": 11, "irq_pin": 1, "qdev_id": "rp",
        "pci_bridge": {"bus": {
            "number": 0, "secondary": 1, "subordinate": 3, "io_range": {"base": 4096, "limit": 8191},
            "memory_range": {"base": 65536, "limit": 131_071}, "prefetchable_range": {"base": 262_144, "limit": 524_287}
        }},
        "regions": [{"bar": 0, "type": "io", "address": 49152, "size": 32}]
    }]}]),
    "  Bus  0, device  11, function 2:\n    Class 1540: PCI device 1b36:000c\n      IRQ 11, pin A\n      BUS 0.\n\
     \x20     secondary bus 1.\n      subordinate bus 3.\n      IO range [0x1000, 0x1fff]\n\
     \x20     memory range [0x00010000, 0x0001ffff]\n      prefetchable memory range [0x00040000, 0x0007ffff]\n\
     \x20     BAR0: I/O at 0xc000 [0xc01f]\n      id \"rp\"\n"
)]
#[tokio::test]
async fn each_member_is_in_its_place(
    #[case] line: &str,
    #[case] command: &str,
    #[case] reply: Value,
    #[case] expected: &str,
) {
    // `info vnc` is there where QEMU was built with VNC, which this shows.
    let mock = MockQmp::scripted()
        .command("query-vnc", json!({}))
        .command(command, reply);
    assert_eq!(answer(mock, line).await, expected);
}

#[tokio::test]
async fn limits_of_a_drive() {
    let drive = json!([{
        "device": "d", "removable": false, "locked": false, "inserted": {
            "file": "f", "drv": "raw", "ro": false, "detect_zeroes": "off",
            "cache": {"writeback": true, "direct": false, "no-flush": false},
            "bps": 1, "bps_rd": 2, "bps_wr": 3, "bps_max": 4, "bps_rd_max": 5, "bps_wr_max": 6, "iops": 7, "iops_rd": 8,
            "iops_wr": 9, "iops_max": 10, "iops_rd_max": 11, "iops_wr_max": 12, "iops_size": 13, "group": "g"
        }
    }]);
    let mock = MockQmp::scripted()
        .command("query-block", drive)
        .command("query-named-block-nodes", json!([]));
    assert_eq!(
        answer(mock, "info block").await,
        "d: f (raw)\n    Cache mode:       writeback\n    I/O throttling:   bps=1 bps_rd=2 bps_wr=3 bps_max=4 \
         bps_rd_max=5 bps_wr_max=6 iops=7 iops_rd=8 iops_wr=9 iops_max=10 iops_rd_max=11 iops_wr_max=12 iops_size=13 \
         group=g\n"
    );
}

/// What QEMU answers with as a text is shown as it is, but for the ends of lines.
#[rstest]
#[case("info irq", "x-query-irq")]
#[case("info pic", "x-query-interrupt-controllers")]
#[case("info jit", "x-query-jit")]
#[case("info accel", "x-accel-stats")]
#[case("info numa", "x-query-numa")]
#[case("info usb", "x-query-usb")]
#[case("info roms", "x-query-roms")]
#[case("info ramblock", "x-query-ramblock")]
#[case("info network", "x-query-network")]
#[case("info usernet", "x-query-usernet")]
#[tokio::test]
async fn texts_are_as_they_are(#[case] line: &str, #[case] command: &str) {
    let text = "0x00007f0123456789abcdef\r\n  9876543210\n";
    let mock = MockQmp::scripted()
        .version("11.1.3")
        .command(command, json!({"human-readable-text": text}));
    assert_eq!(
        answer(mock, line).await,
        "0x00007f0123456789abcdef\n  9876543210\n"
    );
}

/// Sentences are our own: no recording says which belongs to which command.
#[tokio::test]
async fn help_has_each_command_s_own_sentence() {
    let (_server, mut monitor) = on_mock(MockQmp::scripted()).await;
    let mut tried = 0;
    // `help info` lists another table.
    for row in MAIN
        .iter()
        .filter(|row| row.name != "info" && !row.params.is_empty())
    {
        let mut text = String::new();
        let name = row.names().next().unwrap();
        run(&mut monitor, &format!("help {name}"), &mut text).await;
        // Others are of other targets and releases.
        if text.starts_with(row.name) {
            let sentence = format!(" -- {}", row.help);
            assert!(text.trim_end().ends_with(&sentence), "{text}");
            assert_eq!(text.matches(" -- ").count(), 1, "{text}");
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}

/// Names of log items are in a column of 15 (util/log.c of QEMU, `help_cmd` of monitor/hmp.c).
#[tokio::test]
async fn log_items_are_in_columns() {
    let text = answer(MockQmp::scripted(), "help log").await;
    let mut lines = text.lines().skip(1);
    let items: Vec<&str> = lines
        .by_ref()
        .take_while(|l| !l.starts_with("trace:"))
        .collect();
    assert!(items.len() > 15, "{text}");
    for item in items {
        let (name, what) = item.split_at(16);
        assert!(name.ends_with(' ') && !name.trim().contains(' '), "{item}");
        assert!(what.starts_with(|c: char| !c.is_whitespace()), "{item}");
    }
}
