// SPDX-License-Identifier: GPL-2.0-or-later
//! What the built-in monitor was seen to answer, in place of a request that runs its lines.

use std::collections::BTreeSet;

use super::state::Replay;
use crate::json::Object;
use crate::recording::BuiltinLine;
use crate::schema::{BUILTIN, changes_state};

impl Replay {
    /// The built-in monitor's recorded answer, as QEMU returns it over QMP (CR LF), to a line that
    /// only looks: at this moment, else at the nearest earlier one, else at the first later one. It
    /// looks at the CPU that was chosen there.
    pub(super) fn builtin(&self, command: &str, arguments: &Object) -> Option<String> {
        if command != BUILTIN || changes_state(command, arguments) {
            return None;
        }
        let asked = arguments.get("command-line")?.as_str()?;
        let mut words = asked.split_whitespace();
        match (words.next(), words.next()) {
            _ if !self.help => {}
            (Some("help" | "?"), None) => return Some(self.lines(false)),
            (Some("info"), None) | (Some("help" | "?"), Some("info")) => {
                return Some(self.lines(true));
            }
            _ => {}
        }
        let here = self.index.steps[self.step].moment;
        let same = |line: &&BuiltinLine| line.line.split_whitespace().eq(asked.split_whitespace());
        let near = |line: &&BuiltinLine| (line.moment > here, line.moment.abs_diff(here));
        let lines = self.recording.builtin().iter();
        let line = lines.filter(same).min_by_key(near)?;
        Some(line.answer.replace('\n', "\r\n"))
    }

    /// What can be typed here, one a line, as clients look for it in QEMU's own help: lines that
    /// were typed, `info` or the others.
    fn lines(&self, info: bool) -> String {
        let entries = self.topic().entries.iter();
        let passed = entries.filter_map(|entry| {
            let line = entry
                .arguments
                .get("command-line")
                .filter(|_| entry.command == BUILTIN)?;
            line.as_str()
        });
        let typed = self
            .recording
            .builtin()
            .iter()
            .map(|line| line.line.as_str());
        let mut names: BTreeSet<String> = BTreeSet::new();
        for line in passed.chain(typed) {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            match (info, first, words.next()) {
                (true, "info", Some(what)) => names.insert(format!("info {what}")),
                (false, "info" | "", _) | (true, ..) => false,
                (false, name, _) => names.insert(name.split('/').next().unwrap_or(name).to_owned()),
            };
        }
        let lines = names
            .iter()
            .map(|name| format!("{name} -- of this recording\r\n"));
        lines.collect()
    }
}
