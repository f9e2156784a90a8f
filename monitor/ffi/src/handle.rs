// SPDX-License-Identifier: GPL-2.0-or-later
//! One monitor and the line or completion that runs on it.

use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt::Write;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::Risk;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::QmpError;

use crate::around::{Around, read_greeting};
use crate::callbacks::Callbacks;
use crate::waiting::Shared;

/// The line waits for answers: `hmp_poll` goes on when `wake` has asked for it.
pub const HMP_PENDING: c_int = -1;
/// Carried out, or blank.
pub const HMP_DONE: c_int = 0;
/// It failed; the text says why.
pub const HMP_FAILED: c_int = 1;
/// It was `quit`: no prompt follows.
pub const HMP_QUIT: c_int = 2;
/// The connection was lost.
pub const HMP_LOST: c_int = 3;
/// The library has a fault; the handle can only be freed.
pub const HMP_PANIC: c_int = 4;
/// A function of this handle is on the stack, or another line runs: nothing was done.
pub const HMP_BUSY: c_int = 5;
/// Nothing runs: no line was begun, or it was given up.
pub const HMP_IDLE: c_int = 6;
/// The handle was freed from within a callback, and is gone.
pub const HMP_FREED: c_int = 7;

/// Takes a candidate of a completion.
pub(crate) type TakeWord = unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int);

type Task = Pin<Box<dyn Future<Output = c_int>>>;

/// The monitor while nothing runs; none before the first line, and while one has it.
type Slot = Rc<Cell<Option<Box<Monitor>>>>;

/// A monitor. All functions but `hmp_answer` belong to the thread that owns it.
pub struct HmpEngine {
    pub(crate) shared: Arc<Shared>,
    slot: Slot,
    setup: Cell<Setup>,
    /// What is known of QEMU without asking it.
    caps: Option<Caps>,
    task: RefCell<Option<Task>>,
    /// A function of this handle is on the stack.
    entered: Cell<bool>,
    give_up: Cell<bool>,
    doomed: Cell<bool>,
    broken: Cell<bool>,
}

/// What the monitor is made with.
#[derive(Clone, Copy)]
struct Setup {
    passthrough: Passthrough,
    allow: Risk,
}

impl HmpEngine {
    pub(crate) fn new(callbacks: Callbacks, passthrough: Passthrough, caps: Option<Caps>) -> Self {
        Self {
            shared: Arc::new(Shared::new(callbacks)),
            slot: Rc::default(),
            setup: Cell::new(Setup {
                passthrough,
                allow: Risk::Safe,
            }),
            caps,
            task: RefCell::default(),
            entered: Cell::new(false),
            give_up: Cell::new(false),
            doomed: Cell::new(false),
            broken: Cell::new(false),
        }
    }

    /// What the monitor knows of QEMU, from its first line on.
    pub(crate) fn caps(&self) -> Option<Caps> {
        let monitor = self.slot.take();
        let known = monitor.as_ref().map(|monitor| monitor.caps().clone());
        self.slot.set(monitor);
        known.or_else(|| self.caps.clone())
    }

    /// Keeps the greeting of the connection.
    pub(crate) fn greeting(&self, text: &[u8]) -> c_int {
        self.enter(|| {
            let greeting = read_greeting(text);
            match greeting.map(|greeting| self.shared.greeting.set(greeting)) {
                Some(Ok(())) => HMP_DONE,
                _ => HMP_FAILED,
            }
        })
    }

    /// Runs `line`.
    pub(crate) fn run_line(&self, line: String) -> c_int {
        let around = Around(Arc::clone(&self.shared));
        let (slot, setup) = (Rc::clone(&self.slot), self.setup.get());
        let caps = self.caps.clone();
        self.begin(Box::pin(async move {
            let mut out = around.clone();
            let mut leased = match lease(slot, around, setup, caps).await {
                Ok(leased) => leased,
                Err(error) => return not_made(&error, &mut out),
            };
            let ran = Box::pin(leased.monitor().run_line(&line, &mut out)).await;
            // The sink does not fail.
            let _ = out.write_str(&ran.shown_notes());
            match ran.outcome {
                Outcome::Done => HMP_DONE,
                Outcome::Failed => HMP_FAILED,
                Outcome::Quit => HMP_QUIT,
                Outcome::Disconnected(_) => HMP_LOST,
            }
        }))
    }

