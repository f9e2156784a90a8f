// SPDX-License-Identifier: GPL-2.0-or-later
//! What the built-in of one VM answers to a line that only looks, asked twice where that matters.

use hmp_engine::command::nature::Effect;
use hmp_engine::table;

use super::side::Theirs;
use super::vm::{Vm, VmError};

/// Whether the command with that full name only looks; a line that names none does.
#[must_use]
pub fn looks(command: &str) -> bool {
    table::named(command).is_none_or(|row| row.effect == Effect::Looks)
}

/// What the built-in answers.
pub async fn once(vm: &mut Vm, theirs: Theirs, line: &str) -> Result<String, VmError> {
    match theirs {
        Theirs::Socket => vm.builtin_line_with(line, None).await,
        Theirs::Qmp => vm.builtin_by_qmp(line).await,
    }
}

/// What the built-in answers, and what it answers again; where the first is `ours` to the byte, it
/// is not asked again.
pub async fn on(
    vm: &mut Vm,
    theirs: Theirs,
    line: &str,
    ours: &str,
) -> Result<(String, String), VmError> {
    let first = once(vm, theirs, line).await?;
    let again = match first == ours {
        true => first.clone(),
        false => once(vm, theirs, line).await?,
    };
    Ok((first, again))
}
