//! The monitor itself: the one place that walks a line through the whole flow.

pub mod complete;

use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::hazard::{self, At, HAZARDS};
use crate::command::route::{self, PASSTHROUGH, Passthrough, Plan, Policy, Refusal};
use crate::command::row::{Command, ErrorStyle, Presence, Run, Way};
use crate::command::rows::{self, Rows};
use crate::command::session::Session;
use crate::engine::complete::Completion;
use crate::grammar::args::{self, ArgError, Args, Format, Parsed, Rulebook};
use crate::grammar::expr::{Context, ExprError};
use crate::grammar::line::Cursor;
use crate::grammar::size::Rules;
use crate::guest::registers::Names;
use crate::host::{Host, NoHost, Risk};
use crate::qemu::caps::Caps;
use crate::qmp::version::v;
use crate::qmp::{Qmp, QmpError};
use crate::table::{self, INFO, MAIN};

/// What became of a line. The command's text, and its error as the built-in words it, went to the sink.
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

/// A human monitor over one QMP connection.
pub struct Monitor {
    qmp: Arc<dyn Qmp>,
    host: Arc<dyn Host>,
    policy: Policy,
    caps: Caps,
    rows: Rows,
    session: Session,
}

/// Makes a [`Monitor`].
pub struct Builder {
    qmp: Arc<dyn Qmp>,
    host: Arc<dyn Host>,
    policy: Policy,
}

