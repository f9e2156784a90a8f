// SPDX-License-Identifier: GPL-2.0-or-later
//! A script as it is written (`docs/mock-qmp.md` describes it).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::recording::QemuVersion;

/// Longest file that is read.
const LONGEST: u64 = 64 << 20;

/// A script that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not what the format says.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// A script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScriptFile {
    /// The recorded machine whose schema checks requests, where there is no recording: its folder,
    /// or the name of one that comes with the program.
    pub machine: Option<PathBuf>,
    /// The version that is stated, where there is neither recording nor machine.
    pub version: Option<String>,
    /// Folders that have another name here, by the recorded one.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// Members that make no difference, as `COMMAND.MEMBER`.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// States at the start.
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    /// Events that come after the first client has negotiated.
    #[serde(default)]
    pub events: Vec<EventText>,
    /// What is answered; the first rule that fits counts.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

/// What is answered to a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The command; `*` for all.
    pub command: String,
    /// What the arguments must be; others may be there. In texts `${NAME}` stands for anything and
    /// keeps it, `${}` for anything.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// Whether no other arguments may be there.
    #[serde(default)]
    pub exact: bool,
    /// The states in which it counts.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// How often it counts.
    pub times: Option<u64>,
    /// What is returned. Without this, `error` and `silence`, what is behind the script answers.
    pub r#return: Option<Value>,
    /// The error that is answered.
    pub error: Option<ErrorText>,
    /// Nothing is answered.
    #[serde(default)]
    pub silence: bool,
    /// Events before the reply.
    #[serde(default)]
    pub before: Vec<EventText>,
    /// Events after the reply.
    #[serde(default)]
    pub after: Vec<EventText>,
    /// How long the command runs, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// States that are then so.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Text for files or descriptors that arguments name, by the argument.
    #[serde(default)]
    pub content: BTreeMap<String, String>,
    /// Whether QEMU ends with the reply.
    #[serde(default)]
    pub quits: bool,
    /// What goes wrong with the reply, as `--fault` has it.
    pub fault: Option<String>,
}

/// An event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventText {
    /// Its name.
    pub event: String,
    /// Its data.
    pub data: Option<Map<String, Value>>,
    /// How much later than the reply, in milliseconds.
    #[serde(default)]
    pub after_ms: u64,
}

/// An error, by its text or with its class.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ErrorText {
    /// A `GenericError` of this text.
    Text(String),
    /// An error of this class.
    Whole {
        /// QEMU's error class.
        class: ErrorClass,
        /// Its text.
        desc: String,
    },
}

/// QEMU's error classes (`qapi/error.json`).
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum ErrorClass {
    /// All that has no class of its own.
    GenericError,
    /// There is no such command.
    CommandNotFound,
    /// A device is not active.
    DeviceNotActive,
    /// There is no such device.
    DeviceNotFound,
    /// KVM cannot do it.
    KVMMissingCap,
}

impl ErrorClass {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::GenericError => "GenericError",
            Self::CommandNotFound => "CommandNotFound",
            Self::DeviceNotActive => "DeviceNotActive",
            Self::DeviceNotFound => "DeviceNotFound",
            Self::KVMMissingCap => "KVMMissingCap",
        }
    }
}

impl ScriptFile {
    /// Reads a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScriptError> {
        let path = path.as_ref();
        let text = read(path).map_err(|source| ScriptError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::from_text(path, &text)
    }

    /// Reads a script's text; `path` is for messages.
    pub fn from_text(path: impl AsRef<Path>, text: &str) -> Result<Self, ScriptError> {
        let format = |problem: String| ScriptError::Format {
            path: path.as_ref().to_owned(),
            problem,
        };
        let file: Self = toml::from_str(text).map_err(|error| format(error.to_string()))?;
        for (number, rule) in file.rules.iter().enumerate() {
            let name = || format!("rule {} ({})", number + 1, rule.command);
            rule.check()
                .map_err(|problem| format(format!("{}: {problem}", name())))?;
        }
        if let Some(version) = &file.version {
            let parsed = QemuVersion::parse(version);
            parsed.ok_or_else(|| format(format!("'{version}' is not MAJOR.MINOR.MICRO")))?;
        }
        for (recorded, here) in &file.map {
            if !recorded.starts_with('/') || !here.starts_with('/') {
                let problem = format!("map: '{recorded}' and '{here}' are to begin with /");
                return Err(format(problem));
            }
        }
        for text in &file.ignore {
            let parsed = text.parse::<crate::replay::IgnoredMember>();
            parsed.map_err(|error| format(error.to_string()))?;
        }
        Ok(file)
    }
}

/// The text of a file, which may be a device that never ends.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(std::io::Error::other("longer than 64 MiB")),
        false => Ok(text),
    }
}

impl Rule {
    /// Reads a rule from JSON.
    pub(super) fn from_json(value: &Value) -> Result<Self, String> {
        let rule: Self =
            serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        rule.check()?;
        Ok(rule)
    }

    fn check(&self) -> Result<(), String> {
        let answers = [self.r#return.is_some(), self.error.is_some(), self.silence];
        if answers.iter().filter(|&&answer| answer).count() > 1 {
            return Err("one of `return`, `error` and `silence` at most".to_owned());
        }
        if self.times == Some(0) {
            return Err("with `times = 0` it never counts".to_owned());
        }
        if let Some(fault) = &self.fault {
            let parsed = fault.parse::<crate::fault::Fault>();
            let _checked = parsed.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
