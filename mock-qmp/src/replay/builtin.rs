// SPDX-License-Identifier: GPL-2.0-or-later
//! What the built-in monitor was seen to answer, in place of a request that runs its lines.

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
        let here = self.index.steps[self.step].moment;
        let same = |line: &&BuiltinLine| line.line.split_whitespace().eq(asked.split_whitespace());
        let near = |line: &&BuiltinLine| (line.moment > here, line.moment.abs_diff(here));
        let lines = self.recording.builtin().iter();
        let line = lines.filter(same).min_by_key(near)?;
        Some(line.answer.replace('\n', "\r\n"))
    }
}
