// SPDX-License-Identifier: GPL-2.0-or-later
//! Who may ask whom (docs/architecture.md): reads the paths of every crate and fails on an arrow up, on a circle, and
//! on a family of commands that asks another.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The crates' sources, from the repository's root.
const CRATES: &[&str] = &[
    "monitor/engine/src",
    "monitor/hmp/src",
    "mock-qmp/src",
    "parity/src",
];

/// The folders of a crate from the top down, as the drawing on its front page has them: a folder
/// may ask those below it.
fn drawing(source: &Path) -> Vec<String> {
    let page = std::fs::read_to_string(source.join("lib.rs")).unwrap();
    let (_, rest) = page.split_once("//! ```text\n").expect("a drawing");
    let (drawing, _) = rest.split_once("//! ```\n").unwrap();
    let lines = drawing.lines().map(|line| line.trim_start_matches("//! "));
    // A line that goes on with a sentence begins with blanks.
    let first = lines.filter(|line| !line.starts_with(' '));
    first
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

/// Which crates of ours a crate may link, by its Cargo.toml.
const LINKS: &[(&str, &[&str])] = &[
    ("monitor/engine", &[]),
    ("monitor/ffi", &["hmp-engine"]),
    ("monitor/hmp", &["hmp-engine", "mock-qmp"]),
    ("mock-qmp", &[]),
    ("parity", &["hmp", "hmp-engine", "mock-qmp"]),
];

const OURS: &[&str] = &["hmp", "hmp-engine", "hmp-ffi", "mock-qmp", "parity"];

type Module = Vec<String>;

/// Who asks whom: for each module those that its paths name, with one path that does.
type Arrows = BTreeMap<Module, BTreeMap<Module, String>>;

/// The paths of one file.
struct Paths {
    /// The module that is read: the file's, or one inside it.
    module: Module,
    /// What names stand for here: child modules, and modules that were imported.
    names: BTreeMap<String, Module>,
    found: BTreeSet<Module>,
}

impl Paths {
    fn path(&mut self, segments: &[String]) {
        if let Some(path) = self.absolute(segments) {
            self.found.insert(path);
        }
    }

    /// The path from the crate's root; none for paths of other crates and of what is local.
    fn absolute(&self, segments: &[String]) -> Option<Module> {
        let (first, mut rest) = segments.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" if !rest.is_empty() => self.module.clone(),
            "super" if !rest.is_empty() => {
                self.module[..self.module.len().checked_sub(1)?].to_vec()
            }
            name => self.names.get(name)?.clone(),
        };
        while let Some((first, behind)) = rest.split_first()
            && first == "super"
        {
            base.pop()?;
            rest = behind;
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| {
            let mut path = prefix.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(prefix, tree);
                }
            }
            syn::UseTree::Name(name) if name.ident == "self" => self.import(prefix, None),
            syn::UseTree::Name(name) => self.import(&with(&name.ident), None),
            syn::UseTree::Rename(rename) => {
                self.import(&with(&rename.ident), Some(rename.rename.to_string()));
            }
            syn::UseTree::Glob(_) => self.path(prefix),
        }
    }

    fn import(&mut self, path: &[String], name: Option<String>) {
        if let Some(absolute) = self.absolute(path) {
            let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
            self.names.insert(name, absolute.clone());
            self.found.insert(absolute);
        }
    }

    /// Paths in what a macro is given.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || colons == 2 => {
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                }
                other => {
                    self.path(&std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.path(&path);
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Ident>()
                    .is_ok_and(|name| name == "test"))
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.use_tree(&[], &item.tree);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if segments.len() > 1 {
            self.path(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

/// Who asks whom in a crate, from its files by module.
fn arrows(files: &BTreeMap<Module, String>) -> Arrows {
    let mut all = Arrows::new();
    for (module, source) in files {
        let file = syn::parse_file(source).unwrap_or_else(|e| panic!("{module:?}: {e}"));
        let children = files
            .keys()
            .filter(|m| m.len() == module.len() + 1 && m.starts_with(module));
        let names = children.map(|child| (child[module.len()].clone(), child.clone()));
        let mut paths = Paths {
            module: module.clone(),
            names: names.collect(),
            found: BTreeSet::new(),
        };
        // Imports first: a path in the text may begin with a module's imported name.
        for item in &file.items {
            if let syn::Item::Use(item) = item {
                paths.visit_item_use(item);
            }
        }
        paths.visit_file(&file);
        let asked = all.entry(module.clone()).or_default();
        for path in &paths.found {
            let known = (1..=path.len()).rev().map(|n| path[..n].to_vec());
            let target = known.into_iter().find(|m| files.contains_key(m));
            if let Some(target) = target.filter(|target| target != module) {
                asked.entry(target).or_insert_with(|| path.join("::"));
            }
        }
    }
    all
}

/// What is wrong with the arrows: a sentence each.
fn faults(arrows: &Arrows, folders: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let floor = |module: &Module| {
        let top = module.first().map_or("", String::as_str);
        folders.iter().position(|folder| *folder == top)
    };
    for (module, asked) in arrows {
        for (target, path) in asked {
            let from = module.join("::");
            match (floor(module), floor(target)) {
                (Some(from_floor), Some(floor)) if floor < from_floor => {
                    faults.push(format!("an arrow up: {from} asks {path}"));
                }
                (Some(_), None) => {
                    faults.push(format!("an arrow out of the layers: {from} asks {path}"));
                }
                _ => {}
            }
            let family = |m: &Module| (m.first()? == "commands").then(|| m.get(1).cloned())?;
            if let (Some(a), Some(b)) = (family(module), family(target))
                && a != b
            {
                faults.push(format!("a family asks another: {from} asks {path}"));
            }
        }
    }
    faults.extend(circles(arrows));
    faults
}

/// Modules that can reach themselves.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reach = |start: &Module| {
        let mut seen: BTreeSet<&Module> = BTreeSet::new();
        let mut left: Vec<&Module> = arrows
            .get(start)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .collect();
        while let Some(next) = left.pop() {
            if seen.insert(next) {
                left.extend(arrows.get(next).into_iter().flat_map(BTreeMap::keys));
            }
        }
        seen.into_iter().cloned().collect::<BTreeSet<Module>>()
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        arrows.keys().map(|m| (m, reach(m))).collect();
    let mut faults = Vec::new();
    for (module, asked) in arrows {
        for (target, path) in asked {
            if reached
                .get(target)
                .is_some_and(|back| back.contains(module))
            {
                faults.push(format!("in a circle: {} asks {path}", module.join("::")));
            }
        }
    }
    faults
}

/// The modules of a crate by their paths; the root's is empty.
fn files(source: &Path) -> BTreeMap<Module, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(source.to_owned(), Module::new())];
    while let Some((folder, module)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut inner = module.clone();
            if path.is_dir() {
                inner.push(stem);
                folders.push((path, inner));
                continue;
            }
            if path.extension().is_none_or(|e| e != "rs") || stem == "tests" {
                continue;
            }
            if !["mod", "lib"].contains(&stem.as_str()) {
                inner.push(stem);
            }
            files.insert(inner, std::fs::read_to_string(&path).unwrap());
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn no_crate_asks_upwards_or_in_a_circle() {
    for source in CRATES {
        let folders = drawing(&root().join(source));
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        let mut files = files(&root().join(source));
        let tops = files.keys().filter_map(|module| module.first());
        for top in tops.filter(|top| !["main", "bin"].contains(&top.as_str())) {
            assert!(
                folders.contains(&top.as_str()),
                "{source}: {top} is not in the drawing"
            );
        }
        // What programs do stands above their library.
        files.retain(|module, _| {
            module
                .first()
                .is_none_or(|top| top != "main" && top != "bin")
        });
        let arrows = arrows(&files);
        assert!(
            arrows.values().map(BTreeMap::len).sum::<usize>() > 30,
            "{source}: the arrows were not found"
        );
        let faults: Vec<String> = faults(&arrows, &folders)
            .into_iter()
            // The crate's front page hands on what is below it.
            .filter(|fault| !fault.contains(":  asks"))
            .collect();
        assert!(faults.is_empty(), "{}:\n{}", source, faults.join("\n"));
    }
}

#[test]
fn crates_link_what_they_may() {
    for (folder, may) in LINKS {
        let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        for name in dependencies
            .keys()
            .filter(|name| OURS.contains(&name.as_str()))
        {
            assert!(
                may.contains(&name.as_str()),
                "{folder} must not link {name}"
            );
        }
    }
}

#[cfg(test)]
mod planted {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, source)| {
            let module = path
                .split("::")
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect();
            (module, (*source).to_owned())
        });
        faults(&arrows(&files.collect()), &["top", "commands", "bottom"])
    }

    const TOP: (&str, &str) = ("top", "use crate::bottom::low;\nfn f() { low::g(); }");

    #[test]
    fn an_arrow_down_is_right() {
        assert!(
            crate_of(&[
                TOP,
                ("bottom", "pub mod low;"),
                ("bottom::low", "pub fn g() {}")
            ])
            .is_empty()
        );
    }

    #[test]
    fn an_arrow_up_is_found_wherever_it_is_written() {
        for source in [
            "use crate::top::f;",
            "fn g() { crate::top::f(); }",
            "fn g(_: crate::top::T) {}",
            "fn g() { println!(\"{}\", crate::top::f()); }",
            "use crate::top; fn g() { top::f(); }",
            "use super::super::top::f;",
        ] {
            let faults = crate_of(&[("top", ""), ("bottom", "mod low;"), ("bottom::low", source)]);
            assert!(
                faults
                    .iter()
                    .any(|f| f.starts_with("an arrow up: bottom::low")),
                "{source}: {faults:?}"
            );
        }
    }

    #[test]
    fn tests_may_ask_whom_they_like() {
        let source = "#[cfg(test)] mod tests { use crate::top::f; }";
        assert!(crate_of(&[("top", ""), ("bottom", source)]).is_empty());
    }

    #[test]
    fn a_child_and_its_parent_can_form_a_circle() {
        let parent = ("bottom", "mod low;\npub struct A;\nfn f() { low::g(); }");
        let faults = crate_of(&[parent, ("bottom::low", "use super::A;\npub fn g() {}")]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults.iter().all(|f| f.starts_with("in a circle: ")));
    }

    #[test]
    fn families_do_not_ask_each_other() {
        let files = [
            ("commands::a", "use crate::commands::b::f;"),
            ("commands::b", "pub fn f() {}"),
        ];
        assert_eq!(
            crate_of(&files),
            ["a family asks another: commands::a asks commands::b::f"]
        );
    }
}