    /// Completes `line`, and calls `word` for each candidate.
    pub(crate) fn complete(&self, line: String, word: TakeWord, arg: *mut c_void) -> c_int {
        let around = Around(Arc::clone(&self.shared));
        let (slot, setup) = (Rc::clone(&self.slot), self.setup.get());
        let caps = self.caps.clone();
        self.begin(Box::pin(async move {
            let shared = Arc::clone(&around.0);
            let mut out = around.clone();
            let mut leased = match lease(slot, around, setup, caps).await {
                Ok(leased) => leased,
                Err(error) => return not_made(&error, &mut out),
            };
            let end = line.len();
            let found = leased.monitor().complete(&line, end).await;
            let (files, start) = (c_int::from(found.files), found.start);
            let typed = found.files.then(|| line.get(start..).unwrap_or_default());
            let words = found.candidates.iter().map(String::as_str).chain(typed);
            for text in words {
                // No name of QEMU's holds a NUL.
                let Ok(text) = CString::new(text) else {
                    continue;
                };
                if shared.is_mute() {
                    break;
                }
                // SAFETY: the embedder's function, given what came with it, on the owner's thread;
                // the text outlives the call.
                unsafe { word(arg, start, text.as_ptr(), files) };
            }
            match found.failed {
                Some(error) if error.is_fatal() => HMP_LOST,
                Some(_) => HMP_FAILED,
                None => HMP_DONE,
            }
        }))
    }

    /// Runs a task, which is the only one.
    pub(crate) fn begin(&self, task: Task) -> c_int {
        self.enter(|| {
            if self.task.borrow().is_some() {
                return HMP_BUSY;
            }
            *self.task.borrow_mut() = Some(task);
            self.go_on()
        })
    }

    /// Goes on with what runs.
    pub(crate) fn poll(&self) -> c_int {
        self.enter(|| self.go_on())
    }

    fn go_on(&self) -> c_int {
        let Some(mut task) = self.task.borrow_mut().take() else {
            return HMP_IDLE;
        };
        let enough = || self.give_up.get() || self.doomed.get();
        let polled = self.shared.drive(task.as_mut(), enough);
        let given_up = self.give_up.take();
        if given_up || self.doomed.get() {
            drop(task);
            self.say_what_goes_on(given_up);
            return HMP_IDLE;
        }
        match polled {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                *self.task.borrow_mut() = Some(task);
                HMP_PENDING
            }
        }
    }

    /// Gives up what runs. The monitor goes on with the next line.
    pub(crate) fn give_up(&self) {
        if self.entered.get() {
            // The line is on the stack: it ends when the callback has returned.
            self.give_up.set(true);
            self.shared.silence();
            return;
        }
        self.enter(|| {
            let task = self.task.borrow_mut().take();
            let ran = task.is_some();
            // Calls `cancel`.
            drop(task);
            self.say_what_goes_on(ran);
            HMP_IDLE
        });
    }

    /// What QEMU may go on with although its line was given up is said once.
    fn say_what_goes_on(&self, given_up: bool) {
        let Some(mut monitor) = self.slot.take() else {
            return;
        };
        let to_say = given_up && !self.doomed.get();
        if let Some(text) = to_say.then(|| monitor.given_up()).flatten() {
            self.shared.callbacks.write(&format!("note: {text}\n"));
        }
        self.slot.set(Some(monitor));
    }

    /// Sets the highest risk of the routes that are used from the next line on.
    pub(crate) fn allow(&self, risk: Risk) -> c_int {
        self.enter(|| {
            if self.task.borrow().is_some() {
                return HMP_BUSY;
            }
            let mut setup = self.setup.get();
            setup.allow = risk;
            self.setup.set(setup);
            if let Some(mut monitor) = self.slot.take() {
                monitor.allow(risk);
                self.slot.set(Some(monitor));
            }
            HMP_DONE
        })
    }

    /// Ends all; whether the caller is to drop the handle now. Else the function that is on the
    /// stack does it when it returns.
    pub(crate) fn free(&self) -> bool {
        if self.doomed.replace(true) {
            return false;
        }
        if self.entered.get() {
            self.shared.silence();
            return false;
        }
        self.enter(|| {
            drop(self.task.borrow_mut().take());
            HMP_DONE
        });
        true
    }

    /// Whether the handle is to be dropped by the function that returns.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.get() && !self.entered.get()
    }

    /// Does `work` unless a function of this handle is on the stack; a panic ends here.
    fn enter(&self, work: impl FnOnce() -> c_int) -> c_int {
        if self.entered.get() {
            return HMP_BUSY;
        }
        if self.broken.get() && !self.doomed.get() {
            return HMP_PANIC;
        }
        self.entered.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(work));
        self.entered.set(false);
        // What a callback gave up was this, not what comes next.
        self.give_up.set(false);
        if !self.doomed.get() {
            self.shared.speak();
        }
        outcome.unwrap_or_else(|_| {
            self.broken.set(true);
            HMP_PANIC
        })
    }
}

