// SPDX-License-Identifier: GPL-2.0-or-later
//! When the state of all devices may be asked for (`xen-save-devices-state`). QEMU does not look
//! whether it can be saved, and a device that can't be crashes it: so that everything that is known
//! to harm is looked for first, and what was never tried is refused.

use serde::Deserialize;
use serde_json::Value;

use crate::qemu::caps::Caps;
use crate::qemu::objects::{self, Property};
use crate::qmp::version::{Version, v};
use crate::qmp::{self, Qmp, QmpError};

/// What the guards look at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The target.
    pub arch: String,
    /// The run state.
    pub status: String,
    /// The state of a migration, if there was one.
    pub migration: Option<String>,
    /// Why the VM can't be migrated.
    pub blocked: Vec<String>,
    /// The types of the devices.
    pub devices: Vec<String>,
    /// The release.
    pub version: Version,
}

/// One thing that must hold.
pub struct Guard {
    /// What is guarded against.
    pub what: &'static str,
    /// How that was seen.
    pub seen: &'static str,
    /// Why it does not hold.
    pub fails: fn(&Facts) -> Option<String>,
}

/// The first release that lists why a VM can't be migrated (6.0, seen: qapi/migration.json of
/// 7.2.0 says so).
const REASONS_LISTED: Version = v(6, 0);

/// How the reasons begin that are about a device.
const NO_STATE: &str = "non-migratable device: ";

/// Targets whose machines were tried, most of them each.
const TARGETS: &[&str] = &[
    "aarch64",
    "arm",
    "i386",
    "loongarch64",
    "ppc",
    "ppc64",
    "riscv32",
    "riscv64",
    "s390x",
    "x86_64",
];

/// Types of devices that crash QEMU and are in no list of reasons.
const CRASHING: &[&str] = &["pci-serial-2x", "vmbus-bridge"];

/// How the types of devices begin that nobody tried: their state is elsewhere.
const NEVER_TRIED: &[&str] = &["tpm-", "vfio-", "vhost-", "xen-"];

/// Run states that were tried.
const STATES: &[&str] = &[
    "finish-migrate",
    "guest-panicked",
    "inmigrate",
    "internal-error",
    "paused",
    "postmigrate",
    "prelaunch",
    "running",
];

/// States of a migration that were tried.
const MIGRATIONS: &[&str] = &[
    "active",
    "cancelled",
    "completed",
    "failed",
    "none",
    "pre-switchover",
    "setup",
];

/// What guests are whose registers nobody sees.
const CONFIDENTIAL: &[&str] = &["SEV", "TDX"];

/// All of them, in the order in which they are looked at.
pub const GUARDS: &[Guard] = &[
    Guard {
        what: "a QEMU that does not list why a VM can't be migrated",
        seen: "the list came with 6.0",
        fails: |facts| {
            let old = facts.version < REASONS_LISTED;
            old.then(|| "this QEMU does not say which devices have no state".into())
        },
    },
    Guard {
        what: "a device without a state",
        seen: "7.2.22 and 10.0.2: nvme; 10.0.2 and 11.1.3: ufs, virtio-sound; all three: rocker, usb-net, \
               usb-wacom-tablet, usb-audio, amd-iommu: SIGSEGV",
        fails: |facts| {
            let devices = facts
                .blocked
                .iter()
                .filter_map(|why| why.strip_prefix(NO_STATE));
            let device = devices.into_iter().next()?;
            Some(format!(
                "the device {device} has no state that can be saved"
            ))
        },
    },
    Guard {
        what: "a guest whose registers nobody sees",
        seen: "no host with one was at hand: never tried",
        fails: |facts| {
            let about = |why: &&String| CONFIDENTIAL.iter().any(|kind| why.contains(kind));
            let why = facts.blocked.iter().find(about)?;
            Some(format!("the guest is a confidential one ({why})"))
        },
    },
    Guard {
        what: "a target whose machines have devices without a state that no list names",
        seen: "10.0.2: hppa B160L and C3700, m68k next-cube, all of sh4 and xtensa: SIGSEGV",
        fails: |facts| {
            let known = TARGETS.contains(&facts.arch.as_str());
            (!known).then(|| format!("machines of {} were not tried, or crash", facts.arch))
        },
    },
    Guard {
        what: "a device that crashes QEMU and is in no list of reasons",
        seen: "7.2.22, 10.0.2, 11.1.3: pci-serial-2x: SIGSEGV; vmbus-bridge without synic: abort",
        fails: |facts| {
            let device = facts
                .devices
                .iter()
                .find(|kind| CRASHING.contains(&kind.as_str()))?;
            Some(format!(
                "the device {device} crashes QEMU when its state is saved"
            ))
        },
    },
    Guard {
        what: "a device whose state is in another process or in the hardware",
        seen: "never tried",
        fails: |facts| {
            let begins = |kind: &&String| NEVER_TRIED.iter().any(|begin| kind.starts_with(begin));
            let device = facts.devices.iter().find(begins)?;
            Some(format!(
                "saving the state of the device {device} was never tried"
            ))
        },
    },
    Guard {
        what: "a run state that the VM would not come back to",
        seen: "10.0.2 and 11.1.3, suspended: the VM stays in save-vm, and a wake-up fails",
        fails: |facts| {
            let known = STATES.contains(&facts.status.as_str());
            (!known).then(|| format!("the VM is in the state {}", facts.status))
        },
    },
    Guard {
        what: "a migration that reads or writes the state itself",
        seen: "postcopy may wait for pages, COLO writes another format: never tried",
        fails: |facts| {
            let status = facts.migration.as_deref()?;
            (!MIGRATIONS.contains(&status)).then(|| format!("a migration is in the state {status}"))
        },
    },
];

