// SPDX-License-Identifier: GPL-2.0-or-later
//! Where memory certainly is, by the kind of machine.

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::qemu::caps::Caps;
use crate::qmp::{Qmp, QmpError};

/// Ranges that are memory on this machine whatever was done to it, for most of what is asked; the
/// whole map takes a thousand times as long.
pub async fn certain(qmp: &dyn Qmp, caps: &Caps) -> Result<Vec<Range<u64>>, QmpError> {
    let kind = json!({"path": "/machine", "property": "type"});
    let kind = qmp.execute("qom-get", kind).await?;
    let kind = kind.as_str().unwrap_or_default();
    let sizes = qmp
        .execute("query-memory-size-summary", Value::Null)
        .await?;
    let sizes: MemorySize = serde_json::from_value(sizes)
        .map_err(|e| QmpError::unexpected("query-memory-size-summary", e))?;
    let size = sizes.base_memory;
    if kind.starts_with("pc-q35-") || kind.starts_with("pc-i440fx-") {
        let limit = json!({"path": "/machine", "property": "max-ram-below-4g"});
        let limit = match qmp.execute("qom-get", limit).await {
            Ok(limit) => limit.as_u64().filter(|&limit| limit != 0),
            Err(error) if error.is_fatal() => return Err(error),
            Err(_) => None,
        };
        return Ok(pc_memory(size.min(limit.unwrap_or(u64::MAX))));
    }
    let start: u64 = match (caps.arch.as_deref(), kind.split('-').next()) {
        (Some("aarch64" | "arm"), Some("virt")) => 1 << 30,
        (Some("riscv32" | "riscv64"), Some("virt")) => 2 << 30,
        (Some("s390x"), Some("s390")) | (Some("ppc64"), Some("pseries")) => 0,
        _ => return Ok(Vec::new()),
    };
    Ok(std::iter::once(start..start.saturating_add(size)).collect())
}

/// The memory of a PC with `size` bytes below 4 GiB, the adapters' window left out. Boards put at
/// least 2 GiB there, and their firmware and its shadow below 1 MiB.
fn pc_memory(size: u64) -> Vec<Range<u64>> {
    let mebibyte = 1 << 20;
    vec![
        0..size.min(0xa0000),
        0xc0000..mebibyte,
        mebibyte..size.min(2 << 30).max(mebibyte),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MemorySize {
    base_memory: u64,
}
