// SPDX-License-Identifier: GPL-2.0-or-later
//! The ids of devices that were given none: QEMU, its boards and its buses make some up.

use serde_json::Value;

use crate::qemu::devices::entry::{Entry, Kind};
use crate::qemu::objects::{self, Node};
use crate::qmp::{Qmp, QmpError};

/// Devices on the virtual bus of pSeries machines, and their names there (`dt_name` in QEMU's
/// sources): with the value of `reg` they are their ids.
const VIRTUAL_DEVICES: &[(&str, &str)] = &[
    ("spapr-nvram", "nvram"),
    ("spapr-vlan", "l-lan"),
    ("spapr-vscsi", "v-scsi"),
    ("spapr-vty", "vty"),
    ("tpm-spapr", "vtpm"),
];

/// Multiplexers of I2C.
const MULTIPLEXERS: &[&str] = &["pca9546", "pca9548"];

/// A device that was given no id.
struct Nameless<'a> {
    /// Its place among the entries.
    number: usize,
    path: &'a str,
    kind: &'a str,
}

/// Gives ids to the entries of a board's tree.
pub async fn give(
    qmp: &dyn Qmp,
    entries: &mut [Entry],
    objects: &[Node],
    board: &str,
) -> Result<(), QmpError> {
    let mut given = of_virtual_devices(qmp, &nameless(entries, objects)).await?;
    given.extend(of_multiplexers(qmp, &nameless(entries, objects)).await?);
    given.extend(of_serial_ports(qmp, &nameless(entries, objects)).await?);
    given.extend(of_smbuses(&nameless(entries, objects), objects));
    given.extend(of_elroys(&nameless(entries, objects)));
    if board.starts_with("s390-ccw-virtio") {
        let on_root = |&Nameless { number, .. }: &Nameless<'_>| {
            let bus = entries[number].bus.and_then(|bus| entries.get(bus));
            bus.is_some_and(|bus| bus.name == "pci.0" && bus.label.starts_with("PCI"))
        };
        let mut found = nameless(entries, objects);
        found.retain(on_root);
        given.extend(of_pci_of_s390(qmp, &found).await?);
    }
    for (number, id) in given {
        entries[number].label = id;
    }
    Ok(())
}

/// What has an id now, by its place among the entries.
type Given = Vec<(usize, String)>;

fn nameless<'a>(entries: &'a [Entry], objects: &'a [Node]) -> Vec<Nameless<'a>> {
    let entries = entries.iter().enumerate();
    entries
        .filter(|(_, entry)| entry.kind == Kind::Device && entry.label.is_empty())
        .map(|(number, entry)| Nameless {
            number,
            path: &objects[entry.object].path,
            kind: &entry.name,
        })
        .collect()
}

/// The numbers that devices have in a property, of those that have it.
async fn numbers(
    qmp: &dyn Qmp,
    found: Vec<&Nameless<'_>>,
    property: &str,
) -> Result<Vec<(usize, u64)>, QmpError> {
    let asked = found.iter().map(|found| (found.path, property));
    let values = objects::values(qmp, asked).await?;
    let both = found.iter().zip(values);
    Ok(both
        .filter_map(|(found, value)| Some((found.number, value?.as_u64()?)))
        .collect())
}

