// SPDX-License-Identifier: GPL-2.0-or-later
//! How block backends and block nodes hang together.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::format::snapshot::Snapshot;
use crate::qemu::caps::Caps;
use crate::qmp::version::{Version, v};
use crate::qmp::{self, Qmp, QmpError};

/// The releases with a slip in the search for nodes (9.0, commit f6d38c9f6d of QEMU; 11.1, seen: not
/// on 11.1.3; the sources of 10.2 have it).
const SKIPS_NODES: std::ops::Range<Version> = v(9, 0)..v(11, 1);

/// A block node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name; QEMU makes up one that starts with `#` where nobody gave it one.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Whether it is read-only.
    pub read_only: bool,
    /// The snapshots inside it.
    pub snapshots: Vec<Snapshot>,
    /// The names of its children with their roles: `file`, `backing`, ...
    pub children: Vec<(String, String)>,
}

/// A block backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Its name; empty for one that `-blockdev` or a job made.
    pub name: String,
    /// The name of its node; `None` without a medium.
    pub root: Option<String>,
    /// The name of the node that it shows: the same, but for filters that a job put in between.
    pub medium: Option<String>,
}

/// Backends and nodes, each in QEMU's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The backends.
    pub backends: Vec<Backend>,
    /// The nodes, oldest first.
    pub nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct NodeInfo {
    #[serde(rename = "node-name")]
    name: String,
    drv: String,
    ro: bool,
    image: ImageInfo,
    /// Since 10.1.
    #[serde(default)]
    children: Vec<ChildInfo>,
}

#[derive(Deserialize)]
struct ChildInfo {
    child: String,
    #[serde(rename = "node-name")]
    node_name: Option<String>,
}

#[derive(Deserialize)]
struct ImageInfo {
    #[serde(default)]
    snapshots: Vec<Snapshot>,
}

#[derive(Deserialize)]
struct BackendInfo {
    device: String,
    qdev: Option<String>,
    inserted: Option<Inserted>,
}

#[derive(Deserialize)]
struct Inserted {
    #[serde(rename = "node-name")]
    node_name: Option<String>,
}

impl BackendInfo {
    /// What `x-debug-query-block-graph` calls it.
    fn label(&self) -> &str {
        if self.device.is_empty() {
            self.qdev.as_deref().unwrap_or_default()
        } else {
            &self.device
        }
    }

    fn medium(&self) -> Option<String> {
        self.inserted.as_ref()?.node_name.clone()
    }
}

/// The answer of `x-debug-query-block-graph`: newest first.
#[derive(Deserialize)]
struct Debug {
    nodes: Vec<DebugNode>,
    edges: Vec<DebugEdge>,
}

#[derive(Deserialize)]
struct DebugNode {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    name: String,
}

#[derive(Deserialize)]
struct DebugEdge {
    parent: u64,
    child: u64,
    name: String,
}

impl Graph {
    /// Asks QEMU. Where it refuses the unstable command that shows backends without a name, those
    /// are left out, and before 10.1 the children of nodes too.
    pub async fn query(qmp: &dyn Qmp, caps: &Caps) -> Result<Self, QmpError> {
        let backends: Vec<BackendInfo> = qmp::query(qmp, "query-block", Value::Null).await?;
        let flat = json!({"flat": true});
        let nodes: Vec<NodeInfo> = qmp::query(qmp, "query-named-block-nodes", flat).await?;
        let debug: Option<Debug> = if caps.has("x-debug-query-block-graph") {
            match qmp.execute("x-debug-query-block-graph", Value::Null).await {
                Ok(answer) => serde_json::from_value(answer).ok(),
                Err(QmpError::Command { .. }) => None,
                Err(other) => return Err(other),
            }
        } else {
            None
        };
        Ok(Self::from_answers(backends, nodes, debug))
    }

