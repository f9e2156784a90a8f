// SPDX-License-Identifier: GPL-2.0-or-later
//! What connections, listeners and clock of one server share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::{Core, MonitorOptions};

/// The core, and those who wait for something of it.
pub(crate) struct Shared {
    core: Mutex<Core>,
    started: Instant,
    clock: Notify,
    monitors: Mutex<Vec<Arc<MonitorSignals>>>,
    /// Those who wait for something of the core.
    watchers: Notify,
}

#[derive(Debug, Default)]
struct MonitorSignals {
    output: Notify,
    resumed: Notify,
    socket_file: Option<PathBuf>,
    /// Whether clients may connect; `None` where none do.
    listening: Mutex<Option<bool>>,
}

impl Shared {
    pub(crate) fn new(core: Core) -> Self {
        Self {
            core: Mutex::new(core),
            started: Instant::now(),
            clock: Notify::new(),
            monitors: Mutex::new(Vec::new()),
            watchers: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signals(&self, monitor: usize) -> Arc<MonitorSignals> {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner)[monitor].clone()
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Does something to the core and lets everybody know what changed.
    pub(crate) fn with<T>(&self, action: impl FnOnce(&mut Core, Duration) -> T) -> T {
        let result = action(&mut self.lock(), self.now());
        self.changed();
        result
    }

    /// Wakes those whom the core's state concerns.
    pub(crate) fn changed(&self) {
        let monitors = self.monitors.lock().unwrap_or_else(PoisonError::into_inner);
        let core = self.lock();
        for (number, signals) in monitors.iter().enumerate() {
            if core.has_output(number) {
                signals.output.notify_one();
            }
            if core.reads(number) {
                signals.resumed.notify_one();
            }
        }
        if core.deadline().is_some() {
            self.clock.notify_one();
        }
        self.watchers.notify_waiters();
    }

    pub(crate) async fn output(&self, monitor: usize) {
        self.signals(monitor).output.notified().await;
    }

    pub(crate) async fn resumed(&self, monitor: usize) {
        self.signals(monitor).resumed.notified().await;
    }

    /// Notes whether clients may connect to a monitor.
    pub(crate) fn set_listening(&self, monitor: usize, listening: bool) {
        let signals = self.signals(monitor);
        let mut noted = signals
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *noted = Some(listening);
        drop(noted);
        self.watchers.notify_waiters();
    }

    /// Whether clients may connect to all monitors that have an address.
    pub(crate) fn is_listening(&self) -> bool {
        let monitors = self.monitors.lock().unwrap_or_else(PoisonError::into_inner);
        monitors.iter().all(|signals| {
            let noted = signals.listening.lock();
            *noted.unwrap_or_else(PoisonError::into_inner) != Some(false)
        })
    }

    /// Removes the monitor's socket file.
    pub(crate) fn unlink(&self, monitor: usize) {
        if let Some(path) = &self.signals(monitor).socket_file {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }

    pub(crate) fn add_monitor(
        &self,
        options: MonitorOptions,
        socket_file: Option<PathBuf>,
    ) -> usize {
        let mut monitors = self.monitors.lock().unwrap_or_else(PoisonError::into_inner);
        monitors.push(Arc::new(MonitorSignals {
            socket_file,
            ..MonitorSignals::default()
        }));
        self.lock().add_monitor(options)
    }

    /// How many monitors there are.
    pub(crate) fn monitors(&self) -> usize {
        self.monitors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Waits until the core is as wanted.
    pub(crate) async fn wait(&self, condition: impl Fn(&Core) -> bool) {
        loop {
            let changed = self.watchers.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Lets time-driven things happen.
    pub(crate) async fn run_clock(self: Arc<Self>) {
        loop {
            let deadline = self.lock().deadline();
            match deadline {
                None => self.clock.notified().await,
                Some(deadline) => {
                    let timer = tokio::time::sleep_until(self.started + deadline);
                    tokio::select! {
                        () = timer => self.with(Core::tick),
                        () = self.clock.notified() => {}
                    }
                }
            }
        }
    }
}
