// SPDX-License-Identifier: GPL-2.0-or-later
//! A device's pins for interrupts and signals, counted from its properties.

use std::collections::HashSet;

use crate::qemu::objects::{Node, Property};

/// Pins of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The name, empty for those without.
    pub name: String,
    /// How many lead in.
    pub inputs: usize,
    /// How many lead out.
    pub outputs: usize,
}

/// What QOM calls pins without a name, in and out.
const UNNAMED: [&str; 2] = ["unnamed-gpio-in", "unnamed-gpio-out"];

/// Devices that hand on the pins of one that is not a part of theirs in QOM: the device's type and the
/// other's (hw/intc/exynos4210_gic.c, hw/arm/bcm2838.c).
const OF_OTHERS: &[(&str, &str)] = &[
    ("exynos4210.gic", "arm_gic"),
    ("bcm2838-peripherals", "arm_gic"),
];

/// The objects whose pins may be another's: a device can hand those of a part of it on as its own
/// (`qdev_pass_gpios`, `sysbus_pass_irq`), after which QOM shows them at both.
#[must_use]
pub fn passed_on(objects: &[Node]) -> HashSet<usize> {
    let is_link = |p: &&Property| p.kind == "link<irq>";
    let mut found = HashSet::new();
    let is_there = |kind: &str| objects.iter().any(|object| object.kind == kind);
    for (whole, part) in OF_OTHERS.iter().filter(|(whole, _)| is_there(whole)) {
        let either = |object: &Node| object.kind == *whole || object.kind == *part;
        let both = objects
            .iter()
            .enumerate()
            .filter(|(_, object)| either(object));
        found.extend(both.map(|(number, _)| number));
    }
    for (whole, object) in objects.iter().enumerate() {
        let links: HashSet<&str> = object
            .properties
            .iter()
            .filter(is_link)
            .map(|p| p.name.as_str())
            .collect();
        if links.is_empty() {
            continue;
        }
        let mut parts = object.children.clone();
        let mut seen = HashSet::from([whole]);
        while let Some(part) = parts.pop() {
            let Some(node) = objects.get(part).filter(|_| seen.insert(part)) else {
                continue;
            };
            parts.extend(&node.children);
            let mut outputs = node.properties.iter().filter(is_link);
            let mut inputs = node.children.iter().filter_map(|&child| objects.get(child));
            let leads_out = outputs.any(|p| links.contains(p.name.as_str()));
            let leads_in = inputs.any(|i| i.kind == "irq" && links.contains(i.name.as_str()));
            if leads_out || leads_in {
                found.insert(part);
            }
            if leads_in {
                // There they look like outputs.
                found.insert(whole);
            }
        }
    }
    found
}

/// A device's pins, in the order that `known` says, and whether these are all of them: where a
/// device has pins of several names, those that are not in the list are left out.
#[must_use]
pub fn of(device: &Node, objects: &[Node], known: Option<&Vec<String>>) -> (Vec<Pins>, bool) {
    let mut pins: Vec<Pins> = Vec::new();
    let mut count = |name: &str, output: bool| {
        let Some((name, _)) = name.rsplit_once('[') else {
            return;
        };
        let name = if UNNAMED.contains(&name) { "" } else { name };
        let at = match pins.iter().position(|p| p.name == name) {
            Some(at) => at,
            None => {
                pins.push(Pins {
                    name: name.to_owned(),
                    inputs: 0,
                    outputs: 0,
                });
                pins.len() - 1
            }
        };
        if output {
            pins[at].outputs += 1;
        } else {
            pins[at].inputs += 1;
        }
    };
    for child in device.children.iter().map(|&child| &objects[child]) {
        if child.kind == "irq" {
            count(&child.name, false);
        }
    }
    for property in device.properties.iter().filter(|p| p.kind == "link<irq>") {
        count(&property.name, true);
    }
    if pins.len() < 2 {
        // Interrupts that a device allocates by itself look like inputs of that name
        // (`qemu_allocate_irqs`).
        let doubtful = pins
            .iter()
            .any(|pins| pins.name == "irq" && pins.inputs > 0);
        if doubtful && known.is_none() {
            return (Vec::new(), false);
        }
        return (pins, true);
    }
    let place = |pins: &Pins| known.and_then(|known| known.iter().position(|k| *k == pins.name));
    let all = pins.len();
    pins.retain(|pins| place(pins).is_some());
    pins.sort_by_key(place);
    let is_whole = pins.len() == all;
    (pins, is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_may_be_those_of_a_device_elsewhere() {
        let of = |kind: &str| Node {
            kind: kind.into(),
            ..Node::default()
        };
        let alone = [of("arm_gic"), of("pl011")];
        assert!(passed_on(&alone).is_empty());
        let handed_on = [of("arm_gic"), of("pl011"), of("exynos4210.gic")];
        assert_eq!(passed_on(&handed_on), HashSet::from([0, 2]));
    }

    #[test]
    fn pins_are_counted_by_name() {
        let irq = |name: &str| Node {
            name: name.into(),
            kind: "irq".into(),
            ..Node::default()
        };
        let output = |name: &str| Property {
            name: name.into(),
            kind: "link<irq>".into(),
        };
        let objects = vec![irq("unnamed-gpio-in[0]"), irq("unnamed-gpio-in[1]")];
        // The high precision timers of 10.0.2, fewer.
        let device = Node {
            children: vec![0, 1],
            properties: vec![
                output("sysbus-irq[0]"),
                output("unnamed-gpio-out[0]"),
                output("sysbus-irq[1]"),
            ],
            ..Node::default()
        };
        let known = vec!["sysbus-irq".to_owned(), String::new()];
        let (pins, is_whole) = of(&device, &objects, Some(&known));
        assert!(is_whole);
        let counts: Vec<_> = pins
            .iter()
            .map(|p| (p.name.as_str(), p.inputs, p.outputs))
            .collect();
        assert_eq!(counts, [("sysbus-irq", 0, 2), ("", 2, 1)]);
        let (pins, is_whole) = of(&device, &objects, Some(&known[..1].to_vec()));
        assert_eq!((pins.len(), is_whole), (1, false));
        assert_eq!(of(&device, &objects, None), (Vec::new(), false));
        let one = Node {
            properties: Vec::new(),
            ..device
        };
        let (pins, is_whole) = of(&one, &objects, None);
        assert_eq!((pins[0].inputs, is_whole), (2, true));
    }

    // armv7m hands the pins of its interrupt controller on, and an SoC those of a timer.
    #[test]
    fn pins_that_are_handed_on_are_nobodys_for_sure() {
        let link = |name: &str| Property {
            name: name.into(),
            kind: "link<irq>".into(),
        };
        let irq = Node {
            name: "NMI[0]".into(),
            kind: "irq".into(),
            ..Node::default()
        };
        let device = |children: Vec<usize>, properties: Vec<Property>| Node {
            children,
            properties,
            ..Node::default()
        };
        let objects = vec![
            device(vec![1], vec![link("NMI[0]")]),
            device(vec![2], Vec::new()),
            irq,
            device(vec![4, 5], vec![link("sysbus-irq[0]")]),
            device(Vec::new(), vec![link("sysbus-irq[0]")]),
            device(Vec::new(), vec![link("tick[0]")]),
        ];
        assert_eq!(passed_on(&objects), HashSet::from([0, 1, 4]));
    }
}
