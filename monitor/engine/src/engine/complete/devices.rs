// SPDX-License-Identifier: GPL-2.0-or-later
//! Candidates that take more than one question: devices, their types, and network clients.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::engine::complete::lists::{NAMED, children_of, get, list, members};
use crate::qemu::caps::Caps;
use crate::qmp::Qmp;
use crate::qmp::version::{Version, v};

/// Types of devices that the rule of [`creatable`] does not fit: name, what it is (`fixed`: part of
/// a machine; `loose`: a user may create it), perhaps `since` or `before` a release only. From the
/// built-in's completion on 7.2, 10.0 and 11.1, and for the releases from QEMU's history.
const TYPES: &str = include_str!("device_types.tsv");

/// Targets whose CPUs are part of a machine.
const FIXED_CPUS: &[&str] = &["aarch64", "arm", "ppc", "ppc64", "riscv32", "riscv64"];

/// Devices with an id that are realized and may be unplugged.
pub(super) async fn removable(qmp: &dyn Qmp) -> Vec<String> {
    let list = list(qmp, NAMED).await;
    let mut devices = Vec::new();
    for id in children_of(&list, |kind| kind.starts_with("child<")) {
        let path = format!("{NAMED}/{id}");
        let mut all = true;
        for property in ["realized", "hotpluggable"] {
            all &= get(qmp, &path, property).await == Value::Bool(true);
        }
        if all {
            devices.push(id);
        }
    }
    devices
}

/// Types of devices that a user may create.
///
/// No QMP command says which these are, and trying (`device_add` on a bus that is not there) makes
/// QEMU wait a tenth of a second for each. As a rule devices of the system bus belong to machines
/// and others can be created.
pub(super) async fn creatable(qmp: &dyn Qmp, caps: &Caps) -> Vec<String> {
    let of = async |kind: &str| {
        let arguments = json!({"implements": kind, "abstract": false});
        let types = qmp.execute("qom-list-types", arguments).await;
        members(&types.unwrap_or_default(), "name")
    };
    let all = of("device").await;
    let on_system_bus: BTreeSet<String> = of("sys-bus-device").await.into_iter().collect();
    let arch = caps.arch.as_deref().unwrap_or_default();
    let may = |name: &String| match exception(name, caps.version) {
        Some(loose) => loose,
        None if name.ends_with("-cpu") => !FIXED_CPUS.contains(&arch),
        None => !on_system_bus.contains(name),
    };
    all.into_iter().filter(may).collect()
}

/// Whether a type that the rule does not fit can be created.
fn exception(name: &str, version: Version) -> Option<bool> {
    let line = TYPES.lines().find_map(|line| match line.split_once('\t') {
        Some((listed, rest)) if listed == name => Some(rest),
        _ => None,
    })?;
    let mut words = line.split([' ', ',']);
    let loose = words.next() == Some("loose");
    let (Some(when), Some(bound)) = (words.next(), words.next().and_then(release)) else {
        return Some(loose);
    };
    ((version >= bound) == (when == "since")).then_some(loose)
}

fn release(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some(v(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_classed() {
        let lines: Vec<(&str, &str)> = TYPES.lines().filter_map(|l| l.split_once('\t')).collect();
        let all = TYPES.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.is_sorted() && lines.len() == all.count());
        for (name, class) in lines {
            let bound = class
                .strip_prefix("fixed")
                .or_else(|| class.strip_prefix("loose"));
            let bound = bound.map(|bound| bound.split_once(", commit "));
            match bound {
                Some(None) => assert!(["fixed", "loose"].contains(&class), "{name}: {class}"),
                Some(Some((when, _))) => {
                    let at = when
                        .strip_prefix(" since ")
                        .or_else(|| when.strip_prefix(" before "));
                    assert!(at.and_then(release).is_some(), "{name}: {class}");
                }
                None => panic!("{name}: {class}"),
            }
        }
    }

    #[test]
    fn a_release_decides_where_the_table_says_so() {
        assert_eq!(exception("mch", v(7, 2)), Some(false));
        assert_eq!(exception("ramfb", v(7, 2)), Some(true));
        assert_eq!(exception("emmc", v(10, 1)), Some(false));
        assert_eq!(exception("emmc", v(10, 2)), None);
        assert_eq!(exception("arm-smmuv3", v(10, 1)), None);
        assert_eq!(exception("arm-smmuv3", v(10, 2)), Some(true));
        assert_eq!(exception("vhost-user-device-pci", v(8, 2)), None);
        assert_eq!(exception("vhost-user-device-pci", v(9, 0)), Some(false));
        assert_eq!(exception("e1000", v(11, 0)), None);
    }
}
