// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's `.hx` files: the source of the built-in monitor's tables (docs/devel/docs.rst), 2.x and
//! later.
//!
//! An entry is a C initialiser between documentation blocks (`SRST`/`ERST`, before 5.2
//! `STEXI`/`ETEXI`), perhaps inside `#if` conditions; strings may be written in pieces, some of
//! them in conditions of their own, which are joined.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hmp_engine::qmp::version::Version;

use crate::case::qemu::parse_version;

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HxCommand {
    /// Name and aliases, separated by `|`.
    pub name: String,
    /// args_type.
    pub args: String,
    /// The arguments as help shows them.
    pub params: String,
    /// QEMU's sentence about it.
    pub help: String,
    /// `p` where it is allowed in preconfig.
    pub flags: String,
    /// The C function that carries it out; empty where there is none.
    pub handler: String,
    /// The C function of the QMP command whose text it shows (`cmd_info_hrt`); empty where it
    /// shows none's.
    pub text_of: String,
    /// The conditions around it, as written, outermost first.
    pub conditions: Vec<String>,
}

impl HxCommand {
    /// Whether it is allowed in preconfig.
    #[must_use]
    pub fn preconfig(&self) -> bool {
        self.flags.contains('p')
    }

    /// Whether its sentence says that it is deprecated.
    #[must_use]
    pub fn deprecated(&self) -> bool {
        self.help.contains("deprecated")
    }

    /// The QMP command whose text it shows, as QAPI generates the name of its C function.
    #[must_use]
    pub fn text_command(&self) -> Option<String> {
        let name = self.text_of.strip_prefix("qmp_")?;
        Some(name.replace('_', "-"))
    }
}

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum HxError {
    /// It is not there, or not readable.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, std::io::Error),
    /// It ends inside an entry, or conditions don't balance; the line, counted from 1.
    #[error("line {0}: {1}")]
    Syntax(usize, &'static str),
    /// The same of a file of a tree.
    #[error("{}: {}", .0.display(), .1)]
    Within(PathBuf, Box<HxError>),
    /// The tree does not say which release it is.
    #[error("{}: no version", .0.display())]
    Version(PathBuf),
}

/// Both tables of a source tree.
#[derive(Debug)]
pub struct Tree {
    /// Its release, from the file `VERSION`.
    pub version: Version,
    /// hmp-commands.hx.
    pub main: Vec<HxCommand>,
    /// hmp-commands-info.hx.
    pub info: Vec<HxCommand>,
    /// The QMP commands of qapi/*.json, sorted.
    pub qmp: BTreeSet<String>,
}

/// Reads the tables of the QEMU source tree `dir`.
pub fn tree(dir: &Path) -> Result<Tree, HxError> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).map_err(|e| HxError::Io(path, e))
    };
    let table = |name: &str| {
        let within = |e| HxError::Within(dir.join(name), Box::new(e));
        parse(&read(name)?).map_err(within)
    };
    let version = parse_version(&read("VERSION")?);
    Ok(Tree {
        version: version.ok_or_else(|| HxError::Version(dir.to_owned()))?,
        main: table("hmp-commands.hx")?,
        info: table("hmp-commands-info.hx")?,
        qmp: qmp(&dir.join("qapi"))?,
    })
}

/// The QMP commands that the files of a folder define; none where it is not there.
fn qmp(dir: &Path) -> Result<BTreeSet<String>, HxError> {
    let mut found = BTreeSet::new();
    if !dir.is_dir() {
        return Ok(found);
    }
    let io = |e| HxError::Io(dir.to_owned(), e);
    for file in std::fs::read_dir(dir).map_err(io)? {
        let path = file.map_err(io)?.path();
        if path.extension().is_some_and(|ext| ext == "json") {
            let text = std::fs::read_to_string(&path).map_err(|e| HxError::Io(path, e))?;
            found.extend(text.lines().filter_map(definition));
        }
    }
    Ok(found)
}

/// The name, where a line begins the definition of a QMP command.
fn definition(line: &str) -> Option<String> {
    let rest = line
        .strip_prefix('{')?
        .trim_start()
        .strip_prefix("'command':")?;
    let (_, rest) = rest.split_once('\'')?;
    let (name, _) = rest.split_once('\'')?;
    Some(name.to_owned())
}

