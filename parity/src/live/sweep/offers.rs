// SPDX-License-Identifier: GPL-2.0-or-later
//! What a QEMU offers to put machines together from: asked once, of one process without a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hmp_engine::qemu::objects;
use hmp_engine::qmp::{Qmp, QmpError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::case::Case;
use crate::live::folder;
use crate::live::programs::Program;
use crate::live::vm::{Vm, VmError};

/// A machine type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// Another name: the newest version of its family has one.
    #[serde(default)]
    pub alias: Option<String>,
    /// How many CPUs it may have.
    #[serde(default)]
    pub cpu_max: usize,
    /// Whether CPUs can be added, which is where topologies are free.
    #[serde(default)]
    pub hotpluggable_cpus: bool,
}

/// A property of a device type.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is where nothing is said.
    #[serde(default)]
    pub default_value: Value,
}

/// A type that `-device` takes.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// The type of bus that it is plugged into; none where it needs none.
    pub bus: Option<String>,
    /// Its properties.
    pub properties: Vec<Property>,
}

impl Device {
    /// Whether it has a property of that name.
    #[must_use]
    pub fn has(&self, property: &str) -> bool {
        self.properties.iter().any(|p| p.name == property)
    }
}

/// What a QEMU offers; all lists are sorted, so that a seed means the same each time.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    /// Machine types.
    pub machines: Vec<Kind>,
    /// Types of devices, without those that machines are not made of.
    pub devices: Vec<Device>,
    /// Types of buses, with what each is a kind of.
    pub buses: BTreeMap<String, String>,
    /// CPU models.
    pub cpus: Vec<String>,
    /// Types of objects.
    pub objects: BTreeSet<String>,
    /// Types of character devices.
    pub chardevs: BTreeSet<String>,
    /// QMP commands.
    pub commands: BTreeSet<String>,
}

/// What machines are never made of, as parts of names: hardware and services of the host, and
/// devices that only a running helper makes work.
pub const FORBIDDEN: &[&str] = &[
    "vfio",
    "usb-host",
    "vhost",
    "input-host",
    "passthru",
    "scsi-block",
    "scsi-generic",
    "xen",
    "tpm",
    "-gl",
    "proxy",
    "loader",
    "doorbell",
    "usb-mtp",
    "9p",
    "emulated",
    "usb-redir",
    "cxl",
    "vmbus",
    "hv-",
    "can-host",
    "iommufd",
    "rutabaga",
    "nitro",
    "remote",
    "-cpu",
    "bmc-extern",
    "spapr-vty-host",
    "virtio-pmem",
    "debug-exit",
    "smbus-ipmi",
    "pvrdma",
    "is25lp",
    "mx25",
    "n25q",
    "w25",
    "mt25",
    "mt35",
    "at25",
    "gd25",
    "vap",
    "vfu",
];

/// Whether machines may be made of a type.
#[must_use]
pub fn is_allowed(name: &str) -> bool {
    !FORBIDDEN.iter().any(|part| name.contains(part))
}

impl Offers {
    /// Asks a QEMU.
    pub async fn of(program: &Program) -> Result<Self, VmError> {
        let none = Case {
            args: ["-M", "none", "-S"].map(str::to_owned).into(),
            ..Case::default()
        };
        let help = said(&program.path, &["-device", "help"]).await?;
        let mut offers = Self {
            devices: devices(&help),
            ..Self::default()
        };
        let vm = Vm::start(&none, program).await?;
        let asked = offers.ask(&vm.aux).await;
        vm.end().await;
        asked?;
        Ok(offers)
    }

