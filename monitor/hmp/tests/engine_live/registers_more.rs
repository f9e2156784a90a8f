// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers of other targets' CPUs without the built-in monitor, on real QEMUs: what is shown is
//! the built-in's, lines that are left out are named.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus};
use crate::common::roms::builtin;
use crate::common::steps;
use hmp::host::Unattended;
use hmp_engine::command::route::{Passthrough, Taken};
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::Value;

#[tokio::test]
async fn s390x() {
    for program in qemus() {
        let name = program.display().to_string();
        if !name.ends_with("s390x") {
            continue;
        }
        let (mut count, mut shown) = (0, 0);
        for model in ["max", "z900-base"] {
            // The firmware finds no disk, and gives up.
            let qemu = Qemu::start(
                &program,
                &["-smp", "2", "-cpu", model, "-action", "panic=pause"],
            );
            let client = connect(&qemu).await;
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
            let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
            let mut monitor = builder.build().await.unwrap();
            for runs in [false, true] {
                if runs {
                    client.execute("cont", Value::Null).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    let status = client.execute("query-status", Value::Null).await.unwrap();
                    assert_eq!(status["status"], "guest-panicked");
                    if steps::are_kept() {
                        steps::keep(&client, model, &["info registers -a"], None).await;
                    }
                }
                for line in ["info registers", "info registers -a", "info registers 1"] {
                    let mut ours = String::new();
                    let ran = monitor.run_line(line, &mut ours).await;
                    let theirs = builtin(&client, line, None).await;
                    let lines = theirs.lines().filter(|line| !line.starts_with("PSW="));
                    let kept: String = lines.map(|line| format!("{line}\n")).collect();
                    assert_eq!(ours, kept, "{name} {model}: {line}");
                    assert_eq!((ran.route, ran.notes.len()), (Some(Taken::Partial), 1));
                    count += theirs.lines().count();
                    shown += kept.lines().count();
                }
            }
        }
        let _ = writeln!(std::io::stderr(), "{name}: {shown} of {count} lines");
        assert!(shown > 300, "{shown}");
    }
}
