// SPDX-License-Identifier: GPL-2.0-or-later
//! Running a line: the one place where a decision is carried out, and where errors become text.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::hazard::{self, Met};
use crate::command::route::{self, Plan, Policy, Refusal, Taken};
use crate::command::row::{Command, ErrorStyle, Exact, Route, Run};
use crate::command::vm_state;
use crate::engine::decide::Decision;
use crate::engine::heard::Heard;
use crate::engine::monitor::Monitor;
use crate::engine::permitted::Permitted;
use crate::engine::ran::{Outcome, Ran};
use crate::format::sign::Sign as _;
use crate::format::sink::Sink;
use crate::grammar::args::Args;
use crate::guest::registers::{self, State, Values};
use crate::host::Risk;
use crate::qemu::builtin;
use crate::qmp::{Qmp, QmpError};
use crate::table::{self, HAZARDS};

/// Registers of one line that are asked for, at most.
const MOST_REGISTERS: usize = 16;

impl Monitor {
    /// What running `line` would do; nothing is sent.
    #[must_use]
    pub fn explain(&self, line: &str) -> Decision {
        self.decide(line, None)
    }

    /// Runs one line, without its line end, and writes what it prints to `out`, with LF line ends.
    pub async fn run_line(&mut self, line: &str, out: &mut dyn Sink) -> Ran {
        self.session.goes_on.clear();
        self.qmp.permits(self.policy.allow.word());
        if !self.is_tidy() {
            match self.tidy_once().await {
                Err(error) if error.is_fatal() => {
                    return Ran::new(Outcome::Disconnected(error));
                }
                _ => {}
            }
        }
        if self.caps.preconfig {
            if let Err(error) = self.caps.probe_target(self.qmp.as_ref()).await {
                return Ran::new(Outcome::Disconnected(error));
            }
            let rows = table::rows(&self.caps);
            self.rows = self.own.among(rows, &self.caps);
        }
        self.builtin_gone = false;
        let (mut ran, mut ended) = self.attempt(line, out).await;
        // QEMU lists the built-in monitor, and whoever is between, or a recording, has no answer of
        // its: then the line is one on a QEMU without it.
        if ran.route == Some(Taken::Passthrough)
            && matches!(&ended, Err(error) if error.is_not_found())
        {
            self.builtin_gone = true;
            (ran, ended) = self.attempt(line, out).await;
        }
        match ended {
            Ok(outcome) => ran.outcome = outcome,
            Err(error) if error.is_fatal() => ran.outcome = Outcome::Disconnected(error),
            Err(error) => ran.outcome = fail(out, &format!("{error}\n")),
        }
        ran
    }

    /// Decides what to do with the line, and does it.
    async fn attempt(
        &mut self,
        line: &str,
        out: &mut dyn Sink,
    ) -> (Ran, Result<Outcome, QmpError>) {
        let mut decision = self.decide(line, None);
        let mut ran = Ran::new(Outcome::Done);
        ran.command.clone_from(&decision.command);
        match self.danger_by_registers(line, &decision).await {
            Ok(Some(met)) => {
                ran.refusal = Some(Refusal::Hazard(met));
                return (ran, Ok(fail(out, &format!("{met}\n"))));
            }
            Ok(None) => {}
            Err(error) => return (ran, Err(error)),
        }
        let names_registers = decision.registers.is_some();
        if let Some(risk) = decision.registers {
            let state = self.registers(risk, &mut ran.paused).await;
            match state {
                Ok(state) => decision = self.decide(line, Some(&state)),
                Err(CmdError::Qmp(error)) if error.is_fatal() => return (ran, Err(error)),
                Err(error) => {
                    let command = ran.command.as_deref().unwrap_or_default();
                    let text = format!("{command}: {error}\n");
                    ran.refusal = Some(Refusal::Unavailable);
                    return (ran, Ok(fail(out, &text)));
                }
            }
        }
        self.session.kept.format = decision.format;
        let ended = self.carry_out(&decision, &mut ran, out).await;
        if names_registers && ran.route == Some(Taken::Local) {
            ran.route = Some(Taken::Derived);
        }
        (ran, ended)
    }

