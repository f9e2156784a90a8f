// SPDX-License-Identifier: GPL-2.0-or-later
//! The state that the machine is in, as far as events and answers say it: what a recording is
//! compared by, and what answers from another state are corrected by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lines::meant;
use super::relations::{
    DEVICE, INCOMING, JOB, KEPT_BY_RESET, MEDIA, NODE, RELATIONS, RUN_EVENTS, RUNNING,
};
use crate::json::{Object, Value};
use crate::schema::BUILTIN;

/// Most things of a kind that are kept: clients make up names.
const MOST: usize = 4096;

/// Longest names of things that are kept, in bytes.
const LONGEST: usize = 1024;

/// The number of a relation, and a name.
pub(super) type Thing = (usize, String);

/// What the machine is like. Two moments with the same model answer the same questions alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Model {
    /// The run state in the words of `query-status`; empty while nobody said it.
    pub(super) run: String,
    /// What was added since the start, by the name that the client gave it, with the one that it
    /// has in the recording.
    pub(super) added: BTreeMap<Thing, String>,
    /// What was there at the start and went.
    pub(super) gone: BTreeSet<Thing>,
    /// Block nodes that a device uses, with that device.
    pub(super) users: BTreeMap<String, String>,
    /// Jobs that exist, by the name that the client gave them.
    pub(super) jobs: BTreeMap<String, Job>,
    /// Removable devices by whether their tray is open, where an event or the start said so.
    pub(super) trays: BTreeMap<String, bool>,
    /// What is in removable devices, where that was changed.
    pub(super) media: BTreeMap<String, Option<String>>,
    /// The device (`qdev`) of each drive.
    pub(super) drives: Arc<BTreeMap<String, String>>,
    /// The status of a migration; empty before the first.
    pub(super) migration: String,
    /// Whether events say it.
    pub(super) migration_events: bool,
}

/// A job that exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Job {
    /// Its name in the recording.
    pub(super) recorded: String,
    pub(super) status: String,
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

    /// The device that it says is gone, by the name that it was given.
    pub(super) fn gone_device(&self) -> Option<&str> {
        let is_gone = self.name == "DEVICE_DELETED";
        self.text("device").filter(|_| is_gone)
    }

    /// Whether it says that something is gone.
    pub(super) fn is_gone(&self, number: usize, id: &str) -> bool {
        let gone = RELATIONS[number].gone;
        gone.is_some_and(|(name, member)| name == self.name && self.text(member) == Some(id))
    }

    /// The job that fails.
    pub(super) fn failing_job(&self) -> Option<&str> {
        let fails = self.name == "JOB_STATUS_CHANGE" && self.text("status") == Some("aborting");
        self.text("id").filter(|_| fails)
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.data.get(member)?.as_str()
    }

    /// The run state that it leads to.
    pub(super) fn run_state(&self) -> Option<&'static str> {
        let row = RUN_EVENTS.iter().find(|(name, _)| *name == self.name);
        row.map(|(_, run)| *run)
    }

    pub(super) fn is_stop(&self) -> bool {
        self.name == "STOP"
    }

    pub(super) fn is_resume(&self) -> bool {
        self.name == "RESUME"
    }

    pub(super) fn moves_a_tray(&self) -> bool {
        self.name == "DEVICE_TRAY_MOVED"
    }
}

fn is_room<V>(map: &BTreeMap<String, V>, key: &String) -> bool {
    key.len() <= LONGEST && (map.len() < MOST || map.contains_key(key))
}

impl Model {
    /// An event came; `recorded` is it as it is in the recording, with the names there. `run` is the
    /// run state after it, where that is known.
    pub(super) fn event(&mut self, event: &Event, recorded: &Event, run: Option<&str>) {
        if let Some(usual) = event.run_state() {
            run.unwrap_or(usual).clone_into(&mut self.run);
        }
        for (number, relation) in RELATIONS.iter().enumerate() {
            let gone = relation.gone.filter(|(name, _)| *name == event.name);
            if let Some(id) = gone.and_then(|(_, member)| event.text(member)) {
                self.remove((number, id.to_owned()));
            }
        }
        match event.name.as_str() {
            "JOB_STATUS_CHANGE" => {
                let id = event.text("id").filter(|id| id.len() <= LONGEST);
                if let (Some(id), Some(status)) = (id, event.text("status")) {
                    let id = id.to_owned();
                    if status == "null" {
                        self.jobs.remove(&id);
                    } else if is_room(&self.jobs, &id) {
                        let job = Job {
                            recorded: recorded.text("id").unwrap_or(&id).to_owned(),
                            status: status.to_owned(),
                        };
                        self.jobs.insert(id, job);
                    }
                }
            }
            "DEVICE_TRAY_MOVED" => {
                if let Some((id, open)) = tray(event) {
                    if is_room(&self.trays, &id) {
                        self.trays.insert(id, open);
                    }
                }
            }
            "MIGRATION" => {
                if let Some(status) = event.text("status") {
                    self.migrates(status);
                }
            }
            "RESET" => {
                if !self.run.is_empty() && !KEPT_BY_RESET.contains(&self.run.as_str()) {
                    "prelaunch".clone_into(&mut self.run);
                }
                // `ide_reset` and `scsi_disk_reset` close them, without an event.
                self.trays.values_mut().for_each(|open| *open = false);
            }
            _ => {}
        }
    }

