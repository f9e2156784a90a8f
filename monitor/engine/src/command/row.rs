// SPDX-License-Identifier: GPL-2.0-or-later
//! A command: one row of a table.

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::manual::Quirk;
use crate::command::nature::{Effect, Family, Secret};
use crate::grammar::args::Args;
use crate::host::Risk;
use crate::qemu::caps::Caps;
use crate::qemu::missing::Missing;
use crate::qmp::BoxFuture;
use crate::qmp::version::{Version, v};

/// A command as the built-in monitor's table describes it, and how we carry it out.
#[derive(Debug)]
pub struct Command {
    /// Name and aliases, separated by `|`, as QEMU's own table spells them.
    pub name: &'static str,
    /// The arguments in QEMU's args_type notation: `key:letter` pairs, separated by commas.
    pub args: &'static str,
    /// The arguments as help shows them.
    pub params: &'static str,
    /// What it does, in our own words.
    pub help: &'static str,
    /// What it is about.
    pub family: Family,
    /// What it does to the VM.
    pub effect: Effect,
    /// Whether its lines may hold a secret.
    pub secret: Secret,
    /// What a user may lose by it, a sentence without its end; empty where nothing is lost.
    pub loses: &'static str,
    /// Whether it may run before the machine is initialised (`--preconfig`).
    pub preconfig: bool,
    /// The first release that has it.
    pub since: Version,
    /// The first release that has it no longer.
    pub until: Version,
    /// What else decides whether this QEMU has it.
    pub present: Present,
    /// How releases before a bound spelled it, oldest bound first.
    pub older: &'static [Older],
    /// How to carry it out, best way first.
    pub routes: &'static [Route],
    /// How its errors look.
    pub errors: ErrorStyle,
    /// How its help differs from that of others.
    pub quirk: Quirk,
    /// What completes an argument, by its key, where the args_type letter does not say.
    pub complete: &'static [(&'static str, Comp)],
}

/// The defaults of a row.
pub const ROW: Command = Command {
    name: "",
    args: "",
    params: "",
    help: "",
    family: Family::Monitor,
    effect: Effect::Looks,
    secret: Secret::Never,
    loses: "",
    preconfig: false,
    since: Version::FIRST,
    until: Version::NEVER,
    present: Present::Always,
    older: &[],
    routes: &[Route::TO_CONVERT],
    errors: ErrorStyle::Prefixed,
    quirk: Quirk::None,
    complete: &[],
};

/// args_type and params of the releases before `before`.
#[derive(Clone, Copy, Debug)]
pub struct Older {
    /// The first release that spells them as the row does.
    pub before: Version,
    /// args_type.
    pub args: &'static str,
    /// params.
    pub params: &'static str,
}

/// What decides, beside the version, whether a QEMU has a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// Nothing.
    Always,
    /// Built for these targets only (QAPI's spelling). Newer releases have the name on other targets
    /// without the command.
    Target(&'static [&'static str]),
    /// Built together with this QMP command.
    With(&'static str),
    /// As the rule says in releases before the bound, on every target since.
    Until(Version, &'static Present),
    /// Only in builds that no QMP command distinguishes from others; not in any distribution's build that
    /// we know.
    RareBuild,
}

/// Whether a QEMU has a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    Yes,
    /// The name is known, the command is another target's.
    OtherTarget,
    /// It has not.
    No,
}

/// How the built-in shows a command's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorStyle {
    /// `Error: ` in front.
    Prefixed,
    /// The sentence alone.
    Bare,
    /// The sentence alone in releases before this one, `Error: ` in front since.
    BareBefore(Version),
}

/// The first release in which commands of other targets are in the tables of all targets
/// (11.1, seen: on 11.1.3; the tables of 10.2 do not have them).
const TABLES_SHARED_BY_TARGETS: Version = v(11, 1);

