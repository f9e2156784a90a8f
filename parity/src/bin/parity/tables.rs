// SPDX-License-Identifier: GPL-2.0-or-later
//! The subcommands that run nothing: `gaps`, `coverage`, `status` and `hx`.

use std::collections::BTreeSet;
use std::path::Path;

use parity::case::Qemu;
use parity::case::recordings::RecordingsError;
use parity::judge::baseline::Baseline;
use parity::report::mail;
use parity::tables::stuck::Stuck;
use parity::tables::{
    changed, coverage, forecast, gaps, hx, interfaces, offered, parts, qapi, scaffold, status,
    stuck,
};
use serde::Serialize;

use crate::cli::{Coverage, Gaps, Hx, Offers, Schema, Status};
use crate::common::{self, Done, Error, make_folder, print, read, read_history, runtime, write};

impl Offers {
    /// All QEMUs whose schemas are at hand.
    pub fn qemus(&self) -> Result<offered::Offers, RecordingsError> {
        let mut qemus = offered::recorded(&self.recordings)?;
        if let Some(folder) = &self.replies {
            for (qemu, caps) in offered::replies(folder)? {
                qemus.entry(qemu).or_insert(caps);
            }
        }
        Ok(qemus)
    }
}

/// Prints `value` as JSON, or as `render` shows it.
fn show<T: Serialize>(value: &T, json: bool, render: impl FnOnce(&T) -> String) -> Done {
    print(&if json {
        common::json(value)?
    } else {
        render(value)
    })?;
    Ok(true)
}

impl Gaps {
    /// Lists them, or writes their definitions.
    pub fn run(self) -> Done {
        if let Some(folder) = &self.qapi {
            return write_definitions(folder);
        }
        let qemus = match self.at {
            Some(address) => runtime()?.block_on(offered::connected(&address))?,
            None => offered::recorded(&self.recordings)?,
        };
        let stuck = stuck(&self.baseline)?;
        let lines = |file: &str| Some(std::fs::read_to_string(file).ok()?.lines().count());
        show(&gaps::gaps(&qemus, &stuck), self.json, |gaps| {
            gaps::render(gaps, lines)
        })
    }
}

/// The lines that a baseline says to be blocked; none where there is no such file.
fn stuck(baseline: &Path) -> Result<Vec<Stuck>, Error> {
    match baseline.exists() {
        true => Ok(stuck::of_baseline(&Baseline::parse(&read(baseline)?)?)),
        false => Ok(Vec::new()),
    }
}

/// Writes one file for each interface.
fn write_definitions(folder: &Path) -> Done {
    make_folder(folder)?;
    let mut written = Vec::new();
    for one in interfaces::all() {
        let path = folder.join(format!("{}.json", one.name));
        write(&path, &qapi::file(one))?;
        written.push(format!("{}\n", path.display()));
    }
    // When all is done: a reader that leaves early does not leave half of them.
    print(&written.concat())?;
    Ok(true)
}

impl Coverage {
    /// Shows it.
    pub fn run(&self) -> Done {
        let trees: Result<Vec<_>, _> = self.tree.iter().map(|dir| hx::tree(dir)).collect();
        let forecast = forecast::forecast(&self.of.qemus()?, &trees?);
        show(&forecast, self.json, forecast::render)
    }
}

impl Status {
    /// Prints the table.
    pub fn run(&self) -> Done {
        if let Some(command) = &self.parts_of {
            let baseline = Baseline::parse(&read(&self.baseline)?)?;
            print(&parts::table(&baseline, command))?;
            return Ok(true);
        }
        let qemus = offered::recorded(&self.recordings)?;
        print(&match self.mail {
            false => status::table(&qemus),
            true => {
                let gaps = gaps::gaps(&qemus, &stuck(&self.baseline)?);
                mail::render(&qemus, &gaps, &read_history(Some(&self.history))?)
            }
        })?;
        Ok(true)
    }
}

impl Hx {
    /// Reads the tree, and shows what was asked for.
    pub fn run(&self) -> Done {
        match self {
            Self::Coverage { dir, json } => {
                let coverage = coverage::coverage(&hx::tree(dir)?);
                show(&coverage, *json, coverage::Coverage::render)
            }
            Self::Check { dir } => {
                let found = coverage::check(&hx::tree(dir)?);
                for sentence in &found {
                    print(&format!("{sentence}\n"))?;
                }
                print(&format!("{} differences\n", found.len()))?;
                Ok(found.is_empty())
            }
            Self::Scaffold { dir } => {
                print(&scaffold::scaffold(&hx::tree(dir)?))?;
                Ok(true)
            }
            Self::Diff { old, new, json } => {
                let found = changed::tables(&hx::tree(old)?, &hx::tree(new)?);
                show(&found, *json, |found| changed::render_tables(found))
            }
        }
    }
}

impl Schema {
    /// Compares the QMP commands of two QEMUs.
    pub fn run(&self) -> Done {
        let Self::Diff { old, new, of, json } = self;
        let moved = changed::schemas(&commands(old, of)?, &commands(new, of)?);
        show(&moved, *json, |moved| changed::render_schemas(moved))
    }
}

/// The QMP commands of a source tree, or of a QEMU whose schema is at hand.
fn commands(named: &Path, of: &Offers) -> Result<BTreeSet<String>, Error> {
    if named.is_dir() {
        let tree = hx::tree(named)?;
        if tree.qmp.is_empty() {
            return Err(format!("{}: no QMP commands in qapi/", named.display()).into());
        }
        return Ok(tree.qmp);
    }
    let qemu: Qemu = named.to_string_lossy().parse()?;
    let qemus = of.qemus()?;
    let caps = qemus
        .get(&qemu)
        .ok_or_else(|| format!("no schema of {qemu} is at hand"))?;
    Ok(caps.commands().map(str::to_owned).collect())
}
