// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mock_qmp::{Address, Fault, Files, IgnoredMember, Mode, Timing};

/// A mock QEMU: serves recorded QMP sessions as the QEMU that was recorded would.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Answers from a recording or a script, on Unix or TCP sockets.
    Serve(Box<Serve>),
    /// Passes everything on between clients and a running QEMU, and writes down what passes.
    Record(Record),
    /// Lists the machines that can be served by name.
    List,
    /// Says what is wrong with recordings.
    Check(Check),
    /// Prints a recording as a conversation.
    Show(Show),
    /// Turns libvirt's `.replies` files into recordings.
    Import(Import),
}

#[derive(Args)]
pub struct Serve {
    /// A machine's folder, or its name in `mock-qmp list`, or one of its files.
    #[arg(required_unless_present = "script")]
    pub recording: Option<PathBuf>,
    /// Where to listen: unix:PATH or tcp:HOST:PORT. Several are monitors of the same machine.
    #[arg(long, required_unless_present = "listen_pretty")]
    pub listen: Vec<Address>,
    /// Where to listen and write over several lines, as -qmp-pretty does.
    #[arg(long)]
    pub listen_pretty: Vec<Address>,
    /// What is answered that was not recorded in this state.
    #[arg(long, value_enum, default_value_t = ModeChoice::Lenient)]
    pub mode: ModeChoice,
    /// The same as --mode strict.
    #[arg(long, conflicts_with = "mode")]
    pub strict: bool,
    /// Answers, events, delays and faults, written in a file, in front of the recording or alone.
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Where files go that requests name: below a folder, or `none`, or `real` for where they say.
    /// Without it, below a temporary folder that is removed at the end.
    #[arg(long, value_name = "DIR|none|real", value_parser = files)]
    pub files: Option<Files>,
    /// A recorded folder and the one that takes its place here, such as /recorded=/here.
    #[arg(long, value_name = "RECORDED=HERE", value_parser = mapping)]
    pub map: Vec<(String, String)>,
    /// A member of requests that makes no difference, such as blockdev-add.node-name.
    #[arg(long, value_name = "COMMAND.MEMBER")]
    pub ignore: Vec<IgnoredMember>,
    /// Where the mock itself is controlled: unix:PATH.
    #[arg(long, value_name = "unix:PATH")]
    pub control: Option<Address>,
    /// Writes what is wrong so far into a file, whenever that changes, and at the end; may be given
    /// several times.
    #[arg(long, num_args = 2, value_names = ["json|junit", "FILE"])]
    pub report: Vec<String>,
    /// The QEMU that answers what the recording does not hold of the present state: where its QMP
    /// monitor listens.
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "recording",
        conflicts_with_all = ["mode", "strict", "repeat"]
    )]
    pub upstream: Option<Address>,
    /// Add what that QEMU answers to the recording, as another topic.
    #[arg(long, requires = "upstream")]
    pub record: bool,
    /// Names of further members whose values are secrets in what is recorded.
    #[arg(long, value_name = "MEMBER", requires = "record")]
    pub secret: Vec<String>,
    /// Start the machine again after it has ended, until interrupted.
    #[arg(long)]
    pub repeat: bool,
    /// What goes wrong: NAME[:PARAMETER=NUMBER][,command=NAME][,nth=NUMBER], such as
    /// drop-in,command=query-block. Several combine.
    #[arg(long)]
    pub fault: Vec<Fault>,
    /// Makes random faults the same each time.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// When answers and events come.
    #[arg(long, value_enum, default_value_t = TimingChoice::Prompt)]
    pub timing: TimingChoice,
    /// Which time events carry.
    #[arg(long, value_enum, default_value_t = TimestampChoice::Now)]
    pub timestamps: TimestampChoice,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum TimestampChoice {
    /// The present.
    Now,
    /// That of the recording.
    Recorded,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ModeChoice {
    /// From other states too.
    Lenient,
    /// Of requests that only look, as lenient; changes only in their state. Misses are reported.
    FreeReads,
    /// Nothing. Misses are reported, and what was never reached.
    Strict,
}

impl From<ModeChoice> for Mode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::Lenient => Self::Lenient,
            ModeChoice::FreeReads => Self::FreeReads,
            ModeChoice::Strict => Self::Strict,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum TimingChoice {
    /// At once.
    Prompt,
    /// As recorded.
    Recorded,
}

impl From<TimingChoice> for Timing {
    fn from(choice: TimingChoice) -> Self {
        match choice {
            TimingChoice::Prompt => Self::Prompt,
            TimingChoice::Recorded => Self::Recorded,
        }
    }
}

#[derive(Args)]
pub struct Record {
    /// Where QEMU's QMP monitor listens.
    #[arg(long)]
    pub qemu: Address,
    /// Where clients connect.
    #[arg(long)]
    pub listen: Address,
    /// Folder that holds recordings; this one gets its own folder in it, named after the machine.
    #[arg(long)]
    pub output: PathBuf,
    /// Name of the topic.
    #[arg(long, default_value = mock_qmp::recording::MAIN_TOPIC)]
    pub topic: String,
    /// What sets this recording apart from others of the same machine type.
    #[arg(long, default_value = "")]
    pub variant: String,
    /// What to do where there is a recording of this topic: refuse, or one of these.
    #[arg(long, value_enum)]
    pub mode: Option<RecordMode>,
    /// The same as --mode overwrite.
    #[arg(long, conflicts_with = "mode")]
    pub overwrite: bool,
    /// Names of further members whose values are secrets.
    #[arg(long, value_name = "MEMBER")]
    pub secret: Vec<String>,
    /// Keep so many bytes of each file that QEMU writes; the rest reads as zeros.
    #[arg(long, value_name = "BYTES", default_value_t = mock_qmp::record::CONTENT_LIMIT)]
    pub content: usize,
    /// End after so many clients instead of when interrupted.
    #[arg(long)]
    pub clients: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordMode {
    /// Replace it, once this one is complete.
    Overwrite,
    /// Answer from it, and record nothing.
    Once,
    /// Record another topic, NAME-2 and so on, of the same machine.
    Append,
}

#[derive(Args)]
pub struct Check {
    /// Folders or files.
    #[arg(required = true)]
    pub recordings: Vec<PathBuf>,
}

#[derive(Args)]
pub struct Show {
    /// A folder or a file.
    pub recording: PathBuf,
    /// Cut JSON after so many bytes; 0 cuts nothing.
    #[arg(long, default_value_t = 160)]
    pub width: usize,
}

#[derive(Args)]
pub struct Import {
    /// Files, named caps_VERSION_ARCH[+VARIANT].replies.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Folder that holds recordings; each gets its own folder in it.
    #[arg(long)]
    pub output: PathBuf,
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn files(text: &str) -> Result<Files, String> {
    Ok(match text {
        "none" => Files::Nowhere,
        "real" => Files::Real,
        folder => Files::Below(folder.into()),
    })
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let is_root = |path: &str| path.trim_end_matches('/').is_empty();
    match text.split_once('=') {
        Some((recorded, here)) if is_root(recorded) || is_root(here) => {
            Err("a folder is mapped, not the root".to_owned())
        }
        Some((recorded, here)) if recorded.starts_with('/') && here.starts_with('/') => {
            Ok((recorded.to_owned(), here.to_owned()))
        }
        _ => Err("expected /RECORDED=/HERE".to_owned()),
    }
}
