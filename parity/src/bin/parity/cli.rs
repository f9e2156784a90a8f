// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hmp::client::address::Address;
use hmp_engine::host::Risk;
use parity::live::accel::Accel;
use parity::live::complete::Random;

/// What the exit code means; docs/parity.md says it too.
const EXIT_CODES: &str = "Exit codes: 0 all is well; 1 something is different, did not run, is \
stale, or is not as the baseline says; 2 a mistake in the command line, in a file, or of a QEMU \
that does not start.";

/// Compares the external human monitor with QEMU's built-in one.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
/// What to do.
pub enum Command {
    /// Runs cases on real QEMUs.
    Run(Box<Run>),
    /// Records cases on real QEMUs.
    Record(Record),
    /// Compares what TAB does.
    Complete(Complete),
    /// Compares how random lines are read.
    Fuzz(Fuzz),
    /// Asks one paused VM, or machines put together by chance, for everything that only looks.
    Sweep(Sweep),
    /// Compares what clients of a monitor socket get: conversations that were recorded, or sessions
    /// put together by chance.
    Talk(Talk),
    /// The QMP interfaces that QEMU lacks, ranked by the commands that each would free.
    Gaps(Gaps),
    /// Which route every command would take on every QEMU whose schema is at hand, and what it
    /// needs of QMP.
    Coverage(Coverage),
    /// How many commands take which route on each recorded QEMU, as the README shows it.
    Status(Status),
    /// Makes an HTML page of a report in JSON.
    Dashboard(Dashboard),
    /// Compares our rows with a QEMU source tree's .hx files.
    #[command(subcommand)]
    Hx(Hx),
    /// Compares the QMP commands of two QEMUs.
    #[command(subcommand)]
    Schema(Schema),
}

