// SPDX-License-Identifier: GPL-2.0-or-later
//! Machines put together by chance from what a QEMU offers: the same seed and number give the same
//! machine on the same QEMU.

use super::catalogue::{BRINGS, EXTRAS, LOOSE, MAIN, NEEDS, SETTINGS, UNNAMED};
use super::found::Machine;
use super::offers::{Device, Kind, Offers, Property};
use super::parts::{Parts, option};
use super::storage;

/// How many controllers a device may need to be plugged in.
const DEEPEST: usize = 3;

/// The number of its own that a machine's chance starts from.
fn random(seed: u64, index: usize) -> fastrand::Rng {
    let index = u64::try_from(index).unwrap_or(u64::MAX).wrapping_add(1);
    fastrand::Rng::with_seed(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The machine type of a machine; none where QEMU offers none.
#[must_use]
pub fn kind(offers: &Offers, seed: u64, index: usize) -> Option<&Kind> {
    let mut random = random(seed, index);
    let main = random.u32(..5) > 0;
    let mut families: Vec<&str> = offers.machines.iter().map(|k| family(&k.name)).collect();
    families.dedup();
    families.sort_unstable();
    families.dedup();
    let of_main: Vec<&str> = families
        .iter()
        .copied()
        .filter(|f| MAIN.contains(f))
        .collect();
    let list = if main && !of_main.is_empty() {
        of_main
    } else {
        families
    };
    let family_name = list.get(random.usize(..list.len().max(1)))?;
    let kinds = offers
        .machines
        .iter()
        .filter(|k| family(&k.name) == *family_name);
    let kinds: Vec<&Kind> = kinds.collect();
    let newest = kinds.iter().find(|kind| kind.alias.is_some());
    match newest {
        Some(newest) if random.u32(..3) > 0 => Some(newest),
        _ => kinds.get(random.usize(..kinds.len().max(1))).copied(),
    }
}

/// The name without a version at its end.
fn family(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((family, version)) if version.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            family
        }
        _ => name,
    }
}

