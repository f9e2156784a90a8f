// SPDX-License-Identifier: GPL-2.0-or-later
//! A topic file in memory: requests with their answers, and events in their places.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::Content;
use super::error::RecordingError;
use super::line::{FORMAT, LineText, ReplyText};
use super::nodes::FirstNodes;
use crate::json::{Object, Value};
use crate::schema::changes_state;

/// The topic that is meant when only a folder is named.
pub const MAIN_TOPIC: &str = "main";

/// One topic of a recording.
#[derive(Debug, Clone)]
pub struct Topic {
    pub(crate) path: PathBuf,
    text: Arc<str>,
    pub(crate) greeting: Option<Range<usize>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) events: Vec<EventLine>,
    /// Number, line and time of each marker.
    pub(crate) moments: Vec<(u32, usize, u64)>,
    /// Where QEMU closed the connection.
    pub(crate) closed: Option<usize>,
    /// The sessions that it was joined from, in order; the first has all before the second.
    pub(crate) parts: Vec<Part>,
}

/// One of the sessions that make up a joined topic.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    /// What is added to a line of its file, and to a moment of it.
    pub(crate) lines: usize,
    pub(crate) moments: u32,
    pub(crate) entries: Range<usize>,
    /// Whether QEMU closed the connection at its end.
    pub(crate) closed: bool,
}

/// A request and what came of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The request's line in the file, from 1.
    pub line: usize,
    /// How many state changes there were before it, itself included if it is one.
    pub moment: u32,
    /// When it was sent, in milliseconds from the start.
    pub at: u64,
    /// The command's name.
    pub command: String,
    /// Its arguments; empty when there were none.
    pub arguments: Object,
    /// Whether it was sent out of band.
    pub oob: bool,
    /// The answer, unless the connection ended before.
    pub reply: Option<Reply>,
    /// What QEMU wrote into files and descriptors that the request names.
    pub wrote: Vec<Wrote>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its line in the file, from 1.
    pub line: usize,
    /// When it came, in milliseconds from the start.
    pub at: u64,
    pub(crate) body: ReplyBody,
}

#[derive(Debug, Clone)]
pub(crate) enum ReplyBody {
    /// The value of `return`, in the file's text.
    Success(Range<usize>),
    /// The value of `error`, in the file's text.
    Error(Range<usize>),
    /// The recording's schema.
    Schema,
}

/// Content that QEMU wrote while it carried out a request.
#[derive(Debug, Clone)]
pub struct Wrote {
    /// The name in the request that it wrote to.
    pub to: String,
    /// What it wrote.
    pub data: Content,
}

/// An event.
#[derive(Debug, Clone)]
pub struct EventLine {
    /// Its line in the file, from 1.
    pub line: usize,
    /// How many state changes there were before it.
    pub moment: u32,
    /// When it came, in milliseconds from the start.
    pub at: u64,
    pub(crate) range: Range<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestText {
    execute: Option<String>,
    #[serde(rename = "exec-oob")]
    exec_oob: Option<String>,
    #[serde(default)]
    arguments: serde_json::Map<String, serde_json::Value>,
}

/// What is known while the lines are read.
struct Reader {
    topic: Topic,
    moment: u32,
    waiting: VecDeque<usize>,
    waiting_oob: VecDeque<usize>,
}

impl Topic {
    /// Reads the text of a topic file; `path` is for messages.
    pub fn parse(path: &Path, text: impl Into<Arc<str>>) -> Result<Self, RecordingError> {
        let text = text.into();
        let topic = Self {
            path: path.to_owned(),
            text: text.clone(),
            greeting: None,
            entries: Vec::new(),
            events: Vec::new(),
            moments: Vec::new(),
            closed: None,
            parts: Vec::new(),
        };
        let mut reader = Reader {
            topic,
            moment: 0,
            waiting: VecDeque::new(),
            waiting_oob: VecDeque::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let number = index + 1;
            let problem = |problem: String| RecordingError::line(path, number, problem);
            let parsed: LineText =
                serde_json::from_str(line).map_err(|error| problem(error.to_string()))?;
            if let Some(format) = parsed.format {
                if format > FORMAT {
                    return Err(RecordingError::TooNew {
                        path: path.to_owned(),
                        found: format,
                    });
                }
            } else if reader.topic.is_empty() && index == 0 {
                return Err(problem(
                    "the first line is not a header with a format".to_owned(),
                ));
            }
            reader.line(number, parsed).map_err(problem)?;
        }
        let mut topic = reader.topic;
        topic.parts.push(Part {
            path: topic.path.clone(),
            lines: 0,
            moments: 0,
            entries: 0..topic.entries.len(),
            closed: topic.closed.is_some(),
        });
        Ok(topic)
    }

