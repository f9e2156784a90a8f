// SPDX-License-Identifier: GPL-2.0-or-later
//! Block devices and block jobs, where QMP has the same command.

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdResult, Cx};

/// Arguments of `eject`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eject {
    #[serde(default)]
    force: bool,
    device: String,
}

/// `eject`.
pub async fn eject(cx: &mut Cx<'_>, args: Eject) -> CmdResult {
    let arguments = json!({"device": args.device, "force": args.force});
    cx.execute("eject", arguments).await?;
    Ok(())
}

/// Arguments of `block_resize`; the size is in bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    device: String,
    size: i64,
}

/// `block_resize`.
pub async fn resize(cx: &mut Cx<'_>, args: Resize) -> CmdResult {
    let arguments = json!({"device": args.device, "size": args.size});
    cx.execute("block_resize", arguments).await?;
    Ok(())
}

/// Arguments of `block_job_cancel`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobCancel {
    #[serde(default)]
    force: bool,
    device: String,
}

/// `block_job_cancel`. `job-cancel` would not do: it ends a ready mirror as a failure.
pub async fn job_cancel(cx: &mut Cx<'_>, args: JobCancel) -> CmdResult {
    let arguments = json!({"device": args.device, "force": args.force});
    cx.execute("block-job-cancel", arguments).await?;
    Ok(())
}

/// Arguments of `block_job_set_speed`; the speed is in bytes per second.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSetSpeed {
    device: String,
    speed: i64,
}

/// `block_job_set_speed`.
pub async fn job_set_speed(cx: &mut Cx<'_>, args: JobSetSpeed) -> CmdResult {
    let arguments = json!({"device": args.device, "speed": args.speed});
    cx.execute("block-job-set-speed", arguments).await?;
    Ok(())
}

/// The argument of commands that name a block job.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    device: String,
}

/// `block_job_pause`.
pub async fn job_pause(cx: &mut Cx<'_>, args: Job) -> CmdResult {
    let arguments = json!({"device": args.device});
    cx.execute("block-job-pause", arguments).await?;
    Ok(())
}

/// `block_job_resume`.
pub async fn job_resume(cx: &mut Cx<'_>, args: Job) -> CmdResult {
    let arguments = json!({"device": args.device});
    cx.execute("block-job-resume", arguments).await?;
    Ok(())
}

/// `block_job_complete`.
pub async fn job_complete(cx: &mut Cx<'_>, args: Job) -> CmdResult {
    let arguments = json!({"device": args.device});
    cx.execute("block-job-complete", arguments).await?;
    Ok(())
}

/// Arguments of `block_set_io_throttle`: bytes and operations a second, 0 for no limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    device: String,
    bps: i64,
    bps_rd: i64,
    bps_wr: i64,
    iops: i64,
    iops_rd: i64,
    iops_wr: i64,
}

#[derive(Deserialize)]
struct Backend {
    device: String,
}

/// `block_set_io_throttle`: the name is a backend's, or else a device's id or path.
pub async fn set_io_throttle(cx: &mut Cx<'_>, args: Throttle) -> CmdResult {
    let backends: Vec<Backend> = cx.query("query-block").await?;
    let named = backends.iter().any(|b| b.device == args.device);
    let arguments = json!({
        if named { "device" } else { "id" }: args.device,
        "bps": args.bps,
        "bps_rd": args.bps_rd,
        "bps_wr": args.bps_wr,
        "iops": args.iops,
        "iops_rd": args.iops_rd,
        "iops_wr": args.iops_wr,
    });
    cx.execute("block_set_io_throttle", arguments).await?;
    Ok(())
}
