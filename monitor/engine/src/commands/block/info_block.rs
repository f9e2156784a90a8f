// SPDX-License-Identifier: GPL-2.0-or-later
//! `info block`, `info blockstats`, `info block-jobs`.

use std;
use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::command::cx::{CmdResult, Cx, NoArgs};
use crate::format::number::human;
use crate::format::sign::Sign as _;
use crate::format::snapshot;
use crate::host::Host;
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};

/// Arguments of `info block`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    #[serde(default)]
    nodes: bool,
    #[serde(default)]
    verbose: bool,
    device: Option<String>,
}

/// A block backend, as `query-block` describes it.
#[derive(Deserialize)]
struct Backend {
    device: String,
    qdev: Option<String>,
    inserted: Option<Node>,
    #[serde(rename = "io-status")]
    io_status: Option<String>,
    removable: bool,
    locked: bool,
    #[serde(default)]
    tray_open: bool,
}

/// A block node, as `query-block` and `query-named-block-nodes` describe it.
#[derive(Deserialize)]
struct Node {
    #[serde(rename = "node-name")]
    node_name: Option<String>,
    file: String,
    drv: String,
    ro: bool,
    #[serde(default)]
    encrypted: bool,
    /// Since 10.0.
    active: Option<bool>,
    cache: Cache,
    backing_file: Option<String>,
    #[serde(default)]
    backing_file_depth: i64,
    detect_zeroes: String,
    #[serde(flatten)]
    limits: Limits,
    /// The chain of images, outermost first, each within the one before: read level by level.
    image: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cache {
    writeback: bool,
    direct: bool,
    no_flush: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limits {
    bps: i64,
    bps_rd: i64,
    bps_wr: i64,
    bps_max: i64,
    bps_rd_max: i64,
    bps_wr_max: i64,
    iops: i64,
    iops_rd: i64,
    iops_wr: i64,
    iops_max: i64,
    iops_rd_max: i64,
    iops_wr_max: i64,
    iops_size: i64,
    group: Option<String>,
}

/// One image of a chain.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    filename: String,
    format: String,
    virtual_size: i64,
    actual_size: Option<i64>,
    #[serde(default)]
    encrypted: bool,
    cluster_size: Option<i64>,
    #[serde(default)]
    dirty_flag: bool,
    backing_filename: Option<String>,
    full_backing_filename: Option<String>,
    backing_filename_format: Option<String>,
    snapshots: Option<Vec<snapshot::Snapshot>>,
    /// Since 10.2.
    limits: Option<Value>,
    format_specific: Option<FormatSpecific>,
}

#[derive(Deserialize)]
struct FormatSpecific {
    data: Value,
}

/// What the printing depends on beside the answer.
#[derive(Clone, Copy)]
struct Style<'a> {
    verbose: bool,
    version: Version,
    host: &'a dyn Host,
}

/// `info block`: backends, and block nodes with `-n` or for a name that no backend has.
pub async fn info_block(cx: &mut Cx<'_>, args: Block) -> CmdResult {
    let style = Style {
        verbose: args.verbose,
        version: cx.caps.version,
        host: cx.host,
    };
    let wanted = |name: &str| args.device.as_deref().is_none_or(|device| device == name);
    let mut found = false;
    if !args.nodes {
        let backends: Vec<Backend> = cx.query("query-block").await?;
        for (i, backend) in backends.iter().enumerate() {
            if wanted(&backend.device) {
                found = true;
                separate(cx, i)?;
                print_entry(cx, Some(backend), backend.inserted.as_ref(), style)?;
            }
        }
    }
    if found || (args.device.is_none() && !args.nodes) {
        return Ok(());
    }
    let nodes: Vec<Node> = cx.query("query-named-block-nodes").await?;
    for (i, node) in nodes.iter().enumerate() {
        if node.node_name.as_deref().is_some_and(wanted) {
            separate(cx, i)?;
            print_entry(cx, None, Some(node), style)?;
        }
    }
    Ok(())
}

/// An empty line is in front of all but QEMU's first, also where that one is not shown.
fn separate(out: &mut dyn Write, index: usize) -> fmt::Result {
    if index > 0 { writeln!(out) } else { Ok(()) }
}

fn print_entry(
    out: &mut dyn Write,
    backend: Option<&Backend>,
    node: Option<&Node>,
    style: Style<'_>,
) -> Result<(), crate::command::cx::CmdError> {
    let node_name = node.and_then(|n| n.node_name.as_deref());
    match backend {
        Some(b) if !b.device.is_empty() => {
            write!(out, "{}", b.device)?;
            if let Some(name) = node_name {
                write!(out, " ({name})")?;
            }
        }
        _ => {
            let qdev = backend.and_then(|b| b.qdev.as_deref());
            write!(out, "{}", node_name.or(qdev).unwrap_or("<anonymous>"))?;
        }
    }
    match node {
        Some(n) => writeln!(
            out,
            ": {} ({}{}{}{})",
            n.file,
            n.drv,
            if n.ro { ", read-only" } else { "" },
            if n.encrypted { ", encrypted" } else { "" },
            if n.active == Some(false) {
                ", inactive"
            } else {
                ""
            },
        )?,
        None => writeln!(out, ": [not inserted]")?,
    }
    if let Some(b) = backend {
        print_backend(out, b)?;
    }
    if let Some(n) = node {
        print_node(out, n, style)?;
    }
    Ok(())
}

