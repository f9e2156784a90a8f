// SPDX-License-Identifier: GPL-2.0-or-later
//! Objects: their properties, read and written.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::format::json;
use crate::grammar::number::{reads_binary, strtoi64, strtou64, whole};
use crate::grammar::qjson;
use crate::grammar::size::{self, BYTES, Rules, SizeError};
use crate::qmp::version::Version;
use crate::qmp::{Qmp, QmpError};

/// Arguments of `qom-list`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    path: Option<String>,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `qom-list`: without a path, the root's.
pub async fn list(cx: &mut Cx<'_>, args: List) -> CmdResult {
    let Some(path) = args.path else {
        writeln!(cx, "/")?;
        return Ok(());
    };
    let properties: Vec<Property> = cx.query_with("qom-list", json!({"path": path})).await?;
    for property in properties {
        writeln!(cx, "{} ({})", property.name, property.kind)?;
    }
    Ok(())
}

/// Arguments of `qom-get`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    path: String,
    property: String,
}

/// `qom-get`: the value as JSON.
pub async fn get(cx: &mut Cx<'_>, args: Get) -> CmdResult {
    let get = json!({"path": args.path, "property": args.property});
    let value = cx.execute("qom-get", get).await?;
    json::pretty(cx, &value)?;
    writeln!(cx)?;
    Ok(())
}

/// Arguments of `qom-set`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    #[serde(default)]
    json: bool,
    path: String,
    property: String,
    value: String,
}

/// `qom-set`: the value is JSON, or text that is read as the property's type wants it.
pub async fn set(cx: &mut Cx<'_>, args: Set) -> CmdResult {
    let qmp = cx.qmp();
    if args.json {
        let value = qjson::parse(&args.value, cx.caps.version).map_err(CmdError::User)?;
        return Ok(write(qmp, &args, value).await?);
    }
    let path = json!({"path": args.path});
    let properties: Vec<Property> = match cx.query_with("qom-list", path).await {
        // An ambiguous path is not found either.
        Err(CmdError::Qmp(QmpError::Command { .. })) => {
            return Err(CmdError::User(format!("Device '{}' not found", args.path)));
        }
        other => other?,
    };
    let declared = properties
        .iter()
        .find(|p| p.name == args.property)
        .map_or("", |p| p.kind.as_str());
    let declared = convert(cx, declared, &args);
    // Where the text does not fit, QEMU may still have a reason to refuse that comes before the
    // value's.
    let first = declared
        .clone()
        .unwrap_or_else(|_| args.value.as_str().into());
    let Err(refused) = write(qmp, &args, first).await else {
        return Ok(());
    };
    // Types are declared freely; what QEMU expects instead says the real one.
    let kind = match (expected(&refused), declared) {
        (Some("array"), _) => "list",
        (Some(_), Err(wrong)) => return Err(CmdError::User(wrong)),
        (Some("integer"), Ok(_)) => "int",
        (Some("boolean"), Ok(_)) => "bool",
        (Some("number"), Ok(_)) => "number",
        _ => return Err(refused.into()),
    };
    let value = convert(cx, kind, &args).map_err(CmdError::User)?;
    Ok(write(qmp, &args, value).await?)
}

async fn write(qmp: &dyn Qmp, args: &Set, value: Value) -> Result<(), QmpError> {
    let set = json!({"path": args.path, "property": args.property, "value": value});
    qmp.execute("qom-set", set).await.map(drop)
}

/// The type that QEMU wanted instead of the JSON type it got.
fn expected(error: &QmpError) -> Option<&str> {
    let QmpError::Command { desc, .. } = error else {
        return None;
    };
    let (_, kind) = desc
        .strip_prefix("Invalid parameter type for ")?
        .rsplit_once(", expected: ")?;
    Some(kind)
}

/// The value's text as a property of type `kind` reads it.
fn convert(cx: &Cx<'_>, kind: &str, args: &Set) -> Result<Value, String> {
    from_text(kind, &args.property, &args.value, cx.caps.version)
}

