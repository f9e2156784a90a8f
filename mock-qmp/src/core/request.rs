// SPDX-License-Identifier: GPL-2.0-or-later
//! The outer shape of a request, checked in QEMU's order and words (`qmp_dispatch_check_obj`).

use crate::json::{Object, Value};
use crate::schema::{Failure, first_of_hash_table};

/// A well-shaped request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) command: &'a str,
    pub(crate) arguments: Option<&'a Object>,
    pub(crate) oob: bool,
}

/// Whether QEMU handles this at once instead of queueing it, even where out-of-band is not enabled.
pub(crate) fn looks_oob(request: &Value) -> bool {
    request.get("exec-oob").is_some() && request.get("execute").is_none()
}

/// Checks the members in the order in which QEMU's dictionary lists them.
pub(crate) fn check(request: &Value, oob_enabled: bool) -> Result<Request<'_>, Failure> {
    let Some(members) = request.as_object() else {
        return Err(Failure::generic("QMP input must be a JSON object"));
    };
    let mut command: Option<(&str, &str)> = None;
    let mut arguments = None;
    for (key, value) in members {
        match key.as_str() {
            "execute" | "exec-oob" if key == "execute" || oob_enabled => {
                let Some(name) = value.as_str() else {
                    return Err(Failure::generic(format!(
                        "QMP input member '{key}' must be a string"
                    )));
                };
                if let Some((other, _)) = command {
                    return Err(Failure::generic(format!(
                        "QMP input member '{key}' clashes with '{other}'"
                    )));
                }
                command = Some((key, name));
            }
            "arguments" => {
                let Some(object) = value.as_object() else {
                    return Err(Failure::generic(
                        "QMP input member 'arguments' must be an object",
                    ));
                };
                arguments = Some(object);
            }
            "id" => {}
            _ => {
                return Err(Failure::generic(format!(
                    "QMP input member '{key}' is unexpected"
                )));
            }
        }
    }
    match command {
        Some((key, command)) => Ok(Request {
            command,
            arguments,
            oob: key == "exec-oob",
        }),
        None => Err(Failure::generic("QMP input lacks member 'execute'")),
    }
}

/// Checks the arguments of qmp_capabilities and says whether out-of-band is to be enabled.
pub(crate) fn capabilities(arguments: Option<&Object>, oob_offered: bool) -> Result<bool, Failure> {
    let Some(arguments) = arguments else {
        return Ok(false);
    };
    let mut oob = false;
    if let Some(enable) = arguments.get("enable") {
        let Some(names) = enable.as_array() else {
            return Err(Failure::generic(
                "Invalid parameter type for 'enable', expected: array",
            ));
        };
        for (index, name) in names.iter().enumerate() {
            match name.as_str() {
                Some("oob") => oob = true,
                // A list's element has no name, and C prints a missing one so.
                Some(name) => {
                    return Err(Failure::generic(format!(
                        "Parameter 'null' does not accept value '{name}'"
                    )));
                }
                None => {
                    let text =
                        format!("Invalid parameter type for 'enable[{index}]', expected: string");
                    return Err(Failure::generic(text));
                }
            }
        }
    }
    let keys: Vec<&str> = arguments.keys().map(String::as_str).collect();
    let left: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| *key != "enable")
        .collect();
    if let Some(key) = first_of_hash_table(&keys, &left) {
        return Err(Failure::generic(format!("Parameter '{key}' is unexpected")));
    }
    if oob && !oob_offered {
        return Err(Failure::generic("Capability oob not available"));
    }
    Ok(oob)
}
