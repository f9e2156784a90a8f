// SPDX-License-Identifier: GPL-2.0-or-later
//! Which way a command takes on the connected QEMU.

use serde::{Deserialize, Serialize};

use crate::command::hazard::Met;
use crate::command::row::{Command, Exact, Route, Run, Way};
use crate::host::Risk;
use crate::qemu::caps::Caps;
use crate::qemu::missing::Missing;

/// The QMP command that runs a line of the built-in monitor.
pub const PASSTHROUGH: &str = "human-monitor-command";

/// Whether the built-in monitor may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passthrough {
    /// Never, even where QEMU has it.
    Never,
    /// Where our own route is missing or partial.
    #[default]
    Auto,
    /// For every command that is not local to the monitor.
    Always,
}

/// What the user allows.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether the built-in monitor may be used.
    pub passthrough: Passthrough,
    /// The highest risk class that may be used.
    pub allow: Risk,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            passthrough: Passthrough::Auto,
            allow: Risk::Safe,
        }
    }
}

/// How a command will be carried out.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// By our own function.
    Run(Route, Run),
    /// By the built-in monitor.
    Passthrough,
    /// Not at all.
    Refused(Refusal),
}

/// The way that a line took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// QMP has the command.
    Native,
    /// Computed from several QMP commands.
    Derived,
    /// Nothing of QEMU was needed.
    Local,
    /// Part of the answer; notes say what is missing.
    Partial,
    /// The built-in monitor answered.
    Passthrough,
}

impl Taken {
    /// The word in machine-readable output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Derived => "derived",
            Self::Local => "local",
            Self::Partial => "partial",
            Self::Passthrough => "passthrough",
        }
    }
}

impl From<&Route> for Taken {
    fn from(route: &Route) -> Self {
        match route.way {
            Way::Native(..) => Self::Native,
            Way::Derived(..) => Self::Derived,
            Way::Partial(..) => Self::Partial,
            Way::Local(_) | Way::ToConvert | Way::Blocked(_) => Self::Local,
        }
    }
}

/// Why a line is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// QMP has no interface for it.
    Blocked(&'static Missing),
    /// This QEMU lacks a QMP command that others have.
    Lacks(&'static str),
    /// Our conversion is still to come.
    ToConvert,
    /// It takes a route of a risk class that was not allowed.
    NotAllowed(Risk),
    /// It would harm this QEMU.
    Hazard(Met),
    /// It holds a division that overflows, or may: the built-in monitor's own evaluation would kill
    /// QEMU.
    Overflow,
    /// It needs the value of a register, which QMP has no command for.
    Register,
    /// Its function found that what it was asked for can't be had here.
    Unavailable,
}

impl Refusal {
    /// The word in machine-readable output.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Blocked(_) | Self::Register => "blocked",
            Self::Lacks(_) => "lacks",
            Self::ToConvert => "to-convert",
            Self::NotAllowed(_) => "not-allowed",
            Self::Hazard(_) | Self::Overflow => "hazard",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The state of a command on a QEMU, as reports show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// QMP has the command.
    Native,
    /// Computed from several QMP commands.
    Derived,
    /// Needs nothing of QEMU.
    Local,
    /// Part of the answer.
    Partial,
    /// Passthrough only: not converted yet.
    Passthrough,
    /// QEMU has no QMP for it.
    Blocked,
}

impl State {
    /// All of them, best first.
    pub const ALL: [Self; 6] = [
        Self::Native,
        Self::Derived,
        Self::Local,
        Self::Partial,
        Self::Passthrough,
        Self::Blocked,
    ];

    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Derived => "derived",
            Self::Local => "local",
            Self::Partial => "partial",
            Self::Passthrough => "passthrough",
            Self::Blocked => "blocked",
        }
    }
}

/// Chooses the way of `row`: own routes that are exact first; those that are not, partial ones and
/// those that need leave behind passthrough.
#[must_use]
pub fn plan(row: &Command, caps: &Caps, policy: Policy) -> Plan {
    let builtin =
        caps.has(PASSTHROUGH) && !caps.preconfig && policy.passthrough != Passthrough::Never;
    if builtin && policy.passthrough == Passthrough::Always {
        if let Some((route, run)) = usable(row, caps).find(|(r, _)| matches!(r.way, Way::Local(_)))
        {
            return Plan::Run(route, run);
        }
        return Plan::Passthrough;
    }
    let full = |(route, _): &(Route, Run)| {
        let behind = builtin && matches!(route.exact, Exact::Not(_));
        route.risk == Risk::Safe && !matches!(route.way, Way::Partial(..)) && !behind
    };
    if let Some((route, run)) = usable(row, caps).find(full) {
        return Plan::Run(route, run);
    }
    if builtin {
        return Plan::Passthrough;
    }
    if let Some((route, run)) = own(row, caps, policy) {
        return Plan::Run(route, run);
    }
    Plan::Refused(refusal(row, caps))
}

