// SPDX-License-Identifier: GPL-2.0-or-later
//! What the line editor asks of us while a line is typed: candidates, and stars for a password.

use std::borrow::Cow;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::candidates::Offer;
use super::question::Questions;
use crate::terminal::escape::{is_harmless, marked};
use crate::terminal::messages::Messages;

pub(super) struct Assistant {
    pub(super) questions: Questions,
    /// Lists of candidates are shown above the line, by the same way as messages.
    pub(super) messages: Arc<Messages>,
    pub(super) masked: bool,
    /// Whether a line is typed, not an answer.
    pub(super) completes: bool,
}

impl Helper for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}
impl Validator for Assistant {}

impl Highlighter for Assistant {
    /// As the built-in shows passwords: a star for each character. No line steers the terminal,
    /// whoever it comes from: a paste, the history.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.masked {
            Cow::Owned("*".repeat(line.chars().count()))
        } else {
            marked(line)
        }
    }

    /// The prompt of a search holds what is searched for.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        marked(prompt)
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.masked || !is_harmless(line)
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    /// At most one candidate, so that the editor lists none: it has a pager that takes keys away.
    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if !self.completes {
            return Ok((pos, Vec::new()));
        }
        let found = self.questions.candidates(line, pos);
        let start = found.start;
        let typed = line.get(start..pos).unwrap_or_default();
        let Offer { replacement, list } = Offer::new(found, typed, self.questions.width());
        if !list.is_empty() {
            self.messages.add(list);
        }
        let pair = replacement.map(|replacement| Pair {
            display: replacement.clone(),
            replacement,
        });
        Ok((start, pair.into_iter().collect()))
    }
}
