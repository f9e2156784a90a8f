// SPDX-License-Identifier: GPL-2.0-or-later
//! `commit`: the data of an overlay, written into the image right behind it.

use serde::Deserialize;
use serde_json::Map;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::jobs;
use crate::qemu::block_graph::{Graph, Node};

/// The argument of `commit`: a backend's name, or `all`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    device: String,
}

/// Drivers that only pass requests on: what lies below them is no backing file of theirs.
const FILTERS: &[&str] = &[
    "backup-top",
    "blkdebug",
    "blklogwrites",
    "blkreplay",
    "blkverify",
    "commit_top",
    "compress",
    "copy-before-write",
    "copy-on-read",
    "mirror_top",
    "preallocate",
    "snapshot-access",
    "throttle",
];

/// `commit`. The overlay stays in use, and keeps its clusters, which now equal what lies behind
/// them.
pub async fn commit(cx: &mut Cx<'_>, args: Commit) -> CmdResult {
    let graph = Graph::query(cx.qmp(), cx.caps).await?;
    let failed =
        |error: &str| CmdError::User(format!("'commit' error for '{}': {error}", args.device));
    if args.device == "all" {
        for root in graph.backends.iter().filter_map(|b| b.root.as_deref()) {
            let Some(top) = graph
                .node(root)
                .and_then(|node| below_filters(&graph, node))
            else {
                continue;
            };
            if let Some(base) = backing(top) {
                commit_node(cx, &top.name, base, failed).await?;
            }
        }
        return Ok(());
    }
    let backend = graph
        .backends
        .iter()
        .find(|b| !b.name.is_empty() && b.name == args.device);
    let Some(backend) = backend else {
        let text = format!("Device '{}' not found", args.device);
        return Err(CmdError::User(text));
    };
    let Some(top) = backend.medium.as_deref().and_then(|root| graph.node(root)) else {
        let text = format!("Device '{}' has no medium", args.device);
        return Err(CmdError::User(text));
    };
    match backing(top) {
        Some(base) => commit_node(cx, &top.name, base, failed).await,
        None => Err(failed("Operation not supported")),
    }
}

const BUSY: &str = "Device or resource busy";

/// The first node below that is not a filter.
fn below_filters<'a>(graph: &'a Graph, node: &'a Node) -> Option<&'a Node> {
    let mut node = node;
    // Nodes form no circles; the bound guards against an answer that says so.
    for _ in 0..graph.nodes.len() {
        if !FILTERS.contains(&node.driver.as_str()) {
            return Some(node);
        }
        let (child, _) = node
            .children
            .iter()
            .find(|(_, role)| role == "file" || role == "backing")?;
        node = graph.node(child)?;
    }
    None
}

/// The name of the image right behind an overlay.
fn backing(node: &Node) -> Option<&str> {
    if FILTERS.contains(&node.driver.as_str()) {
        return None;
    }
    let child = node.children.iter().find(|(_, role)| role == "backing");
    child.map(|(name, _)| name.as_str())
}

/// Without `base-node` QEMU would go to the end of the chain.
async fn commit_node(
    cx: &mut Cx<'_>,
    top: &str,
    base: &str,
    failed: impl Fn(&str) -> CmdError,
) -> CmdResult {
    let mut arguments = Map::new();
    arguments.insert("device".into(), top.into());
    arguments.insert("base-node".into(), base.into());
    arguments.insert("auto-dismiss".into(), false.into());
    let worded = |error: CmdError| match error {
        CmdError::Qmp(error) if !error.is_fatal() => failed(&reason(&error.to_string())),
        CmdError::User(error) => failed(&reason(&error)),
        other => other,
    };
    let id = jobs::start(cx, "commit", "block-commit", arguments)
        .await
        .map_err(worded)?;
    let job = jobs::wait(cx, &id, &["ready"]).await?;
    if job.is_some_and(|job| job.status == "ready") {
        jobs::end_ready(cx.qmp(), &id).await?;
    }
    jobs::finish(cx, &id).await.map_err(worded)
}

/// The built-in prints the C library's words for an error number.
fn reason(error: &str) -> String {
    // A job's filter above the node makes it no root.
    if error.contains("is busy") || error.contains("is in use") || error == "Need a root block node"
    {
        BUSY.into()
    } else if error.contains("Permission denied") || error.contains("read-only") {
        "Permission denied".into()
    } else {
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, driver: &str, child: Option<(&str, &str)>) -> Node {
        Node {
            name: name.into(),
            driver: driver.into(),
            children: child
                .map(|(n, r)| (n.into(), r.into()))
                .into_iter()
                .collect(),
            ..Node::default()
        }
    }

    #[test]
    fn a_filter_has_no_backing_file() {
        let overlay = node("o", "qcow2", Some(("b", "backing")));
        let filter = node("f", "throttle", Some(("o", "file")));
        let top = node("t", "mirror_top", Some(("o", "backing")));
        assert_eq!(backing(&overlay), Some("b"));
        assert_eq!((backing(&filter), backing(&top)), (None, None));
        let graph = Graph {
            backends: Vec::new(),
            nodes: vec![overlay, filter, top],
        };
        let below = |name: &str| below_filters(&graph, graph.node(name)?).map(|n| n.name.clone());
        assert_eq!(below("f").as_deref(), Some("o"));
        assert_eq!(below("t").as_deref(), Some("o"));
    }

    #[test]
    fn errors_take_the_words_of_the_c_library() {
        assert_eq!(
            reason("Node '#block1' is busy: block device is in use by block job: mirror"),
            BUSY
        );
        assert_eq!(reason("Block device drive0 is in use"), BUSY);
        assert_eq!(reason("Need a root block node"), BUSY);
        for error in [
            "Could not reopen file: Permission denied",
            "Block node is read-only",
        ] {
            assert_eq!(reason(error), "Permission denied");
        }
        assert_eq!(reason("No space left on device"), "No space left on device");
    }
}
