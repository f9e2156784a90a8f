// SPDX-License-Identifier: GPL-2.0-or-later
//! What is found.

use std::fmt;

use crate::client::address::Address;

/// A running QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// The process.
    pub pid: u32,
    /// The VM's name (`-name`).
    pub name: Option<String>,
    /// The number of the user it runs as.
    pub owner: u32,
    /// Whether that is the user who asks, outside of containers. Another one's may be anything that
    /// calls itself QEMU.
    pub ours: bool,
    /// Whether it runs in a container: in another namespace of processes or of users.
    pub contained: bool,
    /// Whether the process is stopped (SIGSTOP, a debugger): it answers nothing.
    pub stopped: bool,
    /// The type of machine (`-machine`), where it is given.
    pub machine: Option<String>,
    /// Its QMP sockets that can be reached from here.
    pub sockets: Vec<Socket>,
}

/// A QMP socket of a running QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Where to connect. A socket in another root is given by way of that process's root.
    pub address: Address,
    /// Who manages this QEMU, and needs the socket.
    pub manager: Option<Manager>,
    /// Whether somebody is connected already; a QMP socket serves one client.
    pub taken: bool,
    /// Who that is, where it can be found out.
    pub holder: Option<Holder>,
}

impl Vm {
    /// The socket to use: none that a manager needs, one that is free before one that is not.
    #[must_use]
    pub fn best(&self) -> Option<&Socket> {
        let usable = || self.sockets.iter().filter(|s| s.manager.is_none());
        usable().find(|s| !s.taken).or_else(|| usable().next())
    }
}

/// A process that is connected to a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// The name of its program, as the kernel keeps it: 15 bytes at most.
    pub program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.program, self.pid)
    }
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
