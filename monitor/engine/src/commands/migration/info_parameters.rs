// SPDX-License-Identifier: GPL-2.0-or-later
//! `info migrate_parameters`.

use std::fmt::{self, Write};

use serde_json::{Map, Value};

use crate::command::cx::{CmdResult, Cx, NoArgs};
use crate::qmp::version::{Version, v};

/// How a parameter's value is printed.
#[derive(Clone, Copy)]
enum Show {
    /// As it is, with a unit behind it.
    Plain(&'static str),
    /// In single quotes.
    Quoted,
    /// Nodes, and their bitmaps below them.
    Mapping,
    /// Words of a command line.
    Words,
}

use Show::{Mapping, Plain, Quoted, Words};

/// The order of releases before 10.2. A parameter that a release lacks is not in its answer.
const OLD: &[(&str, Show)] = &[
    ("announce-initial", Plain(" ms")),
    ("announce-max", Plain(" ms")),
    ("announce-rounds", Plain("")),
    ("announce-step", Plain(" ms")),
    ("compress-level", Plain("")),
    ("compress-threads", Plain("")),
    ("compress-wait-thread", Plain("")),
    ("decompress-threads", Plain("")),
    ("throttle-trigger-threshold", Plain("")),
    ("cpu-throttle-initial", Plain("")),
    ("cpu-throttle-increment", Plain("")),
    ("cpu-throttle-tailslow", Plain("")),
    ("max-cpu-throttle", Plain("")),
    ("tls-creds", Quoted),
    ("tls-hostname", Quoted),
    ("max-bandwidth", Plain(" bytes/second")),
    ("avail-switchover-bandwidth", Plain(" bytes/second")),
    ("downtime-limit", Plain(" ms")),
    ("x-checkpoint-delay", Plain(" ms")),
    ("block-incremental", Plain("")),
    ("multifd-channels", Plain("")),
    ("multifd-compression", Plain("")),
    ("zero-page-detection", Plain("")),
    ("xbzrle-cache-size", Plain(" bytes")),
    ("max-postcopy-bandwidth", Plain("")),
    ("tls-authz", Quoted),
    ("block-bitmap-mapping", Mapping),
    ("x-vcpu-dirty-limit-period", Plain(" ms")),
    ("vcpu-dirty-limit", Plain(" MB/s")),
    ("mode", Plain("")),
    ("direct-io", Plain("")),
];

/// The order since.
const NEW: &[(&str, Show)] = &[
    ("announce-initial", Plain(" ms")),
    ("announce-max", Plain(" ms")),
    ("announce-rounds", Plain("")),
    ("announce-step", Plain(" ms")),
    ("throttle-trigger-threshold", Plain("")),
    ("cpu-throttle-initial", Plain("")),
    ("cpu-throttle-increment", Plain("")),
    ("cpu-throttle-tailslow", Plain("")),
    ("max-cpu-throttle", Plain("")),
    ("tls-creds", Quoted),
    ("tls-hostname", Quoted),
    ("tls-authz", Quoted),
    ("max-bandwidth", Plain(" bytes/second")),
    ("avail-switchover-bandwidth", Plain(" bytes/second")),
    ("max-postcopy-bandwidth", Plain(" bytes/second")),
    ("downtime-limit", Plain(" ms")),
    ("x-checkpoint-delay", Plain(" ms")),
    ("multifd-channels", Plain("")),
    ("multifd-compression", Plain("")),
    ("zero-page-detection", Plain("")),
    ("xbzrle-cache-size", Plain(" bytes")),
    ("block-bitmap-mapping", Mapping),
    ("x-vcpu-dirty-limit-period", Plain(" ms")),
    ("vcpu-dirty-limit", Plain(" MB/s")),
    ("mode", Plain("")),
    ("direct-io", Plain("")),
    ("x-rdma-chunk-size", Plain(" bytes")),
    ("cpr-exec-command", Words),
];

/// The first release with the second order (10.2, commit 2aae717122 of QEMU).
const NEW_ORDER: Version = v(10, 2);

/// `info migrate_parameters`.
pub async fn info_parameters(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let parameters: Map<String, Value> = cx.query("query-migrate-parameters").await?;
    let version = cx.caps.version;
    print(cx, &parameters, version)?;
    Ok(())
}

fn print(out: &mut dyn Write, parameters: &Map<String, Value>, version: Version) -> fmt::Result {
    let order = if version < NEW_ORDER { OLD } else { NEW };
    for (name, show) in order {
        let Some(value) = parameters.get(*name) else {
            continue;
        };
        write!(out, "{name}:")?;
        match show {
            Plain(unit) => writeln!(out, " {}{unit}", plain(value))?,
            Quoted => writeln!(out, " '{}'", plain(value))?,
            Words => {
                for word in value.as_array().into_iter().flatten() {
                    write!(out, " {}", plain(word))?;
                }
                writeln!(out)?;
            }
            Mapping => {
                writeln!(out)?;
                for node in value.as_array().into_iter().flatten() {
                    print_alias(out, "  ", node, "node-name")?;
                    let bitmaps = node.get("bitmaps").and_then(Value::as_array);
                    for bitmap in bitmaps.into_iter().flatten() {
                        print_alias(out, "    ", bitmap, "name")?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn print_alias(out: &mut dyn Write, indent: &str, entry: &Value, name: &str) -> fmt::Result {
    let text = |key: &str| entry.get(key).map(plain).unwrap_or_default();
    writeln!(out, "{indent}'{}' -> '{}'", text(name), text("alias"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(parameters: Value, version: Version) -> String {
        let mut text = String::new();
        print(&mut text, parameters.as_object().unwrap(), version).unwrap();
        text
    }

    #[test]
    fn the_order_and_the_units_depend_on_the_release() {
        let answer = json!({
            "tls-authz": "", "max-postcopy-bandwidth": 0, "direct-io": false, "max-bandwidth": 134_217_728,
            "multifd-zlib-level": 1, "mode": "normal",
        });
        // 10.0.2, and up to 10.1.
        assert_eq!(
            printed(answer.clone(), v(10, 1)),
            "max-bandwidth: 134217728 bytes/second\nmax-postcopy-bandwidth: 0\ntls-authz: ''\nmode: normal\n\
             direct-io: off\n"
        );
        // 11.1.3, and since 10.2.
        assert_eq!(
            printed(answer, v(10, 2)),
            "tls-authz: ''\nmax-bandwidth: 134217728 bytes/second\nmax-postcopy-bandwidth: 0 bytes/second\n\
             mode: normal\ndirect-io: off\n"
        );
    }

    #[test]
    fn a_mapping_stands_below_its_name() {
        let answer = json!({"block-bitmap-mapping": [
            {"node-name": "disk0", "alias": "d", "bitmaps": [{"name": "b0", "alias": "x"}]},
        ]});
        assert_eq!(
            printed(answer, v(7, 2)),
            "block-bitmap-mapping:\n  'disk0' -> 'd'\n    'b0' -> 'x'\n"
        );
    }
}
