// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity run`.

use std::collections::{BTreeMap, BTreeSet};

use hmp_engine::host::Risk;
use parity::case::recordings::{self, RecordingsError};
use parity::case::{self, Prefixes, Qemu};
use parity::judge::baseline::Baseline;
use parity::judge::{Completed, Entry, KnownList, known};
use parity::live::complete;
use parity::live::permitted::concerns;
use parity::live::run::{self, Mode};
use parity::live::side::{Ours, Theirs};
use parity::recorded;
use parity::report::{Report, Sides, history, html, junit, markdown, term};
use parity::tables::offered::Offers;
use parity::tables::{forecast, gaps, stuck};

use crate::cli::Run;
use crate::common::{Done, Error, History, print, read, read_report, runtime, write, write_json};
use crate::complete::recorded_completions;
use crate::sweep::accel_lacks;

impl Run {
    /// Runs cases or recordings, and reports.
    pub fn run(&self) -> Done {
        let native_only = self.native_only || self.offline.is_some();
        // What can't be read or written is said before the run, not after it.
        let history = self.history.as_deref().map(History::open).transpose()?;
        let before = self.before.as_deref().map(read_report).transpose()?;
        let mut known = KnownList::load(&self.known)?.in_mode(native_only);
        let entries = match &self.offline {
            Some(folder) => {
                let topics = recordings::topics(folder)?;
                recorded::run::run(&topics, &self.ours(), &mut known)?
            }
            None => self.live(&mut known)?,
        };
        let completions = self.completions(&mut known)?;
        let mut ran = known::lines(&entries);
        ran.extend(known::lines(&completions));
        // The lines that show a difference may be in other cases than those that don't, and where
        // the built-in helps there may be none.
        let all = self.offline.is_some() || self.is_whole() && self.native_only;
        let stale = if all {
            known.stale(&ran, self.offline.is_none())
        } else {
            Vec::new()
        };
        let offers = self.offers()?;
        let stuck = stuck::of_entries(&entries);
        let report = Report {
            gaps: offers
                .as_ref()
                .map_or_else(Vec::new, |offers| gaps::gaps(offers, &stuck)),
            date: self.date.clone().unwrap_or_default(),
            revision: self.revision.clone().unwrap_or_default(),
            builds: self.builds()?,
            coverage: offers.map(|offers| forecast::forecast(&offers, &[])),
            native_only,
            stale: stale.into_iter().map(str::to_owned).collect(),
            sides: self.sides(),
            completions,
            ..Report::of(entries)
        };
        self.write(&report, before.as_ref(), history)?;
        print(&term::render(&report, self.verbose))?;
        if self.strict {
            print(&term::strict(&report))?;
        }
        Ok(self.ratchet(&report)? && report.is_clean())
    }

    fn live(&self, known: &mut KnownList) -> Result<Vec<Entry>, Error> {
        let cases = case::load(&self.cases)?;
        let mode = Mode {
            native_only: self.native_only,
            allow: self.allow,
            ours: self.ours(),
            theirs: self.theirs(),
            accel: self.accel,
        };
        let offers = match self.allow {
            Risk::Safe => Offers::default(),
            Risk::Pausing | Risk::Risky => self.offers.qemus()?,
        };
        let mut jobs = Vec::new();
        for program in &self.programs.all()? {
            if let Some(reason) = accel_lacks(self.accel, program) {
                print(&format!("{}: skipped: {reason}\n", program.qemu))?;
                continue;
            }
            let qemu = &program.qemu;
            let caps = offers.get(qemu);
            let suiting = cases.iter().filter(|case| {
                case.suits(qemu) && caps.is_none_or(|caps| concerns(case, qemu, caps, self.allow))
            });
            jobs.extend(suiting.map(|case| (case.clone(), program.clone())));
        }
        let at_once = self.at_once.unwrap_or_else(|| {
            // QEMUs that are paused leave much of a machine's time.
            2 * std::thread::available_parallelism().map_or(1, usize::from)
        });
        Ok(runtime()?.block_on(run::cases(jobs, &mode, at_once, known)))
    }