    /// Whether an event says what is so already, or what a guest that does not run can't do: QEMU does
    /// not send it then.
    pub(super) fn knows(&self, event: &Event) -> bool {
        match event.name.as_str() {
            "STOP" => !self.run.is_empty() && self.run != RUNNING,
            "RESUME" => self.run == RUNNING,
            "RESET" if event.data.get("guest") == Some(&Value::Bool(true)) => {
                !self.run.is_empty() && self.run != RUNNING
            }
            "DEVICE_TRAY_MOVED" => {
                tray(event).is_some_and(|(id, open)| self.trays.get(&id) == Some(&open))
            }
            _ => false,
        }
    }

    /// Whether an event is sent that was sent in another state: those of a migration are asked for.
    pub(super) fn sends(&self, event: &Event, then: &Self) -> bool {
        let is_asked_for = event.name.starts_with("MIGRATION") && then.migration_events;
        !is_asked_for || self.migration_events
    }

    /// A migration got so far. Where it ends, the machine that it left does not run (`migration.c`).
    fn migrates(&mut self, status: &str) {
        let leaves = !self.run.is_empty() && self.run != INCOMING && self.run != RUNNING;
        if status == "completed" && self.migration != status && leaves {
            "postmigrate".clone_into(&mut self.run);
        }
        status.clone_into(&mut self.migration);
    }

    fn remove(&mut self, thing: Thing) {
        if RELATIONS[thing.0].kind == DEVICE {
            self.users.retain(|_, device| *device != thing.1);
        }
        // Where there is no error for what is not there, it may never have been.
        let is_known = RELATIONS[thing.0].missing.is_some() && self.gone.len() < MOST;
        if self.added.remove(&thing).is_none() && is_known {
            self.gone.insert(thing);
        }
    }

    /// A request succeeded; `recorded` are its arguments as they are in the recording, `returned`
    /// is the JSON text of its answer.
    pub(super) fn answered(
        &mut self,
        command: &str,
        arguments: &Object,
        recorded: &Object,
        returned: &str,
    ) {
        // The built-in monitor says nothing where it succeeds.
        if command == BUILTIN && returned != "\"\"" {
            return;
        }
        if let Some((number, id, adds)) = Self::touches(command, arguments) {
            if adds {
                self.uses(command, arguments, &id);
                let there = Self::touches(command, recorded).map(|(_, id, _)| id);
                if !self.gone.remove(&(number, id.clone())) && self.added.len() < MOST {
                    let there = there.unwrap_or_else(|| id.clone());
                    self.added.insert((number, id), there);
                }
            } else if RELATIONS[number].gone.is_none() {
                self.remove((number, id));
            }
        }
        let Some((command, arguments)) = meant(command, recorded) else {
            return;
        };
        if let Some((_, medium)) = MEDIA.iter().find(|(name, _)| *name == command) {
            self.medium(&arguments, *medium);
        }
        match command {
            "migrate-set-capabilities" => {
                if let Some(on) = capability(&arguments, "events") {
                    self.migration_events = on;
                }
            }
            "migrate" => "setup".clone_into(&mut self.migration),
            // It is saved as a migration is (`save_snapshot`).
            "snapshot-save" => "completed".clone_into(&mut self.migration),
            "query-status" => {
                if let Some(status) = status(returned) {
                    self.run = status;
                }
            }
            "query-migrate" => {
                if let Some(status) = status(returned) {
                    self.migrates(&status);
                }
            }
            _ => {}
        }
    }

    /// A device uses a node, if it was made with one.
    fn uses(&mut self, command: &str, arguments: &Object, device: &str) {
        let drive = arguments.get("drive").and_then(Value::as_str);
        if let Some(drive) = drive.filter(|_| command == "device_add") {
            let node = drive.to_owned();
            if is_room(&self.users, &node) {
                self.users.insert(node, device.to_owned());
            }
        }
    }

    /// Whether a device uses a node.
    pub(super) fn is_used(&self, node: &str) -> bool {
        let recorded = self.recorded_name(NODE, node);
        let mut media = self.media.values().flatten();
        self.users.contains_key(node) || media.any(|medium| *medium == recorded)
    }

