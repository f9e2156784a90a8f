// SPDX-License-Identifier: GPL-2.0-or-later
//! `migrate_set_parameter`: the text of a value, typed.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::migration::control::check_warnings;
use crate::format::sign::Sign as _;
use crate::grammar::size::{self, Rules, SizeError};
use crate::grammar::{keyval, number, shell};
use crate::qemu::schema::Schema;
use crate::qmp::version::Version;

/// Arguments of `migrate_set_parameter`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetParameter {
    parameter: String,
    value: String,
}

/// `migrate_set_parameter`.
pub async fn set_parameter(cx: &mut Cx<'_>, args: SetParameter) -> CmdResult {
    check_warnings(cx, "migrate_set_parameter")?;
    let schema = cx.caps.schema(cx.qmp()).await?;
    let name = args.parameter.as_str();
    let Some(kind) = schema.argument("migrate-set-parameters", name) else {
        let text = format!("invalid parameter value: {name}");
        return Err(CmdError::User(text));
    };
    let value = convert(name, &args.value, kind, cx.caps.version).map_err(CmdError::User)?;
    let arguments = Map::from_iter([(name.to_owned(), value)]);
    cx.execute("migrate-set-parameters", arguments.into())
        .await?;
    Ok(())
}

/// How the built-in reads a number. The schema has one word for all of them; those not listed are
/// sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// A whole number up to the limit, whose type has that name.
    Whole(u64, &'static str),
    /// A size in MiB.
    Mebibytes,
    /// A size in bytes.
    Bytes,
}

/// Whether a number without a suffix is one of MiB for a parameter.
#[must_use]
pub fn in_mebibytes(name: &str) -> bool {
    reading(name) == Reading::Mebibytes
}

fn reading(name: &str) -> Reading {
    match name {
        "max-bandwidth" | "avail-switchover-bandwidth" => Reading::Mebibytes,
        "x-checkpoint-delay" => Reading::Whole(u32::MAX.into(), "uint32_t"),
        "throttle-trigger-threshold"
        | "cpu-throttle-initial"
        | "cpu-throttle-increment"
        | "max-cpu-throttle"
        | "compress-level"
        | "compress-threads"
        | "decompress-threads"
        | "multifd-channels"
        | "multifd-zlib-level"
        | "multifd-zstd-level"
        | "multifd-qatzip-level" => Reading::Whole(u8::MAX.into(), "uint8_t"),
        _ => Reading::Bytes,
    }
}

/// The value of the parameter `name`, of a type of the schema; errors are in the built-in's words.
fn convert(name: &str, text: &str, kind: &Value, version: Version) -> Result<Value, String> {
    let word = |key: &str| kind.get(key).and_then(Value::as_str).unwrap_or_default();
    match (word("meta-type"), word("json-type")) {
        ("builtin", "boolean") => keyval::boolean(text)
            .map(Value::from)
            .ok_or_else(|| format!("Parameter '{name}' expects 'on' or 'off'")),
        ("builtin", "int") => number(name, text, version).map(Value::from),
        ("enum", _) if Schema::values(kind).contains(&text) => Ok(text.into()),
        ("enum", _) => Err(format!("Parameter '{name}' does not accept value '{text}'")),
        ("array", _) if name == "cpr-exec-command" => shell::split(text)
            .map(Value::from)
            .map_err(|e| e.to_string()),
        ("array", _) => Err(format!("The {name} parameter can only be set through QMP")),
        _ => Ok(text.into()),
    }
}

fn number(name: &str, text: &str, version: Version) -> Result<u64, String> {
    let rules = Rules::of(version);
    let invalid = || format!("Invalid size {text}");
    // The built-in keeps these in signed numbers.
    let signed = |size: u64| {
        i64::try_from(size)
            .map(i64::as_unsigned)
            .map_err(|_| invalid())
    };
    match reading(name) {
        Reading::Whole(limit, kind) => match number::strtou64(text, version) {
            Ok(value) if value <= limit => Ok(value),
            Ok(_) => Err(format!("Parameter '{name}' expects {kind}")),
            Err(_) => Err(format!("Parameter '{name}' expects uint64")),
        },
        Reading::Mebibytes => size::whole(text, size::MIB, rules)
            .map_err(|_| invalid())
            .and_then(signed),
        Reading::Bytes => match size::whole(text, size::BYTES, rules) {
            Ok(size) if name == "xbzrle-cache-size" => signed(size),
            Ok(size) => Ok(size),
            Err(SizeError::Range) => Err(format!(
                "Value '{text}' is out of range for parameter '{name}'"
            )),
            Err(SizeError::Invalid) => Err(format!(
                "Parameter '{name}' expects a non-negative number below 2^64\n{}",
                size::SUFFIX_HINT
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::qmp::version::v;

    fn int() -> Value {
        json!({"meta-type": "builtin", "json-type": "int"})
    }

    // Answers of 10.0.2 to migrate_set_parameter, and what query-migrate-parameters showed
    // afterwards.
    #[rstest]
    #[case("max-bandwidth", "1.5", Ok(1_572_864))]
    #[case("max-bandwidth", "10k", Ok(10_240))]
    #[case("max-bandwidth", "x", Err("Invalid size x"))]
    #[case("max-bandwidth", "99999999T", Err("Invalid size 99999999T"))]
    #[case("downtime-limit", "1k", Ok(1024))]
    #[case(
        "downtime-limit",
        "-5",
        Err("Value '-5' is out of range for parameter 'downtime-limit'")
    )]
    #[case("cpu-throttle-initial", "0x14", Ok(20))]
    #[case(
        "cpu-throttle-initial",
        "300",
        Err("Parameter 'cpu-throttle-initial' expects uint8_t")
    )]
    #[case(
        "cpu-throttle-initial",
        "-1",
        Err("Parameter 'cpu-throttle-initial' expects uint8_t")
    )]
    #[case(
        "cpu-throttle-initial",
        "5x",
        Err("Parameter 'cpu-throttle-initial' expects uint64")
    )]
    #[case(
        "x-checkpoint-delay",
        "5000000000",
        Err("Parameter 'x-checkpoint-delay' expects uint32_t")
    )]
    fn numbers(#[case] name: &str, #[case] text: &str, #[case] value: Result<u64, &str>) {
        assert_eq!(
            convert(name, text, &int(), v(10, 0)),
            value.map(Value::from).map_err(str::to_owned)
        );
    }
}