    /// Whether all cases are run.
    fn is_whole(&self) -> bool {
        self.cases.is_dir() && self.allow == Risk::Safe
    }

    /// What TAB does, where all cases are run.
    fn completions(&self, known: &mut KnownList) -> Result<Vec<Completed>, Error> {
        if !self.completion_list.exists() {
            return Ok(Vec::new());
        }
        let list = Prefixes::load(&self.completion_list)?;
        let runtime = runtime()?;
        if let Some(folder) = &self.offline {
            return Ok(runtime.block_on(recorded_completions(folder, &list, known))?);
        }
        let mut found = Vec::new();
        if self.is_whole() {
            let prefixes: Vec<_> = list.all().cloned().collect();
            let programs = self.programs.all()?;
            for program in programs.iter().filter(|p| list.vm.suits(&p.qemu)) {
                found.extend(runtime.block_on(complete::live(
                    &list,
                    &prefixes,
                    (&self.random).into(),
                    program,
                    self.native_only,
                    known,
                )));
            }
        }
        Ok(found)
    }

    fn write(
        &self,
        report: &Report,
        before: Option<&Report>,
        history: Option<History>,
    ) -> Result<(), Error> {
        if let Some(path) = &self.json {
            write_json(path, report)?;
        }
        if let Some(path) = &self.junit {
            write(path, &junit::render(report)?)?;
        }
        if let Some(path) = &self.markdown {
            write(path, &markdown::render(report, before))?;
        }
        let runs = match history {
            Some(history) => history.append(history::Run::of(report))?,
            None => Vec::new(),
        };
        if let Some(path) = &self.html {
            write(path, &html::render(report, before, &runs)?)?;
        }
        Ok(())
    }

    fn offers(&self) -> Result<Option<Offers>, RecordingsError> {
        match self.offers.recordings.exists() {
            true => Ok(Some(self.offers.qemus()?)),
            false => Ok(None),
        }
    }

    /// The exact builds of the QEMUs that answered.
    fn builds(&self) -> Result<BTreeMap<Qemu, BTreeSet<String>>, Error> {
        if let Some(folder) = &self.offline {
            return Ok(recordings::builds(folder)?);
        }
        let mut builds: BTreeMap<Qemu, BTreeSet<String>> = BTreeMap::new();
        for program in self.programs.all()? {
            builds
                .entry(program.qemu)
                .or_default()
                .insert(program.build);
        }
        Ok(builds)
    }

    fn sides(&self) -> Sides {
        Sides {
            ours: self.ours().word().into(),
            builtin: match self.offline {
                Some(_) => "recording".into(),
                None => self.theirs().word().into(),
            },
        }
    }

    fn ours(&self) -> Ours {
        self.hmp.clone().map_or(Ours::Engine, Ours::Hmp)
    }

    fn theirs(&self) -> Theirs {
        if self.by_qmp {
            Theirs::Qmp
        } else {
            Theirs::Socket
        }
    }

    /// Whether every line is worth what was written down.
    fn ratchet(&self, report: &Report) -> Done {
        let Some(path) = &self.baseline else {
            return Ok(true);
        };
        let now = match self.allow {
            Risk::Safe => Baseline::of(&report.entries, &report.completions),
            Risk::Pausing | Risk::Risky => Baseline::of_permitted(&report.entries),
        };
        if self.update_baseline {
            write(path, &now.to_text())?;
            return Ok(true);
        }
        let mut before = Baseline::parse(&read(path)?)?;
        if self.offline.is_none() {
            // Nobody has every QEMU.
            before = before.of_the_qemus_of(&now);
        }
        let changes = now.since(&before);
        print(&changes.to_string())?;
        if !changes.is_empty() {
            print("If that is right, --update-baseline writes the new state down.\n")?;
        }
        Ok(changes.is_empty())
    }
}
