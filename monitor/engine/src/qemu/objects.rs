// SPDX-License-Identifier: GPL-2.0-or-later
//! Objects in bulk: trees and properties, with several requests in flight.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::qemu::caps::Caps;
use crate::qmp::{BoxFuture, Qmp, QmpError, QmpResult};

/// Requests in flight at once. The connection may have a limit of its own.
const IN_FLIGHT: usize = 32;

/// Objects that one `qom-list-get` is asked for.
const PATHS_AT_ONCE: usize = 64;

/// Deeper than any machine's tree.
const MAX_DEPTH: usize = 128;

/// How much of a tree is held.
#[derive(Clone, Copy)]
struct Bounds {
    /// More objects than any machine has.
    nodes: usize,
    /// Objects whose properties are asked for before what came is counted.
    lists_at_once: usize,
}

const BOUNDS: Bounds = Bounds {
    nodes: 1 << 20,
    lists_at_once: 4096,
};

/// A property as `qom-list` shows it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its type: `bool`, `child<TYPE>`, `link<TYPE>`, ...
    #[serde(rename = "type")]
    pub kind: String,
}

impl Property {
    /// The type of the object that it holds, if it holds one.
    #[must_use]
    pub fn child(&self) -> Option<&str> {
        self.kind.strip_prefix("child<")?.strip_suffix('>')
    }
}

/// An object and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The path.
    pub path: String,
    /// The last component of the path.
    pub name: String,
    /// The type.
    pub kind: String,
    /// The objects that it holds, by their place in the list of all, sorted by name.
    pub children: Vec<usize>,
    /// What else it has, in QMP's order.
    pub properties: Vec<Property>,
}

/// Runs requests, several at once, and returns the answers in the same order.
pub async fn all<'a>(
    qmp: &'a dyn Qmp,
    requests: impl IntoIterator<Item = (&'a str, Value)>,
) -> Vec<QmpResult> {
    let futures: Vec<BoxFuture<'a, QmpResult>> = requests
        .into_iter()
        .map(|(command, arguments)| qmp.execute(command, arguments))
        .collect();
    stream::iter(futures).buffered(IN_FLIGHT).collect().await
}

/// The properties of many objects; none for an object that is gone by the time QEMU looks.
pub async fn lists<'a>(
    qmp: &'a dyn Qmp,
    paths: impl IntoIterator<Item = &str>,
) -> Result<Vec<Vec<Property>>, QmpError> {
    let requests: Vec<_> = paths
        .into_iter()
        .map(|path| ("qom-list", json!({"path": path})))
        .collect();
    let answers = all(qmp, requests).await;
    answers.into_iter().map(list).collect()
}

