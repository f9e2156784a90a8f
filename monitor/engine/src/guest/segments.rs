// SPDX-License-Identifier: GPL-2.0-or-later
//! PowerPC's MMUs of 32 bits, whose segment registers QEMU finds by an address's bits from 28 on: it
//! looks at no limit, and an address of more bits leads far outside of what is there.

use serde_json::{Value, json};

use crate::qemu::caps::Caps;
use crate::qmp::{Qmp, QmpError};

/// The first address beyond the registers: there is room for 32 of them (target/ppc/cpu.h).
pub const END: u64 = 32 << 28;

/// Families of CPUs that have such an MMU (POWERPC_MMU_32B and POWERPC_MMU_SOFT_6xx in
/// target/ppc/cpu_init.c, 7.2 to 10.2).
const FAMILIES: &[&str] = &[
    "603", "603E", "604", "604E", "740", "745", "750", "750cl", "750cx", "750fx", "750gx", "755",
    "7400", "7410", "7440", "7445", "7450", "7455", "7457", "G2", "G2LE", "e300", "e600",
];

/// Whether the CPUs, which are all of one type, have segment registers.
pub async fn has(qmp: &dyn Qmp, caps: &Caps) -> Result<bool, QmpError> {
    let base = match caps.arch.as_deref() {
        Some("ppc64") => "powerpc64-cpu",
        _ => "powerpc-cpu",
    };
    let cpus = qmp.execute("query-cpus-fast", Value::Null).await?;
    let first = cpus.get(0).and_then(|cpu| cpu["qom-path"].as_str());
    // Threads of cores are those of pseries and powernv, which have CPUs of 64 bits alone
    // (hw/ppc/spapr_cpu_core.c, pnv_core.c).
    let Some(path) = first.filter(|path| !path.contains("/thread[")) else {
        return Ok(false);
    };
    let kind = json!({"path": path, "property": "type"});
    let kind = qmp.execute("qom-get", kind).await?;
    let types = json!({"implements": base, "abstract": true});
    let types = qmp.execute("qom-list-types", types).await?;
    let mut types = types.as_array().into_iter().flatten();
    let parent = types
        .find(|known| known["name"] == kind)
        .and_then(|known| known["parent"].as_str());
    let family = parent.and_then(|parent| parent.strip_suffix(base)?.strip_suffix("-family-"));
    Ok(family.is_some_and(|family| FAMILIES.contains(&family)))
}
