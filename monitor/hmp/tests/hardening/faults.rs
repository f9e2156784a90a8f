// SPDX-License-Identifier: GPL-2.0-or-later
//! Every fault that the mock knows, met by a line of every row at its first request and at its last:
//! each ends in a bounded time with an answer or a typed error, and what does no harm changes
//! nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use hmp_engine::engine::Outcome;
use mock_qmp::{Fault, FaultKind, MockQmp};

use crate::common::rows::{Case, RECORDED, cases, server, usual};
use crate::meeting::{COLUMNS, End, Met, all, meet};

/// What may come of a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
enum May {
    /// Nothing.
    Nothing,
    /// The command's error, which some lines pass over.
    Fail,
    /// The end of the connection.
    Lose,
    /// There is no connection.
    NeverConnect,
}

use May::{Fail, Lose, NeverConnect, Nothing};

/// How long a command may take, where the fault is that it takes long.
const SHORT: Duration = Duration::from_millis(1500);

/// And where it is not, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

const FAULTS: &[(&str, May)] = &[
    ("delay:ms=20", Nothing),
    ("delay:ms=5000", Lose),
    ("late:ms=20", Nothing),
    ("late:ms=5000", Lose),
    ("silence", Lose),
    ("slow:ms=1", Lose),
    ("slow:ms=100", Lose),
    ("split-bytes", Nothing),
    ("merge:ms=20", Nothing),
    ("drop-before", Lose),
    ("drop-in", Lose),
    ("drop-after", Lose),
    ("truncate", Lose),
    ("garbage:bytes=64", Lose),
    ("invalid-utf8", Lose),
    ("wrong-id", Lose),
    ("missing-id", Lose),
    ("duplicate", Nothing),
    ("error", Fail),
    ("event-burst:count=1000", Nothing),
    ("huge:bytes=2500000", Lose),
    ("depth-bomb:depth=100000", Lose),
    ("no-greeting", NeverConnect),
    ("endless-greeting", NeverConnect),
    ("refuse:ms=60000", NeverConnect),
    ("unlink", Nothing),
];

/// What a fault is met at.
fn is_about_connecting(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::NoGreeting
            | FaultKind::EndlessGreeting
            | FaultKind::Refuse(_)
            | FaultKind::Unlink
    )
}

fn mock() -> MockQmp {
    server(MockQmp::scripted(), usual)
}

/// The faults of one row: where they are met is known from the line's usual run.
fn plan(case: &Case, usual: &Met) -> Vec<(usize, Fault)> {
    let mut plan = Vec::new();
    for (number, (text, _)) in FAULTS.iter().enumerate() {
        let fault: Fault = text.parse().unwrap();
        if is_about_connecting(&fault) {
            plan.push((number, fault));
            continue;
        }
        // A byte at a time, with all others in between, a long reply takes longer than it is worth.
        let is_short = |name: &String| {
            let answer = RECORDED.answers.get(name);
            answer.is_none_or(|answer| answer.to_string().len() < 2_000)
        };
        let by_bytes = matches!(fault.kind, FaultKind::SplitBytes | FaultKind::Slow(_));
        let met = usual.asked.iter().enumerate();
        let met = met.filter(|(_, name)| !by_bytes || is_short(name));
        let places: Vec<_> = met.map(|(place, _)| usual.connecting + 1 + place).collect();
        let ends = [places.first(), places.last()];
        let mut ends: Vec<_> = ends.into_iter().flatten().collect();
        ends.dedup();
        for nth in ends {
            plan.push((number, fault.clone().on_nth(*nth as u64)));
        }
    }
    assert!(!plan.is_empty(), "{case:?}");
    plan
}

