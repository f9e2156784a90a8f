// SPDX-License-Identifier: GPL-2.0-or-later
//! The functions of the interface: pointers in, outcomes out.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use hmp_engine::command::route::Passthrough;
use hmp_engine::host::Risk;

use crate::callbacks::{Callbacks, HmpCallbacks, bytes_of, text_of};
use crate::caps::HmpCaps;
use crate::handle::{HMP_BUSY, HMP_FAILED, HMP_FREED, HMP_PANIC, HmpEngine};

/// The built-in monitor is never asked (`human-monitor-command`).
pub const HMP_PASSTHROUGH_NEVER: c_int = 0;
/// It is asked where the engine's own route is missing or partial.
pub const HMP_PASSTHROUGH_AUTO: c_int = 1;
/// It is asked wherever it has the command.
pub const HMP_PASSTHROUGH_ALWAYS: c_int = 2;

/// Only routes are used that do nothing to the VM but what the line is for.
pub const HMP_ALLOW_SAFE: c_int = 0;
/// Routes that stop the VM for a moment, too.
pub const HMP_ALLOW_PAUSING: c_int = 1;
/// Routes that could harm the VM somewhere, too.
pub const HMP_ALLOW_RISKY: c_int = 2;

/// Makes a monitor, which `hmp_free` ends. Nothing is called yet: QEMU is asked what it offers by
/// the first line. NULL where a callback is missing that is needed, or `passthrough` is none of
/// HMP_PASSTHROUGH_*. The table is copied; `user` must outlive the monitor.
///
/// # Safety
/// `callbacks` is null or points to a table of `size` bytes whose functions are what it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_create(
    callbacks: *const HmpCallbacks,
    user: *mut c_void,
    passthrough: c_int,
) -> *mut HmpEngine {
    // SAFETY: by the caller's word.
    unsafe { hmp_create_with(callbacks, user, passthrough, ptr::null()) }
}

/// As `hmp_create`, with capabilities that are known: QEMU is not asked what it offers. They are
/// shared, and may be freed at once. NULL for them is as `hmp_create`.
///
/// # Safety
/// As for `hmp_create`, and `caps` is null or living.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_create_with(
    callbacks: *const HmpCallbacks,
    user: *mut c_void,
    passthrough: c_int,
    caps: *const HmpCaps,
) -> *mut HmpEngine {
    let passthrough = match passthrough {
        HMP_PASSTHROUGH_NEVER => Passthrough::Never,
        HMP_PASSTHROUGH_AUTO => Passthrough::Auto,
        HMP_PASSTHROUGH_ALWAYS => Passthrough::Always,
        _ => return ptr::null_mut(),
    };
    // SAFETY: by the caller's word.
    let Some(callbacks) = (unsafe { Callbacks::new(callbacks, user) }) else {
        return ptr::null_mut();
    };
    let made = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: null or living, by the caller's word.
        let caps = unsafe { caps.as_ref() }.map(HmpCaps::get);
        Box::into_raw(Box::new(HmpEngine::new(callbacks, passthrough, caps)))
    }));
    made.unwrap_or(ptr::null_mut())
}

/// What the monitor knows of its QEMU: what it was created with, or has asked for with its first
/// line; NULL before that, and while a line runs. Other monitors of the same QEMU can be created with
/// it. `hmp_caps_free` ends it.
///
/// # Safety
/// `engine` is a living handle of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_caps_of(engine: *const HmpEngine) -> *mut HmpCaps {
    // SAFETY: null or living, by the caller's word.
    let Some(handle) = (unsafe { engine.as_ref() }) else {
        return ptr::null_mut();
    };
    let known = catch_unwind(AssertUnwindSafe(|| handle.caps().map(HmpCaps::share)));
    known.ok().flatten().unwrap_or(ptr::null_mut())
}

/// Passes the greeting of the connection, `{"QMP": ...}`, before the first line: QEMU is not asked
/// for its version then. HMP_DONE, or HMP_FAILED where it is none, or one was passed already.
///
/// # Safety
/// `engine` is a living handle of this thread, and `greeting` has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_greeting(
    engine: *const HmpEngine,
    greeting: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: by the caller's word, for both.
    unsafe { on(engine, |handle| handle.greeting(bytes_of(greeting, len))) }
}

/// Runs a line, without its line end: an outcome, or HMP_PENDING. HMP_BUSY while another runs.
///
/// # Safety
/// `engine` is a living handle of this thread, and `line` has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_run_line(
    engine: *const HmpEngine,
    line: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: by the caller's word, for both.
    unsafe { on(engine, |handle| handle.run_line(text_of(line, len))) }
}

/// Goes on with the line or completion that runs: its outcome, HMP_PENDING, or HMP_IDLE where
/// nothing runs.
///
/// # Safety
/// `engine` is a living handle of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_poll(engine: *const HmpEngine) -> c_int {
    // SAFETY: by the caller's word.
    unsafe { on(engine, HmpEngine::poll) }
}