impl Present {
    fn holds(&self, caps: &Caps) -> Presence {
        match self {
            Self::Always => Presence::Yes,
            Self::Until(bound, rule) if caps.version < *bound => rule.holds(caps),
            Self::Until(..) => Presence::Yes,
            Self::With(command) if caps.has(command) => Presence::Yes,
            Self::Target(targets) => match &caps.arch {
                Some(arch) if !targets.contains(&arch.as_str()) => {
                    if caps.version >= TABLES_SHARED_BY_TARGETS {
                        Presence::OtherTarget
                    } else {
                        Presence::No
                    }
                }
                _ => Presence::Yes,
            },
            Self::With(_) | Self::RareBuild => Presence::No,
        }
    }
}

impl Command {
    /// Name and aliases one by one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.name.split('|')
    }

    /// Whether the connected QEMU has this command. Where the target is not known (preconfig), the
    /// target does not decide.
    #[must_use]
    pub fn presence(&self, caps: &Caps) -> Presence {
        if caps.version < self.since || caps.version >= self.until {
            return Presence::No;
        }
        self.present.holds(caps)
    }

    /// args_type in this release.
    #[must_use]
    pub fn args_in(&self, version: Version) -> &'static str {
        self.older
            .iter()
            .find(|o| version < o.before)
            .map_or(self.args, |o| o.args)
    }

    /// params in this release.
    #[must_use]
    pub fn params_in(&self, version: Version) -> &'static str {
        self.older
            .iter()
            .find(|o| version < o.before)
            .map_or(self.params, |o| o.params)
    }
}

/// The function behind a row; [`run!`](crate::run) makes it from an async function with a typed
/// argument.
pub type Run = for<'a, 'b> fn(&'a mut Cx<'b>, Args) -> BoxFuture<'a, CmdResult>;

/// One way to carry a command out.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The way.
    pub way: Way,
    /// What it may do to the VM beyond what the command is for.
    pub risk: Risk,
    /// How its answers compare with the built-in's.
    pub exact: Exact,
    /// The targets that it is for; all where it is empty.
    pub targets: &'static [&'static str],
}

/// How the answers of a full route compare with the built-in's, on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    /// They are the same: it comes before the built-in monitor.
    Whole,
    /// They are, but for what QEMU prints behind errors: a line that fails is repeated by the
    /// built-in monitor, where it is there. The reason.
    ButErrors(&'static str),
    /// They may differ, or rest on what was learned from other machines: it comes after the
    /// built-in monitor. The reason.
    Not(&'static str),
}

/// A way to carry a command out. `needs` lists every QMP command that the function cannot do
/// without.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// QMP has the command.
    Native(&'static [&'static str], Run),
    /// Computed from several QMP commands.
    Derived(&'static [&'static str], Run),
    /// QMP yields only part of the built-in's answer; passthrough comes before it.
    Partial(&'static [&'static str], Run),
    /// Nothing of QEMU is needed.
    Local(Run),
    /// QEMU has the QMP commands, our code is still to come.
    ToConvert,
    /// QEMU has no QMP command for it.
    Blocked(&'static Missing),
}

impl Route {
    /// Our conversion is still to come.
    pub const TO_CONVERT: Self = Self::safe(Way::ToConvert);

    const fn safe(way: Way) -> Self {
        Self {
            way,
            risk: Risk::Safe,
            exact: Exact::Whole,
            targets: &[],
        }
    }

