// SPDX-License-Identifier: GPL-2.0-or-later
//! How long `info qom-tree` takes on real QEMUs with many devices; see `HMP_TEST_QEMUS` in
//! tests/common/qemu.rs.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::common::engine::{connect, native};
use crate::common::qemu::{Qemu, qemus};
use futures_util::future::join_all;
use hmp_engine::qmp::Qmp;
use serde_json::json;

const DEVICES: usize = 100;

/// Of several tries, the fastest says most of the program and least of what else the machine does.
const TRIES: usize = 3;

/// The paths of the objects in the tree that `info qom-tree` printed.
fn paths(tree: &str) -> Vec<String> {
    let mut above: Vec<&str> = Vec::new();
    let mut paths = Vec::new();
    for line in tree.lines() {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let name = line.trim_start().rsplit_once(" (").unwrap().0;
        above.truncate(depth);
        above.push(name);
        paths.push(above.concat());
    }
    paths
}

#[tokio::test]
async fn a_tree_takes_at_most_twice_the_time_of_its_calls() {
    for program in qemus() {
        if !program.to_string_lossy().contains("x86_64") {
            continue;
        }
        let mut arguments = vec!["-M".to_owned(), "q35".into(), "-vga".into(), "none".into()];
        for number in 0..DEVICES {
            let place = format!("{:x}.{:x},multifunction=on", 2 + number / 8, number % 8);
            let device = format!("virtio-rng-pci,id=r{number},addr={place}");
            arguments.extend(["-device".to_owned(), device]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let qemu = Qemu::start(&program, &arguments);
        let client = connect(&qemu).await;
        let mut monitor = native(client.clone()).await;
        let (mut ours, mut raw) = (Duration::MAX, Duration::MAX);
        let mut objects = 0;
        for _ in 0..TRIES {
            let mut tree = String::new();
            let begun = Instant::now();
            crate::common::engine::run(&mut monitor, "info qom-tree", &mut tree).await;
            ours = ours.min(begun.elapsed());
            let paths = paths(&tree);
            objects = paths.len();
            let begun = Instant::now();
            let lists = paths
                .iter()
                .map(|path| client.execute("qom-list", json!({"path": path})));
            assert!(join_all(lists).await.iter().all(Result::is_ok));
            raw = raw.min(begun.elapsed());
        }
        let what = format!(
            "{}: {objects} objects, {ours:?}, the calls alone {raw:?}",
            program.display()
        );
        let _ = writeln!(std::io::stderr(), "{what}");
        assert!(objects > 10 * DEVICES, "{what}");
        assert!(ours <= 2 * raw, "{what}");
    }
}
