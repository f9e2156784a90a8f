// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a QMP socket is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::client::option_string::{OptionString, escaped};

/// The address of a QMP socket.
///
/// It is written as a plain path, `HOST:PORT` (an IPv6 host in brackets), `@NAME` for a socket of
/// Linux's abstract namespace, `vsock:CID:PORT`, or as in the option that QEMU was started with:
/// `unix:PATH,server=on,wait=off`, `tcp:HOST:PORT,server=on`, `socket,path=PATH,server=on`, where
/// `,,` is a comma.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix socket's path.
    Unix(PathBuf),
    /// A unix socket's name in the abstract namespace of Linux.
    Abstract {
        /// The name, without the NUL before it.
        name: String,
        /// Whether the name ends where its text does, QEMU's default; otherwise NULs fill it up.
        tight: bool,
    },
    /// A TCP port.
    Tcp {
        /// Name or number of the host, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A port of a virtual machine, or of its host, by `AF_VSOCK`.
    Vsock {
        /// The machine: 1 is this one, 2 the host.
        cid: u32,
        /// The port.
        port: u32,
    },
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No text, or no name where one is due.
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
    /// `vsock:` without two numbers.
    #[error("a vsock address is vsock:CID:PORT, both numbers")]
    Vsock,
    /// An option that QEMU's sockets don't have.
    #[error("'{0}' is not an option of a socket; a comma within a path is written ,,")]
    Option(String),
    /// QEMU connects there, it does not listen.
    #[error("with server=off QEMU connects to that address and does not listen there")]
    NotListening,
    /// `socket,...` without a place.
    #[error("a socket has a path, or host and port")]
    NoPlace,
    /// The name of a character device, which only its QEMU knows.
    #[error("this names a device within QEMU; name the socket of -chardev ...,id={0}")]
    Chardev(String),
    /// A device that is no socket.
    #[error("nothing can connect to such a device; hmp needs a socket")]
    Device,
    /// A protocol that QEMU can put around QMP, or another kind of device.
    #[error("hmp does not speak {0}; QMP must be served on a plain socket")]
    Protocol(&'static str),
}

/// What QEMU's options of a socket are called (`qapi/char.json`, `qapi/sockets.json`), as far as
/// they don't change where or what it is.
const OPTIONS: &[&str] = &[
    "id",
    "backend",
    "server",
    "wait",
    "nodelay",
    "reconnect",
    "reconnect-ms",
    "logfile",
    "logappend",
    "logtimestamp",
    "mux",
    "to",
    "ipv4",
    "ipv6",
    "keep-alive",
    "mptcp",
    "numeric",
];

/// Texts that begin so are neither paths nor hosts; `./` before one makes it a path.
const OTHER_DEVICES: &[(&str, &str)] = &[
    ("telnet:", "telnet"),
    ("tn3270:", "TN3270"),
    ("websocket:", "websocket"),
    ("ws:", "websocket"),
    ("udp:", "UDP"),
];

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('\0') {
            return Err(AddressError::Nul);
        }
        if let Some(rest) = text.strip_prefix("unix:") {
            return of_options(&OptionString::read(rest, "path"), true);
        }
        if let Some(rest) = text.strip_prefix("tcp:") {
            return of_options(&OptionString::read(rest, "at"), false);
        }
        if let Some(rest) = text.strip_prefix("socket,") {
            return of_options(&OptionString::read(rest, "path"), false);
        }
        if let Some(rest) = text.strip_prefix("vsock:") {
            return vsock(rest);
        }
        if let Some(name) = text.strip_prefix("abstract:").or(text.strip_prefix('@')) {
            return abstract_name(name, true);
        }
        if let Some(id) = text.strip_prefix("chardev:") {
            return Err(AddressError::Chardev(id.to_owned()));
        }
        if ["fd:", "file:", "pipe:", "serial:"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            return Err(AddressError::Device);
        }
        for (prefix, protocol) in OTHER_DEVICES {
            if text.starts_with(prefix) {
                return Err(AddressError::Protocol(protocol));
            }
        }
        if is_host_and_port(text) {
            return tcp(text);
        }
        path(text)
    }
}