    /// A native route.
    #[must_use]
    pub const fn native(needs: &'static [&'static str], run: Run) -> Self {
        Self::safe(Way::Native(needs, run))
    }

    /// A derived route.
    #[must_use]
    pub const fn derived(needs: &'static [&'static str], run: Run) -> Self {
        Self::safe(Way::Derived(needs, run))
    }

    /// A partial route.
    #[must_use]
    pub const fn partial(needs: &'static [&'static str], run: Run) -> Self {
        Self::safe(Way::Partial(needs, run))
    }

    /// A local route.
    #[must_use]
    pub const fn local(run: Run) -> Self {
        Self::safe(Way::Local(run))
    }

    /// No route: what QMP lacks.
    #[must_use]
    pub const fn blocked(missing: &'static Missing) -> Self {
        Self::safe(Way::Blocked(missing))
    }

    /// The same route with another risk class.
    #[must_use]
    pub const fn with_risk(self, risk: Risk) -> Self {
        Self { risk, ..self }
    }

    /// The same route, for these targets only.
    #[must_use]
    pub const fn on(self, targets: &'static [&'static str]) -> Self {
        Self { targets, ..self }
    }

    /// Whether it is for this QEMU's target.
    #[must_use]
    pub fn is_for(&self, caps: &Caps) -> bool {
        let arch = caps.arch.as_deref();
        self.targets.is_empty() || arch.is_some_and(|arch| self.targets.contains(&arch))
    }

    /// The same route, behind the built-in monitor.
    #[must_use]
    pub const fn after_builtin(self, why: &'static str) -> Self {
        Self {
            exact: Exact::Not(why),
            ..self
        }
    }

    /// The same route, whose errors the built-in monitor says better.
    #[must_use]
    pub const fn but_errors(self, why: &'static str) -> Self {
        Self {
            exact: Exact::ButErrors(why),
            ..self
        }
    }

    /// The QMP commands that it cannot do without.
    #[must_use]
    pub fn needs(&self) -> &'static [&'static str] {
        match self.way {
            Way::Native(needs, _) | Way::Derived(needs, _) | Way::Partial(needs, _) => needs,
            Way::Local(_) | Way::ToConvert | Way::Blocked(_) => &[],
        }
    }
}

/// What completes an argument. Values of enumerations come from the schema of the connected QEMU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comp {
    /// Nothing.
    #[default]
    Nothing,
    /// Names of commands.
    Command,
    /// Names of block backends (`query-block`).
    BlockDevice,
    /// Files of this machine.
    File,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Ids of devices that can be removed.
    Device,
    /// Types that `device_add` takes.
    DeviceType,
    /// Ids of objects (`qom-list /objects`).
    Object,
    /// Types that `object_add` takes.
    ObjectType,
    /// Labels of character devices (`query-chardev`).
    Chardev,
    /// Labels of ring buffers.
    Ringbuf,
    /// Types of character devices (`query-chardev-backends`).
    ChardevType,
    /// Ids of network back ends.
    Netdev,
    /// Names of network clients: back ends and the devices in front of them.
    NetClient,
    /// Types that `netdev_add` takes.
    NetdevType,
    /// Names of internal snapshots.
    Snapshot,
    /// Capabilities of migration (`query-migrate-capabilities`).
    MigrationCapability,
    /// Names of trace events.
    TraceEvent,
    /// Names of keys, after the last dash.
    Key,
    /// Values of the enumeration that this QMP command's argument takes.
    Enum(&'static str, &'static str),
    /// Members of this QMP command's argument.
    Members(&'static str),
}

impl Comp {
    /// What it is, in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Command => "command",
            Self::BlockDevice => "block device",
            Self::File => "file",
            Self::OneOf(_) => "one of some words",
            Self::Device => "device",
            Self::DeviceType => "type of device",
            Self::Object => "object",
            Self::ObjectType => "type of object",
            Self::Chardev => "character device",
            Self::Ringbuf => "ring buffer",
            Self::ChardevType => "type of character device",
            Self::Netdev => "network back end",
            Self::NetClient => "network client",
            Self::NetdevType => "type of network back end",
            Self::Snapshot => "snapshot",
            Self::MigrationCapability => "migration capability",
            Self::TraceEvent => "trace event",
            Self::Key => "key",
            Self::Enum(..) => "value of an enumeration",
            Self::Members(_) => "member of an argument",
        }
    }
}

/// Reads a row's arguments as the type that its function takes. A mismatch is our mistake.
pub fn bind<T: serde::de::DeserializeOwned>(args: Args) -> Result<T, CmdError> {
    serde_json::from_value(serde_json::Value::Object(args))
        .map_err(|e| CmdError::Bug(e.to_string()))
}

/// Wraps `async fn(&mut Cx<'_>, T) -> CmdResult` into a plain [`Run`], so that rows stay constants.
#[macro_export]
macro_rules! run {
    ($function:path) => {
        |cx, args| Box::pin(async move { $function(cx, $crate::command::row::bind(args)?).await })
    };
}
