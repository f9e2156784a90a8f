// SPDX-License-Identifier: GPL-2.0-or-later
//! One line of a topic file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::compact;

/// The version of the format that is written here.
pub const FORMAT: u32 = 1;

/// Runs of zero bytes shorter than this stay part of the data around them.
const SHORTEST_ZEROS: usize = 64;

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

/// A piece of written content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// UTF-8 text.
    Text(String),
    /// Bytes in base64.
    Base64(String),
    /// So many zero bytes.
    Zeros(u64),
    /// So many bytes that were too many to keep; read back as zeros.
    Omitted(u64),
}

impl Part {
    /// Describes bytes: text where they are text, long runs of zeros by their length.
    #[must_use]
    pub fn describe(bytes: &[u8]) -> Vec<Self> {
        if let Ok(text) = std::str::from_utf8(bytes)
            && !text.contains('\0')
        {
            return if text.is_empty() {
                Vec::new()
            } else {
                vec![Self::Text(text.to_owned())]
            };
        }
        let mut parts = Vec::new();
        let mut rest = bytes;
        let mut start = 0;
        while start < rest.len() {
            let zeros = rest[start..].iter().take_while(|&&byte| byte == 0).count();
            if zeros >= SHORTEST_ZEROS
                || (zeros > 0 && start + zeros == rest.len() && zeros == rest.len())
            {
                if start > 0 {
                    parts.push(Self::Base64(BASE64.encode(&rest[..start])));
                }
                parts.push(Self::Zeros(zeros as u64));
                rest = &rest[start + zeros..];
                start = 0;
            } else {
                start += zeros.max(1);
            }
        }
        if !rest.is_empty() {
            parts.push(Self::Base64(BASE64.encode(rest)));
        }
        parts
    }

    /// Appends the bytes, or says what is wrong with the description.
    pub fn append(&self, out: &mut Vec<u8>, limit: usize) -> Result<(), String> {
        let length = match self {
            Self::Text(text) => text.len() as u64,
            Self::Base64(text) => text.len() as u64 / 4 * 3,
            Self::Zeros(count) | Self::Omitted(count) => *count,
        };
        let total = length.saturating_add(out.len() as u64);
        if total > limit as u64 {
            return Err(format!(
                "written content of {total} bytes is more than {limit}"
            ));
        }
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Base64(text) => {
                let bytes = BASE64
                    .decode(text)
                    .map_err(|error| format!("base64: {error}"))?;
                out.extend_from_slice(&bytes);
            }
            // `total` fits, so `count` does.
            Self::Zeros(count) | Self::Omitted(count) => out.resize(out.len() + *count as usize, 0),
        }
        Ok(())
    }
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

    fn round(bytes: &[u8]) -> Vec<Part> {
        let parts = Part::describe(bytes);
        let mut back = Vec::new();
        parts
            .iter()
            .for_each(|part| part.append(&mut back, 1 << 20).unwrap());
        assert_eq!(back, bytes);
        parts
    }

    #[test]
    fn content_is_described_and_read_back() {
        assert_eq!(round(b""), []);
        assert_eq!(round(b"P6\n1 1\n"), [Part::Text("P6\n1 1\n".to_owned())]);
        assert_eq!(round(&[0; 4096]), [Part::Zeros(4096)]);
        assert_eq!(round(&[0; 3]), [Part::Zeros(3)]);
        let mixed = [vec![1, 0, 2], vec![0; 100], vec![0xFF]].concat();
        let expected = [
            Part::Base64("AQAC".to_owned()),
            Part::Zeros(100),
            Part::Base64("/w==".to_owned()),
        ];
        assert_eq!(round(&mixed), expected);
    }

    #[test]
    fn too_much_content_is_refused() {
        assert!(Part::Zeros(u64::MAX).append(&mut vec![1], 100).is_err());
    }

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
