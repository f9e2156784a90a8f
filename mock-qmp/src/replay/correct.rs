// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers that were given in another state, corrected by what is known of the present one.

use serde_json::{Value, json};

use super::model::Model;
use super::relations::RUNNING;

type Correction = fn(&mut Value, &Model, &Model);

/// Commands whose answers say what the model says. A correction gets the answer, the state in which
/// it was given and the present one.
const CORRECTIONS: &[(&str, Correction)] = &[
    ("query-block", trays),
    ("query-block-jobs", block_jobs),
    ("query-jobs", jobs),
    ("query-migrate", migration),
    ("query-named-block-nodes", nodes),
    ("query-status", run_state),
];

/// The answer, given as JSON text, as of the present state; `None` where it is right as it is.
pub(super) fn correct(command: &str, answer: &str, then: &Model, now: &Model) -> Option<String> {
    let (_, correction) = CORRECTIONS.iter().find(|(name, _)| *name == command)?;
    let before: Value = serde_json::from_str(answer).ok()?;
    let mut value = before.clone();
    // Whatever a recording holds must not end the mock.
    if !value.is_object() && !value.is_array() {
        return None;
    }
    correction(&mut value, then, now);
    (value != before).then(|| value.to_string())
}

fn run_state(answer: &mut Value, then: &Model, now: &Model) {
    if answer.is_object() && now.run != then.run && !now.run.is_empty() {
        answer["status"] = json!(now.run);
        answer["running"] = json!(now.run == RUNNING);
    }
}

fn migration(answer: &mut Value, then: &Model, now: &Model) {
    if !answer.is_object() {
        return;
    }
    if now.migration.is_empty() {
        *answer = json!({});
    } else if now.migration != then.migration {
        answer["status"] = json!(now.migration);
    }
}

/// Keeps the jobs that are there, with their status.
fn jobs(answer: &mut Value, _: &Model, now: &Model) {
    let Some(list) = answer.as_array_mut() else {
        return;
    };
    list.retain_mut(|job| {
        let status = job["id"].as_str().and_then(|id| now.jobs.get(id)).cloned();
        if let Some(status) = &status {
            job["status"] = json!(status);
        }
        status.is_some()
    });
}

/// Keeps the jobs that are there. Their status has other words.
fn block_jobs(answer: &mut Value, then: &Model, now: &Model) {
    if let Some(list) = answer.as_array_mut() {
        list.retain(|job| {
            let id = job["device"].as_str().unwrap_or_default();
            now.jobs.contains_key(id) || !then.jobs.contains_key(id)
        });
    }
}

/// Leaves out nodes that were added there and are not here.
fn nodes(answer: &mut Value, then: &Model, now: &Model) {
    if let Some(list) = answer.as_array_mut() {
        list.retain(|node| {
            let name = node["node-name"].as_str().unwrap_or_default().to_owned();
            let added = |model: &Model| model.added.iter().any(|(_, id)| *id == name);
            added(now) || !added(then)
        });
    }
}

fn trays(answer: &mut Value, _: &Model, now: &Model) {
    for device in answer.as_array_mut().into_iter().flatten() {
        let id = device["qdev"].as_str().unwrap_or_default();
        if let (Some(open), Some(shown)) = (now.trays.get(id), device.get_mut("tray_open")) {
            *shown = json!(open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_the_state() {
        let then = Model {
            run: "prelaunch".to_owned(),
            ..Model::default()
        };
        let mut now = Model {
            run: "running".to_owned(),
            migration: "active".to_owned(),
            ..Model::default()
        };
        now.jobs.insert("j".to_owned(), "ready".to_owned());
        now.trays.insert("cd0".to_owned(), true);
        let cases = [
            (
                "query-status",
                json!({"status": "prelaunch", "running": false}),
                json!({"status": "running", "running": true}),
            ),
            ("query-migrate", json!({}), json!({"status": "active"})),
            (
                "query-jobs",
                json!([{"id": "i", "status": "running"}, {"id": "j", "status": "running"}]),
                json!([{"id": "j", "status": "ready"}]),
            ),
            (
                "query-block",
                json!([{"qdev": "cd0", "tray_open": false}, {"qdev": "d"}]),
                json!([{"qdev": "cd0", "tray_open": true}, {"qdev": "d"}]),
            ),
        ];
        for (command, before, after) in cases {
            let corrected = correct(command, &before.to_string(), &then, &now).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&corrected).unwrap(), after);
            assert_eq!(correct(command, &corrected, &now, &now), None);
        }
        assert_eq!(correct("query-name", "{}", &then, &now), None);
    }
}
