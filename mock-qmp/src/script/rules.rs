// SPDX-License-Identifier: GPL-2.0-or-later
//! A script at work: the first rule that fits answers, else the machine behind.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::file::{ErrorText, EventText, Rule, ScriptFile};
use super::pattern::{Kept, filled, filled_text, matches};
use crate::core::{Backend, Call, Execution, Failure, Known, Leftovers, Link, Outcome, timestamp};
use crate::fault::Fault;
use crate::recording::{Content, QemuVersion};

/// Most events that wait for their time; further ones come at once.
const MOST_EVENTS: usize = 10_000;

/// A script in front of a machine.
pub(crate) struct Rules {
    behind: Box<dyn Backend>,
    script: ScriptFile,
    /// Rules by number: those of the script first. What was removed is gone.
    rules: BTreeMap<u64, Active>,
    /// The numbers of the rules for a command, in the order in which they are tried.
    by_command: HashMap<String, Vec<u64>>,
    next_number: u64,
    states: BTreeMap<String, String>,
    kept: Kept,
    /// Events that wait: when they are due, and their text, earliest first.
    waiting: BTreeMap<(Duration, u64), String>,
    events: u64,
    attached: bool,
}

struct Active {
    rule: Rule,
    fault: Option<Fault>,
    used: u64,
}

impl Rules {
    pub(crate) fn new(script: ScriptFile, behind: Box<dyn Backend>) -> Self {
        let mut rules = Self {
            behind,
            script,
            rules: BTreeMap::new(),
            by_command: HashMap::new(),
            next_number: 1,
            states: BTreeMap::new(),
            kept: Kept::new(),
            waiting: BTreeMap::new(),
            events: 0,
            attached: false,
        };
        rules.start();
        rules
    }

    fn start(&mut self) {
        self.rules.clear();
        self.by_command.clear();
        self.next_number = 1;
        self.states = self.script.states.clone();
        self.kept.clear();
        self.waiting.clear();
        self.attached = false;
        for rule in self.script.rules.clone() {
            self.add(rule, false);
        }
    }

    /// Adds a rule behind the others, or in front of them, and returns its number.
    fn add(&mut self, rule: Rule, in_front: bool) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let of_command = self.by_command.entry(rule.command.clone()).or_default();
        match in_front {
            true => of_command.insert(0, number),
            false => of_command.push(number),
        }
        let fault = rule.fault.as_deref().and_then(|fault| fault.parse().ok());
        let active = Active {
            rule,
            fault,
            used: 0,
        };
        self.rules.insert(number, active);
        number
    }

    fn remove(&mut self, number: u64) -> bool {
        for of_command in self.by_command.values_mut() {
            of_command.retain(|other| *other != number);
        }
        self.rules.remove(&number).is_some()
    }

    /// The first rule that fits, and what it keeps.
    fn find(&self, command: &str, arguments: &crate::json::Object) -> Option<(u64, Kept)> {
        let own = self.by_command.get(command);
        let all = self.by_command.get("*");
        if own.is_none() && all.is_none() {
            return None;
        }
        let arguments = crate::json::Value::Object(arguments.clone());
        let arguments = match Value::from(&arguments) {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        let numbers = own.into_iter().chain(all).flatten();
        numbers.copied().find_map(|number| {
            let Active { rule, used, .. } = self.rules.get(&number)?;
            let left = rule.times.is_none_or(|times| *used < times);
            let state = |(name, value): (&String, &String)| self.states.get(name) == Some(value);
            let mut kept = Kept::new();
            let fits = left
                && rule.when.iter().all(state)
                && matches(&rule.arguments, rule.exact, &arguments, &mut kept);
            fits.then_some((number, kept))
        })
    }

    fn answer(&mut self, rule: &Rule, call: Call<'_>) -> Execution {
        let mut returned = None;
        let outcome = match (&rule.r#return, &rule.error) {
            (Some(value), _) => {
                let value = filled(value, &self.kept);
                returned = Some(value.to_string());
                Outcome::Value(value.into())
            }
            (None, Some(error)) => Outcome::Error(failure(error, &self.kept)),
            (None, None) if rule.silence => return Execution::default(),
            (None, None) => return self.behind.execute(call),
        };
        // What QEMU would refuse is refused, whatever the rule says.
        if matches!(outcome, Outcome::Value(_)) {
            if let Err(failure) = self.behind.check(call.command, call.arguments) {
                return Execution::fail(failure);
            }
        }
        for (argument, text) in &rule.content {
            let to = call.arguments.get(argument).and_then(|to| to.as_str());
            let to = to.unwrap_or_default();
            let content = Content::from(filled_text(text, &self.kept).as_bytes());
            if call.descriptors.write(to, &content).is_err() {
                let text = format!("Could not open '{to}': No such file or directory");
                return Execution::fail(Failure::generic(text));
            }
        }
        if let Some(returned) = returned {
            self.behind
                .answered_before(call.command, call.arguments, &returned);
        }
        Execution::reply(outcome)
    }

    /// The events that come at once; the others wait.
    fn events(&mut self, events: &[EventText], now: Duration) -> Vec<String> {
        let mut at_once = Vec::new();
        for event in events {
            let mut text = json!({"event": event.event});
            if let Some(data) = &event.data {
                text["data"] = filled(&Value::Object(data.clone()), &self.kept);
            }
            let text = text.to_string();
            if event.after_ms == 0 || self.waiting.len() >= MOST_EVENTS {
                at_once.push(text);
            } else {
                self.events += 1;
                let due = now.saturating_add(Duration::from_millis(event.after_ms));
                self.waiting.insert((due, self.events), text);
            }
        }
        at_once
    }

    /// Events as they are sent now, in QEMU's order of members.
    fn sent(&mut self, events: Vec<String>) -> Vec<String> {
        let mut texts = Vec::new();
        for event in events {
            let rest = event.strip_prefix('{').unwrap_or_default();
            let text = format!("{{\"timestamp\": {}, {rest}", timestamp());
            self.behind.sent_event(&text);
            texts.push(text);
        }
        texts
    }
}

