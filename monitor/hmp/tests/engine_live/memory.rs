// SPDX-License-Identifier: GPL-2.0-or-later
//! `x` and `xp` on real QEMUs: random requests against the built-in's answers; see `HMP_TEST_QEMUS`
//! in tests/common/qemu.rs.

use std::fmt::Write as _;
use std::io::Write;

use crate::common::engine::{connect, native};
use crate::common::qemu::{Qemu, qemus, ram};
use crate::common::random::Random;
use hmp_engine::qmp::Qmp;
use serde_json::json;

const REQUESTS: usize = 1000;

/// At edges; devices take a look at the object tree each.
const EDGES: usize = 40;

/// Bytes with something in them.
const FILLED: u64 = 0x1_0000;

/// A request: every format but `i`, every size, both left out now and then.
fn request(random: &mut Random, base: u64) -> String {
    let mut line = random.of(&["x", "xp"]).to_owned();
    if random.below(10) > 0 {
        line.push('/');
        if random.below(5) > 0 {
            let _ = write!(line, "{}", random.below(70));
        }
        line.push_str(random.of(&["x", "d", "u", "o", "c", ""]));
        line.push_str(random.of(&["b", "h", "w", "g", ""]));
    }
    let address = base + random.below(FILLED);
    let _ = match random.below(4) {
        0 => write!(line, " {base:#x}+{}", address - base),
        1 => write!(line, " {address}"),
        _ => write!(line, " {address:#x}"),
    };
    line
}

#[tokio::test]
async fn random_requests_are_answered_alike() {
    for program in qemus() {
        let base = ram(&program);
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let file = folder.path().join("ram");
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < FILLED {
            // Runs of small, large and printable values, so that widths and signs differ.
            match random.below(4) {
                0 => bytes.extend([0; 7]),
                1 => bytes.extend([0xff; 9]),
                2 => bytes.extend(b"'q\"\\\r\n~"),
                _ => bytes.push(random.below(256).try_into().unwrap()),
            }
        }
        std::fs::write(&file, &bytes).unwrap();
        let loader = format!("loader,file={},addr={base:#x},force-raw=on", file.display());
        let qemu = Qemu::start(&program, &["-m", "256M", "-device", &loader]);
        let client = connect(&qemu).await;
        let mut monitor = native(client.clone()).await;
        let mut readable = 0;
        for _ in 0..REQUESTS {
            let line = request(&mut random, base);
            let theirs = client
                .execute("human-monitor-command", json!({"command-line": line}))
                .await
                .unwrap();
            let theirs = theirs.as_str().unwrap().replace("\r\n", "\n");
            let mut ours = String::new();
            crate::common::engine::run(&mut monitor, &line, &mut ours).await;
            assert_eq!(ours, theirs, "{}: {line}", program.display());
            readable += usize::from(theirs.contains(':') && !theirs.contains("Cannot"));
        }
        let _ = writeln!(
            std::io::stderr(),
            "{}: {REQUESTS} alike, {readable} with values",
            program.display()
        );
        assert!(readable * 10 > REQUESTS * 9, "{readable} with values");
    }
}

/// First and last addresses of what system memory holds, as the built-in shows it.
fn ranges(mtree: &str) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let mut ours = false;
    for line in mtree.lines() {
        if line.starts_with("FlatView") {
            ours = false;
        }
        ours |= line.starts_with(" AS \"memory\"");
        let range = line.trim_start().split_once(" (prio ");
        if let Some((first, last)) = range.and_then(|(range, _)| range.split_once('-'))
            && ours
        {
            let number = |digits| u64::from_str_radix(digits, 16).unwrap();
            ranges.push((number(first), number(last)));
        }
    }
    ranges
}

/// At the edges of memory and devices, what may differ from the built-in's answer says so.
#[tokio::test]
async fn what_is_not_certain_is_marked() {
    for program in qemus() {
        let name = program.display();
        let qemu = Qemu::start(&program, &["-m", "256M", "-smp", "2"]);
        let client = connect(&qemu).await;
        let builtin = async |line: &str| {
            let line = json!({"command-line": line});
            let answer = client.execute("human-monitor-command", line).await.unwrap();
            answer.as_str().unwrap().replace("\r\n", "\n")
        };
        let ranges = ranges(&builtin("info mtree -f").await);
        assert!(!ranges.is_empty(), "{name}");
        let mut monitor = native(client.clone()).await;
        let mut random = Random(0xD1B5_4A32_D192_ED03);
        let (mut alike, mut marked, mut refused) = (0, 0, 0);
        for _ in 0..EDGES {
            let (first, last) = ranges[random.below(ranges.len() as u64) as usize];
            let edge = match random.below(4) {
                0 => first,
                1 => last,
                2 => first + random.below(last - first + 1),
                _ => last.saturating_add(random.below(0x3000)),
            };
            let address = edge.saturating_sub(random.below(20));
            let count = random.below(9);
            let line = format!(
                "xp/{count}x{} {address:#x}",
                random.of(&["b", "h", "w", "g"])
            );
            let mut ours = String::new();
            crate::common::engine::run(&mut monitor, &line, &mut ours).await;
            // What would kill QEMU is not tried on it.
            if ours.starts_with("refused: ") {
                refused += 1;
                continue;
            }
            if ours == builtin(&line).await {
                alike += 1;
            } else {
                let last = ours.lines().next_back().unwrap_or_default();
                assert!(last.starts_with("note: "), "{name}: {line}: {ours}");
                marked += 1;
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {alike} alike, {marked} with a note, {refused} refused"
        );
        assert!(alike * 5 > EDGES, "{name}: {alike} alike");
    }
}
