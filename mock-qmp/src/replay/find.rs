// SPDX-License-Identifier: GPL-2.0-or-later
//! Which recorded request answers a request.

use super::key::role_key;
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

impl Replay {
    pub(super) fn find(&self, command: &str, arguments: &Object) -> Option<Found> {
        let candidates = self.index.candidates(&role_key(command, arguments));
        let last = self.index.steps.len() - 1;
        if changes_state(command, arguments) {
            let openers = || {
                candidates
                    .iter()
                    .copied()
                    .filter(|&entry| self.index.opens(entry))
            };
            let later = openers().find(|&entry| self.index.step_of[entry] > self.step);
            // Looking around, a client may want to go back to where it was.
            let back = || openers().rfind(|_| self.mode == Mode::Lenient);
            return later.or_else(back).map(enter);
        }
        let within = |step: usize| self.choose(candidates, step, arguments);
        if let Some(entry) = within(self.step) {
            return Some(stay(entry));
        }
        let state = self.index.steps[self.step].state;
        let same_state = |step: &usize| self.index.steps[*step].state == state;
        if let Some(entry) = (0..=last).filter(same_state).find_map(within) {
            return Some(stay(entry));
        }
        // What changed the state here was not a request: the client cannot ask for it, so it has
        // happened.
        let outside =
            (self.step + 1..=last).take_while(|&step| self.index.steps[step].opener.is_none());
        if let Some(entry) = outside.filter_map(within).next() {
            return Some(enter(entry));
        }
        if self.mode == Mode::Strict {
            return None;
        }
        let earlier = (0..self.step).rev().find_map(within);
        earlier
            .or_else(|| (self.step + 1..=last).find_map(within))
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
        let fresh = |entry: &usize| !self.served[*entry];
        if exact().next().is_some() {
            return exact().find(fresh).or_else(|| exact().next_back());
        }
        here.iter().copied().find(fresh).or(here.last().copied())
    }
}
