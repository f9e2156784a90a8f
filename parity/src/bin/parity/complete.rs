// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity complete`.

use std::path::Path;

use parity::case::Prefixes;
use parity::case::recordings::{self, RecordingsError};
use parity::judge::{Completed, KnownList, known};
use parity::live;
use parity::live::complete::Random;
use parity::recorded::complete;
use parity::report::completion;

use crate::cli::Complete;
use crate::common::{Done, Error, print, runtime, write_json};

impl Complete {
    /// Compares, or records.
    pub fn run(&self) -> Done {
        let list = Prefixes::load(&self.list)?;
        if let Some(out) = &self.record {
            return self.record(&list, out);
        }
        let mut known = KnownList::load(&self.known)?;
        let found = match &self.offline {
            Some(folder) => runtime()?.block_on(recorded_completions(folder, &list, &mut known))?,
            None => self.live(&list, &mut known)?,
        };
        if let Some(path) = &self.json {
            write_json(path, &found)?;
        }
        print(&completion::render(&found))?;
        let stale = known.stale(&known::lines(&found), self.offline.is_none());
        for line in &stale {
            print(&format!("stale entry in known.toml: {line}\n"))?;
        }
        Ok(stale.is_empty() && found.iter().all(Completed::is_clean))
    }

    fn record(&self, list: &Prefixes, out: &Path) -> Done {
        let runtime = runtime()?;
        for program in self.programs.all()? {
            let folder =
                runtime.block_on(complete::record(list, (&self.random).into(), &program, out))?;
            print(&format!("{}\n", folder.display()))?;
        }
        Ok(true)
    }

    fn live(&self, list: &Prefixes, known: &mut KnownList) -> Result<Vec<Completed>, Error> {
        let all: Vec<String> = list.all().cloned().collect();
        let prefixes = if self.prefixes.is_empty() {
            &all
        } else {
            &self.prefixes
        };
        let runtime = runtime()?;
        let mut found = Vec::new();
        for program in self.programs.all()? {
            let random = match self.prefixes.is_empty() {
                true => Random::from(&self.random),
                false => Random { seed: 0, count: 0 },
            };
            let live = live::complete::live(list, prefixes, random, &program, true, known);
            found.extend(runtime.block_on(live));
        }
        Ok(found)
    }
}

/// What the recordings below `path` have of completion.
pub async fn recorded_completions(
    path: &Path,
    list: &Prefixes,
    known: &mut KnownList,
) -> Result<Vec<Completed>, RecordingsError> {
    let mut found = Vec::new();
    for file in recordings::completions(path)? {
        found.extend(complete::offline(&file, list, known).await?);
    }
    Ok(found)
}
