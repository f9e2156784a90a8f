// SPDX-License-Identifier: GPL-2.0-or-later
//! `info qtree` of small machines: what is shown, and what a note says is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock_qmp::{Answer, MockQmp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::{on_mock, refusal, run};

/// Types of devices and the ones above them, as in QEMU; those of the user's own are called so.
const DEVICES: &[(&str, &str)] = &[
    ("base-pci-bridge", "pci-device"),
    ("edu", "pci-device"),
    ("hpet", "sys-bus-device"),
    ("i440FX-pcihost", "pci-host-bridge"),
    ("own-device", "device"),
    ("own-hpet", "hpet"),
    ("pci-bridge", "base-pci-bridge"),
    ("pci-device", "device"),
    ("pci-host-bridge", "sys-bus-device"),
    ("sys-bus-device", "device"),
    ("usb-device", "device"),
    ("usb-hid", "usb-device"),
    ("usb-mouse", "usb-hid"),
    ("usb-serial", "usb-device"),
    ("usb-tablet", "usb-hid"),
    ("virtio-serial-port", "device"),
    ("virtserialport", "virtio-serial-port"),
];

const BUSES: &[&str] = &["PCI", "System", "usb-bus", "virtio-serial-bus"];

/// A property: name, type, value.
type Property = (String, String, Value);

/// A machine's objects: path, type, properties.
#[derive(Clone, Default)]
struct Machine(Vec<(String, String, Vec<Property>)>);

impl Machine {
    /// One with nothing but the bus that holds all others.
    fn new() -> Self {
        Self::default().with("/machine/unattached/sysbus", "System", &[])
    }

    fn with(mut self, path: &str, kind: &str, properties: &[(&str, &str, Value)]) -> Self {
        let own = |(name, kind, value): &(&str, &str, Value)| {
            ((*name).to_owned(), (*kind).to_owned(), value.clone())
        };
        let properties = properties.iter().map(own).collect();
        self.0.push((path.into(), kind.into(), properties));
        self
    }

    /// A device on a bus, behind those that are there.
    fn on(mut self, bus: &str, path: &str, kind: &str, properties: &[(&str, &str, Value)]) -> Self {
        let bus = self.0.iter_mut().find(|(known, ..)| known == bus).unwrap();
        let slot = format!("child[{}]", bus.2.len());
        bus.2.push((slot, format!("link<{kind}>"), json!(path)));
        self.with(path, kind, properties)
    }

    fn list(&self, path: &str) -> Value {
        let inner = self.0.iter().filter_map(|(known, kind, _)| {
            let name = known.strip_prefix(path)?.strip_prefix('/')?;
            let name = name.split('/').next()?;
            let whole = known.len() == path.len() + 1 + name.len();
            let kind = if whole { kind } else { "container" };
            Some((name.to_owned(), format!("child<{kind}>")))
        });
        let mut all: Vec<(String, String)> = inner.collect();
        // A container is there once.
        all.sort_by_key(|(name, kind)| (name.clone(), kind == "child<container>"));
        all.dedup_by(|a, b| a.0 == b.0);
        let own = self.0.iter().find(|(known, ..)| known == path);
        let own = own.into_iter().flat_map(|(.., properties)| properties);
        all.extend(own.map(|(name, kind, _)| (name.clone(), kind.clone())));
        all.iter()
            .map(|(name, kind)| json!({"name": name, "type": kind}))
            .collect()
    }

    fn get(&self, path: &str, property: &str) -> Answer {
        if (path, property) == ("/machine", "type") {
            return json!("pc-i440fx-10.0-machine").into();
        }
        let own = self.0.iter().find(|(known, ..)| known == path);
        let mut own = own.into_iter().flat_map(|(.., properties)| properties);
        match own.find(|(name, ..)| name == property) {
            Some((.., value)) => value.clone().into(),
            None => refusal(&format!("Property '{property}' not found")),
        }
    }

