// SPDX-License-Identifier: GPL-2.0-or-later
//! What is found.

use std::fmt;

use crate::client::address::Address;

/// A QMP socket of a running QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The process.
    pub pid: u32,
    /// The machine's name (`-name`).
    pub name: Option<String>,
    /// Where to connect. A socket in another root is given by way of that process's root.
    pub address: Address,
    /// Who manages this QEMU, and needs the socket.
    pub manager: Option<Manager>,
    /// Whether somebody is connected already (unix sockets only; a QMP socket serves one client).
    pub taken: bool,
}

/// A program that runs QEMU and keeps its QMP socket to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// libvirt.
    Libvirt,
    /// Proxmox VE.
    Proxmox,
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Libvirt => "libvirt",
            Self::Proxmox => "Proxmox",
        })
    }
}
