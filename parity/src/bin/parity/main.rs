//! `parity`: runs the same lines on the built-in monitor and on ours, and reports.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use monitor::qmp::address::Address;
use monitor::qmp::caps::Caps;
use parity::judge::baseline::Baseline;
use parity::judge::known::KnownList;
use parity::live::complete::{self, Prefixes};
use parity::live::qemu::{self, Qemu};
use parity::live::run::{self, Mode};
use parity::live::side::{Ours, Theirs};
use parity::report::{self, Entry, Report, Sides, term};
use parity::tables::forecast::Forecast;
use parity::tables::{coverage, forecast, hx};

/// Compares the external human monitor with QEMU's built-in one.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs cases on real QEMUs.
    Run(Run),
    /// Records cases on real QEMUs.
    Record {
        /// A case, or a folder of cases.
        #[arg(default_value = "parity/cases")]
        cases: PathBuf,
        /// A QEMU program; repeatable. By default those of HMP_TEST_QEMUS, or qemu-system-x86_64.
        #[arg(long)]
        qemu: Vec<PathBuf>,
        /// Where recordings are kept.
        #[arg(long, default_value = "recordings")]
        out: PathBuf,
    },
    /// Compares what TAB does.
    Complete(Complete),
    /// Compares how random lines are read.
    Fuzz {
        /// The same seed gives the same lines.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Lines to try on each QEMU.
        #[arg(long, default_value_t = 2000)]
        count: usize,
        /// A QEMU program; repeatable. By default those of HMP_TEST_QEMUS, or qemu-system-x86_64.
        #[arg(long)]
        qemu: Vec<PathBuf>,
    },
    /// The QMP interfaces that QEMU lacks, ranked by the commands that each would free.
    Gaps {
        /// Where recordings are kept: their QEMUs are looked at.
        #[arg(long, default_value = "recordings")]
        recordings: PathBuf,
        /// A QMP socket: the QEMU behind it is looked at instead.
        #[arg(long, value_name = "ADDRESS")]
        at: Option<Address>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Which route every command would take on every QEMU whose schema is at hand, and what it needs of QMP.
    Coverage {
        #[command(flatten)]
        of: Offers,
        /// A QEMU source tree, for its tables of commands; repeatable.
        #[arg(long, value_name = "DIR")]
        tree: Vec<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// How many commands take which route on each recorded QEMU, as the README shows it.
    Status {
        /// Where recordings are kept.
        #[arg(long, default_value = "recordings")]
        recordings: PathBuf,
    },
    /// Makes an HTML page of a report in JSON.
    Dashboard {
        /// The report.
        report: PathBuf,
        /// An earlier report, to show what changed.
        #[arg(long, value_name = "FILE")]
        before: Option<PathBuf>,
        /// The page.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Compares our rows with a QEMU source tree's .hx files.
    #[command(subcommand)]
    Hx(Hx),
}

#[derive(Subcommand)]
enum Hx {
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
    /// Rows and handler stubs for commands that have no row.
    Scaffold {
        /// The source tree.
        dir: PathBuf,
        /// Only commands without a row, which is the default and all there is.
        #[arg(long)]
        missing: bool,
    },
}

/// QEMUs whose schemas are at hand.
#[derive(Args)]
struct Offers {
    /// Where recordings are kept.
    #[arg(long, default_value = "recordings")]
    recordings: PathBuf,
    /// A folder with libvirt's recordings (*.replies).
    #[arg(long, value_name = "DIR")]
    replies: Option<PathBuf>,
}

impl Offers {
    fn qemus(&self) -> Result<Vec<(String, Caps)>, parity::recorded::run::OfflineError> {
        let recorded = parity::tables::offered::recorded(&self.recordings)?;
        let more = match &self.replies {
            Some(folder) => parity::tables::offered::replies(folder)?,
            None => Vec::new(),
        };
        Ok(parity::tables::offered::joined(recorded, more))
    }
}

#[derive(Args)]
struct Complete {
    /// Prefixes of lines; by default those of the list.
    prefixes: Vec<String>,
    /// The list of prefixes, and the VM to complete on.
    #[arg(long, value_name = "FILE", default_value = "parity/completions.toml")]
    list: PathBuf,
    /// A QEMU program; repeatable. By default those of HMP_TEST_QEMUS, or qemu-system-x86_64.
    #[arg(long)]
    qemu: Vec<PathBuf>,
    /// Take what was recorded in this folder instead of real QEMUs.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "recordings")]
    offline: Option<PathBuf>,
    /// Record the list's prefixes in this folder instead.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "recordings")]
    record: Option<PathBuf>,
    /// Expected differences.
    #[arg(long, value_name = "FILE", default_value = "parity/known.toml")]
    known: PathBuf,
    /// Write what was found as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct Run {
    /// A case, or a folder of cases.
    #[arg(default_value = "parity/cases")]
    cases: PathBuf,
    /// A QEMU program; repeatable. By default those of HMP_TEST_QEMUS, or qemu-system-x86_64.
    #[arg(long)]
    qemu: Vec<PathBuf>,
    /// Never let the built-in monitor help our side.
    #[arg(long)]
    native_only: bool,
    /// Cases to run at a time; twice as many as there are processors by default.
    #[arg(long, short = 'j', value_name = "N")]
    at_once: Option<usize>,
    /// Let this program `hmp` answer for our side, instead of the engine in this process.
    #[arg(long, value_name = "PROGRAM")]
    hmp: Option<PathBuf>,
    /// Ask the built-in by human-monitor-command, instead of its own socket.
    #[arg(long, conflicts_with = "offline")]
    by_qmp: bool,
    /// Count only what native and derived routes answered.
    #[arg(long)]
    strict: bool,
    /// Run the recordings of this folder instead of real QEMUs.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "recordings")]
    offline: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a summary in Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the report as one HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// An earlier report in JSON, for the changes in summary and page.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Fail where a command is worse than in this file.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the baseline file anew instead of comparing with it.
    #[arg(long, requires = "baseline")]
    update_baseline: bool,
    /// Expected differences.
    #[arg(long, value_name = "FILE", default_value = "parity/known.toml")]
    known: PathBuf,
    #[command(flatten)]
    offers: Offers,
    /// Prefixes to complete, where all cases are run.
    #[arg(long, value_name = "FILE", default_value = "parity/completions.toml")]
    completion_list: PathBuf,
    /// Show every line.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => args.run(),
        Command::Hx(args) => args.run(),
        Command::Complete(args) => args.run(),
        Command::Fuzz { seed, count, qemu } => fuzz(seed, count, &qemu),
        Command::Gaps {
            recordings,
            at,
            json,
        } => gaps(&recordings, at, json),
        Command::Coverage { of, tree, json } => forecast(&of, &tree, json),
        Command::Status { recordings } => status(&recordings),
        Command::Dashboard {
            report,
            before,
            out,
        } => dashboard(&report, before.as_ref(), &out),
        Command::Record { cases, qemu, out } => record(&cases, &qemu, &out),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "parity: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well; an error is one of use, not of what was compared.
type Done = Result<bool, Box<dyn std::error::Error>>;

fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

impl Hx {
    fn run(self) -> Done {
        match self {
            Self::Coverage { dir, json } => {
                let coverage = coverage::coverage(&hx::tree(&dir)?);
                print(&if json {
                    serde_json::to_string_pretty(&coverage)? + "\n"
                } else {
                    coverage.render()
                })?;
                Ok(true)
            }
            Self::Check { dir } => {
                let found = coverage::check(&hx::tree(&dir)?);
                for sentence in &found {
                    print(&format!("{sentence}\n"))?;
                }
                print(&format!("{} differences\n", found.len()))?;
                Ok(found.is_empty())
            }
            Self::Scaffold { dir, .. } => {
                print(&coverage::scaffold(&hx::tree(&dir)?))?;
                Ok(true)
            }
        }
    }
}

fn qemus(programs: &[PathBuf]) -> Result<Vec<Qemu>, String> {
    let found = if programs.is_empty() {
        qemu::available()
    } else {
        let find = |p: &PathBuf| Qemu::new(p).ok_or(format!("{}: not a QEMU", p.display()));
        programs.iter().map(find).collect::<Result<_, _>>()?
    };
    if found.is_empty() {
        return Err(format!("no QEMU found; name some in {}", qemu::VARIABLE));
    }
    Ok(found)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn record(cases: &Path, programs: &[PathBuf], out: &Path) -> Done {
    let cases = parity::case::load(cases)?;
    let qemus = qemus(programs)?;
    let runtime = runtime()?;
    let mut all = true;
    for qemu in &qemus {
        for case in cases.iter().filter(|c| c.suits(qemu)) {
            match runtime.block_on(parity::recorded::record::record(case, qemu, out)) {
                Ok(folder) => print(&format!("{}: {}\n", folder.display(), case.name))?,
                Err(error) => {
                    print(&format!("{}: {}: {error}\n", qemu.label(), case.name))?;
                    all = false;
                }
            }
        }
    }
    Ok(all)
}

fn read_json<T: serde::de::DeserializeOwned>(
    path: &PathBuf,
) -> Result<T, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?)
}

fn read_report(path: &PathBuf) -> Result<Report, Box<dyn std::error::Error>> {
    let report: Report = read_json(path)?;
    if report.format != report::FORMAT {
        let (path, found, ours) = (path.display(), report.format, report::FORMAT);
        return Err(format!("{path}: format {found}, where {ours} is wanted").into());
    }
    Ok(report)
}

fn dashboard(report: &PathBuf, before: Option<&PathBuf>, out: &Path) -> Done {
    let report = read_report(report)?;
    let before = before.map(read_report).transpose()?;
    let page = report::html::render(&report, before.as_ref())?;
    std::fs::write(out, page).map_err(|e| format!("{}: {e}", out.display()))?;
    Ok(true)
}

fn fuzz(seed: u64, count: usize, programs: &[PathBuf]) -> Done {
    let runtime = runtime()?;
    let mut same = true;
    for qemu in qemus(programs)? {
        let found = runtime.block_on(parity::live::fuzz::on(&qemu, seed, count))?;
        print(&format!("{}:\n{}", qemu.label(), found.render()))?;
        same &= found.differences.is_empty();
    }
    Ok(same)
}

fn gaps(recordings: &Path, at: Option<Address>, json: bool) -> Done {
    let qemus = match at {
        Some(address) => vec![runtime()?.block_on(parity::tables::offered::connected(&address))?],
        None => parity::tables::offered::recorded(recordings)?,
    };
    let gaps = parity::tables::gaps::gaps(&qemus);
    print(&if json {
        serde_json::to_string_pretty(&gaps)? + "\n"
    } else {
        parity::tables::gaps::render(&gaps)
    })?;
    Ok(true)
}

fn forecast(of: &Offers, trees: &[PathBuf], json: bool) -> Done {
    let trees: Result<Vec<_>, _> = trees.iter().map(|dir| hx::tree(dir)).collect();
    let forecast = forecast::forecast(&of.qemus()?, &trees?);
    print(&if json {
        serde_json::to_string_pretty(&forecast)? + "\n"
    } else {
        forecast::render(&forecast)
    })?;
    Ok(true)
}

fn status(recordings: &Path) -> Done {
    let qemus = parity::tables::offered::recorded(recordings)?;
    print(&parity::tables::status::table(&qemus))?;
    Ok(true)
}

impl Complete {
    fn run(self) -> Done {
        let list = Prefixes::load(&self.list)?;
        let runtime = runtime()?;
        if let Some(out) = &self.record {
            for qemu in qemus(&self.qemu)? {
                let folder =
                    runtime.block_on(parity::recorded::complete::record(&list, &qemu, out))?;
                print(&format!("{}\n", folder.display()))?;
            }
            return Ok(true);
        }
        let mut known = KnownList::load(&self.known)?;
        let found = match &self.offline {
            Some(recordings) => {
                runtime.block_on(recorded_completions(recordings, &list, &mut known))?
            }
            None => {
                let mut prefixes = self.prefixes;
                if prefixes.is_empty() {
                    prefixes = list.all().cloned().collect();
                }
                let mut found = Vec::new();
                for qemu in qemus(&self.qemu)? {
                    let live = complete::live(&list, &prefixes, &qemu, &mut known);
                    found.extend(runtime.block_on(live));
                }
                found
            }
        };
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(&found)? + "\n")?;
        }
        print(&complete::render(&found))?;
        let tried: Vec<_> = found.iter().map(complete::Completed::known_line).collect();
        let stale = known.stale(&tried, self.offline.is_none());
        for line in &stale {
            print(&format!("stale entry in known.toml: {line}\n"))?;
        }
        Ok(stale.is_empty() && found.iter().all(complete::Completed::clean))
    }
}

