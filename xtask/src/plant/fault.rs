// SPDX-License-Identifier: GPL-2.0-or-later
//! The list of faults, and what must be true of it.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use hmp_engine::command::nature::Family;
use parity::judge::mask::{MASKS, PROBES, VOLATILE};
use serde::Deserialize;

use crate::error::Error;
use crate::generate;

/// The list.
const LIST: &str = "xtask/plant.toml";

/// Where `file` of a fault is.
const ENGINE: &str = "monitor/engine/src";

/// The mask that is no row of the referee's tables.
const SENTENCES: &str = "help-sentence";

/// A fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its short name.
    pub id: String,
    /// What it is, in words.
    pub what: String,
    /// The title of its command's family.
    pub family: String,
    /// The mask that hides it where answers are compared behind masks.
    pub mask: Option<String>,
    /// The file; from [`load`] on seen from the workspace's root.
    pub file: String,
    /// The text that is there once.
    pub old: String,
    /// The text in its place.
    pub new: String,
}

impl Fault {
    /// Where in the file's text the old text is.
    pub fn place(&self, text: &str) -> Result<Range<usize>, Error> {
        let mut found = text.match_indices(&self.old);
        let found = (found.next(), found.next());
        let (Some((start, old)), None) = found else {
            let count = text.matches(&self.old).count();
            let (id, file) = (&self.id, &self.file);
            return Err(format!("{id}: its old text is in {file} {count} times, not once").into());
        };
        Ok(start..start + old.len())
    }
}

/// A mask that hides nothing that code of ours can cause.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unreachable {
    mask: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    fault: Vec<Fault>,
    #[serde(default)]
    unreachable: Vec<Unreachable>,
}

impl List {
    fn load(root: &Path) -> Result<Self, Error> {
        let mut list: Self = toml::from_str(&fs::read_to_string(root.join(LIST))?)?;
        for fault in &mut list.fault {
            fault.file = format!("{ENGINE}/{}", fault.file);
        }
        Ok(list)
    }

    /// What is wrong with it, a sentence each.
    fn mistakes(&self, root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut ids = BTreeSet::new();
        for fault in &self.fault {
            let place = fs::read_to_string(root.join(&fault.file)).map_err(Error::from);
            match place.and_then(|text| fault.place(&text)) {
                Ok(_) if fault.old == fault.new => found.push(format!("{}: no change", fault.id)),
                Ok(_) => {}
                Err(error) => found.push(error.to_string()),
            }
            if !ids.insert(&fault.id) {
                found.push(format!("{}: there twice", fault.id));
            }
        }
        let families: Vec<String> = Family::ALL.map(|f| f.title().to_owned()).into();
        let of_faults = self.fault.iter().map(|f| f.family.as_str());
        found.extend(compare("family", &families, of_faults.collect()));
        let reasons = self.unreachable.iter().filter(|m| m.reason.is_empty());
        found.extend(reasons.map(|m| format!("{}: unreachable, but why?", m.mask)));
        let planted = self.fault.iter().filter_map(|f| f.mask.as_deref());
        let unreachable = self.unreachable.iter().map(|m| m.mask.as_str());
        found.extend(compare(
            "mask",
            &masks(),
            planted.chain(unreachable).collect(),
        ));
        found
    }
}

/// All masks as faults name them; a name that two have is there twice.
fn masks() -> Vec<String> {
    let rows = MASKS.iter().map(|mask| match mask.command {
        "" => mask.name.to_owned(),
        PROBES => format!("{} of probes", mask.name),
        command => format!("{} of {command}", mask.name),
    });
    let volatile = VOLATILE
        .iter()
        .map(|(command, _)| format!("volatile {command}"));
    rows.chain(volatile).chain([SENTENCES.to_owned()]).collect()
}

/// Which names have too few faults, and which are none.
fn compare(what: &str, names: &[String], faults: Vec<&str>) -> Vec<String> {
    let count = |name: &str| names.iter().filter(|n| *n == name).count();
    let mut found = BTreeSet::new();
    for name in names {
        let (wanted, has) = (count(name), faults.iter().filter(|f| *f == name).count());
        if has < wanted {
            found.insert(format!(
                "{what} {name}: {has} faults, where {wanted} are wanted"
            ));
        }
    }
    let unknown = faults.iter().filter(|name| count(name) == 0);
    found.extend(unknown.map(|name| format!("{what} {name}: there is none of that name")));
    found.into_iter().collect()
}

/// The faults of the project at `root`; an error says everything that is wrong with the list.
pub fn load(root: &Path) -> Result<Vec<Fault>, Error> {
    let list = List::load(root)?;
    let mistakes = list.mistakes(root);
    if mistakes.is_empty() {
        Ok(list.fault)
    } else {
        Err(format!("{LIST}:\n{}", mistakes.join("\n")).into())
    }
}

/// Checks the list alone.
pub fn check() -> Result<(), Error> {
    println!("{} faults", load(generate::root()?)?.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_text_is_there_once() {
        let fault: Fault = toml::from_str(
            "id = 'i'\nwhat = ''\nfamily = ''\nfile = 'f'\nold = 'a + b'\nnew = 'a - b'",
        )
        .unwrap();
        assert_eq!(fault.place("x = a + b;").unwrap(), 4..9);
        assert!(fault.place("a+b").is_err());
        assert!(fault.place("a + b + a + b").is_err());
    }

    #[test]
    fn each_name_has_as_many_faults_as_it_is_there() {
        let names = ["a".to_owned(), "b".to_owned(), "b".to_owned()];
        assert!(compare("mask", &names, vec!["b", "a", "b", "a"]).is_empty());
        assert_eq!(
            compare("mask", &names, vec!["b", "a", "c"]),
            [
                "mask b: 1 faults, where 2 are wanted",
                "mask c: there is none of that name"
            ]
        );
    }
}