impl Builder {
    /// The program around the monitor; without one, nobody can be asked and time does not pass.
    #[must_use]
    pub fn host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = host;
        self
    }

    /// Whether the built-in monitor may be used; by default, where our own route is missing or partial.
    #[must_use]
    pub fn passthrough(mut self, passthrough: Passthrough) -> Self {
        self.policy.passthrough = passthrough;
        self
    }

    /// The highest risk class of routes that may be used; by default only safe ones.
    #[must_use]
    pub fn allow(mut self, risk: Risk) -> Self {
        self.policy.allow = risk;
        self
    }

    /// Asks QEMU what it offers. Fails where it does not answer as QEMU does.
    pub async fn build(self) -> Result<Monitor, QmpError> {
        let caps = Caps::probe(self.qmp.as_ref()).await?;
        Ok(self.build_with(caps))
    }

    /// As [`build`](Self::build), with capabilities that are known already.
    #[must_use]
    pub fn build_with(self, caps: Caps) -> Monitor {
        Monitor {
            rows: table::rows(&caps),
            qmp: self.qmp,
            host: self.host,
            policy: self.policy,
            caps,
            session: Session::default(),
        }
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
    /// Starts making a monitor over `qmp`.
    #[must_use]
    pub fn builder(qmp: Arc<dyn Qmp>) -> Builder {
        Builder {
            qmp,
            host: Arc::new(NoHost),
            policy: Policy::default(),
        }
    }

    /// What the connected QEMU offers.
    #[must_use]
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// The rows that the connected QEMU has.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What may go on in QEMU although the line that started it was given up (its future dropped) or lost its
    /// connection; told once.
    pub fn given_up(&mut self) -> Option<String> {
        let goes_on = std::mem::take(&mut self.session.goes_on);
        (!goes_on.is_empty()).then(|| goes_on.join("; "))
    }

    /// Runs one line, without its line end, and writes what it prints to `out`, with LF line ends.
    pub async fn run_line(&mut self, line: &str, out: &mut (dyn Write + Send)) -> Outcome {
        self.session.goes_on.clear();
        if self.caps.preconfig {
            if let Err(error) = self.caps.probe_target(self.qmp.as_ref()).await {
                return Outcome::Disconnected(error);
            }
            self.rows = table::rows(&self.caps);
        }
        match self.try_line(line, out).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_fatal() => Outcome::Disconnected(error),
            Err(error) => {
                let _ = writeln!(out, "{error}");
                Outcome::Failed
            }
        }
    }

    async fn try_line(
        &mut self,
        line: &str,
        out: &mut (dyn Write + Send),
    ) -> Result<Outcome, QmpError> {
        let mut cursor = Cursor::new(line);
        let found = match self.find(&mut cursor) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Outcome::Done),
            Err(text) => return Ok(fail(out, &text)),
        };
        let mut format = self.session.format;
        let parsed = self.read_arguments(&found, &mut cursor, &mut format);
        self.session.format = format;
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(ArgError::Text(text)) => {
                return Ok(fail(out, &with_hint(&text, &cursor, &found)));
            }
            Err(ArgError::Register(error)) => {
                return self.with_registers(&found, line, &error, out).await;
            }
        };
        if let Some(hazard) = self.hazard(&found, &parsed).await {
            return Ok(fail(out, &format!("{hazard}\n")));
        }
        match route::plan(found.row, &self.caps, self.policy) {
            Plan::Run(_, run) => {
                let result = self.run(run, parsed.args.clone(), out).await;
                if !matches!(result, Err(CmdError::Unavailable(_))) {
                    return self.conclude(found.row, result, out);
                }
                if self.builtin_allowed() {
                    let line = passed_on(line, &parsed);
                    return self.pass_through(&line, out).await;
                }
                match route::partial(found.row, &self.caps) {
                    Some(run) => {
                        let result = self.run(run, parsed.args, out).await;
                        self.conclude(found.row, result, out)
                    }
                    None => self.conclude(found.row, result, out),
                }
            }
            Plan::Passthrough => {
                let line = passed_on(line, &parsed);
                self.pass_through(&line, out).await
            }
            Plan::Refused(refusal) => {
                let text = refused(&found.full_name(), &refusal, &self.caps);
                Ok(fail(out, &text))
            }
        }
    }

    async fn run(&mut self, run: Run, args: Args, out: &mut (dyn Write + Send)) -> CmdResult {
        let mut cx = Cx {
            caps: &self.caps,
            session: &mut self.session,
            host: self.host.as_ref(),
            manual: &self.rows,
            allow: self.policy.allow,
            qmp: self.qmp.as_ref(),
            out,
        };
        run(&mut cx, args).await
    }

    /// Reads the command's name. `None` for a blank line; an error is the text to show.
    fn find(&self, cursor: &mut Cursor<'_>) -> Result<Option<Found>, String> {
        let Some(row) = self.find_in(MAIN, cursor)? else {
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
        let found = self.find_in(INFO, cursor)?;
        Ok(found.map(|row| Found {
            row,
            prefix: "info ",
            name_end: cursor.pos(),
        }))
    }

    fn find_in(
        &self,
        table: &'static [Command],
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<&'static Command>, String> {
        let Some(name) = cursor.name() else {
            return Ok(None);
        };
        let here = rows::find(table, name)
            .into_iter()
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
    ) -> Result<Parsed, ArgError> {
        let spec = found.row.args_in(self.caps.version);
        let rules = Rulebook {
            expressions: Context {
                registers: &Names::new(&self.caps),
                binary_numbers: self.caps.version >= v(11, 0),
            },
            sizes: if self.caps.version >= v(8, 1) {
                Rules::New
            } else {
                Rules::Old
            },
        };
        args::parse(found.row.name, spec, cursor, format, rules)
    }

    /// A line that needs a register's value: the built-in may have it.
    async fn with_registers(
        &mut self,
        found: &Found,
        line: &str,
        error: &ExprError,
        out: &mut (dyn Write + Send),
    ) -> Result<Outcome, QmpError> {
        if self.builtin_allowed() {
            return self.pass_through(line, out).await;
        }
        let text = format!("{}: {error}\n", found.full_name());
        Ok(fail(out, &text))
    }

    fn builtin_allowed(&self) -> bool {
        self.policy.passthrough != Passthrough::Never
            && self.caps.has(PASSTHROUGH)
            && !self.caps.preconfig
    }

    async fn hazard(&self, found: &Found, parsed: &Parsed) -> Option<String> {
        let name = found.full_name();
        let at = HAZARDS
            .iter()
            .map(|h| h.at)
            .find(|at| matches!(at, At::Line(listed) if *listed == name))?;
        let hazard = hazard::find(at, self.qmp.as_ref(), &self.caps, &parsed.args).await?;
        if !hazard.certain && self.policy.allow == Risk::Risky {
            return None;
        }
        Some(hazard.sentence(self.caps.version))
    }

    /// Turns a function's result into an outcome; the one place where errors become text.
    fn conclude(
        &mut self,
        row: &Command,
        result: CmdResult,
        out: &mut (dyn Write + Send),
    ) -> Result<Outcome, QmpError> {
        let error = match result {
            Ok(()) if self.session.quit => return Ok(Outcome::Quit),
            Ok(()) => return Ok(Outcome::Done),
            Err(CmdError::Qmp(error)) if error.is_fatal() => return Err(error),
            Err(error) => error,
        };
        let text = match error {
            CmdError::Qmp(_) | CmdError::User(_) => match row.errors {
                ErrorStyle::Bare => format!("{error}\n"),
                ErrorStyle::BareBefore(bound) if self.caps.version < bound => format!("{error}\n"),
                ErrorStyle::BareBefore(_) | ErrorStyle::Prefixed => format!("Error: {error}\n"),
            },
            other => format!("{other}\n"),
        };
        Ok(fail(out, &text))
    }

    async fn pass_through(
        &mut self,
        line: &str,
        out: &mut (dyn Write + Send),
    ) -> Result<Outcome, QmpError> {
        let mut arguments = json!({ "command-line": line });
        if let Some(cpu) = self.session.cpu {
            arguments["cpu-index"] = cpu.into();
        }
        let answer = self.qmp.execute(PASSTHROUGH, arguments).await?;
        let text = answer.as_str().unwrap_or_default().replace("\r\n", "\n");
        let _ = out.write_str(&text);
        Ok(if looks_failed(&text) {
            Outcome::Failed
        } else {
            Outcome::Done
        })
    }

    /// What running `line` would do, as one JSON object; nothing is sent.
    ///
    /// Members: `line`; `command`, the full name, and `arguments` as read; `route` (`native`, `derived`, `partial`,
    /// `local`, `passthrough`, `refused`), `reason` of a refusal (`blocked`, `lacks`, `to-convert`, `not-allowed`),
    /// `risk`, `qmp`, the QMP commands that the route needs; `otherwise`, the ways of a higher risk that are permitted
    /// and taken where that one turns out not to work, each with `risk` and `qmp`; `hazards`, sentences
    /// about known dangers of this command on this QEMU, which running it would look for first; `error`, the text that
    /// the line would print instead.
    #[must_use]
    pub fn explain(&self, line: &str) -> Value {
        let mut cursor = Cursor::new(line);
        let found = match self.find(&mut cursor) {
            Ok(Some(found)) => found,
            Ok(None) => {
                return json!({"line": line, "route": "local", "risk": Risk::Safe, "qmp": []});
            }
            Err(text) => return json!({"line": line, "error": text}),
        };
        let command = found.full_name();
        let mut format = self.session.format;
        let arguments = match self.read_arguments(&found, &mut cursor, &mut format) {
            Ok(parsed) => Value::Object(parsed.args),
            Err(ArgError::Text(text)) => {
                let error = with_hint(&text, &cursor, &found);
                return json!({"line": line, "command": command, "error": error});
            }
            Err(ArgError::Register(_)) if self.builtin_allowed() => {
                return json!({
                    "line": line, "command": command, "route": "passthrough", "risk": Risk::Safe, "qmp": [PASSTHROUGH],
                });
            }
            Err(ArgError::Register(error)) => {
                let error = format!("{command}: {error}\n");
                return json!({
                    "line": line, "command": command, "route": "refused", "reason": "blocked", "error": error,
                });
            }
        };
        let version = self.caps.version;
        let hazards: Vec<_> = HAZARDS
            .iter()
            .filter(|h| matches!(h.at, At::Line(listed) if listed == command))
            .filter(|h| h.concerns(&self.caps))
            .map(|h| h.sentence(version))
            .collect();
        let mut plan = match route::plan(found.row, &self.caps, self.policy) {
            Plan::Run(route, _) => {
                let word = match route.way {
                    Way::Native(..) => "native",
                    Way::Derived(..) => "derived",
                    Way::Partial(..) => "partial",
                    _ => "local",
                };
                let mut plan = json!({"route": word, "risk": route.risk, "qmp": route.needs()});
                let otherwise = route::otherwise(found.row, &self.caps, self.policy);
                if route.risk == Risk::Safe && !otherwise.is_empty() {
                    let ways = otherwise
                        .iter()
                        .map(|way| json!({"risk": way.risk, "qmp": way.needs()}));
                    plan["otherwise"] = ways.collect();
                }
                plan
            }
            Plan::Passthrough => {
                json!({"route": "passthrough", "risk": Risk::Safe, "qmp": [PASSTHROUGH]})
            }
            Plan::Refused(refusal) => {
                let error = refused(&command, &refusal, &self.caps);
                json!({"route": "refused", "reason": refusal.word(), "error": error})
            }
        };
        let mut object = json!({"line": line, "command": command, "arguments": arguments});
        if let (Value::Object(object), Value::Object(plan)) = (&mut object, &mut plan) {
            object.append(plan);
            if !hazards.is_empty() {
                object.insert("hazards".into(), hazards.into());
            }
        }
        object
    }

    /// What could stand at byte `pos` of `line`.
    pub async fn complete(&mut self, line: &str, pos: usize) -> Completion {
        let mut end = pos.min(line.len());
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        complete::complete(&line[..end], &self.rows, &self.caps, self.qmp.as_ref()).await
    }
}

fn fail(out: &mut (dyn Write + Send), text: &str) -> Outcome {
    // A sink that takes no more text is noticed by whoever owns it.
    let _ = out.write_str(text);
    Outcome::Failed
}

/// What is wrong with a line's arguments, with the line that points to help.
fn with_hint(text: &str, cursor: &Cursor<'_>, found: &Found) -> String {
    let name = &cursor.before()[..found.name_end];
    format!("{text}Try \"help {name}\" for more information\n")
}

/// The line for the built-in monitor. Its sticky format is one for the whole of QEMU; ours stands in the line instead.
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
        count.cast_unsigned() & 0xffff_ffff,
        format.as_str().unwrap_or("x"),
        &line[after..]
    )
}

/// Whether the built-in's text reads like an error: it has no other way to say so.
fn looks_failed(text: &str) -> bool {
    text.lines().any(|line| {
        line.starts_with("Error: ")
            || line.starts_with("unknown command: ")
            || (line.starts_with("Try \"help ") && line.ends_with("\" for more information"))
    })
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
            format!("{name}: would stop the VM for a moment; --allow pausing permits it\n")
        }
        Refusal::NotAllowed(_) => {
            format!("{name}: could harm the VM; --allow risky permits it\n")
        }
    }
}
