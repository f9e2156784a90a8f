// SPDX-License-Identifier: GPL-2.0-or-later
//! Facts of one QEMU: what it offers, its block graph, devices and objects, and what was learned of
//! its releases.

pub mod block_graph;
pub mod builtin;
pub mod caps;
pub mod devices;
pub mod learned;
pub mod missing;
pub mod objects;
pub mod pci;
pub mod pins;
pub mod schema;
pub mod typing;
