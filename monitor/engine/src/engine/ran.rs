// SPDX-License-Identifier: GPL-2.0-or-later
//! What became of a line.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use crate::command::route::{Refusal, Taken};
use crate::engine::heard::Reply;
use crate::qmp::QmpError;

/// What became of a line. The command's text, and its error as the built-in words it, went to the
/// sink.
///
/// As JSON: an object with `command`, `route` (see [`Taken::word`]), `refusal` (see
/// [`Refusal::word`]), each left out where there is none, `notes`, `outcome` (`done`, `failed`,
/// `quit`, `disconnected`), `paused`, in microseconds, left out where it is zero, and `replies`, a list
/// of objects with `execute` and `return`, left out where it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The command's full name; none for a blank line, and where the line names no command.
    pub command: Option<String>,
    /// The way that was taken; none where the line was wrong or refused.
    pub route: Option<Taken>,
    /// Why it was not carried out, where that is not the line's or QEMU's own error.
    pub refusal: Option<Refusal>,
    /// What the answer lacks, a sentence each, without a line end. Programs show them behind the
    /// text, see [`shown_notes`](Self::shown_notes).
    pub notes: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the QMP commands of a native route returned, where that is kept (see
    /// [`Builder::keep_replies`](crate::engine::Builder::keep_replies)).
    pub replies: Vec<Reply>,
    /// How long, at most, the VM stood still for it, and its guest's clocks: what the QMP commands
    /// took that stop it, from each one's request to its reply. Zero where none was sent.
    pub paused: Duration,
}

/// How a line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Carried out, or blank.
    Done,
    /// It failed.
    Failed,
    /// It was `quit`, and QEMU ends.
    Quit,
    /// The connection can't be used any more.
    Disconnected(QmpError),
}

impl Ran {
    /// A line that did not come far enough to have a command.
    pub(super) fn new(outcome: Outcome) -> Self {
        Self {
            command: None,
            route: None,
            refusal: None,
            notes: Vec::new(),
            outcome,
            replies: Vec::new(),
            paused: Duration::ZERO,
        }
    }

    /// The notes as they are shown behind the text, see [`shown_notes`].
    #[must_use]
    pub fn shown_notes(&self) -> String {
        shown_notes(&self.notes)
    }
}

/// Notes as they are shown behind the text of an answer: a line `note: ...` each.
#[must_use]
pub fn shown_notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {note}\n")).collect()
}

impl Outcome {
    /// The word in machine-readable output.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Quit => "quit",
            Self::Disconnected(_) => "disconnected",
        }
    }
}

impl Serialize for Ran {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(command) = &self.command {
            map.serialize_entry("command", command)?;
        }
        if let Some(route) = self.route {
            map.serialize_entry("route", route.word())?;
        }
        if let Some(refusal) = &self.refusal {
            map.serialize_entry("refusal", refusal.word())?;
        }
        map.serialize_entry("notes", &self.notes)?;
        map.serialize_entry("outcome", self.outcome.word())?;
        if !self.paused.is_zero() {
            map.serialize_entry("paused", &(self.paused.as_nanos().div_ceil(1000) as u64))?;
        }
        if !self.replies.is_empty() {
            let replies = self.replies.iter();
            let replies =
                replies.map(|reply| json!({"execute": reply.command, "return": reply.value}));
            map.serialize_entry("replies", &replies.collect::<Vec<_>>())?;
        }
        map.end()
    }
}
