// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line: its options, their help, and what they ask for.
//!
//! The man page and the completions of shells are made from it too (`cargo xtask generate`).

use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser, ValueEnum, ValueHint};
use hmp_engine::command::route::Passthrough;
use hmp_engine::host::Risk;

use crate::listen::{Binding, Manner, Place};
use crate::repl::{Descriptors, Form, Listening, Look, Options, Overrides, Target, Task};
use crate::terminal::style::Colour;

/// The release, and behind it, where they are known, the revision of the source and its date.
const VERSION: &str = env!("HMP_VERSION");

/// QEMU's human monitor, over QMP.
///
/// Without -c, commands are read from standard input; on a terminal, with a prompt.
#[derive(Parser)]
#[command(name = "hmp", version = VERSION, after_help = EXIT_CODES)]
pub struct Arguments {
    /// A QMP socket (PATH, HOST:PORT, @NAME, vsock:CID:PORT, or as in QEMU's -qmp), or a running
    /// QEMU by its name or process number. Without it, your only running QEMU is used.
    #[arg(value_hint = ValueHint::AnyPath)]
    address: Option<String>,

    /// A line to run, its words joined by blanks. Options come before it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, conflicts_with_all = ["lines", "complete", "end_jobs", "list"])]
    line: Vec<String>,

    /// Run this line and end; may be given several times.
    #[arg(short = 'c', long = "command", value_name = "LINE")]
    lines: Vec<String>,

    /// End each answer with a NUL byte.
    #[arg(long)]
    null: bool,

    /// Print what could stand at the end of TEXT.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["lines", "explain"])]
    complete: Option<String>,

    /// Print what each line would do, as JSON, and do nothing.
    #[arg(long)]
    explain: bool,

    /// Give each answer as a JSON object on one line: line, command, route, refusal, notes, outcome
    /// and text.
    #[arg(long, conflicts_with_all = ["explain", "complete"])]
    json: bool,

    /// Give a QMP command no more than this to be answered [default: no limit].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Wait this long for the socket to appear and for its turn [default: 10 for its turn].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with_all = ["replay", "list"])]
    wait: Option<Duration>,

    /// Let commands use the open descriptor N by this name; may be given several times.
    #[arg(long = "fd", value_name = "NAME=N")]
    descriptors: Vec<String>,

    /// Permit ways of answering that stop the VM for a moment, or could harm it.
    #[arg(long, value_name = "RISK")]
    allow: Option<Allow>,

    /// Never use the built-in monitor (human-monitor-command).
    #[arg(long)]
    native_only: bool,

    /// When to use the built-in monitor.
    #[arg(long, value_name = "WHEN", hide = true, conflicts_with = "native_only")]
    passthrough: Option<When>,

    /// Talk to a recording instead of a QEMU.
    #[arg(long, value_name = "RECORDING", value_hint = ValueHint::AnyPath)]
    replay: Option<PathBuf>,

    /// Talk to a domain of libvirt's through virsh, which marks it as tainted; asks first.
    #[arg(long, value_name = "DOMAIN", conflicts_with_all = ["replay", "list", "all", "wait"])]
    libvirt: Option<String>,

    /// Do not ask before --libvirt.
    #[arg(long, requires = "libvirt")]
    yes: bool,

    /// Run the lines of -c on all your running QEMUs at once, with a header for each answer.
    #[arg(long, requires = "lines", conflicts_with_all = ["address", "replay", "list", "complete", "end_jobs"])]
    all: bool,

