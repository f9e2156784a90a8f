// SPDX-License-Identifier: GPL-2.0-or-later
//! What TAB completes: a line of QEMU's, or what one of the prompt's own commands takes.

use hmp_engine::command::rows::Rows;
use hmp_engine::engine::complete::more::{Item, Offers};

use crate::discover::Vm;
use crate::host::users;
use crate::repl::aside::tail::file_begins;
use crate::repl::own::pages::{self, Own};
use crate::repl::own::watch::watched;

/// What is at the end of a text, and the byte where that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// A line: QEMU's, or the prompt's where it is the whole text.
    Line(usize),
    /// A QMP command.
    Qmp(usize),
    /// A file of this machine; whether its name may be in quotes.
    File(usize, bool),
    Vm(usize),
    /// Which events are shown.
    Events(usize),
    /// One of these words.
    Words(usize, &'static [&'static str]),
    Nothing,
}

/// What `allow` takes, as in [`Risk`](hmp_engine::host::Risk).
const RISKS: &[&str] = &["pausing", "risky", "safe"];

/// Ways to show a picture.
const PICTURES: &[&str] = &["-t", "blocks", "iterm", "kitty", "sixel"];

/// What is at the end of a text. `is_line` says whether a text is a line that can be carried out.
pub(super) fn inside(text: &str, rows: &Rows, is_line: impl Fn(&str) -> bool) -> Inside {
    if let Some(start) = file_begins(text, is_line) {
        return Inside::File(start, true);
    }
    let mut start = 0;
    // A line behind a line is shorter.
    while let Some((own, behind)) = pages::behind(&text[start..], rows) {
        start += behind;
        start += match own {
            Own::Explain => 0,
            Own::Watch => match line_of(&text[start..]) {
                Some(line) => line,
                None => return Inside::Nothing,
            },
            Own::Qmp => return Inside::Qmp(start),
            Own::Source => return Inside::File(start, false),
            Own::Connect => return Inside::Vm(start),
            Own::Events => return Inside::Events(start),
            Own::Screen => return Inside::Words(start, PICTURES),
            Own::Type => return Inside::Words(start, &["-p"]),
            Own::Allow => return Inside::Words(start, RISKS),
            Own::Apropos | Own::LastEvents | Own::Shell | Own::Vms => return Inside::Nothing,
        };
    }
    Inside::Line(start)
}

/// Where the line of `watch` begins in its arguments; none where the pause is not complete.
fn line_of(arguments: &str) -> Option<usize> {
    if !arguments.starts_with("-n") {
        return Some(0);
    }
    // A line is not there yet.
    let whole = format!("{arguments}x");
    let (_, line) = watched(&whole).ok()?;
    Some(whole.len() - line.len())
}

/// The words that `events` takes, for the end of its arguments.
pub(super) fn events(arguments: &str, names: Vec<String>) -> Offers {
    let start = arguments
        .rfind(|c: char| c.is_ascii_whitespace())
        .map_or(0, |at| at + 1);
    let (before, typed) = arguments.split_at(start);
    let sign = if typed.starts_with('-') { "-" } else { "" };
    let words: &[&str] = match before.trim() {
        "" => &["all", "off", "on", "progress"],
        "progress" => &["off", "on"],
        _ => &[],
    };
    let names = match before.trim() {
        "progress" => Vec::new(),
        _ => names,
    };
    let words = words.iter().map(|word| (*word).to_owned());
    let items = words.chain(names.into_iter().map(|name| format!("{sign}{name}")));
    fitting(start, typed, items.map(|text| item(text, String::new())))
}

/// The QEMUs that one can connect to: by name where that is one's own, else by process.
pub(super) fn vms(typed: &str, vms: &[Vm]) -> Offers {
    let items = vms.iter().filter(|vm| !vm.sockets.is_empty()).map(|vm| {
        let named = vm.name.as_ref().filter(|name| {
            let same = vms.iter().filter(|other| other.name.as_ref() == Some(name));
            same.count() == 1 && !name.contains(|c: char| c.is_whitespace())
        });
        let facts = [
            named.map(|_| format!("process {}", vm.pid)),
            vm.machine.clone(),
            (!vm.ours).then(|| format!("of user {}", users::shown(vm.owner))),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        let text = named.map_or_else(|| vm.pid.to_string(), Clone::clone);
        item(text, facts.join(", "))
    });
    fitting(0, typed, items)
}

/// Those of these words that begin as the typed one.
pub(super) fn words(typed: &str, words: &[&str]) -> Offers {
    let items = words
        .iter()
        .map(|word| item((*word).to_owned(), String::new()));
    fitting(0, typed, items)
}

fn item(text: String, about: String) -> Item {
    Item {
        text,
        about,
        open: false,
    }
}

fn fitting(start: usize, typed: &str, items: impl Iterator<Item = Item>) -> Offers {
    let mut items: Vec<Item> = items.filter(|item| item.text.starts_with(typed)).collect();
    items.sort();
    Offers {
        start,
        items,
        ..Offers::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("info na", Inside::Line(0))]
    #[case("watch", Inside::Line(0))]
    #[case("watch info na", Inside::Line(6))]
    #[case("watch -n 2 info na", Inside::Line(11))]
    #[case("watch -n 2 ", Inside::Line(11))]
    #[case("watch -n 2", Inside::Nothing)]
    #[case(" explain  info", Inside::Line(10))]
    #[case("explain watch info", Inside::Line(14))]
    #[case("qmp ", Inside::Qmp(4))]
    #[case("qmp a b=1 ", Inside::Qmp(4))]
    #[case("source a b", Inside::File(7, false))]
    #[case("connect v", Inside::Vm(8))]
    #[case("events on ", Inside::Events(7))]
    #[case("screendump ", Inside::Line(0))]
    #[case("screen ", Inside::Words(7, PICTURES))]
    #[case("!ls ", Inside::Nothing)]
    #[case("info whole > ", Inside::File(13, true))]
    #[case("info whole >> \"a b", Inside::File(14, true))]
    #[case("info whole >", Inside::Line(0))]
    #[case("info whole | le", Inside::Line(0))]
    fn ends(#[case] text: &str, #[case] expected: Inside) {
        let is_line = |text: &str| text == "info whole";
        assert_eq!(inside(text, &Rows::default(), is_line), expected);
    }

    #[test]
    fn words_of_events() {
        let offered = |arguments: &str| {
            let names = vec!["STOP".to_owned(), "RESET".to_owned()];
            let offers = events(arguments, names);
            let texts = offers.items.into_iter().map(|item| item.text);
            (offers.start, texts.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(offered("o"), (0, "off on".into()));
        assert_eq!(offered("STOP R"), (5, "RESET".into()));
        assert_eq!(offered("-S"), (0, "-STOP".into()));
        assert_eq!(offered("progress "), (9, "off on".into()));
    }
}
