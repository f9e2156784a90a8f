// SPDX-License-Identifier: GPL-2.0-or-later
//! How fast the guest dirties memory: measuring and limiting it.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::format::sign::Sign as _;
use crate::qmp::version::{Version, v};

/// Arguments of `calc_dirty_rate`; the period is in seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calc {
    #[serde(default)]
    dirty_ring: bool,
    #[serde(default)]
    dirty_bitmap: bool,
    second: i64,
    #[serde(rename = "sample_pages_per_GB")]
    sample_pages: Option<i64>,
}

/// `calc_dirty_rate`: only starts measuring.
pub async fn calc(cx: &mut Cx<'_>, args: Calc) -> CmdResult {
    if args.second == 0 {
        let text = "Incorrect period length specified!";
        return Err(CmdError::Plain(text.into()));
    }
    let mode = match (args.dirty_ring, args.dirty_bitmap) {
        (true, true) => {
            let text = "Either dirty ring or dirty bitmap can be specified!";
            return Err(CmdError::Plain(text.into()));
        }
        (true, false) => "dirty-ring",
        (false, true) => "dirty-bitmap",
        (false, false) => "page-sampling",
    };
    let mut arguments = json!({"calc-time": args.second, "mode": mode});
    // The built-in takes -1 for "not given".
    if let Some(pages) = args.sample_pages.filter(|pages| *pages != -1) {
        arguments["sample-pages"] = pages.into();
    }
    cx.execute("calc-dirty-rate", arguments).await?;
    writeln!(
        cx,
        "Starting dirty rate measurement with period {} seconds",
        args.second
    )?;
    writeln!(cx, "[Please use 'info dirty_rate' to check results]")?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    status: String,
    start_time: i64,
    sample_pages: u64,
    calc_time: i64,
    mode: String,
    dirty_rate: Option<i64>,
    vcpu_dirty_rate: Option<Vec<VcpuRate>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VcpuRate {
    id: i64,
    dirty_rate: i64,
}

/// The first release that leaves the sampled pages out where none were sampled
/// (8.0, commit bd9510d385 of QEMU).
const PAGES_BY_MODE: Version = v(8, 0);

/// `info dirty_rate`.
pub async fn info(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: Info = cx.query("query-dirty-rate").await?;
    writeln!(cx, "Status: {}", info.status)?;
    writeln!(cx, "Start Time: {} (ms)", info.start_time)?;
    if info.mode == "page-sampling" || cx.caps.version < PAGES_BY_MODE {
        writeln!(cx, "Sample Pages: {} (per GB)", info.sample_pages)?;
    }
    writeln!(cx, "Period: {} (sec)", info.calc_time)?;
    writeln!(cx, "Mode: {}", info.mode)?;
    let Some(rate) = info.dirty_rate else {
        writeln!(cx, "Dirty rate: (not ready)")?;
        return Ok(());
    };
    writeln!(cx, "Dirty rate: {rate} (MB/s)")?;
    for vcpu in info.vcpu_dirty_rate.into_iter().flatten() {
        let (id, rate) = (vcpu.id, vcpu.dirty_rate);
        writeln!(cx, "vcpu[{id}], Dirty rate: {rate} (MB/s)")?;
    }
    Ok(())
}

/// Arguments of `set_vcpu_dirty_limit`; the rate is in MiB a second.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLimit {
    dirty_rate: i64,
    cpu_index: Option<i64>,
}

const SEE_LIMITS: &str =
    "[Please use 'info vcpu_dirty_limit' to query dirty limit for virtual CPU]";

/// The first release that refuses negative limits itself, and says nothing on success
/// (8.1, commit 140e5a7632 of QEMU).
const LIMIT_CHECKED: Version = v(8, 1);

/// `set_vcpu_dirty_limit`.
pub async fn set_limit(cx: &mut Cx<'_>, args: SetLimit) -> CmdResult {
    let rate = args.dirty_rate;
    let checked = cx.caps.version >= LIMIT_CHECKED;
    if checked && rate < 0 {
        let text = format!("invalid dirty page limit {rate}");
        return Err(CmdError::User(text));
    }
    let arguments = with_cpu(json!({"dirty-rate": rate.as_unsigned()}), args.cpu_index);
    cx.execute("set-vcpu-dirty-limit", arguments).await?;
    if !checked {
        writeln!(cx, "{SEE_LIMITS}")?;
    }
    Ok(())
}

/// The built-in takes -1 for all CPUs.
fn with_cpu(mut arguments: Value, cpu: Option<i64>) -> Value {
    if let Some(cpu) = cpu.filter(|cpu| *cpu != -1) {
        arguments["cpu-index"] = cpu.into();
    }
    arguments
}

/// Arguments of `cancel_vcpu_dirty_limit`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelLimit {
    cpu_index: Option<i64>,
}

/// `cancel_vcpu_dirty_limit`.
pub async fn cancel_limit(cx: &mut Cx<'_>, args: CancelLimit) -> CmdResult {
    let arguments = with_cpu(json!({}), args.cpu_index);
    cx.execute("cancel-vcpu-dirty-limit", arguments).await?;
    writeln!(cx, "{SEE_LIMITS}")?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Limit {
    cpu_index: i64,
    limit_rate: u64,
    current_rate: u64,
}

/// `info vcpu_dirty_limit`.
pub async fn info_limit(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let limits: Vec<Limit> = cx.query("query-vcpu-dirty-limit").await?;
    if limits.is_empty() {
        writeln!(cx, "Dirty page limit not enabled!")?;
    }
    for limit in limits {
        writeln!(
            cx,
            "vcpu[{}], limit rate {} (MB/s), current rate {} (MB/s)",
            limit.cpu_index,
            limit.limit_rate.as_signed(),
            limit.current_rate.as_signed()
        )?;
    }
    Ok(())
}
