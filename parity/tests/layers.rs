// SPDX-License-Identifier: GPL-2.0-or-later
//! Who asks whom: folders of the source ask only folders below them, and no modules ask in a
//! circle. Read from the `use` lines; what tests ask for does not count.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each folder, and those that it may ask beside itself.
const BELOW: &[(&str, &[&str])] = &[
    ("case", &[]),
    ("judge", &["case"]),
    ("live", &["judge", "case"]),
    ("tables", &["judge", "case"]),
    ("recorded", &["live", "judge", "case"]),
    ("report", &["tables", "judge", "case"]),
];

/// Modules by path (`judge::mask`), each with the paths that its `use` lines name, from the root of
/// the crate. A module that only declares others has the path of its folder.
fn modules() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders: Vec<_> = BELOW.iter().map(|(name, _)| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let file = path.strip_prefix(&root).unwrap().with_extension("");
                let parts: Vec<_> = file.iter().map(|p| p.to_str().unwrap()).collect();
                let module = parts.join("::");
                let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let is_folder = path.ends_with("mod.rs");
                found.insert(module.clone(), asked(&text, &module, is_folder));
            }
        }
    }
    found
}

/// The paths of the `use` lines ahead of the tests.
fn asked(text: &str, module: &str, is_folder: bool) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let mut paths = BTreeSet::new();
    for statement in code.split(';') {
        let Some((_, path)) = statement.rsplit_once("use ") else {
            continue;
        };
        let path: String = path.split_whitespace().collect::<Vec<_>>().join(" ");
        let parent = match is_folder {
            true => module,
            false => module.rsplit_once("::").unwrap().0,
        };
        if let Some(rest) = path.strip_prefix("crate::") {
            spread("", rest, &mut paths);
        } else if let Some(rest) = path.strip_prefix("super::") {
            spread(parent, rest, &mut paths);
        } else if is_folder {
            spread(module, &path, &mut paths);
        }
    }
    paths
}

/// Writes `a::{b, c::d}` as `a::b` and `a::c::d`, below `base`.
fn spread(base: &str, path: &str, paths: &mut BTreeSet<String>) {
    let join = |rest: &str| match base {
        "" => rest.to_owned(),
        base => format!("{base}::{rest}"),
    };
    match path.split_once('{') {
        Some((head, list)) => {
            assert!(
                !list.contains('{'),
                "{path}: lists in lists are not read here"
            );
            for item in list.trim_end_matches('}').split(',') {
                let item = item.trim().trim_end_matches("::self");
                let whole = match item {
                    "" => continue,
                    "self" => head.trim_end_matches("::").to_owned(),
                    item => format!("{head}{item}"),
                };
                paths.insert(join(&whole));
            }
        }
        None => {
            paths.insert(join(path));
        }
    }
}

/// The module that an item's path lies in. An item that a folder passes on (`judge::Verdict`) lies
/// where the folder says that it comes from.
fn home(path: &str, all: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut module = path;
    loop {
        if let Some(of_folder) = all.get(module) {
            let item = path[module.len()..].trim_start_matches("::");
            let passed = of_folder.iter().find(|p| {
                let ends = p.rsplit("::").next() == item.split("::").next();
                ends && !item.is_empty() && p.as_str() != path
            });
            return match passed {
                Some(passed) => home(passed, all),
                None => Some(module.to_owned()),
            };
        }
        module = module.rsplit_once("::")?.0;
    }
}

/// Modules, and the modules that each asks. Folders that only pass items on ask nobody.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let all = modules();
    let is_folder = |m: &str| all.keys().any(|k| k.starts_with(&format!("{m}::")));
    let of = |(module, paths): (&String, &BTreeSet<String>)| {
        let homes = paths.iter().filter_map(|path| home(path, &all));
        let homes = homes.filter(|h| h != module).collect::<BTreeSet<_>>();
        (
            module.clone(),
            if is_folder(module) {
                BTreeSet::new()
            } else {
                homes
            },
        )
    };
    all.iter().map(of).collect()
}

#[test]
fn folders_ask_only_folders_below_them() {
    let folder = |module: &str| module.split("::").next().unwrap().to_owned();
    let mut wrong = Vec::new();
    for (from, to) in arrows() {
        let (_, below) = BELOW
            .iter()
            .find(|(name, _)| *name == folder(&from))
            .unwrap();
        for to in to {
            let to_folder = folder(&to);
            if to_folder != folder(&from) && !below.contains(&to_folder.as_str()) {
                wrong.push(format!("{from} asks {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_modules_ask_in_a_circle() {
    let mut left = arrows();
    // Takes away modules that ask nobody who is left, until none is left or all are in circles.
    loop {
        let done: Vec<String> = left
            .iter()
            .filter(|(_, to)| to.iter().all(|t| !left.contains_key(t)))
            .map(|(from, _)| from.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        for module in done {
            left.remove(&module);
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn the_arrows_are_read() {
    let arrows = arrows();
    let asks = |from: &str, to: &str| arrows[from].contains(to);
    assert!(asks("judge::ladder", "judge::verdict"), "by super");
    assert!(
        asks("live::vm", "case::file"),
        "by a folder that passes it on"
    );
    assert!(asks("recorded::run", "live::engine"), "by a list");
    assert!(
        asks("live::fuzz::run", "live::fuzz::found"),
        "within a folder in a folder"
    );
    assert!(arrows.len() > 40 && !asks("judge::verdict", "judge::ladder"));
}