fn print_backend(out: &mut dyn Write, backend: &Backend) -> fmt::Result {
    if let Some(qdev) = &backend.qdev {
        writeln!(out, "    Attached to:      {qdev}")?;
    }
    if let Some(status) = backend.io_status.as_deref().filter(|s| *s != "ok") {
        writeln!(out, "    I/O status:       {status}")?;
    }
    if backend.removable {
        writeln!(
            out,
            "    Removable device: {}locked, tray {}",
            if backend.locked { "" } else { "not " },
            if backend.tray_open { "open" } else { "closed" }
        )?;
    }
    Ok(())
}

fn print_node(
    out: &mut dyn Write,
    node: &Node,
    style: Style<'_>,
) -> Result<(), crate::command::cx::CmdError> {
    writeln!(
        out,
        "    Cache mode:       {}{}{}",
        if node.cache.writeback {
            "writeback"
        } else {
            "writethrough"
        },
        if node.cache.direct { ", direct" } else { "" },
        if node.cache.no_flush {
            ", ignore flushes"
        } else {
            ""
        },
    )?;
    if let Some(file) = &node.backing_file {
        let depth = node.backing_file_depth;
        writeln!(out, "    Backing file:     {file} (chain depth: {depth})")?;
    }
    if node.detect_zeroes != "off" {
        writeln!(out, "    Detect zeroes:    {}", node.detect_zeroes)?;
    }
    let l = &node.limits;
    if [l.bps, l.bps_rd, l.bps_wr, l.iops, l.iops_rd, l.iops_wr] != [0; 6] {
        writeln!(
            out,
            "    I/O throttling:   bps={} bps_rd={} bps_wr={} bps_max={} bps_rd_max={} bps_wr_max={} iops={} \
             iops_rd={} iops_wr={} iops_max={} iops_rd_max={} iops_wr_max={} iops_size={} group={}",
            l.bps,
            l.bps_rd,
            l.bps_wr,
            l.bps_max,
            l.bps_rd_max,
            l.bps_wr_max,
            l.iops,
            l.iops_rd,
            l.iops_wr,
            l.iops_max,
            l.iops_rd_max,
            l.iops_wr_max,
            l.iops_size,
            l.group.as_deref().unwrap_or_default(),
        )?;
    }
    if style.verbose {
        writeln!(out, "\nImages:")?;
        let mut level = node.image.as_ref();
        while let Some(value) = level {
            let image =
                Image::deserialize(value).map_err(|e| QmpError::unexpected("query-block", e))?;
            print_image(out, &image, style)?;
            level = value.get("backing-image");
        }
    }
    Ok(())
}

/// The first release that leaves the headline out where the driver has nothing to show
/// (8.0, commit 3716470b24 of QEMU).
const EMPTY_DETAILS_LEFT_OUT: Version = v(8, 0);

fn print_image(out: &mut dyn Write, image: &Image, style: Style<'_>) -> fmt::Result {
    let disk_size = image
        .actual_size
        .map_or("unavailable".to_owned(), |size| human(size.as_unsigned()));
    writeln!(out, "image: {}", image.filename)?;
    writeln!(out, "file format: {}", image.format)?;
    let bytes = image.virtual_size;
    writeln!(
        out,
        "virtual size: {} ({bytes} bytes)",
        human(bytes.as_unsigned())
    )?;
    writeln!(out, "disk size: {disk_size}")?;
    if image.encrypted {
        writeln!(out, "encrypted: yes")?;
    }
    if let Some(size) = image.cluster_size {
        writeln!(out, "cluster_size: {size}")?;
    }
    if image.dirty_flag {
        writeln!(out, "cleanly shut down: no")?;
    }
    if let Some(name) = &image.backing_filename {
        write!(out, "backing file: {name}")?;
        match &image.full_backing_filename {
            None => write!(out, " (cannot determine actual path)")?,
            Some(full) if full != name => write!(out, " (actual path: {full})")?,
            Some(_) => {}
        }
        writeln!(out)?;
        if let Some(format) = &image.backing_filename_format {
            writeln!(out, "backing file format: {format}")?;
        }
    }
    if let Some(limits) = image.limits.as_ref().filter(|l| !is_empty(l)) {
        writeln!(out, "Block limits:")?;
        dump(out, limits, 1)?;
    }
    if let Some(snapshots) = &image.snapshots {
        writeln!(out, "Snapshot list:\n{}", snapshot::header(style.version))?;
        for snapshot in snapshots {
            let (_, offset) = style.host.local_time(Some(snapshot.date_sec));
            let row = snapshot::row(snapshot, &snapshot.id, offset, style.version);
            writeln!(out, "{row}")?;
        }
    }
    let has_details = |data| !is_empty(data) || style.version < EMPTY_DETAILS_LEFT_OUT;
    let details = image.format_specific.as_ref().map(|details| &details.data);
    if let Some(data) = details.filter(|data| has_details(data)) {
        writeln!(out, "Format specific information:")?;
        dump(out, data, 1)?;
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// Members in QEMU's order, one a line, with four blanks per level and blanks for dashes.
fn dump(out: &mut dyn Write, value: &Value, level: usize) -> fmt::Result {
    let indent = level * 4;
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                write!(out, "{:indent$}{}:", "", key.replace('-', " "))?;
                dump_member(out, value, level)?;
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                write!(out, "{:indent$}[{i}]:", "")?;
                dump_member(out, value, level)?;
            }
        }
        other => dump_member(out, other, level)?,
    }
    Ok(())
}

