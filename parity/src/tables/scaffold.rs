// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows and functions for the commands of a tree that have no row: they compile as they are, and
//! what is left to do is in comments.

use std::fmt::Write;

use hmp_engine::command::row::Command;
use hmp_engine::command::rows;
use hmp_engine::qmp::version::Version;
use hmp_engine::table::{INFO, MAIN};

use super::coverage::{first, row};
use super::hx::{HxCommand, Tree};

/// Text to paste: what to import, rows, functions. Empty where every command has its row.
#[must_use]
pub fn scaffold(tree: &Tree) -> String {
    let mut rows = String::new();
    let mut functions = String::new();
    for (table, prefix, ours, entries) in [
        ("MAIN", "", MAIN, &tree.main),
        ("INFO", "info ", INFO, &tree.info),
    ] {
        let new = entries.iter().filter(|e| row(ours, e, tree).is_none());
        let new: Vec<New<'_>> = new.map(|e| New::of(e, prefix, tree)).collect();
        if new.is_empty() {
            continue;
        }
        // Writing to a string can't fail.
        let _ = writeln!(
            rows,
            "/// For the table {table}.\npub const {table}_ROWS: &[Command] = &["
        );
        for one in &new {
            let _ = one.row(&mut rows, ours);
            let _ = one.function(&mut functions);
        }
        rows.push_str("];\n\n");
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!("{HEAD}{rows}{functions}"),
    }
}

/// What the text needs. In the engine, `hmp_engine` is `crate`.
const HEAD: &str = "\
use hmp_engine::command::cx::{CmdResult, Cx, NoArgs};
use hmp_engine::command::row::{Command, Present, ROW, Route};
use hmp_engine::qmp::version::v;
use hmp_engine::run;
use serde::Deserialize;
use serde_json::json;

";

/// A command without a row.
struct New<'a> {
    entry: &'a HxCommand,
    prefix: &'static str,
    version: Version,
    /// The QMP command to send.
    qmp: String,
    /// Whether the tree has that QMP command.
    offered: bool,
}

impl<'a> New<'a> {
    fn of(entry: &'a HxCommand, prefix: &'static str, tree: &Tree) -> Self {
        let name = first(&entry.name);
        let qmp = entry.text_command().unwrap_or_else(|| {
            let name = match prefix {
                "" => name.replace('_', "-"),
                _ => format!("query-{}", name.replace('_', "-")),
            };
            let as_written = first(&entry.name).to_owned();
            match tree.qmp.contains(&as_written) && prefix.is_empty() {
                true => as_written,
                false => name,
            }
        });
        Self {
            entry,
            prefix,
            version: tree.version,
            offered: entry.text_command().is_some() || tree.qmp.contains(&qmp),
            qmp,
        }
    }

    /// The name of its function.
    fn name(&self) -> String {
        let name = format!("{}{}", self.prefix, first(&self.entry.name));
        identifier(&name)
    }

    fn row(&self, out: &mut String, ours: &'static [Command]) -> std::fmt::Result {
        let HxCommand {
            name, args, params, ..
        } = self.entry;
        writeln!(out, "    Command {{\n        name: {name:?},")?;
        for (member, text) in [("args", args), ("params", params)] {
            if !text.is_empty() {
                writeln!(out, "        {member}: {text:?},")?;
            }
        }
        writeln!(out, "        help: \"\", // in your own words")?;
        if self.entry.preconfig() {
            writeln!(out, "        preconfig: true,")?;
        }
        // A row of that name for other releases says that this one is of a release.
        let Version { major, minor, .. } = self.version;
        if rows::find(ours, first(name)).is_none() {
            writeln!(out, "        // The first release that has it:")?;
        }
        writeln!(out, "        since: v({major}, {minor}),")?;
        self.present(out)?;
        match self.offered {
            true => writeln!(
                out,
                "        routes: &[Route::native(&[{:?}], run!({}))],",
                self.qmp,
                self.name()
            )?,
            false => writeln!(
                out,
                "        // The tree has no QMP command {}: name what {} sends.\n        \
                 routes: &[Route::TO_CONVERT],",
                self.qmp,
                self.name()
            )?,
        }
        writeln!(out, "        ..ROW\n    }},")
    }

    /// The condition around the entry.
    fn present(&self, out: &mut String) -> std::fmt::Result {
        let text = self.entry.conditions.join(" && ");
        if text.is_empty() {
            return Ok(());
        }
        writeln!(out, "        // Around it is: {text}")?;
        let targets = targets(&text);
        if !targets.is_empty() {
            let targets: Vec<String> = targets.iter().map(|t| format!("{t:?}")).collect();
            return writeln!(
                out,
                "        present: Present::Target(&[{}]),",
                targets.join(", ")
            );
        }
        writeln!(out, "        present: Present::With({:?}),", self.qmp)
    }

