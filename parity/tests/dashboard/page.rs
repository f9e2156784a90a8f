// SPDX-License-Identifier: GPL-2.0-or-later
//! What the file holds.

use std::process::Command;

use parity::judge::Verdict;
use parity::report::html;
use serde_json::Value;

use crate::fixture::{EVIL, NEW, earlier, entry, history, report, small};

/// The data in the page.
fn data(page: &str) -> Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let (_, rest) = page.split_once(start).unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = html::render(&small(), Some(&earlier()), &[]).unwrap();
    for word in [
        " src=",
        "http:",
        "https:",
        "@import",
        "url(",
        "fetch(",
        "XMLHttpRequest",
        "import(",
    ] {
        let data = page.find("id=\"data\"").unwrap();
        let end = page[data..].find("</script>").unwrap() + data;
        let around = format!("{}{}", &page[..data], &page[end..]);
        assert!(!around.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("{{style}}"));
}

#[test]
fn answers_cannot_break_out_of_the_data() {
    let page = html::render(&small(), None, &[]).unwrap();
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains('\u{2028}') && !page.contains('\u{2029}'));
    let data = data(&page);
    let texts = data["texts"].as_array().unwrap();
    assert!(texts.iter().any(|text| text == EVIL));
    // The scripts are there once, and not where an answer spells their mark.
    assert_eq!(page.matches("function diffView").count(), 1);
}

#[test]
fn alike_answers_are_there_once() {
    let mut entries: Vec<_> = (0..3)
        .map(|at| entry(NEW, &format!("line {at}"), "info qdm", Verdict::Identical))
        .collect();
    let answer = "an answer that is not short\n".repeat(1000);
    for entry in &mut entries {
        entry.builtin.clone_from(&answer);
        entry.ours.clone_from(&answer);
    }
    let with = html::render(&report(entries.clone()), None, &[]).unwrap();
    let without = html::render(&report(Vec::new()), None, &[]).unwrap();
    let more = with.len() - without.len();
    assert!(more < answer.len() + 4096, "{more}");
    entries[0].ours.push('x');
    let data = data(&html::render(&report(entries), None, &[]).unwrap());
    assert!(data["texts"].to_string().len() > 2 * answer.len());
}

#[test]
fn long_answers_are_cut() {
    let mut long = entry(NEW, "info qdm", "info qdm", Verdict::Different);
    long.builtin = "line\n".repeat(100_000) + "a";
    long.ours = "line\n".repeat(100_000) + "b";
    let page = html::render(&report(vec![long]), None, &[]).unwrap();
    assert!(page.len() < 400_000, "{}", page.len());
    let data = data(&page);
    let cut = data["texts"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .find(|t| t.is_object())
        .unwrap();
    assert_eq!(cut["size"], 500_001);
    assert!(cut["part"].as_str().unwrap().ends_with("line\nb"));
}

#[test]
fn columns_are_in_the_order_of_releases() {
    let entries = ["10.0-x86_64", "7.2-x86_64", "9.1-arm", "11.1-x86_64"];
    let entries = entries.map(|qemu| entry(qemu, "stop", "stop", Verdict::Identical));
    let data = data(&html::render(&report(entries.into()), None, &[]).unwrap());
    let order = serde_json::json!(["7.2-x86_64", "10.0-x86_64", "11.1-x86_64", "9.1-arm"]);
    assert_eq!(data["qemus"], order);
}

#[test]
fn trends_are_of_runs_of_the_same_kind() {
    let now = small();
    let like = history(&now);
    let mut helped = like[0].clone();
    helped.native_only = !helped.native_only;
    let mut live = like[0].clone();
    live.builtin += "s";
    let runs = [&like[0], &helped, &live, &like[1]].map(Clone::clone);
    let data = data(&html::render(&now, None, &runs).unwrap());
    assert_eq!(data["history"], serde_json::json!(like));
}

#[test]
fn lines_that_did_not_run_count_for_the_command_they_name() {
    let lines = [
        "info  block x",
        "c",
        " x/4i $pc",
        "info",
        "info nosuch",
        "nosuch",
        "",
    ];
    let entries = lines.map(|line| entry(NEW, line, "", Verdict::NotRun));
    let data = data(&html::render(&report(entries.into()), None, &[]).unwrap());
    let names: Vec<&str> = data["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            data["commands"][e[0].as_u64().unwrap() as usize]["name"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(names, ["info block", "cont", "x", "info", "info", "", ""]);
    // A line that ran and named none keeps that.
    let ran = entry(NEW, "cont", "", Verdict::Identical);
    let data = crate::page::data(&html::render(&report(vec![ran]), None, &[]).unwrap());
    let name = &data["commands"][data["entries"][0][0].as_u64().unwrap() as usize]["name"];
    assert_eq!(name, "");
}

#[test]
fn machines_come_from_the_case_or_its_recording() {
    let mut recorded = entry(NEW, "stop", "stop", Verdict::Identical);
    recorded.machine.clear();
    recorded.case = format!("{NEW}-microvm+numa/main");
    let named = entry(NEW, "cont", "cont", Verdict::Identical);
    let data = data(&html::render(&report(vec![recorded, named]), None, &[]).unwrap());
    assert_eq!(data["machines"], serde_json::json!(["microvm", "q35"]));
}

#[test]
fn every_verdict_has_a_letter_of_its_own() {
    let data = data(&html::render(&report(Vec::new()), None, &[]).unwrap());
    let verdicts = data["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), Verdict::ALL.len());
    let letters: std::collections::BTreeSet<String> =
        verdicts.iter().map(|v| v["letter"].to_string()).collect();
    assert_eq!(letters.len(), verdicts.len());
}

fn parity(args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parity"));
    command.args(args).output().unwrap()
}

#[test]
fn a_page_is_made_of_reports_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (now, before, out) = (path("now.json"), path("before.json"), path("page.html"));
    std::fs::write(&now, serde_json::to_string(&small()).unwrap()).unwrap();
    std::fs::write(&before, serde_json::to_string(&earlier()).unwrap()).unwrap();
    let ran = parity(&["dashboard", &now, "--before", &before, "--out", &out]);
    assert!(ran.status.success(), "{ran:?}");
    let page = std::fs::read_to_string(&out).unwrap();
    assert_eq!(page, html::render(&small(), Some(&earlier()), &[]).unwrap());

    let old = serde_json::to_string(&small()).unwrap();
    let format = format!("\"format\":{}", parity::report::FORMAT);
    std::fs::write(&before, old.replacen(&format, "\"format\":0", 1)).unwrap();
    let ran = parity(&["dashboard", &now, "--before", &before, "--out", &out]);
    assert_eq!(ran.status.code(), Some(2));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("before.json: format 0"), "{said}");
}