/// The machine of that number, of a type that by itself has these buses.
#[must_use]
pub fn make(offers: &Offers, kind: &Kind, buses: &[String], seed: u64, index: usize) -> Machine {
    // Apart from the chance that chose the type.
    let mut parts = Parts::new(offers, random(!seed, index), buses);
    let bare = kind.name == "none";
    parts.arg("-M", &*kind.name);
    if !bare && parts.one_in(2) {
        parts.args.push("-nodefaults".into());
    } else {
        // Otherwise there would be a card with the whole network behind it.
        let nic = parts.pick(&["none", "user,restrict=on"]);
        let nic = if bare || buses.is_empty() {
            "none"
        } else {
            nic
        };
        parts.arg("-nic", nic);
    }
    if !bare {
        cpus(&mut parts, kind);
        vga(&mut parts, buses);
        legacy_drives(&mut parts, buses);
    }
    for _ in 0..parts.random.usize(..8) {
        let fits = |d: &&Device| d.bus.is_some() && !bare;
        let fitting: Vec<&Device> = offers.devices.iter().filter(fits).collect();
        if fitting.is_empty() {
            break;
        }
        // Types that machines take by chance are many; buses make them equal.
        let mut kinds: Vec<&str> = fitting.iter().filter_map(|d| d.bus.as_deref()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let bus = if parts.one_in(2) {
            "PCI"
        } else {
            parts.pick(&kinds)
        };
        let on: Vec<&Device> = fitting
            .into_iter()
            .filter(|d| d.bus.as_deref() == Some(bus))
            .collect();
        if on.is_empty() {
            continue;
        }
        let device = parts.pick(&on);
        add(&mut parts, device, DEEPEST);
    }
    if !bare && parts.one_in(5) {
        let loose = LOOSE.iter().filter_map(|name| offers.device(name));
        let loose: Vec<&Device> = loose.collect();
        if !loose.is_empty() {
            let device = parts.pick(&loose);
            add(&mut parts, device, DEEPEST);
        }
    }
    if parts.has_memory {
        // NUMA nodes have a size of their own.
        let nodes = parts.args.iter().any(|arg| arg == "-numa");
        let size = if nodes { "64M" } else { "128M" };
        parts.arg("-m", format!("{size},slots=8,maxmem=1G"));
    }
    for extra in EXTRAS {
        let chosen = parts.one_in(12);
        let fits = !bare || extra[0] != "-boot" && extra[0] != "-rtc";
        let twice = extra[0] != "-object" && parts.args.iter().any(|arg| arg == extra[0]);
        if chosen && fits && !twice {
            parts.args.extend(extra.iter().map(|&word| word.to_owned()));
        }
    }
    Machine {
        index,
        args: parts.args,
        disks: parts.disks,
        ..Machine::default()
    }
}

/// CPUs, how they lie, and what memory is theirs.
fn cpus(parts: &mut Parts, kind: &Kind) {
    let x86 = kind.hotpluggable_cpus && parts.offers.device("isa-serial").is_some();
    if x86 && parts.one_in(4) && !parts.offers.cpus.is_empty() {
        let models: Vec<&str> = parts.offers.cpus.iter().map(String::as_str).collect();
        let model = parts.pick(&models).to_owned();
        parts.arg("-cpu", model);
    }
    if kind.cpu_max < 4 || parts.one_in(2) {
        return;
    }
    let (cpus, topology) = parts.pick(&[
        (1, "1"),
        (2, "2"),
        (4, "4"),
        (4, "4,sockets=2,cores=2,threads=1"),
        (3, "3,maxcpus=4"),
        (2, "2,sockets=1,cores=2,threads=1,maxcpus=2"),
    ]);
    if topology.contains(',') && !kind.hotpluggable_cpus {
        parts.arg("-smp", cpus.to_string());
        return;
    }
    parts.arg("-smp", topology);
    if x86 && cpus == 4 && parts.one_in(2) {
        parts.arg("-m", "64M");
        for (node, cpus) in ["0-1", "2-3"].iter().enumerate() {
            let memory = parts.object("memory-backend-ram", ",size=32M");
            parts.arg(
                "-numa",
                format!("node,nodeid={node},cpus={cpus},memdev={memory}"),
            );
        }
        if parts.one_in(2) {
            parts.arg("-numa", "dist,src=0,dst=1,val=20");
        }
    } else if parts.one_in(3) && !kind.name.starts_with("raspi") {
        let size = parts.pick(&["64M", "200M", "256M"]);
        parts.arg("-m", size);
    }
}

fn vga(parts: &mut Parts, buses: &[String]) {
    if buses.iter().any(|bus| bus == "PCI") && parts.one_in(3) {
        let kind = parts.pick(&["none", "std", "virtio", "cirrus", "vmware", "qxl"]);
        let type_of = match kind {
            "std" => "VGA",
            "virtio" => "virtio-vga",
            "cirrus" => "cirrus-vga",
            "vmware" => "vmware-svga",
            "qxl" => "qxl-vga",
            _ => "",
        };
        if type_of.is_empty() || parts.offers.device(type_of).is_some() {
            parts.arg("-vga", kind);
        }
    }
}

fn legacy_drives(parts: &mut Parts, buses: &[String]) {
    for (bus, interface) in [("IDE", "ide"), ("PCI", "virtio"), ("floppy-bus", "floppy")] {
        if buses.iter().any(|b| b == bus) && parts.one_in(5) {
            storage::drive(parts, interface);
        }
    }
}

/// Adds a device, with a device for its bus where that is needed. Returns its id.
fn add(parts: &mut Parts, device: &Device, deepest: usize) -> Option<String> {
    // Types that are plugged into nothing have a bus that no machine has.
    let bus = device.bus.as_deref().unwrap_or_default();
    if !bus.is_empty() && !parts.reach.contains(bus) && !bring(parts, bus, deepest) {
        return None;
    }
    let mut options = device.name.clone();
    let id = parts.id("dev");
    // Devices that others are plugged into are known by their ids.
    let brings = BRINGS.iter().find(|(part, ..)| device.name.contains(part));
    let has_id = brings.is_some() || !parts.one_in(4);
    if has_id {
        option(&mut options, "id", &id);
    }
    let named: Vec<usize> = (0..parts.named.len())
        .filter(|&at| {
            parts
                .offers
                .bus_kinds(&parts.named[at].0)
                .any(|kind| kind == bus)
        })
        .collect();
    if !named.is_empty() && parts.one_in(2) {
        let at = parts.pick(&named);
        option(&mut options, "bus", &parts.named[at].1);
        if parts.named[at].0 == "PCIE" {
            // A port takes one device.
            parts.named.remove(at);
        }
    }
    let number = parts.number("need") + 1;
    if let Some((_, need)) = NEEDS.iter().find(|(name, _)| device.name == *name) {
        let bus_number = (64 + 16 * number % 192).to_string();
        let need = need.replace("{n}", &number.to_string());
        options.push(',');
        options.push_str(&need.replace("{bus}", &bus_number));
    }
    for property in &device.properties {
        if let Some(value) = backend(parts, device, &property.name) {
            option(&mut options, &property.name, &value);
        } else if let Some(value) = setting(parts, property)
            && !options.contains(&format!(",{}=", property.name))
        {
            option(&mut options, &property.name, &value);
        }
    }
    if let Some((_, kind, suffix)) = brings {
        let kinds: Vec<String> = parts.offers.bus_kinds(kind).map(str::to_owned).collect();
        parts.reach.extend(kinds);
        if *suffix != UNNAMED {
            parts
                .named
                .push(((*kind).to_owned(), format!("{id}{suffix}")));
        }
    }
    parts.arg("-device", options);
    Some(id)
}

/// Makes a bus of this type reachable.
fn bring(parts: &mut Parts, bus: &str, deepest: usize) -> bool {
    if deepest == 0 {
        return false;
    }
    let offers = parts.offers;
    let bringing: Vec<&Device> = offers
        .devices
        .iter()
        .filter(|device| {
            let brings = BRINGS.iter().find(|(part, ..)| device.name.contains(part));
            let right = brings.is_some_and(|(_, kind, _)| *kind == bus);
            right && device.bus.as_deref().is_some_and(|own| own != bus)
        })
        .collect();
    // What is at hand first: a machine does not get a row of controllers for one device.
    let near = |device: &&&Device| {
        device
            .bus
            .as_ref()
            .is_some_and(|own| parts.reach.contains(own))
    };
    let at_hand: Vec<&Device> = bringing.iter().filter(near).copied().collect();
    let list = if at_hand.is_empty() {
        bringing
    } else {
        at_hand
    };
    if list.is_empty() {
        return false;
    }
    let device = parts.pick(&list);
    add(parts, device, deepest - 1).is_some()
}

/// The back end that a property of a device names.
fn backend(parts: &mut Parts, device: &Device, property: &str) -> Option<String> {
    match property {
        "drive" if device.name.ends_with("-cd") && parts.one_in(2) => None,
        "drive" => Some(storage::backend(parts)),
        "netdev" if !parts.one_in(10) => Some(parts.netdev()),
        "chardev" => Some(parts.chardev()),
        "audiodev" => Some(parts.audio()),
        "memdev" => {
            parts.has_memory |= device.bus.is_none() || device.name.contains("virtio-mem");
            Some(parts.memory())
        }
        "rng" if parts.one_in(2) => Some(parts.object("rng-builtin", "")),
        "cryptodev" => Some(parts.object("cryptodev-backend-builtin", "")),
        "bmc" => {
            let id = parts.id("bmc");
            parts.arg("-device", format!("ipmi-bmc-sim,id={id}"));
            Some(id)
        }
        name if name.starts_with("canbus") => Some(parts.object("can-bus", "")),
        "iothread" if parts.one_in(3) => Some(parts.object("iothread", "")),
        _ => None,
    }
}

/// A value for a property that is set by chance.
fn setting(parts: &mut Parts, property: &Property) -> Option<String> {
    let name = property.name.as_str();
    if let Some((_, value)) = SETTINGS.iter().find(|(setting, _)| *setting == name) {
        if !parts.one_in(8) {
            return None;
        }
        let number = parts.number("setting");
        let value = value.replace("{n}", &(number + 1).to_string());
        return Some(value.replace("{hex}", &format!("{:02x}", number % 256)));
    }
    if name.starts_with("x-") || !parts.one_in(25) {
        return None;
    }
    match property.kind.as_str() {
        "bool" => {
            let on = property.default_value.as_bool()?;
            Some(if on { "off" } else { "on" }.to_owned())
        }
        "OnOffAuto" => Some(parts.pick(&["on", "off", "auto"]).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::live::sweep::offers::{FORBIDDEN, is_allowed};

    fn offers() -> Offers {
        let property = |name: &str| Property {
            name: name.into(),
            kind: "str".into(),
            default_value: json!(null),
        };
        let device = |name: &str, bus: &str, properties: &[&str]| Device {
            name: name.into(),
            bus: Some(bus.into()),
            properties: properties.iter().map(|name| property(name)).collect(),
        };
        let kind = |name: &str, alias: Option<&str>| Kind {
            name: name.into(),
            alias: alias.map(str::to_owned),
            cpu_max: 8,
            hotpluggable_cpus: true,
        };
        Offers {
            machines: vec![
                kind("none", None),
                kind("pc-q35-9.2", None),
                kind("pc-q35-10.0", Some("q35")),
            ],
            devices: vec![
                device("e1000", "PCI", &["netdev", "mac"]),
                device("nvme", "PCI", &["drive", "serial", "bootindex"]),
                device("scsi-cd", "SCSI", &["drive"]),
                device("usb-kbd", "usb-bus", &[]),
                device("qemu-xhci", "PCI", &[]),
                device("virtio-scsi-pci", "PCI", &["iothread"]),
                device("virtserialport", "virtio-serial-bus", &["chardev"]),
                device("virtio-serial-pci", "PCI", &[]),
                device("isa-serial", "ISA", &["chardev"]),
            ],
            buses: [("PCIE", "PCI"), ("PCI", "bus"), ("SCSI", "bus")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .into(),
            chardevs: ["null", "ringbuf", "socket"].map(str::to_owned).into(),
            ..Offers::default()
        }
    }

    fn machines(seed: u64) -> Vec<Machine> {
        let offers = offers();
        let buses = ["PCI".to_owned(), "PCIE".to_owned(), "IDE".to_owned()];
        let one = |index| {
            let kind = kind(&offers, seed, index).unwrap();
            make(&offers, kind, &buses, seed, index)
        };
        (0..300).map(one).collect()
    }

    #[test]
    fn a_seed_gives_the_same_machines_again() {
        let args = |seed| -> Vec<_> { machines(seed).into_iter().map(|m| m.args).collect() };
        assert_eq!(args(1), args(1));
        assert_ne!(args(1), args(2));
        let all = args(1).concat().join(" ");
        for part in [
            "-device nvme",
            "-blockdev",
            "-netdev",
            "-chardev",
            "scsi-cd",
            "-numa",
            "q35-9.2",
        ] {
            assert!(all.contains(part), "no machine has {part}");
        }
    }

    #[test]
    fn nothing_touches_the_host() {
        for machine in machines(7) {
            let mut words = machine.args.iter();
            while let Some(word) = words.next() {
                let Some(value) = words.as_slice().first() else {
                    continue;
                };
                match word.as_str() {
                    "-netdev" | "-nic" => assert!(
                        !value.starts_with("user") || value.contains("restrict=on"),
                        "{value}"
                    ),
                    "-device" => assert!(is_allowed(value.split(',').next().unwrap()), "{value}"),
                    _ => {}
                }
                assert!(!value.contains("/dev/"), "{value}");
                for path in value
                    .split(['=', ':', ','])
                    .filter(|v| v.starts_with('/') && *v != "//")
                {
                    assert_eq!(path.find("{dir}"), Some(0), "{value}");
                }
            }
            // A machine with its defaults has a card with the whole network behind it.
            let closed = ["-nodefaults", "-nic"];
            assert!(machine.args.iter().any(|a| closed.contains(&a.as_str())));
        }
        assert!(FORBIDDEN.iter().all(|name| !is_allowed(name)));
    }

    #[test]
    fn devices_come_with_what_they_are_plugged_into() {
        for machine in machines(3) {
            let all = machine.args.join(" ");
            if all.contains("scsi-cd") {
                assert!(all.contains("virtio-scsi-pci"), "{all}");
            }
        }
    }

    #[test]
    fn versions_are_of_a_family() {
        assert_eq!(family("pc-i440fx-2.10"), "pc-i440fx");
        assert_eq!(family("ast2500-evb"), "ast2500-evb");
        assert_eq!(family("virt-10.0"), "virt");
    }
}
