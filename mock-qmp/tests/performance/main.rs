// SPDX-License-Identifier: GPL-2.0-or-later
//! Speed and memory: a third of what an idle machine with two cores does.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod measure;

use std::time::Duration;

/// One test, so that nothing else of it runs at the same time. Test builds do less work, and are
/// not held to the times of release builds.
#[test]
fn replies_memory_and_loading() {
    let release = !cfg!(debug_assertions);
    let figures = measure::measure(if release { 1_000_000 } else { 50_000 });
    eprint!("{figures}");
    assert!(figures.grown < 32 * 1024, "memory grew: {figures}");
    if release {
        assert!(figures.rate > 33_000.0, "too slow: {figures}");
        assert!(
            figures
                .loads
                .iter()
                .all(|(_, time)| *time < Duration::from_millis(150)),
            "too slow: {figures}"
        );
    }
}
