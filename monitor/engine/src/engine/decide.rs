// SPDX-License-Identifier: GPL-2.0-or-later
//! From a line to what is to be done with it: pure, nothing is sent.

use crate::command::hazard::{self, Met};
use crate::command::nature::Effect;
use crate::command::route::{self, PASSTHROUGH, Passthrough, Plan, Policy, Refusal};
use crate::command::row::{Command, Presence};
use crate::command::rows;
use crate::engine::monitor::Monitor;
use crate::format::sign::Sign as _;
use crate::grammar::args::{self, ArgError, Args, Format, Parsed, Rulebook};
use crate::grammar::expr::{Context, ExprError};
use crate::grammar::line::Cursor;
use crate::grammar::number;
use crate::grammar::size::Rules;
use crate::guest::registers::{Names, State, Values};
use crate::host::Risk;
use crate::qemu::caps::Caps;
use crate::table::{HAZARDS, INFO, MAIN};

/// What a line is, and what running it would do. What `--explain` prints is made of it: see its
/// [`Serialize`](serde::Serialize).
#[derive(Debug)]
pub struct Decision {
    /// The line.
    pub line: String,
    /// The command's full name; none for a blank line, and where the line names no command.
    pub command: Option<String>,
    /// The arguments as read; none where they could not be read.
    pub arguments: Option<Args>,
    /// The way that the line takes; none where it is blank or wrong.
    pub plan: Option<Plan>,
    /// Known dangers that these arguments may meet on this QEMU; whether one is there is looked for
    /// before the line is carried out.
    pub hazards: Vec<Met>,
    /// What the line prints instead of being carried out: it is wrong, or refused.
    pub error: Option<String>,
    /// What is risked to read the registers that the arguments name, which comes first: the
    /// arguments are not known before.
    pub registers: Option<Risk>,
    /// Those of the built-in monitor alone, where our own function comes first.
    pub(super) of_builtin: Vec<Met>,
    /// The first register that only the built-in monitor reads, which the line is left to.
    pub(super) unread: Option<String>,
    /// The row, where the line names a command.
    pub(super) row: Option<&'static Command>,
    /// The line as the built-in monitor is given it.
    pub(super) passed_on: String,
    /// The sticky format behind the line.
    pub(super) format: Format,
    /// The routes of a higher risk that are permitted, see [`route::otherwise`].
    pub(super) otherwise: Vec<crate::command::row::Route>,
}

impl Decision {
    /// What the command does to the VM; none where the line names none.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        self.row.map(|row| row.effect)
    }

    /// The highest risk class of what the line may do to the VM with the user's permission, be it
    /// that a safe way does not work here.
    #[must_use]
    pub fn risk(&self) -> Risk {
        let first = match self.plan {
            Some(Plan::Run(route, _)) => route.risk.max(self.registers.unwrap_or_default()),
            _ => Risk::Safe,
        };
        let otherwise = self.otherwise.iter().map(|route| route.risk);
        otherwise.fold(first, Risk::max)
    }

    /// What may be lost by the line, as the beginning of a question; none where nothing is.
    #[must_use]
    pub fn loss(&self) -> Option<&'static str> {
        let row = self.row.filter(|_| self.plan.is_some())?;
        (!row.loses.is_empty()).then_some(row.loses)
    }
}

/// A row found for a line.
struct Found {
    row: &'static Command,
    /// `info ` for sub-commands.
    prefix: &'static str,
    /// Where the command's name ends in the line.
    name_end: usize,
}

impl Found {
    fn full_name(&self) -> String {
        let first = self.row.names().next().unwrap_or_default();
        format!("{}{first}", self.prefix)
    }
}

impl Monitor {
    /// Decides what is to be done with a line; `state` is that of the registers that it names, where
    /// they were read.
    pub(super) fn decide(&self, line: &str, state: Option<&State>) -> Decision {
        self.decide_with(line, state, &Values::new())
    }

