// SPDX-License-Identifier: GPL-2.0-or-later
//! A mock QEMU: serves recorded QMP sessions as the QEMU that was recorded would, and injects
//! faults.
//!
//! It is for tests of whatever talks QMP. A mock answers from a recording ([`Recording`]) or from
//! what the test says ([`MockQmp::scripted`]), on sockets or in memory, and reports at the end what
//! was asked and not recorded, and what was recorded and never reached.
//!
//! ```
//! use std::io::{BufRead as _, BufReader, Write as _};
//!
//! use mock_qmp::{MockQmp, Mode, Recording};
//!
//! // What passed between a client and a QEMU 10.0. Recordings are folders; a text will do.
//! let session = r#"{"format":1}
//! {"request":{"execute":"qmp_capabilities"},"at":1}
//! {"reply":{"return":{}},"at":1}
//! {"request":{"execute":"query-status"},"at":2}
//! {"reply":{"return":{"status":"running","running":true}},"at":2}
//! "#;
//! let recording = Recording::from_text("status.qmp", session, None)?;
//! let mock = MockQmp::from_recording(recording).mode(Mode::Strict);
//! let (server, client) = mock.serve_pair()?;
//!
//! // The code under test talks over `client`.
//! let mut client = BufReader::new(client);
//! let mut line = String::new();
//! client.read_line(&mut line)?;
//! assert!(line.starts_with(r#"{"QMP": "#));
//! for (request, reply) in [
//!     (r#"{"execute": "qmp_capabilities"}"#, r#"{"return": {}}"#),
//!     (
//!         r#"{"execute": "query-status", "id": 1}"#,
//!         r#"{"return": {"status": "running", "running": true}, "id": 1}"#,
//!     ),
//! ] {
//!     client.get_mut().write_all(request.as_bytes())?;
//!     line.clear();
//!     client.read_line(&mut line)?;
//!     assert_eq!(line.trim_end(), reply);
//! }
//!
//! // An error would say what was not as recorded.
//! server.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! Each folder asks only those below it (`xtask/tests/layers.rs` checks that).
//!
//! ```text
//! mock       what a test or the program sets up: recording or script, faults, where it is served
//! import     reads other people's recordings
//! record     writes down what passes between a client and a real QEMU, as a proxy between them
//! net        sockets: listens, reads and writes, and keeps the time
//! script     answers written in a file, in front of a machine
//! replay     a machine made of a recording: finds the recorded answer to a request
//! core       the QMP server without sockets: bytes in, bytes out, whatever machine is behind it
//! fault      what can go wrong, and what it makes of a message that is sent
//! recording  the files: reads, checks, writes and shows them, and keeps secrets out
//! schema     what is known of commands: the recorded schema, who changes the machine
//! json       JSON exactly as QEMU reads and writes it
//! release    releases of QEMU, to compare with
//! timestamp  the time that events carry
//! ```

#![warn(clippy::must_use_candidate, clippy::return_self_not_must_use)]

pub mod core;
mod fault;
pub mod import;
pub mod json;
mod mock;
pub mod net;
pub mod record;
pub mod recording;
mod release;
pub mod replay;
pub mod schema;
pub mod script;
mod timestamp;

pub use self::core::{Files, Leftovers, MonitorOptions, Unmatched};
pub use fault::{Fault, FaultError, FaultKind, fault_table};
pub use mock::{Answer, MockQmp};
pub use net::{Address, Server};
pub use recording::{Recording, RecordingError};
pub use replay::{IgnoredMember, Mode, Timestamps, Timing};
pub use script::{ScriptError, ScriptFile};
