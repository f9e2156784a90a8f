// SPDX-License-Identifier: GPL-2.0-or-later
//! The referee: gives the same line to QEMU's built-in human monitor and to ours, and compares.
//!
//! A [`Case`](case::Case) is a VM and the lines to run on it. On real QEMUs ([`live`]) each line
//! goes to the built-in monitor and to our engine, and where it changes the VM, probes look whether
//! both changed it alike. From recordings ([`recorded`]) the engine runs on a mock, and the
//! built-in's text is what was recorded. In both, what our side did is a [`judge::Ran`], which
//! climbs the one [ladder](judge::ladder) of verdicts; what comes of a line is a
//! [`judge::Entry`], and a [`report::Report`] of entries is all that pages and baselines are made
//! of.
//!
//! Each folder asks only those below it (`xtask/tests/layers.rs` checks that):
//!
//! ```text
//! report     JSON, terminal, HTML, JUnit, Markdown: functions of a report
//! recorded   runs of recordings, and making them
//! live       runs on real QEMUs
//! tables     rows by QEMUs: nothing runs
//! judge      the ladder of verdicts: adapter, masks, known differences, baseline
//! case       data: cases, probes, prefixes, recordings' places, which QEMU
//! ```
//!
//! # Example
//!
//! All recordings of a folder, and the lines that are not answered as the built-in answered them:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use parity::case::recordings;
//! use parity::judge::KnownList;
//! use parity::live::side::Ours;
//! use parity::recorded;
//! use parity::report::{Report, term};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let topics = recordings::topics(Path::new("recordings"))?;
//! let mut known = KnownList::load(Path::new("parity/known.toml"))?;
//! let report = Report::of(recorded::run::run(&topics, &Ours::Engine, &mut known)?);
//! print!("{}", term::render(&report, false));
//! assert!(report.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! One line, judged by hand:
//!
//! ```
//! use parity::judge::compare::Expected;
//! use parity::judge::{Ran, RouteTaken, Verdict, ladder};
//!
//! let ran = Ran {
//!     command: "info name".into(),
//!     route: Some(RouteTaken::Native),
//!     text: "vm\n".into(),
//!     ..Ran::default()
//! };
//! let compared = ladder::compare(&ran, Expected::same("vm \n"));
//! assert_eq!(ladder::verdict(&ran, &compared), Verdict::Different);
//! ```

pub mod case;
pub mod judge;
pub mod live;
pub mod recorded;
pub mod report;
pub mod tables;
