// SPDX-License-Identifier: GPL-2.0-or-later
//! What all subcommands use.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use parity::live::programs::{self, Program};
use parity::report::{FORMAT, Report, history};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::cli::Programs;

/// Whether all is well; an error is one of use, not of what was compared.
pub type Done = Result<bool, Error>;

/// A sentence for standard error.
pub type Error = Box<dyn std::error::Error>;

/// Writes to standard output. A reader that has enough (`| head`) is not a mistake.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
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
    Ok(std::fs::write(path, text).map_err(|e| failed(path, &e))?)
}

/// Reads a file.
pub fn read(path: &Path) -> Result<String, Error> {
    Ok(std::fs::read_to_string(path).map_err(|e| failed(path, &e))?)
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
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let runs = history::parse(&read(path)?);
    Ok(runs.map_err(|e| format!("{}: {e}", path.display()))?)
}

/// A history that grows: it is opened and read before a run, so that a run is not in vain.
pub struct History {
    path: PathBuf,
    file: File,
    runs: Vec<history::Run>,
    /// Whether the last line has no end yet.
    open_ended: bool,
}

impl History {
    /// Opens the file, which may be new.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true);
        let file = options.open(path).map_err(|e| failed(path, &e))?;
        let text = read(path)?;
        let runs = history::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            runs,
            open_ended: !text.is_empty() && !text.ends_with('\n'),
        })
    }

    /// Appends a run, in one write, since others may append too, and returns all.
    pub fn append(mut self, run: history::Run) -> Result<Vec<history::Run>, Error> {
        let end = if self.open_ended { "\n" } else { "" };
        let line = format!("{end}{}", run.line()?);
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|e| failed(&self.path, &e))?;
        self.runs.push(run);
        Ok(self.runs)
    }
}

/// Why something can't be done with a file.
fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Makes a folder, and those above it.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    Ok(std::fs::create_dir_all(path).map_err(|e| failed(path, &e))?)
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
