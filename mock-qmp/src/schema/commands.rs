// SPDX-License-Identifier: GPL-2.0-or-later
//! What is known about commands beyond the schema: which of them only look.

use crate::json::Object;

/// Commands that only look, besides those that begin with `query-` or `x-query-`.
///
/// Some write a file or pause the machine for a moment, but leave its state as it was. Commands
/// that only touch the monitor itself (capabilities, descriptors) are here too.
const READ_ONLY: &[&str] = &[
    "add-fd",
    "closefd",
    "device-list-properties",
    "dump-guest-memory",
    "dump-skeys",
    "dumpdtb",
    "getfd",
    "memsave",
    "pmemsave",
    "qmp_capabilities",
    "qom-get",
    "qom-list",
    "qom-list-get",
    "qom-list-properties",
    "qom-list-types",
    "remove-fd",
    "screendump",
    "trace-event-get-state",
    "x-debug-block-dirty-bitmap-sha256",
    "x-debug-query-block-graph",
    "xen-save-devices-state",
];

/// First words of lines of the built-in monitor that leave the machine as it is, one a line.
const READ_ONLY_LINES: &str = include_str!("looking_lines.txt");

/// Read-only commands that pause the machine: the events they cause come each time they run.
const PAUSING: &[&str] = &["dump-guest-memory", "xen-save-devices-state"];

/// The command that runs a line of the built-in monitor.
pub(crate) const BUILTIN: &str = "human-monitor-command";

/// Commands that the mock carries out itself, since they concern descriptors that a client passes.
pub(crate) const DESCRIPTOR_COMMANDS: &[&str] =
    &["add-fd", "closefd", "getfd", "query-fdsets", "remove-fd"];

/// Whether a request may change the machine, so that queries after it may answer differently.
#[must_use]
pub fn changes_state(command: &str, arguments: &Object) -> bool {
    if command.starts_with("query-") || command.starts_with("x-query-") {
        return false;
    }
    if command == BUILTIN {
        let line = arguments
            .get("command-line")
            .and_then(|line| line.as_str())
            .unwrap_or_default();
        let word = line
            .trim_start()
            .split([' ', '\t', '/'])
            .next()
            .unwrap_or_default();
        return !word.is_empty() && !READ_ONLY_LINES.lines().any(|line| line == word);
    }
    !READ_ONLY.contains(&command)
}

/// Whether a read-only command stops the machine while it runs.
pub(crate) fn pauses(command: &str) -> bool {
    PAUSING.contains(&command)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::json::Value;

    #[rstest]
    #[case("query-status", "", false)]
    #[case("x-query-jit", "", false)]
    #[case("qom-get", "", false)]
    #[case("stop", "", true)]
    #[case("qom-set", "", true)]
    #[case("human-monitor-command", "info status", false)]
    #[case("human-monitor-command", " x/4x 0", false)]
    #[case("human-monitor-command", "print/x 1", false)]
    #[case("human-monitor-command", "stop", true)]
    #[case("human-monitor-command", "information", true)]
    fn looks_or_changes(#[case] command: &str, #[case] line: &str, #[case] changes: bool) {
        let arguments = [("command-line".to_owned(), Value::String(line.to_owned()))].into();
        assert_eq!(changes_state(command, &arguments), changes);
    }
}