    /// The registers of the CPU in use, as far as this risk reaches.
    async fn registers(&mut self, risk: Risk, paused: &mut Duration) -> Result<State, CmdError> {
        let mut nowhere = String::new();
        let qmp = Arc::clone(&self.qmp);
        let permitted = Permitted::new(qmp.as_ref(), self.policy.allow, "");
        let mut cx = self.cx(&mut nowhere);
        cx.qmp = &permitted;
        let result = if risk == Risk::Risky {
            vm_state::registers(&mut cx).await
        } else {
            let (qmp, host, cpu) = (cx.qmp(), cx.host, cx.session.kept.cpu);
            let read = registers::read(qmp, host, &cx.session.given, cx.caps, cpu).await;
            read.map_err(CmdError::from)
        };
        *paused += permitted.paused();
        result
    }

    async fn carry_out(
        &mut self,
        decision: &Decision,
        ran: &mut Ran,
        out: &mut dyn Sink,
    ) -> Result<Outcome, QmpError> {
        if let (Some(text), None) = (&decision.error, &decision.plan) {
            return Ok(fail(out, text));
        }
        if let Some(met) = self.danger(&decision.hazards, decision).await? {
            if let Some(outcome) = self.instead(&met, decision, ran, out).await {
                return outcome;
            }
            ran.refusal = Some(Refusal::Hazard(met));
            let needed = self.own_of(&met, decision).map(|(_, route, _)| route.risk);
            let text = match needed.filter(|risk| *risk > self.policy.allow) {
                Some(risk) => met.needing(risk),
                None => met.to_string(),
            };
            return Ok(fail(out, &format!("{text}\n")));
        }
        if let Some(met) = self.danger_of_builtin(decision).await? {
            if let Some(outcome) = self.instead(&met, decision, ran, out).await {
                return outcome;
            }
        }
        match (&decision.plan, decision.row) {
            (Some(Plan::Run(route, run)), Some(row)) => {
                let args = decision.arguments.clone().unwrap_or_default();
                self.own_way(row, (*route, *run), args, decision, ran, out)
                    .await
            }
            (Some(Plan::Passthrough), _) => {
                ran.route = Some(Taken::Passthrough);
                let (command, args) = (decision.command.as_deref(), decision.arguments.as_ref());
                self.pass_through(command, args, &decision.passed_on, out)
                    .await
            }
            (Some(Plan::Refused(refusal)), _) => {
                ran.refusal = Some(*refusal);
                Ok(fail(out, decision.error.as_deref().unwrap_or_default()))
            }
            _ => Ok(Outcome::Done),
        }
    }

    /// Our own function for a line that the built-in monitor is harmed by, whatever is allowed.
    fn own_of(&self, met: &Met, decision: &Decision) -> Option<(&'static Command, Route, Run)> {
        let row = decision.row.filter(|_| met.hazard.builtin)?;
        let any = Policy {
            allow: Risk::Risky,
            ..self.policy
        };
        let (route, run) = route::own(row, &self.caps, any)?;
        Some((row, route, run))
    }

    /// Runs it, where that is allowed; none where it can't answer.
    async fn instead(
        &mut self,
        met: &Met,
        decision: &Decision,
        ran: &mut Ran,
        out: &mut dyn Sink,
    ) -> Option<Result<Outcome, QmpError>> {
        let own = self.own_of(met, decision);
        let (row, route, run) = own.filter(|(_, route, _)| route.risk <= self.policy.allow)?;
        let args = decision.arguments.clone().unwrap_or_default();
        let (result, _) = self.run_over(None, (row, run), args, ran, out).await;
        match result {
            Err(CmdError::Unavailable(_)) => None,
            result => Some(self.conclude(row, &route, result, ran, out)),
        }
    }

