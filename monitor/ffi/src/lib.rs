// SPDX-License-Identifier: GPL-2.0-or-later
//! The engine behind a C interface: what `include/hmp.h` declares.
//!
//! The library has no thread, runtime, socket, signal handler or global of its own. Whoever embeds
//! it passes callbacks that carry QMP requests and take text, and calls [`hmp_poll`] when `wake`
//! asks for it. `docs/embedding.md` is the manual.
//!
//! # Layers
//!
//! Each module asks only those below it.
//!
//! ```text
//! entry      the functions of the interface: pointers in, outcomes out, panics caught
//! caps       what is known of a QEMU, shared between monitors
//! handle     one monitor and the line or completion that runs on it
//! around     the QMP connection, the host and the sink that the engine sees
//! waiting    requests without an answer as yet; answers come from any thread
//! callbacks  the functions that the embedder passed, each called in one place
//! ```
#![allow(
    unsafe_code,
    reason = "the C boundary: pointers come from outside, and functions are called there"
)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod around;
mod callbacks;
mod caps;
mod entry;
mod handle;
mod waiting;

pub use self::callbacks::{HMP_MEMORY_DONE, HMP_MEMORY_NO_CPU, HMP_MEMORY_REFUSED, HmpCallbacks};
pub use self::caps::{HmpCaps, hmp_caps_free, hmp_caps_new};
pub use self::entry::{
    HMP_ALLOW_PAUSING, HMP_ALLOW_RISKY, HMP_ALLOW_SAFE, HMP_PASSTHROUGH_ALWAYS,
    HMP_PASSTHROUGH_AUTO, HMP_PASSTHROUGH_NEVER, hmp_allow, hmp_answer, hmp_caps_of, hmp_complete,
    hmp_create, hmp_create_with, hmp_free, hmp_give_up, hmp_greeting, hmp_poll, hmp_run_line,
};
pub use self::handle::{
    HMP_BUSY, HMP_DONE, HMP_FAILED, HMP_FREED, HMP_IDLE, HMP_LOST, HMP_PANIC, HMP_PENDING,
    HMP_QUIT, HmpEngine,
};
