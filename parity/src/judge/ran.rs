// SPDX-License-Identifier: GPL-2.0-or-later
//! What our side did with a line, as types: all that the ladder of verdicts looks at.

use hmp_engine::host::Risk;
use serde::{Deserialize, Serialize};

/// How a line would be carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The command's full name, with `info ` in front of sub-commands; empty where the line names
    /// none.
    pub command: String,
    /// The route; none where the line can't be read.
    pub route: Option<RouteTaken>,
    /// What that risks.
    pub risk: Risk,
    /// Why it would not be carried out.
    pub refusal: Option<Refusal>,
    /// Whether the command's arguments were read without a mistake.
    pub is_read: bool,
    /// Whether this QEMU has a known danger for the command.
    pub has_hazards: bool,
    /// What the line would print instead of an answer.
    pub error: Option<String>,
}

/// What became of a line on our side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// As in [`Plan`].
    pub command: String,
    /// The route as far as our side alone shows it, see [`ladder`](super::ladder).
    pub route: Option<RouteTaken>,
    /// What that risked.
    pub risk: Risk,
    /// Why it was not carried out.
    pub refusal: Option<Refusal>,
    /// What the answer says of itself that it lacks.
    pub notes: Vec<String>,
    /// Whether there is an answer at all.
    pub outcome: Outcome,
    /// Whether the command failed.
    pub failed: bool,
    /// What was printed, without the notes.
    pub text: String,
}

/// Whether a line has an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It has; that it failed may be the answer.
    #[default]
    Answered,
    /// The connection or the program was lost; the reason.
    Lost(String),
    /// The command panicked; the panic's text.
    Panicked(String),
}

/// The route that a line took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteTaken {
    /// QMP has the command.
    Native,
    /// Computed from several QMP commands.
    Derived,
    /// Part of the answer.
    Partial,
    /// Needs nothing of QEMU.
    Local,
    /// The built-in monitor answered.
    Passthrough,
    /// None: it was not carried out.
    Refused,
}

impl RouteTaken {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Native,
        Self::Derived,
        Self::Partial,
        Self::Local,
        Self::Passthrough,
        Self::Refused,
    ];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Derived => "derived",
            Self::Partial => "partial",
            Self::Local => "local",
            Self::Passthrough => "passthrough",
            Self::Refused => "refused",
        }
    }

    /// The route with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.word() == word)
    }
}

/// Why a line was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// QMP has no interface for it, or this QEMU lacks it, or a risk was not allowed.
    Blocked,
    /// Its conversion is still to come.
    ToConvert,
    /// It would harm this QEMU.
    Harm,
    /// Its function found that what it was asked for can't be had: an answer like any other, unless
    /// nothing but a refusal can be expected.
    Unavailable,
}