/// What does not hold, if so.
fn judge(case: &Case, fault: &Fault, may: May, usual: &End, met: &Met) -> Option<String> {
    let column = met.end.column(usual);
    let lost = column.ends_with("(4)");
    let same = column == "as ever";
    let holds = match may {
        Nothing => same,
        Fail => !lost && column != "no connection (3)",
        // Where the answer is the right one, what it is made of had come before.
        Lose => lost || same,
        NeverConnect => column == "no connection (3)",
    };
    let said = match &met.end {
        End::Ran(Outcome::Disconnected(error), _) => error.to_string(),
        _ => "unknown".to_owned(),
    };
    // What may have happened is never left unsaid.
    let is_said = said.contains("unknown") && !said.contains(char::is_control);
    let place = || {
        format!(
            "{:?}, {fault}: {column}: {met:.500?}\n  usually {usual:.300?}",
            case.line
        )
    };
    (!holds || !is_said).then(place)
}

type Counts = BTreeMap<(usize, &'static str), usize>;

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_and_every_row() {
    let cases = cases();
    let usual = all(
        cases
            .clone()
            .into_iter()
            .map(|case| async move { meet(mock(), &case, None, LONG).await }),
        8,
    );
    let usual = usual.await;
    let mut meetings = Vec::new();
    for (case, usual) in cases.iter().zip(&usual) {
        for (number, fault) in plan(case, usual) {
            let (case, usual) = (case.clone(), usual.end.clone());
            let lose = matches!(FAULTS[number].1, Lose | NeverConnect);
            meetings.push((lose, async move {
                let patience = match FAULTS[number].1 {
                    Lose | NeverConnect => SHORT,
                    Nothing | Fail => LONG,
                };
                let mut met = meet(mock(), &case, Some(fault.clone()), patience).await;
                for _ in 0..3 {
                    // On a busy machine connecting may take longer.
                    if !matches!(met.end, End::Unconnected(_)) || FAULTS[number].1 == NeverConnect {
                        break;
                    }
                    met = meet(mock(), &case, Some(fault.clone()), patience).await;
                }
                let wrong = judge(&case, &fault, FAULTS[number].1, &usual, &met);
                (number, met.end.column(&usual), wrong)
            }));
        }
    }
    let count = meetings.len();
    let mut counts = Counts::new();
    let mut wrong = Vec::new();
    // Those that only wait may be many at once.
    let (waiting, working): (Vec<_>, Vec<_>) = meetings.into_iter().partition(|(lose, _)| *lose);
    let alone = |meetings: Vec<(bool, _)>| meetings.into_iter().map(|(_, meeting)| meeting);
    let mut met = all(alone(waiting), 64).await;
    met.extend(all(alone(working), 4).await);
    for (number, column, found) in met {
        *counts.entry((number, column)).or_default() += 1;
        wrong.extend(found);
    }
    let asking = usual.iter().filter(|met| !met.asked.is_empty()).count();
    let table = table(&counts);
    // Not by a macro: what those print is shown only for tests that fail.
    let _ = writeln!(
        std::io::stderr(),
        "{} rows, {asking} of them ask, {count} meetings\n{table}",
        cases.len()
    );
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
    assert!(
        asking > 130 && count > 4000,
        "{asking} of {} rows ask, {count} meetings",
        cases.len()
    );
}

/// Markdown.
fn table(counts: &Counts) -> String {
    let mut table = format!(
        "| fault | {} |\n|---|{}\n",
        COLUMNS.join(" | "),
        "--:|".repeat(COLUMNS.len())
    );
    for (number, (fault, _)) in FAULTS.iter().enumerate() {
        let _ = write!(table, "| `{fault}` |");
        for column in COLUMNS {
            let _ = match counts.get(&(number, column)) {
                Some(count) => write!(table, " {count} |"),
                None => write!(table, " |"),
            };
        }
        table.push('\n');
    }
    table
}

/// The list above is by hand; a new fault must get its line.
#[test]
fn every_fault_is_listed() {
    for kind in FaultKind::all() {
        let name = Fault::from(kind).to_string();
        let name = name.split(':').next().unwrap();
        let listed = FAULTS
            .iter()
            .any(|(text, _)| text.split(':').next() == Some(name));
        assert!(listed, "{name}");
    }
}