async fn recorded_completions(
    recordings: &Path,
    list: &Prefixes,
    known: &mut KnownList,
) -> Result<Vec<complete::Completed>, parity::recorded::run::OfflineError> {
    let mut found = Vec::new();
    for file in parity::recorded::complete::recordings(recordings)? {
        found.extend(parity::recorded::complete::offline(&file, list, known).await?);
    }
    Ok(found)
}

impl Run {
    fn run(self) -> Done {
        let mut known = KnownList::load(&self.known)?;
        let entries = match &self.offline {
            Some(recordings) => {
                let topics = parity::recorded::run::topics(recordings)?;
                parity::recorded::run::run(&topics, &self.ours(), &mut known)?
            }
            None => self.live(&mut known)?,
        };
        let completions = self.completions(&mut known)?;
        let lines = entries.iter().map(|e| (e.line.clone(), e.qemu.clone()));
        let tabs = completions.iter().map(complete::Completed::known_line);
        let ran: Vec<_> = lines.chain(tabs).collect();
        // The lines that show a difference may be in other cases than those that don't, and where the built-in helps
        // there may be none.
        let all = self.offline.is_some() || self.cases.is_dir() && self.native_only;
        let stale = if all {
            known.stale(&ran, self.offline.is_none())
        } else {
            Vec::new()
        };
        let report = Report {
            format: report::FORMAT,
            native_only: self.native_only || self.offline.is_some(),
            stale: stale.into_iter().map(str::to_owned).collect(),
            sides: Sides {
                ours: self.ours().word().into(),
                builtin: match self.offline {
                    Some(_) => "recording".into(),
                    None => self.theirs().word().into(),
                },
            },
            entries,
            completions,
            coverage: self.coverage()?,
        };
        self.write(&report)?;
        print(&term::render(&report, self.verbose))?;
        if self.strict {
            print(&term::strict(&report))?;
        }
        Ok(self.ratchet(&report)? && report.clean())
    }

