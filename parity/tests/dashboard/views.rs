// SPDX-License-Identifier: GPL-2.0-or-later
//! The page in a browser. Where there is none, these tests say that they were skipped.

use std::time::Instant;

use serde_json::{Value, json};

use crate::browser::{Browser, key};
use crate::fixture::{EVIL, Page, SCHEMA, earlier, large, small, write};

/// A browser, and the page of the small report.
fn start() -> Option<(Browser, Page)> {
    let browser = Browser::start()?;
    Some((browser, write(&small(), Some(&earlier()))))
}

/// The names of the commands that the matrix shows.
fn shown(browser: &Browser) -> Value {
    browser.run(
        "return [...document.querySelectorAll('.row:not([hidden]) .command')].map((c) => c.textContent).sort()",
    )
}

/// The letters of a command in the matrix; a blank where the QEMU does not have it.
fn letters(browser: &Browser, command: &str) -> String {
    browser.text(&format!(
        "const row = [...document.querySelectorAll('.matrix .row')]
            .find((r) => r.querySelector('.command').textContent === '{command}');
        return [...row.querySelectorAll('.cell')].map((c) => c.textContent || ' ').join('')"
    ))
}

/// What has the focus, as a screen reader names it.
fn focused(browser: &Browser) -> String {
    browser.text("const e = document.activeElement; return e.getAttribute('aria-label') || e.id || e.textContent")
}

/// Types into the search field.
fn search(browser: &Browser, words: &str) {
    browser.run(&format!(
        "const s = document.getElementById('search'); s.value = '{words}'; s.dispatchEvent(new Event('input'))"
    ));
}

#[test]
fn every_page_loads_without_a_word_on_the_console() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "");
    assert_eq!(
        browser.text("return document.title"),
        "Overview – HMP parity"
    );
    browser.open(&page.path, "#/matrix");
    let links = browser.run(
        "return [...document.querySelectorAll('.matrix a')].map((a) => a.getAttribute('href'))",
    );
    let links = links.as_array().unwrap().iter().filter_map(Value::as_str);
    // The command that tries to break out, one that did not run, and one of each kind of verdict.
    let mut links: Vec<&str> = links
        .filter(|l| {
            [
                "script", "/quit", "mtree?", "savevm?", "eject?", "block?", "cpus?", "mem?", "/?",
            ]
            .iter()
            .any(|part| l.contains(part))
        })
        .collect();
    links.extend([
        "#/",
        "#/matrix?by=machine",
        "#/changes",
        "#/details",
        "#/completion",
        "#/gaps",
        "#/gaps/x-query-mtree",
        "#/gaps/%",
        "#/q/10.0-x86_64",
        "#/q/nosuch",
        "#/hmp/7.2-x86_64/10.0-x86_64",
        "#/hmp/nosuch",
        "#/c/nosuch",
        "#/c/%",
        "#/c/eject?e=99999",
    ]);
    assert!(links.len() > 20, "{links:?}");
    browser.console();
    for link in links {
        browser.open(&page.path, link);
        assert_eq!(
            browser.run("return document.querySelectorAll('main h1').length"),
            1,
            "{link}"
        );
        assert!(
            !browser.text("return document.title").starts_with("evil"),
            "{link}"
        );
        assert_eq!(browser.console(), [""; 0], "{link}");
        let loaded = browser.run("return performance.getEntriesByType('resource').length");
        assert_eq!(loaded, 0, "{link}");
    }
}

#[test]
fn the_worst_line_decides() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/matrix");
    assert_eq!(letters(&browser, "info block"), "IDI");
    assert_eq!(letters(&browser, "info status"), "III");
    assert_eq!(letters(&browser, "info cpus"), "M––");
    // aarch64 does not have it, and it was not tried on 7.2.
    assert_eq!(letters(&browser, "info mem"), "–R ");
    let cell = "document.querySelector('.cell.v-different[aria-label^=\"info block\"]')";
    assert_eq!(
        browser.text(&format!("return {cell}.getAttribute('aria-label')")),
        "info block, 10.0-x86_64: different, 1 of 2 lines passed, native, worse than before (identical)"
    );
    // Right where tried: info status and info cpus; three lines of it and of info block, one more of
    // each kind.
    browser.open(&page.path, "#/details");
    let numbers = browser
        .run("return [...document.querySelectorAll('.tile .big')].map((b) => b.firstChild.data)");
    let all = browser.run("return document.querySelector('.tile .words').textContent");
    assert_eq!(numbers, json!(["2", "9", "2", "1", numbers[4]]), "{all}");
}

