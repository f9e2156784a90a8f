// SPDX-License-Identifier: GPL-2.0-or-later
//! How far a line is that takes long: a bar below the answer so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar; there is none as long as it is not shown.
#[derive(Clone, Debug, Default)]
pub struct Bar(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    shown: Option<ProgressBar>,
    /// How many need the place where it would be.
    held: usize,
}

/// As long as it is there, the bar is not shown: somebody types where it would be.
#[derive(Debug)]
pub struct Held(Bar);

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.held = state.held.saturating_sub(1);
    }
}

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// What is done.
    pub done: u64,
    /// What there is to do, where that is known.
    pub total: Option<u64>,
    /// Whether both are bytes.
    pub bytes: bool,
}

impl Bar {
    /// Shows `what`, harmless and short, which has taken this long.
    pub fn show(&self, what: &str, taken: Duration, extent: Option<Extent>) {
        let mut state = self.lock();
        if state.held > 0 {
            return;
        }
        let known = extent.and_then(|extent| Some((extent.done, extent.total?)));
        let template = match known {
            None => "{msg} {spinner} {prefix}",
            Some(_) => "{msg} {bar:30} {percent} %{prefix}",
        };
        // The templates are ours.
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        // What is set is shown at once: in this style, not in that of a new one.
        let bar = state.shown.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout())
                .with_style(style.clone())
                .with_elapsed(taken)
        });
        bar.set_style(style);
        bar.set_message(format!("{what} {} s", taken.as_secs()));
        if let Some((done, total)) = known {
            bar.set_length(total.max(done));
            bar.set_position(done);
        }
        bar.set_prefix(extent.map_or_else(String::new, |extent| speed(extent, taken)));
        bar.tick();
    }

    /// Takes it away.
    pub fn clear(&self) {
        if let Some(bar) = self.lock().shown.take() {
            bar.finish_and_clear();
        }
    }

    /// Takes it away until what is returned goes.
    pub fn hold(&self) -> Held {
        self.clear();
        self.lock().held += 1;
        Held(self.clone())
    }

    /// Whether somebody holds its place.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.lock().held > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast it goes, from the beginning until now, and how long it takes at that speed.
fn speed(extent: Extent, taken: Duration) -> String {
    let seconds = taken.as_secs_f64().max(0.001);
    let done = extent.done as f64;
    let rate = BinaryBytes((done / seconds) as u64);
    let left = |total: u64| match extent.done {
        0 => String::new(),
        _ => {
            let left = total.saturating_sub(extent.done) as f64 * seconds / done;
            format!(", {}s left", left.ceil() as u64)
        }
    };
    match (extent.bytes, extent.total) {
        (true, Some(total)) => format!(", {rate}/s{}", left(total)),
        (true, None) => format!("{}, {rate}/s", BinaryBytes(extent.done)),
        (false, Some(total)) => left(total),
        (false, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(256 << 20, Some(1 << 30), true, ", 128.00 MiB/s, 6s left")]
    #[case(0, Some(1 << 30), true, ", 0 B/s")]
    #[case(256 << 20, None, true, "256.00 MiB, 128.00 MiB/s")]
    #[case(1, Some(4), false, ", 6s left")]
    #[case(7, Some(4), false, ", 0s left")]
    fn speeds_are_of_all_the_time(
        #[case] done: u64,
        #[case] total: Option<u64>,
        #[case] bytes: bool,
        #[case] text: &str,
    ) {
        let extent = Extent { done, total, bytes };
        assert_eq!(speed(extent, Duration::from_secs(2)), text);
    }
}