fn failure(error: &ErrorText, kept: &Kept) -> Failure {
    match error {
        ErrorText::Text(desc) => Failure::generic(filled_text(desc, kept)),
        ErrorText::Whole { class, desc } => Failure {
            class: class.text(),
            desc: filled_text(desc, kept),
        },
    }
}

impl Backend for Rules {
    fn version(&self) -> &QemuVersion {
        self.behind.version()
    }

    fn greeting(&self) -> Option<String> {
        self.behind.greeting()
    }

    fn first_descriptor(&self) -> Option<i64> {
        self.behind.first_descriptor()
    }

    fn command(&mut self, name: &str) -> Option<Known> {
        match self.by_command.contains_key(name) {
            true => Some(self.behind.known(name).unwrap_or_default()),
            false => self.behind.command(name),
        }
    }

    fn execute(&mut self, call: Call<'_>) -> Execution {
        let Some((number, kept)) = self.find(call.command, call.arguments) else {
            return self.behind.execute(call);
        };
        let now = call.now;
        self.kept.extend(kept);
        let Some(active) = self.rules.get_mut(&number) else {
            return self.behind.execute(call);
        };
        active.used += 1;
        let (rule, fault) = (active.rule.clone(), active.fault.clone());
        let before = self.events(&rule.before, now);
        let before = self.sent(before);
        let mut execution = self.answer(&rule, call);
        execution.before.splice(0..0, before);
        execution.delay = execution
            .delay
            .saturating_add(Duration::from_millis(rule.delay_ms));
        // Their time counts from the reply.
        let after = self.events(&rule.after, now.saturating_add(execution.delay));
        let after = self.sent(after);
        execution.after.extend(after);
        execution.quits |= rule.quits;
        execution.fault = fault.map(|fault| fault.kind);
        for (name, value) in &rule.set {
            let value = filled_text(value, &self.kept);
            self.states.insert(name.clone(), value);
        }
        execution
    }

    fn check(&self, command: &str, arguments: &crate::json::Object) -> Result<(), Failure> {
        self.behind.check(command, arguments)
    }

    fn attached(&mut self, now: Duration) {
        self.behind.attached(now);
        if !std::mem::replace(&mut self.attached, true) {
            let events = self.script.events.clone();
            for text in self.events(&events, now) {
                self.events += 1;
                self.waiting.insert((now, self.events), text);
            }
        }
    }

    fn deadline(&self) -> Option<Duration> {
        let own = self.waiting.keys().next().map(|(due, _)| *due);
        [own, self.behind.deadline()].into_iter().flatten().min()
    }

    fn due(&mut self, now: Duration) -> Vec<String> {
        let mut events = self.behind.due(now);
        while let Some(entry) = self.waiting.first_entry().filter(|it| it.key().0 <= now) {
            let text = entry.remove();
            events.extend(self.sent(vec![text]));
        }
        events
    }

    fn go_to_moment(&mut self, number: u32, now: Duration) -> bool {
        self.behind.go_to_moment(number, now)
    }

    fn sent_event(&mut self, text: &str) {
        self.behind.sent_event(text);
    }

    fn answered_before(&mut self, command: &str, arguments: &crate::json::Object, returned: &str) {
        self.behind.answered_before(command, arguments, returned);
    }

    fn refused(&mut self, command: &str, now: Duration) -> Vec<String> {
        self.behind.refused(command, now)
    }

    fn reset(&mut self) {
        self.behind.reset();
        self.start();
    }

    /// `{"rule": {..}}` adds a rule in front of the others, `{"remove": NUMBER}` removes one,
    /// `{"set": {..}}` sets states.
    fn adjust(&mut self, change: &Value) -> Result<Value, String> {
        if let Some(rule) = change.get("rule") {
            let number = self.add(Rule::from_json(rule)?, true);
            return Ok(json!({"rule": number}));
        }
        if let Some(number) = change.get("remove") {
            let removed = number.as_u64().is_some_and(|number| self.remove(number));
            return match removed {
                true => Ok(json!({})),
                false => Err(format!("there is no rule {number}")),
            };
        }
        if let Some(states) = change.get("set").and_then(Value::as_object) {
            for (name, value) in states {
                let text = value.as_str().ok_or("states are texts")?;
                self.states.insert(name.clone(), text.to_owned());
            }
            return Ok(json!({}));
        }
        self.behind.adjust(change)
    }

    fn link(&mut self) -> Option<&mut dyn Link> {
        self.behind.link()
    }

    fn leftovers(&self) -> Leftovers {
        self.behind.leftovers()
    }
}
