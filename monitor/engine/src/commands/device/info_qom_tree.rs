// SPDX-License-Identifier: GPL-2.0-or-later
//! `info qom-tree`.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::qemu::objects::{self, Node};
use crate::qmp::{Qmp, QmpError};

/// Arguments of `info qom-tree`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    path: Option<String>,
}

/// `info qom-tree`: from the machine down, or from a path, which may be partial or end in a link.
pub async fn info_qom_tree(cx: &mut Cx<'_>, args: Tree) -> CmdResult {
    let qmp = cx.qmp();
    let path = match &args.path {
        None => "/machine".to_owned(),
        Some(path) => match canonical(qmp, path).await? {
            Some(path) => path,
            None => {
                return Err(CmdError::Plain(format!(
                    "Path '{path}' could not be resolved."
                )));
            }
        },
    };
    let kind = json!({"path": path, "property": "type"});
    let kind: String = cx.query_with("qom-get", kind).await?;
    let nodes = objects::tree(qmp, &path, &kind).await?;
    print(cx, &nodes, 0, 0)?;
    Ok(())
}

fn print(out: &mut dyn Write, nodes: &[Node], at: usize, indent: usize) -> fmt::Result {
    let node = &nodes[at];
    writeln!(out, "{:indent$}/{} ({})", "", node.name, node.kind)?;
    for &child in &node.children {
        print(out, nodes, child, indent + 2)?;
    }
    Ok(())
}

/// The path from the root to the object that `path` means; `None` where it means none, or several.
async fn canonical(qmp: &dyn Qmp, path: &str) -> Result<Option<String>, QmpError> {
    let list = json!({"path": path});
    match qmp.execute("qom-list", list).await {
        Ok(_) => {}
        Err(QmpError::Command { .. }) => return Ok(None),
        Err(error) => return Err(error),
    }
    if !path.starts_with('/') {
        return partial(qmp, path).await;
    }
    follow(qmp, path).await.map(Some)
}

/// Walks an absolute path, link by link.
async fn follow(qmp: &dyn Qmp, path: &str) -> Result<String, QmpError> {
    let mut here = String::new();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let above = if here.is_empty() { "/" } else { here.as_str() };
        let get = json!({"path": above, "property": name});
        // Children and links alike read as the path of the object.
        here = match qmp.execute("qom-get", get).await {
            Ok(Value::String(target)) if target.starts_with('/') => target,
            Ok(_) | Err(QmpError::Command { .. }) => {
                format!("{}/{name}", above.trim_end_matches('/'))
            }
            Err(error) => return Err(error),
        };
    }
    if here.is_empty() {
        here.push('/');
    }
    Ok(here)
}

/// Searches the whole tree for the object below which a relative path leads on; QEMU has made sure
/// that it is one.
async fn partial(qmp: &dyn Qmp, path: &str) -> Result<Option<String>, QmpError> {
    let nodes = objects::tree(qmp, "/", "container").await?;
    let first = path.split('/').find(|name| !name.is_empty());
    let candidates = nodes.iter().filter(|node| {
        let children = node.children.iter();
        let mut names = children.map(|&child| nodes[child].name.as_str());
        first.is_none() || names.any(|name| Some(name) == first)
    });
    for node in candidates {
        let whole = format!("{}/{path}", node.path.trim_end_matches('/'));
        let list = json!({"path": whole});
        match qmp.execute("qom-list", list).await {
            Ok(_) => return follow(qmp, &whole).await.map(Some),
            Err(QmpError::Command { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