    async fn ask(&mut self, qmp: &dyn Qmp) -> Result<(), QmpError> {
        let unexpected = |e| QmpError::unexpected("query-machines", e);
        let machines = qmp.execute("query-machines", json!({})).await?;
        self.machines = serde_json::from_value(machines).map_err(unexpected)?;
        self.machines.retain(|kind| is_allowed(&kind.name));
        self.machines.sort_by(|a, b| a.name.cmp(&b.name));
        let types = |name: &str| json!({"implements": name, "abstract": true});
        for bus in list(qmp, "qom-list-types", types("bus")).await? {
            self.buses.insert(text(&bus, "name"), text(&bus, "parent"));
        }
        let objects = list(qmp, "qom-list-types", types("user-creatable")).await?;
        self.objects = objects.iter().map(|o| text(o, "name")).collect();
        let chardevs = list(qmp, "query-chardev-backends", json!({})).await?;
        self.chardevs = chardevs.iter().map(|c| text(c, "name")).collect();
        let commands = list(qmp, "query-commands", json!({})).await?;
        self.commands = commands.iter().map(|c| text(c, "name")).collect();
        // Not all targets have the command.
        let cpus = list(qmp, "query-cpu-definitions", json!({})).await;
        self.cpus = cpus
            .unwrap_or_default()
            .iter()
            .map(|c| text(c, "name"))
            .collect();
        self.cpus.retain(|name| name != "host");
        self.cpus.sort();
        let requests = self.devices.iter().map(|device| {
            let typename = json!({"typename": device.name});
            ("device-list-properties", typename)
        });
        let requests: Vec<_> = requests.collect();
        let answers = objects::all(qmp, requests).await;
        for (device, answer) in self.devices.iter_mut().zip(answers) {
            // What QEMU does not describe is used as it is.
            let described = answer.ok().and_then(|a| serde_json::from_value(a).ok());
            device.properties = described.unwrap_or_default();
            device.properties.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(())
    }

    /// A type of bus, and those that it is a kind of.
    pub fn bus_kinds<'a>(&'a self, bus: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(bus), |bus| self.buses.get(*bus).map(String::as_str))
    }

    /// The device type of that name.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name)
    }

    /// The types of buses that a machine has without any devices of a user's.
    pub async fn buses_of(&self, program: &Program, kind: &str) -> Result<Vec<String>, VmError> {
        let bare = Case {
            args: ["-M", kind, "-S", "-nodefaults"].map(str::to_owned).into(),
            ..Case::default()
        };
        let vm = Vm::start(&bare, program).await?;
        let found = self.find_buses(&vm.aux).await;
        vm.end().await;
        Ok(found?)
    }

    async fn find_buses(&self, qmp: &dyn Qmp) -> Result<Vec<String>, QmpError> {
        let mut found = BTreeSet::new();
        let mut level = vec!["/machine".to_owned()];
        for _ in 0..DEEPEST {
            let lists = objects::lists(qmp, level.iter().map(String::as_str)).await?;
            let mut next = Vec::new();
            for (path, list) in level.iter().zip(lists) {
                for property in &list {
                    let Some(kind) = property.child() else {
                        continue;
                    };
                    if self.buses.contains_key(kind) {
                        found.extend(self.bus_kinds(kind).map(str::to_owned));
                    }
                    // Regions of memory hold no buses, and are most of a tree.
                    if kind != "memory-region" && kind != "irq" {
                        next.push(format!("{path}/{}", property.name));
                    }
                }
            }
            level = next;
        }
        Ok(found.into_iter().collect())
    }
}

/// Levels of a machine's tree that are searched for buses.
const DEEPEST: usize = 6;

async fn list(qmp: &dyn Qmp, command: &str, arguments: Value) -> Result<Vec<Value>, QmpError> {
    match qmp.execute(command, arguments).await? {
        Value::Array(list) => Ok(list),
        _ => Ok(Vec::new()),
    }
}

fn text(of: &Value, member: &str) -> String {
    let text = of.get(member).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// What `-device help` lists: `name "TYPE", bus BUS, ...`.
fn devices(help: &str) -> Vec<Device> {
    let mut devices: Vec<Device> = help
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("name \"")?.split_once('"')?;
            let bus = rest.strip_prefix(", bus ");
            let bus = bus.and_then(|bus| bus.split(',').next());
            Some(Device {
                name: name.to_owned(),
                bus: bus.filter(|bus| *bus != "System").map(str::to_owned),
                properties: Vec::new(),
            })
        })
        .filter(|device| is_allowed(&device.name))
        .collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    devices
}

/// How long a program may take for its help.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a program prints.
async fn said(program: &Path, args: &[&str]) -> Result<String, VmError> {
    let mut command = folder::command(program, &std::env::temp_dir());
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.map_err(|_| VmError::Failed("QEMU gives no help".into()))??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_read_and_what_needs_the_host_is_left_out() {
        let help = "Storage devices:\nname \"nvme\", bus PCI, desc \"x, bus y\"\nname \"pc-dimm\"\n\
                    name \"ramfb\", bus System\nname \"vfio-pci\", bus PCI\nname \"usb-host\", bus usb-bus\n";
        let devices = devices(help);
        let read: Vec<_> = devices
            .iter()
            .map(|d| (d.name.as_str(), d.bus.as_deref()))
            .collect();
        let expected = [("nvme", Some("PCI")), ("pc-dimm", None), ("ramfb", None)];
        assert_eq!(read, expected);
    }
}
