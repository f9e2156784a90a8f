// SPDX-License-Identifier: GPL-2.0-or-later
//! `netdev_add`: the option list, typed by the schema.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::grammar::keyval::{self, Pair};
use crate::qemu::schema::Schema;
use crate::qemu::typing::{Dialect, Typing};
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};

/// The argument of `netdev_add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    netdev: Option<String>,
}

/// `netdev_add`. A key that takes a list may be repeated, and dots reach into structures:
/// `hostfwd=A,hostfwd=B`, `addr.type=unix`. The built-in knows neither, and keeps the last of
/// repeated keys.
pub async fn add(cx: &mut Cx<'_>, args: Add) -> CmdResult {
    let schema = cx.caps.schema(cx.qmp()).await?;
    let text = args.netdev.as_deref().unwrap_or_default();
    let pairs = keyval::pairs(text, Some("type"));
    let last = pairs.iter().rfind(|pair| pair.key == "type");
    if last.is_some_and(|pair| pair.value == "help" || pair.value == "?") {
        cx.prefer_builtin("netdev_add: QMP does not show which types this build has")?;
        return list(cx, &schema);
    }
    if is_more_than_the_builtins(&pairs) {
        cx.prefer_builtin("netdev_add: the built-in reads these options in another way")?;
    }
    let version = cx.caps.version;
    let pairs = with_prefix(with_id(pairs, text), version).map_err(CmdError::User)?;
    let typing = Typing {
        schema: &schema,
        version,
        dialect: Dialect::Options,
        is_size: |name| name == "sndbuf",
        suffixes: false,
    };
    let arguments = keyval::nest(&pairs)
        .and_then(|members| typing.arguments("netdev_add", &members))
        .map_err(|error| CmdError::User(worded(&pairs, error)))?;
    let id = arguments
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let taken = format!("Duplicate ID '{id}'");
    match cx.execute("netdev_add", arguments.into()).await {
        // The built-in finds this before it has a monitor to write to.
        Err(CmdError::Qmp(QmpError::Command { desc, .. })) if desc == taken => Err(
            CmdError::Plain("Try \"help netdev_add\" for more information".into()),
        ),
        result => result.map(drop),
    }
}

/// Whether there are options that the built-in does not know, or of which it keeps the last.
fn is_more_than_the_builtins(pairs: &[Pair]) -> bool {
    let repeated = |at: usize, pair: &Pair| pairs[..at].iter().any(|other| other.key == pair.key);
    let mut pairs = pairs.iter().enumerate();
    pairs.any(|(at, pair)| pair.key.contains('.') || pair.key != "id" && repeated(at, pair))
}

/// The id is the first one of the text, which is read once more for it, without the key that may be
/// left out: in `user,,id=x` the type is `user,id=x`, and the id `x`.
fn with_id(mut pairs: Vec<Pair>, text: &str) -> Vec<Pair> {
    pairs.retain(|pair| pair.key != "id");
    let id = keyval::pairs(text, None)
        .into_iter()
        .find(|pair| pair.key == "id");
    pairs.extend(id);
    pairs
}

/// `ipv6-net=PREFIX/LENGTH` stands for two options of QMP.
fn with_prefix(mut pairs: Vec<Pair>, version: Version) -> Result<Vec<Pair>, String> {
    let Some(net) = pairs.iter().rfind(|pair| pair.key == "ipv6-net") else {
        return Ok(pairs);
    };
    let net = net.value.clone();
    let (prefix, length) = net.split_once('/').unwrap_or((&net, "64"));
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        // 8.2, commit 0a4a1512e0 of QEMU.
        return Err(if version < v(8, 2) {
            "Parameter 'ipv6-prefixlen' expects a number".into()
        } else {
            "parameter 'ipv6-net' expects a number after '/'".into()
        });
    }
    pairs.retain(|pair| pair.key != "ipv6-net");
    for (key, value) in [("ipv6-prefix", prefix), ("ipv6-prefixlen", length)] {
        pairs.push(Pair {
            key: key.into(),
            value: value.into(),
            short: false,
        });
    }
    Ok(pairs)
}

