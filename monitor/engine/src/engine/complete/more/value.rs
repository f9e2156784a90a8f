// SPDX-License-Identifier: GPL-2.0-or-later
//! Values as they are typed.

use serde_json::Value;

/// A value on one line, as it is typed.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
