// SPDX-License-Identifier: GPL-2.0-or-later
//! The binary `hmp`, against mocks and peers that misbehave.
#![cfg(feature = "repl")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod ahead;
mod batch;
mod cuts;
mod escapes;
mod fault_matrix;
mod faults;
mod libvirt;
mod listen;
mod listen_clients;
mod newer_interfaces;
mod private_files;
mod prompt_events;
mod prompt_hints;
mod prompt_long;
mod prompt_own;
mod prompt_pipes;
mod prompt_tab;
mod replay;
mod signals;
mod standard_streams;
mod terminal;
mod trace;
mod typing;
mod version;
mod words;
