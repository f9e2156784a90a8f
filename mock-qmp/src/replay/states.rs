// SPDX-License-Identifier: GPL-2.0-or-later
//! The states that a recording shows the machine in, from its events and answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::model::{Drive, Event, Model, Thing, status};
use super::relations::RELATIONS;
use super::steps::Step;
use crate::recording::{Entry, Topic};
use crate::schema::BUILTIN;

/// The states of a topic.
#[derive(Debug)]
pub(super) struct States {
    models: Vec<Model>,
    /// The models of each hash.
    by_hash: HashMap<u64, Vec<usize>>,
    /// How many things there are in all models.
    size: usize,
    /// The state before each entry was carried out.
    before: Vec<usize>,
    /// The state at the end of each step.
    ends: Vec<usize>,
    /// The state at the start of each part.
    starts: Vec<usize>,
    /// The run state after each event that changes it, where the recording says it.
    run_after: Vec<Option<String>>,
    /// Whether an entry's answer changes the state.
    effects: Vec<bool>,
    /// Whether an entry did what it was asked for.
    succeeded: Vec<bool>,
    /// The line behind the event that a removal ends with, if it is among those of its step; `None`
    /// inside if it is not.
    removals: HashMap<usize, Option<usize>>,
    /// Everything that was added at some time.
    added: BTreeSet<Thing>,
    /// The jobs that there were at some time.
    jobs: BTreeSet<String>,
}

/// Most things that are kept in all states together.
const MOST_THINGS: usize = 200_000;

fn hash(model: &Model) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.hash(&mut hasher);
    hasher.finish()
}

/// A line of the file that has to do with the state.
enum Item {
    /// An entry's answer.
    Answer(usize),
    Event(usize),
}

/// What a file says of run states: an event, or what `query-status` answered.
enum Said {
    Changed(usize),
    Is(String),
}

impl States {
    pub(super) fn new(topic: &Topic, steps: &[Step]) -> Self {
        let events: Vec<_> = topic
            .events
            .iter()
            .map(|event| Event::read(topic.event_text(event)))
            .collect();
        let run_after = vec![None; events.len()];
        let mut states = Self {
            models: Vec::new(),
            by_hash: HashMap::new(),
            size: 0,
            before: vec![0; topic.entries.len()],
            ends: vec![0; steps.len()],
            starts: Vec::new(),
            run_after,
            effects: vec![false; topic.entries.len()],
            succeeded: topic
                .entries
                .iter()
                .map(|it| succeeded(topic, it))
                .collect(),
            removals: HashMap::new(),
            added: BTreeSet::new(),
            jobs: BTreeSet::new(),
        };
        for (event, read) in events.iter().enumerate() {
            let job = read.as_ref().and_then(Event::failing_job);
            if let Some(entry) = job.and_then(|job| starter(topic, event, job)) {
                states.succeeded[entry] = false;
            }
        }
        for step in steps {
            let opener = step.opener.map(|number| (number, &topic.entries[number]));
            let removed = opener.and_then(|(number, entry)| {
                let (relation, id, adds) = Model::touches(&entry.command, &entry.arguments)?;
                let waits = !adds && RELATIONS[relation].gone.is_some();
                waits.then_some((number, relation, id))
            });
            if let Some((number, relation, id)) = removed {
                let says_it = |&event: &usize| {
                    let read = events[event].as_ref();
                    read.is_some_and(|event| event.is_gone(relation, &id))
                };
                let event = step.events.clone().find(says_it);
                let line = event.map(|event| topic.events[event].line + 1);
                states.removals.insert(number, line);
            }
        }
        for (number, part) in topic.parts.iter().enumerate() {
            let end = topic
                .parts
                .get(number + 1)
                .map_or(usize::MAX, |next| next.lines);
            let mut items = items(topic, part.lines, end);
            let start = states.run_states(topic, &events, &items);
            let mut model = Model {
                run: start.unwrap_or_default(),
                ..drives_at_start(topic, &events, &items)
            };
            let id = states.intern(&model);
            states.starts.push(id);
            items.sort_by_key(|(line, _)| *line);
            let mut items = items.into_iter().peekable();
            let within = steps
                .iter()
                .enumerate()
                .filter(|(_, step)| step.part == number);
            let within: Vec<usize> = within.map(|(step, _)| step).collect();
            for (place, &step) in within.iter().enumerate() {
                let until = within
                    .get(place + 1)
                    .map_or(usize::MAX, |&next| steps[next].line);
                while let Some((_, item)) = items.next_if(|(line, _)| *line < until) {
                    match item {
                        Item::Event(event) => {
                            if let Some(read) = &events[event] {
                                model.event(read, read, states.run_after[event].as_deref());
                                states.jobs.extend(model.jobs.keys().cloned());
                            }
                        }
                        Item::Answer(entry) => {
                            // Events before its reply came of it: its own state is the step's.
                            states.answer(topic, entry, &mut model);
                        }
                    }
                }
                states.ends[step] = states.intern(&model);
            }
        }
        // What opens a step was asked in the state that the step before left.
        for (number, step) in steps.iter().enumerate().skip(1) {
            if let Some(opener) = step.opener {
                states.before[opener] = match step.part != steps[number - 1].part {
                    true => states.starts[step.part],
                    false => states.ends[number - 1],
                };
            }
        }
        states
    }

