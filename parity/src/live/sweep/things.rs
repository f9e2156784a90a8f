// SPDX-License-Identifier: GPL-2.0-or-later
//! What a VM has that lines can be about.

use std::collections::BTreeMap;

use hmp_engine::qemu::caps::Caps;
use hmp_engine::qemu::objects::{self, Property};
use hmp_engine::qmp::{Qmp, QmpError};
use serde_json::{Value, json};

/// What a VM has.
#[derive(Clone, Debug, Default)]
pub struct Things {
    /// How many CPUs.
    pub cpus: usize,
    /// Block back ends and the devices in front of nameless ones.
    pub drives: Vec<String>,
    /// Block nodes.
    pub nodes: Vec<String>,
    /// Virtio devices, by their QOM paths.
    pub virtio: Vec<String>,
    /// Rocker switches.
    pub rockers: Vec<String>,
    /// Objects, by their QOM paths, with the properties that are asked for.
    pub objects: BTreeMap<String, Vec<String>>,
    /// Addresses of RAM or ROM.
    pub addresses: Vec<&'static str>,
}

/// The folders of objects that users make.
const OWN: &[&str] = &[
    "/machine/peripheral",
    "/machine/peripheral-anon",
    "/objects",
];

/// Properties of objects that are asked for where the whole tree is not wanted.
const FEW: usize = 40;

/// Objects and properties of a tree that are asked for at most: more than any PC has.
const MOST: usize = 20_000;

/// Where machines have RAM or ROM, by target and by how the machine's type begins; reading anything
/// else may change a device.
const ADDRESSES: &[(&str, &str, &[&str])] = &[
    ("x86_64", "", &["0", "0x7c00", "0xf0000", "0xfffffff0"]),
    ("i386", "", &["0", "0x7c00", "0xf0000", "0xfffffff0"]),
    ("aarch64", "virt-", &["0", "0x40000000"]),
    ("arm", "virt-", &["0", "0x40000000"]),
    ("riscv64", "virt-", &["0x1000", "0x80000000"]),
    ("s390x", "", &["0"]),
    ("ppc64", "pseries-", &["0", "0x100"]),
];

fn addresses(arch: &str, machine: &str) -> &'static [&'static str] {
    let mut all = ADDRESSES.iter();
    let found = all.find(|(target, kind, _)| *target == arch && machine.starts_with(kind));
    found.map_or(&[], |(_, _, list)| list)
}

impl Things {
    /// Asks a VM; with `all`, for its whole tree of objects.
    pub async fn of(qmp: &dyn Qmp, caps: &Caps, all: bool) -> Result<Self, QmpError> {
        let ask = async |command: &str| match qmp.execute(command, json!({})).await {
            Ok(Value::Array(list)) => Ok(list),
            Ok(_) | Err(QmpError::Command { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let texts = |list: Vec<Value>, member: &str| {
            let texts = list.iter().filter_map(|one| one.get(member)?.as_str());
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let blocks = ask("query-block").await?;
        let mut drives = texts(blocks.clone(), "device");
        drives.extend(texts(blocks, "qdev"));
        drives.retain(|name| !name.is_empty());
        let mut things = Self {
            cpus: ask("query-cpus-fast").await?.len(),
            drives,
            nodes: texts(ask("query-named-block-nodes").await?, "node-name"),
            ..Self::default()
        };
        if caps.has("x-query-virtio") {
            things.virtio = texts(ask("x-query-virtio").await?, "path");
        }
        let arch = caps.arch.as_deref().unwrap_or_default();
        let machine = text_of(qmp, "/machine", "type").await?;
        things.addresses = addresses(arch, &machine.unwrap_or_default()).to_vec();
        things.look_at_objects(qmp, all).await?;
        Ok(things)
    }

    async fn look_at_objects(&mut self, qmp: &dyn Qmp, all: bool) -> Result<(), QmpError> {
        let mut level: Vec<(String, String)> = match all {
            true => vec![("/".into(), String::new())],
            false => OWN
                .iter()
                .map(|p| ((*p).to_owned(), String::new()))
                .collect(),
        };
        let mut found: Vec<(String, Vec<Property>)> = Vec::new();
        // Devices of a user's and what they consist of: two levels below the folders.
        let mut levels = if all { usize::MAX } else { 3 };
        while !level.is_empty() && levels > 0 && found.len() < MOST {
            let paths = level.iter().map(|(path, _)| path.as_str());
            let lists = objects::lists(qmp, paths).await?;
            let mut next = Vec::new();
            for ((path, kind), list) in level.into_iter().zip(lists) {
                if kind == "rocker" {
                    self.rockers.extend(text_of(qmp, &path, "name").await?);
                }
                for property in &list {
                    if let Some(kind) = property.child() {
                        let parent = path.trim_end_matches('/');
                        next.push((format!("{parent}/{}", property.name), kind.to_owned()));
                    }
                }
                found.push((path, list));
            }
            level = next;
            levels -= 1;
        }
        let most = if all { MOST } else { FEW };
        let plain = |p: &&Property| p.child().is_none();
        let total: usize = found
            .iter()
            .map(|(_, l)| l.iter().filter(plain).count())
            .sum();
        // Every so manieth, so that what is left out is not always the same kind of device.
        let step = total.div_ceil(most).max(1);
        let mut at = 0;
        for (path, list) in found {
            let mut asked = Vec::new();
            for property in list.iter().filter(plain) {
                if at % step == 0 {
                    asked.push(property.name.clone());
                }
                at += 1;
            }
            self.objects.insert(path, asked);
        }
        Ok(())
    }
}

async fn text_of(qmp: &dyn Qmp, path: &str, property: &str) -> Result<Option<String>, QmpError> {
    let values = objects::values(qmp, [(path, property)]).await?;
    let value = values.into_iter().flatten().next();
    Ok(value.and_then(|value| Some(value.as_str()?.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_ram_and_rom_is_read() {
        assert_eq!(addresses("aarch64", "virt-10.0-machine")[1], "0x40000000");
        assert!(addresses("aarch64", "microbit-machine").is_empty());
        assert_eq!(addresses("x86_64", "pc-q35-10.0-machine").len(), 4);
        assert!(addresses("sparc", "").is_empty());
    }
}
