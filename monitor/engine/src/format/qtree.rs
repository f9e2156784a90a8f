// SPDX-License-Identifier: GPL-2.0-or-later
//! Values and lines of `info qtree`.

use std;
use std::fmt::{self, Write};

use serde_json::Value;

use crate::format::number::human;
use crate::format::sign::Sign as _;

/// A property's value as QEMU's string visitor shows it to people; `kind` is its type. Empty text
/// stands for none. `None` for a list of something else than numbers, which types print in ways of
/// their own.
#[must_use]
pub fn value(kind: &str, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "<null>".into(),
        Value::Bool(on) => on.to_string(),
        Value::String(text) => format!("\"{text}\""),
        Value::Number(number) => match integer(value) {
            Some(integer) if kind == "size" => {
                let bytes = integer.as_unsigned();
                format!("{bytes} ({})", human(bytes))
            }
            Some(integer) => format!("{integer} ({integer:#x})"),
            None => format!("{:.6}", number.as_f64().unwrap_or(0.0)),
        },
        Value::Array(items) => list(items)?,
        Value::Object(_) => "<omitted>".into(),
    })
}

/// Integers are shown as signed ones of 64 bits.
fn integer(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_u64().map(u64::as_signed))
}

/// A list of numbers, neighbours joined, in decimal and hexadecimal.
fn list(items: &[Value]) -> Option<String> {
    let mut numbers = items.iter().map(integer).collect::<Option<Vec<i64>>>()?;
    if numbers.is_empty() {
        return Some("<null>".into());
    }
    numbers.sort_unstable();
    numbers.dedup();
    let runs: Vec<&[i64]> = numbers
        .chunk_by(|a, b| a.checked_add(1) == Some(*b))
        .collect();
    let joined = |shown: fn(i64) -> String| {
        let texts: Vec<String> = runs
            .iter()
            .map(|run| match run {
                [first, .., last] => format!("{}-{}", shown(*first), shown(*last)),
                [one] => shown(*one),
                [] => String::new(),
            })
            .collect();
        texts.join(",")
    };
    let decimal = joined(|n| n.to_string());
    let hexadecimal = joined(|n| format!("{n:#x}"));
    Some(format!("{decimal} ({hexadecimal})"))
}

/// A device and function number as slot and function: `1f.3`.
#[must_use]
pub fn slot(devfn: i64) -> String {
    format!("{:02x}.{:x}", devfn >> 3 & 0x1f, devfn & 7)
}

/// A device on USB, as `info usb` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbDevice {
    /// The number of its bus.
    pub bus: u64,
    /// Its id, where it has one.
    pub id: Option<String>,
    address: String,
    port: String,
    speed: String,
    product: String,
}

impl UsbDevice {
    /// Reads the lines of `info usb`.
    #[must_use]
    pub fn read_all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::read).collect()
    }

    fn read(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("Device ")?;
        let (address, rest) = rest.split_once(", Port ")?;
        let (port, rest) = rest.split_once(", Speed ")?;
        let (speed, rest) = rest.split_once(" Mb/s, Product ")?;
        let (product, id) = match rest.rsplit_once(", ID: ") {
            Some((product, id)) => (product, Some(id.to_owned())),
            None => (rest, None),
        };
        Some(Self {
            bus: address.split('.').next()?.parse().ok()?,
            id,
            address: address.to_owned(),
            port: port.to_owned(),
            speed: speed.to_owned(),
            product: product.to_owned(),
        })
    }

    /// Writes its line of `info qtree`.
    pub fn print(&self, out: &mut dyn Write, indent: usize) -> fmt::Result {
        writeln!(
            out,
            "{:indent$}addr {}, port {}, speed {}, name {}, attached",
            "", self.address, self.port, self.speed, self.product
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // Lines of 10.0.2's info qtree on q35.
    #[rstest]
    #[case("uint64", json!(u64::MAX), "-1 (0xffffffffffffffff)")]
    #[case("int32", json!(-1), "-1 (0xffffffffffffffff)")]
    #[case("uint32", json!(262_144), "262144 (0x40000)")]
    #[case("size", json!(34_359_738_368u64), "34359738368 (32 GiB)")]
    #[case("bool", json!(true), "true")]
    #[case("str", json!(""), "\"\"")]
    #[case("list", json!([]), "<null>")]
    #[case("list", json!([3, 0, 1]), "0-1,3 (0x0-0x1,0x3)")]
    #[case("struct", json!({"a": 1}), "<omitted>")]
    // The reserved regions of a virtio-iommu, which it prints in a way of its own.
    #[case("list", json!([{"a": 1}]), "(none)")]
    fn values(#[case] kind: &str, #[case] json: Value, #[case] text: &str) {
        assert_eq!(value(kind, &json).as_deref().unwrap_or("(none)"), text);
    }

    #[test]
    fn slots() {
        assert_eq!(slot(0xfb), "1f.3");
        assert_eq!(slot(8), "01.0");
    }

    #[test]
    fn usb_devices() {
        let text = "  Device 0.1, Port 1, Speed 480 Mb/s, Product QEMU USB Tablet, ID: tab\n  Device 0.2, Port 2.1, Speed 12 Mb/s, Product QEMU USB Hub\n";
        let devices = UsbDevice::read_all(text);
        assert_eq!(devices[0].id.as_deref(), Some("tab"));
        let mut line = String::new();
        devices[1].print(&mut line, 2).unwrap();
        assert_eq!(
            line,
            "  addr 0.2, port 2.1, speed 12, name QEMU USB Hub, attached\n"
        );
    }
}
