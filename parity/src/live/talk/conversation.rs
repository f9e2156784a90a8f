// SPDX-License-Identifier: GPL-2.0-or-later
//! The format of recorded conversations: bytes are letters of Latin-1.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Marks in what was received that are not bytes: the server closed; an object step was done; what
/// another client received.
pub(super) const CLOSED: char = '\u{2404}';
pub(super) const STEP: char = '\u{241e}';
pub(super) const CLIENT: char = '\u{241d}';

/// One conversation.
#[derive(Debug, Deserialize)]
pub(super) struct Conversation {
    pub(super) name: String,
    pub(super) vm: String,
    pub(super) send: Vec<Action>,
    pub(super) receive: BTreeMap<String, Received>,
    #[serde(default)]
    pub(super) on: On,
    #[serde(default)]
    pub(super) files: Vec<String>,
    #[serde(default)]
    pub(super) eager: bool,
    pub(super) quiet: Option<f64>,
}

/// The kind of monitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum On {
    #[default]
    Unix,
    /// Two monitors.
    Unix2,
    Tcp,
    Telnet,
    /// Two monitors on one socket that is shared, or a terminal: QEMU's own alone.
    Mux,
    Pty,
    PtyMux,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Action {
    Send(String),
    Wait(f64),
    Step(Step),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(super) enum Step {
    #[serde(rename_all = "kebab-case")]
    Reconnect {
        #[serde(default)]
        at_once: bool,
        #[serde(default)]
        eager: bool,
    },
    Close,
    HalfClose,
    Connect {
        r#as: char,
        monitor: Option<u32>,
    },
    Client {
        r#as: char,
    },
    Pause,
    Unpause,
    Qmp {
        command: Value,
        #[serde(default)]
        show: bool,
    },
    Fd {
        send: String,
    },
    Signal {
        number: i32,
    },
    Send {
        text: String,
        #[serde(default = "once")]
        times: usize,
    },
}

fn once() -> usize {
    1
}

/// What came, or of what is long its digest.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Received {
    Text(String),
    Long {
        length: usize,
        sha256: String,
        begins: String,
        ends: String,
    },
}

/// Characters from which on a digest is kept.
const LONG: usize = 6000;

impl Received {
    pub(super) fn of(text: String) -> Self {
        let length = text.chars().count();
        if length <= LONG {
            return Self::Text(text);
        }
        let digest = Sha256::digest(&text);
        Self::Long {
            length,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            begins: text.chars().take(200).collect(),
            ends: text.chars().skip(length - 200).collect(),
        }
    }
}

pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

pub(super) fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
