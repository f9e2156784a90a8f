// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a monitor socket is to be.

use std::fmt;
use std::str::FromStr;

use crate::client::address::{Address, AddressError};
use crate::client::option_string::OptionString;

/// Where clients connect.
///
/// It is written as in QEMU's `-monitor`: `unix:PATH`, `tcp:HOST:PORT`, `telnet:HOST:PORT`, with
/// `server=on`, `wait=off` and `telnet=on` behind them as QEMU has them; or `systemd`, the sockets
/// that a service manager passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A socket to be made.
    Socket {
        /// Its address.
        address: Address,
        /// Whether its clients speak telnet.
        telnet: bool,
    },
    /// Those that are open already.
    Inherited,
}

/// Why a text is not a place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An address of another kind.
    #[error("clients can be served at unix:PATH and tcp:HOST:PORT")]
    Kind,
    /// `wait=on`.
    #[error("QEMU runs already: wait=on, which waits with its start for a client, can't be had")]
    Waits,
}

/// What the text of a place that a service manager chose is.
const INHERITED: &str = "systemd";

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text == INHERITED {
            return Ok(Self::Inherited);
        }
        let (text, mut telnet) = match text.strip_prefix("telnet:") {
            Some(rest) => (format!("tcp:{rest}"), true),
            None => (text.to_owned(), false),
        };
        // QEMU's own form ends in options that say what is so here anyway.
        let mut kept: Vec<&str> = Vec::new();
        for piece in text.split(',') {
            // What is behind `,,` belongs to the path.
            let commas = kept.iter().rev().take_while(|piece| piece.is_empty());
            match piece {
                _ if kept.is_empty() || commas.count() % 2 == 1 => kept.push(piece),
                "telnet=on" | "telnet" => telnet = true,
                "telnet=off" => telnet = false,
                "wait=on" | "wait" => return Err(PlaceError::Waits),
                _ => kept.push(piece),
            }
        }
        let text = kept.join(",");
        let mut address = text.parse()?;
        if let (Address::Tcp { host, .. }, Some(all)) = (&mut address, all_addresses(&text)) {
            all.clone_into(host);
        }
        match address {
            Address::Unix(_) | Address::Abstract { .. } | Address::Tcp { .. } => {
                Ok(Self::Socket { address, telnet })
            }
            Address::Vsock { .. } => Err(PlaceError::Kind),
        }
    }
}

/// All addresses of this machine, where the text of a TCP address says so: an address to connect to
/// has the loopback one instead.
fn all_addresses(text: &str) -> Option<&'static str> {
    let text = text.strip_prefix("tcp:").unwrap_or(text);
    let place = OptionString::read(text, "at");
    match place.get("at")?.rsplit_once(':')?.0 {
        "" | "0.0.0.0" => Some("0.0.0.0"),
        "[::]" => Some("::"),
        _ => None,
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { address, telnet } => {
                let telnet = if *telnet { ",telnet=on" } else { "" };
                write!(f, "{address}{telnet}")
            }
            Self::Inherited => f.write_str(INHERITED),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("unix:/a", "/a", false)]
    #[case("/a", "/a", false)]
    #[case("unix:/a,server=on,wait=off", "/a", false)]
    #[case("unix:/a,,b,server,nowait,telnet=on", "/a,b", true)]
    #[case("unix:/a,,telnet", "/a,telnet", false)]
    #[case("tcp:localhost:1", "tcp:localhost:1", false)]
    #[case(
        "tcp:localhost:1,server=on,wait=off,telnet=on",
        "tcp:localhost:1",
        true
    )]
    #[case("telnet:localhost:1,server=on,wait=off", "tcp:localhost:1", true)]
    fn as_qemu_writes_them(#[case] text: &str, #[case] address: &str, #[case] telnet: bool) {
        let address = address.parse().unwrap();
        assert_eq!(text.parse(), Ok(Place::Socket { address, telnet }));
    }

    #[test]
    fn all_addresses_are_not_the_loopback_one() {
        for (text, place) in [
            ("tcp:0.0.0.0:1", "tcp:0.0.0.0:1"),
            ("tcp::1,server=on", "tcp:0.0.0.0:1"),
            ("telnet:[::]:1", "tcp:[::]:1,telnet=on"),
            ("0.0.0.0:1", "tcp:0.0.0.0:1"),
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), place);
        }
    }

    #[test]
    fn others_are_refused() {
        assert_eq!("systemd".parse(), Ok(Place::Inherited));
        assert_eq!("vsock:1:2".parse::<Place>(), Err(PlaceError::Kind));
        assert_eq!("unix:/a,wait=on".parse::<Place>(), Err(PlaceError::Waits));
        for text in ["", "unix:", "tcp:x", "unix:/a,server=off", "unix:/a,x=y"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