fn from_text(kind: &str, name: &str, text: &str, version: Version) -> Result<Value, String> {
    let wrong = |what: &str| format!("Parameter '{name}' expects {what}");
    match kind {
        "bool" => match text {
            "on" | "yes" | "true" | "y" => Ok(true.into()),
            "off" | "no" | "false" | "n" => Ok(false.into()),
            _ => Err(wrong("'on' or 'off'")),
        },
        "int" | "int8" | "int16" | "int32" | "int64" => strtoi64(text, version)
            .map(Value::from)
            .map_err(|_| wrong("int64")),
        "uint8" | "uint16" | "uint32" | "uint64" => strtou64(text, version)
            .map(Value::from)
            .map_err(|_| wrong("uint64")),
        "size" => match size::parse(text, BYTES, Rules::of(version)) {
            Ok((bytes, len)) if len == text.len() => Ok(bytes.into()),
            Err(SizeError::Range) => Err(format!(
                "Value '{text}' is out of range for parameter '{name}'"
            )),
            _ => Err(wrong(
                "a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, \
                 tera-, peta-\nand exabytes, respectively.",
            )),
        },
        "number" => match crate::grammar::number::strtod(text) {
            Some((value, len)) if len == text.len() && value.is_finite() => Ok(value.into()),
            _ => Err(format!(
                "Invalid parameter type for '{name}', expected: number"
            )),
        },
        "list" => ranges(text, reads_binary(version))
            .map(Value::from)
            // An element has no name.
            .ok_or_else(|| "Parameter 'null' expects list of uint64 values or ranges".to_owned()),
        _ => Ok(text.into()),
    }
}

/// The most numbers that one range may stand for, as QEMU limits them.
const RANGE_LIMIT: u64 = 65536;

/// `0-2,5` as a list of numbers.
fn ranges(text: &str, binary: bool) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let start = number(&mut rest, binary)?;
        let end = match rest.strip_prefix('-') {
            Some(after) => {
                rest = after;
                number(&mut rest, binary)?
            }
            None => start,
        };
        if start > end || end - start >= RANGE_LIMIT {
            return None;
        }
        numbers.extend(start..=end);
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(numbers)
}

fn number(rest: &mut &str, binary: bool) -> Option<u64> {
    let (value, len) = whole(rest, binary)?;
    *rest = &rest[len..];
    Some(value? as u64)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::qmp::version::v;

    #[rstest]
    #[case("bool", "yes", json!(true))]
    #[case("bool", "n", json!(false))]
    #[case("int", "-0x10", json!(-16))]
    #[case("uint64", "-1", json!(u64::MAX))]
    #[case("size", "1.5k", json!(1536))]
    #[case("link<iothread>", "/objects/io", json!("/objects/io"))]
    #[case("string", "5", json!("5"))]
    #[case("list", "0-2,5", json!([0, 1, 2, 5]))]
    #[case("list", "", json!([]))]
    #[case("number", "1.5", json!(1.5))]
    fn text_becomes_what_the_type_wants(
        #[case] kind: &str,
        #[case] text: &str,
        #[case] value: Value,
    ) {
        assert_eq!(from_text(kind, "p", text, v(10, 0)), Ok(value));
    }

    // Answers of 10.0.2.
    #[rstest]
    #[case("bool", "ON", "Parameter 'p' expects 'on' or 'off'")]
    #[case("int", "1 ", "Parameter 'p' expects int64")]
    #[case("uint32", "x", "Parameter 'p' expects uint64")]
    #[case(
        "size",
        "1kx",
        "Parameter 'p' expects a non-negative number below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, \
         giga-, tera-, peta-\nand exabytes, respectively."
    )]
    #[case("number", "1.5x", "Invalid parameter type for 'p', expected: number")]
    #[case("number", "inf", "Invalid parameter type for 'p', expected: number")]
    #[case(
        "list",
        "1+2",
        "Parameter 'null' expects list of uint64 values or ranges"
    )]
    #[case(
        "list",
        "0b11",
        "Parameter 'null' expects list of uint64 values or ranges"
    )]
    #[case("size", "99E", "Value '99E' is out of range for parameter 'p'")]
    #[case(
        "list",
        "2-1",
        "Parameter 'null' expects list of uint64 values or ranges"
    )]
    fn text_that_does_not_fit(#[case] kind: &str, #[case] text: &str, #[case] error: &str) {
        assert_eq!(from_text(kind, "p", text, v(10, 0)), Err(error.into()));
    }

    #[test]
    fn newer_releases_know_binary_numbers() {
        assert_eq!(from_text("list", "p", "0b11", v(11, 1)), Ok(json!([3])));
    }

    #[test]
    fn a_range_stands_for_a_limited_number() {
        assert_eq!(ranges("0-65535", false).map(|n| n.len()), Some(65536));
        assert_eq!(ranges("0-65536", false), None);
        assert_eq!(ranges("0--1", false), None);
        assert_eq!(
            ranges("65535-65537", false),
            Some(vec![65535, 65536, 65537])
        );
    }
}
