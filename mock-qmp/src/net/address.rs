// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a server listens.

use std::path::PathBuf;
use std::str::FromStr;

/// An address of a QMP server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `unix:PATH`, or just a path.
    Unix(PathBuf),
    /// `tcp:HOST:PORT`; port 0 lets the system choose.
    Tcp(String),
    /// A pair of sockets inside the process.
    Memory,
}

/// Text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address: expected unix:PATH or tcp:HOST:PORT")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(error())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        if let Some(place) = text.strip_prefix("tcp:") {
            let (host, port) = place.rsplit_once(':').ok_or_else(error)?;
            port.parse::<u16>().map_err(|_| error())?;
            let host = if host.is_empty() { "127.0.0.1" } else { host };
            return Ok(Self::Tcp(format!("{host}:{port}")));
        }
        if text.contains('/') {
            Ok(Self::Unix(text.into()))
        } else {
            Err(error())
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp:{place}"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("unix:/tmp/q", "unix:/tmp/q")]
    #[case("./q", "unix:./q")]
    #[case("tcp:127.0.0.1:0", "tcp:127.0.0.1:0")]
    #[case("tcp::4444", "tcp:127.0.0.1:4444")]
    #[case("tcp:[::1]:4444", "tcp:[::1]:4444")]
    fn read_back(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("unix:")]
    #[case("tcp:x")]
    #[case("tcp:x:99999")]
    #[case("x")]
    #[case("")]
    fn refused(#[case] text: &str) {
        assert!(text.parse::<Address>().is_err());
    }
}
