// SPDX-License-Identifier: GPL-2.0-or-later
//! The values that an option may get: by its name what exists and is free, by its type what there
//! is.

use serde_json::{Value, json};

use crate::engine::complete::lists::{children_of, get, list};
use crate::engine::complete::more::item::{Item, Place};
use crate::engine::complete::more::members::Name;
use crate::engine::complete::network::free_back_ends;
use crate::qemu::devices::{Devices, Kind};
use crate::qmp::Qmp;

/// What an option may be; `driver` is the type of the device that has it, where it is one's.
pub(super) async fn values(place: &Place<'_>, driver: &str, known: &Name) -> Vec<Item> {
    let ask = async |command: &str| {
        let reply = place.qmp.execute(command, Value::Null).await;
        match reply {
            Ok(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    };
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    match known.name.as_str() {
        "bus" => return buses(place, driver).await,
        "drive" => {
            let nodes = ask("query-named-block-nodes").await;
            let backends = ask("query-block").await;
            let free = backends
                .iter()
                .filter(|backend| text(backend, "qdev").is_empty());
            let free = free.filter(|backend| !text(backend, "device").is_empty());
            let used: Vec<String> = backends
                .iter()
                .filter_map(|backend| Some(text(backend.get("inserted")?, "node-name")))
                .collect();
            let nodes = nodes.iter().filter(|node| {
                let name = text(node, "node-name");
                !name.starts_with('#') && !used.contains(&name)
            });
            let items = free.map(|backend| Item::new(text(backend, "device"), "drive"));
            return items
                .chain(nodes.map(|node| Item::new(text(node, "node-name"), text(node, "drv"))))
                .collect();
        }
        "chardev" => {
            let all = ask("query-chardev").await;
            let free = all.iter().filter(|one| {
                one.get("frontend-open").and_then(Value::as_bool) != Some(true)
                    && !text(one, "label").starts_with("compat_monitor")
            });
            return free
                .map(|one| Item::new(text(one, "label"), text(one, "filename")))
                .collect();
        }
        "memdev" => {
            let all = ask("query-memdev").await;
            let size = |one: &Value| one.get("size").and_then(Value::as_u64).unwrap_or(0) >> 20;
            let mut items = Vec::new();
            for one in &all {
                let id = text(one, "id");
                if !id.is_empty() && !is_used(place.qmp, &id).await {
                    items.push(Item::new(id, format!("{} MiB", size(one))));
                }
            }
            return items;
        }
        "iothread" => {
            let all = ask("query-iothreads").await;
            return all
                .iter()
                .map(|one| Item::new(text(one, "id"), ""))
                .collect();
        }
        "audiodev" => {
            let all = ask("query-audiodevs").await;
            return all
                .iter()
                .map(|one| Item::new(text(one, "id"), text(one, "driver")))
                .collect();
        }
        "netdev" => {
            let free = free_back_ends(place.source()).await;
            return free.into_iter().map(|id| Item::new(id, "")).collect();
        }
        _ => {}
    }
    if let Some(object) = known.kind.strip_prefix("link<") {
        return objects(place, object.trim_end_matches('>')).await;
    }
    known
        .values
        .iter()
        .map(|word| Item::new(word, ""))
        .collect()
}

/// Whether memory is a part of the machine already: it is its RAM, or lies in something. QEMU says
/// nothing of that where it lists memory.
async fn is_used(qmp: &dyn Qmp, id: &str) -> bool {
    let path = format!("/objects/{id}");
    if get(qmp, "/machine", "memory-backend").await == path.as_str() {
        return true;
    }
    let regions = children_of(&list(qmp, &path).await, |kind| {
        kind == "child<memory-region>"
    });
    for region in regions {
        let container = get(qmp, &format!("{path}/{region}"), "container").await;
        if container.as_str().is_some_and(|path| !path.is_empty()) {
            return true;
        }
    }
    false
}

/// The type of bus that a type of device sits on, by the types above them. Others may sit anywhere
/// for all that is known. (`bus_type` in QEMU's sources; QMP does not have it.)
const SITS_ON: &[(&str, &str)] = &[
    ("adb-device", "apple-desktop-bus"),
    ("ap-device", "ap-bus"),
    ("ccid-card", "ccid-bus"),
    ("ccw-device", "virtual-css-bus"),
    ("floppy", "floppy-bus"),
    ("hda-codec", "HDA"),
    ("i2c-slave", "i2c-bus"),
    ("ide-device", "IDE"),
    ("ipack-device", "IndustryPack"),
    ("isa-device", "ISA"),
    ("nubus-device", "nubus-bus"),
    ("nvme-ns", "nvme-bus"),
    ("pci-device", "PCI"),
    ("s390-sclp-event-type", "s390-sclp-events-bus"),
    ("scsi-device", "SCSI"),
    ("sd-card", "sd-bus"),
    ("sdmmc-common", "sd-bus"),
    ("ssi-peripheral", "SSI"),
    ("ufs-lu", "ufs-bus"),
    ("usb-device", "usb-bus"),
    ("vio-spapr-device", "spapr-vio-bus"),
    ("virtio-device", "virtio-bus"),
    ("virtio-serial-port", "virtio-serial-bus"),
    ("vmbus-dev", "vmbus"),
    ("xen-device", "xen-bus"),
];

/// How many devices a bus takes, where that is the same for all of its type (`max_dev` of their
/// classes, `hw/ide/qdev.c`; the port of a PCI express slot has one slot).
fn room(devices: &Devices, at: usize) -> Option<usize> {
    let bus = &devices.entries[at];
    let above = &devices.entries[..at];
    let owner = above.iter().rfind(|entry| entry.depth < bus.depth);
    let owner = owner.map_or_else(Vec::new, |owner| devices.ancestry(&owner.name));
    let owned_by = |kinds: &[&str]| kinds.iter().any(|kind| owner.contains(kind));
    let kind = devices.ancestry(&bus.label);
    if kind.contains(&"virtio-bus") || kind.contains(&"PCI") && owned_by(&["pcie-slot"]) {
        Some(1)
    } else if kind.contains(&"IDE") {
        Some(if owned_by(&["ich9-ahci", "sysbus-ahci"]) {
            1
        } else {
            2
        })
    } else {
        None
    }
}

/// Whether a bus has room for one more.
fn has_room(devices: &Devices, at: usize) -> bool {
    let there = devices
        .entries
        .iter()
        .filter(|entry| entry.bus == Some(at))
        .count();
    room(devices, at).is_none_or(|room| there < room)
}

/// The types of chips that plug devices only into buses that they have given a number (a property,
/// `acpi-pcihp-bsel`; hw/acpi/pcihp.c). Its root bus may have none.
const NUMBERS_BUSES: &[&str] = &["ICH9-LPC", "PIIX4_PM"];

/// Whether a bus takes a device now: whoever plugs it is known there.
async fn takes_devices(qmp: &dyn Qmp, path: &str) -> bool {
    let handler = get(qmp, path, "hotplug-handler").await;
    let handler = handler.as_str().unwrap_or_default();
    if handler.is_empty() {
        return false;
    }
    let kind = get(qmp, handler, "type").await;
    let numbers = kind
        .as_str()
        .is_some_and(|kind| NUMBERS_BUSES.contains(&kind));
    !numbers || get(qmp, path, "acpi-pcihp-bsel").await.is_u64()
}

/// The buses that a device may sit on.
async fn buses(place: &Place<'_>, driver: &str) -> Vec<Item> {
    let Ok(devices) = Devices::fetch(place.qmp).await else {
        return Vec::new();
    };
    let ancestry = devices.ancestry(driver);
    let wanted = SITS_ON.iter().find(|(device, _)| ancestry.contains(device));
    let buses = devices.entries.iter().enumerate().filter(|(at, entry)| {
        entry.kind == Kind::Bus
            && wanted.is_none_or(|(_, bus)| devices.ancestry(&entry.label).contains(bus))
            && has_room(&devices, *at)
    });
    let mut items = Vec::new();
    for (_, bus) in buses {
        let path = &devices.objects[bus.object].path;
        if takes_devices(place.qmp, path).await {
            items.push(Item::new(bus.name.clone(), bus.label.clone()));
        }
    }
    items
}

/// The objects of a type that `object_add` made.
async fn objects(place: &Place<'_>, kind: &str) -> Vec<Item> {
    let list = json!({"path": "/objects"});
    let reply = place
        .qmp
        .execute("qom-list", list)
        .await
        .unwrap_or_default();
    let types = json!({"implements": kind, "abstract": false});
    let types = place
        .qmp
        .execute("qom-list-types", types)
        .await
        .unwrap_or_default();
    let fits = |name: &str| {
        let mut types = types.as_array().into_iter().flatten();
        types.any(|one| one.get("name").and_then(Value::as_str) == Some(name))
    };
    let item = |child: &Value| {
        let kind = child.get("type")?.as_str()?;
        let kind = kind.strip_prefix("child<")?.strip_suffix('>')?;
        fits(kind).then(|| Item::new(child["name"].as_str().unwrap_or_default(), kind))
    };
    reply
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(item)
        .collect()
}
