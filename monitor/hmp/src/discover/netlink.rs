// SPDX-License-Identifier: GPL-2.0-or-later
//! Which two unix sockets are connected, as the kernel says by netlink (`sock_diag(7)`). Needs no
//! rights.

use std::collections::HashMap;
use std::io;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

use crate::discover::tables::READINGS;

/// `SOCK_DIAG_BY_FAMILY` (`linux/sock_diag.h`).
const BY_FAMILY: u16 = 20;
/// `NLMSG_ERROR` and `NLMSG_DONE` (`linux/netlink.h`).
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const FLAGS: u16 = 0x301;
/// `UDIAG_SHOW_PEER` (`linux/unix_diag.h`) and the attribute that answers it.
const SHOW_PEER: u32 = 4;
const PEER: u16 = 2;
/// Lengths of `nlmsghdr` and `unix_diag_msg`.
const HEADER: usize = 16;
const MESSAGE: usize = 16;
/// How long the kernel may take: it answers at once.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// The inode of the other end, by the inode of a unix socket of our network namespace; 0 where there
/// is none, or none any more. Empty where the kernel does not say.
pub(super) fn peers() -> HashMap<u64, u64> {
    let readings = (0..READINGS).map(|_| ask().unwrap_or_default());
    readings.flatten().collect()
}

fn ask() -> io::Result<HashMap<u64, u64>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(SOCK_DIAG),
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    sendto(
        &socket,
        &request(),
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut peers = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (count, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || !read(bytes, &mut peers) {
            return Ok(peers);
        }
    }
}

/// `nlmsghdr` and `unix_diag_req`: all sockets in any state, with their peers.
fn request() -> Vec<u8> {
    let length = 40_u32;
    let mut request = Vec::new();
    request.extend(length.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(FLAGS.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    // AF_UNIX, no protocol, padding.
    request.extend([1, 0, 0, 0]);
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(SHOW_PEER.to_ne_bytes());
    request.extend([0; 8]);
    request
}

/// Reads the messages of a datagram; false after the last one, or what is not understood.
fn read(mut bytes: &[u8], peers: &mut HashMap<u64, u64>) -> bool {
    while let (Some(length), Some(kind)) = (word(bytes, 0), half(bytes, 4)) {
        let length = length as usize;
        let Some(message) = bytes.get(HEADER..length) else {
            return false;
        };
        if kind == ERROR || kind == DONE {
            return false;
        }
        if let Some(inode) = word(message, 4) {
            peers.insert(inode.into(), peer(message).unwrap_or_default());
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

/// The peer in the attributes of one `unix_diag_msg`.
fn peer(message: &[u8]) -> Option<u64> {
    let mut attributes = message.get(MESSAGE..)?;
    loop {
        let (length, kind) = (usize::from(half(attributes, 0)?), half(attributes, 2)?);
        if length < 4 {
            return None;
        }
        if kind == PEER && length >= 8 {
            return Some(word(attributes, 4)?.into());
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(two.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_a_pair() {
        let (one, other) = UnixStream::pair().unwrap();
        let inode = |stream: &UnixStream| rustix::fs::fstat(stream.as_fd()).unwrap().st_ino;
        let Ok(peers) = ask() else {
            eprintln!("the_ends_of_a_pair skipped: no sock_diag here");
            return;
        };
        assert_eq!(peers.get(&inode(&one)), Some(&inode(&other)));
        assert_eq!(peers.get(&inode(&other)), Some(&inode(&one)));
        drop(other);
        assert_eq!(ask().unwrap().get(&inode(&one)), Some(&0), "none any more");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(0_u8..40, 0..120)) {
            read(&bytes, &mut HashMap::new());
            peer(&bytes);
        }
    }
}
