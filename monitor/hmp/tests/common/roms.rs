// SPDX-License-Identifier: GPL-2.0-or-later
//! A PC in one of its modes: firmware of ours puts the first CPU there, the others are at their
//! start. `roms/build.sh` makes it.

use std::path::Path;
use std::time::Duration;

use hmp::client::Client;
use hmp_engine::qmp::Qmp;
use serde_json::{Value, json};

use super::engine::connect;
use super::qemu::Qemu;

/// What firmware does before its first CPU stays in its mode, by name.
pub const MODES: &[(&str, &[u8])] = &[
    ("flat", include_bytes!("roms/flat.bin")),
    ("paging", include_bytes!("roms/paging.bin")),
    ("pae", include_bytes!("roms/pae.bin")),
    ("long", include_bytes!("roms/long.bin")),
    ("ring3", include_bytes!("roms/ring3.bin")),
    ("compat", include_bytes!("roms/compat.bin")),
    ("avx", include_bytes!("roms/avx.bin")),
    ("five-levels", include_bytes!("roms/five-levels.bin")),
];

/// Firmware that uses tables at 0x100000: how many levels those have, and the firmware.
pub const WITH_TABLES: &[(usize, &[u8])] = &[
    (2, include_bytes!("roms/tables-2.bin")),
    (3, include_bytes!("roms/tables-3.bin")),
    (4, include_bytes!("roms/tables-4.bin")),
    (5, include_bytes!("roms/tables-7.bin")),
];

/// Where those tables are.
pub const TABLES: u64 = 0x10_0000;

/// Firmware that writes into the local APIC and model specific registers, triples of numbers at the
/// same place.
pub const SCRIPTED: &[u8] = include_bytes!("roms/script.bin");

/// Of the smallest firmware.
const SIZE: usize = 64 << 10;

/// Where a CPU begins: a far jump to the start of the firmware.
const START: &[u8] = &[0xea, 0, 0, 0, 0xf0];

/// Where the firmware says that it is there, and what.
const REACHED: (u64, &str) = (0x500, "0x600dc0de");

/// A stopped PC of two CPUs, the first of which is in this mode, and a connection to it.
pub async fn in_mode(program: &Path, code: &[u8], more: &[&str]) -> (Qemu, Client) {
    let (qemu, client, reached) = started(program, code, more, 200).await;
    assert!(reached, "the firmware does not get there");
    (qemu, client)
}

/// The same, wherever the first CPU got to while it was looked at `looks` times; says whether that is
/// the mode.
pub async fn started(
    program: &Path,
    code: &[u8],
    more: &[&str],
    looks: usize,
) -> (Qemu, Client, bool) {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let mut rom = code.to_vec();
    rom.resize(SIZE, 0);
    rom[SIZE - 16..][..START.len()].copy_from_slice(START);
    let path = folder.path().join("rom");
    std::fs::write(&path, rom).unwrap();
    let path = path.to_str().unwrap();
    let common = ["-m", "64M", "-smp", "2", "-bios", path];
    let qemu = Qemu::start(program, &[&common, more].concat());
    let client = connect(&qemu).await;
    client.execute("cont", Value::Null).await.unwrap();
    let (address, word) = REACHED;
    let mut reached = false;
    for _ in 0..looks {
        let there = builtin(&client, &format!("xp/1xw {address}"), None).await;
        reached = there.contains(word);
        let status = client.execute("query-status", Value::Null).await.unwrap();
        if reached || status["running"] == false {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.execute("stop", Value::Null).await.unwrap();
    (qemu, client, reached)
}

/// The built-in monitor's answer, with that CPU.
pub async fn builtin(client: &Client, line: &str, cpu: Option<i64>) -> String {
    let mut line = json!({"command-line": line});
    if let Some(cpu) = cpu {
        line["cpu-index"] = cpu.into();
    }
    let answer = client.execute("human-monitor-command", line).await.unwrap();
    answer.as_str().unwrap().replace("\r\n", "\n")
}

/// Lets the VM run until the built-in monitor shows this among its registers, and stops it.
pub async fn run_until(client: &Client, shown: impl Fn(&str) -> bool) {
    client.execute("cont", Value::Null).await.unwrap();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        if shown(&builtin(client, "info registers", None).await) {
            break;
        }
    }
    client.execute("stop", Value::Null).await.unwrap();
    let registers = builtin(client, "info registers", None).await;
    assert!(
        shown(&registers),
        "the code does not get there: {registers}"
    );
}
