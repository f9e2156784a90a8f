// SPDX-License-Identifier: GPL-2.0-or-later
//! Commands and QMP calls that are known to kill, hang or corrupt some QEMU: refused before any
//! route.
//!
//! The table of them is `table/hazards.rs`; here is what an entry is, and how it is looked up.

pub(crate) mod conditions;
mod watched;

use serde_json::{Map, Value};

use self::watched::Watched;
use crate::host::Risk;
use crate::qemu::caps::Caps;
use crate::qmp::version::Version;
use crate::qmp::{BoxFuture, Qmp, QmpError};

/// Where a hazard lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A line of the monitor, by the table name of its command (`info` sub-commands with `info` in
    /// front).
    Line(&'static str),
    /// A QMP call.
    Qmp(&'static str),
}

/// One known danger.
#[derive(Debug)]
pub struct Hazard {
    /// What to watch.
    pub at: &'static [At],
    /// The first release that may have the danger: where the history of QEMU that was read does not
    /// say which of two releases that is, the earlier one.
    pub since: Version,
    /// The first release that is known to be without it.
    pub until: Version,
    /// The targets that have the danger; all where it is empty.
    pub targets: &'static [&'static str],
    /// What QEMU would do, as the second half of a sentence that starts with the command.
    pub harm: &'static str,
    /// How it was seen.
    pub seen: &'static str,
    /// Whether QMP says for sure that the danger is there; where it does not, `--allow risky` goes
    /// on.
    pub certain: bool,
    /// Whether it is the built-in monitor that does the harm, so that our own function may run.
    pub builtin: bool,
    /// Whether these arguments may meet the danger, as far as they alone say it.
    pub may: May,
    /// Whether the danger is there.
    pub is: Is,
}

/// Whether arguments, of a line or of a call, may meet a danger in that release.
pub type May = fn(&Map<String, Value>, Version) -> bool;

/// Whether a danger is there; it may ask QEMU, with calls that are harmless themselves.
pub type Is = for<'a> fn(&'a dyn Qmp, &'a Caps, &'a Map<String, Value>) -> BoxFuture<'a, bool>;

/// The defaults of an entry: a danger of every release and target, whatever the arguments.
pub const HAZARD: Hazard = Hazard {
    at: &[],
    since: Version::FIRST,
    until: Version::NEVER,
    targets: &[],
    harm: "",
    seen: "",
    certain: true,
    builtin: false,
    may: |_, _| true,
    is: |_, _, _| Box::pin(async { true }),
};

/// A danger that was met.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// The danger.
    pub hazard: &'static Hazard,
    /// Where it was met.
    pub at: At,
    /// The release of the QEMU.
    pub version: Version,
}

/// Where a line of this command may meet hazards, if there are any.
#[must_use]
pub fn of_line(hazards: &'static [Hazard], command: &str) -> Option<At> {
    let mut all = hazards.iter().flat_map(|hazard| hazard.at).copied();
    all.find(|at| matches!(at, At::Line(name) if *name == command))
}

/// Where a call of this QMP command may meet hazards, if there are any.
#[must_use]
pub fn of_call(hazards: &'static [Hazard], command: &str) -> Option<At> {
    let mut all = hazards.iter().flat_map(|hazard| hazard.at).copied();
    all.find(|at| matches!(at, At::Qmp(name) if *name == command))
}

/// The first hazard that `at` with these arguments would meet on this QEMU, if there is one. Fails
/// where QEMU can't be asked whether there is.
pub async fn find(
    hazards: &'static [Hazard],
    at: At,
    qmp: &dyn Qmp,
    caps: &Caps,
    args: &Map<String, Value>,
) -> Result<Option<Met>, QmpError> {
    for met in possible(hazards, at, caps, args) {
        if met.is_there(qmp, caps, args).await? {
            return Ok(Some(met));
        }
    }
    Ok(None)
}

/// The hazards that `at` with these arguments may meet on this QEMU, as far as is known without
/// asking it.
pub fn possible<'a>(
    hazards: &'static [Hazard],
    at: At,
    caps: &'a Caps,
    args: &'a Map<String, Value>,
) -> impl Iterator<Item = Met> + 'a {
    hazards
        .iter()
        .filter(move |h| h.at.contains(&at) && h.concerns(caps) && (h.may)(args, caps.version))
        .map(move |hazard| Met {
            hazard,
            at,
            version: caps.version,
        })
}

impl Hazard {
    /// Whether it is one of this QEMU's, as far as its release and target say.
    #[must_use]
    pub fn concerns(&self, caps: &Caps) -> bool {
        let here = self.targets.is_empty()
            || caps
                .arch
                .as_deref()
                .is_some_and(|arch| self.targets.contains(&arch));
        here && caps.version >= self.since && caps.version < self.until
    }
}

impl Met {
    /// Whether the danger is there, for which QEMU is asked. A question that was lost on the way is
    /// no answer: what would harm QEMU must not be done because QEMU was slow.
    pub async fn is_there(
        &self,
        qmp: &dyn Qmp,
        caps: &Caps,
        args: &Map<String, Value>,
    ) -> Result<bool, QmpError> {
        let watched = Watched::new(qmp);
        match ((self.hazard.is)(&watched, caps, args).await, watched.lost()) {
            (false, Some(lost)) => Err(lost),
            (is, _) => Ok(is),
        }
    }
}

impl PartialEq for Met {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.hazard, other.hazard) && self.at == other.at
    }
}

impl Eq for Met {}

impl Met {
    /// The sentence where a function of ours would be the way out, which has this risk.
    #[must_use]
    pub fn needing(&self, risk: Risk) -> String {
        let (At::Line(name) | At::Qmp(name)) = self.at;
        let (harm, version) = (self.hazard.harm, self.version);
        let risk = risk.word();
        format!(
            "refused: the built-in's {name} {harm} (QEMU {version}); hmp's own needs --allow {risk}"
        )
    }
}

impl std::fmt::Display for Met {
    /// The whole sentence, for the user.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (At::Line(name) | At::Qmp(name)) = self.at;
        write!(
            f,
            "refused: {name} {} (QEMU {})",
            self.hazard.harm, self.version
        )?;
        match self.hazard.certain {
            true => Ok(()),
            false => f.write_str("; --allow risky runs it all the same"),
        }
    }
}
