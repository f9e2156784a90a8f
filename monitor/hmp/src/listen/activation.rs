// SPDX-License-Identifier: GPL-2.0-or-later
//! The two protocols of systemd's that a service needs: sockets that are passed at the start
//! (`sd_listen_fds(3)`) and word of how it goes (`sd_notify(3)`).

use std::ffi::OsString;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use crate::host::inherited::duplicate;

/// The first descriptor that is passed.
const FIRST: RawFd = 3;

/// Most that are taken.
const MOST: RawFd = 64;

/// The sockets that were passed to this process; none where the variables are another's. To be
/// called before the program opens anything itself.
pub(super) fn sockets(variable: impl Fn(&str) -> Option<OsString>) -> Vec<OwnedFd> {
    let number = |name| variable(name)?.to_str()?.parse::<RawFd>().ok();
    let ours = number("LISTEN_PID").and_then(|pid| u32::try_from(pid).ok());
    if ours != Some(std::process::id()) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, MOST);
    (FIRST..FIRST + count).filter_map(duplicate).collect()
}

/// Sends `state`, such as `READY=1`, to the service manager, where one wants to know.
pub fn notify(state: &str) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    // A service manager that does not listen is not a reason to fail.
    let _ = send(place.as_bytes(), state);
}

fn send(place: &[u8], state: &str) -> rustix::io::Result<()> {
    let address = match place.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name)?,
        None => SocketAddrUnix::new(place)?,
    };
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    rustix::net::sendto(&socket, state.as_bytes(), SendFlags::NOSIGNAL, &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn only_what_is_meant_for_this_process_is_taken() {
        let with = |pid: &str, count: &str| {
            let (pid, count) = (OsString::from(pid), OsString::from(count));
            sockets(move |name| match name {
                "LISTEN_PID" => Some(pid.clone()),
                "LISTEN_FDS" => Some(count.clone()),
                _ => None,
            })
        };
        let ours = std::process::id().to_string();
        assert!(with("1", "1").is_empty());
        assert!(with("x", "1").is_empty());
        assert!(with(&ours, "-1").is_empty());
        assert!(with(&ours, "x").is_empty());
        assert!(sockets(|_| None).is_empty());
    }

    #[test]
    fn a_word_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_bytes(), "READY=1").unwrap();
        let mut buffer = [0; 16];
        let count = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"READY=1");
        assert!(send(b"/nowhere/at/all", "READY=1").is_err());
    }
}