    fn mock(self) -> MockQmp {
        let get = self.clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        MockQmp::scripted()
            .version("10.0.2")
            .command("query-target", json!({"arch": "x86_64"}))
            .command_with("qom-list-types", |arguments| {
                let types: Value = match arguments["implements"].as_str().unwrap() {
                    "bus" => {
                        let bus = |name: &&str| json!({"name": name, "parent": "bus"});
                        BUSES.iter().map(bus).collect()
                    }
                    _ => {
                        let device =
                            |(name, parent): &(&str, &str)| json!({"name": name, "parent": parent});
                        DEVICES.iter().map(device).collect()
                    }
                };
                types.into()
            })
            .command_with("qom-list", move |a| self.list(&text(&a["path"])).into())
            .command_with("qom-get", move |a| {
                get.get(&text(&a["path"]), &text(&a["property"]))
            })
    }
}

/// The high precision timers of a PC, with fewer pins.
fn timers() -> MockQmp {
    let path = "/machine/unattached/device[0]";
    let region = [
        ("addr", "uint64", json!(0xfed0_0000u32)),
        ("size", "uint64", json!(0x400)),
    ];
    Machine::new()
        .on(
            "/machine/unattached/sysbus",
            path,
            "hpet",
            &[
                ("timers", "uint8", json!(3)),
                ("msi", "bool", json!(false)),
                ("unnamed-gpio-out[0]", "link<irq>", json!("")),
                ("sysbus-irq[0]", "link<irq>", json!("")),
                ("sysbus-irq[1]", "link<irq>", json!("")),
            ],
        )
        .with(&format!("{path}/hpet[0]"), "memory-region", &region)
        .with(&format!("{path}/unnamed-gpio-in[0]"), "irq", &[])
        .with(&format!("{path}/unnamed-gpio-in[1]"), "irq", &[])
        .mock()
}

/// Lines of 10.0.2.
const TIMERS: &str = "bus: main-system-bus\n  type System\n  dev: hpet, id \"\"\n    gpio-in \"\" 2\n    gpio-out \"\" 1\n    \
     gpio-out \"sysbus-irq\" 2\n    timers = 3 (0x3)\n    msi = false\n    mmio 00000000fed00000/0000000000000400\n";

async fn tree(mock: MockQmp) -> String {
    let (_server, mut monitor) = on_mock(mock).await;
    let mut text = String::new();
    run(&mut monitor, "info qtree", &mut text).await;
    text
}

/// Nothing is missing in a release whose tables there are.
#[tokio::test]
async fn a_tree_that_is_whole() {
    assert_eq!(tree(timers()).await, TIMERS);
    let note = "note: QMP does not show the order of properties in this release\n";
    assert_eq!(
        tree(timers().version("9.1.3")).await,
        TIMERS.to_owned() + note
    );
}

#[tokio::test]
async fn a_tree_with_a_note_is_asked_for_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mock = timers()
        .version("9.1.3")
        .command_with("query-pci", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            json!([]).into()
        });
    assert!(tree(mock).await.contains("note: "));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A device of a type that no table has.
#[rstest]
// Properties of its own are declared with a default.
#[case(
    "own-device",
    json!([{"name": "realized", "type": "bool"}, {"name": "level", "type": "uint32", "default-value": 0}]),
    &[],
    "the order of properties of some types, which are left out"
)]
#[case("own-device", json!([{"name": "realized", "type": "bool"}]), &[], "")]
// All that it has is of a type above, whose regions are not its own.
#[case(
    "own-hpet",
    json!([{"name": "timers", "type": "uint8", "default-value": 3}]),
    &[],
    "the regions of some system bus devices"
)]
#[case("own-device", json!([]), &["link<irq>"], "")]
#[case(
    "own-device",
    json!([]),
    &["link<irq>", "link<irq>"],
    "the order of pins of some types, which are left out"
)]
#[case("own-device", json!([]), &["child<clock>"], "clocks")]
#[tokio::test]
async fn what_is_missing(
    #[case] kind: &str,
    #[case] listed: Value,
    #[case] inner: &[&str],
    #[case] missing: &str,
) {
    let path = "/machine/unattached/device[0]";
    let names = ["a[0]", "b[0]"];
    let links: Vec<(&str, &str, Value)> = inner
        .iter()
        .zip(names)
        .filter(|(kind, _)| kind.starts_with("link<"))
        .map(|(kind, name)| (name, *kind, json!("")))
        .collect();
    let mut machine = Machine::new().on("/machine/unattached/sysbus", path, kind, &links);
    if inner.contains(&"child<clock>") {
        machine = machine.with(&format!("{path}/clk"), "clock", &[]);
    }
    let mock = machine.mock().command("device-list-properties", listed);
    let pins = match links.as_slice() {
        [(name, ..)] => format!("    gpio-out \"{}\" 1\n", &name[..1]),
        _ => String::new(),
    };
    let note = match missing {
        "" => String::new(),
        what => format!("note: QMP does not show {what}\n"),
    };
    assert_eq!(
        tree(mock).await,
        format!("bus: main-system-bus\n  type System\n  dev: {kind}, id \"\"\n{pins}{note}")
    );
}