    /// The name in the recording of something of a kind.
    fn recorded_name(&self, kind: &str, name: &str) -> String {
        let added = self.things(kind).find(|(sent, _)| *sent == name);
        added.map_or(name, |(_, recorded)| recorded).to_owned()
    }

    /// A removable device has another medium; `member` says which.
    fn medium(&mut self, arguments: &Object, member: Option<&str>) {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        if let Some(device) = text("id").or(text("device")) {
            let device = self.drives.get(device).map_or(device, String::as_str);
            let (device, medium) = (device.to_owned(), member.and_then(text).map(str::to_owned));
            if is_room(&self.media, &device) {
                self.media.insert(device, medium);
            }
        }
    }

    /// How many things there are in it.
    pub(super) fn size(&self) -> usize {
        let trays = self.trays.len() + self.media.len() + self.users.len();
        1 + self.added.len() + self.gone.len() + self.jobs.len() + trays
    }

    /// The same with the recording's names.
    pub(super) fn as_recorded(&self) -> Self {
        let added = self.added.iter().map(|((number, _), recorded)| {
            let thing = (*number, recorded.clone());
            (thing, recorded.clone())
        });
        let users = self.users.iter().map(|(node, device)| {
            let node = self.recorded_name(NODE, node);
            (node, self.recorded_name(DEVICE, device))
        });
        let jobs = self.jobs.values();
        Self {
            added: added.collect(),
            users: users.collect(),
            jobs: jobs
                .map(|job| (job.recorded.clone(), job.clone()))
                .collect(),
            ..self.clone()
        }
    }

    /// Whether a change that was recorded in the other state is possible in this one alike: the same
    /// things are there, and the machine runs or does not. Snapshots are in no one's way.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        (self.run == other.run || self.run.is_empty() || other.run.is_empty())
            && self.gone == other.gone
            && self.recorded_things() == other.recorded_things()
    }

    fn recorded_things(&self) -> BTreeSet<(usize, &str)> {
        let things = self.added.iter();
        things
            .filter(|((number, _), _)| RELATIONS[*number].missing.is_some())
            .map(|((number, _), recorded)| (*number, recorded.as_str()))
            .collect()
    }

    /// What is there here and not in the other, or the other way round, in words.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut all = Vec::new();
        if self.run != other.run && !self.run.is_empty() && !other.run.is_empty() {
            all.push(format!("the machine is {}, not {}", self.run, other.run));
        }
        let (here, there) = (self.recorded_things(), other.recorded_things());
        let kind = |number: usize| RELATIONS[number].kind;
        let more = self
            .added
            .iter()
            .filter(|((number, _), _)| RELATIONS[*number].missing.is_some())
            .filter(|((number, _), recorded)| !there.contains(&(*number, recorded.as_str())));
        all.extend(more.map(|((number, id), _)| format!("{} '{id}' is there", kind(*number))));
        let back = other.gone.difference(&self.gone);
        all.extend(back.map(|(number, id)| format!("{} '{id}' is there", kind(*number))));
        let less = there.difference(&here);
        all.extend(less.map(|(number, id)| format!("{} '{id}' is not there", kind(*number))));
        let went = self.gone.difference(&other.gone);
        all.extend(went.map(|(number, id)| format!("{} '{id}' is not there", kind(*number))));
        all
    }

    /// Whether a change, from one state to another, leads from this one towards `then`.
    pub(super) fn is_led(&self, (from, to): (&Self, &Self), then: &Self) -> bool {
        let runs = from.run != to.run && to.run == then.run && self.run != then.run;
        let (here, there) = (self.recorded_things(), then.recorded_things());
        let (before, after) = (from.recorded_things(), to.recorded_things());
        let mut added = after.difference(&before);
        let mut removed = before.difference(&after);
        runs || added.any(|thing| there.contains(thing) && !here.contains(thing))
            || removed.any(|thing| here.contains(thing) && !there.contains(thing))
    }

    /// What a request adds or removes, and whether it adds: number of the relation, name. A line of
    /// the built-in monitor is a request too.
    pub(super) fn touches(command: &str, arguments: &Object) -> Option<(usize, String, bool)> {
        let (command, arguments) = meant(command, arguments)?;
        let named = |rows: &[(&str, &str)]| {
            let row = rows.iter().find(|(name, _)| *name == command)?;
            let name = arguments.get(row.1)?.as_str();
            name.filter(|name| name.len() <= LONGEST).map(str::to_owned)
        };
        RELATIONS.iter().enumerate().find_map(|(number, relation)| {
            let added = named(relation.add).map(|id| (number, id, true));
            added.or_else(|| named(relation.remove).map(|id| (number, id, false)))
        })
    }

    /// What a request needs: number of the relation, and name.
    pub(super) fn needs(command: &str, arguments: &Object) -> Option<Thing> {
        let (command, arguments) = meant(command, arguments)?;
        RELATIONS.iter().enumerate().find_map(|(number, relation)| {
            let (name, member) = relation.needs?.command;
            if name != command {
                return None;
            }
            Some((number, arguments.get(member)?.as_str()?.to_owned()))
        })
    }

    /// Whether this is a device that was added.
    pub(super) fn has_added(&self, device: &str) -> bool {
        self.things(DEVICE).any(|(sent, _)| sent == device)
    }

    /// Whether something that was added is there; `None` where nothing is known of it.
    pub(super) fn holds(&self, number: usize, id: &str) -> Option<bool> {
        let thing = (number, id.to_owned());
        match self.added.contains_key(&thing) {
            true => Some(true),
            false => self.gone.contains(&thing).then_some(false),
        }
    }

    /// What of a kind was added, jobs among them: its name here, and in the recording.
    pub(super) fn things(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let added = self.added.iter();
        let added = added
            .filter(move |((number, _), _)| RELATIONS[*number].kind == kind)
            .map(|((_, id), recorded)| (id.as_str(), recorded.as_str()));
        let jobs = self.jobs.iter().filter(move |_| kind == JOB);
        added.chain(jobs.map(|(id, job)| (id.as_str(), job.recorded.as_str())))
    }

    /// What of a kind was there at the start and went.
    pub(super) fn gone(&self, kind: &str) -> impl Iterator<Item = &str> {
        let gone = self.gone.iter();
        gone.filter(move |(number, _)| RELATIONS[*number].kind == kind)
            .map(|(_, id)| id.as_str())
    }

    /// What was added: its name in the recording, and here.
    pub(super) fn names(&self) -> impl Iterator<Item = (String, String)> {
        let added = self.added.iter();
        added.map(|((_, sent), recorded)| (recorded.clone(), sent.clone()))
    }

    /// Everything that was added, with its name in the recording.
    pub(super) fn all_added(&self) -> impl Iterator<Item = &Thing> {
        self.added.keys()
    }
}

