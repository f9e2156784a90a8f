// SPDX-License-Identifier: GPL-2.0-or-later
//! `info mtree`, as far as QOM shows it.

use std::fmt::{self, Write};

use serde::Deserialize;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::guest::regions::{Regions, SYSTEM};

/// Arguments of `info mtree`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    #[serde(default)]
    flatview: bool,
    #[serde(default)]
    dispatch_tree: bool,
    #[serde(default)]
    owner: bool,
    #[serde(default, rename = "disabled")]
    _disabled: bool,
}

/// The region of I/O ports.
const IO: &str = "/machine/unattached/io[0]";

/// `info mtree`: the regions' places, priorities and names; QOM says neither their kinds, nor what
/// aliases show, nor which regions are switched off.
pub async fn info_mtree(cx: &mut Cx<'_>, args: Tree) -> CmdResult {
    if args.flatview || args.dispatch_tree {
        return Err(CmdError::Unavailable(
            "info mtree: QMP shows neither flat views nor dispatch trees".into(),
        ));
    }
    let regions = Regions::fetch(cx.qmp(), cx.caps).await?;
    for (title, path) in [("memory", SYSTEM), ("I/O", IO)] {
        if let Some(root) = regions.list.iter().position(|r| r.path == path) {
            writeln!(cx, "address-space: {title}")?;
            print(cx, &regions, root, 0, 1, args.owner)?;
            writeln!(cx)?;
        }
    }
    cx.note(
        "QMP does not show the kinds of regions, the targets of aliases, which regions are disabled, or other \
         address spaces",
    );
    Ok(())
}

/// No machine nests regions deeper.
const MAX_DEPTH: usize = 64;

fn print(
    out: &mut dyn Write,
    regions: &Regions,
    number: usize,
    base: u64,
    depth: usize,
    owners: bool,
) -> fmt::Result {
    let region = &regions.list[number];
    let start = base.wrapping_add(region.address);
    let length = region.size.saturating_sub(1) as u64;
    let end = start.wrapping_add(length);
    write!(
        out,
        "{:width$}{start:016x}-{end:016x} (prio {}): {}",
        "",
        region.priority,
        region.name,
        width = depth * 2
    )?;
    if owners && let Some((owner, _)) = region.path.rsplit_once('/') {
        write!(out, " owner:{{obj path={owner}}}")?;
    }
    writeln!(out)?;
    if depth >= MAX_DEPTH {
        return Ok(());
    }
    let mut children = region.children.clone();
    children.sort_by_key(|&child| {
        let child = &regions.list[child];
        (child.address, -i64::from(child.priority))
    });
    for child in children {
        print(out, regions, child, start, depth + 1, owners)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::regions::Region;

    #[test]
    fn regions_are_sorted_by_place_then_priority() {
        let region = |name: &str, address, size, priority, children: &[usize]| Region {
            name: name.into(),
            path: format!("/m/{name}[0]"),
            address,
            size,
            priority,
            children: children.to_vec(),
            contained: true,
        };
        let regions = Regions {
            list: vec![
                region("system", 0, 1 << 64, 0, &[1, 2, 3]),
                region("hpet", 0xfed0_0000, 0x400, 0, &[]),
                region("ram", 0, 0x1000, 0, &[]),
                region("pci", 0, 0, -1, &[]),
            ],
        };
        let mut text = String::new();
        print(&mut text, &regions, 0, 0, 1, false).unwrap();
        assert_eq!(
            text,
            "  0000000000000000-ffffffffffffffff (prio 0): system\n    \
             0000000000000000-0000000000000fff (prio 0): ram\n    \
             0000000000000000-0000000000000000 (prio -1): pci\n    \
             00000000fed00000-00000000fed003ff (prio 0): hpet\n"
        );
    }
}
