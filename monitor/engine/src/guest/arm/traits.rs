// SPDX-License-Identifier: GPL-2.0-or-later
//! What an Arm CPU is, as QOM shows it.

use serde_json::Value;

use crate::guest::arm::kinds::Kind;
use crate::guest::arm::vectors::Traits;
use crate::qemu::objects;
use crate::qmp::{Qmp, QmpError};

/// Lengths of vectors that a CPU may have, in multiples of 128 bits.
const LENGTHS: usize = 16;

impl Traits {
    /// Why the state of such a CPU is not read, if so: it has parts that are not known here.
    #[must_use]
    pub fn unread(&self) -> Option<&'static str> {
        match self {
            Self {
                microcontroller: true,
                ..
            } => Some("the state of CPUs of the M profile is not read here"),
            Self { protects: true, .. } => {
                Some("the state of CPUs without an MMU (PMSA) is not read here")
            }
            _ => None,
        }
    }
}

/// What the CPU at this path is.
pub async fn read(qmp: &dyn Qmp, path: &str) -> Result<Traits, QmpError> {
    let lengths: Vec<String> = (1..=LENGTHS).map(|n| format!("sve{}", 128 * n)).collect();
    let single = [
        "has_el2",
        "has_el3",
        "vfp",
        "vfp-d32",
        "aarch64",
        "type",
        "sve",
        "init-nsvtor",
        "pmsav7-dregion",
    ];
    let names = single.into_iter().chain(lengths.iter().map(String::as_str));
    let values = objects::values(qmp, names.map(|name| (path, name))).await?;
    let is = |number: usize| values.get(number) == Some(&Some(Value::Bool(true)));
    let there = |number: usize| values.get(number).is_some_and(Option::is_some);
    let kind = values.get(5).cloned().flatten();
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    // Of the eighth version of the architecture, which has no other number of registers.
    let eighth = there(4)
        || ["max-", "cortex-r52-"]
            .iter()
            .any(|begin| kind.starts_with(begin));
    Ok(Traits {
        el2: is(0),
        el3: is(1),
        eighth,
        kind: Kind::of(kind, eighth),
        wide: is(4),
        // Properties of theirs alone (arm_cpu_post_init in target/arm/cpu.c).
        microcontroller: there(7),
        protects: there(8),
        fixed: values.get(6) == Some(&Some(Value::Bool(false))),
        lengths: (0..LENGTHS)
            .map(|n| u32::from(is(single.len() + n)) << n)
            .sum(),
        narrow: match (is(2), is(3) || eighth) {
            (false, _) => 0,
            (true, false) => 16,
            (true, true) => 32,
        },
    })
}
