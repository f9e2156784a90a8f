// SPDX-License-Identifier: GPL-2.0-or-later
//! Keys and mouse movements sent to the guest.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::grammar::number::{reads_binary, strtoull, whole};
use crate::qmp::QmpError;
use crate::qmp::version::{Version, v};

/// Arguments of `sendkey`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendKey {
    keys: String,
    #[serde(rename = "hold-time")]
    hold_time: Option<i64>,
}

/// `sendkey`: nothing is pressed if one of the names is wrong.
pub async fn sendkey(cx: &mut Cx<'_>, args: SendKey) -> CmdResult {
    let schema = cx.caps.schema(cx.qmp()).await?;
    let keys = match keys(&args.keys, &schema.key_codes(), cx.caps.version) {
        Ok(keys) => keys,
        Err(part) => return Err(CmdError::Plain(format!("invalid parameter: {part}"))),
    };
    let mut send = json!({"keys": keys});
    if let Some(time) = args.hold_time {
        // The built-in keeps 32 bits, signed.
        send["hold-time"] = (time as i32).into();
    }
    cx.execute("send-key", send).await?;
    Ok(())
}

/// The keys of `text`, joined with dashes, as send-key takes them; or the part that is none.
fn keys(text: &str, names: &[String], version: Version) -> Result<Vec<Value>, String> {
    text.split('-')
        .map(|part| {
            let part = if part == "<" { "less" } else { part };
            if part.starts_with("0x") {
                let number = scancode(part, version).ok_or(part)?;
                Ok(json!({"type": "number", "data": number}))
            } else if names.iter().any(|name| name == part) {
                Ok(json!({"type": "qcode", "data": part}))
            } else {
                Err(part.to_owned())
            }
        })
        .collect()
}

/// The first release that refuses numbers beyond 31 bits; older ones cut them
/// (8.0, commit 147c48791b of QEMU).
const RANGE_CHECKED: Version = v(8, 0);

fn scancode(part: &str, version: Version) -> Option<i32> {
    let (len, value) = strtoull(part, 0, false);
    if len != part.len() {
        return None;
    }
    if version < RANGE_CHECKED {
        return Some(value.unwrap_or(u64::MAX) as i32);
    }
    i32::try_from(value?).ok()
}

/// Arguments of `mouse_move`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MouseMove {
    dx_str: String,
    dy_str: String,
    dz_str: Option<String>,
}

/// `mouse_move`: a wheel turn is a button pressed together with the movement, and released after
/// it.
pub async fn mouse_move(cx: &mut Cx<'_>, args: MouseMove) -> CmdResult {
    let binary = reads_binary(cx.caps.version);
    let relative = |axis: &str, text: &str| json!({"type": "rel", "data": {"axis": axis, "value": strtol(text, binary) as i32}});
    let mut events = vec![relative("x", &args.dx_str), relative("y", &args.dy_str)];
    let wheel = match args
        .dz_str
        .as_deref()
        .map(|text| strtol(text, binary) as i32)
    {
        Some(dz) if dz > 0 => Some("wheel-up"),
        Some(dz) if dz < 0 => Some("wheel-down"),
        _ => None,
    };
    if let Some(wheel) = wheel {
        events.push(button(wheel, true));
    }
    send(cx, events).await?;
    match wheel {
        Some(wheel) => send(cx, vec![button(wheel, false)]).await,
        None => Ok(()),
    }
}

fn button(name: &str, down: bool) -> Value {
    json!({"type": "btn", "data": {"button": name, "down": down}})
}

/// Arguments of `mouse_button`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MouseButton {
    button_state: i64,
}

/// The bits of `mouse_button`, in the order in which changes are sent.
const BUTTONS: [(&str, u32); 3] = [("left", 1), ("middle", 4), ("right", 2)];