#[test]
fn filters_leave_what_fits() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/matrix");
    let everything = shown(&browser);
    assert!(everything.as_array().unwrap().len() > 150);

    browser.click("[data-word=different]");
    assert_eq!(shown(&browser), json!(["eject", "info block"]));
    assert_eq!(
        browser
            .text("return document.querySelector('.status').textContent")
            .split(' ')
            .next(),
        Some("2")
    );
    let dim = "return document.querySelectorAll('.row:not([hidden]) .cell:not(.dim)').length";
    assert_eq!(browser.run(dim), 2);
    // The address holds the filter, so that it can be passed on.
    let hash = browser.text("return location.hash");
    browser.open(&page.path, &hash);
    assert_eq!(shown(&browser), json!(["eject", "info block"]));

    // Columns that are left out do not count.
    browser.click("[data-word='7.2-x86_64']");
    assert_eq!(
        browser.run("return document.querySelectorAll('.head .column').length"),
        1
    );
    assert_eq!(shown(&browser), json!([]));
    browser.click(".bar-line .quiet");
    assert_eq!(shown(&browser), everything);

    search(&browser, "RUNS query-status");
    assert_eq!(shown(&browser), json!(["info status"]));
    search(&browser, "");
    browser.run("const s = document.querySelectorAll('select')[0]; s.value = 'snapshots'; s.dispatchEvent(new Event('change'))");
    let snapshots = shown(&browser);
    assert!(snapshots.as_array().unwrap().contains(&json!("savevm")));
    assert!(
        !snapshots
            .as_array()
            .unwrap()
            .contains(&json!("info status"))
    );

    browser.open(&page.path, "#/matrix?changed=1");
    assert_eq!(
        shown(&browser),
        json!(["info block", "info status", "stop"])
    );
    browser.open(&page.path, "#/matrix?r=blocked&q=10.0-x86_64");
    assert_eq!(shown(&browser), json!(["info mtree"]));
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn a_diff_opens_and_shows_what_terminals_do_not() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/matrix?v=different");
    browser.click(".cell.v-different[aria-label^='info block']");
    browser.wait("return document.querySelectorAll('.diff').length === 1");
    let side = |nth: usize| {
        browser.text(&format!(
            "return [...document.querySelectorAll('.diff tbody tr')].map((r) => r.cells[{nth}].textContent).join('\\n')"
        ))
    };
    // What can be copied is the answer itself.
    assert_eq!(side(1), "first\nsecond\nd0:  on\tx \nlast");
    // Control characters are drawn, not put there.
    assert_eq!(side(3), "first\nsecond\nd0: on\tx\nlast");
    let drawn = |selector: &str| {
        browser.text(&format!(
            "const e = document.querySelector('{selector}');
            return e && (getComputedStyle(e, '::before').content + ' ' + (getComputedStyle(e).backgroundImage !== 'none'))"
        ))
    };
    assert_eq!(drawn(".diff .sp.trailing"), "none true");
    assert_eq!(
        browser.run("return document.querySelectorAll('.diff .sp.trailing').length"),
        1
    );
    assert_eq!(drawn(".diff .tab"), "\"→\" false");
    assert_eq!(
        drawn(".diff .ctl"),
        "attr(data-name) false".replace("attr(data-name)", "\"␍\"")
    );
    assert_eq!(drawn(".diff .eol"), "\"↵\" false");
    assert_eq!(
        browser.run("return document.querySelectorAll('.diff .del').length"),
        2
    );
    let marked = "return [...document.querySelectorAll('.diff .del mark')].map((m) => m.textContent || m.firstChild.className)";
    assert_eq!(browser.run(marked), json!([" ", " ", "eol"]));

    browser.click(".detail .bar-line .chip:nth-last-of-type(3)");
    assert_eq!(drawn(".diff .sp.trailing"), "none false");
    assert_eq!(drawn(".diff .eol"), "none false");
    browser.click(".detail .bar-line .chip:last-of-type");
    assert_eq!(
        browser.run("return document.querySelectorAll('.diff table.stacked').length"),
        1
    );

    // The effect differs, not the answer.
    browser.open(&page.path, "#/c/eject?q=10.0-x86_64");
    let probe = "return document.querySelector('.probe[open] summary').textContent";
    assert_eq!(browser.text(probe), "differs QMP query-block");
    browser.open(&page.path, "#/c/info%20cpus?q=7.2-x86_64");
    let masked = "return document.querySelector('.soft .diff mark').textContent + document.querySelector('.detail li').textContent";
    assert!(
        browser.text(masked).starts_with("1234thread-id: "),
        "{}",
        browser.text(masked)
    );
}

