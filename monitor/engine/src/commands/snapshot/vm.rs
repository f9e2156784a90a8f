// SPDX-License-Identifier: GPL-2.0-or-later
//! Snapshots of the whole VM: `savevm`, `loadvm`, `delvm`, `info snapshots`.

use std;
use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::command::jobs;
use crate::format::snapshot::{self, Snapshot};
use crate::format::time;
use crate::host::Host;
use crate::qemu::block_graph::{Graph, Node};
use crate::qmp::version::Version;

/// Arguments of `savevm`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Save {
    name: Option<String>,
}

/// The argument of `loadvm` and `delvm`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MigrationInfo {
    #[serde(default)]
    blocked_reasons: Vec<String>,
}

/// The nodes that the built-in includes: those that can be written.
fn included(graph: &Graph, version: Version) -> Vec<&Node> {
    let tops = graph.tops(version);
    tops.into_iter().filter(|n| !n.read_only).collect()
}

/// `savevm`: replaces snapshots of that name.
pub async fn save(cx: &mut Cx<'_>, args: Save) -> CmdResult {
    let graph = Graph::query(cx.qmp(), cx.caps).await?;
    let nodes = included(&graph, cx.caps.version);
    let tag = args.name.unwrap_or_else(|| {
        let (now, offset) = cx.host.local_time(None);
        format!("vm-{}", time::compact(now, offset))
    });
    let holds = |node: &&Node| node.snapshots.iter().any(|s| s.name == tag);
    if nodes.iter().any(holds) {
        // QEMU refuses to save while something blocks migration: then nothing must be deleted.
        let migration: MigrationInfo = cx.query("query-migrate").await?;
        if migration.blocked_reasons.is_empty() {
            cx.session.goes_on.push(format!(
                "the earlier snapshot '{tag}' may be deleted, and the new one not made; 'info snapshots' shows it"
            ));
            run(cx, "delvm", "snapshot-delete", &tag, &nodes).await?;
        }
    }
    run(cx, "savevm", "snapshot-save", &tag, &nodes).await
}

/// `loadvm`: the VM stays stopped where that fails.
pub async fn load(cx: &mut Cx<'_>, args: Name) -> CmdResult {
    let graph = Graph::query(cx.qmp(), cx.caps).await?;
    let nodes = included(&graph, cx.caps.version);
    run(cx, "loadvm", "snapshot-load", &args.name, &nodes).await
}

/// `delvm`.
pub async fn delete(cx: &mut Cx<'_>, args: Name) -> CmdResult {
    let graph = Graph::query(cx.qmp(), cx.caps).await?;
    let nodes = included(&graph, cx.caps.version);
    if nodes.is_empty() {
        return Ok(());
    }
    run(cx, "delvm", "snapshot-delete", &args.name, &nodes).await
}

const NO_DEVICE: &str = "no block device can store vmstate for snapshot";

/// Runs a job of QEMU's on these nodes; the first keeps the state of the VM. Without nodes the job
/// is run all the same: it does and says what comes before QEMU looks for a place for the state.
async fn run(
    cx: &mut Cx<'_>,
    purpose: &str,
    command: &str,
    tag: &str,
    nodes: &[&Node],
) -> CmdResult {
    let names: Vec<_> = nodes.iter().map(|n| n.name.as_str()).collect();
    let mut arguments = Map::new();
    arguments.insert("tag".into(), tag.into());
    if command != "snapshot-delete" {
        let first = names.first().copied().unwrap_or_default();
        arguments.insert("vmstate".into(), first.into());
    }
    arguments.insert("devices".into(), Value::from(names));
    let id = jobs::start(cx, purpose, command, arguments).await?;
    match jobs::finish(cx, &id).await {
        Err(CmdError::User(error))
            if nodes.is_empty() && error.starts_with("At least one device") =>
        {
            Err(CmdError::User(NO_DEVICE.into()))
        }
        result => result,
    }
}

/// `info snapshots`.
pub async fn info(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let graph = Graph::query(cx.qmp(), cx.caps).await?;
    let (version, host) = (cx.caps.version, cx.host);
    let Some(overview) = Overview::new(&graph, version) else {
        return Err(CmdError::User(NO_DEVICE.into()));
    };
    // The built-in lists those of the monitor's own nodes too (hmp_info_snapshots of
    // block/monitor/block-hmp-cmds.c), but counts for the rest as we do.
    let kept = |node: &Node| graph.can_snapshot(node) && !node.snapshots.is_empty();
    let more = graph.maybe_owned().any(kept);
    if more {
        cx.prefer_builtin("info snapshots: QMP does not show which nodes are the monitor's")?;
        cx.note("QMP does not show which nodes are the monitor's; their lists are left out");
    }
    if overview.any || !more {
        overview.print(cx, version, host)?;
    }
    Ok(())
}

/// The snapshots of all images, sorted into those that can be loaded and others.
struct Overview<'a> {
    any: bool,
    global: Vec<&'a Snapshot>,
    /// By the name of the backend.
    partial: Vec<(&'a str, Vec<&'a Snapshot>)>,
}

impl<'a> Overview<'a> {
    /// `None` where no image could keep the state of the VM.
    fn new(graph: &'a Graph, version: Version) -> Option<Self> {
        let included = included(graph, version);
        let state = *included.iter().find(|n| graph.can_snapshot(n))?;
        let everywhere = |name: &str| {
            included
                .iter()
                .all(|n| n.snapshots.iter().any(|s| s.name == name))
        };
        let global: Vec<_> = state
            .snapshots
            .iter()
            .filter(|s| everywhere(&s.name))
            .collect();
        let images: Vec<_> = included
            .into_iter()
            .filter(|n| graph.can_snapshot(n))
            .collect();
        let partial = images
            .iter()
            .map(|node| {
                let rest = node
                    .snapshots
                    .iter()
                    .filter(|s| !global.iter().any(|g| g.name == s.name));
                (graph.backend_name(node), rest.collect::<Vec<_>>())
            })
            .filter(|(_, rest)| !rest.is_empty())
            .collect();
        Some(Self {
            any: images.iter().any(|n| !n.snapshots.is_empty()),
            global,
            partial,
        })
    }

    fn print(&self, out: &mut dyn Write, version: Version, host: &dyn Host) -> fmt::Result {
        if !self.any {
            return writeln!(out, "There is no snapshot available.");
        }
        let row = |snapshot: &Snapshot, id: &str| {
            let (_, offset) = host.local_time(Some(snapshot.date_sec));
            snapshot::row(snapshot, id, offset, version)
        };
        writeln!(out, "List of snapshots present on all disks:")?;
        if self.global.is_empty() {
            writeln!(out, "None")?;
        } else {
            writeln!(out, "{}", snapshot::header(version))?;
        }
        for snapshot in &self.global {
            // Each image may have given it another id.
            writeln!(out, "{}", row(snapshot, "--"))?;
        }
        for (device, snapshots) in &self.partial {
            writeln!(
                out,
                "\nList of partial (non-loadable) snapshots on '{device}':"
            )?;
            writeln!(out, "{}", snapshot::header(version))?;
            for snapshot in snapshots {
                writeln!(out, "{}", row(snapshot, &snapshot.id))?;
            }
        }
        Ok(())
    }
}