    /// Runs our own function; where it finds that it can't answer here, the built-in monitor, or a
    /// function for a part of the answer.
    async fn own_way(
        &mut self,
        row: &'static Command,
        (route, run): (Route, Run),
        args: Args,
        decision: &Decision,
        ran: &mut Ran,
        out: &mut dyn Sink,
    ) -> Result<Outcome, QmpError> {
        let needs = match Taken::from(&route) {
            Taken::Native if self.keeps_replies => route.needs(),
            _ => &[],
        };
        let qmp = Arc::clone(&self.qmp);
        let heard = Heard::new(qmp.as_ref(), needs);
        let (mut result, asked) = self
            .run_over(Some(&heard), (row, run), args.clone(), ran, out)
            .await;
        ran.replies = heard.take();
        let says_better = matches!(route.exact, Exact::ButErrors(_)) && !asked;
        if says_better
            && matches!(&result, Err(CmdError::Qmp(error)) if !error.is_fatal())
            && self.builtin_knows(row)
        {
            return self.leave(decision, &args, ran, out).await;
        }
        if matches!(result, Err(CmdError::Unavailable(_) | CmdError::Blocked(_))) {
            if self.builtin_knows(row) {
                return self.leave(decision, &args, ran, out).await;
            }
            if let Some(run) = route::partial(row, &self.caps) {
                result = self.run_over(None, (row, run), args, ran, out).await.0;
            }
        }
        self.conclude(row, &route, result, ran, out)
    }

    /// Leaves a line to the built-in monitor that our own function could not answer.
    async fn leave(
        &mut self,
        decision: &Decision,
        args: &Args,
        ran: &mut Ran,
        out: &mut dyn Sink,
    ) -> Result<Outcome, QmpError> {
        if let Some(met) = self.danger(&decision.of_builtin, decision).await? {
            ran.refusal = Some(Refusal::Hazard(met));
            return Ok(fail(out, &format!("{met}\n")));
        }
        ran.route = Some(Taken::Passthrough);
        let command = ran.command.clone();
        self.pass_through(command.as_deref(), Some(args), &decision.passed_on, out)
            .await
    }

    /// Executes a QMP command as it is; `arguments` is an object, or null for none. A call that is
    /// known to harm this QEMU is not made.
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, CmdError> {
        let mut nowhere = String::new();
        self.cx(&mut nowhere).execute(command, arguments).await
    }

    /// Runs a function over the connection, or over one in front of it; says whether it asked the
    /// user for a secret.
    async fn run_over(
        &mut self,
        heard: Option<&dyn Qmp>,
        (row, run): (&Command, Run),
        args: Args,
        ran: &mut Ran,
        out: &mut dyn Sink,
    ) -> (CmdResult, bool) {
        let qmp = Arc::clone(&self.qmp);
        let qmp = heard.unwrap_or(qmp.as_ref());
        let permitted = Permitted::new(qmp, self.policy.allow, row.name);
        let has_builtin = self.builtin_knows(row);
        let mut cx = self.cx(out);
        cx.qmp = &permitted;
        cx.has_builtin = has_builtin;
        let result = run(&mut cx, args).await;
        ran.notes = cx.notes;
        ran.paused += permitted.paused();
        (result, cx.asked)
    }

    fn cx<'a>(&'a mut self, out: &'a mut dyn Sink) -> Cx<'a> {
        let has_builtin = self.builtin_allowed();
        Cx {
            caps: &self.caps,
            session: &mut self.session,
            host: self.host.as_ref(),
            hazards: HAZARDS,
            manual: &self.rows,
            allow: self.policy.allow,
            patience: self.patience,
            has_builtin,
            notes: Vec::new(),
            asked: false,
            qmp: self.qmp.as_ref(),
            out,
        }
    }

    /// The one of these dangers that the line would meet, if it is there.
    async fn danger(&self, hazards: &[Met], decision: &Decision) -> Result<Option<Met>, QmpError> {
        let Some(args) = decision.arguments.as_ref() else {
            return Ok(None);
        };
        for met in hazards {
            if !self.lifts(met) && met.is_there(self.qmp.as_ref(), &self.caps, args).await? {
                return Ok(Some(*met));
            }
        }
        Ok(None)
    }

    /// Whether the user allows what may be a danger and may be none.
    fn lifts(&self, met: &Met) -> bool {
        !met.hazard.certain && self.policy.allow >= Risk::Risky
    }

