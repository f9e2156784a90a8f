// SPDX-License-Identifier: GPL-2.0-or-later
//! Writes down what passes between a client and QEMU, without touching sockets.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::capture::{Capture, Written};
use super::framer::Framer;
use crate::json::{Dialect, Object, Parser, Style, Value, write_value};
use crate::recording::{
    BuiltinLine, Line, Machine, Part, QemuVersion, RecordingError, RecordingWriter, ReplyLine,
    SCRUBBED, TopicWriter, scrub_answer, scrub_line, scrub_reply, scrub_request, scrub_urls,
};
use crate::schema::changes_state;

/// Of content, so many bytes are kept unless somebody says otherwise.
pub const CONTENT_LIMIT: usize = 16 << 20;

/// Commands whose files are written on after the reply, and how that end shows: the event, and the
/// query whose `status` says so.
const LATE_WRITERS: &[(&str, &str, &str)] = &[
    ("migrate", "MIGRATION", "query-migrate"),
    ("dump-guest-memory", "DUMP_COMPLETED", "query-dump"),
];

/// A file that is written on after the reply.
#[derive(Debug)]
struct Late {
    /// The number of its row in [`LATE_WRITERS`].
    writer: usize,
    command: String,
    arguments: Object,
}

/// Records one topic. Feed it every byte of both directions, in the order in which they pass.
#[derive(Debug)]
pub struct Recorder {
    recording: RecordingWriter,
    topic: TopicWriter,
    /// When the first byte passed.
    started: Option<Instant>,
    moment: u32,
    requests: Parser,
    replies: Framer,
    waiting: VecDeque<Waiting>,
    capture: Capture,
    late: Vec<Late>,
    content_limit: usize,
    /// Names of members whose values are secrets, besides those that are known.
    hidden: Vec<String>,
    greeted: bool,
    /// The first failure to write; nothing is written after it.
    failed: Option<RecordingError>,
}

/// A request that QEMU has not answered.
#[derive(Debug)]
struct Waiting {
    id: Option<serde_json::Value>,
    oob: bool,
    /// `None` for input that is not a request: its answer is not kept.
    request: Option<(String, Object)>,
    /// What is still to be written down of it: in-band requests are, when their turn comes.
    pending: Option<Pending>,
}

/// A request that is not written down yet.
#[derive(Debug)]
struct Pending {
    text: String,
    changes: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "QMP")]
    greeting: Option<&'a RawValue>,
    #[serde(borrow, rename = "return")]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    event: Option<String>,
    id: Option<serde_json::Value>,
}

impl Recorder {
    /// Starts a topic of the recording in this folder. It replaces one of the same name when it is
    /// finished. The machine's QEMU version is taken from the greeting.
    pub fn create(
        folder: impl Into<PathBuf>,
        machine: Machine,
        topic: &str,
    ) -> Result<Self, RecordingError> {
        let recording = RecordingWriter::create(folder, machine)?;
        let topic = recording.topic(topic)?;
        Ok(Self::new(recording, topic))
    }

    /// Like [`Recorder::create`], but refuses where there is a topic of this name.
    pub fn create_new(
        folder: impl Into<PathBuf>,
        machine: Machine,
        topic: &str,
    ) -> Result<Self, RecordingError> {
        let recording = RecordingWriter::create(folder, machine)?;
        let topic = recording.new_topic(topic)?;
        Ok(Self::new(recording, topic))
    }

