// SPDX-License-Identifier: GPL-2.0-or-later
//! Trace events.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};

/// Arguments of `info trace-events`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    name: Option<String>,
    vcpu: Option<i64>,
}

#[derive(Deserialize)]
struct TraceEvent {
    name: String,
    state: String,
}

/// `info trace-events`: those that match a pattern, all by default.
pub async fn info_trace_events(cx: &mut Cx<'_>, args: List) -> CmdResult {
    let mut query = json!({"name": args.name.as_deref().unwrap_or("*")});
    add_vcpu(cx, "trace-event-get-state", &mut query, args.vcpu).await?;
    let events: Vec<TraceEvent> = cx.query_with("trace-event-get-state", query).await?;
    for event in events {
        let on = u8::from(event.state == "enabled");
        writeln!(cx, "{} : state {on}", event.name)?;
    }
    Ok(())
}

/// Arguments of `trace-event`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    name: String,
    option: bool,
    vcpu: Option<i64>,
}

/// `trace-event`: events that were not built in are passed over.
pub async fn trace_event(cx: &mut Cx<'_>, args: Set) -> CmdResult {
    let mut set = json!({"name": args.name, "enable": args.option, "ignore-unavailable": true});
    add_vcpu(cx, "trace-event-set-state", &mut set, args.vcpu).await?;
    cx.execute("trace-event-set-state", set).await?;
    Ok(())
}

/// Old releases trace single CPUs; later ones read the number and forget it.
async fn add_vcpu(
    cx: &mut Cx<'_>,
    command: &str,
    arguments: &mut Value,
    vcpu: Option<i64>,
) -> Result<(), CmdError> {
    let Some(vcpu) = vcpu else { return Ok(()) };
    let schema = cx.caps.schema(cx.qmp()).await?;
    if schema.argument(command, "vcpu").is_some() {
        arguments["vcpu"] = vcpu.into();
    }
    Ok(())
}
