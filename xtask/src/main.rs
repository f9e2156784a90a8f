// SPDX-License-Identifier: GPL-2.0-or-later
//! The repository's own tools: `cargo xtask NAME`.

#![allow(clippy::print_stdout, reason = "tools print what they find")]

mod bench;
mod bounds;
mod error;
mod fuzz;
mod generate;
mod header;
mod installed;
mod learn_devices;
mod mutants;
mod notices;
mod plant;
mod prose;
mod reference;
mod signs;
mod sweep_today;
mod wraps;

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
    /// Fuzzes what reads bytes of others, a while for each target; fails where something is found
    Fuzz(Fuzz),
    /// Measures how fast the released program is, against what else there is for the same
    Bench(Bench),
    /// Learns what QMP does not say of types of devices, from real QEMUs
    #[command(subcommand)]
    LearnDevices(LearnDevices),
}

#[derive(Args)]
struct Bench {
    /// The program to measure, as it is released
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/hmp")]
    hmp: PathBuf,
    /// The same, built without the disassembler, to compare sizes
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "target/plain/release/hmp"
    )]
    plain: PathBuf,
    /// The program that compares recordings, as it is released
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/parity")]
    parity: PathBuf,
    /// The QEMU program
    #[arg(long, value_name = "PROGRAM", default_value = "qemu-system-x86_64")]
    qemu: PathBuf,
    /// How often each thing is done
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Also how cost grows with devices, block nodes, CPUs and snapshots
    #[arg(long)]
    growth: bool,
    /// Writes the tables into docs/benchmarks.md; with --check, the figures into xtask/bench.tsv
    #[arg(long)]
    write: bool,
    /// Counts instructions and requests against the mock instead, and fails where they are more
    /// than 15% above those of the last commit
    #[arg(long)]
    check: bool,
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

#[derive(Args)]
struct Fuzz {
    /// These targets alone
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where it is built, and where seeds, inputs and findings go
    #[arg(long, value_name = "FOLDER", default_value = "target/fuzz")]
    folder: PathBuf,
    /// Builds without the address sanitizer, as is done where the toolchain has none
    #[arg(long)]
    no_sanitizer: bool,
    /// Writes the seeds and runs nothing
    #[arg(long)]
    only_seeds: bool,
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
    /// Writes into TABLE what QEMUs of one release always say of memory regions in `info mtree`
    Regions {
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
        Cli::Fuzz(args) => args.run(),
        Cli::Bench(args) => args.run(),
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
        Cli::LearnDevices(LearnDevices::Regions { table, programs }) => {
            learn_devices::regions(&table, &programs)?;
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

impl Fuzz {
    fn run(self) -> Result<ExitCode, Error> {
        if self.only_seeds {
            for (target, count) in fuzz::write_seeds(&self.folder.join("seeds"))? {
                println!("{count} seeds of {target}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let options = fuzz::Options {
            targets: self.targets,
            seconds: self.seconds,
            folder: self.folder,
            sanitizer: self.no_sanitizer.then_some(false),
        };
        Ok(code(fuzz::run(&options)?))
    }
}

impl Bench {
    fn run(self) -> Result<ExitCode, Error> {
        if self.check {
            return Ok(code(bench::check(&self.hmp, self.write)?));
        }
        bench::run(&bench::Options {
            hmp: self.hmp,
            plain: self.plain,
            parity: self.parity,
            qemu: self.qemu,
            runs: self.runs,
            write: self.write,
            growth: self.growth,
        })?;
        Ok(ExitCode::SUCCESS)
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
