// SPDX-License-Identifier: GPL-2.0-or-later
//! Events, apart from replies: a bounded queue that never holds up the connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

/// Events kept for a listener that does not listen.
const COUNT: usize = 256;
/// Bytes of JSON kept for it; one event may be longer.
const BYTES: usize = 16 << 20;

/// What QEMU reported on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The name, such as `STOP`.
    pub name: String,
    /// The data, null where the event has none.
    pub data: Value,
    /// Wall-clock time on QEMU's host, seconds since 1970; -1 where that clock failed.
    pub seconds: i64,
    /// The microseconds of that time.
    pub microseconds: i64,
}

impl Event {
    /// Reads a message that has an `event` member.
    pub(super) fn read(mut message: Value) -> Option<Self> {
        let time = |unit| {
            let stamp = message.get("timestamp").and_then(|t| t.get(unit));
            stamp.and_then(Value::as_i64).unwrap_or(-1)
        };
        Some(Self {
            name: message.get("event")?.as_str()?.to_owned(),
            seconds: time("seconds"),
            microseconds: time("microseconds"),
            data: message.get_mut("data").map(Value::take).unwrap_or_default(),
        })
    }
}

/// The events of one connection, oldest first. Of those that nobody fetches only the newest are
/// kept.
#[derive(Debug)]
pub struct Events(Arc<Queue>);

impl Events {
    /// The next event; none after the connection's end.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            let news = self.0.news.notified();
            {
                let mut state = self.0.lock();
                if let Some((event, size)) = state.events.pop_front() {
                    state.bytes -= size;
                    return Some(event);
                }
                if state.closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        let mut state = self.0.lock();
        let (event, size) = state.events.pop_front()?;
        state.bytes -= size;
        Some(event)
    }

    /// How many events were dropped because nobody fetched them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    dropped: u64,
    seen: u64,
    closed: bool,
}

impl Queue {
    pub(super) fn new() -> (Arc<Self>, Events) {
        let queue = Arc::new(Self::default());
        (Arc::clone(&queue), Events(queue))
    }

    /// How many events came.
    pub(super) fn seen(&self) -> u64 {
        self.lock().seen
    }

    /// Adds an event whose message was `size` bytes long.
    pub(super) fn push(&self, event: Event, size: usize) {
        let mut state = self.lock();
        state.events.push_back((event, size));
        state.bytes += size;
        state.seen += 1;
        while state.events.len() > COUNT || (state.bytes > BYTES && state.events.len() > 1) {
            if let Some((_, size)) = state.events.pop_front() {
                state.bytes -= size;
                state.dropped += 1;
            }
        }
        drop(state);
        self.news.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str) -> Event {
        Event::read(json!({"event": name})).unwrap()
    }

    #[test]
    fn members_are_read() {
        let message = json!({
            "timestamp": {"seconds": 7, "microseconds": 8}, "event": "RESET", "data": {"guest": false}
        });
        let read = Event::read(message).unwrap();
        assert_eq!((read.seconds, read.microseconds), (7, 8));
        assert_eq!(read.data, json!({"guest": false}));
        assert_eq!(Event::read(json!({"event": 3})), None);
    }

    #[tokio::test]
    async fn the_oldest_are_dropped() {
        let (queue, mut events) = Queue::new();
        for number in 0..COUNT + 2 {
            queue.push(event(&format!("E{number}")), 50);
        }
        queue.close();
        assert_eq!(events.dropped(), 2);
        assert_eq!(events.recv().await.unwrap().name, "E2");
        let rest = std::iter::from_fn(|| events.try_recv()).count();
        assert_eq!(rest, COUNT - 1);
        assert_eq!(events.recv().await, None);
    }

    #[test]
    fn long_events_do_not_pile_up() {
        let (queue, mut events) = Queue::new();
        for name in ["A", "B", "C"] {
            queue.push(event(name), BYTES);
        }
        assert_eq!(events.try_recv().unwrap().name, "C");
        assert_eq!(events.dropped(), 2);
        queue.push(event("D"), 1);
        assert_eq!(events.try_recv().unwrap().name, "D");
    }
}
