// SPDX-License-Identifier: GPL-2.0-or-later
//! Devices of every type, plugged into one QEMU.

use serde_json::json;

use super::qemu::Blocking;
use crate::error::Error;

/// Buses that a QEMU for learning may have, beside those that QEMU finds itself.
const BUSES: &[&str] = &[
    "", "br1", "br2", "br3", "br4", "rp1", "rp2", "usb.0", "scsi.0", "vser.0",
];

/// Plugs one device of every type, on whatever bus takes it, with what it may need behind it.
/// It starts at `next`, which it moves on, so that another QEMU can go on where one ended.
pub fn plug(qmp: &Blocking, next: &mut usize) -> Result<(), Error> {
    let types = qmp.call(
        "qom-list-types",
        &json!({"implements": "device", "abstract": false}),
    )?;
    let types = types.as_array().into_iter().flatten().enumerate();
    for (number, kind) in types.skip(*next) {
        *next = number + 1;
        let name = kind["name"].as_str().unwrap_or_default();
        if super::avoided(name) {
            continue;
        }
        let back_end = format!("be{number}");
        let disk = json!({"driver": "null-co", "node-name": back_end});
        let null = json!({"id": back_end, "backend": {"type": "null", "data": {}}});
        let _ = qmp.call("blockdev-add", &disk);
        let _ = qmp.call("chardev-add", &null);
        let needs = [
            json!({}),
            json!({"drive": back_end}),
            json!({"drive": back_end, "serial": "x"}),
            json!({"chardev": back_end}),
            json!({"audiodev": "ae"}),
        ];
        'plugged: for need in needs {
            let mut lacks = false;
            for bus in BUSES {
                let mut add = need.clone();
                add["driver"] = name.into();
                add["id"] = format!("learn{number}").into();
                if !bus.is_empty() {
                    add["bus"] = (*bus).into();
                }
                let refused = match qmp.call("device_add", &add) {
                    Ok(_) => break 'plugged,
                    Err(error) if error.is_fatal() => return Err(format!("{name}: {error}").into()),
                    Err(error) => error.to_string(),
                };
                lacks |= ["drive", "chardev", "roperty", "serial", "udio"]
                    .iter()
                    .any(|w| refused.contains(w));
                // Where the default bus is not the matter, another one is none either.
                let other_bus = [
                    "hotplug",
                    "slot",
                    "can't go on",
                    "in use",
                    "not found",
                    "full",
                ];
                if !other_bus.iter().any(|w| refused.contains(w)) {
                    break;
                }
            }
            if !lacks {
                break;
            }
        }
    }
    Ok(())
}
