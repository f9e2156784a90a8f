// SPDX-License-Identifier: GPL-2.0-or-later
//! Which recorded request answers a request.

use std::ops::Range;

use super::relations::TRAY_COMMANDS;
use super::state::{Mode, Replay};
use crate::json::Object;
use crate::schema::changes_state;

/// The entry that answers a request.
pub(super) struct Found {
    pub(super) entry: usize,
    /// Whether the entry's step is entered first.
    pub(super) enters: bool,
}

fn stay(entry: usize) -> Found {
    Found {
        entry,
        enters: false,
    }
}

fn enter(entry: usize) -> Found {
    Found {
        entry,
        enters: true,
    }
}

/// Keeps the entries for which it holds, if there are any.
fn prefer(entries: &mut Vec<usize>, holds: impl Fn(&usize) -> bool) {
    if entries.iter().any(&holds) {
        entries.retain(holds);
    }
}

impl Replay {
    /// `arguments` have the recorded names, `sent` those of the client.
    pub(super) fn find(&self, command: &str, arguments: &Object, sent: &Object) -> Option<Found> {
        let key = self.index.ignored.key(command, arguments);
        let all = self.index.candidates(&key);
        let answered: Vec<usize>;
        let candidates = match self.mode == Mode::Strict || self.index.is_answered {
            true => all,
            // A session may have ended before the last answer.
            false => {
                let has_reply = |entry: &usize| self.entry(*entry).reply.is_some();
                answered = all.iter().copied().filter(has_reply).collect();
                &answered
            }
        };
        match changes_state(command, arguments) {
            true => {
                let possible = self.is_possible(command, sent, arguments);
                self.find_change(command, candidates, possible, sent)
                    .map(enter)
            }
            false => self.find_look(candidates, arguments),
        }
    }

    /// The steps of the session at hand.
    fn steps_here(&self) -> Range<usize> {
        let (steps, part) = (&self.index.steps, self.part());
        let start = steps.partition_point(|step| step.part < part);
        start..steps.partition_point(|step| step.part <= part)
    }

    fn part(&self) -> usize {
        self.index.steps[self.step].part
    }

    /// Whether an entry was recorded in the present state, as far as events and answers say it.
    fn was_now(&self, entry: usize) -> bool {
        self.model_number == Some(self.index.states.before(entry))
    }

    /// Whether an entry was recorded on a machine that ran, or did not, with the same things added.
    fn agrees(&self, entry: usize) -> bool {
        let states = &self.index.states;
        self.was_now(entry) || self.model.agrees(states.model(states.before(entry)))
    }

    /// The same, in a run state that is known to be the present one.
    fn was_like_now(&self, entry: usize) -> bool {
        let model = self.index.states.model(self.index.states.before(entry));
        model.run == self.model.run && self.agrees(entry)
    }

    /// A change: the next that is recorded in this session. If one is not strict, one that was
    /// recorded in the present state comes first, also of before or of another session.
    ///
    /// What is possible, and succeeded at some time, does not fail; nor the other way round.
    fn find_change(
        &self,
        command: &str,
        candidates: &[usize],
        possible: Option<bool>,
        sent: &Object,
    ) -> Option<usize> {
        let step = |entry: usize| self.index.step_of[entry];
        let here = self.steps_here();
        let all: Vec<usize> = candidates
            .iter()
            .copied()
            .filter(|&entry| self.index.opens(entry))
            .collect();
        let fits = |entry: &usize| {
            let succeeded = self.index.states.succeeded(*entry);
            possible.is_none_or(|possible| possible == succeeded)
        };
        let mut fitting: Vec<usize> = all.iter().copied().filter(fits).collect();
        let states = &self.index.states;
        prefer(&mut fitting, |&entry| states.is_whole(entry));
        // What a tray does depends on whether it is open.
        if TRAY_COMMANDS.contains(&command) {
            prefer(&mut fitting, |&entry| {
                states.model(states.before(entry)).trays == self.model.trays
            });
        }
        // A client may call its thing what another is called in the recording.
        if self.mode != Mode::Strict {
            prefer(&mut fitting, |&entry| {
                self.entry(entry).arguments == *sent && self.agrees(entry)
            });
        }
        let is_later = |entry: &usize| here.contains(&step(*entry)) && step(*entry) > self.step;
        let next = all.iter().copied().find(is_later);
        // What was recorded next comes next, if it is exactly that.
        let is_exact = next.is_some_and(|next| self.entry(next).arguments == *sent);
        let all = match self.mode == Mode::Strict && is_exact || fitting.is_empty() {
            true => all,
            false => fitting,
        };
        let openers = || all.iter().copied();
        let later =
            || openers().filter(|&entry| here.contains(&step(entry)) && step(entry) > self.step);
        let elsewhere = || openers().filter(|&entry| !here.contains(&step(entry)));
        if self.mode == Mode::Strict {
            return later()
                .next()
                .or_else(|| elsewhere().find(|&entry| self.was_now(entry)));
        }
        let earlier =
            || openers().filter(|&entry| here.contains(&step(entry)) && step(entry) <= self.step);
        let agreeing = later()
            .find(|&entry| self.agrees(entry))
            .or_else(|| earlier().rfind(|&entry| self.agrees(entry)))
            .or_else(|| elsewhere().find(|&entry| self.was_now(entry)))
            .or_else(|| elsewhere().find(|&entry| self.agrees(entry)));
        if self.mode == Mode::FreeReads {
            return agreeing;
        }
        // Looking around, a client may want to go back to where it was.
        agreeing
            .or_else(|| later().next())
            .or_else(|| earlier().next_back())
            .or_else(|| elsewhere().next())
    }

