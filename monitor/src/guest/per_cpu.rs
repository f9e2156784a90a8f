//! Devices whose registers are different for each CPU: they look for the CPU that reads them, and crash QEMU where it is
//! the monitor that reads.

use std::ops::Range;

use serde_json::json;

use super::ram;
use super::regions::Regions;
use crate::qmp::caps::Caps;
use crate::qmp::{Qmp, QmpError};

/// A region of registers and the type of its device (hw/intc/arm_gic.c, hw/timer/a9gtimer.c, hw/intc/spapr_xive.c).
struct Registers {
    region: &'static str,
    device: &'static str,
    /// The property with the number of CPUs, where the device does not look for one among one.
    cpus: Option<&'static str>,
}

const fn gic(region: &'static str) -> Registers {
    Registers {
        region,
        device: "arm_gic",
        cpus: Some("num-cpu"),
    }
}

const REGISTERS: &[Registers] = &[
    gic("gic_dist"),
    gic("gic_cpu"),
    gic("gic_viface"),
    gic("gic_vcpu"),
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
    let regions = Regions::fetch(qmp, caps).await?;
    for (region, place) in regions.places() {
        if place.start >= range.end || range.start >= place.end {
            continue;
        }
        let known = REGISTERS.iter().filter(|known| known.region == region.name);
        for known in known {
            let device = region
                .path
                .rsplit_once('/')
                .map_or("", |(device, _)| device);
            let get = |property: &str| json!({"path": device, "property": property});
            if qmp.execute("qom-get", get("type")).await? != known.device {
                continue;
            }
            let alone = match known.cpus {
                Some(cpus) => qmp.execute("qom-get", get(cpus)).await? == 1,
                None => false,
            };
            if !alone {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
