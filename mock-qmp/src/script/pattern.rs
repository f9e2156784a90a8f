// SPDX-License-Identifier: GPL-2.0-or-later
//! Arguments that a rule asks for, and what it keeps of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What was kept, by name.
pub(super) type Kept = BTreeMap<String, Value>;

/// Most nesting that is looked at.
const DEEPEST: usize = 64;

/// Whether arguments are as wanted; what is kept of them is added.
pub(super) fn matches(
    wanted: &Map<String, Value>,
    exact: bool,
    given: &Map<String, Value>,
    kept: &mut Kept,
) -> bool {
    members(wanted, exact, given, kept, DEEPEST)
}

fn members(
    wanted: &Map<String, Value>,
    exact: bool,
    given: &Map<String, Value>,
    kept: &mut Kept,
    depth: usize,
) -> bool {
    if exact && given.len() != wanted.len() || depth == 0 {
        return false;
    }
    wanted.iter().all(|(name, wanted)| {
        given
            .get(name)
            .is_some_and(|given| value(wanted, exact, given, kept, depth - 1))
    })
}

fn value(wanted: &Value, exact: bool, given: &Value, kept: &mut Kept, depth: usize) -> bool {
    match (wanted, given) {
        (Value::Object(wanted), Value::Object(given)) => members(wanted, exact, given, kept, depth),
        (Value::Array(wanted), Value::Array(given)) => {
            depth > 0
                && wanted.len() == given.len()
                && wanted
                    .iter()
                    .zip(given)
                    .all(|(wanted, given)| value(wanted, exact, given, kept, depth - 1))
        }
        (Value::String(pattern), given) if pattern.contains("${") => {
            if let Some(name) = whole(pattern) {
                if !name.is_empty() {
                    kept.insert(name.to_owned(), given.clone());
                }
                return true;
            }
            given.as_str().is_some_and(|text| fits(pattern, text, kept))
        }
        _ => wanted == given,
    }
}

/// The name, where a text is nothing but `${NAME}`.
fn whole(pattern: &str) -> Option<&str> {
    let name = pattern.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains("${")).then_some(name)
}

/// Whether a text is as a pattern says. Each `${NAME}` stands for as little as what follows it
/// allows.
fn fits(pattern: &str, text: &str, kept: &mut Kept) -> bool {
    let Some((front, rest)) = pattern.split_once("${") else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(front) else {
        return false;
    };
    let Some((name, rest)) = rest.split_once('}') else {
        return false;
    };
    let next = rest.split("${").next().unwrap_or_default();
    let end = match rest.contains("${") {
        // What is behind the last one is the end of the text.
        false => text.strip_suffix(next).map(str::len),
        true if next.is_empty() => Some(text.len()),
        true => text.find(next),
    };
    let Some(end) = end else {
        return false;
    };
    if !name.is_empty() {
        kept.insert(name.to_owned(), Value::from(&text[..end]));
    }
    fits(rest, &text[end..], kept)
}

/// A value with what was kept in the places that name it. Where a text is nothing but the name, it
/// becomes what was kept, a number for instance.
pub(super) fn filled(template: &Value, kept: &Kept) -> Value {
    match template {
        Value::String(text) if text.contains("${") => {
            if let Some(value) = whole(text).and_then(|name| kept.get(name)) {
                return value.clone();
            }
            Value::from(filled_text(text, kept))
        }
        Value::Array(elements) => elements
            .iter()
            .map(|element| filled(element, kept))
            .collect(),
        Value::Object(members) => {
            let members = members.iter();
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), filled(value, kept)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// The same with text. What was not kept stays as it is written.
pub(super) fn filled_text(text: &str, kept: &Kept) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((front, behind)) = rest.split_once("${") {
        out.push_str(front);
        let name = behind.split_once('}').map(|(name, _)| name);
        let value = name.and_then(|name| kept.get(name));
        match (name, value) {
            (Some(name), Some(value)) => {
                match value {
                    Value::String(text) => out.push_str(text),
                    other => out.push_str(&other.to_string()),
                }
                rest = &behind[name.len() + 1..];
            }
            _ => {
                out.push_str("${");
                rest = behind;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"id": "${id}"}), false, json!({"id": "a", "x": 1}), Some(json!({"id": "a"})))]
    #[case(json!({"id": "${id}"}), true, json!({"id": "a", "x": 1}), None)]
    #[case(json!({"id": "nic${n}"}), false, json!({"id": "nic7"}), Some(json!({"n": "7"})))]
    #[case(json!({"id": "${a}-${b}.raw"}), false, json!({"id": "x-y-z.raw"}), Some(json!({"a": "x", "b": "y-z"})))]
    #[case(json!({"id": "nic${n}"}), false, json!({"id": "disk7"}), None)]
    #[case(json!({"n": "${n}"}), false, json!({"n": 3}), Some(json!({"n": 3})))]
    #[case(json!({"n": "${}"}), false, json!({"n": [1]}), Some(json!({})))]
    #[case(json!({"n": "${}"}), false, json!({}), None)]
    #[case(json!({"o": {"p": [1, "${x}"]}}), false, json!({"o": {"p": [1, 2], "q": 3}}), Some(json!({"x": 2})))]
    #[case(json!({"n": "${x"}), false, json!({"n": "1"}), None)]
    #[case(json!({"é": "é${x}é"}), false, json!({"é": "éüé"}), Some(json!({"x": "ü"})))]
    fn arguments(
        #[case] wanted: Value,
        #[case] exact: bool,
        #[case] given: Value,
        #[case] expected: Option<Value>,
    ) {
        let mut kept = Kept::new();
        let fits = matches(
            wanted.as_object().unwrap(),
            exact,
            given.as_object().unwrap(),
            &mut kept,
        );
        let kept = Value::Object(kept.into_iter().collect());
        assert_eq!(fits.then_some(kept), expected);
    }

    #[test]
    fn replies_use_what_was_kept() {
        let kept = Kept::from([("n".to_owned(), json!(3)), ("s".to_owned(), json!("x"))]);
        let template = json!({"a": "${n}", "b": "${s}-${n}", "c": ["${other}", "${"]});
        let expected = json!({"a": 3, "b": "x-3", "c": ["${other}", "${"]});
        assert_eq!(filled(&template, &kept), expected);
    }
}
