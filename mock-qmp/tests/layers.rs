// SPDX-License-Identifier: GPL-2.0-or-later
//! Who asks whom inside the library: the drawing on the front page of `src/lib.rs`, checked against
//! the paths that the sources name.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The folders in the order of the drawing, top first.
fn drawing() -> Vec<String> {
    let page = include_str!("../src/lib.rs");
    let (_, rest) = page.split_once("//! ```text\n").unwrap();
    let (drawing, _) = rest.split_once("//! ```\n").unwrap();
    let lines = drawing.lines().map(|line| line.trim_start_matches("//! "));
    // Lines that go on with a sentence begin with blanks.
    let first = lines.filter(|line| !line.starts_with(' '));
    first
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

/// The source files of a folder by their module's name, without their tests.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(folder);
    let mut sources = BTreeMap::new();
    for file in std::fs::read_dir(path).unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(path.is_file(), "{}: a folder in a folder", path.display());
        if module != "tests" {
            let text = std::fs::read_to_string(&path).unwrap();
            let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            sources.insert(module, code.collect::<Vec<_>>().join("\n"));
        }
    }
    sources
}

/// The first names after `prefix` in a source: one, or several in braces.
fn named(source: &str, prefix: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        let letters = text.chars();
        letters
            .take_while(|&letter| letter.is_alphanumeric() || letter == '_')
            .collect()
    };
    let mut names = BTreeSet::new();
    for (at, _) in source.match_indices(prefix) {
        let rest = &source[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (index, letter) in list.char_indices() {
            match letter {
                '}' if depth == 0 => {
                    names.insert(word(list[start..index].trim()));
                    break;
                }
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.insert(word(list[start..index].trim()));
                    start = index + 1;
                }
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

#[test]
fn names_are_found_in_paths_and_lists() {
    let source = "use super::a::B;\nuse super::{c, d::{E, F}, g::h,\n};\nlet x = super::i::j(1);";
    let found = named(source, "super::");
    assert_eq!(found.into_iter().collect::<String>(), "acdgi");
}

#[test]
fn the_drawing_shows_every_folder() {
    let shown: BTreeSet<_> = drawing().into_iter().collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let there = std::fs::read_dir(source).unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (!["lib.rs", "main.rs"].contains(&name.as_str())).then_some(name)
    });
    assert_eq!(there.collect::<BTreeSet<_>>(), shown);
}

#[test]
fn folders_ask_only_those_below() {
    let drawing = drawing();
    let mut wrong = Vec::new();
    for (place, folder) in drawing.iter().enumerate() {
        for (module, source) in sources(folder) {
            for asked in named(&source, "crate::") {
                if !drawing[place..].contains(&asked) {
                    wrong.push(format!("{folder}/{module} asks {asked}"));
                }
                if asked == *folder {
                    wrong.push(format!(
                        "{folder}/{module} asks its own folder from outside"
                    ));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_circle_inside_a_folder() {
    let mut wrong = Vec::new();
    for folder in drawing() {
        let mut sources = sources(&folder);
        sources.remove("mod");
        let mut asks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, source) in &sources {
            let asked = named(source, "super::");
            for name in asked.iter().filter(|name| !sources.contains_key(*name)) {
                wrong.push(format!("{folder}/{module} asks its parent for {name}"));
            }
            asks.insert(module.clone(), asked);
        }
        // Takes away those that ask nobody who is left, until nobody or a circle is left.
        loop {
            let left: BTreeSet<String> = asks.keys().cloned().collect();
            asks.retain(|_, asked| asked.iter().any(|name| left.contains(name)));
            if asks.len() == left.len() {
                break;
            }
        }
        let circle: Vec<_> = asks.into_keys().collect();
        if !circle.is_empty() {
            wrong.push(format!("{folder}: a circle among {}", circle.join(", ")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
