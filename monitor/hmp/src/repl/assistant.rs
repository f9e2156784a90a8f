// SPDX-License-Identifier: GPL-2.0-or-later
//! What the line editor asks of us while a line is typed: candidates, and stars for a password.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::SearchDirection;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::candidates::Offer;
use super::question::Questions;
use super::vocabulary::{Known, Vocabulary, left};
use crate::terminal::escape::{is_harmless, marked};
use crate::terminal::messages::Messages;
use crate::terminal::paste::LONG;
use crate::terminal::style::{Style, Tint};

/// Keys that come faster are pasted, or a program's: nothing is shown that is not typed.
const BURST: Duration = Duration::from_millis(20);

/// Lines of fewer bytes are painted for each key that changes them, so that a key that painted nothing
/// is not taken for one that did (rustyline 19, `State::highlight_char`).
const PAINTED: usize = 512;

/// Up by the row that a message without a text went down.
const UP: &str = "\x1b[A";

pub(super) struct Assistant {
    pub(super) questions: Questions,
    /// What is shown above the line, lists of candidates too.
    pub(super) messages: Arc<Messages>,
    pub(super) masked: bool,
    /// What is shown in place of the prompt, as long as it.
    pub(super) prompt: Arc<Mutex<Option<String>>>,
    /// Whether a line is typed, not an answer.
    pub(super) completes: bool,
    pub(super) vocabulary: Vocabulary,
    pub(super) style: Style,
    /// Whether a part of the line was red when it was looked at last.
    pub(super) red: Cell<bool>,
    /// Whether the editor asked about the line since it painted it: it does for a key, not for a message.
    pub(super) asked: Cell<bool>,
    /// The line that was looked at last, and when.
    pub(super) last: RefCell<Option<(Seen, Instant)>>,
}

/// A line, and what stood behind it.
pub(super) struct Seen {
    line: String,
    ghost: Option<Ghost>,
}

/// What stands behind the line and is not typed.
#[derive(Clone)]
pub(super) struct Ghost {
    text: String,
    /// Whether it is put in where the user goes right.
    typed: bool,
}

impl Hint for Ghost {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.typed.then_some(self.text.as_str())
    }
}

impl Helper for Assistant {}
impl Hinter for Assistant {
    type Hint = Ghost;

    /// Behind the end of the line: the rest of the last line that began so, or the arguments that
    /// are left to type.
    fn hint(&self, line: &str, pos: usize, ctx: &Context<'_>) -> Option<Ghost> {
        self.asked.set(true);
        let now = Instant::now();
        let mut last = self.last.borrow_mut();
        // The editor asks more than once for a key.
        let by_hand = match &*last {
            Some((known, _)) if known.line == line => return known.ghost.clone(),
            Some((known, at)) => {
                now.duration_since(*at) > BURST && line.len() < known.line.len() + LONG
            }
            None => line.len() < LONG,
        };
        let ghost = match by_hand {
            true => self.ghost(line, pos, ctx),
            false => None,
        };
        let seen = Seen {
            line: line.to_owned(),
            ghost: ghost.clone(),
        };
        *last = Some((seen, now));
        ghost
    }
}

impl Assistant {
    /// What stands behind a line that a hand types.
    fn ghost(&self, line: &str, pos: usize, ctx: &Context<'_>) -> Option<Ghost> {
        if !self.completes || !self.style.is_on() {
            return None;
        }
        if pos < line.len() || line.trim().len() < 2 {
            return None;
        }
        let history = ctx.history();
        let earlier = (0..history.len()).rev().find_map(|index| {
            let found = history.get(index, SearchDirection::Reverse).ok()??;
            let rest = found.entry.strip_prefix(line)?;
            (!rest.is_empty() && is_harmless(rest)).then(|| rest.to_owned())
        });
        if let Some(rest) = earlier {
            return Some(Ghost {
                text: rest,
                typed: true,
            });
        }
        let Known::Command(end, params) = self.vocabulary.look(line) else {
            return None;
        };
        let typed = &line[end..];
        if !typed.ends_with(' ') {
            return None;
        }
        let text = left(params, typed);
        (!text.is_empty()).then_some(Ghost { text, typed: false })
    }
}
impl Validator for Assistant {}

impl Highlighter for Assistant {
    /// As the built-in shows passwords: a star for each character. No line steers the terminal,
    /// whoever it comes from: a paste, the history.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.masked {
            return Cow::Owned("*".repeat(line.chars().count()));
        }
        match self.wrong(line) {
            Some((start, end)) => {
                let parts = [&line[..start], &line[start..end], &line[end..]].map(marked);
                let red = self.style.paint(Tint::Red, &parts[1]);
                Cow::Owned(format!("{}{red}{}", parts[0], parts[2]))
            }
            None => marked(line),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.style.paint(Tint::Dim, hint)
    }

    /// Above the prompt, what waits to be shown: the editor counts rows from where the prompt ends. The
    /// prompt of a search holds what is searched for.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        is_default: bool,
    ) -> Cow<'b, str> {
        let for_a_message = !self.asked.replace(false);
        if !is_default {
            return marked(prompt);
        }
        let other = self.prompt.lock().unwrap_or_else(PoisonError::into_inner);
        let prompt = match &*other {
            Some(other) => Cow::Owned(other.clone()),
            None => marked(prompt),
        };
        let text = self.messages.take();
        if text.is_none() && !for_a_message {
            return prompt;
        }
        let up = if for_a_message { UP } else { "" };
        Cow::Owned(format!("{up}{}{prompt}", text.unwrap_or_default()))
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.asked.set(true);
        let wrong = self.wrong(line).is_some();
        // What was red is shown anew once more.
        let was = self.red.replace(wrong);
        self.masked || !is_harmless(line) || wrong || was || line.len() < PAINTED
    }
}

impl Assistant {
    /// The word that names no command, where that can be shown.
    fn wrong(&self, line: &str) -> Option<(usize, usize)> {
        if !self.completes || !self.style.is_on() {
            return None;
        }
        match self.vocabulary.look(line) {
            Known::Wrong(start, end) => Some((start, end)),
            Known::Command(..) | Known::Beginning => None,
        }
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
        let Offer { replacement, list } = Offer::new(found, typed, self.questions.size());
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
