// SPDX-License-Identifier: GPL-2.0-or-later
//! What a reader of the page finds first: where each QEMU is, what regressed, what to add.

use parity::judge::Verdict;
use serde_json::json;

use crate::browser::Browser;
use crate::fixture::{Page, earlier, entry, report, small, write};

fn start() -> Option<(Browser, Page)> {
    let browser = Browser::start()?;
    Some((browser, write(&small(), Some(&earlier()))))
}

/// The words of the page.
fn words(browser: &Browser) -> String {
    browser.text("return document.querySelector('main').innerText")
}

#[test]
fn the_first_screen_says_where_each_qemu_is() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/");
    let row = "return [...[...document.querySelectorAll('.standing-table tbody tr')]
        .find((r) => r.textContent.includes('10.0 x86_64')).cells].map((c) => c.innerText.trim())";
    let cells = browser.run(row);
    // Of eight commands that were tried, info status alone is right.
    assert_eq!(cells[1], "10.0.2 (Debian)");
    assert_eq!(cells[2], "1 of 8", "{cells}");
    assert_eq!(cells[3], "0");
    let blocked = cells[6].as_str().unwrap();
    let counts: Vec<usize> = blocked
        .split(", ")
        .filter_map(|part| part.split(' ').next()?.parse().ok())
        .collect();
    assert!(
        blocked.ends_with(" with --allow") && counts.len() == 2 && counts[1] < counts[0],
        "{cells}"
    );
    let bars = "return [...document.querySelectorAll('.standing-table .spark')].map((s) => s.childElementCount)";
    assert_eq!(browser.run(bars), json!([2, 2, 2]));
    let first = words(&browser);
    for part in [
        "2026-11-28",
        "revision 0123abc",
        "Regressed",
        "Add these first",
    ] {
        assert!(first.contains(part), "{part} not in {first}");
    }
}

#[test]
fn regressions_are_grouped_and_the_first_interfaces_ranked() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/");
    let texts = |selector: &str| {
        browser.run(&format!(
            "return [...document.querySelectorAll('{selector}')].map((e) => e.textContent.trim())"
        ))
    };
    assert_eq!(texts(".regressed strong"), json!(["info block", "stop"]));
    let firsts = texts(".firsts strong");
    assert_eq!(firsts[0], "drive-add");
    assert_eq!(firsts.as_array().unwrap().len(), 5);
    browser.click(".firsts strong a");
    browser.wait("return location.hash === '#/gaps/drive-add'");
    let focused = "return document.activeElement.textContent";
    assert_eq!(browser.text(focused), "1. drive-add");
    let definition =
        browser.text("return document.querySelector('#gap-drive-add pre').textContent");
    assert!(
        definition.contains("{ 'command': 'drive-add',"),
        "{definition}"
    );

    browser.open(&page.path, "#/changes");
    assert_eq!(
        texts("details.group > summary .command"),
        json!(["info block", "info status", "stop", "info cpus"])
    );
}

#[test]
fn a_qemu_says_what_is_lost_and_what_it_needs() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/q/10.0-x86_64");
    let lost = browser.text("return document.querySelector('main section').innerText");
    for part in [
        "info mtree",
        "x-query-mtree",
        "shows 12 of 500 lines",
        "drive_add",
        "different",
    ] {
        assert!(lost.contains(part), "{part} not in {lost}");
    }
    assert!(!lost.contains("info status"), "{lost}");
    browser.open(&page.path, "#/q/7.2-x86_64");
    let errors = browser.text("return document.querySelectorAll('main section')[1].innerText");
    assert!(errors.starts_with("Right in errors only (1)"), "{errors}");
}

#[test]
fn cells_say_how_much_and_what_rests_on_errors() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/matrix");
    let partial = "document.querySelector('.cell.v-partial')";
    assert_eq!(
        browser.text(&format!("return {partial}.textContent")),
        "P12 of 500"
    );
    let label = browser.text(&format!("return {partial}.getAttribute('aria-label')"));
    assert!(label.contains("shows 12 of 500 lines"), "{label}");
    let ground = |css: &str| {
        browser.text(&format!(
            "return getComputedStyle(document.querySelector('.cell.v-{css}')).backgroundColor"
        ))
    };
    let grounds = ["errors", "identical", "partial"].map(ground);
    assert!(
        grounds[0] != grounds[1] && grounds[0] != grounds[2],
        "{grounds:?}"
    );
}

#[test]
fn a_pair_of_releases_has_its_page() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/");
    browser.click("a[href='#/hmp/7.2-x86_64/10.0-x86_64']");
    browser.wait("return location.hash.startsWith('#/hmp/')");
    let page = words(&browser);
    for part in [
        "from 7.2-x86_64 to 10.0-x86_64",
        "Commands that came",
        "Spelled in another way",
    ] {
        assert!(page.contains(part), "{part} not in {page}");
    }
}

#[test]
fn a_pair_of_releases_says_what_is_deprecated() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let stop = |qemu| entry(qemu, "stop", "stop", Verdict::Identical);
    let releases = ["7.2-x86_64", "10.0-x86_64", "11.1-x86_64"];
    let page = write(&report(releases.map(stop).into()), None);
    for (pair, part) in [
        ("7.2-x86_64/10.0-x86_64", "Deprecated since (0)"),
        ("10.0-x86_64/11.1-x86_64", "Deprecated since (3)"),
    ] {
        browser.open(&page.path, &format!("#/hmp/{pair}"));
        let text = words(&browser);
        assert!(text.contains(part), "{part} not in {text}");
        assert_eq!(text.contains("wavcapture"), part.contains('3'), "{text}");
    }
}

#[test]
fn completion_has_its_matrix() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/completion");
    let cells = "return [...document.querySelectorAll('.tab-cell')].map((c) => c.className + ' ' + c.textContent)";
    assert_eq!(browser.run(cells), json!(["tab-cell v-different 1 of 2"]));
}
