// SPDX-License-Identifier: GPL-2.0-or-later
//! The names of commands, for what is shown while a line is typed: whether a name is known, what
//! its arguments are, what a wrong one may have been meant for.

use std::sync::{Arc, PoisonError, RwLock};

use hmp_engine::command::rows::Rows;
use hmp_engine::qmp::version::Version;

use crate::repl::own::pages::PAGES;

/// How much a name may differ from one that was meant.
const ALIKE: f64 = 0.75;

/// Bytes of a word that may be a name; to compare longer ones takes long.
const LONGEST: usize = 64;

/// A shorter name is like too much.
const SHORT: usize = 3;

/// Most names that are offered in place of a wrong one.
const OFFERED: usize = 3;

/// The names; the line editor's thread looks into them.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary(Arc<RwLock<Vec<Word>>>);

#[derive(Debug)]
struct Word {
    /// With `info ` in front, where it is one of those.
    name: String,
    params: &'static str,
}

/// What a line begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The name of a command, up to this byte, and its arguments as help shows them.
    Command(usize, &'static str),
    /// What may become one.
    Beginning,
    /// No command: the wrong word, by its bytes.
    Wrong(usize, usize),
}

impl Vocabulary {
    /// Takes the commands of another QEMU, and those of the prompt.
    pub(super) fn learn(
        &self,
        rows: &Rows,
        version: Version,
        aliases: impl Iterator<Item = String>,
    ) {
        let theirs = rows.all().flat_map(|(prefix, row)| {
            row.names().map(move |name| Word {
                name: format!("{prefix}{name}"),
                params: row.params_in(version),
            })
        });
        let ours = PAGES.iter().map(|page| Word {
            name: page.name.to_owned(),
            params: page.params,
        });
        let aliases = aliases.map(|name| Word { name, params: "" });
        let words = theirs.chain(ours).chain(aliases).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// What the line begins with.
    pub(super) fn look(&self, line: &str) -> Known {
        let words = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let start = line.len() - line.trim_start().len();
        if line[start..].starts_with('!') {
            return Known::Command(start + 1, "");
        }
        let end = |from: usize| {
            let rest = &line[from..];
            from + rest
                .find(|c: char| c.is_ascii_whitespace() || c == '/')
                .unwrap_or(rest.len())
        };
        let first = start..end(start);
        let info = &line[first.clone()] == "info";
        let behind = line[first.end..].trim_start();
        let (word, typed) = if info && !behind.is_empty() {
            let from = line.len() - behind.len();
            let word = from..end(from);
            let typed = format!("info {}", &line[word.clone()]);
            (word, typed)
        } else {
            (first.clone(), line[first].to_owned())
        };
        if let Some(known) = words.iter().find(|known| known.name == typed) {
            return Known::Command(word.end, known.params);
        }
        let open = word.end == line.len();
        match open && words.iter().any(|known| known.name.starts_with(&typed)) {
            true => Known::Beginning,
            false => Known::Wrong(word.start, word.end),
        }
    }

    /// Names that may have been meant by a line that is complete.
    pub(super) fn meant(&self, line: &str) -> Vec<String> {
        if let Known::Command(..) = self.look(line) {
            return Vec::new();
        }
        let mut typed = line.split_ascii_whitespace();
        let mut word = || {
            let word = typed.next().filter(|word| word.len() <= LONGEST);
            word.unwrap_or_default().to_ascii_lowercase()
        };
        let (first, second) = (word(), word());
        let both = format!("{first} {second}");
        let words = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let likeness = |name: &str| match name.strip_prefix("info ") {
            // "status" for "info status", "infostatus" for it too.
            Some(short) => [(&first, short), (&both, name)]
                .map(|(typed, name)| strsim::jaro_winkler(typed, name))
                .into_iter()
                .fold(0.0, f64::max),
            None => strsim::jaro_winkler(&first, name),
        };
        let info = first == "info";
        let of_table = words
            .iter()
            .filter(|word| !info || word.name.starts_with("info "))
            .filter(|word| word.name.len() >= SHORT);
        let mut alike: Vec<_> = of_table
            .map(|word| {
                let name = word.name.as_str();
                let likeness = match name.strip_prefix("info ") {
                    Some(short) if info => strsim::jaro_winkler(&second, short),
                    _ => likeness(name),
                };
                (likeness, name)
            })
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let best = alike.first().map_or(0.0, |(likeness, _)| *likeness);
        let near = alike
            .iter()
            .take_while(|(likeness, _)| best - likeness < 0.05);
        near.take(OFFERED)
            .map(|(_, name)| (*name).to_owned())
            .collect()
    }
}

/// What is left to be typed of the arguments that help shows, behind those that are there.
pub(super) fn left(params: &str, typed: &str) -> String {
    let flags = |word: &&str| word.trim_start_matches('[').starts_with('-');
    let there = typed
        .split_ascii_whitespace()
        .filter(|word| !flags(word))
        .count();
    let mut skip = there;
    let words = params.split(' ').filter(|word| {
        if typed.is_empty() || typed.trim().is_empty() {
            return true;
        }
        if flags(word) {
            return false;
        }
        let shown = skip == 0;
        skip = skip.saturating_sub(1);
        shown
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use hmp_engine::command::rows::Tables;
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;
    use hmp_engine::table::{INFO, MAIN};
    use rstest::rstest;

    use super::*;

    fn vocabulary() -> Vocabulary {
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), ["query-name"]);
        let tables = Tables {
            main: MAIN,
            info: INFO,
        };
        let vocabulary = Vocabulary::default();
        vocabulary.learn(
            &Rows::new(tables, &caps),
            caps.version,
            std::iter::once("st".to_owned()),
        );
        vocabulary
    }

    #[rstest]
    #[case("", Known::Beginning)]
    #[case("inf", Known::Beginning)]
    #[case("info", Known::Command(4, "[subcommand]"))]
    #[case("info ", Known::Command(4, "[subcommand]"))]
    #[case("info stat", Known::Beginning)]
    #[case("info status", Known::Command(11, ""))]
    #[case("info statsu", Known::Wrong(5, 11))]
    #[case("info nosuch x", Known::Wrong(5, 11))]
    #[case(" foo bar", Known::Wrong(1, 4))]
    #[case("sto x", Known::Wrong(0, 3))]
    #[case("st", Known::Command(2, ""))]
    #[case("!ls", Known::Command(1, ""))]
    #[case("stop|s", Known::Wrong(0, 6))]
    fn what_a_line_begins_with(#[case] line: &str, #[case] known: Known) {
        assert_eq!(vocabulary().look(line), known);
    }

    #[rstest]
    #[case("info statsu", "info status")]
    #[case("satus", "info status")]
    #[case("sytem_reset", "system_reset")]
    #[case("devce_add e1000", "device_add")]
    #[case(&format!("devce_add e1000,id={}", "0".repeat(LONGEST)), "device_add")]
    fn what_was_meant(#[case] line: &str, #[case] meant: &str) {
        let names = vocabulary().meant(line);
        assert!(names.iter().any(|name| name == meant), "{names:?}");
    }

    #[test]
    fn nothing_is_offered_for_what_is_like_nothing() {
        assert_eq!(vocabulary().meant("zzzzqq"), [""; 0]);
        assert_eq!(vocabulary().meant("info status"), [""; 0]);
    }

    #[rstest]
    #[case("", "[-f] device [target]")]
    #[case(" ", "[-f] device [target]")]
    #[case("-f ", "device [target]")]
    #[case("d0 ", "[target]")]
    #[case("-f d0 t0 ", "")]
    fn what_is_left_to_type(#[case] typed: &str, #[case] shown: &str) {
        assert_eq!(left("[-f] device [target]", typed), shown);
    }
}
