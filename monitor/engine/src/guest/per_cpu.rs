// SPDX-License-Identifier: GPL-2.0-or-later
//! Devices whose registers are different for each CPU: they look for the CPU that reads them, and
//! crash QEMU where it is the monitor that reads.

use std::ops::Range;

use serde_json::{Value, json};

use crate::guest::ram;
use crate::guest::regions::{SYSTEM, unnumbered};
use crate::qemu::caps::Caps;
use crate::qemu::objects;
use crate::qmp::{Qmp, QmpError};

/// Deeper than regions lie in each other on any machine.
const MAX_DEPTH: usize = 64;

/// A region of registers and the type of its device (hw/intc/arm_gic.c, hw/timer/a9gtimer.c,
/// hw/intc/spapr_xive.c), or an alias of one and whose that is (hw/intc/exynos4210_gic.c,
/// hw/arm/xlnx-zynqmp.c): QOM does not show what it is an alias of.
struct Registers {
    region: &'static str,
    device: &'static str,
    /// The child, if not the device itself, and its property with the number of CPUs, where it does
    /// not look for one among one.
    cpus: Option<(&'static str, &'static str)>,
}

const fn gic(region: &'static str) -> Registers {
    Registers {
        region,
        device: "arm_gic",
        cpus: Some(("", "num-cpu")),
    }
}

const fn exynos(region: &'static str) -> Registers {
    Registers {
        region,
        device: "exynos4210.gic",
        cpus: Some(("", "num-cpu")),
    }
}

const REGISTERS: &[Registers] = &[
    gic("gic_dist"),
    gic("gic_cpu"),
    gic("gic_viface"),
    gic("gic_vcpu"),
    exynos("exynos4210-gic-alias_cpu0"),
    exynos("exynos4210-gic-alias_cpu1"),
    exynos("exynos4210-gic-alias_dist0"),
    exynos("exynos4210-gic-alias_dist1"),
    Registers {
        region: "zynqmp-gic-alias",
        device: "xlnx-zynqmp",
        cpus: Some(("/gic", "num-cpu")),
    },
    Registers {
        region: "a9gtimer shared",
        device: "arm.cortex-a9-global-timer",
        cpus: None,
    },
    Registers {
        region: "xive.tima",
        device: "spapr-xive",
        cpus: None,
    },
];

/// Whether such registers are among these physical addresses, as far as QOM shows where they are.
pub async fn among(qmp: &dyn Qmp, caps: &Caps, range: Range<u64>) -> Result<bool, QmpError> {
    let memory = ram::certain(qmp, caps).await?;
    if range.is_empty()
        || memory
            .iter()
            .any(|ram| ram.start <= range.start && range.end <= ram.end)
    {
        return Ok(false);
    }
    let range = u128::from(range.start)..u128::from(range.end);
    // Regions hold nothing in QOM, and are most of what there is.
    let leaf = |kind: &str| kind.ends_with("memory-region") || kind == "irq";
    for node in objects::tree_without(qmp, "/", "container", leaf).await? {
        let name = unnumbered(&node.name);
        let Some(known) = REGISTERS.iter().find(|known| known.region == name) else {
            continue;
        };
        let Some(place) = place(qmp, &node.path).await? else {
            continue;
        };
        if place.start >= range.end || range.start >= place.end {
            continue;
        }
        let device = node.path.rsplit_once('/').map_or("", |(device, _)| device);
        if get(qmp, device, "type").await? != known.device {
            continue;
        }
        let alone = match known.cpus {
            Some((child, cpus)) => get(qmp, &format!("{device}{child}"), cpus).await? == 1,
            None => false,
        };
        if !alone {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn get(qmp: &dyn Qmp, path: &str, property: &str) -> Result<Value, QmpError> {
    let get = json!({"path": path, "property": property});
    qmp.execute("qom-get", get).await
}

/// Where the CPUs see a region, if they do.
async fn place(qmp: &dyn Qmp, path: &str) -> Result<Option<Range<u128>>, QmpError> {
    let size = get(qmp, path, "size").await?.as_u64().unwrap_or(0);
    let mut start = 0;
    let mut path = path.to_owned();
    for _ in 0..MAX_DEPTH {
        let address = get(qmp, &path, "addr").await?.as_u64().unwrap_or(0);
        start += u128::from(address);
        match get(qmp, &path, "container").await? {
            Value::String(container) if container == SYSTEM => {
                return Ok(Some(start..start + u128::from(size)));
            }
            Value::String(container) if !container.is_empty() => path = container,
            _ => break,
        }
    }
    Ok(None)
}
