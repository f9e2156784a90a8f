// SPDX-License-Identifier: GPL-2.0-or-later
//! The program `hmp` without its command line: connecting, running lines, the prompt.
//!
//! It must not know clap, and the engine must not know it.

mod ahead;
mod all;
mod aside;
mod asker;
mod assistant;
mod batch;
mod blocking;
mod candidates;
mod choose;
mod connect;
mod descriptors;
mod editor;
mod events;
mod exit;
mod history;
mod home;
mod host;
mod leftovers;
mod libvirt;
mod lines;
mod link;
mod list;
mod listening;
mod options;
mod own;
mod prompt;
mod question;
mod replay;
mod run;
mod screen;
mod settings;
mod signals;
mod streams;
mod vocabulary;
mod worker;

pub use crate::repl::descriptors::{Descriptors, DescriptorsError};
pub use crate::repl::exit::Exit;
pub use crate::repl::options::{Form, Listening, Options, Target, Task};
pub use crate::repl::run::{print, run};
pub use crate::repl::settings::{Look, Overrides};
pub use crate::repl::signals::Caught;
