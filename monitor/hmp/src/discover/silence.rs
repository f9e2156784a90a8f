// SPDX-License-Identifier: GPL-2.0-or-later
//! Why a socket that was connected to says nothing, as far as `/proc` tells.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::client::address::Address;
use crate::discover::found::{Holder, Vm};
use crate::discover::holders::{holders, is_stopped};
use crate::discover::scan::{Scan, Seen};
use crate::discover::{sockets, tables};

/// Why a socket is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The process that serves it is stopped (SIGSTOP, a debugger).
    Stopped(Holder),
    /// Another client is connected.
    Held {
        /// Who, where it can be found out.
        by: Option<Holder>,
        /// A QMP socket of the same QEMU that nobody uses.
        free: Option<Address>,
    },
    /// By its QEMU's command line it serves something else than plain QMP.
    Other {
        /// What, as a part of a sentence.
        what: &'static str,
        /// The QEMU.
        pid: u32,
    },
    /// Nothing here says why.
    Unknown,
}

/// Why the socket at this address is silent. This process's own connections don't count.
#[must_use]
pub fn silence(address: &Address) -> Silence {
    let scan = Scan::real();
    let seen = scan.all();
    for Seen { vm, others } in &seen {
        if let Some((_, what)) = others.iter().find(|(other, _)| same(other, address)) {
            let (what, pid) = (*what, vm.pid);
            return Silence::Other { what, pid };
        }
        if let Some(silence) = of_vm(vm, address) {
            return silence;
        }
    }
    let names = match address {
        Address::Unix(path) => spellings(path),
        Address::Abstract { name, tight } => vec![sockets::abstract_path(name, *tight)],
        Address::Tcp { .. } | Address::Vsock { .. } => return Silence::Unknown,
    };
    of_names(&scan, &names)
}

/// Why the socket of a QEMU is silent, if it is this one's.
fn of_vm(vm: &Vm, address: &Address) -> Option<Silence> {
    let socket = vm.sockets.iter().find(|s| same(&s.address, address))?;
    if vm.stopped {
        return Some(Silence::Stopped(Holder {
            pid: vm.pid,
            program: vm.name.clone().unwrap_or_else(|| "QEMU".into()),
        }));
    }
    let by = socket.holder.clone();
    if !socket.taken || by.as_ref().is_some_and(is_this) {
        return Some(Silence::Unknown);
    }
    let free = vm.best().filter(|best| !best.taken);
    let free = free.map(|best| best.address.clone());
    Some(Silence::Held { by, free })
}

/// Why the socket of an unknown program is silent, by the names that the kernel may know it by.
fn of_names(scan: &Scan, names: &[String]) -> Silence {
    let table = tables::all(&scan.proc.join("self/net/unix"), sockets::read);
    let named = |s: &&sockets::Socket| names.contains(&s.path);
    let listener = table.iter().filter(named).find(|s| s.listens);
    let accepted = names
        .iter()
        .flat_map(|name| sockets::accepted(&table, name, &scan.peers));
    let ends: Vec<_> = accepted.map(|end| scan.peers.get(&end).copied()).collect();
    let wanted: HashSet<u64> = ends.iter().flatten().copied().collect();
    let wanted = wanted.into_iter().chain(listener.map(|s| s.inode));
    let processes: HashMap<u64, Holder> = holders(&scan.proc, &wanted.collect());
    let server = listener.and_then(|s| processes.get(&s.inode));
    if let Some(server) = server.filter(|server| is_stopped(&scan.proc, server.pid)) {
        return Silence::Stopped(server.clone());
    }
    let by = ends.iter().map(|end| processes.get(end.as_ref()?));
    let by: Vec<_> = by.filter(|by| !by.is_some_and(is_this)).collect();
    if by.is_empty() {
        return Silence::Unknown;
    }
    let by = by.into_iter().flatten().next().cloned();
    Silence::Held { by, free: None }
}

fn is_this(holder: &Holder) -> bool {
    holder.pid == std::process::id()
}

/// Whether two addresses lead to one socket.
fn same(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Unix(one), Address::Unix(other)) => {
            let file = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
            one == other || file(one).is_some_and(|one| file(other) == Some(one))
        }
        (
            Address::Tcp { host, port },
            Address::Tcp {
                host: other,
                port: theirs,
            },
        ) => port == theirs && (host == other || (is_loopback(host) && is_loopback(other))),
        (one, other) => one == other,
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// The names by which a socket may have been bound: as given, from the root, without links.
fn spellings(path: &Path) -> Vec<String> {
    let absolute = std::path::absolute(path).ok();
    let real = fs::canonicalize(path).ok();
    let all = [Some(PathBuf::from(path)), absolute, real];
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    all.into_iter().flatten().map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn addresses_of_one_socket() {
        let same = |one: &str, other: &str| same(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("127.0.0.1:5", "localhost:5") && same("[::1]:5", "localhost:5"));
        assert!(!same("127.0.0.1:5", "127.0.0.1:6") && !same("other:5", "localhost:5"));
        assert!(same("@a", "@a") && !same("@a", "a"));
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().display();
        assert!(!same(&format!("{shown}/a"), &format!("{shown}/b")));
        let _listener = UnixListener::bind(folder.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
        assert!(same(&format!("{shown}/a"), &format!("{shown}/b")));
    }

    #[test]
    fn our_own_connection_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q");
        let address = Address::Unix(path.clone());
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(silence(&address), Silence::Unknown);
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(silence(&address), Silence::Unknown, "not accepted yet");
        let _served = listener.accept().unwrap();
        assert_eq!(silence(&address), Silence::Unknown);
    }
}
