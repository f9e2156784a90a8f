// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's human monitor as a library: a line of text in, QMP commands out, the built-in monitor's
//! text back.
//!
//! The engine owns no socket, terminal, clock, file or runtime. Whoever embeds it brings a
//! connection that executes QMP commands ([`qmp::Qmp`]) and, for commands that wait or look at the
//! clock, a [`host::Host`]; its futures run on any executor.
//!
//! ```
//! use std::sync::Arc;
//!
//! use hmp_engine::command::route::Passthrough;
//! use hmp_engine::engine::{Monitor, Outcome};
//! use hmp_engine::qemu::caps::Caps;
//! use hmp_engine::qmp::version::v;
//! use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
//! use serde_json::{Value, json};
//!
//! /// A QEMU that knows its name. A real one is at the other end of a QMP connection.
//! struct Named;
//!
//! impl Qmp for Named {
//!     fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
//!         Box::pin(async move {
//!             match command {
//!                 "query-name" => Ok(json!({"name": "web1"})),
//!                 other => Err(QmpError::generic(format!("no {other} here"))),
//!             }
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let caps = Caps::from_parts(v(10, 0), Some("x86_64"), ["query-name"]);
//! let builder = Monitor::builder(Arc::new(Named)).passthrough(Passthrough::Never);
//! let mut monitor = builder.build_with(caps);
//!
//! let mut text = String::new();
//! let ran = monitor.run_line("info name", &mut text).await;
//! assert_eq!(text, "web1\n");
//! assert_eq!(ran.outcome, Outcome::Done);
//!
//! // What a line would do, without doing it.
//! assert_eq!(json!(monitor.explain("info name"))["qmp"], json!(["query-name"]));
//! # }
//! ```
//!
//! # Layers
//!
//! Each folder asks only those below it, and no family of commands asks another
//! (`xtask/tests/layers.rs` checks that).
//!
//! ```text
//! engine     decides what a line is, runs it, explains it, completes it
//! table      the rows of the two tables, and the hazards: data
//! commands   the functions behind the rows, a folder per family
//! command    what a row, a route, an error are; what a function sees (`Cx`)
//! guest      the guest as QMP shows it: memory, regions, registers
//! qemu       facts of one QEMU: capabilities, schema, block graph, devices, what it lacks
//! grammar    everything that reads: lines, arguments, expressions, option strings
//! format     everything that prints
//! host       the program around the engine, and risk
//! qmp        the connection: commands in, answers out, errors, releases
//! ```
//!
//! # One line through it: `block_resize disk0 20G`
//!
//! 1. [`Monitor::run_line`](engine::Monitor::run_line) decides: `grammar::line` reads the name,
//!    `command::rows` finds the row that this QEMU has, `grammar::args` reads what the row's
//!    args_type asks for, `command::route` picks the way.
//! 2. `command::hazard` looks whether the line is known to harm this QEMU.
//! 3. The row's function, `commands::block::device::resize`, gets a [`Cx`](command::cx::Cx) and its
//!    arguments as a struct, asks QMP, and writes its text.
//! 4. An error becomes text in the row's style; what became of the line is a
//!    [`Ran`](engine::Ran): command, route, refusal, notes, outcome.

pub mod command;
mod commands;
pub mod engine;
pub mod format;
pub mod grammar;
pub mod guest;
pub mod host;
pub mod qemu;
pub mod qmp;
pub mod table;
