// SPDX-License-Identifier: GPL-2.0-or-later
//! The adapter: reads what our side did out of what the engine says of it today, which is
//! the JSON of `Monitor::explain` and sentences in answers.
//!
//! No other code of this crate looks for these members and sentences.

use serde_json::Value;

use super::ran::{Outcome, Plan, Ran, Refusal, RouteTaken};

/// What an answer begins with where the line would harm QEMU and was not carried out.
const HARM: &str = "refused: ";

/// What follows the command's name where QMP has no way, which some commands find out only when
/// they look at their arguments. Nothing was done then.
const BLOCKED: &str = ": blocked: ";

/// How the last line of a partial answer begins.
const NOTE: &str = "note: ";

/// In the error of an expression with a register that no QMP command reads.
const NO_REGISTER: &str = "is not available: no QMP command";

/// What `explain` says of a line.
#[must_use]
pub fn plan(explained: &Value) -> Plan {
    let text = |key: &str| explained.get(key).and_then(Value::as_str);
    let route = text("route").and_then(RouteTaken::of_word);
    let error = text("error").map(str::to_owned);
    let refusal = match (route, error.as_deref()) {
        (Some(RouteTaken::Refused), _) if text("reason") == Some("to-convert") => {
            Some(Refusal::ToConvert)
        }
        (Some(RouteTaken::Refused), _) => Some(Refusal::Blocked),
        (None, Some(error)) if error.starts_with(HARM) => Some(Refusal::Harm),
        (None, Some(error)) if error.contains(NO_REGISTER) => Some(Refusal::Blocked),
        _ => None,
    };
    Plan {
        command: text("command").unwrap_or_default().to_owned(),
        route,
        refusal,
        is_read: explained.get("arguments").is_some(),
        has_hazards: explained.get("hazards").is_some(),
        error,
    }
}

/// What became of a line with this plan, by what it printed.
#[must_use]
pub fn ran(plan: Plan, outcome: Outcome, text: String) -> Ran {
    let rest = text.strip_prefix(plan.command.as_str());
    let is_blocked = !plan.command.is_empty() && rest.is_some_and(|r| r.starts_with(BLOCKED));
    let (route, refusal) = if text.starts_with(HARM) {
        (plan.route, Some(Refusal::Harm))
    } else if is_blocked {
        let refusal = plan.refusal.unwrap_or(Refusal::Blocked);
        (Some(RouteTaken::Refused), Some(refusal))
    } else {
        (plan.route, plan.refusal)
    };
    let last = text.lines().next_back();
    let note = last.and_then(|line| line.strip_prefix(NOTE));
    Ran {
        command: plan.command,
        route,
        refusal,
        notes: note.map(str::to_owned).into_iter().collect(),
        outcome,
        text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(explained: &Value, text: &str) -> Ran {
        ran(plan(explained), Outcome::Answered, text.into())
    }

    #[test]
    fn plans_are_read() {
        let stop = plan(&json!({"command": "stop", "arguments": {}, "route": "native"}));
        assert_eq!(stop.command, "stop");
        assert_eq!(stop.route, Some(RouteTaken::Native));
        assert!(stop.is_read && !stop.has_hazards && stop.refusal.is_none());
        let refusal = |explained: Value| plan(&explained).refusal;
        let later = json!({"route": "refused", "reason": "to-convert"});
        assert_eq!(refusal(later), Some(Refusal::ToConvert));
        let lacks = json!({"route": "refused", "reason": "lacks"});
        assert_eq!(refusal(lacks), Some(Refusal::Blocked));
        assert_eq!(
            refusal(json!({"error": "refused: it overflows"})),
            Some(Refusal::Harm)
        );
        let register = json!({"error": "register $x is not available: no QMP command reads it"});
        assert_eq!(refusal(register), Some(Refusal::Blocked));
        assert_eq!(refusal(json!({"error": "unknown command: 'x'"})), None);
    }

    #[test]
    fn an_answer_can_be_less_than_the_plan() {
        let derived = json!({"command": "drive_del", "route": "derived"});
        let blocked = answered(&derived, "drive_del: blocked: no command\n");
        assert_eq!(blocked.route, Some(RouteTaken::Refused));
        assert_eq!(blocked.refusal, Some(Refusal::Blocked));
        // Another command's name, or none, says nothing about this one.
        assert_eq!(
            answered(&derived, "stop: blocked: no command\n").refusal,
            None
        );
        let blank = json!({"route": "local"});
        assert_eq!(
            answered(&blank, ": blocked: x\n").route,
            Some(RouteTaken::Local)
        );
        let harm = answered(&derived, "refused: drive_del kills QEMU\n");
        assert_eq!(harm.refusal, Some(Refusal::Harm));
        assert_eq!(harm.route, Some(RouteTaken::Derived));
    }

    #[test]
    fn a_note_is_the_last_line() {
        let derived = json!({"command": "info qtree", "route": "derived"});
        assert_eq!(answered(&derived, "a\nnote: no b\n").notes, ["no b"]);
        assert!(answered(&derived, "note: x\na\n").notes.is_empty());
        assert!(answered(&derived, "").notes.is_empty());
    }
}