/// A device of `query-pci`.
fn edu(bus: i64, slot: i64) -> Value {
    json!({
        "bus": bus, "slot": slot, "function": 0, "class_info": {"class": 255}, "id": {"device": 0x11e8, "vendor": 0x1234},
        "qdev_id": "", "regions": []
    })
}

/// Devices on two host buses and behind a bridge, each in its own place of `query-pci`.
#[tokio::test]
async fn devices_on_pci() {
    let host = "/machine/i440fx";
    let (first, second) = (format!("{host}/pci.0"), format!("{host}/pci.1"));
    let at = |slot: i64| [("addr", "int32", json!(slot << 3))];
    let machine = || {
        Machine::new()
            .on("/machine/unattached/sysbus", host, "i440FX-pcihost", &[])
            .with(&first, "PCI", &[])
            .with(&second, "PCI", &[])
            .on(&second, "/machine/peripheral/a", "edu", &at(2))
            .on(&first, "/machine/peripheral/b", "edu", &at(3))
            .on(&first, "/machine/peripheral/br", "pci-bridge", &at(4))
            .with("/machine/peripheral/br/br", "PCI", &[])
            .on(
                "/machine/peripheral/br/br",
                "/machine/peripheral/c",
                "edu",
                &at(5),
            )
    };
    let mut bridge = edu(0, 4);
    let range = json!({"base": 0, "limit": 0});
    bridge["pci_bridge"] = json!({
        "bus": {
            "number": 0, "secondary": 7, "subordinate": 7, "io_range": range, "memory_range": range,
            "prefetchable_range": range
        },
        "devices": [edu(7, 5)]
    });
    let buses = json!([
        {"bus": 1, "devices": [edu(1, 2)]},
        {"bus": 0, "devices": [edu(0, 3), bridge]}
    ]);
    let shown = |device: &str, bus: i64| {
        if bus < 0 {
            return String::new();
        }
        let class = format!("class Class 00ff, addr {bus:02x}:{device}");
        format!("{class}, pci id 1234:11e8 (sub 0000:0000)\n")
    };
    let expected = |numbers: [i64; 4]| {
        let line = |indent: usize, device: &str, bus: i64| match shown(device, bus) {
            text if text.is_empty() => text,
            text => format!("{:indent$}{text}", ""),
        };
        let [a, br, b, c] = numbers;
        format!(
            "bus: main-system-bus\n  type System\n  dev: i440FX-pcihost, id \"\"\n    bus: pci.1\n      type PCI\n      \
             dev: edu, id \"a\"\n        addr = 02.0\n{}    bus: pci.0\n      type PCI\n      dev: pci-bridge, id \"br\"\n        \
             addr = 04.0\n{}        bus: br\n          type PCI\n          dev: edu, id \"c\"\n            addr = 05.0\n{}      \
             dev: edu, id \"b\"\n        addr = 03.0\n{}",
            line(8, "02.0", a),
            line(8, "04.0", br),
            line(12, "05.0", c),
            line(8, "03.0", b),
        )
    };
    let mock = machine().mock().command("query-pci", buses);
    assert_eq!(tree(mock).await, expected([1, 0, 0, 7]));
    let mock = machine().mock().command("query-pci", refusal("no PCI"));
    let note = "note: QMP does not show PCI devices behind bridges without a bus number\n";
    assert_eq!(tree(mock).await, expected([-1; 4]) + note);
}

