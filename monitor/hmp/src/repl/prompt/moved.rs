// SPDX-License-Identifier: GPL-2.0-or-later
//! What QEMU writes or reads for a line. Meanwhile it answers nothing, and only a file, or the
//! kernel's account of the process, says how far it is.

use std::fs;
use std::path::PathBuf;

use hmp_engine::engine::Decision;
use hmp_engine::qmp::Qmp;
use hmp_engine::qmp::quote::quote;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::client::Client;
use crate::host::files::Place;
use crate::repl::prompt::state::GLANCE;
use crate::terminal::bar::Extent;

/// The switches of `dump-guest-memory` by which the file is not as long as the memory.
const PACKED: [&str; 5] = ["zlib", "lzo", "snappy", "windmp", "raw"];

/// Where to look, and how much there is to move, in bytes.
pub(super) struct Moved {
    by: Measure,
    total: Option<u64>,
}

enum Measure {
    /// The length of a file.
    File(PathBuf),
    /// A count of `/proc/PID/io`, and what it was at the beginning.
    Process(u32, &'static str, u64),
}

impl Moved {
    /// What a line moves, where that can be seen.
    pub(super) async fn by(decision: &Decision, client: &Client, place: &Place) -> Option<Self> {
        let arguments = decision.arguments.as_ref()?;
        let number = |name: &str| arguments.get(name).and_then(Value::as_u64);
        let is_set = |name: &&str| arguments.get(*name) == Some(&Value::Bool(true));
        let total = match decision.command.as_deref()? {
            "memsave" | "pmemsave" => number("size"),
            "dump-guest-memory" if PACKED.iter().any(is_set) => None,
            "dump-guest-memory" => match number("length") {
                Some(length) => Some(length),
                None => memory(client).await,
            },
            "savevm" => return Self::process(client, "wchar", None),
            "loadvm" => return Self::process(client, "rchar", state(client, arguments).await),
            _ => return None,
        };
        let name = arguments.get("filename")?.as_str()?;
        let by = Measure::File(place.path(name));
        Some(Self { by, total })
    }

    /// All that a QEMU of this machine writes or reads from now on.
    fn process(client: &Client, count: &'static str, total: Option<u64>) -> Option<Self> {
        let pid = u32::try_from(client.peer()?.pid).ok()?;
        let by = Measure::Process(pid, count, account(pid, count)?);
        Some(Self { by, total })
    }

    pub(super) fn extent(&self) -> Option<Extent> {
        let done = match &self.by {
            Measure::File(path) => {
                let file = fs::metadata(path).ok()?;
                file.is_file().then_some(file.len())?
            }
            Measure::Process(pid, count, before) => account(*pid, count)?.saturating_sub(*before),
        };
        Some(Extent {
            done: self.total.map_or(done, |total| done.min(total)),
            total: self.total,
            bytes: true,
        })
    }
}

/// A count of the kernel's account of a process, in bytes (`Documentation/filesystems/proc.rst` of
/// Linux); none of one that is another user's.
fn account(pid: u32, count: &str) -> Option<u64> {
    let account = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let line = account.lines().find_map(|line| line.strip_prefix(count));
    line?.strip_prefix(": ")?.parse().ok()
}

async fn ask(client: &Client, command: &str, arguments: Value) -> Option<Value> {
    let reply = timeout(GLANCE, client.execute(command, arguments)).await;
    reply.ok()?.ok()
}

/// How much memory the VM has.
async fn memory(client: &Client) -> Option<u64> {
    let reply = ask(client, "query-memory-size-summary", Value::Null).await?;
    let size = |name: &str| reply.get(name).and_then(Value::as_u64);
    size("base-memory")?.checked_add(size("plugged-memory").unwrap_or(0))
}

/// The snapshot that a line of `savevm` would replace, where QEMU says at once that there is one.
pub(super) async fn replaced(decision: &Decision, client: &Client) -> Option<String> {
    let arguments = decision.arguments.as_ref();
    let arguments = arguments.filter(|_| decision.command.as_deref() == Some("savevm"))?;
    let name = arguments.get("name")?;
    let found = snapshots(client, name).await?;
    // Not by its number (`save_snapshot` of QEMU's migration/savevm.c).
    let named = found.iter().any(|one| one.get("name") == Some(name));
    named.then_some(())?;
    Some(format!(
        "the snapshot {} is replaced",
        quote(name.as_str()?)
    ))
}

/// How much state a snapshot holds.
async fn state(client: &Client, arguments: &Map<String, Value>) -> Option<u64> {
    let named = snapshots(client, arguments.get("name")?).await?;
    let mut sizes = named.iter().map(|one| one.get("vm-state-size")?.as_u64());
    sizes.find_map(|size| size).filter(|size| *size > 0)
}

/// The snapshots of this name or number.
async fn snapshots(client: &Client, name: &Value) -> Option<Vec<Value>> {
    let nodes = ask(client, "query-named-block-nodes", json!({"flat": true})).await?;
    let snapshots = nodes.as_array()?.iter().filter_map(|node| {
        let snapshots = node.get("image")?.get("snapshots")?;
        snapshots.as_array()
    });
    let named = snapshots
        .flatten()
        .filter(|one| one.get("name") == Some(name) || one.get("id") == Some(name));
    Some(named.cloned().collect())
}
