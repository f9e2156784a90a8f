//! Are the tests any good? Changes the engine's commands and formats in every way that cargo-mutants knows, one at a time,
//! and looks which tests and recorded cases notice. `.ci/mutants.sh` calls this.
//!
//! All changes are built into one program, each behind a number, so that trying one takes seconds and no build. Each check
//! (a test program, a recorded topic) is run once to learn which changes it passes by at all.

#![allow(clippy::print_stdout)]

mod build;
mod checks;
mod instrument;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;

use checks::{Check, Outcome};
use instrument::Mutant;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "Tries the tests on changed engines")]
enum Cli {
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
    /// Compares one recorded topic with the built-in's text, as `parity run --offline` does; fails on a difference
    Topic {
        /// The topic, or the recorded completions
        file: PathBuf,
    },
}

fn main() -> Result<ExitCode, Error> {
    match Cli::parse() {
        Cli::Topic { file } => Ok(match checks::topic(&file)? {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }),
        Cli::Run {
            tree,
            list,
            out,
            missed,
            jobs,
        } => {
            let mutants: Vec<Mutant> = serde_json::from_str(&fs::read_to_string(list)?)?;
            let wanted = match missed {
                Some(file) => missed_in(&fs::read_to_string(file)?),
                None => mutants.iter().map(|m| m.name.clone()).collect(),
            };
            run(&tree, &mutants, &wanted, &out, jobs)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The changes that a file of outcomes calls missed or unreached.
fn missed_in(outcomes: &str) -> Vec<String> {
    let lines = outcomes.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        let missed = matches!(columns.next()?, "missed" | "unreached");
        columns.nth(1).filter(|_| missed)
    });
    lines.map(str::to_owned).collect()
}

fn run(
    tree: &Path,
    mutants: &[Mutant],
    wanted: &[String],
    out: &Path,
    jobs: usize,
) -> Result<(), Error> {
    let built = build::all(tree, mutants)?;
    println!(
        "{} changes, {} of them in one program",
        mutants.len(),
        built.len()
    );
    let checks = checks::learn(tree)?;
    println!("{} checks", checks.len());

    let tried: Vec<usize> = built
        .into_iter()
        .filter(|n| wanted.contains(&mutants[*n].name))
        .collect();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(number) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = attempt(&checks, *number);
                    let mut outcomes = outcomes
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    outcomes.insert(*number, outcome);
                    if outcomes.len() % 50 == 0 {
                        println!("{} of {} tried", outcomes.len(), tried.len());
                    }
                }
            });
        }
    });
    let outcomes = outcomes
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    fs::write(out, table(mutants, &outcomes))?;
    print!("{}", summary(mutants, &outcomes));
    Ok(())
}

/// Runs the checks that pass by a change until one notices it.
fn attempt(checks: &[Check], number: usize) -> Outcome {
    let mut reached = checks
        .iter()
        .filter(|check| check.reached.contains(&number))
        .peekable();
    if reached.peek().is_none() {
        return Outcome::Unreached;
    }
    for check in reached {
        let patience = check.took * 10 + Duration::from_secs(20);
        match check.run(&[("HMP_MUTANT", &number.to_string())], patience) {
            Some(true) => {}
            Some(false) => return Outcome::Caught(check.name.clone()),
            None => return Outcome::TimedOut(check.name.clone()),
        }
    }
    Outcome::Missed
}

fn table(mutants: &[Mutant], outcomes: &BTreeMap<usize, Outcome>) -> String {
    let mut text = String::new();
    for (number, outcome) in outcomes {
        let name = &mutants[*number].name;
        let _ = writeln!(text, "{}\t{}\t{name}", outcome.word(), outcome.check());
    }
    text
}

/// How many were caught, by file and in all.
fn summary(mutants: &[Mutant], outcomes: &BTreeMap<usize, Outcome>) -> String {
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (number, outcome) in outcomes {
        let survived = usize::from(outcome.survived());
        for name in [mutants[*number].file.as_str(), "in all"] {
            let (tried, left) = files.entry(name).or_default();
            (*tried, *left) = (*tried + 1, *left + survived);
        }
    }
    let mut text = String::new();
    for (name, (tried, left)) in files {
        let _ = writeln!(text, "{left:5} of {tried:5} survive  {name}");
    }
    text
}