    /// What TAB does, where all cases are run.
    fn completions(
        &self,
        known: &mut KnownList,
    ) -> Result<Vec<complete::Completed>, Box<dyn std::error::Error>> {
        if !self.completion_list.exists() {
            return Ok(Vec::new());
        }
        let list = Prefixes::load(&self.completion_list)?;
        let runtime = runtime()?;
        if let Some(recordings) = &self.offline {
            return Ok(runtime.block_on(recorded_completions(recordings, &list, known))?);
        }
        let mut found = Vec::new();
        if self.cases.is_dir() {
            let prefixes: Vec<_> = list.all().cloned().collect();
            for qemu in qemus(&self.qemu)?.iter().filter(|q| list.vm.suits(q)) {
                found.extend(runtime.block_on(complete::live(&list, &prefixes, qemu, known)));
            }
        }
        Ok(found)
    }

    fn write(&self, report: &Report) -> Result<(), Box<dyn std::error::Error>> {
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(report)? + "\n")?;
        }
        if let Some(path) = &self.junit {
            std::fs::write(path, report::junit::render(report)?)?;
        }
        let before = self.before.as_ref().map(read_report).transpose()?;
        if let Some(path) = &self.markdown {
            std::fs::write(path, report::markdown::render(report, before.as_ref()))?;
        }
        if let Some(path) = &self.html {
            std::fs::write(path, report::html::render(report, before.as_ref())?)?;
        }
        Ok(())
    }

    fn coverage(&self) -> Result<Option<Forecast>, parity::recorded::run::OfflineError> {
        if !self.offers.recordings.exists() {
            return Ok(None);
        }
        Ok(Some(forecast::forecast(&self.offers.qemus()?, &[])))
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

    /// Whether no command got worse.
    fn ratchet(&self, report: &Report) -> Done {
        let Some(path) = &self.baseline else {
            return Ok(true);
        };
        let now = Baseline::of(report);
        if self.update_baseline {
            std::fs::write(path, serde_json::to_string_pretty(&now)? + "\n")?;
            return Ok(true);
        }
        let worse = now.worse_than(&read_json(path)?);
        for sentence in &worse {
            print(&format!("worse: {sentence}\n"))?;
        }
        if !worse.is_empty() {
            print("If that is right, --update-baseline writes the new state down.\n")?;
        }
        Ok(worse.is_empty())
    }

    fn live(&self, known: &mut KnownList) -> Result<Vec<Entry>, Box<dyn std::error::Error>> {
        let cases = parity::case::load(&self.cases)?;
        let qemus = qemus(&self.qemu)?;
        let mode = Mode {
            native_only: self.native_only,
            ours: self.ours(),
            theirs: self.theirs(),
        };
        let mut jobs = Vec::new();
        for qemu in &qemus {
            let suiting = cases.iter().filter(|case| case.suits(qemu));
            jobs.extend(suiting.map(|case| (case.clone(), qemu.clone())));
        }
        let at_once = self.at_once.unwrap_or_else(|| {
            // QEMUs that are paused leave much of a machine's time.
            2 * std::thread::available_parallelism().map_or(1, usize::from)
        });
        Ok(runtime()?.block_on(run::cases(jobs, &mode, at_once, known)))
    }
}
