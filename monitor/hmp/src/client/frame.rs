// SPDX-License-Identifier: GPL-2.0-or-later
//! Cuts a byte stream into QMP's messages: bytes in any pieces go in, one JSON object at a time
//! comes out.
//!
//! QMP has no framing of its own. QEMU ends a message with CR LF, but with `-qmp-pretty` a message
//! has many lines, so a message ends where its brackets do. Only strings and brackets are looked at
//! here; whether the message is JSON is for the JSON reader to say. Each byte is looked at once.

use std::ops::Range;

use memchr::memchr2;
use serde_json::Value;

/// What a message may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message.
    pub bytes: usize,
    /// Brackets open at once. QEMU's own limit is 1024.
    pub depth: usize,
    /// Bytes of memory that the values of one message take, about: far more than their text may. As
    /// estimated by commas and brackets, before any of it is taken.
    pub memory: usize,
}

impl Default for Limits {
    /// 512 MiB, 1024 deep, 512 MiB of memory.
    fn default() -> Self {
        Self {
            bytes: 512 << 20,
            depth: 1024,
            memory: 512 << 20,
        }
    }
}

/// Why a byte stream is not QMP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A byte between messages that starts none.
    #[error("a message starts with {0}")]
    Garbage(String),
    /// More bytes than allowed.
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// More open brackets than allowed.
    #[error("a message is nested deeper than {0} levels")]
    TooDeep(usize),
    /// More memory than allowed.
    #[error("the values of a message would take more than {0} bytes of memory")]
    TooMuch(usize),
    /// Brackets in order, but no JSON.
    #[error("{0}")]
    Json(String),
}

/// A complete message, still as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// From the opening to the closing bracket.
    pub bytes: &'a [u8],
    /// How deep its brackets are nested.
    pub depth: usize,
}

impl Frame<'_> {
    /// Reads the message as JSON.
    pub fn parse(&self) -> Result<Value, FrameError> {
        parse(self.bytes)
    }
}

/// Reads JSON without a limit to its nesting: the framer has limited that.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, FrameError> {
    use serde::Deserialize;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).map_err(|e| FrameError::Json(e.to_string()))?;
    reader.end().map_err(|e| FrameError::Json(e.to_string()))?;
    Ok(value)
}

/// Bytes of memory that a bracket or a comma makes, at most: an object with room for four members
/// and its index, a list with room for four values, and a further value with a name in a list that
/// may be half empty. Measured with serde_json's objects that keep their order.
const OBJECT: usize = 600;
const LIST: usize = 400;
const MEMBER: usize = 260;

/// Room that is kept when the buffer runs empty; what a long message took beyond that is given
/// back.
const KEEP: usize = 1 << 20;

/// Finds the messages of one stream.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Where the current message starts.
    start: usize,
    /// What was looked at.
    scanned: usize,
    state: State,
    depth: usize,
    deepest: usize,
    memory: usize,
    /// The message found last and its depth.
    found: (Range<usize>, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Inside,
    String,
    Escape,
}

