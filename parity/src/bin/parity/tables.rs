// SPDX-License-Identifier: GPL-2.0-or-later
//! The subcommands that run nothing: `gaps`, `coverage`, `status` and `hx`.

use parity::case::recordings::RecordingsError;
use parity::tables::{coverage, forecast, gaps, hx, offered, status};
use serde::Serialize;

use crate::cli::{Coverage, Gaps, Hx, Offers, Status};
use crate::common::{self, Done, print, runtime};

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
    /// Lists them.
    pub fn run(self) -> Done {
        let qemus = match self.at {
            Some(address) => runtime()?.block_on(offered::connected(&address))?,
            None => offered::recorded(&self.recordings)?,
        };
        show(&gaps::gaps(&qemus), self.json, |gaps| gaps::render(gaps))
    }
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
        print(&status::table(&offered::recorded(&self.recordings)?))?;
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
                print(&coverage::scaffold(&hx::tree(dir)?))?;
                Ok(true)
            }
        }
    }
}
