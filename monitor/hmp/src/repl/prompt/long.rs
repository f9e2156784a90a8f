// SPDX-License-Identifier: GPL-2.0-or-later
//! A line that takes long: how far it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmp_engine::host::Stage;

use crate::repl::prompt::moved::Moved;
use crate::terminal::bar::{Bar, Extent};

/// From when on it is shown.
const LONG: Duration = Duration::from_secs(1);

/// How often it is looked at.
pub(super) const GLANCE: Duration = Duration::from_millis(100);

/// A line that may take long.
pub(super) struct Long {
    /// The command; none where nothing is shown.
    what: Option<String>,
    began: Instant,
    stage: Arc<Mutex<Option<Stage>>>,
    moved: Option<Moved>,
    bar: Bar,
}

impl Long {
    /// A line begins; `what` it is, where that is to be shown.
    pub(super) fn begin(
        what: Option<String>,
        stage: Arc<Mutex<Option<Stage>>>,
        moved: Option<Moved>,
        bar: Bar,
    ) -> Self {
        *stage.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Self {
            what,
            began: Instant::now(),
            stage,
            moved,
            bar,
        }
    }

    /// Shows how far it is, where it takes long.
    pub(super) fn show(&mut self) {
        if self.bar.is_held() {
            // The user is asked for something: no work is done meanwhile.
            self.began = Instant::now();
            return;
        }
        let taken = self.began.elapsed();
        let Some(what) = self.what.as_deref().filter(|_| taken >= LONG) else {
            return;
        };
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let extent = stage.map(|stage| Extent {
            done: stage.done,
            total: Some(stage.total),
            bytes: stage.bytes,
        });
        let extent = extent.or_else(|| self.moved.as_ref()?.extent());
        self.bar.show(what, taken, extent);
    }

    /// How long it took, where that was long.
    pub(super) fn end(self) -> Option<Duration> {
        self.bar.clear();
        let taken = self.began.elapsed();
        (self.what.is_some() && taken >= LONG).then_some(taken)
    }
}
