// SPDX-License-Identifier: GPL-2.0-or-later
//! `help` and `info` without a sub-command.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::manual::{Page, Quirk};
use crate::grammar::line::Cursor;
use crate::qmp::version::{Version, v};

const FIRST: Version = Version::FIRST;

/// Arguments of `help`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Help {
    name: Option<String>,
}

/// The built-in reads no more words than these.
const MAX_WORDS: usize = 16;

/// `help`: all commands of the main table, or the one named; words behind a command without
/// sub-commands don't count.
pub async fn help(cx: &mut Cx<'_>, args: Help) -> CmdResult {
    let Some(text) = args.name else {
        return list(cx, "").await;
    };
    if text == "log" {
        return log_items(cx);
    }
    let Some(words) = words(&text) else {
        return Ok(());
    };
    match words.as_slice() {
        [] => list(cx, "").await,
        [info] if info == "info" => list(cx, "info ").await,
        [info, name, ..] if info == "info" => one(cx, "info ", name).await,
        [name, ..] => one(cx, "", name).await,
    }
}

/// Arguments of `info` itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Info {
    #[serde(rename = "item")]
    _item: Option<String>,
}

/// `info` alone: the list of its sub-commands.
pub async fn info(cx: &mut Cx<'_>, _: Info) -> CmdResult {
    list(cx, "info ").await
}

/// The words, by the rules for arguments; `None` where the built-in prints nothing: too many, or a
/// bad quote.
fn words(text: &str) -> Option<Vec<String>> {
    let mut cursor = Cursor::new(text);
    let mut words = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.peek().is_none() {
            return Some(words);
        }
        if words.len() == MAX_WORDS {
            return None;
        }
        words.push(cursor.string().ok()?);
    }
}

/// The pages of the main table, or of `info`'s with its prefix.
fn pages(cx: &Cx<'_>, prefix: &str) -> Vec<Page> {
    let pages = cx.manual.pages(!prefix.is_empty(), cx.caps.version);
    let usable = |page: &Page| !cx.caps.preconfig || page.preconfig;
    pages.into_iter().filter(usable).collect()
}

async fn list(cx: &mut Cx<'_>, prefix: &str) -> CmdResult {
    for page in pages(cx, prefix) {
        line(cx, prefix, &page).await?;
    }
    Ok(())
}

async fn one(cx: &mut Cx<'_>, prefix: &str, name: &str) -> CmdResult {
    match pages(cx, prefix)
        .into_iter()
        .find(|page| page.names.split('|').any(|n| n == name))
    {
        Some(page) => line(cx, prefix, &page).await,
        None => Err(CmdError::Plain(format!(
            "unknown command: '{prefix}{name}'"
        ))),
    }
}

async fn line(cx: &mut Cx<'_>, prefix: &str, page: &Page) -> CmdResult {
    let mut params = Cow::Borrowed(page.params);
    if let Quirk::BuiltTypes(command, argument) = page.quirk {
        let built = cx.enum_values(command, argument).await;
        params = without_types(&params, &built.unwrap_or_default()).into();
    }
    let name = page.names.split('|').next().unwrap_or_default();
    let theirs = cx.host.help(&format!("{prefix}{name}"));
    let help = theirs.as_deref().map_or(page.help, str::trim_end);
    writeln!(cx, "{prefix}{} {params} -- {help}", page.names)?;
    if page.quirk == Quirk::BlankLineBehind {
        writeln!(cx)?;
    }
    Ok(())
}

/// `[a|b],more` without the types of network back ends that this QEMU was built without; all where
/// none is known.
fn without_types(params: &str, built: &[String]) -> String {
    let split = params
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    match split {
        Some((types, rest)) if !built.is_empty() => {
            let there = |kind: &&str| built.iter().any(|b| b == kind);
            let types: Vec<&str> = types.split('|').filter(there).collect();
            format!("[{}]{rest}", types.join("|"))
        }
        _ => params.to_owned(),
    }
}

/// Log items, with the first release that has them and what they log (util/log.c); QMP has no list.
/// Those of plug-ins are left out by the few builds without plug-ins.
const LOG_ITEMS: &[(&str, Version, &str)] = &[
    ("out_asm", FIRST, "host code that the translator made"),
    ("in_asm", FIRST, "guest code of each translation block"),
    ("op", FIRST, "intermediate code of each translation block"),
    ("op_opt", FIRST, "intermediate code after optimisation"),
    (
        "op_ind",
        FIRST,
        "intermediate code before indirect lowering",
    ),
    (
        "op_plugin",
        v(9, 1), // 9.1, commit b384c734ec of QEMU
        "intermediate code before plug-ins add theirs",
    ),
    ("int", FIRST, "interrupts and exceptions, in short"),
    ("exec", FIRST, "each translation block that runs"),
    ("cpu", FIRST, "CPU registers before each translation block"),
    ("fpu", FIRST, "floating point registers together with 'cpu'"),
    ("mmu", FIRST, "the software MMU"),
    (
        "pcall",
        FIRST,
        "x86: protected mode far calls and returns, interrupts",
    ),
    ("cpu_reset", FIRST, "CPU state before a reset"),
    ("unimp", FIRST, "what the guest uses and QEMU has not"),
    ("guest_errors", FIRST, "mistakes of the guest"),
    ("page", FIRST, "memory maps of user mode"),
    (
        "nochain",
        FIRST,
        "no jumps from one translation block into the next",
    ),
    ("plugin", FIRST, "what plug-ins write"),
    ("strace", FIRST, "system calls of user mode"),
    ("tid", FIRST, "one log file for each thread"),
    // 8.1, commit b84694defb of QEMU.
    ("vpu", v(8, 1), "vector registers together with 'cpu'"),
    (
        "invalid_mem",
        v(10, 0), // 10.0, commit 678bf8f22a of QEMU
        "accesses to memory that is not there",
    ),
];

/// The items that `log` of a release takes and what each logs, `none` and `trace:` left out.
pub fn logged(version: Version) -> impl Iterator<Item = (&'static str, &'static str)> {
    let there = LOG_ITEMS
        .iter()
        .filter(move |(_, since, _)| version >= *since);
    there.map(|(name, _, what)| (*name, *what))
}

fn log_items(cx: &mut Cx<'_>) -> CmdResult {
    writeln!(cx, "Log items (comma separated):")?;
    writeln!(cx, "{:<15} end logging", "none")?;
    for (name, since, what) in LOG_ITEMS {
        if cx.caps.version >= *since {
            let theirs = cx.host.help(&format!("log {name}"));
            let what = theirs.as_deref().map_or(*what, str::trim_end);
            writeln!(cx, "{name:<15} {what}")?;
        }
        // A line end too many in their table (8.0, commit cb9291e550 of QEMU).
        if *name == "plugin" && cx.caps.version < v(8, 0) {
            writeln!(cx)?;
        }
    }
    writeln!(cx, "trace:PATTERN   trace events by their names")?;
    writeln!(
        cx,
        "\nUse \"log trace:help\" to get a list of trace events.\n"
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_were_not_built_are_left_out() {
        let params = "[user|tap|af-xdp],id=str[,prop=value]";
        let built = ["tap", "user"].map(str::to_owned);
        assert_eq!(
            without_types(params, &built),
            "[user|tap],id=str[,prop=value]"
        );
        assert_eq!(without_types(params, &[]), params);
    }
}
