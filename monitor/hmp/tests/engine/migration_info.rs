// SPDX-License-Identifier: GPL-2.0-or-later
//! What `info migrate` prints of migrations that no recording has: all members of `query-migrate`
//! at once.

use crate::common::engine::{Requests, on_mock};
use mock_qmp::MockQmp;
use serde_json::{Value, json};

async fn answer(version: &str, info: &Value, line: &str) -> String {
    let mock = MockQmp::scripted()
        .version(version)
        .command("query-migrate", info.clone());
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    crate::common::engine::run(&mut monitor, line, &mut answer).await;
    answer
}

/// The lines behind the globals and before the note.
fn behind_globals(answer: &str) -> String {
    let lines = answer
        .lines()
        .skip_while(|l| !l.eq_ignore_ascii_case("globals:"));
    let lines = lines.skip(1).take_while(|l| !l.starts_with("note: "));
    lines.map(|line| format!("{line}\n")).collect()
}

fn everything() -> Value {
    json!({
        "status": "failed", "error-desc": "no room", "blocked": true, "blocked-reasons": ["one device", "another"],
        "total-time": 50, "expected-downtime": 3, "downtime": 4, "setup-time": 5,
        "ram": {
            "transferred": 4096, "remaining": 8192, "total": 16384, "duplicate": 7, "skipped": 1, "normal": 9,
            "normal-bytes": 36864, "dirty-pages-rate": 11, "mbps": 1.5, "dirty-sync-count": 2, "postcopy-requests": 12,
            "page-size": 4096, "multifd-bytes": 2048, "pages-per-second": 13, "precopy-bytes": 1024,
            "downtime-bytes": 3072, "postcopy-bytes": 5120, "dirty-sync-missed-zero-copy": 0
        },
        "disk": {"transferred": 1024, "remaining": 2048, "total": 3072},
        "xbzrle-cache": {
            "cache-size": 67108864, "bytes": 5, "pages": 6, "cache-miss": 7, "cache-miss-rate": 0.25, "encoding-rate": 1.5,
            "overflow": 8
        },
        "cpu-throttle-percentage": 20, "dirty-limit-throttle-time-per-round": 30, "dirty-limit-ring-full-time": 40,
        "postcopy-blocktime": 60, "postcopy-vcpu-blocktime": [61, 62], "postcopy-latency": 70,
        "postcopy-non-vcpu-latency": 71, "postcopy-vcpu-latency": [72, 73], "postcopy-latency-dist": [3, 0, 1],
        "socket-address": [{"type": "unix", "path": "/a"}, {"type": "inet", "host": "h", "port": "5"}],
        "vfio": {"transferred": 2048}
    })
}

/// Up to 10.0; the texts are those of migration/migration-hmp-cmds.c.
#[tokio::test]
async fn the_long_form() {
    let text = answer("10.0.2", &everything(), "info migrate").await;
    assert_eq!(
        behind_globals(&text),
        "Outgoing migration blocked:\n  one device\n  another\nMigration status: failed (no room)\ntotal time: 50 ms\n\
         expected downtime: 3 ms\ndowntime: 4 ms\nsetup: 5 ms\ntransferred ram: 4 kbytes\nthroughput: 1.50 mbps\n\
         remaining ram: 8 kbytes\ntotal ram: 16 kbytes\nduplicate: 7 pages\nskipped: 1 pages\nnormal: 9 pages\n\
         normal bytes: 36 kbytes\ndirty sync count: 2\npage size: 4 kbytes\nmultifd bytes: 2 kbytes\n\
         pages-per-second: 13\ndirty pages rate: 11 pages\npostcopy request count: 12\nprecopy ram: 1 kbytes\n\
         downtime ram: 3 kbytes\npostcopy ram: 5 kbytes\ntransferred disk: 1 kbytes\nremaining disk: 2 kbytes\n\
         total disk: 3 kbytes\ncache size: 67108864 bytes\nxbzrle transferred: 0 kbytes\nxbzrle pages: 6 pages\n\
         xbzrle cache miss: 7 pages\nxbzrle cache miss rate: 0.25\nxbzrle encoding rate: 1.50\nxbzrle overflow: 8\n\
         cpu throttle percentage: 20\ndirty-limit throttle time: 30 us\ndirty-limit ring full time: 40 us\n\
         postcopy blocktime: 60\npostcopy vcpu blocktime: 61,62\nsocket address: [\n\tunix:/a\n\ttcp:h:5\n]\n\
         vfio device transferred: 2 kbytes\n"
    );
}

