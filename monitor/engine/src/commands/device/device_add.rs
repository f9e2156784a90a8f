// SPDX-License-Identifier: GPL-2.0-or-later
//! `device_add`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::device::info_qdm;
use crate::format::properties::{self, Property};
use crate::grammar::keyval::{self, Pair};
use crate::grammar::number;
use crate::grammar::size::{self, Rules};
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};

/// Arguments of `device_add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    device: Option<String>,
}

/// The first release whose QMP wants numbers as numbers; older ones read texts, as the built-in
/// does (9.2, commit be93fd5372 of QEMU).
const TYPED: Version = v(9, 2);

/// `device_add`: an option list, or a question for a type's properties.
pub async fn device_add(cx: &mut Cx<'_>, args: Add) -> CmdResult {
    let pairs = keyval::pairs(args.device.as_deref().unwrap_or_default(), Some("driver"));
    let texts = texts(&pairs);
    let driver = texts.get("driver").and_then(Value::as_str);
    if let Some(driver) = driver {
        if is_help(driver) || pairs.iter().any(|pair| is_help(&pair.key)) {
            cx.prefer_builtin("device_add: QMP does not show which types this build has")?;
        }
        if is_help(driver) {
            return info_qdm::device_add_help(cx).await;
        }
        if pairs.iter().any(|pair| is_help(&pair.key)) {
            return help(cx, driver).await;
        }
    }
    if texts.contains_key("bus") {
        cx.prefer_builtin("device_add: QMP does not say what else there is on a bus path")?;
    }
    if cx.caps.version < TYPED {
        cx.execute("device_add", texts.into()).await?;
        return Ok(());
    }
    let properties = match driver {
        Some(driver) => list_properties(cx, driver).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let mut typed = texts.clone();
    let mut wrong = None;
    for (name, value) in &mut typed {
        let kind = properties.iter().find(|p| p.name == *name);
        let text = value.as_str().unwrap_or_default().to_owned();
        match from_text(kind.map_or("", |p| &p.kind), name, &text, cx.caps.version) {
            Ok(read) => *value = read,
            // Left as it is: QEMU refuses it, unless it has a reason to refuse that comes before.
            Err(error) => wrong = wrong.or(Some(error)),
        }
    }
    send(cx, &texts, typed, wrong).await
}

fn is_help(word: &str) -> bool {
    word == "help" || word == "?"
}

/// The options as texts: of a repeated one the last counts, of a repeated id the first.
fn texts(pairs: &[Pair]) -> Map<String, Value> {
    let mut texts = Map::new();
    for pair in pairs {
        if pair.key != "id" || !texts.contains_key("id") {
            texts.insert(pair.key.clone(), pair.value.as_str().into());
        }
    }
    texts
}

/// Sends the options; what QEMU wants otherwise than the list of properties said is typed as it
/// says.
async fn send(
    cx: &mut Cx<'_>,
    texts: &Map<String, Value>,
    mut typed: Map<String, Value>,
    wrong: Option<String>,
) -> CmdResult {
    for _ in 0..=texts.len() {
        let refused = match cx.execute("device_add", typed.clone().into()).await {
            Err(CmdError::Qmp(QmpError::Command { class, desc })) => {
                QmpError::Command { class, desc }
            }
            other => return other.map(drop),
        };
        let Some((name, kind)) = expected(&refused) else {
            return Err(refused.into());
        };
        if let Some(wrong) = wrong {
            return Err(CmdError::User(wrong));
        }
        let kind = match kind.as_str() {
            "boolean" => "bool",
            "integer" => "int64",
            "uint64" => "uint64",
            _ => return Err(refused.into()),
        };
        // Only what is still a text can be typed.
        let Some(text) = typed.get(&name).and_then(Value::as_str) else {
            return Err(refused.into());
        };
        let value = from_text(kind, &name, text, cx.caps.version).map_err(CmdError::User)?;
        typed.insert(name, value);
    }
    Err(CmdError::Bug("device_add is typed without an end".into()))
}

/// The option that QEMU wants in another JSON type, and the type.
fn expected(error: &QmpError) -> Option<(String, String)> {
    let QmpError::Command { desc, .. } = error else {
        return None;
    };
    if let Some(rest) = desc.strip_prefix("Invalid parameter type for '") {
        let (name, kind) = rest.split_once("', expected: ")?;
        return Some((name.to_owned(), kind.to_owned()));
    }
    // What a text for an unsigned number is told.
    let (name, kind) = desc.strip_prefix("Parameter '")?.split_once("' expects ")?;
    (kind == "uint64").then(|| (name.to_owned(), kind.to_owned()))
}

/// A text as a property of that type wants it in JSON; types not named here are texts.
fn from_text(kind: &str, name: &str, text: &str, version: Version) -> Result<Value, String> {
    let wrong = |what: &str| format!("Parameter '{name}' expects {what}");
    match kind {
        "bool" => keyval::boolean(text)
            .map(Value::from)
            .ok_or_else(|| wrong("'on' or 'off'")),
        "int8" | "int16" | "int32" | "int64" | "int" => number::strtoi64(text, version)
            .map(Value::from)
            .map_err(|_| wrong("integer")),
        "uint8" | "uint16" | "uint32" | "uint64" => number::strtou64(text, version)
            .map(Value::from)
            .map_err(|_| wrong("integer")),
        "size" => size::whole(text, size::BYTES, Rules::of(version))
            .map(Value::from)
            .map_err(|_| wrong("size")),
        _ => Ok(text.into()),
    }
}

/// The properties of a device type, by its name or an alias; `None` where QEMU has no such type.
async fn list_properties(cx: &mut Cx<'_>, driver: &str) -> Result<Option<Vec<Property>>, CmdError> {
    let aliased = alias(driver, cx.caps.arch.as_deref());
    for name in [Some(driver.to_owned()), aliased].into_iter().flatten() {
        match cx
            .query_with("device-list-properties", json!({"typename": name}))
            .await
        {
            Err(CmdError::Qmp(QmpError::Command { .. })) => {}
            other => return other.map(Some),
        }
    }
    Ok(None)
}

async fn help(cx: &mut Cx<'_>, driver: &str) -> CmdResult {
    let list = |typename: &str| json!({"typename": typename});
    let first = cx
        .query_with::<Vec<Property>>("device-list-properties", list(driver))
        .await;
    let (name, properties) = match (first, alias(driver, cx.caps.arch.as_deref())) {
        (Err(CmdError::Qmp(QmpError::Command { .. })), Some(name)) => {
            let properties = cx
                .query_with::<Vec<Property>>("device-list-properties", list(&name))
                .await;
            (name, properties)
        }
        (first, _) => (driver.to_owned(), first),
    };
    match properties {
        // The built-in says so without a prefix.
        Err(CmdError::Qmp(error @ QmpError::Command { .. })) => {
            Err(CmdError::Plain(error.to_string()))
        }
        Err(other) => Err(other),
        Ok(properties) => {
            let version = cx.caps.version;
            properties::print(cx, &name, &properties, version)?;
            Ok(())
        }
    }
}

/// The type that another name stands for (system/qdev-monitor.c).
fn alias(name: &str, arch: Option<&str>) -> Option<String> {
    let plain = match name {
        "ac97" => "AC97",
        "e1000-82540em" => "e1000",
        "es1370" => "ES1370",
        "ahci" => "ich9-ahci",
        "lsi" => "lsi53c895a",
        _ => {
            let transport = match arch {
                Some("s390x") => "ccw",
                Some("m68k") => "device",
                _ => "pci",
            };
            return name
                .starts_with("virtio-")
                .then(|| format!("{name}-{transport}"));
        }
    };
    Some(plain.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_last_of_repeated_options_counts_but_for_the_id() {
        let pairs = keyval::pairs("x,id=a,id=b,noats,p=1,p=2,driver=y", Some("driver"));
        assert_eq!(
            Value::from(texts(&pairs)),
            json!({"driver": "y", "id": "a", "ats": "off", "p": "2"})
        );
    }

    // Answers of 10.0.2.
    #[rstest]
    #[case("bool", "on", Ok(json!(true)))]
    #[case("bool", "1", Err("Parameter 'p' expects 'on' or 'off'"))]
    #[case("uint64", "0x10", Ok(json!(16)))]
    #[case("uint32", "x", Err("Parameter 'p' expects integer"))]
    #[case("size", "1M", Ok(json!(1_048_576)))]
    #[case("str", "5", Ok(json!("5")))]
    #[case("OnOffAuto", "on", Ok(json!("on")))]
    fn texts_become_what_the_type_wants(
        #[case] kind: &str,
        #[case] text: &str,
        #[case] value: Result<Value, &str>,
    ) {
        assert_eq!(
            from_text(kind, "p", text, v(10, 0)),
            value.map_err(str::to_owned)
        );
    }

    #[test]
    fn aliases_depend_on_the_target() {
        assert_eq!(
            alias("virtio-rng", Some("x86_64")).as_deref(),
            Some("virtio-rng-pci")
        );
        assert_eq!(
            alias("virtio-rng", Some("s390x")).as_deref(),
            Some("virtio-rng-ccw")
        );
        assert_eq!(
            alias("virtio-rng", Some("m68k")).as_deref(),
            Some("virtio-rng-device")
        );
        for (name, kind) in [
            ("ac97", "AC97"),
            ("ahci", "ich9-ahci"),
            ("e1000-82540em", "e1000"),
            ("es1370", "ES1370"),
            ("lsi", "lsi53c895a"),
        ] {
            assert_eq!(alias(name, None).as_deref(), Some(kind));
        }
        assert_eq!(alias("nosuch", None), None);
    }
}
