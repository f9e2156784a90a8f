// SPDX-License-Identifier: GPL-2.0-or-later
//! One line of a topic file.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::Part;
use crate::json::compact;

/// The version of the format that is written here.
pub const FORMAT: u32 = 1;

/// One line of a topic file, to be written. Texts are JSON as it came over the wire; times are
/// milliseconds since the recording began.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// The first line.
    Header {
        /// Name of the topic.
        topic: String,
    },
    /// What QEMU said first: the value of `QMP`.
    Greeting {
        /// JSON text.
        text: String,
        /// When.
        at: u64,
    },
    /// A request without its `id`.
    Request {
        /// JSON text of `{"execute": .., "arguments": ..}`.
        text: String,
        /// When.
        at: u64,
    },
    /// The answer to the oldest unanswered request.
    Reply {
        /// The answer.
        reply: ReplyLine,
        /// Whether it answers an out-of-band request.
        oob: bool,
        /// When.
        at: u64,
    },
    /// An event, with the timestamp that QEMU gave it.
    Event {
        /// JSON text.
        text: String,
        /// When.
        at: u64,
    },
    /// The machine changed, or is about to.
    Moment {
        /// How many changes there were before what follows.
        number: u32,
        /// When.
        at: u64,
    },
    /// QEMU wrote into a descriptor or file that the oldest unanswered request names.
    Wrote {
        /// The name as the request has it.
        to: String,
        /// What it wrote, in order.
        data: Vec<Part>,
        /// When.
        at: u64,
    },
    /// Something that a reader should know and a replay need not.
    Note {
        /// The text.
        text: String,
    },
    /// QEMU closed the connection.
    Closed {
        /// When.
        at: u64,
    },
}

/// The answer in a reply line.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyLine {
    /// JSON text of `{"return": ..}` or `{"error": ..}`, without the `id`.
    Text(String),
    /// The answer is the schema with this hash.
    Schema(String),
}

impl Line {
    /// The line's text with its LF.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        match self {
            Self::Header { topic } => {
                out.extend_from_slice(
                    format!("{{\"format\":{FORMAT},\"topic\":{}", quoted(topic)).as_bytes(),
                );
            }
            Self::Greeting { text, at } => member(&mut out, "greeting", text, *at),
            Self::Request { text, at } => member(&mut out, "request", text, *at),
            Self::Event { text, at } => member(&mut out, "event", text, *at),
            Self::Reply { reply, oob, at } => {
                match reply {
                    ReplyLine::Text(text) => member(&mut out, "reply", text, *at),
                    ReplyLine::Schema(hash) => {
                        member(
                            &mut out,
                            "reply",
                            &format!("{{\"schema\":{}}}", quoted(hash)),
                            *at,
                        );
                    }
                }
                if *oob {
                    out.extend_from_slice(b",\"oob\":true");
                }
            }
            Self::Moment { number, at } => member(&mut out, "moment", &number.to_string(), *at),
            Self::Wrote { to, data, at } => {
                let data = serde_json::to_string(data).unwrap_or_default();
                member(
                    &mut out,
                    "wrote",
                    &format!("{{\"to\":{},\"data\":{data}}}", quoted(to)),
                    *at,
                );
            }
            Self::Note { text } => {
                out.extend_from_slice(format!("{{\"note\":{}", quoted(text)).as_bytes());
            }
            Self::Closed { at } => member(&mut out, "closed", "true", *at),
        }
        out.extend_from_slice(b"}\n");
        String::from_utf8(out).unwrap_or_default()
    }
}

fn member(out: &mut Vec<u8>, name: &str, text: &str, at: u64) {
    out.extend_from_slice(format!("{{\"{name}\":").as_bytes());
    compact(out, text);
    out.extend_from_slice(format!(",\"at\":{at}").as_bytes());
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A line as it is read: one of the first members says what it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineText<'a> {
    pub(crate) format: Option<u32>,
    pub(crate) topic: Option<String>,
    #[serde(borrow)]
    pub(crate) greeting: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) request: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) reply: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) event: Option<&'a RawValue>,
    pub(crate) moment: Option<u32>,
    pub(crate) wrote: Option<WroteText>,
    pub(crate) note: Option<String>,
    pub(crate) closed: Option<bool>,
    pub(crate) oob: Option<bool>,
    pub(crate) at: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WroteText {
    pub(crate) to: String,
    pub(crate) data: Vec<Part>,
}

/// The answer of a reply line as it is read: exactly one member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplyText<'a> {
    #[serde(borrow, rename = "return")]
    pub(crate) success: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    pub(crate) schema: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_compact_and_keep_the_order() {
        let line = Line::Request {
            text: "{\"execute\": \"a\", \"arguments\": {\"z\": 1, \"b\": 2}}".to_owned(),
            at: 5,
        };
        let expected =
            "{\"request\":{\"execute\":\"a\",\"arguments\":{\"z\":1,\"b\":2}},\"at\":5}\n";
        assert_eq!(line.to_text(), expected);
        let line = Line::Reply {
            reply: ReplyLine::Schema("0123".to_owned()),
            oob: true,
            at: 6,
        };
        assert_eq!(
            line.to_text(),
            "{\"reply\":{\"schema\":\"0123\"},\"at\":6,\"oob\":true}\n"
        );
    }
}