async fn of_virtual_devices(qmp: &dyn Qmp, found: &[Nameless<'_>]) -> Result<Given, QmpError> {
    let mut given = Given::new();
    for (kind, name) in VIRTUAL_DEVICES {
        let of_kind = found.iter().filter(|found| found.kind == *kind).collect();
        let registers = numbers(qmp, of_kind, "reg").await?;
        given.extend(
            registers
                .iter()
                .map(|(n, register)| (*n, format!("{name}@{register:x}"))),
        );
    }
    Ok(given)
}

/// They take their address, unless boards give them a name (hw/i2c/i2c_mux_pca954x.c,
/// pca954x_realize).
async fn of_multiplexers(qmp: &dyn Qmp, found: &[Nameless<'_>]) -> Result<Given, QmpError> {
    let found = found
        .iter()
        .filter(|found| MULTIPLEXERS.contains(&found.kind));
    let found: Vec<_> = found.collect();
    let asked = found
        .iter()
        .flat_map(|found| [(found.path, "address"), (found.path, "name")]);
    let values = objects::values(qmp, asked).await?;
    let mut given = Given::new();
    for (found, values) in found.iter().zip(values.chunks(2)) {
        let name = values[1].as_ref().and_then(Value::as_str);
        let address = values[0].as_ref().and_then(Value::as_u64);
        match (name.filter(|name| !name.is_empty()), address) {
            (Some(name), _) => given.push((found.number, name.to_owned())),
            (None, Some(address)) => given.push((found.number, format!("pca954x[{address:x}]"))),
            (None, None) => {}
        }
    }
    Ok(given)
}

/// The two of an SH7750, one of which has a queue (hw/sh4/sh7750.c, sh7750_init).
async fn of_serial_ports(qmp: &dyn Qmp, found: &[Nameless<'_>]) -> Result<Given, QmpError> {
    let found = found
        .iter()
        .filter(|found| found.kind == "sh-serial")
        .collect();
    let features = numbers(qmp, found, "features").await?;
    let name = |features| if features & 1 == 0 { "sci" } else { "scif" };
    Ok(features
        .into_iter()
        .map(|(n, features)| (n, name(features).to_owned()))
        .collect())
}

/// Those of an NPCM8xx are called as in QOM (hw/arm/npcm8xx.c, npcm8xx_init); not those of an
/// NPCM7xx.
fn of_smbuses(found: &[Nameless<'_>], objects: &[Node]) -> Given {
    let is_8xx = |path: &str| {
        let above = path.rsplit_once('/').map(|(above, _)| above);
        let soc = objects
            .iter()
            .find(|object| Some(object.path.as_str()) == above);
        soc.is_some_and(|soc| soc.kind.starts_with("npcm8"))
    };
    let found = found
        .iter()
        .filter(|found| found.kind == "npcm7xx-smbus" && is_8xx(found.path));
    found
        .filter_map(|found| Some((found.number, found.path.rsplit_once('/')?.1.to_owned())))
        .collect()
}

/// They are counted as they are made (hw/pci-host/astro.c, elroy_init).
fn of_elroys(found: &[Nameless<'_>]) -> Given {
    let mut found: Vec<_> = found
        .iter()
        .filter(|found| found.kind == "elroy-pcihost")
        .collect();
    let made = |path: &str| {
        let number = path.rsplit_once('[')?.1.strip_suffix(']')?;
        number.parse::<u64>().ok()
    };
    found.sort_by_key(|found| made(found.path));
    let counted = found.iter().enumerate();
    counted
        .map(|(n, found)| (found.number, format!("elroy{n}")))
        .collect()
}

/// They are called by where they are (hw/s390x/s390-pci-bus.c, s390_pcihost_plug); bridges number
/// the buses behind them, so that only those on the root bus are known.
async fn of_pci_of_s390(qmp: &dyn Qmp, found: &[Nameless<'_>]) -> Result<Given, QmpError> {
    // Slot and function in one number.
    let addresses = numbers(qmp, found.iter().collect(), "addr").await?;
    let name = |at: u64| format!("auto_00:{:02x}.{:x}", at >> 3, at & 7);
    Ok(addresses.into_iter().map(|(n, at)| (n, name(at))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(path: &str, kind: &str) -> Node {
        Node {
            path: path.into(),
            kind: kind.into(),
            ..Node::default()
        }
    }

    fn found<'a>(number: usize, path: &'a str, kind: &'a str) -> Nameless<'a> {
        Nameless { number, path, kind }
    }

    #[test]
    fn smbuses_of_one_family_are_called_as_in_qom() {
        let objects = [object("/a/soc", "npcm845"), object("/b/soc", "npcm750")];
        let found = [
            found(4, "/a/soc/smbus[26]", "npcm7xx-smbus"),
            found(5, "/b/soc/smbus[1]", "npcm7xx-smbus"),
            found(6, "/a/soc/adc", "npcm7xx-adc"),
        ];
        assert_eq!(of_smbuses(&found, &objects), [(4, "smbus[26]".to_owned())]);
    }

    #[test]
    fn elroys_are_counted_as_they_were_made() {
        let kind = "elroy-pcihost";
        let found = [
            found(1, "/machine/unattached/device[10]", kind),
            found(2, "/machine/unattached/device[9]", kind),
            found(3, "/machine/unattached/device[8]", "astro-chip"),
        ];
        let given = [(2, "elroy0".to_owned()), (1, "elroy1".to_owned())];
        assert_eq!(of_elroys(&found), given);
    }
}
