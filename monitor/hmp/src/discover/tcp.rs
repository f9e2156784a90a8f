// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel's tables of TCP sockets (`/proc/PID/net/tcp` and `tcp6`), as far as it matters here.

/// A socket; addresses are as the kernel writes them, `HEX:PORT`, without what makes an IPv4
/// address one of IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    local: String,
    remote: String,
    port: u16,
    listens: bool,
    /// 0 for a connection that nobody has accepted yet.
    inode: u64,
}

/// `TCP_ESTABLISHED` and `TCP_LISTEN` (`net/tcp_states.h`).
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// How IPv6 writes an address of IPv4, in the kernel's byte order.
const MAPPED: &str = "0000000000000000FFFF0000";

/// Reads a table; lines of another form are passed over.
pub(super) fn read(table: &str) -> Vec<Socket> {
    table.lines().skip(1).filter_map(entry).collect()
}

/// `sl local remote state queues timer retransmits uid timeout inode ...`.
fn entry(line: &str) -> Option<Socket> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [_, local, remote, state, _, _, _, _, _, inode, ..] = fields[..] else {
        return None;
    };
    if ![ESTABLISHED, LISTEN].contains(&state) {
        return None;
    }
    let plain = |address: &str| address.strip_prefix(MAPPED).unwrap_or(address).to_owned();
    Some(Socket {
        local: plain(local),
        remote: plain(remote),
        port: u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?,
        listens: state == LISTEN,
        inode: inode.parse().ok()?,
    })
}

/// Whether somebody is connected to a port that is listened at, and the inodes of those ends of
/// such connections that are on this machine.
pub(super) fn clients(sockets: &[Socket], port: u16) -> (bool, Vec<u64>) {
    if !sockets.iter().any(|s| s.listens && s.port == port) {
        return (false, Vec::new());
    }
    let served = |s: &&Socket| !s.listens && s.port == port && s.inode != 0;
    let served: Vec<_> = sockets.iter().filter(served).collect();
    let ends = served.iter().filter_map(|server| {
        let other = |s: &&Socket| s.local == server.remote && s.remote == server.local;
        Some(sockets.iter().find(other)?.inode)
    });
    (!served.is_empty(), ends.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        0: 0100007F:115C 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 500 1 x\n\
        1: 0100007F:115C 0100007F:A000 01 00000000:00000000 00:00000000 00000000 0 0 501 1 x\n\
        2: 0100007F:A000 0100007F:115C 01 00000000:00000000 00:00000000 00000000 0 0 502 1 x\n\
        3: 0100007F:115C 0100007F:A001 01 00000000:00000000 00:00000000 00000000 0 0 0 1 x\n\
        4: 0100007F:A001 0100007F:115C 01 00000000:00000000 00:00000000 00000000 0 0 503 1 x\n\
        5: 0100007F:B000 0100007F:0050 01 00000000:00000000 00:00000000 00000000 0 0 504 1 x\n\
        6: 0100007F:B001 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 505 1 x\n\
        nonsense\n";

    #[test]
    fn who_is_connected() {
        let sockets = read(TABLE);
        assert_eq!(clients(&sockets, 0x115c), (true, vec![502]));
        // A connection from a port is none to it.
        assert_eq!(clients(&sockets, 0xb000), (false, vec![]));
        assert_eq!(clients(&sockets, 0xb001), (false, vec![]));
    }

    #[test]
    fn both_families_are_one() {
        let six = "header\n\
            0: 00000000000000000000000000000000:115C 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n\
            1: 0000000000000000FFFF00000100007F:115C 0000000000000000FFFF00000100007F:A000 01 0:0 0:0 0 0 0 2\n";
        let four = "header\n0: 0100007F:A000 0100007F:115C 01 0:0 0:0 0 0 0 3\n";
        let sockets = [read(six), read(four)].concat();
        assert_eq!(clients(&sockets, 0x115c), (true, vec![3]));
    }
}
