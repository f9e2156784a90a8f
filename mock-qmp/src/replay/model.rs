// SPDX-License-Identifier: GPL-2.0-or-later
//! The state that the machine is in, as far as events and answers say it: what a recording is
//! compared by, and what answers from another state are corrected by.

use std::collections::{BTreeMap, BTreeSet};

use super::relations::{RELATIONS, RUN_EVENTS, Relation};
use crate::json::{Object, Value};

/// Most things of a kind that are kept: clients make up names.
const MOST: usize = 4096;

/// What the machine is like. Two moments with the same model answer the same questions alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    /// The run state in the words of `query-status`; empty while nobody said it.
    pub(super) run: String,
    /// What was added since the start: number of the relation, and name.
    pub(super) added: BTreeSet<(usize, String)>,
    /// Jobs that exist, with their status.
    pub(super) jobs: BTreeMap<String, String>,
    /// Removable devices by whether their tray is open, where an event said so.
    pub(super) trays: BTreeMap<String, bool>,
    /// The status of a migration; empty before the first.
    pub(super) migration: String,
}

/// An event, taken apart.
pub(super) struct Event {
    name: String,
    data: Value,
}

impl Event {
    /// Reads an event's JSON text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let value = Value::from(serde_json::from_str::<serde_json::Value>(text).ok()?);
        let name = value.get("event")?.as_str()?.to_owned();
        let data = value.get("data").cloned().unwrap_or_default();
        Some(Self { name, data })
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.data.get(member)?.as_str()
    }

    /// The run state that it leads to.
    pub(super) fn run_state(&self) -> Option<&'static str> {
        let row = RUN_EVENTS.iter().find(|(name, _)| *name == self.name);
        row.map(|(_, run)| *run)
    }
}

fn is_room<K, V>(map: &BTreeMap<K, V>, key: &K) -> bool
where
    K: Ord,
{
    map.len() < MOST || map.contains_key(key)
}

impl Model {
    /// An event came. `run` is the run state after it, where that is known.
    pub(super) fn event(&mut self, event: &Event, run: Option<&str>) {
        if let Some(usual) = event.run_state() {
            run.unwrap_or(usual).clone_into(&mut self.run);
        }
        for (number, relation) in RELATIONS.iter().enumerate() {
            let gone = relation.gone.filter(|(name, _)| *name == event.name);
            if let Some(id) = gone.and_then(|(_, member)| event.text(member)) {
                self.added.remove(&(number, id.to_owned()));
            }
        }
        match event.name.as_str() {
            "JOB_STATUS_CHANGE" => {
                if let (Some(id), Some(status)) = (event.text("id"), event.text("status")) {
                    let id = id.to_owned();
                    if status == "null" {
                        self.jobs.remove(&id);
                    } else if is_room(&self.jobs, &id) {
                        self.jobs.insert(id, status.to_owned());
                    }
                }
            }
            "DEVICE_TRAY_MOVED" => {
                let open = event.data.get("tray-open");
                if let (Some(id), Some(Value::Bool(open))) = (event.text("id"), open) {
                    let id = id.to_owned();
                    if is_room(&self.trays, &id) {
                        self.trays.insert(id, *open);
                    }
                }
            }
            "MIGRATION" => {
                if let Some(status) = event.text("status") {
                    status.clone_into(&mut self.migration);
                }
            }
            _ => {}
        }
    }

    /// A request succeeded; `returned` is the JSON text of its answer.
    pub(super) fn answered(&mut self, command: &str, arguments: &Object, returned: &str) {
        let named = |member: &str| arguments.get(member).and_then(Value::as_str);
        for (number, relation) in RELATIONS.iter().enumerate() {
            let (add, id) = relation.add;
            let is_added = add == command && self.added.len() < MOST;
            if let Some(id) = named(id).filter(|_| is_added) {
                self.added.insert((number, id.to_owned()));
            }
            let (remove, id) = relation.remove;
            let is_removed = remove == command && relation.gone.is_none();
            if let Some(id) = named(id).filter(|_| is_removed) {
                self.added.remove(&(number, id.to_owned()));
            }
        }
        match command {
            "migrate" => "setup".clone_into(&mut self.migration),
            "query-status" | "query-migrate" => {
                if let Some(status) = status(returned) {
                    let field = match command {
                        "query-status" => &mut self.run,
                        _ => &mut self.migration,
                    };
                    *field = status;
                }
            }
            _ => {}
        }
    }

