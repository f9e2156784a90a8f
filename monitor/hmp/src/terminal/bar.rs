// SPDX-License-Identifier: GPL-2.0-or-later
//! How far a line is that takes long: a bar below the answer so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar; there is none as long as it is not shown.
#[derive(Clone, Debug, Default)]
pub struct Bar(Arc<Mutex<Option<ProgressBar>>>);

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// What is done.
    pub done: u64,
    /// What there is to do.
    pub total: u64,
    /// Whether both are bytes.
    pub bytes: bool,
}

impl Bar {
    /// Shows `what`, harmless and short, which has taken this long.
    pub fn show(&self, what: &str, taken: Duration, extent: Option<Extent>) {
        let mut held = self.lock();
        let bar = held.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            bar.set_elapsed(taken);
            bar
        });
        let seconds = taken.as_secs();
        bar.set_message(format!("{what} {seconds} s"));
        let template = match extent {
            None => "{msg} {spinner}",
            Some(Extent { bytes: true, .. }) => {
                "{msg} {bar:30} {percent} %, {binary_bytes_per_sec}, {eta} left"
            }
            Some(_) => "{msg} {bar:30} {percent} %, {eta} left",
        };
        // The templates are ours.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if let Some(extent) = extent {
            bar.set_length(extent.total.max(extent.done));
            bar.set_position(extent.done);
        }
        bar.tick();
    }

    /// Takes it away.
    pub fn clear(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
