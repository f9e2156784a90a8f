// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers that were given in another state, corrected by what is known of the present one.

use serde_json::{Value, json};

use super::lists::{Given, lists};
use super::model::Model;
use super::relations::{Asked, LISTS, RUNNING};
use super::text::is_word;
use crate::json::Object;

/// A correction gets the answer, the state in which it was given, the present one, and other
/// answers to the request.
type Correction = fn(&mut Value, &Model, &Model, &[Given<'_>]);
/// Whether an answer needs no correction: the state in which it was given, and the present one.
type Fits = fn(&Model, &Model) -> bool;

/// Requests whose answers say what the model says.
const CORRECTIONS: &[(Asked, Fits, Option<Correction>)] = &[
    (Asked::Command("query-block"), same_media, Some(media)),
    (Asked::Command("query-block"), same_trays, Some(trays)),
    (Asked::Command("query-named-block-nodes"), same_media, None),
    (Asked::Line("info block"), same_media, None),
    (Asked::Line("info block"), same_trays, Some(trays_text)),
    (Asked::LineAbout("info block"), same_media, None),
    (Asked::LineAbout("info block"), same_trays, Some(trays_text)),
    (Asked::Command("query-jobs"), same_jobs, Some(jobs)),
    (
        Asked::Command("query-migrate"),
        same_migration,
        Some(migration),
    ),
    (Asked::Line("info migrate"), same_migration, None),
    (Asked::Command("query-status"), same_run, Some(run_state)),
    (Asked::Line("info status"), same_run, Some(run_state_text)),
];

/// Whether the answer to a request depends on the state.
pub(super) fn depends(command: &str, arguments: &Object) -> bool {
    let mut rows = CORRECTIONS.iter();
    rows.any(|(asked, ..)| asked.is(command, arguments))
        || LISTS.iter().any(|list| list.of.is(command, arguments))
}

/// The answer as of the present state; `None` where it is right as it is. Where another answer to
/// the request was given in a state that says the same of what it is about, that is taken.
pub(super) fn correct(
    command: &str,
    arguments: &Object,
    given: Given<'_>,
    now: &Model,
    others: &[Given<'_>],
) -> Option<String> {
    let lists = lists(command, arguments);
    let rows = CORRECTIONS.iter();
    let corrections: Vec<_> = rows
        .filter(|(asked, ..)| asked.is(command, arguments))
        .collect();
    let misfits = |(_, then): &Given<'_>| {
        let lists = lists.iter().filter(|list| !list.is_alike(then, now));
        let rows = corrections.iter().filter(|(_, fits, _)| !fits(then, now));
        // What no correction puts right is worse than all that one does.
        let weight = |(_, _, correction): &&(Asked, Fits, Option<Correction>)| match correction {
            Some(_) => 1,
            None => LISTS.len(),
        };
        lists.count() + rows.map(weight).sum::<usize>()
    };
    let own = misfits(&given);
    let better = || {
        let ranked = others.iter().map(|other| (misfits(other), other));
        let best = ranked.min_by_key(|(misfits, _)| *misfits);
        best.filter(|(misfits, _)| *misfits < own)
            .map(|(_, other)| *other)
    };
    let other = if own == 0 { None } else { better() };
    let (text, then) = other.unwrap_or(given);
    let before: Value = serde_json::from_str(text).ok()?;
    let mut value = before.clone();
    for list in lists {
        list.put_right(&mut value, then, now, others);
    }
    for correction in corrections
        .iter()
        .filter_map(|(.., correction)| *correction)
    {
        correction(&mut value, then, now, others);
    }
    match value == before {
        true => other.map(|_| text.to_owned()),
        false => Some(value.to_string()),
    }
}

fn same_run(then: &Model, now: &Model) -> bool {
    now.run == then.run || now.run.is_empty()
}

fn run_state(answer: &mut Value, then: &Model, now: &Model, _: &[Given<'_>]) {
    // Whatever a recording holds must not end the mock.
    if answer.is_object() && !same_run(then, now) {
        answer["status"] = json!(now.run);
        answer["running"] = json!(now.run == RUNNING);
    }
}

/// The built-in monitor's words (`hmp_info_status`).
fn run_state_text(answer: &mut Value, then: &Model, now: &Model, _: &[Given<'_>]) {
    if answer.is_string() && !same_run(then, now) {
        let state = match now.run.as_str() {
            RUNNING => RUNNING.to_owned(),
            "paused" => "paused".to_owned(),
            other => format!("paused ({other})"),
        };
        *answer = json!(format!("VM status: {state}\r\n"));
    }
}

fn same_migration(then: &Model, now: &Model) -> bool {
    now.migration == then.migration
}

fn migration(answer: &mut Value, then: &Model, now: &Model, _: &[Given<'_>]) {
    if !answer.is_object() {
        return;
    }
    if now.migration.is_empty() {
        *answer = json!({});
    } else if !same_migration(then, now) {
        answer["status"] = json!(now.migration);
    }
}

fn same_jobs(then: &Model, now: &Model) -> bool {
    let status = |model: &Model| -> Vec<String> {
        let jobs = model.jobs.values();
        jobs.map(|job| format!("{} {}", job.recorded, job.status))
            .collect()
    };
    status(then) == status(now)
}

/// Their status; which there are is in the list.
fn jobs(answer: &mut Value, _: &Model, now: &Model, _: &[Given<'_>]) {
    for job in answer.as_array_mut().into_iter().flatten() {
        let known = job["id"].as_str().and_then(|id| now.jobs.get(id));
        if let Some(known) = known {
            job["status"] = json!(known.status);
        }
    }
}

fn same_media(then: &Model, now: &Model) -> bool {
    now.media == then.media
}

/// What is in a device is as another answer has it, where that has the same medium.
fn media(answer: &mut Value, then: &Model, now: &Model, others: &[Given<'_>]) {
    let of = |model: &Model, device: &str| model.media.get(device).cloned();
    for shown in answer.as_array_mut().into_iter().flatten() {
        let Some(device) = shown["qdev"].as_str().map(str::to_owned) else {
            continue;
        };
        let medium = of(now, &device);
        if medium == of(then, &device) {
            continue;
        }
        let mut same = others
            .iter()
            .filter(|(_, then)| of(then, &device) == medium)
            .filter_map(|(text, _)| {
                let list: Vec<Value> = serde_json::from_str(text).ok()?;
                list.into_iter().find(|it| it["qdev"] == device.as_str())
            });
        match (same.next(), &medium, shown.as_object_mut()) {
            (Some(other), ..) => *shown = other,
            (None, Some(None), Some(members)) => {
                members.shift_remove("inserted");
            }
            _ => {}
        }
    }
}

fn same_trays(then: &Model, now: &Model) -> bool {
    now.trays == then.trays
}

fn trays(answer: &mut Value, _: &Model, now: &Model, _: &[Given<'_>]) {
    for device in answer.as_array_mut().into_iter().flatten() {
        let id = device["qdev"].as_str().unwrap_or_default();
        if let (Some(open), Some(shown)) = (now.trays.get(id), device.get_mut("tray_open")) {
            *shown = json!(open);
        }
    }
}

/// The built-in monitor's words (`print_block_info`), in the paragraph of each device.
fn trays_text(answer: &mut Value, _: &Model, now: &Model, _: &[Given<'_>]) {
    let Some(text) = answer.as_str() else {
        return;
    };
    let said = |paragraph: &str| {
        let mut trays = now.trays.iter();
        let open = trays.find(|(device, _)| is_word(paragraph, device))?.1;
        let (from, to) = match open {
            true => ("tray closed", "tray open"),
            false => ("tray open", "tray closed"),
        };
        Some(paragraph.replacen(from, to, 1))
    };
    let paragraphs = text.split_inclusive("\r\n\r\n");
    let text: String = paragraphs
        .map(|one| said(one).unwrap_or_else(|| one.to_owned()))
        .collect();
    *answer = Value::String(text);
}

#[cfg(test)]
mod tests {
    use super::super::model::{Event, Job};
    use super::*;

    fn asked(command: &str) -> (&str, Object) {
        match command.strip_prefix("hmp ") {
            Some(line) => {
                let line = crate::json::Value::String(line.to_owned());
                (
                    crate::schema::BUILTIN,
                    [("command-line".to_owned(), line)].into(),
                )
            }
            None => (command, Object::new()),
        }
    }

    #[test]
    fn answers_follow_the_state() {
        let job = |recorded: &str, status: &str| Job {
            recorded: recorded.to_owned(),
            status: status.to_owned(),
        };
        let mut then = Model {
            run: "prelaunch".to_owned(),
            ..Model::default()
        };
        then.jobs.insert("i".to_owned(), job("i", "running"));
        let mut now = Model {
            run: "running".to_owned(),
            migration: "active".to_owned(),
            ..Model::default()
        };
        now.jobs.insert("j".to_owned(), job("j", "ready"));
        now.trays.insert("cd0".to_owned(), true);
        let cases = [
            (
                "query-status",
                json!({"status": "prelaunch", "running": false}),
                json!({"status": "running", "running": true}),
            ),
            (
                "hmp info status",
                json!("VM status: paused (prelaunch)\r\n"),
                json!("VM status: running\r\n"),
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
            let (command, arguments) = asked(command);
            let correct = |text: &str, then| correct(command, &arguments, (text, then), &now, &[]);
            let corrected = correct(&before.to_string(), &then).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&corrected).unwrap(), after);
            assert_eq!(correct(&corrected, &now), None);
        }
        assert!(depends("query-status", &Object::new()));
        assert!(!depends("query-name", &Object::new()));
    }

    #[test]
    fn lists_are_of_what_there_is() {
        let added = |names: &[(&str, &str)]| {
            let mut model = Model::default();
            for (sent, recorded) in names {
                let id = |id: &str| {
                    let id = crate::json::Value::String(id.to_owned());
                    Object::from([("id".to_owned(), id)])
                };
                model.answered("device_add", &id(sent), &id(recorded), "{}");
            }
            model
        };
        let with = added(&[("k", "k")]);
        let mut without = with.clone();
        let gone = json!({"event": "DEVICE_DELETED", "data": {"device": "k"}}).to_string();
        let gone = Event::read(&gone).unwrap();
        without.event(&gone, &gone, None);
        let one = "  Device 0.0, ID: t\r\n";
        let other = "  Device 0.1, ID: k\r\n";
        let text = |lines: &[&str]| json!(lines.concat()).to_string();
        let (command, arguments) = asked("hmp info usb");
        let correct = |given, now: &Model, others: &[Given<'_>]| {
            correct(command, &arguments, given, now, others)
        };
        let (long, short) = (text(&[one, other]), text(&[one]));
        // Of another answer, or of the same without a line.
        assert_eq!(
            correct((&long, &with), &without, &[(&short, &without)]),
            Some(short.clone())
        );
        assert_eq!(correct((&long, &with), &without, &[]), Some(short.clone()));
        assert_eq!(
            correct((&short, &without), &with, &[(&long, &with)]),
            Some(long.clone())
        );
        assert_eq!(correct((&short, &without), &with, &[]), None);
        // Two that were one in the recording.
        let two = added(&[("a", "k"), ("b", "k")]);
        let both = text(&[one, "  Device 0.1, ID: a\r\n", "  Device 0.1, ID: b\r\n"]);
        assert_eq!(correct((&long, &with), &two, &[]), Some(both));
    }
}