    fn from_answers(
        backends: Vec<BackendInfo>,
        nodes: Vec<NodeInfo>,
        debug: Option<Debug>,
    ) -> Self {
        let mut nodes: Vec<Node> = nodes
            .into_iter()
            .map(|n| Node {
                name: n.name,
                driver: n.drv,
                read_only: n.ro,
                snapshots: n.image.snapshots,
                children: n
                    .children
                    .into_iter()
                    .filter_map(|c| Some((c.node_name?, c.child)))
                    .collect(),
            })
            .collect();
        let Some(debug) = debug else {
            let backends = backends
                .into_iter()
                .map(|b| {
                    let medium = b.medium();
                    Backend {
                        name: b.device,
                        root: medium.clone(),
                        medium,
                    }
                })
                .collect();
            return Self { backends, nodes };
        };
        let name_of = |id: u64| {
            let node = debug.nodes.iter().find(|n| n.id == id)?;
            (node.kind == "block-driver").then(|| node.name.clone())
        };
        let children_of = |id: u64| {
            let edges = debug.edges.iter().rev().filter(move |e| e.parent == id);
            edges.filter_map(|e| Some((name_of(e.child)?, e.name.clone())))
        };
        let mut shown = backends.into_iter().peekable();
        let mut backends = Vec::new();
        let mut order = Vec::new();
        for node in debug.nodes.iter().rev() {
            match node.kind.as_str() {
                "block-backend" => {
                    let root = children_of(node.id).next().map(|(name, _)| name);
                    // Those that query-block shows come in the same order, with others between
                    // them.
                    let (name, medium) = match shown.next_if(|b| b.label() == node.name) {
                        Some(b) => (b.device.clone(), b.medium()),
                        None => (String::new(), root.clone()),
                    };
                    backends.push(Backend { name, root, medium });
                }
                "block-driver" => {
                    order.push(node.name.clone());
                    if let Some(known) = nodes.iter_mut().find(|n| n.name == node.name) {
                        known.children = children_of(node.id).collect();
                    }
                }
                _ => {}
            }
        }
        nodes.sort_by_key(|n| order.iter().position(|name| *name == n.name));
        Self { backends, nodes }
    }

    /// The node with that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// The roots of backends in the order of those, each once, and then the nodes that nothing
    /// uses: what snapshots of the whole VM look at (block/snapshot.c).
    ///
    /// QEMU from 9.0 to 10.2 begins its search for the latter behind the last root instead of at the start of
    /// its list of nodes, and finds none where that root is no node of that list, as those of
    /// `-drive` (`bdrv_next`, block/block-backend.c).
    #[must_use]
    pub fn tops(&self, version: Version) -> Vec<&Node> {
        let mut tops: Vec<&Node> = Vec::new();
        let mut skipped = 0;
        for backend in &self.backends {
            let Some(root) = backend.root.as_deref() else {
                continue;
            };
            let Some(place) = self.nodes.iter().position(|n| n.name == root) else {
                continue;
            };
            if tops.iter().any(|t| t.name == root) {
                continue;
            }
            tops.push(&self.nodes[place]);
            if SKIPS_NODES.contains(&version) {
                let listed = backend.name.is_empty() && !root.starts_with('#');
                skipped = if listed { place } else { self.nodes.len() };
            }
        }
        for node in &self.nodes[skipped..] {
            if !tops.iter().any(|t| t.name == node.name) && !self.is_child(&node.name) {
                tops.push(node);
            }
        }
        tops
    }

    fn is_child(&self, name: &str) -> bool {
        let mut children = self.nodes.iter().flat_map(|node| &node.children);
        children.any(|(child, _)| child == name)
    }

    /// The nodes below others that may be the monitor's own: made by a name of the user's, at the
    /// top or within the options of another node, which QMP does not show.
    pub fn maybe_owned(&self) -> impl Iterator<Item = &Node> {
        let named = self.nodes.iter().filter(|node| !node.name.starts_with('#'));
        named.filter(|node| self.is_child(&node.name))
    }

