// SPDX-License-Identifier: GPL-2.0-or-later
//! How long a line takes to be read and its route to be found: `cargo bench -p hmp-engine`.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail where it stands")]
#![expect(clippy::print_stdout, reason = "figures are for people")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmp_engine::engine::Monitor;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde_json::{Value, json};

/// Answers what the engine asks when it starts, and nothing else.
struct Start;

impl Qmp for Start {
    fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
        let answer = match command {
            "query-version" => Ok(json!({"qemu": {"major": 10, "minor": 0, "micro": 2}})),
            "query-commands" => Ok(json!([{"name": "query-status"}, {"name": "stop"}])),
            "query-target" => Ok(json!({"arch": "x86_64"})),
            _ => Err(QmpError::generic("not in a benchmark")),
        };
        Box::pin(async { answer })
    }
}

const LINES: &[&str] = &[
    "stop",
    "info status",
    "info block -v disk0",
    "x/16xb 0x7c00+4*(3-1)",
    "device_add virtio-blk-pci,drive=disk0,id=blk0,bus=pci.1,addr=0x3",
    "drive_mirror -n -f disk0 \"/tmp/a copy.qcow2\" qcow2",
    "migrate_set_parameter max-bandwidth 1G",
    "zzz no such command",
    "stop and more",
];

const ROUNDS: u32 = 20_000;

/// The fastest of some runs, which is the one that was disturbed least.
fn fastest(mut run: impl FnMut()) -> Duration {
    let times = (0..5).map(|_| {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            run();
        }
        begun.elapsed() / ROUNDS
    });
    times.min().unwrap()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let build = || {
        let monitor = Monitor::builder(Arc::new(Start)).build();
        runtime.block_on(monitor).unwrap()
    };
    let monitor = build();
    for line in LINES {
        let time = fastest(|| {
            black_box(monitor.explain(black_box(line)));
        });
        println!("{:>7} ns  {line}", time.as_nanos());
    }
    let start = fastest(|| {
        black_box(build());
    });
    println!("{:>7} ns  to start, tables included", start.as_nanos());
}