/// Options that QEMU keeps in unsigned numbers, with the back end whose they are; the schema does
/// not tell (qapi/net.json).
const UNSIGNED: &[(&str, &[&str])] = &[
    ("tap", &["queues", "poll-us"]),
    (
        "l2tpv3",
        &["txcookie", "rxcookie", "txsession", "rxsession", "offset"],
    ),
    ("vde", &["port", "mode"]),
];

/// An error about a number names the type that the option has; the address of a stream is no option
/// of its own.
fn worded(pairs: &[Pair], error: String) -> String {
    if error == "Parameter 'addr' is missing" {
        return "Parameter 'type' is missing".into();
    }
    let kind = pairs.iter().rfind(|pair| pair.key == "type");
    let unsigned = UNSIGNED
        .iter()
        .filter(|(backend, _)| kind.is_some_and(|kind| kind.value == *backend))
        .flat_map(|(_, names)| names.iter());
    for name in unsigned {
        if error == format!("Parameter '{name}' expects an int64 value") {
            return format!("Parameter '{name}' expects a uint64 value");
        }
    }
    error
}

/// The types in the built-in's order. The schema has netmap in every build, distributions have it
/// in none.
const TYPES: &[&str] = &[
    "socket",
    "stream",
    "dgram",
    "hubport",
    "tap",
    "passt",
    "user",
    "l2tpv3",
    "vde",
    "bridge",
    "af-xdp",
    "vhost-user",
    "vhost-vdpa",
    "vmnet-host",
    "vmnet-shared",
    "vmnet-bridged",
];

fn list(cx: &mut Cx<'_>, schema: &Schema) -> CmdResult {
    let known = schema.enum_values("netdev_add", "type");
    writeln!(cx, "Available netdev backend types:")?;
    for kind in TYPES.iter().filter(|t| known.iter().any(|k| k == *t)) {
        writeln!(cx, "{kind}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_prefix_is_split_and_the_first_id_counts() {
        let text = "user,id=a,id=b,ipv6-net=fec0::/48";
        let pairs = keyval::pairs(text, Some("type"));
        let pairs = with_prefix(with_id(pairs, text), v(10, 0)).unwrap();
        let all: Vec<_> = pairs
            .iter()
            .map(|p| format!("{}={}", p.key, p.value))
            .collect();
        assert_eq!(
            all,
            [
                "type=user",
                "id=a",
                "ipv6-prefix=fec0::",
                "ipv6-prefixlen=48"
            ]
        );
    }

    #[rstest]
    #[case("user,id=a,net=10.0.0.0/8", false)]
    #[case("user,id=a,id=b", false)]
    #[case("user,id=a,hostfwd=tcp::1-:2", false)]
    #[case("user,id=a,hostfwd=tcp::1-:2,hostfwd=tcp::3-:4", true)]
    #[case("user,type=user,id=a", true)]
    #[case("stream,id=a,addr.type=unix", true)]
    fn what_the_built_in_reads_in_another_way(#[case] text: &str, #[case] more: bool) {
        let pairs = keyval::pairs(text, Some("type"));
        assert_eq!(is_more_than_the_builtins(&pairs), more);
    }

    #[rstest]
    #[case(v(7, 2), "Parameter 'ipv6-prefixlen' expects a number")]
    #[case(v(8, 1), "Parameter 'ipv6-prefixlen' expects a number")]
    #[case(v(8, 2), "parameter 'ipv6-net' expects a number after '/'")]
    fn a_wrong_length(#[case] version: Version, #[case] error: &str) {
        let pairs = keyval::pairs("user,ipv6-net=fec0::/x", Some("type"));
        assert_eq!(with_prefix(pairs, version).err().as_deref(), Some(error));
    }
}
