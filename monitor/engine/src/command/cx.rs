// SPDX-License-Identifier: GPL-2.0-or-later
//! What a command's function sees: the connection, the session, the outside world, and a sink for
//! its text.

use std::fmt::{self, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::command::hazard::{self, Hazard, Met};
use crate::command::manual::Manual;
use crate::command::session::Session;
use crate::format::sink::Sink;
use crate::guest::dump::DumpError;
use crate::guest::memory::{Means, ReadError};
use crate::host::{Host, Risk};
use crate::qemu::builtin;
use crate::qemu::caps::Caps;
use crate::qemu::missing::Missing;
use crate::qmp::{Qmp, QmpError};

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CmdError {
    /// QMP said no; shown in the row's [error style](crate::command::row::ErrorStyle).
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// Our own words for what the built-in would report as an error; shown in the row's style too.
    #[error("{0}")]
    User(String),
    /// Text shown exactly as it is, with a line end, whatever the row's style.
    #[error("{0}")]
    Plain(String),
    /// The command can't be done here without what is named: the built-in monitor does it where
    /// that is allowed. Comes before any text of the command's.
    #[error("{0}")]
    Unavailable(String),
    /// QMP has no interface for it: the built-in monitor does it where that is allowed. Comes
    /// before any text of the command's.
    #[error("blocked: QEMU lacks the QMP command {} ({})", .0.name, .0.why)]
    Blocked(&'static Missing),
    /// It would harm this QEMU; nothing was sent.
    #[error("{0}")]
    Hazard(Met),
    /// Our own mistake.
    #[error("internal error: {0}")]
    Bug(String),
    /// The sink takes no more text.
    #[error("output failed")]
    Out,
}

impl From<ReadError> for CmdError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Qmp(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<DumpError> for CmdError {
    fn from(error: DumpError) -> Self {
        match error {
            DumpError::Lost(error) => error.into(),
            other => Self::Unavailable(format!("no register can be read: {other}")),
        }
    }
}

impl From<fmt::Error> for CmdError {
    fn from(_: fmt::Error) -> Self {
        Self::Out
    }
}

/// What a command's function returns; its text went to the sink.
pub type CmdResult = Result<(), CmdError>;

/// The argument struct of a command that takes none.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoArgs {}

/// What a command's function sees. Text is written into it with `write!`.
pub struct Cx<'a> {
    /// What the connected QEMU offers.
    pub caps: &'a Caps,
    /// What outlives the line: the current CPU, the format of `x`.
    pub session: &'a mut Session,
    /// The program around the engine.
    pub host: &'a dyn Host,
    /// What must not be sent to some QEMUs.
    pub hazards: &'static [Hazard],
    /// What `help` shows.
    pub manual: &'a dyn Manual,
    /// The highest risk class that the user permits.
    pub allow: Risk,
    /// Whether the built-in monitor may be asked, and is there.
    pub has_builtin: bool,
    /// How long something that a line waits for may make no progress; none: as long as it takes.
    pub patience: Option<Duration>,
    /// What QMP can't say, or what is left out of an answer: a sentence each, see
    /// [`note`](Self::note).
    pub notes: Vec<String>,
    /// Whether the user was asked for a secret, which the line does not hold.
    pub(crate) asked: bool,
    pub(crate) qmp: &'a dyn Qmp,
    pub(crate) out: &'a mut dyn Sink,
}

impl Write for Cx<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }
}

impl<'a> Cx<'a> {
    /// Executes a QMP command; `arguments` is an object, or null for none. A call that is known to
    /// harm this QEMU is not made.
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, CmdError> {
        self.refuse_harm(command, &arguments).await?;
        Ok(self.qmp.execute(command, arguments).await?)
    }

    /// Refuses a call that is known to harm this QEMU.
    pub async fn refuse_harm(&mut self, command: &str, arguments: &Value) -> CmdResult {
        let nothing = Map::new();
        let args = arguments.as_object().unwrap_or(&nothing);
        match hazard::of_call(self.hazards, command) {
            None => Ok(()),
            Some(at) => match hazard::find(self.hazards, at, self.qmp, self.caps, args).await? {
                Some(met) if met.hazard.certain || self.allow < Risk::Risky => {
                    Err(CmdError::Hazard(met))
                }
                _ => Ok(()),
            },
        }
    }

    /// Executes a QMP command without arguments and reads its result.
    pub async fn query<T: DeserializeOwned>(&mut self, command: &str) -> Result<T, CmdError> {
        self.query_with(command, Value::Null).await
    }

    /// Leaves the line to the built-in monitor where it is there, as its answer may hold what ours
    /// has not: `why`.
    pub fn prefer_builtin(&self, why: &str) -> CmdResult {
        match self.has_builtin {
            true => Err(CmdError::Unavailable(why.to_owned())),
            false => Ok(()),
        }
    }

    /// Asks the user for a secret; none where nobody answers.
    pub async fn secret(&mut self, question: &str) -> Option<String> {
        self.asked = true;
        self.host.secret(question).await
    }

    /// Says what is missing in this answer, which makes it a part of the built-in's. A note is
    /// shown behind the text, apart from it.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Executes a QMP command and reads its result.
    pub async fn query_with<T: DeserializeOwned>(
        &mut self,
        command: &str,
        arguments: Value,
    ) -> Result<T, CmdError> {
        let value = self.execute(command, arguments).await?;
        serde_json::from_value(value).map_err(|e| QmpError::unexpected(command, e).into())
    }

    /// The values of the enumeration that `argument` of the QMP command `command` takes, from the
    /// schema; empty where the schema has no such argument.
    pub async fn enum_values(
        &mut self,
        command: &str,
        argument: &str,
    ) -> Result<Vec<String>, CmdError> {
        let schema = self.caps.schema(self.qmp).await?;
        Ok(schema.enum_values(command, argument))
    }

    /// Refuses `value` where the enumeration of a QMP argument has no such value, in the built-in's
    /// words.
    pub async fn check_enum(
        &mut self,
        command: &str,
        argument: &str,
        value: &str,
    ) -> Result<(), CmdError> {
        let values = self.enum_values(command, argument).await?;
        if values.is_empty() || values.iter().any(|v| v == value) {
            return Ok(());
        }
        Err(CmdError::User(format!("invalid parameter value: {value}")))
    }

    /// The built-in monitor's answer to a line, for a part of our own.
    pub async fn builtin(&mut self, line: &str) -> Result<String, CmdError> {
        let cpu = self.session.kept.cpu;
        Ok(builtin::answer(self.qmp, line, cpu).await?)
    }

    /// What reading guest memory needs.
    #[must_use]
    pub fn means(&self) -> Means<'a> {
        Means {
            qmp: self.qmp,
            host: self.host,
            version: self.caps.version,
            allow: self.allow,
            given: self.session.given.clone(),
        }
    }

    /// The connection itself, for commands that keep several requests in flight or pass a
    /// descriptor.
    #[must_use]
    pub fn qmp(&self) -> &'a dyn Qmp {
        self.qmp
    }
}
