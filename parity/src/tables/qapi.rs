// SPDX-License-Identifier: GPL-2.0-or-later
//! Interfaces as QAPI definitions, in the form that QEMU's `scripts/qapi-gen.py` reads
//! (docs/devel/qapi-code-gen.rst).

use super::fill::fill;
use super::interfaces::{Condition, Interface, Member, Named};

/// The release that the definitions are proposed for.
const SINCE: &str = "11.2";

/// The widest line of a documentation comment (docs/devel/qapi-code-gen.rst).
const WIDTH: usize = 70;

/// The definition alone, types first.
#[must_use]
pub fn definition(one: &Interface) -> String {
    let mut parts: Vec<String> = one.types.iter().map(|named| of_type(one, named)).collect();
    parts.push(command(one));
    parts.join("\n")
}

/// A file of a schema: what it needs of QEMU's own files, and the definition.
#[must_use]
pub fn file(one: &Interface) -> String {
    let text = definition(one);
    let include = match text.contains("'HumanReadableText'") {
        true => "{ 'include': 'common.json' }\n\n",
        false => "",
    };
    format!(
        "# -*- Mode: Python -*-\n# vim: filetype=python\n#\n# SPDX-License-Identifier: \
         GPL-2.0-or-later\n\n{include}{text}"
    )
}

fn command(one: &Interface) -> String {
    let unstable = one.name.starts_with("x-");
    let mut doc = Comment::of(&one.name, &one.does);
    doc.members(&one.arguments);
    if unstable {
        doc.block("Features:");
        doc.item("@unstable: ", "This command is meant for debugging.");
    }
    if !one.gives.is_empty() {
        doc.block(&sentence(&format!("Returns: {}", one.gives)));
    }
    let mut members = vec![format!("'command': '{}'", one.name)];
    if !one.arguments.is_empty() {
        members.push(format!("'data': {}", data(&one.arguments)));
    }
    if !one.kind.is_empty() {
        members.push(format!("'returns': {}", quoted(&one.kind)));
    }
    if unstable {
        members.push("'features': [ 'unstable' ]".into());
    }
    members.extend(condition(&one.condition));
    doc.end(one) + &expression(&members)
}

fn of_type(one: &Interface, named: &Named) -> String {
    let mut doc = Comment::of(&named.name, &named.does);
    doc.members(&named.members);
    for (value, meaning) in &named.values {
        doc.item(&format!("@{value}: "), meaning);
    }
    let mut members;
    if named.values.is_empty() {
        members = vec![format!("'struct': '{}'", named.name)];
        members.extend(named.base.iter().map(|base| format!("'base': '{base}'")));
        members.push(format!("'data': {}", data(&named.members)));
    } else {
        members = vec![format!("'enum': '{}'", named.name)];
        let values = named.values.iter().map(|(value, _)| format!("'{value}'"));
        members.push(format!(
            "'data': [ {} ]",
            values.collect::<Vec<_>>().join(", ")
        ));
    }
    members.extend(condition(&one.condition));
    doc.end(one) + &expression(&members)
}

fn expression(members: &[String]) -> String {
    format!("{{ {} }}\n", members.join(",\n  "))
}

fn data(members: &[Member]) -> String {
    let members = members
        .iter()
        .map(|(name, kind, _)| format!("'{name}': {}", quoted(kind)));
    format!(
        "{{ {} }}",
        members.collect::<Vec<_>>().join(",\n            ")
    )
}

/// Names of types are in quotes; lists of them are already.
fn quoted(kind: &str) -> String {
    match kind.starts_with('[') {
        true => kind.to_owned(),
        false => format!("'{kind}'"),
    }
}

fn condition(condition: &Condition) -> Option<String> {
    let macros = condition.macros();
    let list: Vec<String> = macros.iter().map(|one| format!("'{one}'")).collect();
    match list.len() {
        0 => None,
        1 => Some(format!("'if': {}", list[0])),
        _ => Some(format!(
            "'if': {{ 'any': [ {} ] }}",
            list.join(",\n                   ")
        )),
    }
}

/// A sentence, from a part of one.
fn sentence(text: &str) -> String {
    format!("{text}.")
}

/// A documentation comment.
struct Comment(String);

impl Comment {
    fn of(name: &str, does: &str) -> Self {
        let mut this = Self(format!("##\n# @{name}:\n"));
        this.block(&sentence(does));
        this
    }

    fn members(&mut self, members: &[Member]) {
        for (name, _, meaning) in members {
            self.item(&format!("@{}: ", name.trim_start_matches('*')), meaning);
        }
    }

    fn block(&mut self, text: &str) {
        self.item("", text);
    }

    /// A paragraph, whose further lines are indented where it begins with a name.
    fn item(&mut self, head: &str, text: &str) {
        let indent = if head.is_empty() && !text.starts_with("Returns:") {
            ""
        } else {
            "    "
        };
        self.0.push_str("#\n");
        for line in fill(head, indent, text, WIDTH - "# ".len()) {
            self.0.push_str("# ");
            self.0.push_str(&line);
            self.0.push('\n');
        }
    }

    fn end(self, one: &Interface) -> String {
        let since = one.merged.as_deref().unwrap_or(SINCE);
        format!("{}#\n# Since: {since}\n##\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::interfaces;

    fn text(name: &str) -> String {
        let one = interfaces::all().iter().find(|one| one.name == name);
        file(one.unwrap())
    }

    #[test]
    fn what_is_unstable_says_so_and_for_which_targets_it_is() {
        let mem = text("x-query-mem");
        for part in [
            "{ 'include': 'common.json' }",
            "# Features:\n#\n# @unstable: This command is meant for debugging.\n",
            "  'features': [ 'unstable' ],\n",
            "  'if': { 'any': [ 'TARGET_I386',\n",
            "# Returns: one line for each range.\n",
        ] {
            assert!(mem.contains(part), "{part} not in {mem}");
        }
        let order = text("set-boot-order");
        assert!(
            !order.contains("unstable") && !order.contains("returns"),
            "{order}"
        );
        assert!(
            order.ends_with("  'data': { 'order': 'str' } }\n"),
            "{order}"
        );
    }

    #[test]
    fn structures_and_enumerations_have_names() {
        for one in interfaces::all() {
            let text = file(one);
            assert!(!text.contains("'returns': {"), "{text}");
            assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        }
        assert!(text("x-set-sync-profile").contains("'data': [ 'on', 'off', 'reset' ] }"));
        assert!(text("x-query-registers").contains("'base': 'HumanReadableText',"));
    }
}