fn list(answer: QmpResult) -> Result<Vec<Property>, QmpError> {
    match answer {
        Ok(list) => serde_json::from_value(list).map_err(|e| QmpError::unexpected("qom-list", e)),
        Err(QmpError::Command { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Values of properties, `None` where QEMU refuses one.
pub async fn values<'a>(
    qmp: &'a dyn Qmp,
    properties: impl IntoIterator<Item = (&str, &str)>,
) -> Result<Vec<Option<Value>>, QmpError> {
    let requests: Vec<_> = properties
        .into_iter()
        .map(|(path, property)| ("qom-get", json!({"path": path, "property": property})))
        .collect();
    let answers = all(qmp, requests).await;
    answers
        .into_iter()
        .map(|answer| match answer {
            Ok(value) => Ok(Some(value)),
            Err(QmpError::Command { .. }) => Ok(None),
            Err(error) => Err(error),
        })
        .collect()
}

/// The values of the same properties of many objects, by their names; `None` where QEMU refuses
/// one.
///
/// QEMU reads requests byte by byte, so that fewer bytes take less time: `qom-list-get` is used
/// where QEMU has it.
pub async fn values_of<const N: usize>(
    qmp: &dyn Qmp,
    caps: &Caps,
    paths: &[&str],
    names: [&str; N],
) -> Result<Vec<[Option<Value>; N]>, QmpError> {
    if !caps.has("qom-list-get") {
        return one_by_one(qmp, paths, names).await;
    }
    let requests = paths
        .chunks(PATHS_AT_ONCE)
        .map(|paths| ("qom-list-get", json!({"paths": paths})));
    let mut all_values = Vec::with_capacity(paths.len());
    for (answer, paths) in all(qmp, requests)
        .await
        .into_iter()
        .zip(paths.chunks(PATHS_AT_ONCE))
    {
        match answer {
            Ok(answer) => {
                let objects: Vec<Properties> = serde_json::from_value(answer)
                    .map_err(|e| QmpError::unexpected("qom-list-get", e))?;
                all_values.extend(
                    objects
                        .into_iter()
                        .take(paths.len())
                        .map(|object| object.take(names)),
                );
            }
            // One object that is gone spoils the answer for all.
            Err(QmpError::Command { .. }) => {
                all_values.extend(one_by_one(qmp, paths, names).await?);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all_values)
}

/// The values of chosen properties of many objects; those that QEMU refuses are left out.
pub async fn chosen_values(
    qmp: &dyn Qmp,
    caps: &Caps,
    wanted: &[(&str, Vec<String>)],
) -> Result<Vec<HashMap<String, Value>>, QmpError> {
    let mut found = vec![HashMap::new(); wanted.len()];
    let mut rest: Vec<usize> = (0..wanted.len()).collect();
    if caps.has("qom-list-get") {
        let chunks: Vec<Vec<usize>> = rest.chunks(PATHS_AT_ONCE).map(<[usize]>::to_vec).collect();
        rest.clear();
        let requests = chunks.iter().map(|chunk| {
            let paths: Vec<&str> = chunk.iter().map(|&i| wanted[i].0).collect();
            ("qom-list-get", json!({"paths": paths}))
        });
        let answers = all(qmp, requests).await;
        for (chunk, answer) in chunks.iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    let objects: Vec<Properties> = serde_json::from_value(answer)
                        .map_err(|e| QmpError::unexpected("qom-list-get", e))?;
                    for (&i, object) in chunk.iter().zip(objects) {
                        let values = object.properties.into_iter();
                        found[i] = values.filter_map(|p| Some((p.name, p.value?))).collect();
                    }
                }
                Err(QmpError::Command { .. }) => rest.extend(chunk),
                Err(error) => return Err(error),
            }
        }
    }
    let single: Vec<(usize, &str)> = rest
        .iter()
        .flat_map(|&i| wanted[i].1.iter().map(move |name| (i, name.as_str())))
        .collect();
    let values = values(qmp, single.iter().map(|&(i, name)| (wanted[i].0, name))).await?;
    for ((i, name), value) in single.into_iter().zip(values) {
        if let Some(value) = value {
            found[i].insert(name.to_owned(), value);
        }
    }
    Ok(found)
}

async fn one_by_one<const N: usize>(
    qmp: &dyn Qmp,
    paths: &[&str],
    names: [&str; N],
) -> Result<Vec<[Option<Value>; N]>, QmpError> {
    let wanted = paths
        .iter()
        .flat_map(|path| names.map(|name| (*path, name)));
    let mut values = values(qmp, wanted).await?.into_iter();
    let next = |_: &&str| std::array::from_fn(|_| values.next().flatten());
    Ok(paths.iter().map(next).collect())
}

#[derive(Deserialize)]
struct Properties {
    properties: Vec<PropertyValue>,
}

#[derive(Deserialize)]
struct PropertyValue {
    name: String,
    value: Option<Value>,
}

impl Properties {
    fn take<const N: usize>(self, names: [&str; N]) -> [Option<Value>; N] {
        let mut values = [const { None }; N];
        for property in self.properties {
            if let Some(at) = names.iter().position(|name| *name == property.name) {
                values[at] = property.value;
            }
        }
        values
    }
}

/// The object at `path`, of type `kind`, and all below it, level by level; the first is the object
/// itself.
pub async fn tree(qmp: &dyn Qmp, path: &str, kind: &str) -> Result<Vec<Node>, QmpError> {
    tree_without(qmp, path, kind, |_| false).await
}

/// As [`tree`], without what lies below objects of a type for which `leaf` says so.
pub async fn tree_without(
    qmp: &dyn Qmp,
    path: &str,
    kind: &str,
    leaf: impl Fn(&str) -> bool,
) -> Result<Vec<Node>, QmpError> {
    tree_within(BOUNDS, qmp, path, kind, leaf).await
}

async fn tree_within(
    bounds: Bounds,
    qmp: &dyn Qmp,
    path: &str,
    kind: &str,
    leaf: impl Fn(&str) -> bool,
) -> Result<Vec<Node>, QmpError> {
    let mut nodes = vec![Node {
        path: path.to_owned(),
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        ..Node::default()
    }];
    let mut level = 0..1;
    for _ in 0..MAX_DEPTH {
        if level.is_empty() {
            return Ok(nodes);
        }
        let inner: Vec<usize> = level.clone().filter(|&n| !leaf(&nodes[n].kind)).collect();
        let end = level.end;
        // A piece at a time: a level of a tree without an end may be too large to be held.
        for some in inner.chunks(bounds.lists_at_once) {
            let paths = some.iter().map(|&n| nodes[n].path.as_str());
            let lists = lists(qmp, paths).await?;
            for (&parent, list) in some.iter().zip(lists) {
                add_children(&mut nodes, parent, list);
            }
            if nodes.len() > bounds.nodes {
                return Err(QmpError::unexpected(
                    "qom-list",
                    "the object tree is too large",
                ));
            }
        }
        level = end..nodes.len();
    }
    Err(QmpError::unexpected(
        "qom-list",
        "the object tree has no end",
    ))
}

fn add_children(nodes: &mut Vec<Node>, parent: usize, list: Vec<Property>) {
    let (mut list, others): (Vec<_>, _) = list.into_iter().partition(|p| p.child().is_some());
    nodes[parent].properties = others;
    list.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let above = nodes[parent].path.trim_end_matches('/').to_owned();
    for property in list {
        let child = nodes.len();
        nodes[parent].children.push(child);
        nodes.push(Node {
            path: format!("{above}/{}", property.name),
            kind: property.child().unwrap_or_default().to_owned(),
            name: property.name,
            ..Node::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;
    use crate::qmp::{BoxFuture, QmpResult};

    /// A server whose objects have so many children each, down to a depth; counts what it is asked.
    struct Endless {
        children: usize,
        depth: usize,
        asked: AtomicUsize,
    }

    impl Endless {
        fn new(children: usize, depth: usize) -> Self {
            let asked = AtomicUsize::new(0);
            Self {
                children,
                depth,
                asked,
            }
        }

        fn tree(&self, bounds: Bounds) -> Result<Vec<Node>, QmpError> {
            let tree = tree_within(bounds, self, "/", "container", |_| false);
            tree.now_or_never().expect("answers are there at once")
        }
    }

    impl Qmp for Endless {
        fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
            assert_eq!(command, "qom-list");
            self.asked.fetch_add(1, Ordering::Relaxed);
            let path = arguments["path"].as_str().unwrap_or_default();
            let depth = path.split('/').filter(|name| !name.is_empty()).count();
            let children = if depth < self.depth { self.children } else { 0 };
            let child = |n| json!({"name": format!("c[{n}]"), "type": "child<container>"});
            let list: Value = (0..children).map(child).collect();
            Box::pin(async { Ok(list) })
        }
    }

    #[test]
    fn a_level_without_an_end_is_counted_piece_by_piece() {
        let bounds = Bounds {
            nodes: 1000,
            lists_at_once: 16,
        };
        // The third level has 900 objects, which would be held with their 27,000 children.
        let server = Endless::new(30, usize::MAX);
        assert!(matches!(
            server.tree(bounds),
            Err(QmpError::Unexpected { .. })
        ));
        // The first, its 30 children, and no more than one piece of their level.
        assert!(server.asked.into_inner() <= 1 + 30 + bounds.lists_at_once);
    }

    #[test]
    fn a_tree_within_the_bounds_is_whole() {
        let bounds = Bounds {
            nodes: 1000,
            lists_at_once: 16,
        };
        let server = Endless::new(30, 2);
        assert_eq!(server.tree(bounds).unwrap().len(), 1 + 30 + 30 * 30);
        assert_eq!(server.asked.into_inner(), 1 + 30 + 30 * 30);
    }

    #[test]
    fn a_branch_without_an_end_is_refused() {
        let server = Endless::new(1, usize::MAX);
        assert!(matches!(
            server.tree(BOUNDS),
            Err(QmpError::Unexpected { .. })
        ));
        assert_eq!(server.asked.into_inner(), MAX_DEPTH);
    }

    #[test]
    fn children_are_sorted_by_their_bytes() {
        let mut nodes = vec![Node {
            path: "/".into(),
            ..Node::default()
        }];
        let property = |name: &str, kind: &str| Property {
            name: name.into(),
            kind: kind.into(),
        };
        let list = vec![
            property("b[10]", "child<x>"),
            property("type", "string"),
            property("b[2]", "child<y>"),
            property("B", "child<z>"),
        ];
        add_children(&mut nodes, 0, list);
        let paths: Vec<_> = nodes.iter().map(|n| n.path.as_str()).collect();
        assert_eq!(paths, ["/", "/B", "/b[10]", "/b[2]"]);
        assert_eq!(nodes[0].children, [1, 2, 3]);
        assert_eq!(nodes[3].kind, "y");
    }
}