    /// Starts a further topic of the recording in this folder: of this name, or, where there is one,
    /// with a number behind it. It is played with those that are there.
    pub fn append(
        folder: impl Into<PathBuf>,
        machine: Machine,
        topic: &str,
    ) -> Result<Self, RecordingError> {
        let folder = folder.into();
        let taken = |name: &str| {
            let parts = ["qmp", "hmp", "qmp.part"];
            parts
                .iter()
                .any(|part| folder.join(format!("{name}.{part}")).exists())
        };
        let mut numbered = (2..).map(|number: u64| format!("{topic}-{number}"));
        let name = match taken(topic) {
            true => numbered.find(|name| !taken(name)),
            false => None,
        };
        let name = name.unwrap_or_else(|| topic.to_owned());
        let mut recorder = Self::create_new(folder, machine, &name)?;
        if recorder.recording.machine().topics.is_empty() {
            recorder.list_topic(topic);
        }
        recorder.list_topic(&name);
        Ok(recorder)
    }

    fn new(recording: RecordingWriter, topic: TopicWriter) -> Self {
        Self {
            recording,
            topic,
            started: None,
            moment: 0,
            requests: Parser::new(Dialect::Old),
            replies: Framer::default(),
            waiting: VecDeque::new(),
            capture: Capture::default(),
            late: Vec::new(),
            content_limit: CONTENT_LIMIT,
            hidden: Vec::new(),
            greeted: false,
            failed: None,
        }
    }

    /// The moment at hand: how many state changes there were.
    #[must_use]
    pub fn moment(&self) -> u32 {
        self.moment
    }

    /// Stores the schema, given as JSON text, even if no client asks for it.
    pub fn schema(&mut self, json: &str) -> Result<(), RecordingError> {
        self.recording.schema(json).map(drop)
    }

    /// Keeps so many bytes of what QEMU writes; the rest reads as zeros.
    pub fn keep_content(&mut self, bytes: usize) {
        self.content_limit = bytes;
    }

    /// Members of these names are secrets too, wherever they are.
    pub fn hide(&mut self, names: Vec<String>) {
        self.hidden = names;
    }

    /// Lists a topic in the machine's description, so that it is played with the others.
    pub fn list_topic(&mut self, name: &str) {
        self.recording.update_machine(|machine| {
            if !machine.topics.iter().any(|listed| listed == name) {
                machine.topics.push(name.to_owned());
            }
        });
    }

    /// Something outside the session changed the machine: a new moment begins, and its number is
    /// returned.
    pub fn new_moment(&mut self) -> u32 {
        self.moment += 1;
        let line = Line::Moment {
            number: self.moment,
            at: self.at(),
        };
        self.line(&line);
        self.moment
    }

    /// Writes down a line of the built-in monitor and its answer, as of the moment at hand.
    pub fn builtin(&mut self, line: &str, answer: &str) {
        self.builtin_line(&BuiltinLine {
            moment: self.moment,
            line: line.to_owned(),
            answer: answer.to_owned(),
            ..BuiltinLine::default()
        });
    }

    /// Writes down a line of the built-in monitor with all that goes with it.
    pub fn builtin_line(&mut self, line: &BuiltinLine) {
        if self.failed.is_none() {
            let lf = |text: &str| scrub_answer(&line.line, text).replace("\r\n", "\n");
            let scrubbed = BuiltinLine {
                line: scrub_line(&line.line),
                answer: lf(&line.answer),
                again: line.again.as_deref().map(lf),
                moment: line.moment,
                other_vm: line.other_vm,
            };
            self.failed = self.topic.builtin(&scrubbed).err();
        }
    }

    /// Writes down a remark for readers.
    pub fn note(&mut self, text: &str) {
        self.line(&Line::Note {
            text: text.to_owned(),
        });
    }

    /// The client sent bytes, with these descriptors (copies of those that were passed on).
    pub fn client_sent(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) {
        self.started.get_or_insert_with(Instant::now);
        self.capture.arrived(descriptors);
        let mut requests = Vec::new();
        for &byte in bytes {
            self.requests
                .feed(byte, &mut |request| requests.push(request));
        }
        for request in requests {
            self.request(request);
        }
    }

