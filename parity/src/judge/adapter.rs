// SPDX-License-Identifier: GPL-2.0-or-later
//! The adapter: what the engine, or the program `hmp --json`, says of a line, as the ladder wants
//! it.

use hmp_engine::command::route;
use hmp_engine::engine::{self, Decision};
use serde::Deserialize;

use super::ran::{Outcome, Plan, Ran, Refusal, RouteTaken};

/// What the engine decides about a line.
#[must_use]
pub fn plan(decision: &Decision) -> Plan {
    let (route, refusal) = match &decision.plan {
        None if decision.error.is_some() => (None, None),
        None => (Some(RouteTaken::Local), None),
        Some(route::Plan::Run(route, _)) => (Some(taken(route.into())), None),
        Some(route::Plan::Passthrough) => (Some(RouteTaken::Passthrough), None),
        Some(route::Plan::Refused(refusal)) => (Some(RouteTaken::Refused), refused(refusal.word())),
    };
    Plan {
        risk: decision.risk(),
        command: decision.command.clone().unwrap_or_default(),
        route,
        refusal,
        is_read: decision.arguments.is_some(),
        has_hazards: !decision.hazards.is_empty(),
        error: decision.error.clone(),
    }
}

/// What became of a line with this plan, which the engine ran; `text` is what it printed.
#[must_use]
pub fn ran(plan: Plan, ran: engine::Ran, text: String) -> Ran {
    let failed = matches!(ran.outcome, engine::Outcome::Failed);
    let outcome = match ran.outcome {
        engine::Outcome::Disconnected(error) => Outcome::Lost(error.to_string()),
        _ => Outcome::Answered,
    };
    let refusal = ran.refusal.and_then(|refusal| refused(refusal.word()));
    Ran {
        notes: ran.notes,
        outcome,
        failed,
        text,
        ..by(plan, ran.route.map(taken), refusal)
    }
}

/// A line that has no answer.
#[must_use]
pub fn unanswered(plan: Plan, outcome: Outcome, text: String) -> Ran {
    let (route, refusal) = (plan.route, plan.refusal);
    Ran {
        failed: outcome != Outcome::Answered,
        outcome,
        text,
        ..by(plan, route, refusal)
    }
}

/// An answer of `hmp --json`, see docs/hmp.md.
#[derive(Debug, Deserialize)]
pub struct Answer {
    route: Option<String>,
    refusal: Option<String>,
    notes: Vec<String>,
    outcome: String,
    text: String,
}

/// What became of a line with this plan, which the program ran.
#[must_use]
pub fn answered(plan: Plan, answer: Answer) -> Ran {
    let route = answer.route.as_deref().and_then(RouteTaken::of_word);
    let refusal = answer.refusal.as_deref().and_then(refused);
    Ran {
        notes: answer.notes,
        failed: answer.outcome == "failed",
        text: answer.text,
        ..by(plan, route, refusal)
    }
}

/// A line that took no way was wrong, or refused: then the plan's route is the one to show.
fn by(plan: Plan, route: Option<RouteTaken>, refusal: Option<Refusal>) -> Ran {
    let route = match refusal {
        Some(Refusal::Blocked | Refusal::ToConvert) => Some(RouteTaken::Refused),
        _ => route.or(plan.route),
    };
    Ran {
        command: plan.command,
        route,
        risk: plan.risk,
        refusal,
        ..Ran::default()
    }
}

fn taken(taken: route::Taken) -> RouteTaken {
    match taken {
        route::Taken::Native => RouteTaken::Native,
        route::Taken::Derived => RouteTaken::Derived,
        route::Taken::Partial => RouteTaken::Partial,
        route::Taken::Local => RouteTaken::Local,
        route::Taken::Passthrough => RouteTaken::Passthrough,
    }
}

/// The refusal with this word, see [`route::Refusal::word`].
fn refused(word: &str) -> Option<Refusal> {
    match word {
        "blocked" | "lacks" | "not-allowed" => Some(Refusal::Blocked),
        "to-convert" => Some(Refusal::ToConvert),
        "hazard" => Some(Refusal::Harm),
        "unavailable" => Some(Refusal::Unavailable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hmp_engine::command::route::Passthrough;
    use hmp_engine::engine::Monitor;
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;
    use hmp_engine::qmp::{BoxFuture, Qmp, QmpResult};
    use serde_json::{Value, json};

    use super::*;

    /// A QEMU that answers every command with an empty object.
    struct Yes;

    impl Qmp for Yes {
        fn execute<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
            Box::pin(async { Ok(json!({})) })
        }
    }

    fn monitor() -> Monitor {
        let commands = ["stop", "query-block", "query-name", "query-migrate"];
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), commands);
        let builder = Monitor::builder(Arc::new(Yes)).passthrough(Passthrough::Never);
        builder.build_with(caps)
    }

    #[test]
    fn plans_are_read() {
        let monitor = monitor();
        let of = |line: &str| plan(&monitor.explain(line));
        let stop = of("stop");
        assert_eq!(stop.command, "stop");
        assert_eq!(stop.route, Some(RouteTaken::Native));
        assert!(stop.is_read && !stop.has_hazards && stop.refusal.is_none());
        assert!(of("info virtio-status /x").has_hazards);
        assert_eq!(of("info registers").refusal, Some(Refusal::Blocked));
        assert_eq!(of("print $rip").refusal, Some(Refusal::Blocked));
        let min = i64::MIN;
        let overflow = of(&format!("print (({min})/-1)"));
        assert_eq!(overflow.refusal, Some(Refusal::Harm), "{overflow:?}");
        assert_eq!(of("nonsense").refusal, None);
        assert_eq!(of("").route, Some(RouteTaken::Local));
    }

    #[tokio::test]
    async fn what_became_of_a_line_is_read() {
        let mut monitor = monitor();
        let mut text = String::new();
        let line = "info migrate -a";
        let plan = plan(&monitor.explain(line));
        let part = ran(plan, monitor.run_line(line, &mut text).await, text);
        assert_eq!(part.route, Some(RouteTaken::Partial));
        assert_eq!(part.notes.len(), 1);
        assert!(!part.text.contains("note: ") && !part.failed, "{part:?}");
    }

    #[test]
    fn programs_say_the_same() {
        let answer = |refusal: &str| {
            let object = json!({"refusal": refusal, "notes": [], "text": "x\n", "line": "x",
                "outcome": "failed"});
            let answer = serde_json::from_value(object).unwrap();
            answered(Plan::default(), answer)
        };
        assert_eq!(answer("blocked").refusal, Some(Refusal::Blocked));
        assert_eq!(answer("blocked").route, Some(RouteTaken::Refused));
        assert_eq!(answer("hazard").refusal, Some(Refusal::Harm));
        assert_eq!(answer("unavailable").refusal, Some(Refusal::Unavailable));
        assert!(answer("unavailable").failed);
    }
}
