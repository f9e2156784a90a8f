// SPDX-License-Identifier: GPL-2.0-or-later
//! Many machines, several at once: each thread has machines of its own, one after the other.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::answer::Answer;
use super::found::{Found, Machine};
use super::machine;
use super::offers::Offers;
use super::run;
use crate::judge::KnownList;
use crate::live::programs::Program;
use crate::live::vm::VmError;

/// Where machines come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// One, with these arguments of a user.
    Given(Vec<String>),
    /// Put together by chance.
    Random {
        /// The seed.
        seed: u64,
        /// The numbers of the machines.
        indexes: Range<usize>,
    },
}

/// What to sweep, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The machines.
    pub source: Source,
    /// Arguments for all of them.
    pub args: Vec<String>,
    /// Machines at a time.
    pub at_once: usize,
    /// Whether the whole tree of objects is asked for.
    pub qom: bool,
    /// How long one machine may take.
    pub limit: Duration,
}

/// Why there was no sweep, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A runtime could not be made.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// QEMU does not say what it offers.
    #[error("what QEMU offers: {0}")]
    Offers(#[from] VmError),
    /// It was to stop.
    #[error("stopped")]
    Stopped,
}

/// Sweeps machines of one QEMU until all are done, or `stop` says so; no QEMU is left behind
/// either way.
pub fn sweep(
    program: &Program,
    plan: &Plan,
    stop: &watch::Receiver<bool>,
    known: &mut KnownList,
) -> Result<Found, SweepError> {
    let (offers, seed, indexes) = match &plan.source {
        Source::Given(_) => (Offers::default(), None, 0..1),
        Source::Random { seed, indexes } => {
            let offers = until(stop, &runtime()?, Offers::of(program));
            (
                offers.ok_or(SweepError::Stopped)??,
                Some(*seed),
                indexes.clone(),
            )
        }
    };
    let work = Work {
        program,
        plan,
        offers,
        bare: Mutex::default(),
        next: AtomicUsize::new(indexes.start),
        end: indexes.end,
    };
    let mut found = Found::new(&program.qemu, seed);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..plan.at_once.clamp(1, 64).min(indexes.len()) {
            let (work, done, stop) = (&work, done.clone(), stop.clone());
            scope.spawn(move || work.through(&stop, &done));
        }
        drop(done);
        for result in results {
            let (machine, answers) = result?;
            found.add(machine, answers, known);
        }
        Ok::<_, std::io::Error>(())
    })?;
    if *stop.borrow() {
        return Err(SweepError::Stopped);
    }
    found.sort();
    Ok(found)
}

/// The buses of a machine type, or why it does not start.
type Buses = Arc<Result<Vec<String>, String>>;

/// What came of one machine.
type Swept = std::io::Result<(Machine, Vec<Answer>)>;

/// What threads share.
struct Work<'a> {
    program: &'a Program,
    plan: &'a Plan,
    offers: Offers,
    /// The buses that machine types have by themselves, or why they have none.
    bare: Mutex<HashMap<String, Buses>>,
    next: AtomicUsize,
    end: usize,
}

impl Work<'_> {
    /// One thread's share.
    fn through(&self, stop: &watch::Receiver<bool>, done: &mpsc::Sender<Swept>) {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                // Who listens ends with the first error.
                let _ = done.send(Err(error));
                return;
            }
        };
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.end {
                return;
            }
            let Some(result) = until(stop, &runtime, self.one(index)) else {
                return;
            };
            let _ = done.send(Ok(result));
        }
    }

    async fn one(&self, index: usize) -> (Machine, Vec<Answer>) {
        let mut machine = self.machine(index).await;
        if !machine.lost.is_empty() {
            return (machine, Vec::new());
        }
        machine.args.extend(self.plan.args.iter().cloned());
        let plan = self.plan;
        let answers = run::on(self.program, &mut machine, plan.qom, plan.limit).await;
        (machine, answers)
    }

    async fn machine(&self, index: usize) -> Machine {
        let seed = match &self.plan.source {
            Source::Given(args) => return run::given(args.clone()),
            Source::Random { seed, .. } => *seed,
        };
        let lost = |args: Vec<String>, lost: &str| Machine {
            index,
            args,
            lost: lost.to_owned(),
            ..Machine::default()
        };
        let Some(kind) = machine::kind(&self.offers, seed, index) else {
            return lost(Vec::new(), "QEMU offers no machine types");
        };
        match self.buses(&kind.name).await.as_ref() {
            Ok(buses) => machine::make(&self.offers, kind, buses, seed, index),
            Err(error) => lost(vec!["-M".into(), kind.name.clone()], error),
        }
    }

    /// Two threads may ask the same at the same time, and get the same.
    async fn buses(&self, kind: &str) -> Buses {
        let bare = || self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bare().get(kind).cloned();
        if let Some(buses) = known {
            return buses;
        }
        let asked = self.offers.buses_of(self.program, kind);
        let buses = match tokio::time::timeout(self.plan.limit, asked).await {
            Ok(buses) => buses.map_err(|error| error.first_line()),
            Err(_) => Err("no start in time".to_owned()),
        };
        let buses = Arc::new(buses);
        bare().insert(kind.to_owned(), buses.clone());
        buses
    }
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// What `work` comes to; none where `stop` says so first, and then it is dropped with its QEMUs.
fn until<T>(
    stop: &watch::Receiver<bool>,
    runtime: &Runtime,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut stop = stop.clone();
    runtime.block_on(async {
        tokio::select! {
            // Where nobody is left who could say so, it goes on.
            Ok(_) = stop.wait_for(|stop| *stop) => None,
            done = work => Some(done),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_stop_is_dropped() {
        struct Guard(Arc<AtomicUsize>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (sender, receiver) = watch::channel(false);
        let dropped = Arc::new(AtomicUsize::new(0));
        let guard = Guard(dropped.clone());
        let runtime = runtime().unwrap();
        let stopper = thread::spawn(move || sender.send(true));
        let result = until(&receiver, &runtime, async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        assert_eq!(result, None);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        stopper.join().unwrap().unwrap();
        let (sender, receiver) = watch::channel(false);
        drop(sender);
        assert_eq!(until(&receiver, &runtime, async { 1 }), Some(1));
    }
}
