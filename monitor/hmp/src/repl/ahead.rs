// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that are known already and only look, asked ahead of their turn: QEMU works at the next
//! one while this side reads an answer.
//!
//! Answers come out in the order of the lines. One that was asked for before an event came, or that
//! is not a plain success, does not count: the line is carried out when its turn comes.

use std::collections::{HashSet, VecDeque};

use hmp_engine::engine::Answer;
use tokio::task::JoinHandle;

use crate::repl::options::Form;
use crate::repl::worker::Worker;

/// Lines that are asked ahead at a time.
const AT_ONCE: usize = 6;

/// When this few are left, more are asked: several go out in one write.
const FEW: usize = 3;

/// Lines asked ahead of their turn.
#[derive(Default)]
pub(super) struct Ahead {
    asked: VecDeque<Asked>,
    /// The commands of lines that had to be carried out in their turn after all.
    in_vain: HashSet<String>,
}

struct Asked {
    line: String,
    /// The events that had come by then.
    events: u64,
    work: JoinHandle<Option<Answer>>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Ahead {
    /// The turn of `line`: its answer, where it was asked ahead and the answer counts. `coming` are
    /// the lines behind it, by their place, as far as they are known; those that only look are
    /// asked, if `line` does so too.
    pub(super) async fn turn(
        &mut self,
        worker: &Worker,
        line: &str,
        coming: impl Fn(usize) -> Option<String>,
    ) -> Option<Answer> {
        let asked = self.asked.pop_front().filter(|asked| asked.line == line);
        let is_asked = asked.is_some();
        if worker.form == Form::Plan || !(is_asked || self.may_ask(worker, line)) {
            self.asked.clear();
            return None;
        }
        let asked = asked.filter(|asked| {
            let counts = asked.events == worker.client.events_seen();
            if !counts {
                self.asked.clear();
            }
            counts
        });
        if self.asked.len() < FEW {
            self.ask(worker, coming);
        }
        let mut asked = asked?;
        let answer = (&mut asked.work).await.ok().flatten();
        if answer.is_none() {
            self.in_vain.extend(worker.monitor.only_looks(line));
            // What comes behind it comes behind what it finds in its turn.
            self.asked.clear();
        }
        answer
    }

    fn may_ask(&self, worker: &Worker, line: &str) -> bool {
        let command = worker.monitor.only_looks(line);
        command.is_some_and(|command| !self.in_vain.contains(&command))
    }

    /// Asks lines ahead, up to the first that does more than look.
    fn ask(&mut self, worker: &Worker, coming: impl Fn(usize) -> Option<String>) {
        while self.asked.len() < AT_ONCE {
            let Some(line) = coming(self.asked.len()).filter(|line| self.may_ask(worker, line))
            else {
                break;
            };
            let work = tokio::spawn(worker.monitor.ahead(&line));
            self.asked.push_back(Asked {
                line,
                events: worker.client.events_seen(),
                work,
            });
        }
    }
}