/// QEMU did not answer what a monitor must know.
fn not_made(error: &QmpError, out: &mut Around) -> c_int {
    if error.is_fatal() {
        return HMP_LOST;
    }
    // The sink does not fail.
    let _ = writeln!(out, "{error}");
    HMP_FAILED
}

/// The monitor while a line has it; it is put back however the line ends.
struct Lease {
    slot: Slot,
    monitor: ManuallyDrop<Box<Monitor>>,
}

/// Takes the monitor; the first time, makes it.
async fn lease(
    slot: Slot,
    around: Around,
    setup: Setup,
    caps: Option<Caps>,
) -> Result<Lease, QmpError> {
    let monitor = match slot.take() {
        Some(monitor) => monitor,
        None => {
            let builder = Monitor::builder(Arc::new(around.clone()))
                .host(Arc::new(around))
                .passthrough(setup.passthrough)
                .allow(setup.allow);
            Box::new(match caps {
                Some(caps) => builder.build_with(caps),
                None => Box::pin(builder.build()).await?,
            })
        }
    };
    Ok(Lease {
        slot,
        monitor: ManuallyDrop::new(monitor),
    })
}

impl Lease {
    fn monitor(&mut self) -> &mut Monitor {
        &mut self.monitor
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and not used any more.
        let monitor = unsafe { ManuallyDrop::take(&mut self.monitor) };
        self.slot.set(Some(monitor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::HmpCallbacks;

    unsafe extern "C" fn execute(_: *mut c_void, _: u64, _: *const c_char, _: usize, _: c_int) {}
    unsafe extern "C" fn write(_: *mut c_void, _: *const c_char, _: usize) {}
    unsafe extern "C" fn wake(_: *mut c_void) {}
    unsafe extern "C" fn sleep(_: *mut c_void, _: u64, _: u64) {}
    unsafe extern "C" fn local_time(_: *mut c_void, _: c_int, at: i64, _: *mut i32) -> i64 {
        at
    }

    fn handle() -> HmpEngine {
        let mut table = HmpCallbacks::NONE;
        table.execute = Some(execute);
        table.write = Some(write);
        table.wake = Some(wake);
        table.sleep = Some(sleep);
        table.local_time = Some(local_time);
        // SAFETY: a whole table.
        let callbacks = unsafe { Callbacks::new(&raw const table, std::ptr::null_mut()) };
        HmpEngine::new(callbacks.unwrap(), Passthrough::Auto, None)
    }

    #[test]
    fn a_panic_ends_in_the_function_and_breaks_the_handle() {
        let handle = handle();
        assert_eq!(
            handle.begin(Box::pin(async { panic!("a fault") })),
            HMP_PANIC
        );
        assert_eq!(handle.run_line("info status".into()), HMP_PANIC);
        assert_eq!(handle.poll(), HMP_PANIC);
        handle.give_up();
        assert!(handle.free());
    }

    #[test]
    fn a_line_waits_and_another_is_refused() {
        let handle = handle();
        assert_eq!(handle.poll(), HMP_IDLE);
        assert_eq!(handle.run_line("info status".into()), HMP_PENDING);
        assert_eq!(handle.run_line("info name".into()), HMP_BUSY);
        assert_eq!(handle.allow(Risk::Risky), HMP_BUSY);
        handle.give_up();
        assert_eq!(handle.poll(), HMP_IDLE);
        assert_eq!(handle.allow(Risk::Risky), HMP_DONE);
        assert_eq!(handle.run_line("info name".into()), HMP_PENDING);
        assert!(handle.free());
        assert!(!handle.free());
    }
}