    /// Whether QEMU can keep snapshots inside the node: its driver does, or passes on to its only
    /// file.
    #[must_use]
    pub fn can_snapshot(&self, node: &Node) -> bool {
        let mut node = node;
        // Nodes form no circles; the bound guards against an answer that says so.
        for _ in 0..self.nodes.len() {
            if node.read_only {
                return false;
            }
            if ["qcow2", "rbd"].contains(&node.driver.as_str()) {
                return true;
            }
            let [(child, role)] = node.children.as_slice() else {
                return false;
            };
            match self.node(child) {
                Some(next) if role == "file" => node = next,
                _ => return false,
            }
        }
        false
    }

    /// The name of the first named backend whose root the node is; empty where there is none.
    #[must_use]
    pub fn backend_name(&self, node: &Node) -> &str {
        self.backends
            .iter()
            .find(|b| !b.name.is_empty() && b.root.as_deref() == Some(&node.name))
            .map_or("", |b| &b.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A VM of 10.0.2 with a qcow2 overlay in a named backend, a node of its own below a device, an
    /// empty drive and a node that nothing uses.
    fn graph() -> Graph {
        let backends = json!([
            {"device": "disk0", "inserted": {"node-name": "#block2"}},
            {"device": "empty0"},
            {"device": "", "qdev": "/machine/peripheral/vb1/virtio-backend", "inserted": {"node-name": "node0"}},
        ]);
        let node = |name: &str, driver: &str, ro: bool| json!({"node-name": name, "drv": driver, "ro": ro, "image": {}});
        let nodes = json!([
            node("#block2", "qcow2", false),
            node("#block1", "qcow2", true),
            node("lonely", "null-co", false),
            node("node0", "raw", false),
            node("file0", "qcow2", false),
        ]);
        let debug = json!({
            "nodes": [
                {"id": 5, "type": "block-driver", "name": "#block1"},
                {"id": 4, "type": "block-driver", "name": "#block2"},
                {"id": 8, "type": "block-driver", "name": "lonely"},
                {"id": 7, "type": "block-driver", "name": "node0"},
                {"id": 6, "type": "block-driver", "name": "file0"},
                {"id": 3, "type": "block-backend", "name": "/machine/peripheral/vb1/virtio-backend"},
                {"id": 2, "type": "block-backend", "name": "empty0"},
                {"id": 1, "type": "block-backend", "name": "disk0"},
            ],
            "edges": [
                {"parent": 4, "child": 5, "name": "backing"}, {"parent": 7, "child": 6, "name": "file"},
                {"parent": 3, "child": 7, "name": "root"}, {"parent": 1, "child": 4, "name": "root"},
            ],
        });
        Graph::from_answers(
            serde_json::from_value(backends).unwrap(),
            serde_json::from_value(nodes).unwrap(),
            Some(serde_json::from_value(debug).unwrap()),
        )
    }

    #[test]
    fn tops_are_roots_and_then_nodes_that_nothing_uses() {
        let graph = graph();
        let names = |graph: &Graph, version| -> Vec<String> {
            let tops = graph.tops(version);
            tops.iter().map(|n| n.name.clone()).collect()
        };
        for version in [v(7, 2), v(11, 1)] {
            assert_eq!(names(&graph, version), ["#block2", "node0", "lonely"]);
        }
        assert_eq!(names(&graph, v(10, 0)), ["#block2", "node0", "lonely"]);
        // It is skipped where it is older than the last root, or that root is a drive's.
        let mut changed = graph.clone();
        changed.nodes.reverse();
        assert_eq!(names(&changed, v(10, 0)), ["#block2", "node0"]);
        changed.backends.truncate(1);
        assert_eq!(names(&changed, v(10, 0)), ["#block2"]);
        changed.backends.clear();
        assert!(names(&changed, v(10, 0)).contains(&"lonely".into()));
        let backends: Vec<_> = graph.backends.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(backends, ["disk0", "empty0", ""]);
    }

    #[test]
    fn snapshots_need_a_driver_that_keeps_them() {
        let graph = graph();
        let can = |name: &str| graph.can_snapshot(graph.node(name).unwrap());
        assert!(can("#block2") && can("node0"));
        assert!(!can("#block1") && !can("lonely"));
    }
}