    /// One topic of several, each after the one before. Lines and moments of all but the first
    /// count on; [`Topic::place`] says where a line is.
    pub(crate) fn join(topics: Vec<Self>) -> Option<Self> {
        let mut topics = topics.into_iter();
        let mut joined = topics.next()?;
        let mut text = joined.text.to_string();
        let mut lines = text.lines().count();
        let first = joined.first_nodes();
        for topic in topics {
            let topic = topic.with_nodes_of(&first);
            let bytes = text.len();
            let moments = joined.moments.last().map_or(0, |(number, ..)| *number) + 1;
            let entries = joined.entries.len();
            text.push_str(&topic.text);
            let range = |range: &Range<usize>| range.start + bytes..range.end + bytes;
            joined.moments.push((moments, lines, 0));
            let markers = topic.moments.iter();
            joined
                .moments
                .extend(markers.map(|&(number, line, at)| (number + moments, line + lines, at)));
            for mut entry in topic.entries {
                entry.line += lines;
                entry.moment += moments;
                if let Some(reply) = &mut entry.reply {
                    reply.line += lines;
                    match &mut reply.body {
                        ReplyBody::Success(text) | ReplyBody::Error(text) => *text = range(text),
                        ReplyBody::Schema => {}
                    }
                }
                joined.entries.push(entry);
            }
            for mut event in topic.events {
                event.line += lines;
                event.moment += moments;
                event.range = range(&event.range);
                joined.events.push(event);
            }
            joined.parts.push(Part {
                path: topic.path,
                lines,
                moments,
                entries: entries..joined.entries.len(),
                closed: topic.closed.is_some(),
            });
            lines += topic.text.lines().count();
        }
        joined.text = text.into();
        Some(joined)
    }

    /// The same machine's first nodes are called as in another session.
    fn with_nodes_of(mut self, first: &FirstNodes) -> Self {
        if let Some(names) = self.first_nodes().as_in(first) {
            self.text = names.in_text(&self.text).into();
            for entry in &mut self.entries {
                let values = entry.arguments.values_mut();
                values.for_each(|value| names.put_in(value));
            }
        }
        self
    }

    /// The names that QEMU made up for nodes before anything changed.
    pub(crate) fn first_nodes(&self) -> FirstNodes {
        let looks = |entry: &&Entry| !changes_state(&entry.command, &entry.arguments);
        let entries = self.entries.iter().take_while(looks);
        FirstNodes::of(entries.filter_map(|entry| self.returned(entry)))
    }

    /// The session that a line belongs to.
    pub(crate) fn part_of_line(&self, line: usize) -> usize {
        self.parts.partition_point(|part| part.lines < line).max(1) - 1
    }

    /// Where a line is, as `FILE:LINE`.
    pub(crate) fn place(&self, line: usize) -> String {
        let part = &self.parts[self.part_of_line(line)];
        format!("{}:{}", part.path.display(), line - part.lines)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.events.is_empty()
    }

    /// The file that it was read from, or the name it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The requests, in the order in which they were sent.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The events, in the order in which they came.
    #[must_use]
    pub fn events(&self) -> &[EventLine] {
        &self.events
    }

    /// JSON text of the greeting's `QMP` member.
    #[must_use]
    pub fn greeting(&self) -> Option<&str> {
        self.greeting.clone().map(|range| &self.text[range])
    }