fn dump_member(out: &mut dyn Write, value: &Value, level: usize) -> fmt::Result {
    match value {
        Value::Object(_) | Value::Array(_) => {
            writeln!(out)?;
            dump(out, value, level + 1)
        }
        Value::String(text) => writeln!(out, " {text}"),
        other => writeln!(out, " {other}"),
    }
}

#[derive(Deserialize)]
struct BackendStats {
    device: Option<String>,
    stats: Stats,
}

#[derive(Deserialize)]
struct Stats {
    rd_bytes: i64,
    wr_bytes: i64,
    rd_operations: i64,
    wr_operations: i64,
    flush_operations: i64,
    wr_total_time_ns: i64,
    rd_total_time_ns: i64,
    flush_total_time_ns: i64,
    rd_merged: i64,
    wr_merged: i64,
    /// Absent for a backend that was never used.
    #[serde(default)]
    idle_time_ns: i64,
}

/// The first release that prints a table per backend
/// (11.1, seen: on 11.1.3; the sources of 10.2 print lines).
const STATS_TABLE: Version = v(11, 1);

/// `info blockstats`.
pub async fn info_blockstats(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let backends: Vec<BackendStats> = cx.query("query-blockstats").await?;
    let table = cx.caps.version >= STATS_TABLE;
    print_stats(cx, &backends, table)?;
    Ok(())
}

fn print_stats(out: &mut dyn Write, backends: &[BackendStats], table: bool) -> fmt::Result {
    let mut first = true;
    for BackendStats { device, stats: s } in backends {
        let Some(device) = device else { continue };
        if !table {
            writeln!(
                out,
                "{device}: rd_bytes={} wr_bytes={} rd_operations={} wr_operations={} flush_operations={} \
                 wr_total_time_ns={} rd_total_time_ns={} flush_total_time_ns={} rd_merged={} wr_merged={} \
                 idle_time_ns={}",
                s.rd_bytes,
                s.wr_bytes,
                s.rd_operations,
                s.wr_operations,
                s.flush_operations,
                s.wr_total_time_ns,
                s.rd_total_time_ns,
                s.flush_total_time_ns,
                s.rd_merged,
                s.wr_merged,
                s.idle_time_ns,
            )?;
            continue;
        }
        if !first {
            writeln!(out)?;
        }
        first = false;
        writeln!(out, "{device}: idle_time_ns={}", s.idle_time_ns)?;
        writeln!(
            out,
            "{:>31} {:>16} {:>24} {:>10}",
            "bytes", "operations", "total_time_ns", "merged"
        )?;
        writeln!(
            out,
            "Read: {:>25} {:>16} {:>24} {:>10}",
            s.rd_bytes, s.rd_operations, s.rd_total_time_ns, s.rd_merged
        )?;
        writeln!(
            out,
            "Write: {:>24} {:>16} {:>24} {:>10}",
            s.wr_bytes, s.wr_operations, s.wr_total_time_ns, s.wr_merged
        )?;
        writeln!(
            out,
            "Flush: {:>41} {:>24}",
            s.flush_operations, s.flush_total_time_ns
        )?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct BlockJob {
    #[serde(rename = "type")]
    kind: String,
    device: String,
    offset: i64,
    len: i64,
    speed: i64,
}

/// `info block-jobs`.
pub async fn info_block_jobs(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let jobs: Vec<BlockJob> = cx.query("query-block-jobs").await?;
    print_jobs(cx, &jobs)?;
    Ok(())
}

fn print_jobs(out: &mut dyn Write, jobs: &[BlockJob]) -> fmt::Result {
    if jobs.is_empty() {
        writeln!(out, "No active jobs")?;
    }
    for job in jobs {
        match job.kind.as_str() {
            "stream" => write!(out, "Streaming device {}: ", job.device)?,
            kind => write!(out, "Type {kind}, device {}: ", job.device)?,
        }
        writeln!(
            out,
            "Completed {} of {} bytes, speed limit {} bytes/s",
            job.offset, job.len, job.speed
        )?;
    }
    Ok(())
}
