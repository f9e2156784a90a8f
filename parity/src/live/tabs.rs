// SPDX-License-Identifier: GPL-2.0-or-later
//! What our completion makes of a line with TAB, the way `hmp`'s line editor does.

use hmp::host::files::{self, Place};
use hmp_engine::command::row::Comp;
use hmp_engine::engine::Monitor;
use hmp_engine::qmp::{Qmp, QmpError};
use serde_json::json;

use super::panics::caught;
use crate::judge::{Tab, Tabs};

/// QEMU loads its modules when all types are asked for, which ours does and the built-in does not;
/// what is known then differs from a fresh VM's, for both.
pub async fn load_modules(qmp: &dyn Qmp) -> Result<(), QmpError> {
    qmp.execute("qom-list-types", json!({})).await?;
    Ok(())
}

/// What our completion makes of a line with two TABs; the error is the text of a panic.
///
/// Names of files are looked up in `place`.
pub async fn ours(monitor: &mut Monitor, text: &str, place: &Place) -> Result<Tabs, String> {
    caught(async {
        let (first, argument) = tab(monitor, text, place).await;
        let (second, then) = tab(monitor, &first.line, place).await;
        Tabs {
            kind: argument.word(),
            files: [argument, then].contains(&Comp::File),
            tabs: [first, second],
        }
    })
    .await
}

async fn tab(monitor: &mut Monitor, text: &str, place: &Place) -> (Tab, Comp) {
    let completion = monitor.complete(text, text.len()).await;
    let (start, mut words) = (completion.start, completion.candidates);
    if completion.files {
        words.extend(files::complete(place, &text[start..]));
    }
    let (line, list) = inserted(text, start, words);
    (Tab { line, list }, completion.argument)
}

/// The line with what all words have in common, and the words where there are several. A word that
/// is the only one is finished, so a blank follows, unless it is a folder.
fn inserted(text: &str, start: usize, words: Vec<String>) -> (String, Vec<String>) {
    let Some(first) = words.first() else {
        return (text.to_owned(), words);
    };
    if let [word] = &words[..] {
        let blank = if word.ends_with('/') { "" } else { " " };
        return (format!("{}{word}{blank}", &text[..start]), Vec::new());
    }
    let mut common = first.as_str();
    while !words.iter().all(|word| word.starts_with(common)) {
        let (last, _) = common.char_indices().next_back().unwrap_or_default();
        common = &common[..last];
    }
    if common.len() > text.len() - start {
        (format!("{}{common}", &text[..start]), words)
    } else {
        (text.to_owned(), words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_words_have_in_common_is_put_in() {
        let line = |text: &str, start, words: &[&str]| {
            inserted(text, start, words.iter().map(|&w| w.to_owned()).collect())
        };
        assert_eq!(line("info st", 5, &["stats", "status"]).0, "info stat");
        assert_eq!(line("q", 0, &["qemu-io", "quit"]).0, "q");
        assert_eq!(line("qui", 0, &["quit"]), ("quit ".into(), vec![]));
        assert_eq!(line("logfile /t", 8, &["/tmp/"]).0, "logfile /tmp/");
        assert_eq!(line("nosuch ", 7, &[]), ("nosuch ".into(), vec![]));
    }
}
