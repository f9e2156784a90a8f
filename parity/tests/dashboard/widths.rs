// SPDX-License-Identifier: GPL-2.0-or-later
//! The page on wide and narrow screens, and in print.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::{earlier, small, write};

const PAGES: [&str; 9] = [
    "#/",
    "#/matrix",
    "#/gaps",
    "#/completion",
    "#/changes",
    "#/details",
    "#/q/10.0-x86_64",
    "#/hmp/7.2-x86_64/10.0-x86_64",
    "#/c/info%20block?q=10.0-x86_64",
];

fn width(browser: &Browser, width: u32) {
    let size =
        json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
    browser.tell("Emulation.setDeviceMetricsOverride", size);
}

/// Ten QEMUs, as many as are recorded.
#[test]
fn nothing_is_cut_at_1280_pixels() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let mut report = small();
    let one = report.entries[0].clone();
    for at in 0..7 {
        let mut entry = one.clone();
        entry.qemu = format!("{at}.1-riscv64").parse().unwrap();
        report.entries.push(entry);
    }
    let page = write(&report, Some(&earlier()));
    width(&browser, 1280);
    for hash in PAGES {
        browser.open(&page.path, hash);
        let cut = browser.run(
            "return [document.documentElement, ...document.querySelectorAll('.scroll, .matrix, .lines, pre, td, dd')]
                .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => `${e.tagName} ${e.className} ${e.scrollWidth}`)",
        );
        assert_eq!(cut, json!([]), "{hash}");
    }
}

#[test]
fn a_narrow_screen_scrolls_in_one_way_only() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let page = write(&small(), Some(&earlier()));
    width(&browser, 400);
    for hash in PAGES {
        browser.open(&page.path, hash);
        let wide = browser.run("return document.documentElement.scrollWidth");
        assert_eq!(wide, 400, "{hash}");
        // What is too wide for the screen can be reached by keyboard, and scrolls by itself.
        let lost = browser.run(
            "return [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
                && !e.closest('.scroll, .matrix, .lines, .diff, .unseen')).map((e) => `${e.tagName} ${e.className}`)",
        );
        assert_eq!(lost, json!([]), "{hash}");
    }
    browser.open(&page.path, "#/");
    let table =
        "const s = document.querySelector('.scroll'); return s.scrollWidth <= s.clientWidth";
    assert_eq!(browser.run(table), true, "the first table fits");
}

#[test]
fn print_has_all_rows_and_no_controls() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let page = write(&small(), Some(&earlier()));
    width(&browser, 800);
    let dark = json!({"name": "prefers-color-scheme", "value": "dark"});
    browser.tell(
        "Emulation.setEmulatedMedia",
        json!({"media": "print", "features": [dark]}),
    );
    browser.open(&page.path, "#/matrix");
    let shown = |selector: &str| {
        browser.run(&format!(
            "return document.querySelector('{selector}').getClientRects().length > 0"
        ))
    };
    assert_eq!(shown(".top"), false);
    assert_eq!(shown(".filterbox"), false);
    let whole =
        "const m = document.querySelector('.matrix'); return m.scrollHeight <= m.clientHeight + 1";
    assert_eq!(browser.run(whole), true, "rows are cut");
    let ground = "return getComputedStyle(document.documentElement).backgroundColor";
    assert_eq!(browser.text(ground), "rgb(255, 255, 255)");
}