/// `mouse_button`: only buttons whose bit changed are sent. The mask is this session's own; the
/// built-in's is not to be seen from outside.
pub async fn mouse_button(cx: &mut Cx<'_>, args: MouseButton) -> CmdResult {
    let new = args.button_state as u32;
    let old = cx.session.kept.mouse_buttons as u32;
    if new == old {
        return Ok(());
    }
    cx.session.kept.mouse_buttons = new.into();
    // Bits that are no button's leave nothing to send but the end of a group.
    send(cx, changes(old, new)).await
}

fn changes(old: u32, new: u32) -> Vec<Value> {
    BUTTONS
        .iter()
        .filter(|(_, bit)| (old ^ new) & bit != 0)
        .map(|(name, bit)| button(name, new & bit != 0))
        .collect()
}

/// The built-in drops what nobody can take, in a VM that does not run or has no such device; QMP
/// then refuses all of the events, so that those that somebody takes are sent again.
async fn send(cx: &mut Cx<'_>, events: Vec<Value>) -> CmdResult {
    match send_together(cx, &events).await? {
        Some(refusal) if refusal.contains("Input handler not found") => {
            for event in events {
                send_together(cx, &[event]).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Returns QEMU's sentence where it refuses.
async fn send_together(cx: &mut Cx<'_>, events: &[Value]) -> Result<Option<String>, CmdError> {
    match cx
        .execute("input-send-event", json!({"events": events}))
        .await
    {
        Ok(_) => Ok(None),
        Err(CmdError::Qmp(QmpError::Command { desc, .. })) => Ok(Some(desc)),
        Err(other) => Err(other),
    }
}

/// C's `strtol` with base 0: what is not a number is 0, what follows one is ignored, and too large
/// ones stop at the ends.
fn strtol(text: &str, binary: bool) -> i64 {
    let value = match whole(text, binary) {
        None => 0,
        Some((Some(value), _)) => value,
        Some((None, len)) if text[..len].contains('-') => i128::MIN,
        Some((None, _)) => i128::MAX,
    };
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn names() -> Vec<String> {
        ["ctrl", "alt", "delete", "less", "unmapped"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn keys_are_names_or_numbers() {
        let sent = keys("ctrl-<-0x1e", &names(), v(10, 0)).unwrap();
        assert_eq!(
            Value::from(sent),
            json!([
                {"type": "qcode", "data": "ctrl"},
                {"type": "qcode", "data": "less"},
                {"type": "number", "data": 30}
            ])
        );
    }

    // Answers of 10.0.2.
    #[rstest]
    #[case("ctrl-", "")]
    #[case("ctrl--alt", "")]
    #[case("ctrl-Alt", "Alt")]
    #[case("0x-1", "0x")]
    #[case("0X1e", "0X1e")]
    #[case("30", "30")]
    #[case("0x1g", "0x1g")]
    #[case("0x80000000", "0x80000000")]
    fn a_wrong_part_is_named(#[case] text: &str, #[case] part: &str) {
        assert_eq!(keys(text, &names(), v(10, 0)).unwrap_err(), part);
    }

    #[test]
    fn old_releases_cut_numbers() {
        assert_eq!(scancode("0x80000001", v(7, 2)), Some(i32::MIN + 1));
        assert_eq!(scancode("0xfffffffffffffffff", v(7, 2)), Some(-1));
        assert_eq!(scancode("0x80000001", v(8, 0)), None);
    }

    #[rstest]
    #[case("-12x", -12)]
    #[case("0x10", 16)]
    #[case("010", 8)]
    #[case(" +7", 7)]
    #[case("abc", 0)]
    #[case("--1", 0)]
    #[case("", 0)]
    #[case("99999999999999999999", i64::MAX)]
    #[case("-99999999999999999999", i64::MIN)]
    fn movements_are_read_as_c_does(#[case] text: &str, #[case] value: i64) {
        assert_eq!(strtol(text, false), value);
    }

    #[test]
    fn only_changed_buttons_are_sent() {
        assert_eq!(changes(3, 3), Vec::<Value>::new());
        assert_eq!(
            changes(1, 4),
            [button("left", false), button("middle", true)]
        );
        assert_eq!(changes(0, 8), Vec::<Value>::new());
    }
}
