// SPDX-License-Identifier: GPL-2.0-or-later
//! `object_add`.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::format::properties::{self, Property};
use crate::grammar::tree::{self, Tree};
use crate::grammar::{keyval, qjson};
use crate::qemu::typing::{Dialect, Typing};
use crate::qmp::QmpError;

/// Arguments of `object_add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    object: String,
}

/// `object_add`: a key-value string, JSON, or a question for types or their properties.
pub async fn object_add(cx: &mut Cx<'_>, args: Add) -> CmdResult {
    if args.object.starts_with('{') {
        let object = qjson::parse(&args.object, cx.caps.version).map_err(CmdError::User)?;
        return add(cx, object).await;
    }
    let read = keyval::parse(&args.object, Some("qom-type")).map_err(CmdError::User)?;
    if read.help {
        cx.prefer_builtin("object_add: asking QMP for types loads modules")?;
        let kind = tree::find(&read.members, "qom-type").and_then(Tree::last_text);
        return help(cx, kind).await;
    }
    let schema = cx.caps.schema(cx.qmp()).await?;
    let typing = Typing {
        schema: &schema,
        version: cx.caps.version,
        dialect: Dialect::Keyval,
        is_size: |name| SIZES.contains(&name),
        suffixes: false,
    };
    let object = typing
        .arguments("object-add", &read.members)
        .map_err(CmdError::User)?;
    add(cx, object.into()).await
}

/// Members that are sizes, of memory back ends all.
const SIZES: &[&str] = &["size", "align", "offset", "hugetlbsize"];

async fn add(cx: &mut Cx<'_>, object: Value) -> CmdResult {
    match cx.execute("object-add", object).await {
        // QMP leaves the second line out.
        Err(CmdError::Qmp(QmpError::Command { desc, .. }))
            if desc == "Parameter 'id' expects an identifier" =>
        {
            Err(CmdError::User(format!(
                "{desc}\nIdentifiers consist of letters, digits, '-', '.', '_', starting with a letter."
            )))
        }
        other => other.map(drop),
    }
}

#[derive(Deserialize)]
struct Type {
    name: String,
}

/// What an object of every kind has, and what can only be read.
const READ_ONLY: &[&str] = &["type", "opened"];

async fn help(cx: &mut Cx<'_>, kind: Option<&str>) -> CmdResult {
    let implements = json!({"implements": "user-creatable", "abstract": false});
    let types: Vec<Type> = cx.query_with("qom-list-types", implements).await?;
    let mut names: Vec<String> = types.into_iter().map(|t| t.name).collect();
    names.sort();
    // Other types would be made for a moment to be looked at, which not all of them take well.
    if let Some(kind) = kind.filter(|kind| names.iter().any(|name| name == kind)) {
        let kind_argument = json!({"typename": kind});
        let mut properties: Vec<Property> =
            cx.query_with("qom-list-properties", kind_argument).await?;
        properties.retain(|p| !READ_ONLY.contains(&p.name.as_str()));
        let version = cx.caps.version;
        properties::print(cx, kind, &properties, version)?;
        return Ok(());
    }
    writeln!(cx, "List of user creatable objects:")?;
    for name in names {
        writeln!(cx, "  {name}")?;
    }
    Ok(())
}