impl Framer {
    /// A framer at the start of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            state: State::Between,
            depth: 0,
            deepest: 0,
            memory: 0,
            found: (0..0, 0),
        }
    }

    /// Changes what the messages from here on may cost.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Adds the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room();
        let (len, room) = (self.buffer.len(), self.buffer.capacity());
        if room - len < bytes.len() {
            // Twice as much, but no more than the longest message takes.
            let most = self.limits.bytes.saturating_add(KEEP);
            let wanted = (2 * room).min(most).max(len + bytes.len());
            self.buffer.reserve_exact(wanted - len);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether part of a message is there.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.state != State::Between
    }

    /// The next complete message, or none as long as more bytes are needed. After an error nothing
    /// more can be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        Ok(if self.find()? {
            Some(self.found())
        } else {
            None
        })
    }

    /// Looks for the next complete message.
    pub(crate) fn find(&mut self) -> Result<bool, FrameError> {
        let Some(range) = self.scan()? else {
            return Ok(false);
        };
        self.start = range.end;
        self.found = (range, self.deepest);
        (self.depth, self.deepest, self.memory) = (0, 0, 0);
        Ok(true)
    }

    /// The message found last, as long as no bytes were added since.
    pub(crate) fn found(&self) -> Frame<'_> {
        let (range, depth) = self.found.clone();
        Frame {
            bytes: self.buffer.get(range).unwrap_or_default(),
            depth,
        }
    }

    /// Drops the messages that were handed out. What moves is the beginning of one message, at most
    /// once each.
    fn make_room(&mut self) {
        if self.start == 0 {
            return;
        }
        self.buffer.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.found = (0..0, 0);
        if self.buffer.len() < KEEP && self.buffer.capacity() > KEEP {
            self.buffer.shrink_to(KEEP);
        }
    }

    fn scan(&mut self) -> Result<Option<Range<usize>>, FrameError> {
        while self.scanned < self.buffer.len() {
            let at = self.scanned;
            if self.state == State::String {
                match memchr2(b'"', b'\\', &self.buffer[at..]) {
                    Some(found) => {
                        self.scanned = at + found + 1;
                        self.state = if self.buffer[at + found] == b'"' {
                            State::Inside
                        } else {
                            State::Escape
                        };
                    }
                    None => self.scanned = self.buffer.len(),
                }
                continue;
            }
            let byte = self.buffer[at];
            self.scanned += 1;
            match (self.state, byte) {
                (State::Between, b' ' | b'\t' | b'\r' | b'\n') => self.start = self.scanned,
                (State::Between, b'{') => {
                    self.start = at;
                    self.state = State::Inside;
                    self.open(OBJECT)?;
                }
                (State::Between, _) => return Err(self.garbage(at)),
                (State::Escape, _) => self.state = State::String,
                (State::Inside, b'"') => self.state = State::String,
                (State::Inside, b'{') => self.open(OBJECT)?,
                (State::Inside, b'[') => self.open(LIST)?,
                (State::Inside, b',') => self.take(MEMBER)?,
                (State::Inside, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.state = State::Between;
                        self.check_length(self.scanned)?;
                        return Ok(Some(self.start..self.scanned));
                    }
                }
                (State::Inside | State::String, _) => {}
            }
        }
        if self.state != State::Between {
            self.check_length(self.scanned)?;
        }
        Ok(None)
    }

    fn check_length(&self, end: usize) -> Result<(), FrameError> {
        if end - self.start > self.limits.bytes {
            return Err(FrameError::TooLong(self.limits.bytes));
        }
        Ok(())
    }

    fn open(&mut self, memory: usize) -> Result<(), FrameError> {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth > self.limits.depth {
            return Err(FrameError::TooDeep(self.limits.depth));
        }
        self.take(memory)
    }

    fn take(&mut self, memory: usize) -> Result<(), FrameError> {
        self.memory += memory;
        if self.memory > self.limits.memory {
            return Err(FrameError::TooMuch(self.limits.memory));
        }
        Ok(())
    }

    fn garbage(&self, at: usize) -> FrameError {
        const SHOWN: usize = 40;
        let rest = &self.buffer[at..];
        let shown = &rest[..rest.len().min(SHOWN)];
        let line = shown
            .split(|&b| b == b'\n' || b == b'\r')
            .next()
            .unwrap_or(shown);
        let shown = if line.is_empty() { shown } else { line };
        FrameError::Garbage(format!("{:?}", String::from_utf8_lossy(shown)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(framer: &mut Framer) -> Result<Vec<String>, FrameError> {
        let mut found = Vec::new();
        while let Some(frame) = framer.next_frame()? {
            found.push(String::from_utf8_lossy(frame.bytes).into_owned());
        }
        Ok(found)
    }

    fn frames(text: &[u8]) -> Result<Vec<String>, FrameError> {
        let mut framer = Framer::new(Limits::default());
        framer.push(text);
        all(&mut framer)
    }

    fn small(bytes: usize, depth: usize, memory: usize) -> Framer {
        Framer::new(Limits {
            bytes,
            depth,
            memory,
        })
    }

    #[test]
    fn messages_end_with_their_brackets() {
        let found = frames(b"{\"a\": [1, 2]}\r\n{}{\n    \"b\": {\n    }\n}\r\n {\"c\"").unwrap();
        assert_eq!(
            found,
            ["{\"a\": [1, 2]}", "{}", "{\n    \"b\": {\n    }\n}"]
        );
    }

    #[test]
    fn brackets_and_quotes_in_strings_do_not_count() {
        let text = br#"{"a": "}\"]\\"}{"b": "\\\\"}"#;
        assert_eq!(
            frames(text).unwrap(),
            [r#"{"a": "}\"]\\"}"#, r#"{"b": "\\\\"}"#]
        );
    }

    #[test]
    fn garbage_between_messages_is_shown() {
        let found = frames(b"{}\r\nQEMU 10.0.2 monitor - type 'help'\r\n(qemu) ");
        assert_eq!(
            found,
            Err(FrameError::Garbage(
                "\"QEMU 10.0.2 monitor - type 'help'\"".into()
            ))
        );
        assert!(matches!(frames(b"[]"), Err(FrameError::Garbage(_))));
        assert!(matches!(frames(b"\xff"), Err(FrameError::Garbage(_))));
    }

    #[test]
    fn limits_are_exact() {
        let mut framer = small(10, 2, OBJECT);
        framer.push(b"{\"a\":\"bc\"}");
        assert_eq!(all(&mut framer).unwrap().len(), 1);
        framer.push(b"{\"a\":\"bcd\"}");
        assert_eq!(all(&mut framer), Err(FrameError::TooLong(10)));

        let mut framer = small(10, 2, OBJECT);
        framer.push(b"{\"a\":\"bcdefgh");
        assert_eq!(all(&mut framer), Err(FrameError::TooLong(10)));

        let mut framer = small(99, 2, 9000);
        framer.push(b"{\"a\":[]}{\"a\":[[");
        assert_eq!(all(&mut framer), Err(FrameError::TooDeep(2)));

        let mut framer = small(99, 9, OBJECT + LIST + MEMBER);
        framer.push(b"{\"a\":[1,2]}{\"a\":[1,2,3]}");
        assert_eq!(
            all(&mut framer),
            Err(FrameError::TooMuch(OBJECT + LIST + MEMBER))
        );
    }

    #[test]
    fn a_long_message_is_looked_at_once() {
        let mut framer = Framer::new(Limits::default());
        framer.push(b"{\"a\":\"");
        for _ in 0..2000 {
            framer.push(&[b'x'; 1000]);
            assert_eq!(framer.next_frame().unwrap(), None);
            assert_eq!(framer.scanned, framer.buffer.len());
        }
        framer.push(b"\"}{");
        assert_eq!(framer.next_frame().unwrap().unwrap().bytes.len(), 2_000_008);
        framer.push(b"}");
        assert!(framer.buffer.capacity() <= KEEP);
        assert_eq!(framer.next_frame().unwrap().unwrap().bytes, b"{}");
    }

    /// What a reply of 64 MB may cost was 3.9 GB once.
    #[test]
    fn many_small_values_are_refused_before_they_are_made() {
        let mut framer = Framer::new(Limits::default());
        framer.push(b"{\"return\":[");
        let piece = "{\"a\":1},".repeat(100_000);
        let mut pushed = 0;
        let error = loop {
            framer.push(piece.as_bytes());
            pushed += piece.len();
            match framer.find() {
                Ok(found) => assert!(!found && pushed < 64 << 20),
                Err(error) => break error,
            }
        };
        let text = "the values of a message would take more than 536870912 bytes of memory";
        assert_eq!(error.to_string(), text);
        assert!(pushed < 8 << 20, "{pushed}");
    }

    #[test]
    fn what_is_bracketed_but_no_json_is_an_error() {
        for text in [
            b"{]".as_slice(),
            b"{\"a\":[}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\" 1}",
            b"{\"a\":inf}",
        ] {
            let mut framer = Framer::new(Limits::default());
            framer.push(text);
            framer.push(b"]}");
            let parsed = framer.next_frame().unwrap().unwrap().parse();
            assert!(matches!(parsed, Err(FrameError::Json(_))), "{text:?}");
        }
    }

    /// Measured without optimisation, at 1024 levels: reading takes up to 3 MiB of stack (so deep
    /// messages are read on a thread of their own), dropping less than 384 KiB (a thread of a tokio
    /// runtime has 2 MiB).
    #[test]
    fn the_deepest_message_fits_the_stack() {
        let levels = Limits::default().depth;
        let text = "{\"a\":".repeat(levels - 1) + "{" + &"}".repeat(levels);
        let with_stack = |size| std::thread::Builder::new().stack_size(size);
        let read = move || {
            let mut framer = Framer::new(Limits::default());
            framer.push(text.as_bytes());
            let frame = framer.next_frame().unwrap().unwrap();
            assert_eq!(frame.depth, levels);
            frame.parse().unwrap()
        };
        let value = with_stack(6 << 20).spawn(read).unwrap().join().unwrap();
        let dropped = with_stack(1 << 20).spawn(move || drop(value)).unwrap();
        dropped.join().unwrap();
    }

    #[test]
    fn member_order_is_kept() {
        let value = parse(br#"{"b":1,"a":{"z":1,"c":2}}"#).unwrap();
        assert_eq!(value.to_string(), r#"{"b":1,"a":{"z":1,"c":2}}"#);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            texts in prop::collection::vec("\\{(\"([a-z{}\\[\\]]|\\\\\")*\"|\\[\\{\\}\\]| |,)*\\}[ \r\n]{0,2}", 1..6),
            cuts in prop::collection::vec(1_usize..9, 1..40),
        ) {
            let stream = texts.concat().into_bytes();
            let whole = frames(&stream).unwrap();
            prop_assert_eq!(whole.len(), texts.len());

            let mut framer = Framer::new(Limits::default());
            let mut found = Vec::new();
            let (mut at, mut cut) = (0, cuts.iter().cycle());
            while at < stream.len() {
                let end = (at + cut.next().unwrap()).min(stream.len());
                framer.push(&stream[at..end]);
                found.extend(all(&mut framer).unwrap());
                at = end;
            }
            prop_assert_eq!(found, whole);
            prop_assert!(!framer.is_inside());
        }

        #[test]
        fn no_bytes_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..9)) {
            let mut framer = small(30, 4, 2000);
            for piece in pieces {
                framer.push(&piece);
                while let Ok(Some(frame)) = framer.next_frame() {
                    let _ = frame.parse();
                }
            }
        }

        #[test]
        fn no_brackets_panic(text in "[{}\\[\\]\",\\\\a ]{0,60}") {
            let mut framer = small(30, 4, 2000);
            framer.push(text.as_bytes());
            while let Ok(Some(frame)) = framer.next_frame() {
                let _ = frame.parse();
            }
        }
    }
}
