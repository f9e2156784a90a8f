// SPDX-License-Identifier: GPL-2.0-or-later
//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use hmp_engine::command::route::Passthrough;
use hmp_engine::host::Risk;

use crate::listen::{Binding, Manner, Place};
use crate::repl::descriptors::Descriptors;
use crate::repl::settings::Overrides;

/// What to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What this text names: an address, or a running QEMU by its name or process number.
    Named(String),
    /// This user's only running QEMU.
    Discover,
    /// A recording instead of a QEMU.
    Recording(PathBuf),
    /// A domain of libvirt's, through `virsh`.
    Libvirt {
        /// Its name, number or UUID.
        domain: String,
        /// Whether the user knows what that does to the domain.
        agreed: bool,
    },
    /// All running QEMUs of this user.
    All,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// Run these lines.
    Lines(Vec<String>),
    /// Run the lines of standard input; on a terminal, with a prompt.
    Input,
    /// Print what could stand at the end of this text.
    Complete(String),
    /// End the jobs that an earlier `hmp` left behind.
    EndJobs,
    /// Print the QMP sockets of running QEMUs.
    List,
    /// Print the settings of the prompt.
    Settings,
    /// Serve other programs' clients.
    Listen(Listening),
}

/// Monitor sockets for clients.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Where they are.
    pub places: Vec<Place>,
    /// How they are made.
    pub binding: Binding,
    /// How their clients are served.
    pub manner: Manner,
}

/// What the answer to a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The built-in's text, with notes behind it.
    #[default]
    Text,
    /// A JSON object on one line: what became of the line, see [`Ran`](hmp_engine::engine::Ran),
    /// with the members `line` and `text`.
    Json,
    /// Lines are not run: a JSON object on one line says what each would do, see
    /// [`Decision`](hmp_engine::engine::Decision).
    Plan,
}

/// What the command line asks for.
#[derive(Debug)]
pub struct Options {
    /// What to talk to.
    pub target: Target,
    /// What to do.
    pub task: Task,
    /// What an answer looks like.
    pub form: Form,
    /// Whether to end each answer with a NUL byte.
    pub null: bool,
    /// Whether no escape sequence is written to a terminal.
    pub plain: bool,
    /// Whether a prompt connects anew when its QEMU is back.
    pub reconnect: bool,
    /// Whether a prompt ends with its QEMU.
    pub exit_on_end: bool,
    /// How long to wait for the socket to appear and for our turn at it.
    pub wait: Option<Duration>,
    /// How long a QMP command may take.
    pub timeout: Option<Duration>,
    /// Whether the built-in monitor may be used.
    pub passthrough: Passthrough,
    /// The highest risk class of routes that may be used.
    pub allow: Risk,
    /// Open descriptors for commands.
    pub descriptors: Descriptors,
    /// What is said of the prompt.
    pub prompt: Overrides,
}
