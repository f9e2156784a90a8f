//! `help` and `info` without a sub-command.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::Command;
use crate::cx::{CmdError, CmdResult, Cx};
use crate::line::Cursor;

/// Arguments of `help`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Help {
    name: Option<String>,
}

/// The built-in reads no more words than these.
const MAX_WORDS: usize = 16;

/// `help`: all commands of the main table, or the one named; words behind a command without sub-commands don't count.
pub async fn help(cx: &mut Cx<'_>, args: Help) -> CmdResult {
    let Some(text) = args.name else {
        return list(cx, "");
    };
    if text == "log" {
        return log_items(cx);
    }
    let Some(words) = words(&text) else {
        return Ok(());
    };
    match words.as_slice() {
        [] => list(cx, ""),
        [info] if info == "info" => list(cx, "info "),
        [info, name, ..] if info == "info" => one(cx, "info ", name),
        [name, ..] => one(cx, "", name),
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
    list(cx, "info ")
}

/// The words, by the rules for arguments; `None` where the built-in prints nothing: too many, or a bad quote.
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

fn rows(cx: &Cx<'_>, prefix: &str) -> Vec<&'static Command> {
    let rows = if prefix.is_empty() {
        &cx.rows.main
    } else {
        &cx.rows.info
    };
    let usable = |row: &&'static Command| !cx.caps.preconfig || row.preconfig;
    rows.iter().copied().filter(usable).collect()
}

fn list(cx: &mut Cx<'_>, prefix: &str) -> CmdResult {
    for row in rows(cx, prefix) {
        line(cx, prefix, row)?;
    }
    Ok(())
}

fn one(cx: &mut Cx<'_>, prefix: &str, name: &str) -> CmdResult {
    match rows(cx, prefix)
        .into_iter()
        .find(|row| row.names().any(|n| n == name))
    {
        Some(row) => line(cx, prefix, row),
        None => Err(CmdError::Plain(format!(
            "unknown command: '{prefix}{name}'"
        ))),
    }
}

fn line(cx: &mut Cx<'_>, prefix: &str, row: &Command) -> CmdResult {
    let params = row.params_in(cx.caps.version);
    writeln!(cx, "{prefix}{} {params} -- {}", row.name, row.help)?;
    Ok(())
}

/// Names of log items that all releases since 7.2 know, with what they log (include/qemu/log.h); QMP has no list.
const LOG_ITEMS: &[(&str, &str)] = &[
    ("out_asm", "host code that the translator made"),
    ("in_asm", "guest code of each translation block"),
    ("op", "intermediate code of each translation block"),
    ("op_opt", "intermediate code after optimisation"),
    ("op_ind", "intermediate code before indirect lowering"),
    ("int", "interrupts and exceptions, in short"),
    ("exec", "each translation block that runs"),
    ("cpu", "CPU registers before each translation block"),
    ("fpu", "floating point registers together with 'cpu'"),
    ("mmu", "the software MMU"),
    (
        "pcall",
        "x86: protected mode far calls and returns, interrupts",
    ),
    ("cpu_reset", "CPU state before a reset"),
    ("unimp", "what the guest uses and QEMU has not"),
    ("guest_errors", "mistakes of the guest"),
    ("page", "memory maps of user mode"),
    (
        "nochain",
        "no jumps from one translation block into the next",
    ),
    ("strace", "system calls of user mode"),
    ("tid", "one log file for each thread"),
    ("vpu", "vector registers together with 'cpu'"),
];

fn log_items(cx: &mut Cx<'_>) -> CmdResult {
    writeln!(cx, "Log items (comma separated):")?;
    writeln!(cx, "{:<15} end logging", "none")?;
    for (name, what) in LOG_ITEMS {
        writeln!(cx, "{name:<15} {what}")?;
    }
    Ok(())
}
