// SPDX-License-Identifier: GPL-2.0-or-later
//! The reference is complete, and its words are our own.

use hmp_engine::command::nature::Family;
use hmp_engine::command::row::Way;
use hmp_engine::table::{INFO, MAIN};
use parity::tables::hx;

use super::*;
use crate::generate;
use crate::prose::sentence;

/// The words of a text, in lower case, without what surrounds them.
fn words(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.to_lowercase()
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// The pages as they are in the repository; another test says when one is stale.
fn written() -> (String, Vec<String>, String) {
    let read = |name: &str| {
        let path = generate::root().unwrap().join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let families = Family::ALL.map(|family| read(&format!("{FOLDER}/{}", commands::file(family))));
    (
        read("docs/commands/README.md"),
        families.into(),
        read("docs/cookbook.md"),
    )
}

/// The commands without an example: answers of `help` are not recorded, being QEMU's sentences, nor
/// are histories; the QEMUs that were recorded have no `migration_mode` and no `trace-file`.
const WITHOUT_EXAMPLE: &[&str] = &[
    "help",
    "info",
    "migration_mode",
    "trace-file",
    "info history",
];

#[test]
fn every_command_has_its_section() {
    let (list, families, cookbook) = written();
    let sections = families.iter().flat_map(|text| text.split("\n## ").skip(1));
    let sections: Vec<&str> = sections.collect();
    let mut without = Vec::new();
    let entries = facts::entries();
    for entry in &entries {
        let (name, row) = (&entry.name, entry.row());
        let head = format!("`{name}`\n");
        let own: Vec<_> = sections.iter().filter(|s| s.starts_with(&head)).collect();
        let [section] = own[..] else {
            panic!("{} sections of {name}", own.len());
        };
        let has = |what: &str| assert!(section.contains(what), "{name} without {what:?}");
        has(&format!("```text\n{name}"));
        if !section.contains("None of the recorded QEMUs has it.") {
            has("| QEMU | without the built-in | by default |");
        }
        let mut routes = entry.rows.iter().flat_map(|row| row.routes);
        if routes.any(|route| !matches!(route.way, Way::Blocked(_))) {
            has("- Risk: ");
        }
        let said: String = section.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            !row.help.is_empty() && said.contains(&sentence(row.help)),
            "{name}"
        );
        assert!(
            list.contains(&format!("[`{name}`](")),
            "{name} is not listed"
        );
        assert!(
            cookbook.contains(&format!("### [`{name}`](commands/")),
            "{name}"
        );
        if !section.contains("\n(qemu) ") {
            without.push(name.as_str());
        }
    }
    assert_eq!(sections.len(), entries.len());
    let rows: usize = entries.iter().map(|entry| entry.rows.len()).sum();
    assert_eq!(rows, MAIN.len() + INFO.len());
    assert_eq!(without, WITHOUT_EXAMPLE);
}

#[test]
#[allow(clippy::print_stdout, reason = "what is skipped is said")]
fn no_sentence_is_qemus() {
    let Ok(trees) = std::env::var("HMP_TEST_QEMU_TREES") else {
        println!("skipped: HMP_TEST_QEMU_TREES names no source trees");
        return;
    };
    // What was recorded is QEMU's, and shown as such.
    let mut ours = String::new();
    let (list, families, cookbook) = written();
    for text in [list, cookbook].iter().chain(&families) {
        for (at, part) in text.split("```").enumerate() {
            if at % 2 == 0 {
                ours.push_str(part);
            }
        }
    }
    let ours = words(&ours);
    let mut count = 0;
    for tree in trees.split(':') {
        let tables = hx::tree(Path::new(tree)).unwrap();
        let helps = tables.main.iter().chain(&tables.info);
        let helps: Vec<String> = helps.map(|command| words(&command.help)).collect();
        for row in MAIN.iter().chain(INFO) {
            assert!(!helps.contains(&words(row.help)), "{tree}: {:?}", row.help);
        }
        let manual = ["hmp-commands.hx", "hmp-commands-info.hx"]
            .map(|name| std::fs::read_to_string(format!("{tree}/{name}")).unwrap());
        let blocks = manual.iter().flat_map(|text| {
            let blocks = text.split("\nSRST\n").skip(1);
            blocks.map(|block| block.split("\nERST\n").next().unwrap_or_default())
        });
        // A line that begins with code is a heading.
        let blocks = blocks.map(|block| {
            let lines = block.lines().filter(|line| !line.starts_with("``"));
            lines.collect::<Vec<_>>().join(" ")
        });
        let sentences = blocks.flat_map(|block| {
            let sentences = block.split(". ").map(words);
            sentences.collect::<Vec<_>>()
        });
        for sentence in helps.iter().cloned().chain(sentences) {
            // Fewer words are names of things.
            if sentence.split_whitespace().count() < 6 {
                continue;
            }
            count += 1;
            assert!(!ours.contains(&sentence), "{tree}: {sentence:?}");
        }
    }
    assert!(count > 400, "{count} sentences");
}
