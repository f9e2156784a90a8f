// SPDX-License-Identifier: GPL-2.0-or-later
//! What the line editor's thread says, and what it asks while a line is typed.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use hmp_engine::engine::complete::more::Item;
use rustix::termios::tcgetwinsize;
use tokio::sync::mpsc;

/// How long TAB waits for candidates, or for the word that there are none yet.
const PATIENCE: Duration = Duration::from_millis(50);

/// Of a terminal that does not say its size.
const SIZE: (usize, usize) = (80, 24);

/// What the editor's thread says.
pub(super) enum Said {
    /// What could stand at byte `pos` of `line`? The thread waits for the answer.
    Complete {
        line: String,
        pos: usize,
        reply: SyncSender<Found>,
    },
    /// A line is complete.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the terminal.
    End,
    /// The terminal can't be read.
    Failed(String),
}

/// What TAB found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where the word starts.
    pub(super) start: usize,
    pub(super) items: Vec<Item>,
    /// QEMU has not answered yet.
    pub(super) late: bool,
    /// Whether a candidate takes its place as it is, without quotes or a blank behind it.
    pub(super) verbatim: bool,
}

impl Found {
    pub(super) fn nothing(pos: usize) -> Self {
        Self {
            start: pos,
            ..Self::default()
        }
    }
}

/// Asks whoever has the connection.
#[derive(Clone)]
pub(super) struct Questions(pub(super) mpsc::UnboundedSender<Said>);

impl Questions {
    /// What the word at byte `pos` of `line` could be.
    pub(super) fn candidates(&self, line: &str, pos: usize) -> Found {
        let (reply, answer) = sync_channel(1);
        let question = Said::Complete {
            line: line.to_owned(),
            pos,
            reply,
        };
        let _ = self.0.send(question);
        let found = answer.recv_timeout(PATIENCE).unwrap_or(Found {
            late: true,
            ..Found::nothing(pos)
        });
        Found {
            start: found.start.min(pos),
            ..found
        }
    }

    /// The columns and rows of the terminal.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(rustix::stdio::stdout());
        match size.map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into())) {
            (0, _) | (_, 0) => SIZE,
            known => known,
        }
    }
}
