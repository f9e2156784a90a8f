// SPDX-License-Identifier: GPL-2.0-or-later
//! The mock as a program.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what a program talks through"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mock_qmp::record::{Proxy, Recorder, probe, record};
use mock_qmp::{Address, Fault, MockQmp, Mode, MonitorOptions, Recording, RecordingError, Timing};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A mock QEMU: serves recorded QMP sessions as the QEMU that was recorded would.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers from a recording, on Unix or TCP sockets.
    Serve(Serve),
    /// Passes everything on between clients and a running QEMU, and writes down what passes.
    Record(Record),
    /// Says what is wrong with recordings.
    Check(Check),
    /// Prints a recording as a conversation.
    Show(Show),
    /// Turns libvirt's `.replies` files into recordings.
    Import(Import),
}

#[derive(Args)]
struct Serve {
    /// A recording's folder (its main topic) or one of its files.
    recording: PathBuf,
    /// Where to listen: unix:PATH or tcp:HOST:PORT. Several are monitors of the same machine.
    #[arg(long, required_unless_present = "listen_pretty")]
    listen: Vec<Address>,
    /// Where to listen and write over several lines, as -qmp-pretty does.
    #[arg(long)]
    listen_pretty: Vec<Address>,
    /// Report what the recording does not hold and what was never asked for.
    #[arg(long)]
    strict: bool,
    /// What goes wrong: NAME[:PARAMETER=NUMBER][,command=NAME][,nth=NUMBER], such as
    /// drop-in,command=query-block. Several combine.
    #[arg(long)]
    fault: Vec<Fault>,
    /// Makes random faults the same each time.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// When answers and events come.
    #[arg(long, value_enum, default_value_t = TimingChoice::Prompt)]
    timing: TimingChoice,
}

#[derive(Clone, Copy, ValueEnum)]
enum TimingChoice {
    /// At once.
    Prompt,
    /// As recorded.
    Recorded,
}

#[derive(Args)]
struct Record {
    /// Where QEMU's QMP monitor listens.
    #[arg(long)]
    qemu: Address,
    /// Where clients connect.
    #[arg(long)]
    listen: Address,
    /// Folder that holds recordings; this one gets its own folder in it, named after the machine.
    #[arg(long)]
    output: PathBuf,
    /// Name of the topic.
    #[arg(long, default_value = mock_qmp::recording::MAIN_TOPIC)]
    topic: String,
    /// What sets this recording apart from others of the same machine type.
    #[arg(long, default_value = "")]
    variant: String,
    /// Replace a recording of this topic, once this one is complete, instead of refusing.
    #[arg(long)]
    overwrite: bool,
    /// End after so many clients instead of when interrupted.
    #[arg(long)]
    clients: Option<u64>,
}

#[derive(Args)]
struct Check {
    /// Folders or files.
    #[arg(required = true)]
    recordings: Vec<PathBuf>,
}

#[derive(Args)]
struct Show {
    /// A folder or a file.
    recording: PathBuf,
    /// Cut JSON after so many bytes; 0 cuts nothing.
    #[arg(long, default_value_t = 160)]
    width: usize,
}

#[derive(Args)]
struct Import {
    /// Files, named caps_VERSION_ARCH[+VARIANT].replies.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Folder that holds recordings; each gets its own folder in it.
    #[arg(long)]
    output: PathBuf,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(options) => serve(options),
        Command::Record(options) => run_record(options),
        Command::Check(options) => check(&options),
        Command::Show(options) => show(&options),
        Command::Import(options) => import(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mock-qmp: {error}");
            ExitCode::from(2)
        }
    }
}

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// SIGINT and SIGTERM, caught from now on.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self {
            interrupt: signal(interrupt)?,
            terminate: signal(terminate)?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What QEMU says when a signal ends it.
fn shutdown_by_signal() -> serde_json::Value {
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    serde_json::json!({
        "timestamp": {"seconds": now.as_secs(), "microseconds": now.subsec_micros()},
        "event": "SHUTDOWN",
        "data": {"guest": false, "reason": "host-signal"},
    })
}

fn serve(options: Serve) -> Outcome {
    let recording = Recording::load(&options.recording)?;
    runtime()?.block_on(async {
        let mut interrupts = Interrupts::new()?;
        let timing = match options.timing {
            TimingChoice::Prompt => Timing::Prompt,
            TimingChoice::Recorded => Timing::Recorded,
        };
        let mode = if options.strict {
            Mode::Strict
        } else {
            Mode::Lenient
        };
        let mock = MockQmp::from_recording(recording).mode(mode).timing(timing);
        let mock = options
            .fault
            .into_iter()
            .fold(mock.seed(options.seed), MockQmp::fault);
        let plain = options.listen.into_iter().map(|address| (address, false));
        let pretty = options
            .listen_pretty
            .into_iter()
            .map(|address| (address, true));
        let monitors = plain.chain(pretty);
        let monitors: Vec<_> = monitors
            .map(|(address, pretty)| (address, MonitorOptions { pretty }))
            .collect();
        let server = mock.serve_monitors(&monitors)?;
        for address in server.addresses() {
            println!("listening on {address}");
        }
        tokio::select! {
            () = server.ended() => {}
            () = interrupts.wait() => {
                server.end(Some(&shutdown_by_signal()));
                server.ended().await;
            }
        }
        Ok(match server.finish() {
            Ok(()) => ExitCode::SUCCESS,
            Err(leftovers) => {
                eprintln!("{leftovers}");
                ExitCode::FAILURE
            }
        })
    })
}

fn run_record(options: Record) -> Outcome {
    let mut found = probe(&options.qemu)?;
    found.machine.variant = options.variant;
    let folder = options.output.join(found.machine.folder_name());
    let create = if options.overwrite {
        Recorder::create
    } else {
        Recorder::create_new
    };
    let mut recorder = match create(folder.clone(), found.machine, &options.topic) {
        Err(error @ RecordingError::Exists { .. }) => {
            return Err(format!("{error}; --overwrite replaces it").into());
        }
        other => other?,
    };
    recorder.schema(&found.schema)?;
    let proxy = Proxy::new(recorder);
    runtime()?.block_on(async {
        let mut interrupts = Interrupts::new()?;
        println!(
            "recording into {}; clients connect to {}",
            folder.display(),
            options.listen
        );
        let result = tokio::select! {
            result = record(&options.listen, &options.qemu, &proxy, options.clients) => result,
            () = interrupts.wait() => Ok(()),
        };
        let mut recorder = proxy.recorder();
        if recorder.is_empty() {
            recorder.discard()?;
            result?;
            println!("no client came: nothing is recorded");
            return Ok(ExitCode::SUCCESS);
        }
        recorder.finish()?;
        result?;
        Ok(ExitCode::SUCCESS)
    })
}

fn check(options: &Check) -> Outcome {
    let mut code = ExitCode::SUCCESS;
    for path in &options.recordings {
        let problems = mock_qmp::recording::check(path)?;
        for problem in &problems {
            eprintln!("{problem}");
            code = ExitCode::FAILURE;
        }
        if problems.is_empty() {
            println!("{}: good", path.display());
        }
    }
    Ok(code)
}

fn show(options: &Show) -> Outcome {
    use std::io::Write as _;
    let text = Recording::load(&options.recording)?.conversation(options.width);
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn import(options: &Import) -> Outcome {
    for file in &options.files {
        let folder = mock_qmp::import::libvirt(file, &options.output)?;
        println!("{}", folder.display());
    }
    Ok(ExitCode::SUCCESS)
}