    /// Whether a change that was recorded in the other state is possible in this one alike: the same
    /// things are there, and the machine runs or does not.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.added == other.added
            && (self.run == other.run || self.run.is_empty() || other.run.is_empty())
    }

    /// What is there here and not in the other, or the other way round, in words.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut all = Vec::new();
        if self.run != other.run && !self.run.is_empty() && !other.run.is_empty() {
            all.push(format!("the machine is {}, not {}", self.run, other.run));
        }
        let names = |(number, id): &(usize, String)| format!("{} '{id}'", RELATIONS[*number].kind);
        let more = self.added.difference(&other.added).map(names);
        all.extend(more.map(|name| format!("{name} is there")));
        let less = other.added.difference(&self.added).map(names);
        all.extend(less.map(|name| format!("{name} is not there")));
        all
    }

    /// What a request adds or removes, and whether it is there: number of the relation, name.
    pub(super) fn touches(command: &str, arguments: &Object) -> Option<(usize, String, bool)> {
        let named = |member: &str| arguments.get(member).and_then(Value::as_str);
        RELATIONS.iter().enumerate().find_map(|(number, relation)| {
            let adds = relation.add.0 == command;
            let removes = relation.remove.0 == command;
            let member = if adds {
                relation.add.1
            } else {
                relation.remove.1
            };
            let id = named(member).filter(|_| adds || removes)?;
            Some((number, id.to_owned(), adds))
        })
    }

    /// Whether something is there that was added.
    pub(super) fn holds(&self, number: usize, id: &str) -> bool {
        self.added.contains(&(number, id.to_owned()))
    }
}

/// QEMU's error where something that is to be removed is not there, or something to be added is.
pub(super) fn contradiction(number: usize, id: &str, adds: bool) -> (&'static str, String) {
    let Relation {
        missing, duplicate, ..
    } = &RELATIONS[number];
    match adds {
        true => ("GenericError", duplicate.replace("{}", id)),
        false => (missing.0, missing.1.replace("{}", id)),
    }
}

/// The `status` of an answer.
pub(super) fn status(returned: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Status {
        status: String,
    }
    let status = serde_json::from_str::<Status>(returned).ok()?;
    Some(status.status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(model: &mut Model, event: serde_json::Value) {
        model.event(&Event::read(&event.to_string()).unwrap(), None);
    }

    #[test]
    fn events_and_answers_say_what_there_is() {
        let mut model = Model::default();
        let arguments = Object::from([("id".to_owned(), Value::String("nic9".to_owned()))]);
        model.answered("device_add", &arguments, "{}");
        assert!(model.holds(0, "nic9"));
        model.answered("device_del", &arguments, "{}");
        assert!(model.holds(0, "nic9"), "it goes with the event");
        event(
            &mut model,
            json!({"event": "DEVICE_DELETED", "data": {"device": "nic9", "path": "/x"}}),
        );
        assert!(!model.holds(0, "nic9"));
        event(&mut model, json!({"event": "RESUME"}));
        assert_eq!(model.run, "running");
        for status in ["created", "null"] {
            event(
                &mut model,
                json!({"event": "JOB_STATUS_CHANGE", "data": {"id": "j", "status": status}}),
            );
            assert_eq!(model.jobs.len(), usize::from(status == "created"));
        }
        let other = Model {
            run: "paused".to_owned(),
            ..model.clone()
        };
        assert!(!model.agrees(&other));
        assert_eq!(
            model.differences(&other),
            ["the machine is running, not paused"]
        );
    }

    #[test]
    fn names_that_clients_make_up_do_not_fill_memory() {
        let mut model = Model::default();
        for number in 0..3 * MOST {
            let id = Value::String(number.to_string());
            let arguments = Object::from([("id".to_owned(), id)]);
            model.answered("device_add", &arguments, "{}");
            event(
                &mut model,
                json!({"event": "JOB_STATUS_CHANGE", "data": {"id": number.to_string(), "status": "running"}}),
            );
        }
        assert_eq!((model.added.len(), model.jobs.len()), (MOST, MOST));
    }
}
