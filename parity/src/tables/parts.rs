// SPDX-License-Identifier: GPL-2.0-or-later
//! How much of the built-in's answers a command gives that gives a part.

use std::fmt::Write;

use crate::judge::baseline::Baseline;

/// A Markdown table of the lines of `command` that a baseline says to be blocked or answered in
/// part, without the built-in's help.
#[must_use]
pub fn table(baseline: &Baseline, command: &str) -> String {
    let mut out = String::from(
        "| recording | line | lines | of the built-in's | |\n|---|---|---:|---:|---:|\n",
    );
    for (_, case, line, [shown, of]) in baseline.parts() {
        let arguments = line.strip_prefix(command);
        if arguments.is_none_or(|rest| !rest.is_empty() && !rest.starts_with(' ')) {
            continue;
        }
        let share = (shown * 100).checked_div(of).unwrap_or_default();
        // Writing to a string can't fail.
        let _ = writeln!(out, "| {case} | `{line}` | {shown} | {of} | {share}% |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_command_have_their_share() {
        let text = "10.0-x86_64\tq35/main\t\"info mtree\"\tpartial\toutput\t106/196\n\
                    10.0-x86_64\tq35/main\t\"info mtree -f\"\tblocked\terror\t168\n\
                    10.0-x86_64\tq35/main\t\"info mtree x\"\tidentical\terror\t2\n\
                    10.0-x86_64\tq35/main\t\"info mtrees\"\tblocked\terror\t2\n";
        let table = table(&Baseline::parse(text).unwrap(), "info mtree");
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let expected = [
            "| q35/main | `info mtree` | 106 | 196 | 54% |",
            "| q35/main | `info mtree -f` | 0 | 168 | 0% |",
        ];
        assert_eq!(rows, expected);
    }
}
