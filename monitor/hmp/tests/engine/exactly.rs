// SPDX-License-Identifier: GPL-2.0-or-later
//! What recordings can't say: secrets, which they leave out, and numbers that are others each time,
//! which are compared behind masks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use hmp::client::{Client, Options};
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Host;
use mock_qmp::{Answer, MockQmp, Recording};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::{Requests, on_mock, refusal, run};

/// A host whose clock shows 2026-01-02 03:04:05 in a zone an hour and a half east of UTC.
struct Clock;

impl Host for Clock {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(1_767_317_645), 5400)
    }
}

async fn answer(mock: MockQmp, line: &str) -> String {
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    run(&mut monitor, line, &mut answer).await;
    answer
}

async fn at_that_time(mock: MockQmp, line: &str) -> String {
    let (server, stream) = mock.serve_in_memory().unwrap();
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .unwrap();
    let builder = Monitor::builder(Arc::new(client)).host(Arc::new(Clock));
    let builder = builder.passthrough(Passthrough::Never);
    let mut monitor = builder.build().await.unwrap();
    let mut answer = String::new();
    run(&mut monitor, line, &mut answer).await;
    drop(server);
    answer
}

fn recorded(name: &str) -> MockQmp {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/");
    MockQmp::from_recording(Recording::load(format!("{path}{name}")).unwrap())
}

#[rstest]
#[case(
    "set_password",
    "set_password vnc Geheim",
    json!({"protocol": "vnc", "password": "Geheim"})
)]
#[case(
    "set_password",
    "set_password vnc Geheim -d two keep",
    json!({"protocol": "vnc", "password": "Geheim", "connected": "keep", "display": "two"})
)]
#[case(
    "expire_password",
    "expire_password spice +60",
    json!({"protocol": "spice", "time": "+60"})
)]
#[case(
    "change-vnc-password",
    "change vnc password Geheim",
    json!({"password": "Geheim"})
)]
#[tokio::test]
async fn a_secret_is_sent_as_it_was_typed(
    #[case] command: &str,
    #[case] line: &str,
    #[case] sent: Value,
) {
    let requests = Requests::default();
    let mock = recorded("10.0-x86_64-q35+completion");
    let mock = requests.of(mock, command, |_| json!({}).into());
    assert_eq!(answer(mock, line).await, "");
    assert_eq!(requests.seen(), [sent]);
}

#[tokio::test]
async fn a_terminal_is_the_one_that_was_made() {
    let mock = recorded("10.0-x86_64-q35+completion");
    let mock = mock.command("chardev-add", json!({"pty": "/dev/pts/10"}));
    assert_eq!(
        answer(mock, "chardev-add pty,id=a").await,
        "char device redirected to /dev/pts/10 (label a)\n"
    );
}

#[tokio::test]
async fn a_snapshot_without_a_name_has_the_local_time() {
    let requests = Requests::default();
    let node = json!({"node-name": "n", "drv": "qcow2", "ro": false, "image": {}});
    let mut mock = MockQmp::scripted()
        .command("query-named-block-nodes", json!([node]))
        .command("query-block", json!([]))
        .command("query-jobs", json!([]));
    for name in ["snapshot-delete", "job-dismiss", "query-migrate"] {
        mock = mock.command(name, json!({}));
    }
    let mock = requests.of(mock, "snapshot-save", |_| refusal("enough"));
    assert_eq!(at_that_time(mock, "savevm").await, "Error: enough\n");
    assert_eq!(requests.seen()[0]["tag"], "vm-20260102030405");
}

/// The dates of snapshots are in the zone that is there at that time.
#[tokio::test]
async fn a_snapshot_s_date_is_local() {
    let snapshot = json!({
        "id": "1", "name": "s", "vm-state-size": 0, "date-sec": 1_767_317_645, "date-nsec": 0,
        "vm-clock-sec": 3725, "vm-clock-nsec": 6_000_000, "icount": 5
    });
    let image = json!({
        "filename": "f", "format": "qcow2", "virtual-size": 1024, "actual-size": 204_800, "snapshots": [snapshot]
    });
    let drive = json!([{
        "device": "d", "removable": false, "locked": false, "inserted": {
            "node-name": "#block142", "file": "/tmp/vl.aBcDeF", "drv": "qcow2", "ro": false, "detect_zeroes": "off",
            "cache": {"writeback": true, "direct": false, "no-flush": false}, "image": image
        }
    }]);
    let mock = MockQmp::scripted()
        .command("query-block", drive)
        .command("query-named-block-nodes", json!([]));
    assert_eq!(
        at_that_time(mock, "info block -v").await,
        "d (#block142): /tmp/vl.aBcDeF (qcow2)\n    Cache mode:       writeback\n\nImages:\nimage: f\n\
         file format: qcow2\nvirtual size: 1 KiB (1024 bytes)\ndisk size: 200 KiB\nSnapshot list:\n\
         ID      TAG               VM_SIZE                DATE        VM_CLOCK     ICOUNT\n\
         1       s                     0 B 2026-01-02 03:04:05  0001:02:05.006          5\n"
    );
}

/// Before 11.0 a line, then a table.
#[tokio::test]
async fn times_of_requests() {
    let stats = json!([{"device": "d", "stats": {
        "rd_bytes": 1, "wr_bytes": 2, "rd_operations": 3, "wr_operations": 4, "flush_operations": 5,
        "wr_total_time_ns": 123, "rd_total_time_ns": 456, "flush_total_time_ns": 789, "rd_merged": 6, "wr_merged": 7,
        "idle_time_ns": 1234
    }}]);
    let mock = |version| {
        MockQmp::scripted()
            .version(version)
            .command("query-blockstats", stats.clone())
    };
    assert_eq!(
        answer(mock("10.0.2"), "info blockstats").await,
        "d: rd_bytes=1 wr_bytes=2 rd_operations=3 wr_operations=4 flush_operations=5 wr_total_time_ns=123 \
         rd_total_time_ns=456 flush_total_time_ns=789 rd_merged=6 wr_merged=7 idle_time_ns=1234\n"
    );
    assert_eq!(
        answer(mock("11.1.3"), "info blockstats").await,
        "d: idle_time_ns=1234\n                          bytes       operations            total_time_ns     merged\n\
         Read:                         1                3                      456          6\n\
         Write:                        2                4                      123          7\n\
         Flush:                                         5                      789\n"
    );
}

/// An error that names a file of a random name, or an address, is the first one, as it is.
#[rstest]
#[case(
    "dumpdtb",
    "dumpdtb /x",
    "Failed to rename file \u{201c}/x.ABC123\u{201d} to \u{201c}/x\u{201d}"
)]
#[case(
    "client_migrate_info",
    "client_migrate_info spice h 1",
    "spice (0x5621cafe) says no"
)]
#[tokio::test]
async fn an_error_is_the_first_one(
    #[case] command: &str,
    #[case] line: &str,
    #[case] text: &'static str,
) {
    let requests = Requests::default();
    let mock = recorded("10.0-x86_64-q35+completion");
    let mock = requests.of(mock, command, move |_| -> Answer { refusal(text) });
    assert_eq!(answer(mock, line).await, format!("Error: {text}\n"));
    assert_eq!(requests.seen().len(), 1);
}
