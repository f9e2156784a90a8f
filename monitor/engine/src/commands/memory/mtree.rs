// SPDX-License-Identifier: GPL-2.0-or-later
//! `info mtree`, as far as QOM and what was learned of each release go.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::guest::mtree::{self, Tree};
use crate::guest::regions::Regions;
use crate::qemu::learned::regions::RegionFacts;
use crate::qemu::missing;

/// Arguments of `info mtree`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mtree {
    #[serde(default)]
    flatview: bool,
    /// Of flat views only.
    #[serde(default, rename = "dispatch_tree")]
    _dispatch_tree: bool,
    #[serde(default)]
    owner: bool,
    /// What is always on is the same with it.
    #[serde(default, rename = "disabled")]
    _disabled: bool,
}

/// `info mtree`: the regions that are always on; flat views and owners can't be had.
pub async fn info_mtree(cx: &mut Cx<'_>, args: Mtree) -> CmdResult {
    let facts = RegionFacts::of(cx.caps.version);
    let of_system = facts.get("container", "", "system", false);
    if args.flatview || args.owner || of_system.is_none() {
        return Err(CmdError::Blocked(&missing::QUERY_MTREE));
    }
    let regions = Regions::fetch_some(cx.qmp(), cx.caps, mtree::matters(&facts)).await?;
    let backend = json!({"path": "/machine", "property": "memory-backend"});
    let backend = match cx.qmp().execute("qom-get", backend).await {
        Ok(Value::String(path)) => path,
        Err(error) if error.is_fatal() => return Err(error.into()),
        _ => String::new(),
    };
    let ram = mtree::ram(&regions, &backend);
    let shown = Tree::new(&regions, &facts, ram).show();
    if shown.regions == 0 {
        return Err(CmdError::Blocked(&missing::QUERY_MTREE));
    }
    cx.write_str(&shown.text)?;
    cx.note(format!(
        "{} of {} regions are shown, in these address spaces alone: of the others QMP does not \
         show whether they are on, or what they are",
        shown.regions,
        regions.list.len()
    ));
    Ok(())
}