#[test]
fn a_command_shows_its_routes_hazards_and_what_is_missing() {
    let Some((browser, page)) = start() else {
        return;
    };
    let facts = |command: &str| {
        browser.open(&page.path, &format!("#/c/{command}"));
        browser.text("return document.querySelector('.facts').innerText")
    };
    assert!(facts("info%20block").contains("query-named-block-nodes"));
    let mtree = facts("info%20mtree");
    assert!(
        mtree.contains("x-query-mtree") && mtree.contains("do not tell in QOM"),
        "{mtree}"
    );
    assert!(facts("info%20mem").contains("5-level paging"));
    // A hazard of a QMP command that a route sends.
    assert!(facts("exit_preconfig").contains("x-exit-preconfig"));
}

#[test]
fn completion_and_coverage_are_shown() {
    let Some((browser, page)) = start() else {
        return;
    };
    let words = "return document.querySelector('main').innerText";
    browser.open(&page.path, "#/completion");
    let completion = browser.text(words);
    for part in ["1 of 2", "info st stats statutes"] {
        assert!(completion.contains(part), "{part} not in {completion}");
    }
    browser.open(&page.path, "#/details");
    assert!(browser.text(words).contains(SCHEMA));
    browser.open(&page.path, "#/c/info%20status");
    let facts = browser.text("return document.querySelector('.facts').innerText");
    for part in [
        "blocked on 6.2-x86_64",
        "native on 9.1-x86_64, 10.0-x86_64",
        "query-status since 0.14",
    ] {
        assert!(facts.contains(part), "{part} not in {facts}");
    }
}

#[test]
fn a_hostile_answer_stays_text() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/matrix?v=not-run");
    browser.click(".cell.v-not-run");
    browser.wait("return document.querySelector('.diff') !== null");
    assert_eq!(
        browser.run("return document.querySelectorAll('main img, main script').length"),
        0
    );
    let name = browser.text("return document.querySelector('h1 .command').textContent");
    assert_eq!(name, EVIL);
    let named = "return [...document.querySelectorAll('.diff:last-child .ctl')].map((c) => c.dataset.name).join(' ')";
    assert_eq!(browser.text(named), "U+2028 U+2029 ␀ ␡ U+200B");
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn the_keyboard_is_enough() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/matrix?s=info&sort=name");
    // Tab reaches the matrix with one stop.
    let stops = "return document.querySelectorAll('.matrix [tabindex=\"0\"]').length";
    assert_eq!(browser.run(stops), 1);
    browser.run("document.querySelector('.legend summary').focus()");
    browser.press(&[key::TAB]);
    let on_name = "return document.activeElement.matches('.matrix .row:not([hidden]) .name')";
    assert_eq!(browser.run(on_name), true, "{}", focused(&browser));
    browser.press(&[key::RIGHT, key::RIGHT]);
    assert!(
        focused(&browser).contains(", 10.0-x86_64: "),
        "{}",
        focused(&browser)
    );
    browser.press(&[key::END]);
    assert!(focused(&browser).contains(", 10.0-aarch64: "));
    browser.press(&[key::LEFT, key::DOWN, key::UP, key::LEFT]);
    assert!(focused(&browser).contains(", 7.2-x86_64: "));
    assert_eq!(browser.run(stops), 1);
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.text(outline), "solid");

    // Enter opens, Escape comes back to the same cell.
    search(&browser, "runs query-status");
    browser.run("document.querySelector('.row:not([hidden]) .name').focus()");
    browser.press(&[key::RIGHT, key::RIGHT]);
    let cell = focused(&browser);
    browser.press(&[key::ENTER]);
    browser.wait("return location.hash.startsWith('#/c/info%20status')");
    browser.wait("return document.activeElement.matches('.lines .cell[aria-expanded=true]')");
    browser.press(&[key::HOME]);
    assert_eq!(focused(&browser), "info status on 7.2-x86_64: identical");
    browser.press(&[key::ESCAPE]);
    browser.wait("return location.hash.startsWith('#/matrix')");
    assert_eq!(focused(&browser), cell);
    assert_eq!(shown(&browser), json!(["info status"]));

    browser.open(&page.path, "#/");
    browser.press(&["/"]);
    browser.wait("return document.activeElement.id === 'search'");
    assert_eq!(browser.text("return document.activeElement.value"), "");
}