    fn answer(&mut self, topic: &Topic, entry: usize, model: &mut Model) {
        self.before[entry] = self.intern(model);
        let Entry {
            command, arguments, ..
        } = &topic.entries[entry];
        let returned = topic.returned(&topic.entries[entry]);
        if let Some(returned) = returned.filter(|_| self.succeeded[entry]) {
            let was = model.clone();
            model.answered(command, arguments, arguments, returned);
            self.effects[entry] = *model != was;
            if self.effects[entry] {
                self.added.extend(model.all_added().cloned());
            }
        }
    }

    /// Notes the run state after each event that changes it, from what `query-status` says next;
    /// returns the one at the start.
    fn run_states(
        &mut self,
        topic: &Topic,
        events: &[Option<Event>],
        items: &[(usize, Item)],
    ) -> Option<String> {
        let mut said: Vec<(usize, Said)> = Vec::new();
        for (line, item) in items {
            match item {
                Item::Event(event) => {
                    if events[*event]
                        .as_ref()
                        .is_some_and(|event| event.run_state().is_some())
                    {
                        said.push((*line, Said::Changed(*event)));
                    }
                }
                Item::Answer(entry) => {
                    let entry = &topic.entries[*entry];
                    let returned = topic
                        .returned(entry)
                        .filter(|_| entry.command == "query-status");
                    if let Some(status) = returned.and_then(status) {
                        said.push((*line, Said::Is(status)));
                    }
                }
            }
        }
        said.sort_by_key(|(line, _)| *line);
        let mut start = None;
        let mut last = None;
        let mut known = false;
        for (_, said) in said {
            match said {
                Said::Changed(event) => (last, known) = (Some(event), false),
                Said::Is(status) if !known => {
                    known = true;
                    match last {
                        Some(event) => self.run_after[event] = Some(status),
                        None => start = Some(status),
                    }
                }
                Said::Is(_) => {}
            }
        }
        start
    }

    /// The number of a state. Where there are too many, it is that of the latest.
    fn intern(&mut self, model: &Model) -> usize {
        if let Some(known) = self.find(model) {
            return known;
        }
        if self.size > MOST_THINGS && !self.models.is_empty() {
            return self.models.len() - 1;
        }
        let next = self.models.len();
        self.by_hash.entry(hash(model)).or_default().push(next);
        self.size += model.size();
        self.models.push(model.clone());
        next
    }

    /// The number of a state, if the recording shows it.
    pub(super) fn find(&self, model: &Model) -> Option<usize> {
        let known = self.by_hash.get(&hash(model))?;
        known
            .iter()
            .copied()
            .find(|&known| self.models[known] == *model)
    }

    /// The state before an entry was carried out.
    pub(super) fn before(&self, entry: usize) -> usize {
        self.before[entry]
    }

    pub(super) fn model(&self, number: usize) -> &Model {
        &self.models[number]
    }

    /// The state at the start of a part.
    pub(super) fn start(&self, part: usize) -> &Model {
        &self.models[self.starts[part]]
    }