/// Why the state is not asked for; none where every guard holds.
#[must_use]
pub fn failing(facts: &Facts) -> Option<String> {
    GUARDS.iter().find_map(|guard| (guard.fails)(facts))
}

#[derive(Deserialize)]
struct Status {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Migration {
    status: Option<String>,
    #[serde(default)]
    blocked_reasons: Vec<String>,
}

/// Where QOM has the devices.
const DEVICES: [&str; 3] = [
    "/machine/peripheral",
    "/machine/peripheral-anon",
    "/machine/unattached",
];

/// Asks QEMU for what the guards look at.
pub async fn facts(qmp: &dyn Qmp, caps: &Caps) -> Result<Facts, QmpError> {
    let status: Status = qmp::query(qmp, "query-status", Value::Null).await?;
    let migration: Migration = qmp::query(qmp, "query-migrate", Value::Null).await?;
    let devices = objects::lists(qmp, DEVICES).await?;
    let kinds = devices.iter().flatten().filter_map(Property::child);
    Ok(Facts {
        arch: caps.arch.clone().unwrap_or_default(),
        status: status.status,
        migration: migration.status,
        blocked: migration.blocked_reasons,
        devices: kinds.map(str::to_owned).collect(),
        version: caps.version,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sound() -> Facts {
        Facts {
            arch: "x86_64".into(),
            status: "running".into(),
            version: v(10, 0),
            devices: vec!["ide-hd".into(), "pci-serial-4x".into()],
            ..Facts::default()
        }
    }

    /// Changes one fact.
    type Change = fn(&mut Facts);

    #[rstest]
    #[case(|f: &mut Facts| f.version = v(5, 2), "does not say which devices")]
    #[case(|f: &mut Facts| f.blocked = vec!["non-migratable device: 0000:00:04.0/nvme".into()], "0000:00:04.0/nvme")]
    #[case(|f: &mut Facts| f.blocked = vec!["x".into(), "non-migratable device: cpu".into()], "device cpu has no state")]
    #[case(|f: &mut Facts| f.blocked = vec!["SEV: Migration is not implemented".into()], "confidential")]
    #[case(|f: &mut Facts| f.arch = "sh4".into(), "machines of sh4")]
    #[case(|f: &mut Facts| f.arch = "hppa".into(), "machines of hppa")]
    #[case(|f: &mut Facts| f.arch = String::new(), "machines of ")]
    #[case(|f: &mut Facts| f.devices.push("pci-serial-2x".into()), "pci-serial-2x crashes")]
    #[case(|f: &mut Facts| f.devices.push("vmbus-bridge".into()), "vmbus-bridge crashes")]
    #[case(|f: &mut Facts| f.devices.push("vfio-pci".into()), "vfio-pci was never tried")]
    #[case(|f: &mut Facts| f.devices.push("tpm-crb".into()), "tpm-crb was never tried")]
    #[case(|f: &mut Facts| f.status = "suspended".into(), "state suspended")]
    #[case(|f: &mut Facts| f.status = "preconfig".into(), "state preconfig")]
    #[case(|f: &mut Facts| f.migration = Some("postcopy-active".into()), "state postcopy-active")]
    #[case(|f: &mut Facts| f.migration = Some("colo".into()), "state colo")]
    fn each_guard_has_its_reason(#[case] change: Change, #[case] reason: &str) {
        let mut facts = sound();
        change(&mut facts);
        let why = failing(&facts).unwrap();
        assert!(why.contains(reason), "{why}");
    }

    #[rstest]
    #[case(|_: &mut Facts| ())]
    #[case(|f: &mut Facts| f.migration = Some("active".into()))]
    #[case(|f: &mut Facts| f.status = "internal-error".into())]
    // Another kind of reason, which harms nothing.
    #[case(|f: &mut Facts| f.blocked = vec!["State blocked by non-migratable CPU device (invtsc flag)".into()])]
    fn what_was_tried_is_permitted(#[case] change: Change) {
        let mut facts = sound();
        change(&mut facts);
        assert_eq!(failing(&facts), None);
    }

    #[test]
    fn every_guard_can_fail_and_says_how_it_was_seen() {
        let bad = Facts {
            blocked: vec!["non-migratable device: x".into(), "TDX".into()],
            devices: vec!["pci-serial-2x".into(), "vfio-pci".into()],
            migration: Some("colo".into()),
            ..Facts::default()
        };
        for guard in GUARDS {
            assert!((guard.fails)(&bad).is_some(), "{}", guard.what);
            assert!((guard.fails)(&sound()).is_none(), "{}", guard.what);
            assert!(!guard.seen.is_empty());
        }
    }
}