/// A socket by QEMU's options; `short` is the form `unix:PATH`, where `@NAME` is abstract.
fn of_options(options: &OptionString, short: bool) -> Result<Address, AddressError> {
    for (key, protocol) in [
        ("telnet", "telnet"),
        ("tn3270", "TN3270"),
        ("websocket", "websocket"),
    ] {
        if options.flag(key) {
            return Err(AddressError::Protocol(protocol));
        }
    }
    if options.get("tls-creds").is_some() {
        return Err(AddressError::Protocol("TLS"));
    }
    if options.get("server").is_some() && !options.flag("server") {
        return Err(AddressError::NotListening);
    }
    let known = |key: &str| {
        OPTIONS.contains(&key)
            || ["path", "abstract", "tight", "at", "host", "port"].contains(&key)
            || ["telnet", "tn3270", "websocket"].contains(&key)
    };
    if let Some(odd) = options.keys().find(|key| !known(key)) {
        return Err(AddressError::Option(odd.to_owned()));
    }
    if let Some(place) = options.get("at") {
        return tcp(place);
    }
    match (options.get("path"), options.get("port")) {
        (Some(name), _) if options.flag("abstract") => abstract_name(
            name,
            options.get("tight").is_none() || options.flag("tight"),
        ),
        (Some(text), _) => match text.strip_prefix('@') {
            Some(name) if short => abstract_name(name, true),
            Some(_) => path(&format!("./{text}")),
            None => path(text),
        },
        (None, Some(port)) => host_and_port(options.get("host").unwrap_or_default(), port),
        (None, None) => Err(AddressError::NoPlace),
    }
}

fn path(text: &str) -> Result<Address, AddressError> {
    match text {
        "" => Err(AddressError::Empty),
        _ => Ok(Address::Unix(text.into())),
    }
}

fn abstract_name(name: &str, tight: bool) -> Result<Address, AddressError> {
    match name {
        "" => Err(AddressError::Empty),
        _ => Ok(Address::Abstract {
            name: name.to_owned(),
            tight,
        }),
    }
}

/// Whether a text without a scheme is meant as `HOST:PORT`: nothing in it but what hosts have.
fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    number && (bracketed || (!host.is_empty() && host.bytes().all(letter)))
}

fn tcp(text: &str) -> Result<Address, AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::Tcp)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => match inner.strip_suffix(']') {
            Some(inner) if !inner.is_empty() => inner,
            _ => return Err(AddressError::Tcp),
        },
        // Brackets are what separates a port from the last group of an IPv6 address.
        None if host.contains(':') => return Err(AddressError::Tcp),
        None => host,
    };
    host_and_port(host, port)
}

/// A host that QEMU listens on, and a port; where it listens on all of this machine's addresses,
/// the loopback one is taken.
fn host_and_port(host: &str, port: &str) -> Result<Address, AddressError> {
    if host.contains(['[', ']', '/']) {
        return Err(AddressError::Tcp);
    }
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    let number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if number && port != 0 => Ok(Address::Tcp {
            host: host.to_owned(),
            port,
        }),
        _ => Err(AddressError::Port(port.to_owned())),
    }
}

fn vsock(text: &str) -> Result<Address, AddressError> {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let parts = text.split_once(':');
    let numbers = parts.and_then(|(cid, port)| Some((number(cid)?, number(port)?)));
    let (cid, port) = numbers.ok_or(AddressError::Vsock)?;
    Ok(Address::Vsock { cid, port })
}

