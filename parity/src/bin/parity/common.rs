// SPDX-License-Identifier: GPL-2.0-or-later
//! What all subcommands use.

use std::io::Write;
use std::path::Path;

use parity::live::programs::{self, Program};
use parity::report::{FORMAT, Report, history};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::cli::Programs;

/// Whether all is well; an error is one of use, not of what was compared.
pub type Done = Result<bool, Error>;

/// A sentence for standard error.
pub type Error = Box<dyn std::error::Error>;

/// Writes to standard output.
pub fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

/// Writes `value` as JSON to a file.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    write(path, &json(value)?)
}

/// A value as JSON that people read too.
pub fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes a file.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    Ok(std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?)
}

/// Reads a file.
pub fn read(path: &Path) -> Result<String, Error> {
    Ok(std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?)
}

/// Reads a report of this format.
pub fn read_report(path: &Path) -> Result<Report, Error> {
    let report: Report =
        serde_json::from_str(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?;
    if report.format != FORMAT {
        let (path, found) = (path.display(), report.format);
        return Err(format!("{path}: format {found}, where {FORMAT} is wanted").into());
    }
    Ok(report)
}

/// Reads a history; none is one without runs.
pub fn read_history(path: Option<&Path>) -> Result<Vec<history::Run>, Error> {
    match path {
        Some(path) if path.exists() => {
            let runs = history::parse(&read(path)?);
            Ok(runs.map_err(|e| format!("{}: {e}", path.display()))?)
        }
        _ => Ok(Vec::new()),
    }
}

/// The runtime of everything that talks to a QEMU.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

impl Programs {
    /// The programs that are named, or those at hand; never none.
    pub fn all(&self) -> Result<Vec<Program>, Error> {
        let found = if self.qemu.is_empty() {
            programs::available()
        } else {
            let named = self.qemu.iter().map(|path| {
                Program::new(path).ok_or_else(|| format!("{}: not a QEMU", path.display()))
            });
            named.collect::<Result<_, _>>()?
        };
        if found.is_empty() {
            return Err(format!("no QEMU found; name some in {}", programs::VARIABLE).into());
        }
        Ok(found)
    }
}
