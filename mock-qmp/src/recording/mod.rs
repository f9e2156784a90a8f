// SPDX-License-Identifier: GPL-2.0-or-later
//! Recordings: what passed between a client and a real QEMU, as plain text.
//!
//! `docs/recording-format.md` describes the files. This module reads, checks and writes them; it
//! knows no socket and no replay.

mod builtin;
mod check;
mod content;
mod draft;
mod error;
mod line;
mod load;
mod machine;
mod nodes;
mod repeats;
mod schema_store;
mod scrub;
mod shipped;
mod show;
mod topic;
mod transcript;
mod write;

pub use builtin::BuiltinLine;
pub use check::check;
pub use content::{Chunk, Content, Part};
pub use error::RecordingError;
pub use line::{FORMAT, Line, ReplyLine};
pub use load::Recording;
pub use machine::{Machine, QemuVersion};
pub use repeats::without_repeats;
pub use schema_store::{schema_hash, schema_text};
pub use scrub::{SCRUBBED, scrub_line};
pub(crate) use scrub::{scrub_answer, scrub_option, scrub_reply, scrub_request, scrub_urls};
pub use shipped::{locate, shelves};
pub(crate) use topic::ReplyBody;
pub use topic::{Entry, EventLine, MAIN_TOPIC, Reply, Topic, Wrote};
pub use write::{RecordingWriter, TopicWriter};