    /// JSON text of an event.
    #[must_use]
    pub fn event_text(&self, event: &EventLine) -> &str {
        &self.text[event.range.clone()]
    }

    /// JSON text of what an entry returned, if it succeeded and is not a schema.
    #[must_use]
    pub fn returned(&self, entry: &Entry) -> Option<&str> {
        match &entry.reply.as_ref()?.body {
            ReplyBody::Success(range) => Some(&self.text[range.clone()]),
            _ => None,
        }
    }

    /// JSON text of an entry's error, if it failed.
    #[must_use]
    pub fn error(&self, entry: &Entry) -> Option<&str> {
        match &entry.reply.as_ref()?.body {
            ReplyBody::Error(range) => Some(&self.text[range.clone()]),
            _ => None,
        }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn slice(&self, range: &Range<usize>) -> &str {
        &self.text[range.clone()]
    }
}

impl Reader {
    fn line(&mut self, number: usize, line: LineText) -> Result<(), String> {
        let at = line.at.unwrap_or(0);
        let kinds = [
            line.format.is_some(),
            line.greeting.is_some(),
            line.request.is_some(),
            line.reply.is_some(),
            line.event.is_some(),
            line.moment.is_some(),
            line.wrote.is_some(),
            line.note.is_some(),
            line.closed.is_some(),
        ];
        if kinds.iter().filter(|&&present| present).count() != 1 {
            return Err("a line says exactly one thing".to_owned());
        }
        if line.topic.is_some() && line.format.is_none() {
            return Err("`topic` belongs into the header".to_owned());
        }
        if line.oob.is_some() && line.reply.is_none() {
            return Err("`oob` belongs to a reply".to_owned());
        }
        if let Some(greeting) = line.greeting {
            self.topic.greeting = Some(self.range(greeting));
        } else if let Some(request) = line.request {
            self.request(number, at, request)?;
        } else if let Some(reply) = line.reply {
            self.reply(number, at, reply, line.oob.unwrap_or(false))?;
        } else if let Some(event) = line.event {
            let range = self.range(event);
            self.topic.events.push(EventLine {
                line: number,
                moment: self.moment,
                at,
                range,
            });
        } else if let Some(moment) = line.moment {
            if moment <= self.moment {
                return Err(format!("moment {moment} after moment {}", self.moment));
            }
            self.moment = moment;
            self.topic.moments.push((moment, number, at));
        } else if let Some(wrote) = line.wrote {
            let waiting = self.waiting.front().or(self.waiting_oob.front()).copied();
            let names = |index: &usize| names(&self.topic.entries[*index].arguments, &wrote.to);
            // A job goes on writing after the reply: the request is then the latest that names it.
            let late = || (0..self.topic.entries.len()).rev().find(names);
            let Some(index) = waiting.filter(names).or_else(late).or(waiting) else {
                return Err("no request is waiting that could write".to_owned());
            };
            let data = Content::read(&wrote.data)?;
            let wrotes = &mut self.topic.entries[index].wrote;
            // What is there in the end is what counts.
            wrotes.retain(|earlier| earlier.to != wrote.to);
            wrotes.push(Wrote { to: wrote.to, data });
        } else if line.closed.is_some() {
            self.topic.closed = Some(number);
        }
        Ok(())
    }

    fn request(&mut self, number: usize, at: u64, text: &RawValue) -> Result<(), String> {
        let request: RequestText =
            serde_json::from_str(text.get()).map_err(|error| error.to_string())?;
        let (command, oob) = match (request.execute, request.exec_oob) {
            (Some(command), None) => (command, false),
            (None, Some(command)) => (command, true),
            _ => return Err("a request has either `execute` or `exec-oob`".to_owned()),
        };
        let arguments = request
            .arguments
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect();
        let index = self.topic.entries.len();
        self.topic.entries.push(Entry {
            line: number,
            moment: self.moment,
            at,
            command,
            arguments,
            oob,
            reply: None,
            wrote: Vec::new(),
        });
        if oob {
            self.waiting_oob.push_back(index);
        } else {
            self.waiting.push_back(index);
        }
        Ok(())
    }

