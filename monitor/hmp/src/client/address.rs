// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a QMP socket is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a QMP socket, written `unix:PATH`, `tcp:HOST:PORT` (an IPv6 host in brackets) or
/// as a plain path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix socket's path.
    Unix(PathBuf),
    /// A TCP port.
    Tcp {
        /// Name or number of the host, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No text.
    #[error("the address is empty")]
    Empty,
    /// A path with a NUL byte.
    #[error("a path can't hold a NUL byte")]
    Nul,
    /// `tcp:` without both parts.
    #[error("a TCP address is tcp:HOST:PORT, with brackets around an IPv6 host")]
    Tcp,
    /// A port that is not a number from 1 to 65535.
    #[error("'{0}' is not a port")]
    Port(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(rest) = text.strip_prefix("tcp:") {
            return tcp(rest);
        }
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.is_empty() {
            return Err(AddressError::Empty);
        }
        if path.contains('\0') {
            return Err(AddressError::Nul);
        }
        Ok(Self::Unix(path.into()))
    }
}

fn tcp(text: &str) -> Result<Address, AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::Tcp)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or(AddressError::Tcp)?,
        // Brackets are what separates a port from the last group of an IPv6 address.
        None if host.contains(':') => return Err(AddressError::Tcp),
        None => host,
    };
    if host.is_empty() || host.contains(['[', ']']) {
        return Err(AddressError::Tcp);
    }
    let number = port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port) if number && port != 0 => Ok(Address::Tcp {
            host: host.to_owned(),
            port,
        }),
        _ => Err(AddressError::Port(port.to_owned())),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/tmp/q.sock", "unix:/tmp/q.sock")]
    #[case("q.sock", "unix:q.sock")]
    #[case("unix:q", "unix:q")]
    #[case("unix:tcp:x", "unix:tcp:x")]
    #[case("tcp:localhost:4444", "tcp:localhost:4444")]
    #[case("tcp:127.0.0.1:1", "tcp:127.0.0.1:1")]
    #[case("tcp:[::1]:65535", "tcp:[::1]:65535")]
    fn addresses(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("", AddressError::Empty)]
    #[case("unix:", AddressError::Empty)]
    #[case("a\0b", AddressError::Nul)]
    #[case("tcp:", AddressError::Tcp)]
    #[case("tcp:host", AddressError::Tcp)]
    #[case("tcp::1", AddressError::Tcp)]
    #[case("tcp:[]:1", AddressError::Tcp)]
    #[case("tcp:[::1:1", AddressError::Tcp)]
    #[case("tcp:[[]:1", AddressError::Tcp)]
    #[case("tcp:::1:44", AddressError::Tcp)]
    #[case("tcp:h:0", AddressError::Port("0".into()))]
    #[case("tcp:h:", AddressError::Port(String::new()))]
    #[case("tcp:h:+1", AddressError::Port("+1".into()))]
    #[case("tcp:h:65536", AddressError::Port("65536".into()))]
    fn no_addresses(#[case] text: &str, #[case] error: AddressError) {
        assert_eq!(text.parse::<Address>(), Err(error));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in "(tcp:|unix:)?[\\[\\]:a-z0-9./]{0,12}(:[0-9]{1,4})?") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
            }
        }
    }
}