    /// The state that a step began in.
    pub(super) fn start_of(&self, step: usize) -> &Model {
        match step.checked_sub(1) {
            Some(before) => &self.models[self.ends[before]],
            None => self.start(0),
        }
    }

    /// The state at the end of a step.
    pub(super) fn end(&self, step: usize) -> &Model {
        &self.models[self.ends[step]]
    }

    pub(super) fn run_after(&self, event: usize) -> Option<&str> {
        self.run_after[event].as_deref()
    }

    /// Whether an entry's answer changes the state.
    pub(super) fn has_effect(&self, entry: usize) -> bool {
        self.effects[entry]
    }

    /// Whether an entry did what it was asked for, as far as the recording says it.
    pub(super) fn succeeded(&self, entry: usize) -> bool {
        self.succeeded[entry]
    }

    /// Whether the recording says anything of jobs.
    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Whether what an entry leads to is in its step too.
    pub(super) fn is_whole(&self, entry: usize) -> bool {
        self.removals.get(&entry).is_none_or(Option::is_some)
    }

    /// The line behind the event that says that what an entry removes is gone, within its step.
    pub(super) fn gone(&self, entry: usize) -> Option<usize> {
        *self.removals.get(&entry)?
    }

    /// Whether there was this job at some time of the recording.
    pub(super) fn had_job(&self, id: &str) -> bool {
        self.jobs.contains(id)
    }

    /// Whether this was added at some time of the recording.
    pub(super) fn adds(&self, number: usize, id: &str) -> bool {
        self.added.contains(&(number, id.to_owned()))
    }
}

/// The built-in monitor says nothing where it did what a line asks for.
fn succeeded(topic: &Topic, entry: &Entry) -> bool {
    let returned = topic.returned(entry);
    returned.is_some_and(|returned| entry.command != BUILTIN || returned == "\"\"")
}

/// The request that started a job of which there is an event.
fn starter(topic: &Topic, event: usize, job: &str) -> Option<usize> {
    let line = topic.events[event].line;
    let names = |entry: &Entry| {
        let id = entry.arguments.get("job-id").and_then(|id| id.as_str());
        entry.line < line && id == Some(job)
    };
    topic.entries.iter().rposition(names)
}

/// What removable devices are like at the start, by the answers of `query-block` before the first
/// tray moves.
fn drives_at_start(topic: &Topic, events: &[Option<Event>], items: &[(usize, Item)]) -> Model {
    let moves = |item: &Item| match item {
        Item::Event(event) => events[*event].as_ref().is_some_and(Event::moves_a_tray),
        Item::Answer(_) => false,
    };
    let first = items.iter().filter(|(_, item)| moves(item));
    let first = first.map(|(line, _)| *line).min().unwrap_or(usize::MAX);
    let before = items.iter().filter(|(line, _)| *line < first);
    let (mut trays, mut drives) = (BTreeMap::new(), BTreeMap::new());
    for (_, item) in before {
        let Item::Answer(entry) = item else {
            continue;
        };
        let entry = &topic.entries[*entry];
        let returned = topic
            .returned(entry)
            .filter(|_| entry.command == "query-block");
        for drive in returned.map(Drive::read).unwrap_or_default() {
            if let Some(qdev) = drive.qdev {
                trays.extend(drive.tray_open.map(|open| (qdev.clone(), open)));
                drives.insert(drive.name, qdev);
            }
        }
    }
    Model {
        trays,
        drives: Arc::new(drives),
        ..Model::default()
    }
}

/// The answers and events between two lines.
fn items(topic: &Topic, start: usize, end: usize) -> Vec<(usize, Item)> {
    let within = |line: usize| line > start && line <= end;
    let entries = topic.entries.iter().enumerate();
    let answers = entries.filter_map(|(number, entry)| {
        let line = entry.reply.as_ref().map_or(entry.line, |reply| reply.line);
        within(line).then_some((line, Item::Answer(number)))
    });
    let events = topic.events.iter().enumerate();
    let events = events.filter(|(_, event)| within(event.line));
    answers
        .chain(events.map(|(number, event)| (event.line, Item::Event(number))))
        .collect()
}