#[test]
fn both_colour_schemes_can_be_read() {
    let Some((browser, page)) = start() else {
        return;
    };
    let page_colour = "return getComputedStyle(document.documentElement).backgroundColor";
    let mut seen = Vec::new();
    for scheme in ["light", "dark"] {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        browser.tell("Emulation.setEmulatedMedia", json!({"features": [feature]}));
        browser.open(&page.path, "#/matrix");
        seen.push(browser.text(page_colour));
        // WCAG's contrast of every letter on its ground.
        let poor = browser.run(
            "const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
            const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
            const card = parts(getComputedStyle(document.querySelector('.matrix')).backgroundColor);
            return [...document.querySelectorAll('.legend .badge')].map((badge) => {
                const style = getComputedStyle(badge);
                const ground = parts(style.backgroundColor);
                const [a, b] = [parts(style.color), ground[3] === 0 ? card : ground].map((c) => luminance(c.slice(0, 3)));
                return [badge.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
            }).filter(([, contrast]) => contrast < 4.5)",
        );
        assert_eq!(poor, json!([]), "{scheme}");
    }
    assert_ne!(seen[0], seen[1]);
    // The button overrules the system.
    browser.click("#theme");
    assert_eq!(browser.text(page_colour), seen[0]);
    browser.click("#theme");
    assert_eq!(browser.text(page_colour), seen[1]);
    let narrow = json!({"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true});
    browser.tell("Emulation.setDeviceMetricsOverride", narrow);
    for hash in [
        "#/",
        "#/matrix",
        "#/c/info%20block?q=10.0-x86_64",
        "#/changes",
    ] {
        browser.open(&page.path, hash);
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        assert_eq!(browser.run(wide), false, "{hash} scrolls sideways");
    }
}

#[test]
fn changes_are_shown() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "#/changes");
    let shown = "return [...document.querySelectorAll('section')].map((s) => s.querySelector('h2').textContent + ': '
        + [...s.querySelectorAll('li code')].map((c) => c.textContent).join(', '))";
    assert_eq!(
        browser.run(shown),
        json!([
            "Worse: info block -v",
            "Better: info status",
            "No longer run: stop",
            "New: info cpus"
        ])
    );
}

#[test]
fn diffs_are_shortest() {
    let Some((browser, page)) = start() else {
        return;
    };
    browser.open(&page.path, "");
    let dom = include_str!("../../src/report/html/dom.js");
    let diff = include_str!("../../src/report/html/diff.js");
    // Against the length of the longest common subsequence, by its definition.
    let wrong = browser.run(&format!(
        "{dom}{diff}
        const lcs = (a, b) => a.reduce((row, x) => b.reduce((next, y, j) => {{
            next.push(x === y ? row[j] + 1 : Math.max(row[j + 1], next[j]));
            return next;
        }}, [0]), new Array(b.length + 1).fill(0))[b.length];
        let seed = 7;
        const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
        const wrong = [];
        for (let round = 0; round < 2000; round += 1) {{
            const [a, b] = [0, 0].map(() => Array.from({{ length: random(12) }}, () => 'abc'[random(3)]));
            const hunks = edits(a, b);
            let [i, j, same] = [0, 0, 0];
            for (const [alike, a0, a1, b0, b1] of hunks) {{
                if (a0 !== i || b0 !== j || (alike && a.slice(a0, a1).join() !== b.slice(b0, b1).join())) wrong.push([a, b, hunks]);
                if (alike) same += a1 - a0;
                [i, j] = [a1, b1];
            }}
            if (i !== a.length || j !== b.length || same !== lcs(a, b)) wrong.push([a, b, hunks]);
        }}
        const [far, away] = ['a', 'b'].map((c) => new Array(5000).fill(c));
        if (edits(far, away).length !== 1) wrong.push('far');
        return wrong.slice(0, 3)"
    ));
    assert_eq!(wrong, json!([]));
}

/// Far above what it takes, so that a busy machine does not fail it, and far below what a slip
/// would make of it.
const SLOW: f64 = 10_000.0;

#[test]
fn a_thousand_rows_by_twelve_columns_are_fast() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let page = write(&large(1000, 12), None);
    let begun = Instant::now();
    browser.open(&page.path, "#/matrix");
    let loaded = begun.elapsed().as_secs_f64() * 1000.0;
    let cells = browser.run("return document.querySelectorAll('.cell').length");
    assert!(cells.as_u64().unwrap() >= 12_000);
    let took = |action: &str| {
        let script = format!(
            "const t = performance.now(); {action}; document.body.offsetHeight; return performance.now() - t"
        );
        browser.run(&script).as_f64().unwrap()
    };
    let filtered = took("document.querySelector('[data-word=different]').click()");
    assert_eq!(shown(&browser).as_array().unwrap().len(), 1000);
    let sorted = took(
        "const s = document.querySelectorAll('select')[1]; s.value = 'worst'; s.dispatchEvent(new Event('change'))",
    );
    println!(
        "1,000 by 12: loaded in {loaded:.0} ms, filtered in {filtered:.0} ms, sorted in {sorted:.0} ms"
    );
    for time in [loaded, filtered, sorted] {
        assert!(time < SLOW, "{time}");
    }
}
