// SPDX-License-Identifier: GPL-2.0-or-later
//! A server that answers every row's questions with what no QEMU says: each line ends, the
//! connection goes on, and neither text nor memory grows without bound. That nothing of it steers a
//! terminal is `tests/program/escapes.rs`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use hmp_engine::engine::Outcome;
use mock_qmp::{Answer, MockQmp};
use serde_json::{Map, Value, json};

use crate::common::qemu::skipped;
use crate::common::random::Random;
use crate::common::rows::{cases, server};
use crate::meeting::{End, all, meet};

/// What is wrong with the answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    /// The whole answer is something else.
    Whole,
    /// Some values have another type.
    Types,
    /// All numbers are at the ends of their range, or beyond.
    Numbers,
    /// Some members are missing.
    Missing,
    /// Members that nobody knows, and those of other answers.
    Extra,
    /// Words that are none of a choice; empty ones; line ends, NUL and escape sequences in them.
    Words,
    /// Some values are lists in lists, to a depth of 500.
    Deep,
    /// Lists are empty, or repeat their items.
    Lists,
    /// Strings of 200,000 bytes.
    Long,
    /// Every other request fails, with an odd class.
    Errors,
}

use Lie::{Deep, Errors, Extra, Lists, Long, Missing, Numbers, Types, Whole, Words};

const LIES: [Lie; 10] = [
    Whole, Types, Numbers, Missing, Extra, Words, Deep, Lists, Long, Errors,
];

/// How often each is told, each time otherwise.
const ROUNDS: u64 = 3;

/// No answer is longer, whatever it is made of: lists are repeated and strings are long.
const LONGEST: usize = 64 << 20;

/// Bytes of a list that was repeated, at most.
const LARGEST: usize = 1 << 20;

/// What all of it may take, of a process that has all recorded answers.
const MEMORY: u64 = 1 << 30;

fn odd_number(random: &mut Random) -> Value {
    match random.below(9) {
        0 => json!(i64::MIN),
        1 => json!(i64::MAX),
        2 => json!(u64::MAX),
        3 => json!(-1),
        4 => json!(1e308),
        5 => json!(-0.5),
        6 => json!(1_u64 << 32),
        7 => json!(0),
        _ => json!(u64::from(u32::MAX)),
    }
}

fn odd_word(random: &mut Random) -> Value {
    let words = [
        "",
        "no-such-word",
        "\0",
        "a\r\nb\n",
        "\x1b]0;X\x07",
        "\u{202e}\u{9b}",
        "/",
        "%s%n",
        "18446744073709551616",
        "-1",
        " ",
        "\u{10ffff}\u{fffd}",
    ];
    json!(random.of(&words))
}

fn another(random: &mut Random) -> Value {
    match random.below(7) {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => json!(true),
        4 => json!([[{"a": null}], 1, "x"]),
        5 => odd_word(random),
        _ => odd_number(random),
    }
}

fn deep() -> Value {
    (0..500).fold(json!(1), |inner, level| match level % 2 {
        0 => json!([inner]),
        _ => json!({ "a": inner }),
    })
}

/// Makes the answer a lie.
fn lie(value: &mut Value, lie_: Lie, random: &mut Random, large: &mut u32) {
    let mut seldom = random.below(8) == 0;
    if seldom && matches!(lie_, Deep | Long) {
        // A few are enough, and many take time to make.
        seldom = *large > 0;
        *large = large.saturating_sub(1);
    }
    match (lie_, &mut *value) {
        (Types, _) if seldom => *value = another(random),
        (Deep, _) if seldom => *value = deep(),
        (Numbers, Value::Number(_)) => *value = odd_number(random),
        (Words, Value::String(_)) if seldom || random.below(3) == 0 => *value = odd_word(random),
        (Long, Value::String(text)) if seldom => *text = "x\u{fc}\n".repeat(50_000),
        (_, Value::Array(items)) => {
            for item in &mut *items {
                lie(item, lie_, random, large);
            }
            match (lie_, random.below(3)) {
                (Lists, 0) => items.clear(),
                (Lists, 1) => {
                    let few = items.clone();
                    // Lists in lists that are all repeated have no end.
                    let length = json!(few).to_string().len();
                    let times = (300 / few.len().max(1)).min(LARGEST / length);
                    items.extend((0..times).flat_map(|_| few.clone()));
                }
                _ => {}
            }
        }
        (_, Value::Object(members)) => {
            if lie_ == Missing {
                members.retain(|_, _| random.below(5) > 0);
            }
            for (_, member) in members.iter_mut() {
                lie(member, lie_, random, large);
            }
            if lie_ == Extra && random.below(4) == 0 {
                extra(members);
            }
        }
        _ => {}
    }
}

fn extra(members: &mut Map<String, Value>) {
    for name in [
        "", "\0", "return", "error", "id", "type", "inserted", "children", "status", "\x1b[2J",
    ] {
        if !members.contains_key(name) {
            members.insert(name.to_owned(), json!({"a": [1, null, {"b": "c"}]}));
        }
    }
}

/// The same lie in the same round is the same answer.
fn answer(lie_: Lie, round: u64, name: &str, recorded: Option<&Value>) -> Answer {
    let number = name.bytes().fold(round + 1, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut random = Random(number | 1);
    random.below(2);
    if lie_ == Errors && random.below(2) == 0 {
        return Answer::error(
            random.of(&["", "CommandNotFound", "\x1b[2J", "GenericError"]),
            "",
        );
    }
    let mut answer = recorded.cloned().unwrap_or_else(|| json!({}));
    match lie_ {
        Whole => answer = another(&mut random),
        _ => lie(&mut answer, lie_, &mut random, &mut 5),
    }
    answer.into()
}

/// What this process has taken at most, in bytes (`VmHWM` of `/proc`).
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_and_every_row() {
    if std::env::var_os("HMP_TEST_LONG").is_none() {
        skipped("takes minutes (set HMP_TEST_LONG)");
        return;
    }
    let cases = cases();
    let mut table = String::new();
    for lie in LIES {
        let meetings = (0..ROUNDS).flat_map(|round| {
            cases.clone().into_iter().map(move |case| async move {
                let mock = server(MockQmp::scripted(), move |name, recorded| {
                    answer(lie, round, name, recorded)
                });
                let met = meet(mock, &case, None, Duration::from_secs(120)).await;
                let place = format!("{:?}, {lie:?}, round {round}", case.line);
                match met.end {
                    End::Unconnected(why) => panic!("{place}: {why}"),
                    End::Ran(outcome, text) => {
                        assert!(text.len() < LONGEST, "{place}: {} bytes", text.len());
                        judge(&outcome, &place);
                        outcome.word()
                    }
                }
            })
        });
        let words = all(meetings.collect::<Vec<_>>(), 8).await;
        let count = |word| words.iter().filter(|w| **w == word).count();
        let _ = writeln!(
            table,
            "| {lie:?} | {} | {} | {} |",
            count("done") + count("quit"),
            count("failed"),
            count("disconnected")
        );
    }
    let _ = writeln!(
        std::io::stderr(),
        "| lie | done | failed | given up |\n|---|--:|--:|--:|\n{table}"
    );
    let memory = most_memory();
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
}

/// A lie about what a line waits for may have it waiting until its time is over, and one may be
/// larger than a message may be; nothing else may end a connection on which messages are right.
fn judge(outcome: &Outcome, place: &str) {
    if let Outcome::Disconnected(error) = outcome {
        let text = error.to_string();
        let may = ["made no progress", "would take more than", "is longer than"];
        assert!(may.iter().any(|may| text.contains(may)), "{place}: {text}");
    }
}
