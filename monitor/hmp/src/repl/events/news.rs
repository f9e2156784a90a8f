// SPDX-License-Identifier: GPL-2.0-or-later
//! The events of a connection at its prompt: a line for each that is shown, and the last ones of
//! all.

use std::collections::VecDeque;
use std::time::Duration;

use hmp_engine::command::jobs;
use hmp_engine::host::Host;
use hmp_engine::qmp::Qmp;
use serde_json::Value;
use tokio::time::timeout;

use crate::client::{Client, Event};
use crate::host::Unattended;
use crate::repl::events::filter::Filter;
use crate::repl::events::line::told;

/// Events that `info events` shows.
const KEPT: usize = 100;

/// How long QEMU may take to say in which state it is; without it the line says less.
pub(in crate::repl) const PATIENCE: Duration = Duration::from_millis(200);

/// What became known by events.
#[derive(Debug, Default)]
pub(in crate::repl) struct News {
    pub(in crate::repl) filter: Filter,
    last: VecDeque<String>,
    /// Events that were lost before anybody saw them.
    lost: u64,
}

impl News {
    /// Keeps an event. Its line, without a line end, where it is shown.
    pub(in crate::repl) fn take(&mut self, event: &Event, status: Option<&str>) -> Option<String> {
        let line = format!("{} {}", time(event), told(event, status));
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        let shown = match passes(event) {
            true => self.filter.asks_for(&event.name),
            false => self.filter.lets(&event.name),
        };
        (shown && !is_ours(event)).then_some(line)
    }

    /// Some events were dropped, `count` of this connection in all; a line where it is news.
    pub(in crate::repl) fn dropped(&mut self, count: u64) -> Option<String> {
        let more = count.saturating_sub(self.lost);
        self.lost = count;
        (more > 0 && !self.filter.is_none()).then(|| format!("{more} events were lost"))
    }

    /// Another connection counts anew.
    pub(in crate::repl) fn renew(&mut self) {
        self.lost = 0;
    }

    /// The last events, oldest first, those that are not shown included.
    pub(in crate::repl) fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}

/// What the VM's run state is, for an event that tells of a change without saying why.
pub(in crate::repl) async fn status(client: &Client, event: &Event) -> Option<String> {
    if event.name != "STOP" {
        return None;
    }
    let state = run_state(client, PATIENCE).await;
    // The VM may go on again already.
    state.filter(|state| state != "running")
}

/// The VM's run state; none where QEMU does not say it in time.
pub(in crate::repl) async fn run_state(client: &Client, patience: Duration) -> Option<String> {
    let reply = timeout(patience, client.execute("query-status", Value::Null)).await;
    let reply = reply.ok()?.ok()?;
    Some(reply.get("status")?.as_str()?.to_owned())
}

/// A text behind the time of day.
pub(in crate::repl) fn stamped(text: &str) -> String {
    let (seconds, offset) = Unattended.local_time(None);
    format!("{} {text}", of_day(seconds + i64::from(offset)))
}

/// States of a job that nobody has to act on (`JobStatus` of qapi/job.json, 7.2 to 11.1): a backup
/// that goes well has seven of them.
const PASSING: &[&str] = &[
    "created", "running", "standby", "waiting", "pending", "null",
];

/// Whether an event says of a job only that it goes its way.
fn passes(event: &Event) -> bool {
    let status = event.data.get("status").and_then(Value::as_str);
    event.name == "JOB_STATUS_CHANGE" && status.is_some_and(|status| PASSING.contains(&status))
}

/// Whether an event is about a job that a command of ours began and clears away itself.
fn is_ours(event: &Event) -> bool {
    let id = ["id", "device"].map(|name| event.data.get(name).and_then(Value::as_str));
    let job = event.name.starts_with("JOB_") || event.name.starts_with("BLOCK_JOB_");
    job && id.iter().flatten().any(|id| id.starts_with(jobs::PREFIX))
}

/// The time of day, on this machine's clock.
fn time(event: &Event) -> String {
    let (seconds, offset) = Unattended.local_time(Some(event.seconds));
    of_day(seconds + i64::from(offset))
}

fn of_day(seconds: i64) -> String {
    let day = seconds.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, data: Value) -> Event {
        Event {
            name: name.into(),
            data,
            seconds: 3600,
            microseconds: 0,
        }
    }

    #[test]
    fn the_last_hundred_are_kept() {
        let mut news = News::default();
        for number in 0..KEPT + 5 {
            let data = json!({"status": number.to_string()});
            assert!(news.take(&event("MIGRATION", data), None).is_some());
        }
        assert_eq!(news.last().count(), KEPT);
        assert!(news.last().next().unwrap().ends_with("MIGRATION: 5"));
        assert_eq!(
            news.take(&event("RTC_CHANGE", json!({"offset": 1})), None),
            None
        );
        assert!(
            news.last()
                .last()
                .unwrap()
                .ends_with("RTC_CHANGE: offset=1")
        );
    }

    #[test]
    fn our_own_jobs_are_not_news() {
        let mut news = News::default();
        let data = json!({"id": "hmp-savevm-1.2.3", "status": "running"});
        assert_eq!(news.take(&event("JOB_STATUS_CHANGE", data), None), None);
        let data = json!({"id": "hmp", "status": "ready"});
        assert!(news.take(&event("JOB_STATUS_CHANGE", data), None).is_some());
    }

    #[test]
    fn a_job_that_goes_its_way_is_not_news() {
        let change = |status| event("JOB_STATUS_CHANGE", json!({"id": "j", "status": status}));
        let mut news = News::default();
        let shown = |news: &mut News| {
            let all = ["created", "running", "aborting", "null", "concluded"];
            all.map(|status| news.take(&change(status), None).is_some())
        };
        assert_eq!(shown(&mut news), [false, false, true, false, true]);
        assert_eq!(news.last().count(), 5);
        news.filter = Filter::of(&["JOB_*"]);
        assert_eq!(shown(&mut news), [true; 5]);
    }

    #[test]
    fn what_was_lost_is_said_once() {
        let mut news = News::default();
        assert_eq!(news.dropped(0), None);
        assert_eq!(news.dropped(3).as_deref(), Some("3 events were lost"));
        assert_eq!(news.dropped(3), None);
        news.renew();
        assert_eq!(news.dropped(2).as_deref(), Some("2 events were lost"));
    }
}