/// Whether a request turns a capability of migration on or off.
fn capability(arguments: &Object, name: &str) -> Option<bool> {
    let all = arguments.get("capabilities")?.as_array()?;
    let named = |one: &&Value| one.get("capability").and_then(Value::as_str) == Some(name);
    match all.iter().rfind(named)?.get("state")? {
        Value::Bool(on) => Some(*on),
        _ => None,
    }
}

fn tray(event: &Event) -> Option<(String, bool)> {
    let Some(Value::Bool(open)) = event.data.get("tray-open") else {
        return None;
    };
    Some((event.text("id")?.to_owned(), *open))
}

/// QEMU's error where something that is to be removed is not there, or something to be added is.
pub(super) fn contradiction(
    number: usize,
    id: &str,
    adds: bool,
    is_line: bool,
) -> Option<(&'static str, String)> {
    let relation = &RELATIONS[number];
    let of_line = relation.duplicate_line.filter(|_| is_line);
    let (class, text) = match adds {
        true => ("GenericError", of_line.or(relation.duplicate)?),
        false => relation.missing?,
    };
    Some((class, text.replace("{}", id)))
}

/// A removable device, by an answer of `query-block`.
#[derive(serde::Deserialize)]
pub(super) struct Drive {
    #[serde(rename = "device")]
    pub(super) name: String,
    pub(super) qdev: Option<String>,
    pub(super) tray_open: Option<bool>,
}

impl Drive {
    /// Reads an answer of `query-block`.
    pub(super) fn read(returned: &str) -> Vec<Self> {
        serde_json::from_str(returned).unwrap_or_default()
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
        let event = Event::read(&event.to_string()).unwrap();
        model.event(&event, &event, None);
    }

    #[test]
    fn events_and_answers_say_what_there_is() {
        let mut model = Model::default();
        let arguments = Object::from([("id".to_owned(), Value::String("nic9".to_owned()))]);
        model.answered("device_add", &arguments, &arguments, "{}");
        assert_eq!(model.holds(0, "nic9"), Some(true));
        model.answered("device_del", &arguments, &arguments, "{}");
        assert_eq!(model.holds(0, "nic9"), Some(true), "it goes with the event");
        event(
            &mut model,
            json!({"event": "DEVICE_DELETED", "data": {"device": "nic9", "path": "/x"}}),
        );
        assert_eq!(model.holds(0, "nic9"), None);
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
            model.answered("device_add", &arguments, &arguments, "{}");
            event(
                &mut model,
                json!({"event": "JOB_STATUS_CHANGE", "data": {"id": number.to_string(), "status": "running"}}),
            );
        }
        assert_eq!((model.added.len(), model.jobs.len()), (MOST, MOST));
    }
}