/// Reads one file's text.
pub fn parse(text: &str) -> Result<Vec<HxCommand>, HxError> {
    let mut commands = Vec::new();
    let mut conditions: Vec<String> = Vec::new();
    let mut entry: Option<(String, Vec<String>)> = None;
    let mut documentation = false;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let word = line.trim();
        match word {
            "SRST" | "STEXI" => documentation = true,
            "ERST" | "ETEXI" => {
                documentation = false;
                continue;
            }
            _ => {}
        }
        if documentation || word.starts_with("HXCOMM") || word.starts_with("SRST(") {
            continue;
        }
        if let Some(directive) = line.strip_prefix('#') {
            let mut whole = directive.trim().to_owned();
            while let Some(joined) = whole.strip_suffix('\\') {
                let next = lines.next().map_or("", |(_, next)| next.trim());
                whole = format!("{} {next}", joined.trim_end());
            }
            condition(&mut conditions, &whole, at + 1)?;
            continue;
        }
        match &mut entry {
            None if word == "{" => entry = Some((String::new(), conditions.clone())),
            None => {}
            Some((body, around)) if word == "}," || word == "}" => {
                let around = std::mem::take(around);
                commands.push(HxCommand {
                    conditions: around,
                    ..initialiser(body)
                });
                entry = None;
            }
            Some((body, _)) => {
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    let end = text.lines().count();
    if entry.is_some() {
        return Err(HxError::Syntax(end, "the file ends inside an entry"));
    }
    if !conditions.is_empty() {
        return Err(HxError::Syntax(end, "#if without #endif"));
    }
    Ok(commands)
}

fn condition(conditions: &mut Vec<String>, directive: &str, at: usize) -> Result<(), HxError> {
    let (word, rest) = directive
        .split_once(char::is_whitespace)
        .unwrap_or((directive, ""));
    let rest = rest.trim();
    match word {
        "if" => conditions.push(rest.to_owned()),
        "ifdef" => conditions.push(format!("defined({rest})")),
        "ifndef" => conditions.push(format!("!defined({rest})")),
        "elif" | "else" => {
            let open = conditions
                .last_mut()
                .ok_or(HxError::Syntax(at, "#else without #if"))?;
            *open = if word == "else" {
                format!("!({open})")
            } else {
                rest.to_owned()
            };
        }
        "endif" => {
            conditions
                .pop()
                .ok_or(HxError::Syntax(at, "#endif without #if"))?;
        }
        _ => {}
    }
    Ok(())
}

/// Reads `.member = value` pairs; adjacent string literals are one string.
fn initialiser(body: &str) -> HxCommand {
    let mut command = HxCommand::default();
    let mut member = String::new();
    let mut rest = body;
    while let Some(at) = rest.find(['.', '"']) {
        if rest[at..].starts_with('.') {
            let name = &rest[at + 1..];
            let end = name
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            name[..end].clone_into(&mut member);
            rest = &name[end..];
            let value = || identifier(rest.trim_start().strip_prefix('=')?);
            match member.as_str() {
                "cmd" => command.handler = value().unwrap_or_default(),
                "cmd_info_hrt" => command.text_of = value().unwrap_or_default(),
                _ => {}
            }
        } else {
            let (text, after) = literal(&rest[at + 1..]);
            match member.as_str() {
                "name" => command.name.push_str(&text),
                "args_type" => command.args.push_str(&text),
                "params" => command.params.push_str(&text),
                "help" => command.help.push_str(&text),
                "flags" => command.flags.push_str(&text),
                _ => {}
            }
            rest = after;
        }
    }
    command
}

/// The C identifier at the start of `text`.
fn identifier(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Reads a string literal behind its opening quote.
fn literal(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, other)) => out.push(other),
                None => break,
            },
            other => out.push(other),
        }
    }
    (out, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"HXCOMM A comment, with "quotes"

    {
        .name       = "frob|f",
        .args_type  = "force:-f,device:B",
        .params     = "[-f] device",
        .help       = "frobnicate\n\t\t\t with .name and \"quotes\"",
        .cmd        = hmp_frob,
        .flags      = "p",
    },

SRST
``frob``
  {
  Not an entry.
ERST

#if defined(TARGET_A) || \
    defined(TARGET_B)
#ifdef CONFIG_X
    {
        .name       = "x",
        .args_type  = "",
        .params     = "a"
#ifdef CONFIG_Y
                      "|b"
#endif
                      "|c",
        .help       = "",
        .mhandler.cmd = hmp_x,
    },
#endif
#endif
    {
        .name       = "y",
        .cmd_info_hrt = qmp_x_query_y,
    },
STEXI
@item x
ETEXI
"#;

    #[test]
    fn both_styles_of_documentation_and_conditions() {
        let commands = parse(TEXT).unwrap();
        assert_eq!(commands.len(), 3);
        assert_eq!(
            commands[0],
            HxCommand {
                name: "frob|f".into(),
                args: "force:-f,device:B".into(),
                params: "[-f] device".into(),
                help: "frobnicate\n\t\t\t with .name and \"quotes\"".into(),
                flags: "p".into(),
                handler: "hmp_frob".into(),
                text_of: String::new(),
                conditions: vec![],
            }
        );
        assert!(commands[0].preconfig());
        assert_eq!(commands[1].params, "a|b|c");
        assert_eq!(commands[1].handler, "hmp_x");
        assert_eq!(commands[2].text_command().as_deref(), Some("x-query-y"));
        assert_eq!(
            commands[1].conditions,
            [
                "defined(TARGET_A) || defined(TARGET_B)",
                "defined(CONFIG_X)"
            ]
        );
    }

    #[test]
    fn definitions_of_qmp_commands() {
        let name = |line| definition(line);
        assert_eq!(name("{ 'command': 'stop' }").as_deref(), Some("stop"));
        assert_eq!(name("{'command': 'x-a','data': {}").as_deref(), Some("x-a"));
        assert_eq!(name("# { 'command': 'stop' }"), None);
    }

    #[test]
    fn broken_files_are_named_by_line() {
        for (text, message) in [
            (
                "    {\n .name = \"x\",\n",
                "line 2: the file ends inside an entry",
            ),
            ("#if A\n", "line 1: #if without #endif"),
            ("#endif\n", "line 1: #endif without #if"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