    /// The same, where some registers are known.
    pub(super) fn decide_with(
        &self,
        line: &str,
        state: Option<&State>,
        values: &Values,
    ) -> Decision {
        let mut decision = Decision {
            line: line.to_owned(),
            command: None,
            arguments: None,
            plan: None,
            hazards: Vec::new(),
            of_builtin: Vec::new(),
            unread: None,
            error: None,
            registers: None,
            row: None,
            passed_on: line.to_owned(),
            format: self.session.kept.format,
            otherwise: Vec::new(),
        };
        let mut cursor = Cursor::new(line);
        let found = match self.find(&mut cursor) {
            Ok(Some(found)) => found,
            Ok(None) => return decision,
            Err(text) => {
                decision.error = Some(text);
                return decision;
            }
        };
        let command = found.full_name();
        decision.row = Some(found.row);
        // How such a number is read is the build's.
        let builtin = self.builtin_knows(found.row);
        let leaves = builtin && number::has_binary(&line[found.name_end..]);
        let binary = leaves || number::reads_binary(self.caps.version);
        let names = Names::new(&self.caps, state).with(values);
        let (parsed, read) =
            self.read_arguments(&found, &mut cursor, &mut decision.format, binary, &names);
        decision.passed_on = passed_on(line, &parsed);
        // Who was read to no avail is not read again.
        let risk = names.risk().filter(|_| state.is_none());
        let plan = match read {
            Err(_) if leaves => Plan::Passthrough,
            Ok(()) => {
                if let Some(at) = hazard::of_line(HAZARDS, &command) {
                    let met = hazard::possible(HAZARDS, at, &self.caps, &parsed.args);
                    decision.hazards = met.collect();
                }
                decision.arguments = Some(parsed.args);
                match leaves {
                    true => Plan::Passthrough,
                    false => route::plan(found.row, &self.caps, self.policy_for(found.row)),
                }
            }
            Err(ArgError::Register(error)) if builtin => {
                if let ExprError::RegisterUnavailable { name, .. } = error {
                    decision.unread = Some(name);
                }
                Plan::Passthrough
            }
            Err(ArgError::Register(_) | ArgError::Overflow(_))
                if risk.is_some_and(|risk| risk <= self.policy.allow) && !builtin =>
            {
                decision.registers = risk;
                route::plan(found.row, &self.caps, self.policy)
            }
            Err(ArgError::Register(error)) => {
                let refusal = risk.map_or(Refusal::Register, Refusal::NotAllowed);
                decision.error = Some(match risk {
                    Some(risk) => refused(&command, &Refusal::NotAllowed(risk), &self.caps),
                    None => format!("{command}: {error}\n"),
                });
                Plan::Refused(refusal)
            }
            Err(ArgError::Overflow(text)) => {
                decision.error = Some(with_hint(&text, &cursor, &found));
                Plan::Refused(Refusal::Overflow)
            }
            Err(ArgError::Text(text)) => {
                decision.error = Some(with_hint(&text, &cursor, &found));
                decision.command = Some(command);
                return decision;
            }
        };
        if !matches!(plan, Plan::Passthrough) {
            let all = std::mem::take(&mut decision.hazards).into_iter();
            (decision.of_builtin, decision.hazards) = all.partition(|met| met.hazard.builtin);
        }
        match plan {
            Plan::Refused(refusal) if decision.error.is_none() => {
                decision.error = Some(refused(&command, &refusal, &self.caps));
            }
            Plan::Run(route, _) if route.risk == Risk::Safe => {
                decision.otherwise = route::otherwise(found.row, &self.caps, self.policy);
            }
            _ => {}
        }
        decision.command = Some(command);
        decision.plan = Some(plan);
        decision
    }

    /// What the user allows, without the built-in monitor where that is gone.
    fn policy(&self) -> Policy {
        match self.builtin_gone {
            true => Policy {
                passthrough: Passthrough::Never,
                ..self.policy
            },
            false => self.policy,
        }
    }

    /// The same for the lines of one row: the built-in monitor does not know those from outside.
    fn policy_for(&self, row: &Command) -> Policy {
        match self.own.has(row) {
            true => Policy {
                passthrough: Passthrough::Never,
                ..self.policy
            },
            false => self.policy(),
        }
    }

    /// Whether the built-in monitor may be asked, is there, and has the command.
    pub(super) fn builtin_knows(&self, row: &Command) -> bool {
        self.builtin_allowed() && !self.own.has(row)
    }

    /// Whether the built-in monitor may be asked, and is there.
    pub(super) fn builtin_allowed(&self) -> bool {
        self.policy().passthrough != Passthrough::Never
            && self.caps.has(PASSTHROUGH)
            && !self.caps.preconfig
    }

