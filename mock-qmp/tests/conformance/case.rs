// SPDX-License-Identifier: GPL-2.0-or-later
//! A case of `cases.jsonl`: what is done to a QMP server, and what it answers.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// Which machine: `prelaunch`, `paused` and `running` are shared or cheap, `own` ends with the
    /// case.
    #[serde(default = "prelaunch")]
    pub vm: String,
    /// How far connection A is: `fresh` (greeting in the answer), `greeted`, `negotiated`, `oob`.
    pub state: String,
    pub steps: Vec<Step>,
    /// Lines as they came from QEMU 10.0.2; time stamps are 1.
    pub expect: Vec<Expected>,
    /// The same from QEMU 11.1.3 where it differs.
    pub expect_11: Option<Vec<Expected>>,
    /// Seconds after the last sending within which the reply with an id comes.
    #[serde(default)]
    pub times: BTreeMap<String, (f64, f64)>,
    /// Numbers that differ each time.
    pub mask: Option<String>,
    /// Seconds to wait for the answer where ten are not enough for a real QEMU.
    pub patience: Option<u64>,
    #[serde(rename = "note")]
    pub _note: Option<String>,
}

fn prelaunch() -> String {
    "prelaunch".to_owned()
}

/// One action. Exactly one of the members says what; `on` says to which connection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub on: Option<String>,
    pub send: Option<Text>,
    /// Number of descriptors that go with what is sent.
    pub descriptors: usize,
    /// Seconds.
    pub pause: Option<f64>,
    /// Waits for so many lines more.
    pub wait: Option<usize>,
    /// Drops so many of the last lines.
    pub drop: Option<usize>,
    /// Drops all lines.
    pub forget: bool,
    /// Seconds without reading.
    pub unread: Option<f64>,
    pub close: bool,
    pub connect: bool,
    pub shutdown: bool,
    /// Opens a connection with this name; `state` as for the case.
    pub open: Option<String>,
    pub state: Option<String>,
    pub signal: Option<String>,
    /// Something that the guest does: `shutdown`, `reset`, `rtc`.
    pub guest: Option<String>,
    pub times: usize,
    /// Connects to this socket and notes what it says.
    pub peek: Option<String>,
}

/// Bytes, one character (up to U+00FF) each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Text {
    Whole(String),
    Pieces(Vec<Piece>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    Plain(String),
    Repeat {
        repeat: String,
        times: usize,
    },
    /// The text once for each number, in place of `#`.
    Numbered {
        numbered: String,
        from: u64,
        to: u64,
    },
}

impl Text {
    pub fn bytes(&self) -> Vec<u8> {
        let latin1 = |text: &str| {
            text.chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap())
                .collect::<Vec<u8>>()
        };
        match self {
            Self::Whole(text) => latin1(text),
            Self::Pieces(pieces) => pieces
                .iter()
                .flat_map(|piece| match piece {
                    Piece::Plain(text) => latin1(text),
                    Piece::Repeat { repeat, times } => latin1(&repeat.repeat(*times)),
                    Piece::Numbered { numbered, from, to } => (*from..=*to)
                        .flat_map(|number| latin1(&numbered.replace('#', &number.to_string())))
                        .collect(),
                })
                .collect(),
        }
    }
}

/// One line, or a rule for one or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Expected {
    /// The line itself; `B: ` in front names another connection than A; `<...>` is something else
    /// than a line.
    Line(String),
    Starts {
        starts: String,
    },
    Joined {
        joined: Vec<Piece>,
    },
    Times {
        line: String,
        times: usize,
    },
    /// Any reply with this id, perhaps without some text in it.
    Reply {
        reply: serde_json::Value,
        without: Option<String>,
    },
    /// Replies with the ids from and to, in order.
    Replies {
        replies: (u64, u64),
        #[serde(rename = "on")]
        _on: Option<String>,
    },
    /// Sequences that keep their order and share the lines among them.
    Interleaved {
        interleaved: Vec<Vec<Self>>,
    },
    /// An event that arrives between so many seconds after the last action.
    Event {
        event: String,
        arrives: (f64, f64),
    },
}

/// All cases.
pub fn all() -> Vec<Case> {
    let text = include_str!("cases.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
