// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt's own commands: their names and what help says of them. A command that QEMU has by
//! the same name comes first.

use std::fmt;

use hmp_engine::command::rows::Rows;
use hmp_engine::engine::complete::more as complete;

/// Which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::repl) enum Own {
    Allow,
    Apropos,
    Connect,
    Events,
    LastEvents,
    Explain,
    Qmp,
    Screen,
    Source,
    Watch,
    Shell,
    Type,
    Vms,
}

/// What help says of a command.
pub(in crate::repl) struct Page {
    pub(in crate::repl) own: Own,
    pub(in crate::repl) name: &'static str,
    pub(in crate::repl) params: &'static str,
    pub(in crate::repl) help: &'static str,
    /// Whether its argument is a text that may hold any sign.
    pub(in crate::repl) text: bool,
}

impl fmt::Display for Page {
    /// The line of help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.params.is_empty() { "" } else { " " };
        write!(f, "{}{gap}{} -- {}", self.name, self.params, self.help)
    }
}

const fn page(
    own: Own,
    name: &'static str,
    params: &'static str,
    help: &'static str,
    text: bool,
) -> Page {
    Page {
        own,
        name,
        params,
        help,
        text,
    }
}

/// All of them, sorted by name.
pub(in crate::repl) const PAGES: &[Page] = &[
    page(Own::Shell, "!", "command", "run a shell command", true),
    page(
        Own::Allow,
        "allow",
        "[safe|pausing|risky]",
        "show, or choose, what lines may do to this VM: stop it for a moment, or what could harm it",
        false,
    ),
    page(
        Own::Apropos,
        "apropos",
        "word",
        "list the commands whose name or help has a word",
        false,
    ),
    page(
        Own::Connect,
        "connect",
        "[address|name|pid]",
        "go to another VM, or back to one that was restarted",
        false,
    ),
    page(
        Own::Events,
        "events",
        "[on|off|all|progress [off]|pattern ...]",
        "show, or choose, the events that are shown above the line; -PATTERN leaves out",
        false,
    ),
    page(
        Own::Explain,
        "explain",
        "line",
        "say what a line would do, by which QMP commands, without doing it",
        true,
    ),
    page(
        Own::LastEvents,
        "info events",
        "",
        "show the last 100 events",
        false,
    ),
    page(
        Own::Qmp,
        "qmp",
        "command [arguments]|{request}",
        "execute a QMP command and show its reply",
        true,
    ),
    page(
        Own::Screen,
        "screen",
        "[-t|kitty|iterm|sixel|blocks]",
        "show the VM's screen here, with -t a PC's text screen as text",
        false,
    ),
    page(
        Own::Source,
        "source",
        "file",
        "run the lines of a file",
        false,
    ),
    page(
        Own::Type,
        "type",
        "[-p] text",
        "type a text on the VM's keyboard (en-us; \\n is Enter), with -p one that is asked for, unseen",
        true,
    ),
    page(Own::Vms, "vms", "", "list the running QEMUs", false),
    page(
        Own::Watch,
        "watch",
        "[-n seconds] line",
        "run a line that only looks again and again, until Ctrl-C",
        true,
    ),
];

/// The command that a line names, and what is behind its name.
pub(in crate::repl) fn find<'l>(line: &'l str, rows: &Rows) -> Option<(&'static Page, &'l str)> {
    let line = line.trim();
    // Without a name of a file, that is an error in the built-in.
    if line == "screendump" {
        let screen = PAGES.iter().find(|page| page.own == Own::Screen)?;
        return Some((screen, ""));
    }
    if let Some(rest) = line.strip_prefix('!') {
        let shell = PAGES.iter().find(|page| page.own == Own::Shell)?;
        return Some((shell, rest.trim()));
    }
    PAGES.iter().find_map(|page| {
        let mut rest = line;
        for word in page.name.split(' ') {
            let behind = rest.trim_start().strip_prefix(word)?;
            if behind.starts_with(|c: char| !c.is_ascii_whitespace()) {
                return None;
            }
            rest = behind;
        }
        (!has(rows, page.name)).then(|| (page, rest.trim()))
    })
}

/// The page that help is asked about, by its name.
pub(in crate::repl) fn named(name: &str, rows: &Rows) -> Option<&'static Page> {
    let words: Vec<&str> = name.split_ascii_whitespace().collect();
    let name = words.join(" ");
    let page = PAGES.iter().find(|page| page.name == name)?;
    (!has(rows, page.name)).then_some(page)
}

/// The command that a text names, where what it takes is typed, and the byte where that begins.
pub(in crate::repl) fn behind(text: &str, rows: &Rows) -> Option<(Own, usize)> {
    let (page, rest) = find(text, rows)?;
    let named = text.trim_start().strip_prefix(page.name)?;
    if page.own != Own::Shell && named.starts_with(|c: char| !c.is_ascii_whitespace()) {
        return None;
    }
    let start = match rest {
        "" if text.ends_with(|c: char| c.is_ascii_whitespace()) => text.len(),
        "" => return None,
        rest => text.trim_end().len() - rest.len(),
    };
    Some((page.own, start))
}

/// Those that a line may become, as candidates for its last word.
pub(in crate::repl) fn items(text: &str) -> impl Iterator<Item = complete::Item> {
    let text = text.trim_start().to_owned();
    let start = text.rfind(' ').map_or(0, |at| at + 1);
    let fits = PAGES
        .iter()
        .filter(move |page| page.name.starts_with(&text));
    fits.filter_map(move |page| {
        // One word at a time.
        let word = page.name.get(start..).filter(|rest| !rest.contains(' '))?;
        Some(complete::Item {
            text: word.to_owned(),
            about: page.help.to_owned(),
            open: false,
        })
    })
}

/// Whether QEMU has a command of this name.
pub(in crate::repl) fn has(rows: &Rows, name: &str) -> bool {
    let (table, name) = match name.strip_prefix("info ") {
        Some(name) => (&rows.info, name),
        None => (&rows.main, name),
    };
    table
        .iter()
        .any(|row| row.names().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(Own, &str)> {
        find(line, &Rows::default()).map(|(page, rest)| (page.own, rest))
    }

    #[test]
    fn names_are_whole_words() {
        assert_eq!(found(" events  off "), Some((Own::Events, "off")));
        assert_eq!(found("eventsoff"), None);
        assert_eq!(found("info  events"), Some((Own::LastEvents, "")));
        assert_eq!(found("info status"), None);
        assert_eq!(found("!ls -l"), Some((Own::Shell, "ls -l")));
        assert_eq!(found("! ls"), Some((Own::Shell, "ls")));
        assert_eq!(found(""), None);
    }

    #[test]
    fn pages_are_sorted_and_whole() {
        assert!(PAGES.is_sorted_by_key(|page| page.name));
        for page in PAGES {
            assert!(
                !page.help.is_empty() && !page.help.ends_with('.'),
                "{}",
                page.name
            );
        }
    }
}