    fn function(&self, out: &mut String) -> std::fmt::Result {
        let command = format!("{}{}", self.prefix, first(&self.entry.name));
        let function = self.name();
        let fields = fields(&self.entry.args);
        if !self.entry.text_of.is_empty() {
            // The text is QEMU's; no such command of QEMU takes arguments.
            let kind = format!("{}Text", pascal(&function));
            writeln!(
                out,
                "#[derive(Deserialize)]\nstruct {kind} {{\n    \
                 #[serde(rename = \"human-readable-text\")]\n    text: String,\n}}\n"
            )?;
            writeln!(
                out,
                "/// `{command}`.\npub async fn {function}(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {{\n    \
                 let answer: {kind} = cx.query({:?}).await?;\n    \
                 std::fmt::Write::write_str(cx, &answer.text.replace(\"\\r\\n\", \"\\n\"))?;\n    \
                 Ok(())\n}}\n",
                self.qmp
            )?;
            return Ok(());
        }
        let mut kind = "NoArgs".to_owned();
        let mut argument = "_";
        if !fields.is_empty() {
            kind = pascal(&function);
            argument = "args";
            writeln!(
                out,
                "/// Arguments of `{command}`.\n#[derive(Deserialize)]\n\
                 #[serde(deny_unknown_fields)]\npub struct {kind} {{"
            )?;
            for field in &fields {
                field.declare(out)?;
            }
            writeln!(out, "}}\n")?;
        }
        writeln!(
            out,
            "/// `{command}`.\npub async fn {function}(cx: &mut Cx<'_>, {argument}: {kind}) -> CmdResult {{"
        )?;
        let members: String = fields.iter().map(Field::member).collect();
        match members.is_empty() {
            true => writeln!(
                out,
                "    cx.execute({:?}, json!({{}})).await?;\n    Ok(())\n}}\n",
                self.qmp
            ),
            false => writeln!(
                out,
                "    let mut arguments = json!({{\n{members}    }});\n    \
                 // What was not given is not sent.\n    \
                 if let Some(members) = arguments.as_object_mut() {{\n        \
                 members.retain(|_, value| !value.is_null());\n    }}\n    \
                 cx.execute({:?}, arguments).await?;\n    Ok(())\n}}\n",
                self.qmp
            ),
        }
    }
}

/// An argument of a function.
struct Field {
    /// The key in args_type.
    key: String,
    kind: &'static str,
    optional: bool,
    flag: bool,
}

fn fields(args: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    for (key, letters) in args.split(',').filter_map(|arg| arg.split_once(':')) {
        if letters == "/" {
            let part = |(key, kind): (&str, &'static str)| Field {
                key: key.to_owned(),
                kind,
                optional: false,
                flag: false,
            };
            fields.extend([("count", "i64"), ("format", "char"), ("size", "i64")].map(part));
            continue;
        }
        let flag = letters.strip_prefix('-');
        let plain = match (flag, letters.chars().next()) {
            (Some(flag), _) if flag.len() == 1 => "bool",
            (Some(_), _) => "String",
            (None, Some('i' | 'l' | 'M' | 'o')) => "i64",
            (None, Some('T')) => "f64",
            (None, Some('b')) => "bool",
            // An option string, as an object.
            (None, Some('O')) => "serde_json::Value",
            _ => "String",
        };
        fields.push(Field {
            key: key.to_owned(),
            kind: plain,
            optional: letters.ends_with(['?', '.']) || flag.is_some_and(|f| f.len() == 2),
            flag: flag.is_some_and(|f| f.len() == 1),
        });
    }
    fields
}

impl Field {
    /// The name in Rust.
    fn name(&self) -> String {
        identifier(&self.key)
    }

    fn declare(&self, out: &mut String) -> std::fmt::Result {
        let name = self.name();
        if self.flag {
            writeln!(out, "    #[serde(default)]")?;
        }
        if name != self.key {
            writeln!(out, "    #[serde(rename = {:?})]", self.key)?;
        }
        match self.optional {
            true => writeln!(out, "    {name}: Option<{}>,", self.kind),
            false => writeln!(out, "    {name}: {},", self.kind),
        }
    }

    fn member(&self) -> String {
        format!(
            "        \"{}\": args.{},\n",
            self.key.replace('_', "-"),
            self.name()
        )
    }
}

/// A name as Rust takes it.
fn identifier(name: &str) -> String {
    let mut name = name.replace(|c: char| !c.is_alphanumeric(), "_");
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if KEYWORDS.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// Words that can't be names: the keywords of Rust's edition 2024, those in reserve too.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let head = letters.next().map(char::to_uppercase);
        let head: String = head.into_iter().flatten().collect();
        head + letters.as_str()
    };
    name.split('_').map(word).collect()
}

/// The targets that a condition of QEMU's tables is about, in QAPI's spelling.
fn targets(condition: &str) -> Vec<&'static str> {
    let words: Vec<&str> = condition
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let here = TARGETS.iter().filter(|(name, _)| words.contains(name));
    here.flat_map(|(_, targets)| *targets).copied().collect()
}

/// The macros of targets (configs/targets/*.mak), and the targets that define each.
const TARGETS: &[(&str, &[&str])] = &[
    ("TARGET_AARCH64", &["aarch64"]),
    ("TARGET_ARM", &["arm", "aarch64"]),
    ("TARGET_I386", &["i386", "x86_64"]),
    ("TARGET_X86_64", &["x86_64"]),
    ("TARGET_LOONGARCH64", &["loongarch64"]),
    ("TARGET_M68K", &["m68k"]),
    ("TARGET_MIPS", &["mips", "mipsel", "mips64", "mips64el"]),
    ("TARGET_PPC", &["ppc", "ppc64"]),
    ("TARGET_PPC64", &["ppc64"]),
    ("TARGET_RISCV", &["riscv32", "riscv64"]),
    ("TARGET_S390X", &["s390x"]),
    ("TARGET_SH4", &["sh4", "sh4eb"]),
    ("TARGET_SPARC", &["sparc", "sparc64"]),
    ("TARGET_SPARC64", &["sparc64"]),
    ("TARGET_XTENSA", &["xtensa", "xtensaeb"]),
];