/// `parity hx`.
#[derive(Subcommand)]
pub enum Hx {
    /// What we have for each of its commands.
    Coverage {
        /// The source tree.
        dir: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Every difference in name, args_type, params, flags and conditions.
    Check {
        /// The source tree.
        dir: PathBuf,
    },
    /// Rows and functions for commands that have no row, which compile.
    Scaffold {
        /// The source tree.
        dir: PathBuf,
    },
    /// Commands that came, went or changed between two trees, and what our rows know of them.
    Diff {
        /// The older tree.
        old: PathBuf,
        /// The newer tree.
        new: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `parity schema`.
#[derive(Subcommand)]
pub enum Schema {
    /// QMP commands that came or went, and what that means for our rows.
    Diff {
        /// The older QEMU: a recorded one, such as 10.0-x86_64, or a source tree.
        old: PathBuf,
        /// The newer QEMU.
        new: PathBuf,
        #[command(flatten)]
        of: Offers,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `parity record`.
#[derive(Args)]
pub struct Record {
    /// A case, or a folder of cases.
    #[arg(default_value = "parity/cases")]
    pub cases: PathBuf,
    #[command(flatten)]
    pub programs: Programs,
    /// Where recordings are kept.
    #[arg(long, default_value = "recordings")]
    pub out: PathBuf,
    /// Records only what has a recording there already.
    #[arg(long)]
    pub again: bool,
}

/// `parity fuzz`.
#[derive(Args)]
pub struct Fuzz {
    /// The same seed gives the same lines.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Lines to try on each QEMU.
    #[arg(long, default_value_t = 2000)]
    pub count: usize,
    #[command(flatten)]
    pub programs: Programs,
}

/// `parity talk`.
#[derive(Args)]
pub struct Talk {
    /// A file of recorded conversations.
    #[arg(default_value = "recordings/socket.jsonl")]
    pub file: PathBuf,
    /// Only conversations whose name matches.
    #[arg(long, value_name = "REGEX")]
    pub only: Option<regex::Regex>,
    /// Instead of recorded ones, so many sessions of 20 lines, keys and TABs.
    #[arg(long, value_name = "N")]
    pub random: Option<usize>,
    /// The same seed gives the same sessions.
    #[arg(long, default_value_t = 1, requires = "random")]
    pub seed: u64,
    /// Never use the built-in monitor: equal answers are counted.
    #[arg(long, requires = "random")]
    pub native_only: bool,
    /// The program; by default the one beside this.
    #[arg(long, value_name = "PATH")]
    pub hmp: Option<PathBuf>,
    /// What may differ.
    #[arg(long, value_name = "FILE", default_value = "parity/socket.toml")]
    pub differs: PathBuf,
    #[command(flatten)]
    pub programs: Programs,
}

/// `parity sweep`.
#[derive(Args)]
pub struct Sweep {
    #[command(flatten)]
    pub programs: Programs,
    /// QEMU's arguments; -S, -display none and the monitors are added.
    #[arg(last = true, conflicts_with = "random")]
    pub args: Vec<String>,
    /// Put so many machines together from what each QEMU offers.
    #[arg(long, value_name = "N")]
    pub random: Option<usize>,
    /// The same seed gives the same machines on the same QEMU.
    #[arg(long, default_value_t = 1, requires = "random")]
    pub seed: u64,
    /// Only the machine of this number.
    #[arg(long, value_name = "I", requires = "random")]
    pub only: Option<usize>,
    /// Machines at a time; twice as many as there are processors by default.
    #[arg(long, short = 'j', value_name = "N")]
    pub at_once: Option<usize>,
    /// Ask for every object of the VM, and every property.
    #[arg(long)]
    pub qom: bool,
    /// Seconds that one machine may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub limit: u64,
    /// The accelerator; QEMUs that can't use it here are skipped.
    #[arg(long, value_name = "ACCEL", value_parser = accel)]
    pub accel: Option<Accel>,
    /// Expected differences.
    #[arg(long, value_name = "FILE", default_value = "parity/known.toml")]
    pub known: PathBuf,
    /// Write what was found as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn accel(word: &str) -> Result<Accel, String> {
    let all = [Accel::Kvm, Accel::Tcg];
    let found = all.into_iter().find(|accel| accel.word() == word);
    found.ok_or_else(|| "kvm or tcg".to_owned())
}

fn risk(word: &str) -> Result<Risk, String> {
    let found = Risk::ALL.into_iter().find(|risk| risk.word() == word);
    found.ok_or_else(|| "safe, pausing or risky".to_owned())
}

/// QEMU programs.
#[derive(Args)]
pub struct Programs {
    /// A QEMU program; repeatable. By default those of HMP_TEST_QEMUS, or qemu-system-x86_64.
    #[arg(long)]
    pub qemu: Vec<PathBuf>,
}

/// `parity gaps`.
#[derive(Args)]
pub struct Gaps {
    /// Where recordings are kept: their QEMUs are looked at.
    #[arg(long, default_value = "recordings")]
    pub recordings: PathBuf,
    /// A QMP socket: the QEMU behind it is looked at instead.
    #[arg(long, value_name = "ADDRESS")]
    pub at: Option<Address>,
    /// The lines that runs found blocked: what each interface would free.
    #[arg(long, value_name = "FILE", default_value = "parity/baseline.tsv")]
    pub baseline: PathBuf,
    /// Write a QAPI definition of each into this folder instead.
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    pub qapi: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `parity coverage`.
#[derive(Args)]
pub struct Coverage {
    #[command(flatten)]
    pub of: Offers,
    /// A QEMU source tree, for its tables of commands; repeatable.
    #[arg(long, value_name = "DIR")]
    pub tree: Vec<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `parity status`.
#[derive(Args)]
pub struct Status {
    /// Where recordings are kept.
    #[arg(long, default_value = "recordings")]
    pub recordings: PathBuf,
    /// As a text of 72 columns for a mailing list, with the gaps by rank and what changed.
    #[arg(long)]
    pub mail: bool,
    /// How much of the built-in's answers this command gives, as the baseline says.
    #[arg(long, value_name = "COMMAND", conflicts_with = "mail")]
    pub parts_of: Option<String>,
    /// The lines that runs found blocked: what each interface would free.
    #[arg(long, value_name = "FILE", default_value = "parity/baseline.tsv")]
    pub baseline: PathBuf,
    /// Runs in short, the last two of which are compared.
    #[arg(long, value_name = "FILE", default_value = "parity/history.jsonl")]
    pub history: PathBuf,
}

/// `parity dashboard`.
#[derive(Args)]
pub struct Dashboard {
    /// The report.
    pub report: PathBuf,
    /// An earlier report, to show what changed.
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Runs in short, for trends.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// The page.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// QEMUs whose schemas are at hand.
#[derive(Args)]
pub struct Offers {
    /// Where recordings are kept.
    #[arg(long, default_value = "recordings")]
    pub recordings: PathBuf,
    /// A folder with libvirt's recordings (*.replies).
    #[arg(long, value_name = "DIR")]
    pub replies: Option<PathBuf>,
}

/// `parity complete`.
#[derive(Args)]
pub struct Complete {
    /// Prefixes of lines; by default those of the list.
    pub prefixes: Vec<String>,
    /// The list of prefixes, and the VM to complete on.
    #[arg(long, value_name = "FILE", default_value = "parity/completions.toml")]
    pub list: PathBuf,
    #[command(flatten)]
    pub programs: Programs,
    /// Take what was recorded in this folder instead of real QEMUs.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "recordings")]
    pub offline: Option<PathBuf>,
    #[command(flatten)]
    pub random: Prefixed,
    /// Record the list's prefixes, and random ones, in this folder instead.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "recordings")]
    pub record: Option<PathBuf>,
    /// Expected differences.
    #[arg(long, value_name = "FILE", default_value = "parity/known.toml")]
    pub known: PathBuf,
    /// Write what was found as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Random prefixes.
#[derive(Args)]
pub struct Prefixed {
    /// Random prefixes that TAB is pressed on, beside those of the list.
    #[arg(long, value_name = "COUNT", default_value_t = 300)]
    pub prefixes_made: usize,
    /// The same seed makes the same random prefixes.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub prefix_seed: u64,
}

impl From<&Prefixed> for Random {
    fn from(made: &Prefixed) -> Self {
        Self {
            seed: made.prefix_seed,
            count: made.prefixes_made,
        }
    }
}

/// `parity run`.
#[derive(Args)]
pub struct Run {
    /// A case, or a folder of cases.
    #[arg(default_value = "parity/cases")]
    pub cases: PathBuf,
    #[command(flatten)]
    pub programs: Programs,
    #[command(flatten)]
    pub random: Prefixed,
    /// Never let the built-in monitor help our side.
    #[arg(long)]
    pub native_only: bool,
    /// What our side may risk (pausing, risky); then only cases with a line that needs it are run,
    /// and the baseline is one of those lines, of the QEMUs at hand.
    #[arg(long, value_name = "RISK", value_parser = risk, default_value = "safe", conflicts_with = "offline")]
    pub allow: Risk,
    /// The accelerator of VMs whose case leaves it open; QEMUs that can't use it here are skipped.
    #[arg(long, value_name = "ACCEL", value_parser = accel, conflicts_with = "offline")]
    pub accel: Option<Accel>,
    /// Cases to run at a time; twice as many as there are processors by default.
    #[arg(long, short = 'j', value_name = "N")]
    pub at_once: Option<usize>,
    /// Let this program `hmp` answer for our side, instead of the engine in this process.
    #[arg(long, value_name = "PROGRAM")]
    pub hmp: Option<PathBuf>,
    /// Ask the built-in by human-monitor-command, instead of its own socket.
    #[arg(long, conflicts_with = "offline")]
    pub by_qmp: bool,
    /// Count only what native and derived routes answered.
    #[arg(long)]
    pub strict: bool,
    /// Run the recordings of this folder instead of real QEMUs.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "recordings")]
    pub offline: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a summary in Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the report as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Append the run in short, as one line of JSON.
    #[arg(long, value_name = "FILE", requires = "date", requires = "revision")]
    pub history: Option<PathBuf>,
    /// The day, as the report says it.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub date: Option<String>,
    /// The revision, as the report says it.
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// An earlier report in JSON, for the changes in summary and page.
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Fail where a command is worse than in this file.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the baseline file anew instead of comparing with it.
    #[arg(long, requires = "baseline")]
    pub update_baseline: bool,
    /// Expected differences.
    #[arg(long, value_name = "FILE", default_value = "parity/known.toml")]
    pub known: PathBuf,
    #[command(flatten)]
    pub offers: Offers,
    /// Prefixes to complete, where all cases are run.
    #[arg(long, value_name = "FILE", default_value = "parity/completions.toml")]
    pub completion_list: PathBuf,
    /// Show every line.
    #[arg(long, short)]
    pub verbose: bool,
}

/// A day, as histories have it.
fn day(text: &str) -> Result<String, String> {
    let is_day = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match is_day {
        true => Ok(text.to_owned()),
        false => Err("a day is written as 2026-11-28".into()),
    }
}