/// As it can be read back; a path that is not UTF-8 is shown with replacement characters.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path_option(path)),
            Self::Abstract { name, tight: true } => write!(f, "@{name}"),
            Self::Abstract { name, tight: false } => {
                write!(f, "unix:path={},abstract=on,tight=off", escaped(name))
            }
            Self::Tcp { host, port } if host.contains('=') => {
                write!(f, "socket,host={},port={port}", escaped(host))
            }
            Self::Tcp { host, port } if host.contains(':') => {
                write!(f, "tcp:[{}]:{port}", escaped(host))
            }
            Self::Tcp { host, port } => write!(f, "tcp:{}:{port}", escaped(host)),
            Self::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
        }
    }
}

/// A path behind `unix:`, so that no part of it is taken for an option.
fn path_option(path: &Path) -> String {
    let shown = path.to_string_lossy();
    match (shown.starts_with('@'), shown.contains('=')) {
        (true, _) => format!("./{}", escaped(&shown)),
        (_, true) => format!("path={}", escaped(&shown)),
        _ => escaped(&shown),
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
    #[case("./127.0.0.1:1", "unix:./127.0.0.1:1")]
    #[case("/tmp/a:1", "unix:/tmp/a:1")]
    #[case("a:b", "unix:a:b")]
    #[case(":4444", "unix::4444")]
    #[case("/tmp/a,server=on", "unix:path=/tmp/a,,server=on")]
    #[case("tcp:localhost:4444", "tcp:localhost:4444")]
    #[case("tcp:127.0.0.1:1", "tcp:127.0.0.1:1")]
    #[case("tcp:[::1]:65535", "tcp:[::1]:65535")]
    #[case("127.0.0.1:4444", "tcp:127.0.0.1:4444")]
    #[case("[::1]:4444", "tcp:[::1]:4444")]
    #[case("[fe80::1%eth0]:4444", "tcp:[fe80::1%eth0]:4444")]
    #[case("localhost:4444", "tcp:localhost:4444")]
    #[case("vm-1.example.org:4444", "tcp:vm-1.example.org:4444")]
    #[case("tcp::4444", "tcp:127.0.0.1:4444")]
    #[case("tcp:0.0.0.0:4444", "tcp:127.0.0.1:4444")]
    #[case("tcp:[::]:4444", "tcp:[::1]:4444")]
    #[case("tcp::4444,server=on,wait=off", "tcp:127.0.0.1:4444")]
    #[case("tcp:h:1,server,nowait,ipv4=on,nodelay=on", "tcp:h:1")]
    #[case("unix:/tmp/q,server=on,wait=off", "unix:/tmp/q")]
    #[case("unix:/tmp/q,server,nowait,id=x", "unix:/tmp/q")]
    #[case("unix:/tmp/a,,b,server=on", "unix:/tmp/a,,b")]
    #[case("unix:/tmp/a=b", "unix:path=/tmp/a=b")]
    #[case("unix:path=/tmp/q", "unix:/tmp/q")]
    #[case("socket,id=c,path=/tmp/q,server=on,wait=off", "unix:/tmp/q")]
    #[case("socket,host=::1,port=5,server=on", "tcp:[::1]:5")]
    #[case("socket,id=c,port=5", "tcp:127.0.0.1:5")]
    #[case("socket,path=@x", "unix:./@x")]
    #[case("@qmp", "@qmp")]
    #[case("@a,b=c", "@a,b=c")]
    #[case("@@", "@@")]
    #[case("abstract:qmp", "@qmp")]
    #[case("unix:@qmp", "@qmp")]
    #[case("unix:qmp,abstract=on,server=on", "@qmp")]
    #[case("unix:q,abstract,tight=off", "unix:path=q,abstract=on,tight=off")]
    #[case("./@qmp", "unix:./@qmp")]
    #[case("vsock:3:1234", "vsock:3:1234")]
    fn addresses(#[case] text: &str, #[case] shown: &str) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(shown.parse(), Ok(address));
    }

    #[rstest]
    #[case("", AddressError::Empty)]
    #[case("unix:", AddressError::Empty)]
    #[case("unix:,server=on", AddressError::Empty)]
    #[case("@", AddressError::Empty)]
    #[case("abstract:", AddressError::Empty)]
    #[case("a\0b", AddressError::Nul)]
    #[case("@a\0b", AddressError::Nul)]
    #[case("tcp:", AddressError::Tcp)]
    #[case("tcp:host", AddressError::Tcp)]
    #[case("tcp:[]:1", AddressError::Tcp)]
    #[case("tcp:[::1:1", AddressError::Tcp)]
    #[case("tcp:[[]:1", AddressError::Tcp)]
    #[case("tcp:::1:44", AddressError::Tcp)]
    #[case("[]:44", AddressError::Tcp)]
    #[case("tcp:h:0", AddressError::Port("0".into()))]
    #[case("tcp:h:", AddressError::Port(String::new()))]
    #[case("tcp:h:+1", AddressError::Port("+1".into()))]
    #[case("tcp:h:65536", AddressError::Port("65536".into()))]
    #[case("localhost:65536", AddressError::Port("65536".into()))]
    #[case("localhost:0", AddressError::Port("0".into()))]
    #[case("vsock:", AddressError::Vsock)]
    #[case("vsock:3", AddressError::Vsock)]
    #[case("vsock:3:x", AddressError::Vsock)]
    #[case("vsock:+3:1", AddressError::Vsock)]
    #[case("vsock:4294967296:1", AddressError::Vsock)]
    #[case("unix:/tmp/a,b", AddressError::Option("b".into()))]
    #[case("unix:/tmp/a,server=off", AddressError::NotListening)]
    #[case("tcp:h:1,server=on,telnet=on", AddressError::Protocol("telnet"))]
    #[case("tcp:h:1,server=on,websocket", AddressError::Protocol("websocket"))]
    #[case("tcp:h:1,server=on,tls-creds=t", AddressError::Protocol("TLS"))]
    #[case("telnet:h:1,server=on", AddressError::Protocol("telnet"))]
    #[case("websocket:h:1", AddressError::Protocol("websocket"))]
    #[case("udp:h:1", AddressError::Protocol("UDP"))]
    #[case("chardev:mon0", AddressError::Chardev("mon0".into()))]
    #[case("socket,id=x", AddressError::NoPlace)]
    #[case("fd:3", AddressError::Device)]
    #[case("pipe:/tmp/p", AddressError::Device)]
    fn no_addresses(#[case] text: &str, #[case] error: AddressError) {
        assert_eq!(text.parse::<Address>(), Err(error));
    }

    #[test]
    fn the_manuals_addresses_are_read() {
        let manual = include_str!("../../../../docs/hmp.md");
        let (_, table) = manual.split_once("| ADDRESS | what it names |\n").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let columns = table.lines().filter_map(|line| line.split(" | ").next());
        let texts: Vec<_> = columns
            .flat_map(|column| column.split('`').skip(1).step_by(2))
            .collect();
        assert!(texts.len() > 15, "{texts:?}");
        for text in texts
            .iter()
            .filter(|text| !text.ends_with("PID") && **text != "name:NAME")
        {
            let real = text.replace("HOST", "localhost").replace("PORT", "4444");
            let real = real.replace("CID", "3").replace("PATH", "/tmp/q");
            assert!(real.parse::<Address>().is_ok(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_is_shown_is_read_back(
            text in "(tcp:|unix:|@|abstract:|vsock:|socket,|\\./)?[\\[\\]:a-z0-9./@,=%]{0,16}\
                     (,?(server|abstract|tight=off|path=@|host=|port=5|nowait)){0,3}(:[0-9]{1,4})?"
        ) {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), scheme in prop::sample::select(vec![
            "", "unix:", "tcp:", "socket,", "vsock:", "@", "[",
        ])) {
            if let Ok(address) = format!("{scheme}{text}").parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }
    }
}