    /// QEMU sent bytes. They must not have reached the client yet: what QEMU wrote elsewhere is
    /// read here.
    pub fn qemu_sent(&mut self, bytes: &[u8]) {
        self.started.get_or_insert_with(Instant::now);
        for message in self.replies.feed(bytes) {
            self.message(&message);
            self.write_requests();
        }
    }

    /// QEMU closed the connection.
    pub fn qemu_closed(&mut self) {
        let line = Line::Closed { at: self.at() };
        self.line(&line);
    }

    /// A client left and another may come: what it sent last is void.
    pub fn client_left(&mut self) {
        self.requests = Parser::new(Dialect::Old);
    }

    /// Writes out everything, and puts it in its place. The first failure to write is reported here.
    pub fn finish(&mut self) -> Result<(), RecordingError> {
        // What a job has written by now is more than nothing.
        for late in std::mem::take(&mut self.late) {
            self.write_late(&late);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.topic.finish()?;
        self.recording.finish()
    }

    /// The topic's file, once it is finished.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.topic.path()
    }

    /// Whether nothing has passed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.started.is_none()
    }

    /// Removes what has been written, unless it is finished: what it was to replace stays.
    pub fn discard(&mut self) -> Result<(), RecordingError> {
        self.topic.discard()
    }

    fn at(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn line(&mut self, line: &Line) {
        if self.failed.is_none() {
            self.failed = self.topic.line(line).err();
        }
    }

    fn request(&mut self, request: Result<Value, crate::json::JsonError>) {
        let Ok(Value::Object(mut members)) = request else {
            self.note(
                "the client sent something that is not a request; it and its answer are left out",
            );
            self.waiting.push_back(Waiting {
                id: None,
                oob: false,
                request: None,
                pending: None,
            });
            return;
        };
        let id = members
            .shift_remove("id")
            .map(|id| serde_json::Value::from(&id));
        let oob = members.contains_key("exec-oob") && !members.contains_key("execute");
        let name = if oob { "exec-oob" } else { "execute" };
        let command = members.get(name).and_then(Value::as_str).map(str::to_owned);
        let arguments = match members.get("arguments") {
            None => Some(Object::new()),
            Some(arguments) => arguments.as_object().cloned(),
        };
        let known = members.keys().all(|key| key == name || key == "arguments");
        let (Some(command), Some(mut arguments), true) = (command, arguments, known) else {
            self.note("the client sent a malformed request; it and its answer are left out");
            self.waiting.push_back(Waiting {
                id,
                oob,
                request: None,
                pending: None,
            });
            return;
        };
        let changes = changes_state(&command, &arguments);
        let original = arguments.clone();
        scrub_request(&command, &mut arguments);
        arguments
            .iter_mut()
            .for_each(|(name, value)| hide_member(name, value, &self.hidden));
        let mut request = Object::from([(name.to_owned(), Value::String(command.clone()))]);
        if !arguments.is_empty() {
            request.insert("arguments".to_owned(), Value::Object(arguments));
        }
        let pending = Pending {
            text: text(&Value::Object(request)),
            changes,
        };
        self.waiting.push_back(Waiting {
            id,
            oob,
            request: Some((command, original)),
            pending: Some(pending),
        });
        self.write_requests();
    }

    /// Writes down the out-of-band requests and the in-band one whose turn it is. QEMU carries out
    /// in-band requests one after the other, so what happens before one is answered is not the
    /// doing of those behind it.
    fn write_requests(&mut self) {
        let first_in_band = self.waiting.iter().position(|waiting| !waiting.oob);
        for index in 0..self.waiting.len() {
            if !self.waiting[index].oob && first_in_band != Some(index) {
                continue;
            }
            if let Some(pending) = self.waiting[index].pending.take() {
                if pending.changes {
                    self.new_moment();
                }
                let at = self.at();
                self.line(&Line::Request {
                    text: pending.text,
                    at,
                });
            }
        }
    }

    fn message(&mut self, message: &str) {
        let at = self.at();
        let Ok(wire) = serde_json::from_str::<Wire>(message) else {
            return self.note("QEMU sent something that is not a message; it is left out");
        };
        if let Some(event) = &wire.event {
            let text = self.hidden_from(scrub_urls(message));
            self.line(&Line::Event { text, at });
            let ended = ["completed", "failed", "cancelled"];
            let says_end = |name: &str| message.contains(&format!("\"{name}\""));
            let over = event == "DUMP_COMPLETED" || ended.into_iter().any(says_end);
            return self.ended(|(_, name, _)| name == event && over);
        }
        if let Some(greeting) = wire.greeting {
            return self.greeting(greeting.get(), at);
        }
        let Some(index) = self.answered(wire.id.as_ref()) else {
            return self.note("QEMU answered something that was not seen; it is left out");
        };
        let Some(Waiting { oob, request, .. }) = self.waiting.remove(index) else {
            return;
        };
        let Some((command, arguments)) = request else {
            return;
        };
        if let Some(success) = wire.success {
            self.written(&command, &arguments, success.get());
            if command == "query-qmp-schema" {
                if let Err(error) = self
                    .topic
                    .schema_reply(&mut self.recording, success.get(), at)
                {
                    self.failed = self.failed.take().or(Some(error));
                }
                return;
            }
        }
        if let Some(error) = wire.error {
            self.failed_to_write(&command, &arguments, error.get());
        }
        let reply = match (wire.success, wire.error) {
            (Some(success), _) => {
                let returned = scrub_reply(&command, &arguments, success.get());
                format!("{{\"return\":{}}}", self.hidden_from(returned))
            }
            (None, Some(error)) => {
                let error = self.hidden_from(scrub_urls(error.get()));
                format!("{{\"error\":{error}}}")
            }
            (None, None) => return self.note("QEMU sent a reply without content; it is left out"),
        };
        let at = self.at();
        self.line(&Line::Reply {
            reply: ReplyLine::Text(reply),
            oob,
            at,
        });
        let status = wire.success.and_then(|text| {
            let value = serde_json::from_str::<serde_json::Value>(text.get()).ok()?;
            value.get("status")?.as_str().map(str::to_owned)
        });
        if let Some("completed" | "failed" | "cancelled") = status.as_deref() {
            self.ended(|(_, _, query)| query == command);
        }
    }

    /// The JSON text without the values of members that are hidden.
    fn hidden_from(&self, text: std::borrow::Cow<'_, str>) -> String {
        let is_there = |name: &String| text.contains(name.as_str());
        if !self.hidden.iter().any(is_there) {
            return text.into_owned();
        }
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else {
            return text.into_owned();
        };
        let mut value = Value::from(value);
        hide(&mut value, &self.hidden);
        self::text(&value)
    }

    /// The writers for which this holds have written everything.
    fn ended(&mut self, over: impl Fn((&str, &str, &str)) -> bool) {
        let (done, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|late| over(LATE_WRITERS[late.writer]));
        self.late = late;
        let done: Vec<Late> = done;
        for late in done {
            self.write_late(&late);
        }
    }

    /// Writes down what a job has written, after its reply.
    fn write_late(&mut self, late: &Late) {
        let returned = Value::Object(Object::new());
        let written = self.capture.answered(
            &late.command,
            &late.arguments,
            &returned,
            self.content_limit,
        );
        self.content(written);
    }

    /// Which request a reply answers: by its id, else the oldest out-of-band one that QEMU does not
    /// keep waiting, else the oldest.
    fn answered(&self, id: Option<&serde_json::Value>) -> Option<usize> {
        let same = |waiting: &Waiting| waiting.id.as_ref() == id;
        let first_in_band = self.waiting.iter().position(|waiting| !waiting.oob);
        let oob = self
            .waiting
            .iter()
            .position(|waiting| waiting.oob && same(waiting));
        match first_in_band {
            Some(index) if same(&self.waiting[index]) && !(id.is_none() && oob.is_some()) => {
                Some(index)
            }
            // Replies to what could not be parsed carry no id.
            Some(index) if oob.is_none() && self.waiting[index].request.is_none() => Some(index),
            _ => oob,
        }
    }

    fn greeting(&mut self, greeting: &str, at: u64) {
        if std::mem::replace(&mut self.greeted, true) {
            return self.note("another client connected");
        }
        self.line(&Line::Greeting {
            text: greeting.to_owned(),
            at,
        });
        let version = serde_json::from_str::<serde_json::Value>(greeting)
            .ok()
            .and_then(|greeting| QemuVersion::from_json(Value::from(greeting).get("version")?));
        if let Some(version) = version {
            self.recording
                .update_machine(|machine| machine.qemu = version);
        }
    }

    fn written(&mut self, command: &str, arguments: &Object, returned: &str) {
        let returned = serde_json::from_str::<serde_json::Value>(returned)
            .map(Value::from)
            .unwrap_or_default();
        let writer = LATE_WRITERS.iter().position(|(name, ..)| *name == command);
        let detached =
            command != "dump-guest-memory" || arguments.get("detach") == Some(&Value::Bool(true));
        if let Some(writer) = writer.filter(|_| detached) {
            // Its descriptors are noted; the content comes when it is whole.
            self.late.push(Late {
                writer,
                command: command.to_owned(),
                arguments: arguments.clone(),
            });
            return;
        }
        let limit = self.content_limit;
        let written = self.capture.answered(command, arguments, &returned, limit);
        self.content(written);
    }

    fn failed_to_write(&mut self, command: &str, arguments: &Object, error: &str) {
        let error = serde_json::from_str::<serde_json::Value>(error).unwrap_or_default();
        let desc = error["desc"].as_str().unwrap_or_default();
        let written = self
            .capture
            .failed(command, arguments, desc, self.content_limit);
        self.content(written);
    }

    fn content(&mut self, written: Option<(String, io::Result<Written>)>) {
        let Some((to, content)) = written else {
            return;
        };
        match content {
            Ok(content) => {
                let mut data = Part::describe(&content.kept);
                if content.omitted > 0 {
                    data.push(Part::Omitted(content.omitted));
                }
                let line = Line::Wrote {
                    to,
                    data,
                    at: self.at(),
                };
                self.line(&line);
            }
            Err(error) => self.note(&format!(
                "what was written to {to} could not be read: {error}"
            )),
        }
    }

    /// How long the recording runs.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started
            .map_or(Duration::ZERO, |started| started.elapsed())
    }
}

