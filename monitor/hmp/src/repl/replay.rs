// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording instead of a QEMU: the mock inside the process.

use std::path::Path;

use mock_qmp::{Files, MockQmp, Mode, Recording, Server};

use crate::client::{Client, Events, Options};
use crate::repl::blocking::blocking;

/// Starts the mock and connects to it. The server lives as long as it is held.
///
/// It is lenient: what was not recorded at this moment may be answered from an earlier one.
pub(super) async fn connect(
    path: &Path,
    options: &Options,
) -> Result<(Server, Client, Events), String> {
    let shown = path.display();
    // A pipe may keep whoever reads it waiting; signals are heeded meanwhile.
    let named = path.to_owned();
    let recording = blocking(move || Recording::load_machine(named))
        .await
        .map_err(|error| format!("{shown}: {error}"))?
        .map_err(|error| error.to_string())?;
    let mock = MockQmp::from_recording(recording)
        .mode(Mode::Lenient)
        .without_help()
        .files(Files::WhereEmpty);
    let (server, stream) = mock
        .serve_in_memory()
        .map_err(|error| format!("{shown}: {error}"))?;
    match Client::from_unix(stream, options).await {
        Ok((client, events)) => Ok((server, client, events)),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}
