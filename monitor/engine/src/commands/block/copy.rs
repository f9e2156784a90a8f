// SPDX-License-Identifier: GPL-2.0-or-later
//! Copies of block devices: streaming, mirroring, backups, and snapshots of single disks.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};

/// A job in the background has the device's name, by which the user ends it, here as with the
/// built-in.
fn may_go_on(cx: &mut Cx<'_>, device: &str) {
    cx.session.goes_on.push(format!(
        "the job '{device}' may have begun; 'info block-jobs' shows it, 'block_job_cancel {device}' ends it"
    ));
}

/// Arguments of `block_stream`; the speed is in bytes a second.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    device: String,
    speed: Option<i64>,
    base: Option<String>,
}

/// `block_stream`: the job has the device's name.
pub async fn stream(cx: &mut Cx<'_>, args: Stream) -> CmdResult {
    let mut arguments = json!({
        "job-id": args.device,
        "device": args.device,
        "on-error": "report",
    });
    if let Some(base) = args.base {
        arguments["base"] = base.into();
    }
    if let Some(speed) = args.speed {
        arguments["speed"] = speed.into();
    }
    may_go_on(cx, &args.device);
    cx.execute("block-stream", arguments).await?;
    Ok(())
}

/// Arguments of `drive_mirror`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    #[serde(default)]
    reuse: bool,
    #[serde(default)]
    full: bool,
    device: String,
    target: String,
    format: Option<String>,
}

/// `drive_mirror`.
pub async fn mirror(cx: &mut Cx<'_>, args: Mirror) -> CmdResult {
    let mut arguments = copy(
        &args.device,
        &args.target,
        args.format,
        args.full,
        args.reuse,
    );
    arguments.insert("unmap".into(), true.into());
    may_go_on(cx, &args.device);
    cx.execute("drive-mirror", arguments.into()).await?;
    Ok(())
}

/// Arguments of `drive_backup`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    #[serde(default)]
    reuse: bool,
    #[serde(default)]
    full: bool,
    #[serde(default)]
    compress: bool,
    device: String,
    target: String,
    format: Option<String>,
}

/// `drive_backup`.
pub async fn backup(cx: &mut Cx<'_>, args: Backup) -> CmdResult {
    let mut arguments = copy(
        &args.device,
        &args.target,
        args.format,
        args.full,
        args.reuse,
    );
    if args.compress {
        arguments.insert("compress".into(), true.into());
    }
    may_go_on(cx, &args.device);
    cx.execute("drive-backup", arguments.into()).await?;
    Ok(())
}

fn copy(
    device: &str,
    target: &str,
    format: Option<String>,
    full: bool,
    reuse: bool,
) -> Map<String, Value> {
    let mut arguments = Map::new();
    arguments.insert("device".into(), device.into());
    arguments.insert("target".into(), target.into());
    if let Some(format) = format {
        arguments.insert("format".into(), format.into());
    }
    let sync = if full { "full" } else { "top" };
    arguments.insert("sync".into(), sync.into());
    arguments.insert("mode".into(), mode(reuse).into());
    arguments
}

fn mode(reuse: bool) -> &'static str {
    if reuse { "existing" } else { "absolute-paths" }
}

/// Arguments of `snapshot_blkdev`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Snapshot {
    #[serde(default)]
    reuse: bool,
    device: String,
    snapshot_file: Option<String>,
    format: Option<String>,
}

/// `snapshot_blkdev`.
pub async fn snapshot(cx: &mut Cx<'_>, args: Snapshot) -> CmdResult {
    let Some(file) = args.snapshot_file else {
        let text = "Parameter 'snapshot-file' is missing";
        return Err(CmdError::User(text.into()));
    };
    let mut arguments = json!({
        "device": args.device,
        "snapshot-file": file,
        "mode": mode(args.reuse),
    });
    if let Some(format) = args.format {
        arguments["format"] = format.into();
    }
    cx.session.goes_on.push(format!(
        "'{file}' may have become the image of '{}'; 'info block' shows it",
        args.device
    ));
    cx.execute("blockdev-snapshot-sync", arguments).await?;
    Ok(())
}

/// Arguments of `snapshot_blkdev_internal`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotInternal {
    device: String,
    name: String,
}

/// `snapshot_blkdev_internal`.
pub async fn snapshot_internal(cx: &mut Cx<'_>, args: SnapshotInternal) -> CmdResult {
    let arguments = json!({"device": args.device, "name": args.name});
    cx.execute("blockdev-snapshot-internal-sync", arguments)
        .await?;
    Ok(())
}

/// Arguments of `snapshot_delete_blkdev_internal`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotDelete {
    device: String,
    name: String,
    id: Option<String>,
}

/// `snapshot_delete_blkdev_internal`: what it deleted is not shown.
pub async fn snapshot_delete(cx: &mut Cx<'_>, args: SnapshotDelete) -> CmdResult {
    let mut arguments = json!({"device": args.device, "name": args.name});
    if let Some(id) = args.id {
        arguments["id"] = id.into();
    }
    cx.execute("blockdev-snapshot-delete-internal-sync", arguments)
        .await?;
    Ok(())
}