/// Our own function, whatever the built-in monitor could do.
#[must_use]
pub fn own(row: &Command, caps: &Caps, policy: Policy) -> Option<(Route, Run)> {
    usable(row, caps).find(|(route, _)| route.risk <= policy.allow)
}

/// The function for part of the answer, where a full route turned out not to work here.
#[must_use]
pub fn partial(row: &Command, caps: &Caps) -> Option<Run> {
    usable(row, caps)
        .find(|(route, _)| matches!(route.way, Way::Partial(..)) && route.risk == Risk::Safe)
        .map(|(_, run)| run)
}

/// The ways of a higher risk that are permitted: the functions of safe routes take them where they
/// must.
#[must_use]
pub fn otherwise(row: &Command, caps: &Caps, policy: Policy) -> Vec<Route> {
    usable(row, caps)
        .map(|(route, _)| route)
        .filter(|route| route.risk > Risk::Safe && route.risk <= policy.allow)
        .collect()
}

/// The state of `row` on a QEMU with these capabilities, for users who allow nothing: what needs
/// leave is left out. A full route that may differ on some machines counts as the part that is
/// certain, where there is one.
#[must_use]
pub fn state(row: &Command, caps: &Caps) -> State {
    let mut here = row
        .routes
        .iter()
        .filter(|r| r.risk == Risk::Safe && is_here(r, caps));
    let Some(best) = here.next() else {
        return State::Blocked;
    };
    let part = here.find(|route| matches!(route.way, Way::Partial(..)));
    match (best.exact, part) {
        (Exact::Not(_), Some(part)) => state_of(part),
        _ => state_of(best),
    }
}

/// The least that must be allowed for a better state of `row`; none where nothing helps.
#[must_use]
pub fn leave(row: &Command, caps: &Caps) -> Option<Risk> {
    let now = state(row, caps);
    let better = row
        .routes
        .iter()
        .filter(|route| route.risk > Risk::Safe && is_here(route, caps) && state_of(route) < now);
    better.map(|route| route.risk).min()
}

fn is_here(route: &Route, caps: &Caps) -> bool {
    route.is_for(caps) && route.needs().iter().all(|need| caps.has(need))
}

/// The state of `row` on the QEMU that suits it best.
#[must_use]
pub fn best_state(row: &Command) -> State {
    row.routes.first().map_or(State::Blocked, state_of)
}

fn state_of(route: &Route) -> State {
    match route.way {
        Way::Native(..) => State::Native,
        Way::Derived(..) => State::Derived,
        Way::Partial(..) => State::Partial,
        Way::Local(_) => State::Local,
        Way::ToConvert => State::Passthrough,
        Way::Blocked(_) => State::Blocked,
    }
}

/// The routes with a function whose QMP commands this QEMU has, best first.
fn usable<'a>(row: &'a Command, caps: &'a Caps) -> impl Iterator<Item = (Route, Run)> + 'a {
    let routes = row.routes.iter().filter(|route| route.is_for(caps));
    routes.filter_map(|route| match route.way {
        Way::Native(needs, run) | Way::Derived(needs, run) | Way::Partial(needs, run) => needs
            .iter()
            .all(|need| caps.has(need))
            .then_some((*route, run)),
        Way::Local(run) => Some((*route, run)),
        Way::ToConvert | Way::Blocked(_) => None,
    })
}

fn refusal(row: &Command, caps: &Caps) -> Refusal {
    let mut lacks = None;
    for route in row.routes.iter().filter(|route| route.is_for(caps)) {
        match route.way {
            Way::Blocked(missing) => return Refusal::Blocked(missing),
            Way::ToConvert => return Refusal::ToConvert,
            _ => {}
        }
        match route.needs().iter().find(|need| !caps.has(need)) {
            Some(need) => lacks = lacks.or(Some(*need)),
            None => return Refusal::NotAllowed(route.risk),
        }
    }
    lacks.map_or(Refusal::ToConvert, Refusal::Lacks)
}