    /// The danger of the built-in monitor's way that is lifted and there all the same: our own function
    /// is the better way.
    async fn danger_of_builtin(&self, decision: &Decision) -> Result<Option<Met>, QmpError> {
        let Some(args) = decision.arguments.as_ref() else {
            return Ok(None);
        };
        let lifted = decision.hazards.iter();
        for met in lifted.filter(|met| met.hazard.builtin && self.lifts(met)) {
            if met.is_there(self.qmp.as_ref(), &self.caps, args).await? {
                return Ok(Some(*met));
            }
        }
        Ok(None)
    }

    /// The danger that a line would meet of which the built-in monitor reads the registers: it is asked
    /// for their values first, where there may be one.
    async fn danger_by_registers(
        &self,
        line: &str,
        decision: &Decision,
    ) -> Result<Option<Met>, QmpError> {
        let command = decision.command.as_deref().unwrap_or_default();
        let may_harm = |at| {
            let mut hazards = HAZARDS.iter().filter(|hazard| hazard.at.contains(&at));
            hazards.any(|hazard| hazard.concerns(&self.caps))
        };
        let mut unread = decision.unread.clone();
        if !hazard::of_line(HAZARDS, command).is_some_and(may_harm) {
            return Ok(None);
        }
        let mut values = Values::new();
        while let Some(name) = unread.take().filter(|_| values.len() < MOST_REGISTERS) {
            let line_of_value = format!("print/x ${name}");
            let cpu = self.session.kept.cpu;
            let text = match builtin::answer(self.qmp.as_ref(), &line_of_value, cpu).await {
                Err(error) if error.is_fatal() => return Err(error),
                // It says so of the line itself.
                Err(_) => return Ok(None),
                Ok(text) => text,
            };
            let digits = text.trim().trim_start_matches("0x");
            let Ok(value) = u64::from_str_radix(digits, 16) else {
                return Ok(None);
            };
            values.insert(name, value.as_signed());
            let read = self.decide_with(line, None, &values);
            let hazards = [&read.hazards[..], &read.of_builtin].concat();
            if let Some(met) = self.danger(&hazards, &read).await? {
                return Ok(Some(met));
            }
            unread = read.unread;
        }
        Ok(None)
    }

    /// Turns a function's result into an outcome.
    fn conclude(
        &mut self,
        row: &Command,
        route: &Route,
        result: CmdResult,
        ran: &mut Ran,
        out: &mut dyn Sink,
    ) -> Result<Outcome, QmpError> {
        ran.route = Some(match ran.notes.as_slice() {
            [] => route.into(),
            _ => Taken::Partial,
        });
        let error = match result {
            Ok(()) if self.session.quit => return Ok(Outcome::Quit),
            Ok(()) => return Ok(Outcome::Done),
            Err(CmdError::Qmp(error)) if error.is_fatal() => return Err(error),
            // Whoever owns the sink knows why.
            Err(CmdError::Out) => return Ok(Outcome::Failed),
            Err(error) => error,
        };
        let refusal = match &error {
            CmdError::Blocked(missing) => Some(Refusal::Blocked(missing)),
            CmdError::Hazard(met) => Some(Refusal::Hazard(*met)),
            CmdError::Unavailable(_) => Some(Refusal::Unavailable),
            _ => None,
        };
        if refusal.is_some() {
            ran.refusal = refusal;
            ran.route = None;
        }
        let prefixed = match row.errors {
            ErrorStyle::Bare => false,
            ErrorStyle::BareBefore(bound) => self.caps.version >= bound,
            ErrorStyle::Prefixed => true,
        };
        let text = match error {
            CmdError::Qmp(_) | CmdError::User(_) if prefixed => format!("Error: {error}\n"),
            CmdError::Blocked(_) => {
                let command = ran.command.as_deref().unwrap_or_default();
                format!("{command}: {error}\n")
            }
            other => format!("{other}\n"),
        };
        Ok(fail(out, &text))
    }
}

/// Writes an error. A sink that takes no more text is noticed by whoever owns it.
fn fail(out: &mut dyn Sink, text: &str) -> Outcome {
    let _ = out.error(text);
    Outcome::Failed
}
