// SPDX-License-Identifier: GPL-2.0-or-later
//! Socket addresses as people write them, to QMP's tagged form (util/qemu-sockets.c,
//! `socket_parse`).

use serde_json::{Map, Value, json};

use crate::grammar::keyval;
use crate::grammar::number::{self, NumberError};
use crate::qmp::version::{Version, v};

/// The first release that reads the options behind an Internet address as an option list
/// (10.1, commit 316e8ee8d6 of QEMU).
const OPTION_LIST: Version = v(10, 1);

/// Reads `unix:PATH`, `fd:NAME`, `vsock:CID:PORT` or `[tcp:]HOST:PORT[,OPTION...]` into `{type,
/// data}`, or says what is wrong with it in QEMU's words.
pub fn parse(text: &str, version: Version) -> Result<Value, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() {
            return Err("invalid Unix socket address".into());
        }
        return Ok(json!({"type": "unix", "data": {"path": path}}));
    }
    if let Some(name) = text.strip_prefix("fd:") {
        if name.is_empty() {
            return Err("invalid file descriptor address".into());
        }
        return Ok(json!({"type": "fd", "data": {"str": name}}));
    }
    if let Some(rest) = text.strip_prefix("vsock:") {
        return vsock(rest);
    }
    let rest = text.strip_prefix("tcp:").unwrap_or(text);
    let data = if version < OPTION_LIST {
        inet_old(rest)?
    } else {
        inet(rest, version)?
    };
    Ok(json!({"type": "inet", "data": data}))
}

fn vsock(text: &str) -> Result<Value, String> {
    let parsed = text.split_once(':').and_then(|(cid, rest)| {
        let cid_ok = !cid.is_empty() && cid.len() <= 32;
        let port = head(rest, 32, ',')?;
        cid_ok.then_some((cid, port))
    });
    let Some((cid, port)) = parsed else {
        return Err(format!("error parsing address '{text}'"));
    };
    if cid.len() + 1 + port.len() != text.len() {
        return Err(format!("trailing characters in address '{text}'"));
    }
    Ok(json!({"type": "vsock", "data": {"cid": cid, "port": port}}))
}

/// What is in front of `end`, at most `limit` bytes of it; `None` where nothing does.
fn head(text: &str, limit: usize, end: char) -> Option<&str> {
    let mut len = text.find(end).unwrap_or(text.len()).min(limit);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    (len > 0).then(|| &text[..len])
}

/// Host and port in front of the options, and the options with their comma. Hosts of more than 64
/// bytes are refused, ports are cut behind 32.
fn host_and_port(text: &str) -> Result<(&str, &str, &str), String> {
    let (host, rest, what) = if let Some(rest) = text.strip_prefix(':') {
        ("", Some(rest), "port in address")
    } else if let Some(inner) = text.strip_prefix('[') {
        let split = inner
            .split_once("]:")
            .filter(|(host, _)| !host.is_empty() && host.len() <= 64 && !host.contains(']'));
        let (host, rest) = split.unzip();
        (host.unwrap_or_default(), rest, "IPv6 address")
    } else {
        let split = text
            .split_once(':')
            .filter(|(host, _)| !host.is_empty() && host.len() <= 64);
        let (host, rest) = split.unzip();
        (host.unwrap_or_default(), rest, "address")
    };
    rest.and_then(|rest| {
        let port = head(rest, 32, ',')?;
        Some((host, port, &rest[port.len()..]))
    })
    .ok_or_else(|| format!("error parsing {what} '{text}'"))
}

/// Releases before 10.1 look for each option anywhere behind the port, and pass over what they
/// don't know.
fn inet_old(text: &str) -> Result<Map<String, Value>, String> {
    let (host, port, options) = host_and_port(text)?;
    let mut data = Map::new();
    data.insert("host".into(), host.into());
    data.insert("port".into(), port.into());
    if let Some(at) = options.find(",to=") {
        let value = &options[at + 4..];
        let value = value.split(',').next().unwrap_or_default();
        let to = scanned(value).ok_or("error parsing to= argument")?;
        data.insert("to".into(), to.into());
    }
    for flag in ["ipv4", "ipv6", "keep-alive", "mptcp"] {
        if let Some(at) = options.find(&format!(",{flag}")) {
            let on = old_flag(flag, &options[at + 1 + flag.len()..])?;
            data.insert(flag.into(), on.into());
        }
    }
    Ok(data)
}

/// A decimal number as `scanf` reads it into an int, and then into 16 bits.
fn scanned(text: &str) -> Option<u16> {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // glibc's scanf reads a long, and saturates.
    let value = text.parse::<i64>().unwrap_or(if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    });
    Some(value as u16)
}

fn old_flag(name: &str, rest: &str) -> Result<bool, String> {
    let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
    match value {
        "" | "=on" if !after.starts_with(',') => Ok(true),
        "=off" if !after.starts_with(',') => Ok(false),
        _ => Err(format!("error parsing '{name}' flag '{rest}'")),
    }
}