/// Replaces the values of members of these names.
fn hide(value: &mut Value, names: &[String]) {
    match value {
        Value::Object(members) => {
            let members = members.iter_mut();
            members.for_each(|(name, value)| hide_member(name, value, names));
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| hide(element, names)),
        // QEMU shows some block devices as `json:` and an object (`bdrv_refresh_filename`).
        Value::String(text) => {
            let inner = text.strip_prefix("json:").unwrap_or(text);
            let inner = inner
                .starts_with('{')
                .then(|| serde_json::from_str(inner).ok());
            if let Some(serde_json::Value::Object(inner)) = inner.flatten() {
                let mut inner = Value::from(serde_json::Value::Object(inner));
                let before = inner.clone();
                hide(&mut inner, names);
                if inner != before {
                    let start = if text.starts_with("json:") {
                        "json:"
                    } else {
                        ""
                    };
                    *text = format!("{start}{}", self::text(&inner));
                }
            }
        }
        _ => {}
    }
}

fn hide_member(name: &str, value: &mut Value, names: &[String]) {
    if names.iter().any(|hidden| hidden == name) {
        *value = Value::String(SCRUBBED.to_owned());
    } else {
        hide(value, names);
    }
}

fn text(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value, Style::Compact);
    String::from_utf8(out).unwrap_or_default()
}
