// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel's table of unix sockets (`/proc/PID/net/unix`), as far as it matters here.

use std::collections::HashMap;

/// A socket with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) inode: u64,
    pub(super) path: String,
    /// Whether it listens; otherwise it is one end of a connection.
    pub(super) listens: bool,
}

/// The flag of sockets that accept connections (`__SO_ACCEPTCON` in Linux's
/// `include/uapi/linux/net.h`).
const ACCEPTS: u32 = 0x10000;

/// Reads the table; lines of another form are passed over.
pub(super) fn read(table: &str) -> Vec<Socket> {
    table.lines().skip(1).filter_map(entry).collect()
}

/// `Num: RefCount Protocol Flags Type St Inode Path`; the path may hold blanks, or be missing.
fn entry(line: &str) -> Option<Socket> {
    let mut rest = line;
    let mut fields = [""; 7];
    for field in &mut fields {
        rest = rest.trim_start();
        let end = rest.find(' ')?;
        (*field, rest) = rest.split_at(end);
    }
    Some(Socket {
        inode: fields[6].parse().ok()?,
        path: rest.strip_prefix(' ')?.to_owned(),
        listens: u32::from_str_radix(fields[3], 16).ok()? & ACCEPTS != 0,
    })
}

/// The accepted ends of the connections to the socket of this path: they carry the listener's.
/// Those that nobody has accepted yet have no inode; those whose client has left by what `peers`
/// knows (0 is nobody) don't count.
pub(super) fn accepted(sockets: &[Socket], path: &str, peers: &HashMap<u64, u64>) -> Vec<u64> {
    let ends = sockets
        .iter()
        .filter(|s| !s.listens && s.inode != 0 && s.path == path)
        .filter(|s| peers.get(&s.inode) != Some(&0));
    ends.map(|s| s.inode).collect()
}

/// A name of the abstract namespace as the table has it: the NULs before and behind it are `@`.
pub(super) fn abstract_path(name: &str, tight: bool) -> String {
    let filled = if tight {
        0
    } else {
        107_usize.saturating_sub(name.len())
    };
    format!("@{name}{}", "@".repeat(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 18361 /tmp/q.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 18400\n\
        0000000000000000: 00000003 00000000 00000000 0001 03    99 /tmp/with blank\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 20000 @abstract\n\
        0000000000000000: 00000002 00000000 00000000 0001 03     0 /tmp/q.sock\n\
        nonsense\n";

    #[test]
    fn sockets_with_a_path() {
        let sockets = read(TABLE);
        let paths: Vec<_> = sockets.iter().map(|s| s.path.as_str()).collect();
        assert_eq!(
            paths,
            ["/tmp/q.sock", "/tmp/with blank", "@abstract", "/tmp/q.sock"]
        );
        assert_eq!(sockets[0].inode, 18361);
        assert!(sockets[0].listens && !sockets[1].listens);
    }

    #[test]
    fn who_is_connected() {
        let sockets = read(TABLE);
        let accepted = |path, peer: &[(u64, u64)]| {
            let peers = peer.iter().copied().collect();
            accepted(&sockets, path, &peers)
        };
        assert!(accepted("/tmp/q.sock", &[]).is_empty());
        assert_eq!(accepted("/tmp/with blank", &[]), [99]);
        assert_eq!(accepted("/tmp/with blank", &[(99, 5)]), [99]);
        assert!(accepted("/tmp/with blank", &[(99, 0)]).is_empty());
    }

    #[test]
    fn abstract_names() {
        assert_eq!(abstract_path("q", true), "@q");
        assert_eq!(abstract_path("q", false).len(), 108);
    }
}
