// SPDX-License-Identifier: GPL-2.0-or-later
//! Why the system refused a connection, found out by a look at the place.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::client::address::Address;
use crate::host::users;

/// Why there is nothing to connect to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No file of that name.
    #[error("can't connect: No such file or directory; is QEMU running?")]
    Missing,
    /// A file of another kind.
    #[error("this is {0}, not a socket")]
    NotASocket(&'static str),
    /// A socket that nobody listens at.
    #[error(
        "can't connect: Connection refused; nobody listens at this socket, the program that made it has ended"
    )]
    Stale,
    /// No such name in the abstract namespace.
    #[error("can't connect: there is no abstract socket of this name here")]
    NoSuchName,
    /// A port that nobody listens at.
    #[error("can't connect: Connection refused; nobody listens at this port")]
    NobodyListens,
    /// A folder on the way that we may not enter.
    #[error("permission denied: a folder on the way to the socket is closed to you")]
    Closed,
    /// A socket that we may not write to.
    #[error("permission denied: the socket belongs to {owner} (mode {mode:03o})")]
    Denied {
        /// Whose it is, by name where it has one.
        owner: String,
        /// Who may read and write it.
        mode: u32,
    },
}

impl Refusal {
    /// Whether time may mend it: the socket appears, somebody listens.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Stale | Self::NoSuchName | Self::NobodyListens
        )
    }
}

/// What an error of this kind means when it comes from connecting to that address; none where the
/// error's own words say it best.
pub(super) fn refusal(address: &Address, kind: ErrorKind) -> Option<Refusal> {
    match (address, kind) {
        (Address::Unix(path), kind) => of_path(path, kind),
        (Address::Abstract { .. }, ErrorKind::ConnectionRefused) => Some(Refusal::NoSuchName),
        (Address::Tcp { .. } | Address::Vsock { .. }, ErrorKind::ConnectionRefused) => {
            Some(Refusal::NobodyListens)
        }
        // The other machine's answer where nobody listens.
        (Address::Vsock { .. }, ErrorKind::ConnectionReset) => Some(Refusal::NobodyListens),
        _ => None,
    }
}

fn of_path(path: &Path, kind: ErrorKind) -> Option<Refusal> {
    let file = match fs::metadata(path) {
        Ok(file) => file,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound => Some(Refusal::Missing),
                ErrorKind::PermissionDenied => Some(Refusal::Closed),
                _ => None,
            };
        }
    };
    let form = file.file_type();
    if !form.is_socket() {
        return Some(Refusal::NotASocket(if form.is_dir() {
            "a folder"
        } else if form.is_file() {
            "a regular file"
        } else if form.is_fifo() {
            "a named pipe"
        } else {
            "a device"
        }));
    }
    match kind {
        ErrorKind::ConnectionRefused => Some(Refusal::Stale),
        ErrorKind::PermissionDenied => Some(Refusal::Denied {
            owner: users::shown(file.uid()),
            mode: file.mode() & 0o777,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    #[test]
    fn ports_that_nobody_listens_at() {
        let refused = |text: &str, kind| refusal(&text.parse().unwrap(), kind);
        let nobody = Some(Refusal::NobodyListens);
        assert_eq!(refused("localhost:5", ErrorKind::ConnectionRefused), nobody);
        assert_eq!(refused("vsock:2:5", ErrorKind::ConnectionReset), nobody);
        assert_eq!(refused("localhost:5", ErrorKind::ConnectionReset), None);
    }

    #[test]
    fn what_is_at_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let refused = |name: &str, kind| of_path(&at(name), kind);
        let error = ErrorKind::ConnectionRefused;
        assert_eq!(refused("none", ErrorKind::NotFound), Some(Refusal::Missing));
        assert_eq!(refused("", error), Some(Refusal::NotASocket("a folder")));
        fs::write(at("file"), "").unwrap();
        assert_eq!(
            refused("file", error),
            Some(Refusal::NotASocket("a regular file"))
        );
        std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
        assert_eq!(refused("link", error), Some(Refusal::Missing));
        drop(UnixListener::bind(at("stale")).unwrap());
        assert_eq!(refused("stale", error), Some(Refusal::Stale));
        let denied = refused("stale", ErrorKind::PermissionDenied);
        assert!(matches!(denied, Some(Refusal::Denied { .. })), "{denied:?}");
        let _other = UnixDatagram::bind(at("datagrams")).unwrap();
        assert_eq!(refused("datagrams", ErrorKind::Other), None);
        assert_eq!(
            of_path(Path::new("/dev/null"), error),
            Some(Refusal::NotASocket("a device"))
        );
    }
}
