// SPDX-License-Identifier: GPL-2.0-or-later
//! A JSON value with the numbers that QEMU keeps apart, and the member order of QEMU's
//! dictionaries.

use indexmap::IndexMap;

/// Members of a JSON object; the order is significant when it is written.
pub type Object = IndexMap<String, Value>;

/// A JSON value as QEMU holds it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from -2^63 to 2^63-1.
    Int(i64),
    /// An integer from 2^63 to 2^64-1.
    UInt(u64),
    /// Anything with a fraction or an exponent, and integers beyond 64 bits; may be infinite
    /// (`1e400`).
    Double(f64),
    /// A string; U+0000 may occur, surrogates and noncharacters never do.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Value {
    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The number, if it is an integer that fits into 64 bits with sign.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A member of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Serde;
        match value {
            Serde::Null => Self::Null,
            Serde::Bool(flag) => Self::Bool(flag),
            Serde::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(uint)) => Self::UInt(uint),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::INFINITY)),
            },
            Serde::String(text) => Self::String(text),
            Serde::Array(elements) => Self::Array(elements.into_iter().map(Self::from).collect()),
            Serde::Object(members) => Self::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key, Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl From<&Value> for serde_json::Value {
    /// An infinite number, which JSON cannot hold, becomes `null`.
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::from(*number),
            Value::UInt(number) => Self::from(*number),
            Value::Double(number) => Self::from(*number),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// Puts the members into the order in which QEMU lists a dictionary that got them in this order: by
/// hash bucket (512 of them), the youngest first within a bucket (`qdict_put_obj`, `qdict_next`).
pub(crate) fn sort_as_qdict(members: &mut Object) {
    members.reverse();
    members.sort_by_cached_key(|key, _| bucket(key));
}

/// The bucket of `tdb_hash`: QEMU's hash over the bytes of the key in modified UTF-8.
fn bucket(key: &str) -> u32 {
    let bytes = key.bytes().flat_map(|byte| {
        if byte == 0 {
            vec![0xC0, 0x80]
        } else {
            vec![byte]
        }
    });
    let bytes: Vec<u8> = bytes.collect();
    let start = 0x238F_13AF_u32.wrapping_mul(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let sum = bytes.iter().enumerate().fold(start, |sum, (index, &byte)| {
        sum.wrapping_add(u32::from(byte) << (index * 5 % 24))
    });
    sum.wrapping_mul(1_103_515_243).wrapping_add(12345) % 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_qemus_order() {
        let mut id: Object = ["b", "a", "execute"]
            .into_iter()
            .map(|key| (key.to_owned(), Value::Null))
            .collect();
        sort_as_qdict(&mut id);
        assert_eq!(id.keys().collect::<Vec<_>>(), ["a", "execute", "b"]);
        let mut request: Object = ["foo", "bar", "execute"]
            .map(|key| (key.to_owned(), Value::Null))
            .into();
        sort_as_qdict(&mut request);
        let unknown: Vec<_> = request.keys().filter(|key| *key != "execute").collect();
        assert_eq!(unknown[0], "bar");
    }

    #[test]
    fn numbers_keep_their_kind() {
        let text = "[1, 9223372036854775808, 1.0, -1]";
        let value = Value::from(serde_json::from_str::<serde_json::Value>(text).unwrap());
        let expected = [
            Value::Int(1),
            Value::UInt(1 << 63),
            Value::Double(1.0),
            Value::Int(-1),
        ];
        assert_eq!(value, Value::Array(expected.to_vec()));
    }
}