fn inet(text: &str, version: Version) -> Result<Map<String, Value>, String> {
    let mut data = Map::new();
    let mut address = String::new();
    for pair in keyval::pairs(text, Some("addr")) {
        let (key, value) = (pair.key.as_str(), pair.value.as_str());
        match key {
            "id" => {}
            "addr" => value.clone_into(&mut address),
            "numeric" | "ipv4" | "ipv6" | "keep-alive" | "mptcp" => {
                let on = keyval::boolean(value)
                    .ok_or_else(|| format!("Parameter '{key}' expects 'on' or 'off'"))?;
                data.insert(key.into(), on.into());
            }
            "to" | "keep-alive-count" | "keep-alive-idle" | "keep-alive-interval" => {
                let number = number::strtou64(value, version).map_err(|e| match e {
                    NumberError::Invalid => format!("Parameter '{key}' expects a number"),
                    NumberError::Range => {
                        format!("Value '{value}' is too large for parameter '{key}'")
                    }
                })?;
                let number = if key == "to" {
                    u64::from(number as u16)
                } else {
                    u64::from(number as u32)
                };
                data.insert(key.into(), number.into());
            }
            _ => return Err(format!("Invalid parameter '{key}'")),
        }
    }
    let (host, port) = new_host_and_port(&address)?;
    data.insert("host".into(), host.into());
    data.insert("port".into(), port.into());
    Ok(data)
}

/// Hosts are not limited any more; ports are cut behind 32 bytes still.
fn new_host_and_port(text: &str) -> Result<(&str, &str), String> {
    let split = match text.strip_prefix('[') {
        Some(inner) => inner
            .split_once("]:")
            .filter(|(host, _)| !host.is_empty() && !host.contains(']'))
            .ok_or("IPv6 address"),
        None => text.split_once(':').ok_or("address"),
    };
    split
        .and_then(|(host, rest)| {
            let port = head(rest, 32, '\0');
            let what = if text.starts_with('[') {
                "IPv6 address"
            } else {
                "address"
            };
            port.map(|port| (host, port)).ok_or(what)
        })
        .map_err(|what| format!("error parsing {what} '{text}'"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn inet_of(text: &str, version: Version) -> Result<Value, String> {
        parse(text, version).map(|v| v["data"].clone())
    }

    // Answers of 10.0.2 and 7.2.22 to nbd_server_start.
    #[rstest]
    #[case("foo", "error parsing address 'foo'")]
    #[case("foo,ipv4", "error parsing address 'foo,ipv4'")]
    #[case(":", "error parsing port in address ':'")]
    #[case("h:", "error parsing address 'h:'")]
    #[case("[::1", "error parsing IPv6 address '[::1'")]
    #[case("[::1]x:0", "error parsing IPv6 address '[::1]x:0'")]
    #[case("[]:0", "error parsing IPv6 address '[]:0'")]
    #[case("unix:", "invalid Unix socket address")]
    #[case("fd:", "invalid file descriptor address")]
    #[case("vsock:1", "error parsing address '1'")]
    #[case("vsock::1", "error parsing address ':1'")]
    #[case("vsock:1:2,3", "trailing characters in address '1:2,3'")]
    #[case("h:0,to=x", "error parsing to= argument")]
    #[case("h:0,to=0x10", "error parsing to= argument")]
    #[case("h:0,ipv4=maybe", "error parsing 'ipv4' flag '=maybe'")]
    #[case("h:0,ipv4=on,,x", "error parsing 'ipv4' flag '=on,,x'")]
    #[case("h:0,keep-alive-count=3", "error parsing 'keep-alive' flag '-count=3'")]
    fn old_errors(#[case] text: &str, #[case] error: &str) {
        assert_eq!(parse(text, v(10, 0)), Err(error.into()));
    }

    // Answers of 11.1.3.
    #[rstest]
    #[case("foo,ipv4", "error parsing address 'foo'")]
    #[case(":", "error parsing address ':'")]
    #[case(",to=3", "error parsing address ''")]
    #[case("[::1]:", "error parsing IPv6 address '[::1]:'")]
    #[case("h:0,to=5x", "Parameter 'to' expects a number")]
    #[case(
        "h:0,to=99999999999999999999",
        "Value '99999999999999999999' is too large for parameter 'to'"
    )]
    #[case("h:0,ipv4=ON", "Parameter 'ipv4' expects 'on' or 'off'")]
    #[case("h:0,foo=1", "Invalid parameter 'foo'")]
    #[case("h:0,=3", "Invalid parameter ''")]
    fn new_errors(#[case] text: &str, #[case] error: &str) {
        assert_eq!(parse(text, v(11, 1)), Err(error.into()));
    }

    #[test]
    fn addresses() {
        let old = inet_of("[::1]:10809,to=70000,foo,ipv4,ipv6=off", v(10, 0));
        let expected =
            json!({"host": "::1", "port": "10809", "to": 4464, "ipv4": true, "ipv6": false});
        assert_eq!(old, Ok(expected));
        let new = inet_of("a:0,addr=:1,noipv4,keep-alive-count=3", v(11, 1));
        let expected = json!({"ipv4": false, "keep-alive-count": 3, "host": "", "port": "1"});
        assert_eq!(new, Ok(expected));
        assert_eq!(
            parse("unix:/tmp/s,x", v(7, 2)),
            Ok(json!({"type": "unix", "data": {"path": "/tmp/s,x"}}))
        );
        assert_eq!(
            parse("vsock:2:5", v(7, 2)),
            Ok(json!({"type": "vsock", "data": {"cid": "2", "port": "5"}}))
        );
    }
}