    fn find_look(&self, candidates: &[usize], arguments: &Object) -> Option<Found> {
        let within = |step: usize| self.choose(candidates, step, arguments);
        if let Some(entry) = within(self.step) {
            return Some(stay(entry));
        }
        let here = self.steps_here();
        let state = self.index.steps[self.step].state;
        let same_state = |step: &usize| self.index.steps[*step].state == state;
        if let Some(entry) = here.clone().filter(same_state).find_map(within) {
            return Some(stay(entry));
        }
        // What changed the state here was not a request: the client cannot ask for it, so it has
        // happened.
        let outside =
            (self.step + 1..here.end).take_while(|&step| self.index.steps[step].opener.is_none());
        if let Some(entry) = outside.filter_map(within).next() {
            return Some(enter(entry));
        }
        let steps = candidates
            .iter()
            .map(|&entry| (entry, self.index.step_of[entry]));
        let elsewhere = || steps.clone().filter(|(_, step)| !here.contains(step));
        let started_so = |&(entry, step): &(usize, usize)| {
            let part = self.index.steps[step].part;
            let first = self.index.steps.partition_point(|step| step.part < part);
            self.was_now(entry) && self.index.steps[step].state == self.index.steps[first].state
        };
        let of_another = || elsewhere().find(started_so);
        if self.mode == Mode::Strict || self.present_only {
            return of_another().and_then(|(_, step)| within(step)).map(stay);
        }
        let nearest = |condition: &dyn Fn(usize) -> bool| {
            let own = steps
                .clone()
                .filter(|(entry, step)| here.contains(step) && condition(*entry));
            let (mut before, mut after): (Vec<_>, Vec<_>) = own
                .map(|(_, step)| step)
                .partition(|&step| step < self.step);
            before.reverse();
            before.append(&mut after);
            before.into_iter().find_map(within)
        };
        nearest(&|entry| self.was_now(entry))
            .or_else(|| of_another().and_then(|(_, step)| within(step)))
            .or_else(|| {
                elsewhere()
                    .find(|(entry, _)| self.was_now(*entry))
                    .and_then(|(_, step)| within(step))
            })
            .or_else(|| nearest(&|entry| self.was_like_now(entry)))
            .or_else(|| nearest(&|_| true))
            .or_else(|| elsewhere().next().and_then(|(_, step)| within(step)))
            .map(stay)
    }

    /// The entry to answer with in this step: the same arguments before the same roles, in the
    /// recorded sequence, and the last one for ever.
    fn choose(&self, candidates: &[usize], step: usize, arguments: &Object) -> Option<usize> {
        let range = &self.index.steps[step].entries;
        let start = candidates.partition_point(|&entry| entry < range.start);
        let end = candidates.partition_point(|&entry| entry < range.end);
        let here = &candidates[start..end];
        let exact = || {
            here.iter()
                .copied()
                .filter(|&entry| self.entry(entry).arguments == *arguments)
        };
        let all: Vec<usize> = match exact().next() {
            Some(_) => exact().collect(),
            None => here.to_vec(),
        };
        // What was answered before an event that has been sent is no longer true. A strict replay
        // keeps to the sequence: there, the event may only be early.
        let events = &self.index.steps[step].events;
        let follows = self.mode != Mode::Strict && step == self.step;
        let sent = match follows && self.next_event > events.start {
            true => self.topic().events[self.next_event - 1].line,
            false => 0,
        };
        let reply = |entry: &usize| self.entry(*entry).reply.as_ref().map_or(0, |it| it.line);
        let fresh = |entry: &&usize| !self.served[**entry];
        let first = all.iter().filter(fresh).find(|entry| reply(entry) > sent);
        let first = first.or_else(|| all.iter().find(fresh));
        let last = || all.last();
        first.or_else(last).copied()
    }
}
