//! Cases: a VM and the lines to run on it, as TOML.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::qemu::Qemu;

/// A file of `parity/cases`. In `args` and lines, `{dir}` stands for the VM's own directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What the case is about.
    pub about: String,
    /// What sets its recordings apart from others of the same machine; mostly nothing.
    #[serde(default)]
    pub variant: String,
    /// The architectures that it suits, in QAPI's spelling.
    #[serde(default = "x86_64")]
    pub arch: Vec<String>,
    /// The first QEMU that it suits, such as "8.0".
    pub since: Option<String>,
    /// The first QEMU that it suits no longer.
    pub until: Option<String>,
    /// Arguments for QEMU, beside those for its monitors.
    #[serde(default)]
    pub args: Vec<String>,
    /// Images made before QEMU starts.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Whether two VMs run in step, one for each monitor: needed as soon as a line changes something.
    #[serde(default)]
    pub twins: bool,
    /// Milliseconds to wait before the first line, for a guest that runs.
    #[serde(default)]
    pub boot: u64,
    /// The lines.
    pub steps: Vec<Step>,
}

fn x86_64() -> Vec<String> {
    vec!["x86_64".into()]
}

/// An image made with qemu-img.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Its name in the VM's directory.
    pub file: String,
    /// `qcow2`, `raw`, ...
    pub format: String,
    /// With a suffix, as qemu-img takes it; left out where a backing file gives it.
    pub size: Option<String>,
    /// A backing file of the same directory, and its format.
    pub backing: Option<(String, String)>,
    /// Internal snapshots to take.
    #[serde(default)]
    pub snapshots: Vec<String>,
}

/// A line, alone or with what goes with it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Step {
    /// The line.
    Line(String),
    /// The line and more.
    Full(FullStep),
}

/// A line and what goes with it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullStep {
    /// The line.
    pub line: String,
    /// What shows the effect, beside what the command's own probes show.
    #[serde(default)]
    pub probe: Vec<crate::probe::Probe>,
    /// Milliseconds to wait behind the line.
    #[serde(default)]
    pub wait: u64,
    /// The first QEMU that the step suits.
    pub since: Option<String>,
    /// The first QEMU that the step suits no longer.
    pub until: Option<String>,
}

impl Step {
    /// The step with all that goes with it.
    #[must_use]
    pub fn full(&self) -> FullStep {
        match self {
            Self::Line(line) => FullStep {
                line: line.clone(),
                ..FullStep::default()
            },
            Self::Full(full) => full.clone(),
        }
    }
}

impl Case {
    /// Whether the case suits this QEMU.
    #[must_use]
    pub fn suits(&self, qemu: &Qemu) -> bool {
        self.arch.contains(&qemu.arch)
            && in_bounds(self.since.as_deref(), self.until.as_deref(), qemu)
    }
}

impl FullStep {
    /// Whether the step suits this QEMU.
    #[must_use]
    pub fn suits(&self, qemu: &Qemu) -> bool {
        in_bounds(self.since.as_deref(), self.until.as_deref(), qemu)
    }
}

fn in_bounds(since: Option<&str>, until: Option<&str>, qemu: &Qemu) -> bool {
    let bound = |text: Option<&str>| text.and_then(crate::qemu::parse_version);
    bound(since).is_none_or(|v| qemu.version >= v) && bound(until).is_none_or(|v| qemu.version < v)
}

/// Why a case can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It can't be read.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, std::io::Error),
    /// It is not a case.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Toml(PathBuf, Box<toml::de::Error>),
    /// There is no case there.
    #[error("{}: no cases", .0.display())]
    Empty(PathBuf),
}

/// Reads one case, or all of a folder, sorted by name.
pub fn load(path: &Path) -> Result<Vec<Case>, CaseError> {
    let io = |e| CaseError::Io(path.to_owned(), e);
    if !path.is_dir() {
        return Ok(vec![load_one(path)?]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if file.extension().is_some_and(|e| e == "toml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(CaseError::Empty(path.to_owned()));
    }
    files.iter().map(|file| load_one(file)).collect()
}

fn load_one(path: &Path) -> Result<Case, CaseError> {
    let text = std::fs::read_to_string(path).map_err(|e| CaseError::Io(path.to_owned(), e))?;
    let mut case: Case =
        toml::from_str(&text).map_err(|e| CaseError::Toml(path.to_owned(), Box::new(e)))?;
    let stem = path.file_stem().unwrap_or_default();
    case.name = stem.to_string_lossy().into_owned();
    Ok(case)
}