/// Takes the answer to what `token` was given for: 1, or 0 where nobody waits for it any more. A
/// request's is the whole reply, with `return` or `error`; an empty one says that the connection is
/// lost. May be called on any thread, and from within the callback that asked; not after
/// `hmp_free` was called.
///
/// # Safety
/// `engine` is a living handle, and `reply` has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_answer(
    engine: *const HmpEngine,
    token: u64,
    reply: *const c_char,
    len: usize,
) -> c_int {
    if engine.is_null() {
        return 0;
    }
    // SAFETY: the handle lives; only the part is touched that threads share.
    let shared = unsafe { &(*engine).shared };
    // SAFETY: by the caller's word.
    let reply = unsafe { bytes_of(reply, len) };
    let taken = catch_unwind(AssertUnwindSafe(|| shared.answer(token, reply)));
    c_int::from(taken.unwrap_or(false))
}

/// Gives up the line or completion that runs: `cancel` is called for each answer that it waits
/// for, and the next line can be run. From within a callback: the function that is on the stack
/// returns HMP_IDLE.
///
/// # Safety
/// `engine` is a living handle of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_give_up(engine: *const HmpEngine) {
    // SAFETY: by the caller's word.
    unsafe {
        on(engine, |handle| {
            handle.give_up();
            HMP_BUSY
        });
    }
}

/// Completes the word at the end of `line`, which is what is left of the cursor: an outcome, or
/// HMP_PENDING as for a line. `word` is called with `arg` for each candidate, in order: a whole
/// word, and the byte of the line where the word starts that it would replace. Where files are to
/// be completed it is called once, with what was typed and `files` not 0.
///
/// # Safety
/// `engine` is a living handle of this thread, `line` has `len` bytes, and `arg` is what `word` can
/// be called with until the completion is through.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_complete(
    engine: *const HmpEngine,
    line: *const c_char,
    len: usize,
    word: Option<
        unsafe extern "C" fn(arg: *mut c_void, start: usize, word: *const c_char, files: c_int),
    >,
    arg: *mut c_void,
) -> c_int {
    let Some(word) = word else {
        return HMP_FAILED;
    };
    // SAFETY: by the caller's word, for both.
    unsafe {
        on(engine, |handle| {
            handle.complete(text_of(line, len), word, arg)
        })
    }
}

/// Sets the highest risk of routes that are used from the next line on, one of HMP_ALLOW_*; safe
/// ones at first. HMP_DONE, HMP_BUSY while a line runs, HMP_FAILED for another value.
///
/// # Safety
/// `engine` is a living handle of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_allow(engine: *const HmpEngine, risk: c_int) -> c_int {
    let risk = match risk {
        HMP_ALLOW_SAFE => Risk::Safe,
        HMP_ALLOW_PAUSING => Risk::Pausing,
        HMP_ALLOW_RISKY => Risk::Risky,
        _ => return HMP_FAILED,
    };
    // SAFETY: by the caller's word.
    unsafe { on(engine, |handle| handle.allow(risk)) }
}

/// Ends a monitor, with what runs on it: `cancel` is called for each answer that is waited for, and
/// afterwards nothing is called any more. From within a callback: the function that is on the stack
/// returns HMP_FREED. NULL is left alone.
///
/// # Safety
/// `engine` is null or a living handle of this thread, and no thread answers it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_free(engine: *mut HmpEngine) {
    if engine.is_null() {
        return;
    }
    // SAFETY: by the caller's word.
    if unsafe { (*engine).free() } {
        // SAFETY: `hmp_create` made it, nothing of it is on the stack, and this happens once.
        unsafe { release(engine) };
    }
}

/// Calls one of the handle's functions, and drops the handle where that was asked for from within.
///
/// # Safety
/// As for the functions of the interface.
unsafe fn on(engine: *const HmpEngine, call: impl FnOnce(&HmpEngine) -> c_int) -> c_int {
    if engine.is_null() {
        return HMP_FAILED;
    }
    // SAFETY: not null, and living by the caller's word; the reference ends with the block.
    let (outcome, doomed) = unsafe {
        let handle = &*engine;
        let outcome = catch_unwind(AssertUnwindSafe(|| call(handle)));
        (outcome.unwrap_or(HMP_PANIC), handle.is_doomed())
    };
    if doomed {
        // SAFETY: it was freed from within a callback of the call that has just ended: nothing of
        // it is on the stack, and nobody else drops it.
        unsafe { release(engine.cast_mut()) };
        return HMP_FREED;
    }
    outcome
}

/// Drops a handle.
///
/// # Safety
/// `hmp_create` made it, and nobody uses it any more.
unsafe fn release(engine: *mut HmpEngine) {
    // What panics there leaks.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: by the caller's word.
        drop(unsafe { Box::from_raw(engine) });
    }));
}