    /// Serve a monitor socket in front of the QMP socket, for clients of -monitor: unix:PATH,
    /// tcp:HOST:PORT or telnet:HOST:PORT, or systemd for sockets that a service manager passes; may
    /// be given several times.
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["line", "lines", "complete", "explain", "json", "null", "end_jobs", "list", "all", "print_config"])]
    listen: Vec<Place>,

    /// With --listen, how many clients are served at a time; QEMU serves one.
    #[arg(long, value_name = "HOW MANY", requires = "listen")]
    clients: Option<Clients>,

    /// With --listen, give each client a history, a CPU and formats of its own.
    #[arg(long, requires = "listen")]
    own_state: bool,

    /// With --listen, the permissions of a unix socket, in octal.
    #[arg(long, value_name = "MODE", requires = "listen", value_parser = mode, default_value = "600")]
    mode: u32,

    /// With --listen, permit TCP addresses that other machines can reach.
    #[arg(long, requires = "listen")]
    bind_anywhere: bool,

    /// Write no escape sequences to the terminal: a plain prompt, for programs that drive it.
    #[arg(long)]
    plain: bool,

    /// At a prompt and with --listen, connect anew when the QEMU that went is back.
    #[arg(long)]
    reconnect: bool,

    /// At a prompt, end when QEMU ends, instead of staying.
    #[arg(long, conflicts_with = "reconnect")]
    exit_on_end: bool,

    /// End the jobs that an earlier hmp began and left behind, and clear them away.
    #[arg(long, conflicts_with_all = ["lines", "complete", "explain", "replay", "null"])]
    end_jobs: bool,

    /// What the prompt looks like: as the built-in's, or with the VM's name and state in front.
    #[arg(long, value_name = "LOOK")]
    prompt: Option<PromptLook>,

    /// At a prompt, where colours are used.
    #[arg(long, value_name = "WHEN")]
    color: Option<Color>,

    /// At a prompt, show long answers without a pager.
    #[arg(long)]
    no_pager: bool,

    /// At a prompt, ask before a line is run that may lose something.
    #[arg(long)]
    confirm: bool,

    /// Print the settings of the prompt, as in its file.
    #[arg(long, conflicts_with_all = ["address", "lines", "complete", "explain", "replay", "null", "end_jobs", "list"])]
    print_config: bool,

    /// Print the running QEMUs: a header, then process, name, owner, state, machine, address and
    /// remarks, with tabs between.
    #[arg(long, conflicts_with_all = ["address", "lines", "complete", "explain", "replay", "null", "end_jobs"])]
    list: bool,
}

/// What the numbers mean that the program ends with.
pub const EXIT_CODES: &str = "\
Exit codes: 0 all done, 1 some command failed, 2 usage, 3 no connection, 4 connection lost with work left or in flight, \
129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM.";

