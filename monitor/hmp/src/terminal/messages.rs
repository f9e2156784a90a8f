// SPDX-License-Identifier: GPL-2.0-or-later
//! What is to be shown above the line that a user types: few lines at a time, and never a wait for
//! whoever has something to show.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Messages that wait; of more, the oldest are dropped, and how many is said.
const KEPT: usize = 256;

/// Messages that wait to be shown.
#[derive(Debug, Default)]
pub struct Messages {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    texts: VecDeque<String>,
    dropped: usize,
    /// Whether somebody was told since the last were taken.
    told: bool,
    closed: bool,
}

impl Messages {
    /// Adds a text, with its line ends.
    pub fn add(&self, text: String) {
        let mut queue = self.lock();
        if queue.texts.len() == KEPT {
            queue.texts.pop_front();
            queue.dropped += 1;
        }
        queue.texts.push_back(text);
        self.changed.notify_all();
    }

    /// All that wait, as one text.
    pub fn take(&self) -> Option<String> {
        let mut queue = self.lock();
        queue.told = false;
        let dropped = std::mem::take(&mut queue.dropped);
        let mut text = match dropped {
            0 => String::new(),
            _ => format!("hmp: {dropped} earlier messages were left out\n"),
        };
        text.extend(queue.texts.drain(..));
        (!text.is_empty()).then_some(text)
    }

    /// Waits until there are some that nobody was told of; false when no more come.
    pub fn wait(&self) -> bool {
        let mut queue = self.lock();
        loop {
            if !queue.texts.is_empty() && !queue.told {
                queue.told = true;
                return true;
            }
            if queue.closed {
                return false;
            }
            let woken = self.changed.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No more come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let messages = Messages::default();
        assert_eq!(messages.take(), None);
        for number in 0..KEPT + 2 {
            messages.add(format!("{number}\n"));
        }
        let text = messages.take().unwrap();
        assert!(
            text.starts_with("hmp: 2 earlier messages were left out\n2\n3\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), KEPT + 1);
    }

    #[test]
    fn of_what_waits_somebody_is_told_once() {
        let messages = Messages::default();
        messages.add("a\n".into());
        assert!(messages.wait());
        messages.add("b\n".into());
        assert_eq!(messages.take().as_deref(), Some("a\nb\n"));
        messages.add("c\n".into());
        assert!(messages.wait());
        messages.close();
        assert!(!messages.wait());
        assert_eq!(messages.take().as_deref(), Some("c\n"));
    }
}
