// SPDX-License-Identifier: GPL-2.0-or-later
//! How many commands take which route on each recorded QEMU: the README's table.

use std::fmt::Write;

use hmp_engine::command::route::{self, State};
use hmp_engine::table;

use super::offered::Offers;

/// A Markdown table: states by QEMU, how many commands are in a better one with the user's
/// permission, and how many are blocked whatever is permitted.
#[must_use]
pub fn table(qemus: &Offers) -> String {
    let mut out = String::from("| QEMU | commands |");
    for state in State::ALL {
        // Writing to a string can't fail.
        let _ = write!(out, " {} |", state.word());
    }
    out.push_str(" better with `--allow` | blocked with `--allow` |\n|---|---:|");
    out.push_str(&"---:|".repeat(State::ALL.len() + 2));
    out.push('\n');
    for (qemu, caps) in qemus {
        let states: Vec<State> = table::rows(caps)
            .all()
            .map(|(_, row)| route::state(row, caps))
            .collect();
        let _ = write!(out, "| {qemu} | {} |", states.len());
        for state in State::ALL {
            let count = states.iter().filter(|s| **s == state).count();
            let _ = write!(out, " {count} |");
        }
        let rows = table::rows(caps);
        let better = rows
            .all()
            .filter(|(_, row)| route::leave(row, caps).is_some());
        let stuck = rows.all().filter(|(_, row)| {
            route::state(row, caps) == State::Blocked && route::leave(row, caps).is_none()
        });
        let _ = writeln!(out, " {} | {} |", better.count(), stuck.count());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hmp_engine::host::Risk;
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::case::Qemu;

    #[test]
    fn what_needs_leave_counts_as_what_it_is_without() {
        let needs: BTreeSet<&str> = table::named("info lapic").map_or_else(BTreeSet::new, |row| {
            row.routes
                .iter()
                .flat_map(|r| r.needs().iter().copied())
                .collect()
        });
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), needs);
        let row = table::named("info lapic").unwrap();
        assert_eq!(route::state(row, &caps), State::Blocked);
        assert_eq!(route::leave(row, &caps), Some(Risk::Risky));
        let without = Caps::from_parts(v(10, 0), Some("x86_64"), ["stop"]);
        assert_eq!(route::leave(row, &without), None);
    }

    #[test]
    fn what_leave_frees_is_not_blocked_with_it() {
        let needs = table::named("info lapic").unwrap().routes.iter();
        let needs: BTreeSet<&str> = needs.flat_map(|r| r.needs().iter().copied()).collect();
        let last = |needs: &BTreeSet<&str>| -> usize {
            let caps = Caps::from_parts(v(10, 0), Some("x86_64"), needs.iter().copied());
            let table = table(&Offers::from([(Qemu::of(&caps), caps)]));
            let cells: Vec<&str> = table.trim_end().split('|').collect();
            cells[cells.len() - 2].trim().parse().unwrap()
        };
        let mut without = needs.clone();
        without.remove("xen-save-devices-state");
        assert!(last(&needs) < last(&without));
    }

    #[test]
    fn every_command_counts_once() {
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), ["query-status", "stop"]);
        let rows = table::rows(&caps).all().count();
        let table = table(&Offers::from([(Qemu::of(&caps), caps)]));
        let last = table.lines().last().unwrap();
        let numbers: Vec<usize> = last
            .split('|')
            .filter_map(|c| c.trim().parse().ok())
            .collect();
        assert_eq!(numbers[0], rows);
        let (states, allowed) = numbers[1..].split_at(State::ALL.len());
        assert_eq!(states.iter().sum::<usize>(), rows);
        // Nothing that could be permitted is in this schema.
        assert_eq!(allowed, [0, states[State::ALL.len() - 1]]);
        assert_eq!(numbers[1], 2, "stop and info status are native: {last}");
    }
}