#[derive(Clone, Copy, ValueEnum)]
enum Allow {
    /// Stop the VM for a moment.
    Pausing,
    /// Could kill or change it somewhere.
    Risky,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Clients {
    /// All that come.
    Many,
    /// One, while the others wait.
    One,
}

#[derive(Clone, Copy, ValueEnum)]
enum When {
    Never,
    Auto,
    Always,
}

#[derive(Clone, Copy, ValueEnum)]
enum PromptLook {
    /// The built-in's prompt.
    Plain,
    /// The VM's name and state in front of it.
    State,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    /// On terminals that understand them, unless NO_COLOR is set.
    Auto,
    /// On those, also where it is.
    Always,
    /// Nowhere.
    Never,
}

fn overrides(arguments: &Arguments) -> Overrides {
    Overrides {
        prompt: arguments.prompt.map(|look| match look {
            PromptLook::Plain => Look::Plain,
            PromptLook::State => Look::State,
        }),
        color: arguments.color.map(|color| match color {
            Color::Auto => Colour::Auto,
            Color::Always => Colour::Always,
            Color::Never => Colour::Never,
        }),
        no_pager: arguments.no_pager,
        confirm: arguments.confirm,
    }
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("not permissions in octal, such as 660".into()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        Ok(_) => Err("must be more than 0".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// What these arguments ask for; `descriptors` are those that [`descriptors`] took.
#[must_use]
pub fn options(arguments: Arguments, descriptors: Descriptors) -> Options {
    let prompt = overrides(&arguments);
    let mut words = arguments.line;
    let target = match (arguments.address, arguments.replay) {
        (None, None) if arguments.all => Target::All,
        (first, None) if arguments.libvirt.is_some() => {
            // Nothing is named beside a domain: all words are the line's.
            words.splice(..0, first);
            Target::Libvirt {
                domain: arguments.libvirt.unwrap_or_default(),
                agreed: arguments.yes,
            }
        }
        (Some(address), None) => Target::Named(address),
        (None, None) => Target::Discover,
        (first, Some(path)) => {
            // Nothing is named beside a recording: all words are the line's.
            words.splice(..0, first);
            Target::Recording(path)
        }
    };
    let task = if !arguments.listen.is_empty() {
        Task::Listen(Listening {
            places: arguments.listen,
            binding: Binding {
                mode: arguments.mode,
                anywhere: arguments.bind_anywhere,
            },
            manner: Manner {
                one: arguments.clients == Some(Clients::One),
                own_state: arguments.own_state,
            },
        })
    } else if arguments.list {
        Task::List
    } else if arguments.print_config {
        Task::Settings
    } else if arguments.end_jobs {
        Task::EndJobs
    } else if let Some(text) = arguments.complete {
        Task::Complete(text)
    } else if !words.is_empty() {
        Task::Lines(vec![words.join(" ")])
    } else if arguments.lines.is_empty() {
        Task::Input
    } else {
        Task::Lines(arguments.lines)
    };
    let passthrough = match arguments.passthrough {
        Some(When::Always) => Passthrough::Always,
        Some(When::Never) => Passthrough::Never,
        _ if arguments.native_only => Passthrough::Never,
        _ => Passthrough::Auto,
    };
    let form = match (arguments.explain, arguments.json) {
        (true, _) => Form::Plan,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let allow = match arguments.allow {
        None => Risk::Safe,
        Some(Allow::Pausing) => Risk::Pausing,
        Some(Allow::Risky) => Risk::Risky,
    };
    Options {
        target,
        task,
        form,
        null: arguments.null,
        plain: arguments.plain,
        reconnect: arguments.reconnect,
        exit_on_end: arguments.exit_on_end,
        wait: arguments.wait,
        timeout: arguments.timeout,
        passthrough,
        allow,
        descriptors,
        prompt,
    }
}

/// Reads the command line. What clap can't say by itself: an unknown option in front of the line is
/// no line, and a recording leaves no place for an address beside lines of other kinds.
///
/// # Errors
///
/// What the user wrote is not understood, or asks for help or the version.
pub fn read() -> Result<Arguments, clap::Error> {
    let arguments = Arguments::try_parse()?;
    let refuse = |kind, text: String| Err(Arguments::command().error(kind, text));
    if let Some(option) = arguments.line.first().filter(|word| word.starts_with('-')) {
        let text = format!("unexpected argument '{option}' found");
        return refuse(clap::error::ErrorKind::UnknownArgument, text);
    }
    let other = !arguments.lines.is_empty() || arguments.complete.is_some();
    let instead = arguments.replay.is_some() || arguments.libvirt.is_some();
    if instead && arguments.address.is_some() && other {
        let text = "a recording or a domain is used instead of an address".to_owned();
        return refuse(clap::error::ErrorKind::ArgumentConflict, text);
    }
    Ok(arguments)
}

/// Takes the descriptors before anything is opened whose number might be meant by mistake.
///
/// # Errors
///
/// `--fd` names none that is open.
pub fn descriptors(arguments: &Arguments) -> Result<Descriptors, clap::Error> {
    let mut descriptors = Descriptors::default();
    for text in &arguments.descriptors {
        descriptors.add(text).map_err(|error| {
            clap::Error::raw(
                clap::error::ErrorKind::ValueValidation,
                format!("--fd: {error}\n"),
            )
        })?;
    }
    Ok(descriptors)
}

/// The command line as clap has it.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_manual_knows_every_flag() {
        let manual = include_str!("../../../docs/hmp.md");
        for flag in Arguments::command().get_arguments() {
            if flag.is_hide_set() {
                continue;
            }
            if let Some(long) = flag.get_long() {
                assert!(manual.contains(&format!("`--{long}")), "--{long}");
            }
            if let Some(short) = flag.get_short() {
                assert!(manual.contains(&format!("| `-{short}")), "-{short}");
            }
        }
    }

    #[test]
    fn seconds_are_positive_numbers() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["", "x", "0", "-1", "nan", "inf", "1e300"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