/// A migration that does not fail shows no error, whatever QMP says of an earlier one.
#[tokio::test]
async fn errors_belong_to_failures() {
    let info = json!({"status": "completed", "error-desc": "old", "total-time": 1});
    let text = answer("10.0.2", &info, "info migrate").await;
    assert!(text.contains("Migration status: completed\n"), "{text}");
    let text = answer("11.1.3", &info, "info migrate").await;
    assert!(
        text.contains("completed\n") && !text.contains("old"),
        "{text}"
    );
}

#[tokio::test]
async fn the_short_form_and_its_details() {
    let short = answer("11.1.3", &everything(), "info migrate").await;
    assert_eq!(
        short,
        "Outgoing migration blocked:\n  one device\n  another\nStatus: \t\tfailed (no room)\n\
         Time (ms): \t\ttotal=50, setup=5, exp_down=3, down=4\nSockets: [\n\tunix:/a\n\ttcp:h:5\n]\nRAM info:\n\
         \x20 Throughput (Mbps): \t1.50\n  Sizes: \t\tpagesize=4 KiB, total=16 KiB\n\
         \x20 Transfers: \t\ttransferred=4 KiB, remain=8 KiB\n\
         \x20   Channels: \t\tprecopy=1 KiB, multifd=2 KiB, postcopy=5 KiB, vfio=2 KiB\n\
         \x20   Page Types: \tnormal=9, zero=7\n  Page Rates (pps): \ttransfer=13, dirty=11\n\
         \x20 Others: \t\tdirty_syncs=2, postcopy_req=12, downtime_bytes=3072\n"
    );
    assert!(!short.contains("XBZRLE"), "{short}");
    let all = answer("11.1.3", &everything(), "info migrate -a").await;
    assert!(all.starts_with(&short), "{all}");
    assert_eq!(
        behind_globals(&all),
        "XBZRLE: size=67108864, transferred=5, pages=6, miss=7\n  miss_rate=0.25, encode_rate=1.50, overflow=8\n\
         CPU Throttle (%): 20\nDirty-limit Throttle (us): 30\nDirty-limit Ring Full (us): 40\n\
         Postcopy Blocktime (ms): 60\nPostcopy vCPU Blocktime (ms):\n [61, 62]\nPostcopy Latency (ns): 70\n\
         Postcopy non-vCPU Latency (ns): 71\nPostcopy vCPU Latencies (ns):\n [72, 73]\n\
         Postcopy Latency Distribution:\n  [     1 us -     2 us ]:          3\n  [     2 us -     4 us ]:          0\n\
         \x20 [     4 us -     8 us ]:          1\n"
    );
}

/// Block migration went with 9.1.
#[tokio::test]
async fn each_flag_is_its_own_member() {
    for (line, sent) in [
        ("migrate -d tcp:h:1", json!({"uri": "tcp:h:1"})),
        (
            "migrate -d -b tcp:h:1",
            json!({"uri": "tcp:h:1", "blk": true}),
        ),
        (
            "migrate -d -i tcp:h:1",
            json!({"uri": "tcp:h:1", "inc": true}),
        ),
        (
            "migrate -d -r tcp:h:1",
            json!({"uri": "tcp:h:1", "resume": true}),
        ),
    ] {
        let requests = Requests::default();
        let mock = MockQmp::scripted()
            .version("8.2.0")
            .command("query-migrate", json!({}));
        let mock = requests.of(mock, "migrate", |_| json!({}).into());
        let (_server, mut monitor) = on_mock(mock).await;
        let mut answer = String::new();
        crate::common::engine::run(&mut monitor, line, &mut answer).await;
        assert_eq!(
            (answer.as_str(), requests.seen()),
            ("", vec![sent]),
            "{line}"
        );
    }
}