/// On USB a device without an id is the only one of that bus without one; some may not be attached.
#[rstest]
#[case(
    "usb-tablet",
    "  Device 0.2, Port 2, Speed 12 Mb/s, Product QEMU USB Tablet\n  Device 0.1, Port 1, Speed 12 Mb/s, Product QEMU USB \
     Mouse, ID: m\n",
    Some("addr 0.2, port 2, speed 12, name QEMU USB Tablet, attached")
)]
#[case(
    "usb-tablet",
    "  Device 0.1, Port 1, Speed 12 Mb/s, Product QEMU USB Mouse, ID: m\n  Device 0.2, Port 2, Speed 12 Mb/s, Product \
     QEMU USB Tablet\n",
    Some("addr 0.2, port 2, speed 12, name QEMU USB Tablet, attached")
)]
#[case(
    "usb-tablet",
    "  Device 0.1, Port 1, Speed 12 Mb/s, Product QEMU USB Mouse, ID: m\n  Device 1.2, Port 2, Speed 12 Mb/s, Product \
     QEMU USB Tablet\n",
    None
)]
#[case(
    "usb-serial",
    "  Device 0.1, Port 1, Speed 12 Mb/s, Product QEMU USB Mouse, ID: m\n  Device 0.2, Port 2, Speed 12 Mb/s, Product \
     QEMU USB Serial\n",
    None
)]
#[tokio::test]
async fn devices_on_usb(#[case] kind: &str, #[case] usb: &str, #[case] shown: Option<&str>) {
    let bus = "/machine/unattached/device[0]/usb-bus.0";
    let mock = Machine::new()
        .on(
            "/machine/unattached/sysbus",
            "/machine/unattached/device[0]",
            "own-device",
            &[],
        )
        .with(bus, "usb-bus", &[])
        .on(bus, "/machine/peripheral/m", "usb-mouse", &[])
        .on(bus, "/machine/unattached/device[1]", kind, &[])
        .mock()
        .command("device-list-properties", json!([]))
        .command("x-query-usb", json!({"human-readable-text": usb}));
    let second = shown.map_or_else(String::new, |shown| format!("        {shown}\n"));
    let note = match shown {
        Some(_) => "",
        None => "note: QMP does not show the addresses of some USB devices\n",
    };
    assert_eq!(
        tree(mock).await,
        format!(
            "bus: main-system-bus\n  type System\n  dev: own-device, id \"\"\n    bus: usb-bus.0\n      type usb-bus\n      \
             dev: {kind}, id \"\"\n{second}      dev: usb-mouse, id \"m\"\n        \
             addr 0.1, port 1, speed 12, name QEMU USB Mouse, attached\n{note}"
        )
    );
}

/// A port's state is nowhere in QMP.
#[tokio::test]
async fn ports_of_virtio_serial() {
    let bus = "/machine/unattached/device[0]/vs.0";
    let mock = Machine::new()
        .on(
            "/machine/unattached/sysbus",
            "/machine/unattached/device[0]",
            "own-device",
            &[],
        )
        .with(bus, "virtio-serial-bus", &[])
        .on(
            bus,
            "/machine/peripheral/p",
            "virtserialport",
            &[("nr", "uint32", json!(1))],
        )
        .mock()
        .command("device-list-properties", json!([]));
    assert_eq!(
        tree(mock).await,
        "bus: main-system-bus\n  type System\n  dev: own-device, id \"\"\n    bus: vs.0\n      type virtio-serial-bus\n      \
         dev: virtserialport, id \"p\"\n        nr = 1 (0x1)\nnote: QMP does not show the states of virtio ports\n"
    );
}
