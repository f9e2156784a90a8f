// SPDX-License-Identifier: GPL-2.0-or-later
//! Lists of the types of devices: `info qdm` and `device_add help`.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qemu::learned::device_models::{CATEGORIES, Model, Models};

/// What a list says where the table of a release is missing, or a type in it.
const LEFT_OUT: &str =
    "QMP does not show the categories, buses and descriptions of some types, which are left out";

/// `info qdm`, where all types are known.
pub async fn info_qdm(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let (text, complete) = list(cx, true).await?;
    if !complete {
        return Err(CmdError::Unavailable(format!("info qdm: {LEFT_OUT}")));
    }
    cx.write_str(&text)?;
    Ok(())
}

/// `info qdm`, without the types that are known by their names only.
pub async fn info_qdm_part(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let (text, complete) = list(cx, true).await?;
    cx.write_str(&text)?;
    if !complete {
        cx.note(LEFT_OUT);
    }
    Ok(())
}

/// `device_add help`: what a user may add.
pub async fn device_add_help(cx: &mut Cx<'_>) -> CmdResult {
    let (text, complete) = list(cx, false).await?;
    if !complete {
        return Err(CmdError::Unavailable(format!("device_add: {LEFT_OUT}")));
    }
    cx.write_str(&text)?;
    Ok(())
}

#[derive(Deserialize)]
struct Type {
    name: String,
}

/// The list, and whether it is complete.
async fn list(cx: &mut Cx<'_>, for_boards: bool) -> Result<(String, bool), CmdError> {
    let devices = json!({"implements": "device", "abstract": false});
    let types: Vec<Type> = cx.query_with("qom-list-types", devices).await?;
    let (models, mut complete) = Models::of(cx.caps.version);
    let mut rows: Vec<(&str, &Model)> = Vec::new();
    for kind in &types {
        match models.0.get(&kind.name) {
            Some(model) => rows.push((&kind.name, model)),
            None => complete = false,
        }
    }
    rows.retain(|(_, model)| for_boards || !model.for_boards);
    // QEMU looks at the letters only, not at their case.
    rows.sort_by_cached_key(|(name, _)| (name.to_ascii_lowercase(), *name));
    let mut text = String::new();
    print(&mut text, &rows, cx.caps.arch.as_deref())?;
    Ok((text, complete))
}

fn print(out: &mut dyn Write, rows: &[(&str, &Model)], arch: Option<&str>) -> fmt::Result {
    let mut first = true;
    for &category in CATEGORIES {
        let in_it = |(_, model): &&(&str, &Model)| model.categories.iter().any(|c| c == category);
        let mut rows = rows.iter().filter(in_it).peekable();
        if rows.peek().is_none() {
            continue;
        }
        if !std::mem::take(&mut first) {
            writeln!(out)?;
        }
        writeln!(out, "{category} devices:")?;
        for (name, model) in rows {
            print_row(out, name, model, model.alias_on(name, arch))?;
        }
    }
    Ok(())
}

fn print_row(out: &mut dyn Write, name: &str, model: &Model, alias: &str) -> fmt::Result {
    write!(out, "name \"{name}\"")?;
    if !model.bus.is_empty() {
        write!(out, ", bus {}", model.bus)?;
    }
    if !alias.is_empty() {
        write!(out, ", alias \"{alias}\"")?;
    }
    if !model.description.is_empty() {
        write!(out, ", desc \"{}\"", model.description)?;
    }
    let boards = if model.for_boards { ", no-user" } else { "" };
    writeln!(out, "{boards}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_below_all_their_categories() {
        // Of 10.0.2, cut.
        let table = "AC97\tPCI\tac97\t\tIntel 82801AA AC97 Audio\tSound\nmch\tPCI\t\t-\tHost bridge\tStorage,Sound\n";
        let models = Models::read(table);
        let rows: Vec<(&str, &Model)> = models.0.iter().map(|(n, m)| (n.as_str(), m)).collect();
        let mut text = String::new();
        print(&mut text, &rows, Some("x86_64")).unwrap();
        assert_eq!(
            text,
            "Storage devices:\nname \"mch\", bus PCI, desc \"Host bridge\", no-user\n\nSound devices:\n\
             name \"AC97\", bus PCI, alias \"ac97\", desc \"Intel 82801AA AC97 Audio\"\n\
             name \"mch\", bus PCI, desc \"Host bridge\", no-user\n"
        );
    }
}
