// SPDX-License-Identifier: GPL-2.0-or-later
//! The program `hmp` as a library: a QMP client on tokio, the search for running QEMUs, the prompt.
//!
//! The engine is `hmp-engine`; this crate brings what the engine leaves to others: sockets, a
//! clock, files, a terminal. Without its default feature `repl` it is the client and the search
//! alone.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use hmp::client::{Client, Options};
//! use hmp::host::Unattended;
//! use hmp_engine::engine::Monitor;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, _events) = Client::connect(&"/tmp/qmp.sock".parse()?, &Options::default()).await?;
//! let builder = Monitor::builder(Arc::new(client)).host(Arc::new(Unattended));
//! let mut monitor = builder.build().await?;
//! let mut text = String::new();
//! monitor.run_line("info status", &mut text).await;
//! print!("{text}");
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Each folder asks only those below it (`xtask/tests/layers.rs` checks that).
//!
//! ```text
//! command_line  what the options of the program ask for; the only place that knows clap
//! repl          the program: connecting, batches, the prompt, exit codes
//! terminal      the terminal that a user sits at: modes, what is typed, what may be shown
//! listen        monitor sockets for other programs' clients
//! readline      the line editor of monitor sockets, byte for byte
//! discover      running QEMUs and their sockets, from /proc
//! client        the QMP client: addresses, connecting, requests, replies, events
//! host          clock, memory files, private files
//! ```

pub mod client;
#[cfg(feature = "repl")]
pub mod command_line;
pub mod discover;
pub mod host;
pub mod listen;
pub mod readline;
#[cfg(feature = "repl")]
pub mod repl;
#[cfg(feature = "repl")]
pub mod terminal;