    fn reply(&mut self, number: usize, at: u64, text: &RawValue, oob: bool) -> Result<(), String> {
        let reply: ReplyText =
            serde_json::from_str(text.get()).map_err(|error| error.to_string())?;
        let body = match (reply.success, reply.error, reply.schema) {
            (Some(success), None, None) => ReplyBody::Success(self.range(success)),
            (None, Some(error), None) => ReplyBody::Error(self.range(error)),
            (None, None, Some(_)) => ReplyBody::Schema,
            _ => return Err("a reply has one of `return`, `error` and `schema`".to_owned()),
        };
        let waiting = if oob {
            &mut self.waiting_oob
        } else {
            &mut self.waiting
        };
        let Some(index) = waiting.pop_front() else {
            return Err("a reply to nothing".to_owned());
        };
        self.topic.entries[index].reply = Some(Reply {
            line: number,
            at,
            body,
        });
        Ok(())
    }

    /// Where the value, which was read from the topic's text, lies in it.
    fn range(&self, value: &RawValue) -> Range<usize> {
        let start =
            (value.get().as_ptr() as usize).saturating_sub(self.topic.text.as_ptr() as usize);
        start..start + value.get().len()
    }
}

/// Whether an argument names this file or descriptor.
fn names(arguments: &Object, to: &str) -> bool {
    arguments.values().any(|value| value.as_str() == Some(to))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::recording::Part;

    fn parse(text: &str) -> Result<Topic, RecordingError> {
        Topic::parse(Path::new("t.qmp"), text)
    }

    #[test]
    fn answers_find_their_requests() {
        let topic = parse(
            r#"{"format":1,"topic":"t"}
{"greeting":{"version":{},"capabilities":[]},"at":0}
{"request":{"execute":"a"},"at":1}
{"request":{"execute":"b","arguments":{"x":1}},"at":2}
{"request":{"exec-oob":"c"},"at":2}
{"event":{"event":"E"},"at":3}
{"reply":{"return":3},"at":3,"oob":true}
{"wrote":{"to":"/f","data":[{"text":"abc"},{"zeros":2}]},"at":4}
{"reply":{"return":1},"at":4}
{"moment":1,"at":5}
{"reply":{"error":{"class":"x"}},"at":5}
{"closed":true,"at":6}
"#,
        )
        .unwrap();
        let returned: Vec<_> = topic
            .entries()
            .iter()
            .map(|entry| topic.returned(entry))
            .collect();
        assert_eq!(returned, [Some("1"), None, Some("3")]);
        assert_eq!(topic.error(&topic.entries()[1]), Some("{\"class\":\"x\"}"));
        let wrote = [Part::Text("abc".to_owned()), Part::Zeros(2)];
        assert_eq!(
            topic.entries()[0].wrote[0].data,
            Content::read(&wrote).unwrap()
        );
        assert_eq!(topic.event_text(&topic.events()[0]), "{\"event\":\"E\"}");
        assert_eq!(topic.closed, Some(12));
        assert_eq!(
            topic.greeting(),
            Some("{\"version\":{},\"capabilities\":[]}")
        );
    }

    #[rstest]
    #[case(
        "{\"request\":{\"execute\":\"a\"}}",
        "t.qmp:1: the first line is not a header"
    )]
    #[case(
        "{\"format\":1}\n{\"reply\":{\"return\":1}}",
        "t.qmp:2: a reply to nothing"
    )]
    #[case("{\"format\":1}\n{\"moment\":0}", "t.qmp:2: moment 0 after moment 0")]
    #[case(
        "{\"format\":1}\n{\"note\":\"\",\"closed\":true}",
        "t.qmp:2: a line says exactly one thing"
    )]
    #[case(
        "{\"format\":1}\n{\"request\":{\"arguments\":{}}}",
        "t.qmp:2: a request has either"
    )]
    #[case("{\"format\":1}\nfoo", "t.qmp:2: expected ident")]
    #[case("{\"format\":7}", "t.qmp: format 7 is newer than 1")]
    fn problems_name_their_line(#[case] text: &str, #[case] message: &str) {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