    /// Reads the command's name. `None` for a blank line; an error is the text to show.
    fn find(&self, cursor: &mut Cursor<'_>) -> Result<Option<Found>, String> {
        let Some(row) = self.find_in(false, cursor)? else {
            return Ok(None);
        };
        let name_end = cursor.pos();
        cursor.skip_blanks();
        if row.name != "info" || cursor.peek().is_none() {
            return Ok(Some(Found {
                row,
                prefix: "",
                name_end,
            }));
        }
        let found = self.find_in(true, cursor)?;
        Ok(found.map(|row| Found {
            row,
            prefix: "info ",
            name_end: cursor.pos(),
        }))
    }

    fn find_in(
        &self,
        info: bool,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<&'static Command>, String> {
        let Some(name) = cursor.name() else {
            return Ok(None);
        };
        let own = self.own.find(info, name, &self.caps);
        let table = if info { INFO } else { MAIN };
        let here = own
            .into_iter()
            .chain(rows::find(table, name))
            .map(|row| (row, row.presence(&self.caps)))
            .find(|(_, presence)| *presence != Presence::No);
        let typed = cursor.before();
        match here {
            None => Err(format!("unknown command: '{typed}'\n")),
            Some((row, presence))
                if presence == Presence::OtherTarget || (self.caps.preconfig && !row.preconfig) =>
            {
                Err(format!(
                    "Command '{typed}' not available until machine initialization has completed.\n"
                ))
            }
            Some((row, _)) => Ok(Some(row)),
        }
    }

    fn read_arguments(
        &self,
        found: &Found,
        cursor: &mut Cursor<'_>,
        format: &mut Format,
        binary: bool,
        names: &Names<'_>,
    ) -> (Parsed, Result<(), ArgError>) {
        let spec = found.row.args_in(self.caps.version);
        let rules = Rulebook {
            expressions: Context {
                registers: names,
                binary_numbers: binary,
            },
            sizes: Rules::of(self.caps.version),
        };
        args::parse(found.row.name, spec, cursor, format, rules)
    }
}

/// What is wrong with a line's arguments, with the line that points to help.
fn with_hint(text: &str, cursor: &Cursor<'_>, found: &Found) -> String {
    let name = &cursor.before()[..found.name_end];
    format!("{text}Try \"help {name}\" for more information\n")
}

/// The line for the built-in monitor. Its sticky format is one for the whole of QEMU; ours is
/// in the line instead.
fn passed_on(line: &str, parsed: &Parsed) -> String {
    let Some(after) = parsed.after_format else {
        return line.to_owned();
    };
    let get = |key: &str| parsed.args.get(key).cloned().unwrap_or_default();
    let size = match get("size").as_i64() {
        Some(1) => "b",
        Some(2) => "h",
        Some(4) => "w",
        Some(8) => "g",
        _ => "",
    };
    let count = get("count").as_i64().unwrap_or(1);
    let format = get("format");
    let mut cursor = Cursor::new(line);
    let name = cursor.name().unwrap_or_default();
    format!(
        "{name}/{}{}{size} {}",
        count.as_unsigned() & 0xffff_ffff,
        format.as_str().unwrap_or("x"),
        &line[after..]
    )
}

fn refused(name: &str, refusal: &Refusal, caps: &Caps) -> String {
    match refusal {
        Refusal::Blocked(missing) => format!(
            "{name}: blocked: QEMU lacks the QMP command {} ({})\n",
            missing.name, missing.why
        ),
        Refusal::Lacks(command) => format!(
            "{name}: blocked: QEMU {} lacks the QMP command {command}\n",
            caps.version
        ),
        Refusal::ToConvert => {
            format!("{name}: passthrough only: its conversion to QMP is still to come\n")
        }
        Refusal::NotAllowed(Risk::Pausing) => {
            format!("{name}: needs --allow pausing: it stops the VM for a moment\n")
        }
        Refusal::NotAllowed(_) => {
            format!("{name}: needs --allow risky: it could harm the VM\n")
        }
        Refusal::Hazard(met) => format!("{met}\n"),
        // Whoever finds these words them: here only that they are refused is known.
        Refusal::Overflow | Refusal::Register | Refusal::Unavailable => {
            format!("{name}: refused\n")
        }
    }
}
