// SPDX-License-Identifier: GPL-2.0-or-later
//! The repository's own tools: `cargo xtask NAME`.

#![allow(clippy::print_stdout, reason = "tools print what they find")]

mod bounds;
mod error;
mod generate;
mod header;
mod installed;
mod learn_devices;
mod mutants;
mod notices;
mod plant;
mod signs;
mod sweep_today;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use error::Error;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The repository's own tools")]
enum Cli {
    /// Tries the tests on changed engines
    #[command(subcommand)]
    Mutants(Mutants),
    /// Sweeps machines put together by chance, with the date as the seed; never fails
    SweepToday {
        /// Machines of each QEMU at hand
        #[arg(long, default_value_t = 100)]
        count: usize,
    },
    /// Puts faults of meaning into copies of the engine, one at a time, and shows what notices them
    Plant(Plant),
    /// Writes all parts of the repository that are made from the tables
    Generate {
        /// Writes nothing, and fails where something is stale
        #[arg(long)]
        check: bool,
    },
    /// Learns what QMP does not say of types of devices, from real QEMUs
    #[command(subcommand)]
    LearnDevices(LearnDevices),
}

#[derive(Args)]
struct Plant {
    /// Only checks the list of faults: each one's place, and that no family and no mask is without
    #[arg(long)]
    check: bool,
    /// Runs the cases on the QEMUs of HMP_TEST_QEMUS too
    #[arg(long)]
    live: bool,
    /// Tries this fault alone; may be repeated
    #[arg(long, value_name = "FAULT")]
    only: Vec<String>,
    /// Where the last commit is copied to and built
    #[arg(long, value_name = "FOLDER", default_value = "target/plant")]
    folder: PathBuf,
    /// How many are tried at once
    #[arg(short, default_value_t = 2)]
    jobs: usize,
}

#[derive(Subcommand)]
enum LearnDevices {
    /// Adds to TABLE in which order QEMUs of one release print properties in `info qtree`
    Order {
        /// The table of that release
        table: PathBuf,
        /// QEMU programs, for different targets
        #[arg(required = true)]
        programs: Vec<PathBuf>,
    },
    /// Adds to TABLE what QEMUs of one release say of types in `info qdm`
    Models {
        /// The table of that release
        table: PathBuf,
        /// QEMU programs, for different targets
        #[arg(required = true)]
        programs: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Mutants {
    /// Changes a copy of the project and tries all checks on each change
    Run {
        /// A copy of the project, which is changed
        tree: PathBuf,
        /// What `cargo mutants --list --json` printed
        list: PathBuf,
        /// Where the outcomes are written, one change a line: outcome, check, change
        out: PathBuf,
        /// Tries only the changes that this file of outcomes calls missed
        #[arg(long)]
        missed: Option<PathBuf>,
        /// How many are tried at once
        #[arg(short, default_value_t = 2)]
        jobs: usize,
    },
    /// Compares one recorded topic with the built-in's text, as `parity run --offline` does; fails
    /// on a difference
    Topic {
        /// The topic, or the recorded completions
        file: PathBuf,
    },
    /// Compares one case on a real QEMU, as `parity run --native-only` does
    Case {
        /// The case's name
        name: String,
        /// The QEMU program
        qemu: PathBuf,
    },
    /// Compares what TAB does on a real QEMU
    Tabs {
        /// The QEMU program
        qemu: PathBuf,
    },
}

fn main() -> Result<ExitCode, Error> {
    match Cli::parse() {
        Cli::Mutants(command) => command.run(),
        Cli::SweepToday { count } => {
            sweep_today::run(count)?;
            Ok(ExitCode::SUCCESS)
        }
        Cli::Plant(args) => args.run(),
        Cli::Generate { check } => {
            let stale = generate::run(check)?;
            for path in &stale {
                println!("{} {path}", if check { "stale:" } else { "written:" });
            }
            Ok(code(!check || stale.is_empty()))
        }
        Cli::LearnDevices(LearnDevices::Order { table, programs }) => {
            learn_devices::order(&table, &programs)?;
            Ok(ExitCode::SUCCESS)
        }
        Cli::LearnDevices(LearnDevices::Models { table, programs }) => {
            learn_devices::models(&table, &programs)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The exit code that says whether all is well.
fn code(good: bool) -> ExitCode {
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

impl Plant {
    fn run(self) -> Result<ExitCode, Error> {
        if self.check {
            plant::check()?;
            return Ok(ExitCode::SUCCESS);
        }
        let options = plant::Options {
            folder: self.folder,
            live: self.live,
            only: self.only,
            jobs: self.jobs,
        };
        Ok(code(plant::run(&options)?))
    }
}

impl Mutants {
    fn run(self) -> Result<ExitCode, Error> {
        match self {
            Self::Topic { file } => Ok(code(mutants::judge::topic(&file)?)),
            Self::Case { name, qemu } => Ok(code(mutants::judge::case(&name, &qemu)?)),
            Self::Tabs { qemu } => Ok(code(mutants::judge::tabs(&qemu)?)),
            Self::Run {
                tree,
                list,
                out,
                missed,
                jobs,
            } => {
                mutants::run(&tree, &list, &out, missed.as_deref(), jobs)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
