// SPDX-License-Identifier: GPL-2.0-or-later
//! `info lapic`, in the lines of the built-in monitor (target/i386/cpu-apic.c).

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::vm_state::{Listed, current, listed, parted, read, surprised};
use crate::format::sign::Sign as _;
use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, find};
use crate::guest::x86::apic::{self, Apic, Vectors, bit};

/// Arguments of `info lapic`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    #[serde(rename = "apic-id")]
    apic_id: Option<i64>,
}

/// A CPU and its APIC.
struct Place {
    cpu: i64,
    id: u32,
    x2apic: bool,
}

/// `info lapic`.
pub async fn info_lapic(cx: &mut Cx<'_>, args: Which) -> CmdResult {
    let cpus = listed(cx).await?;
    let mut places = Vec::with_capacity(cpus.len());
    for cpu in &cpus {
        places.push(place(cx, cpu).await?);
    }
    let chosen = match args.apic_id {
        Some(id) => places.iter().find(|place| i64::from(place.id) == id),
        None => {
            let cpu = current(cx, &cpus).map(|cpu| cpu.cpu_index);
            places.iter().find(|place| Some(place.cpu) == cpu)
        }
    };
    let Some(chosen) = chosen else {
        writeln!(cx, "No CPU available")?;
        return Ok(());
    };
    let state = read(cx).await?;
    let parts = parted(&state, &cpus)?;
    if !parts.iter().any(|section| section.name == "apic") {
        writeln!(cx, "local apic state not available")?;
        return Ok(());
    }
    // Old machine types count their APICs, which may be other numbers.
    let known = |section: &Section<'_>| places.iter().any(|place| place.id == section.instance);
    let mut apics = parts.iter().filter(|section| section.name == "apic");
    if !apics.all(known) {
        let why = "its local APICs are others than those of the CPUs".to_owned();
        return Err(surprised(Surprise(why)));
    }
    let section = find(&parts, "apic", chosen.id).map_err(surprised)?;
    let apic = apic::read(&section).map_err(surprised)?;
    let clock = clock(&find(&parts, "timer", 0).map_err(surprised)?).map_err(surprised)?;
    let mut text = String::new();
    print(&mut text, &apic, chosen, clock)?;
    cx.write_str(&text)?;
    Ok(())
}

async fn place(cx: &mut Cx<'_>, cpu: &Listed) -> Result<Place, CmdError> {
    let mut get = async |property: &str| {
        let get = json!({"path": cpu.qom_path, "property": property});
        cx.execute("qom-get", get).await
    };
    let id = get("apic-id").await?;
    let x2apic = get("x2apic").await?;
    let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
    Ok(Place {
        cpu: cpu.cpu_index,
        id: id.ok_or_else(|| CmdError::Unavailable("a CPU has no APIC id".into()))?,
        x2apic: x2apic == true,
    })
}

/// The VM's clock, in nanoseconds (system/cpu-timers.c): the third number. Where instructions are
/// counted instead, it is made of what is not in the state.
fn clock(section: &Section<'_>) -> Result<i64, Surprise> {
    let mut bytes = Bytes::big_endian(section.body);
    let numbers = bytes.numbers::<3>(8).filter(|_| section.version == 2);
    let Some([_, _, clock]) = numbers else {
        return Err(Surprise("the state of the clock has another layout".into()));
    };
    match bytes.rest().is_empty() {
        true => Ok(clock.as_signed()),
        false => Err(Surprise(
            "the VM's clock counts instructions, and at which rate is not in the state".into(),
        )),
    }
}

/// How an interrupt is delivered.
const DELIVERY: [&str; 8] = ["Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT"];
const NMI: usize = 4;

/// Whom a command goes to, where that is a group of its own.
const SHORTHANDS: [&str; 4] = ["no-shorthand", "self", "all-self", "all"];

fn print(out: &mut dyn Write, apic: &Apic, place: &Place, clock: i64) -> fmt::Result {
    writeln!(out, "dumping local APIC state for CPU {:<2}\n", place.cpu)?;
    let local = [
        ("LVT0", 3),
        ("LVT1", 4),
        ("LVTPC", 2),
        ("LVTERR", 5),
        ("LVTTHMR", 1),
        ("LVTT", 0),
    ];
    for (name, number) in local {
        print_local(out, name, apic.local[number], number == 0)?;
    }
    let divider = (apic.divide & 8) >> 1 | apic.divide & 3;
    writeln!(
        out,
        "Timer\t DCR=0x{:x} (divide by {}) initial_count = {} current_count = {}",
        apic.divide & 15,
        if divider == 7 { 1 } else { 2 << divider },
        apic.initial,
        apic.count(clock)
    )?;
    let spurious = apic.spurious;
    writeln!(
        out,
        "SPIV\t 0x{spurious:08x} APIC {}, focus={}, spurious vec {}",
        either(spurious, 8, "enabled", "disabled"),
        either(spurious, 9, "on", "off"),
        spurious & 0xff
    )?;
    print_command(out, apic, place.x2apic)?;
    writeln!(out, "ESR\t 0x{:08x}", apic.errors)?;
    print_vectors(out, "ISR", &apic.service, &apic.level)?;
    print_vectors(out, "IRR", &apic.requests, &apic.level)?;
    write!(
        out,
        "\nAPR 0x{:02x} TPR 0x{:02x} DFR 0x{:02x} LDR 0x{:02x}",
        apic.arbitration, apic.priority, apic.format, apic.logical
    )?;
    if apic.format == 0 {
        write!(
            out,
            "(cluster {}: id {})",
            apic.logical >> 4,
            apic.logical & 15
        )?;
    }
    writeln!(out, " PPR 0x{:02x}", apic.processor_priority())
}

fn either<'a>(value: u32, bit: u32, set: &'a str, clear: &'a str) -> &'a str {
    if value >> bit & 1 == 1 { set } else { clear }
}

fn print_local(out: &mut dyn Write, name: &str, value: u32, timer: bool) -> fmt::Result {
    let mode = match (timer, value >> 17 & 3) {
        (false, _) => "",
        (true, 1 | 3) => "periodic",
        (true, 2) => "tsc-deadline",
        (true, _) => "one-shot",
    };
    let delivery = (value >> 8 & 7) as usize;
    write!(
        out,
        "{name}\t 0x{value:08x} {} {:<5} {:<6} {:<7} {mode:<12} {:<6}",
        either(value, 13, "active-lo", "active-hi"),
        either(value, 15, "level", "edge"),
        either(value, 16, "masked", ""),
        either(value, 12, "pending", ""),
        DELIVERY[delivery]
    )?;
    match delivery {
        NMI => writeln!(out),
        _ => writeln!(out, " (vec {})", value & 0xff),
    }
}

fn print_command(out: &mut dyn Write, apic: &Apic, x2apic: bool) -> fmt::Result {
    let [command, destination] = apic.command;
    let shorthand = (command >> 18 & 3) as usize;
    let logical = command >> 11 & 1 == 1;
    writeln!(
        out,
        "ICR\t 0x{command:08x} {} {} {} {}",
        either(command, 11, "logical", "physical"),
        either(command, 15, "level", "edge"),
        either(command, 14, "assert", "de-assert"),
        SHORTHANDS[shorthand]
    )?;
    write!(out, "ICR2\t 0x{destination:08x}")?;
    if shorthand != 0 {
        return writeln!(out);
    }
    let field = if x2apic {
        destination
    } else {
        destination >> 24
    };
    match (logical, x2apic, apic.format) {
        (false, true, _) => writeln!(out, " cpu {field} (X2APIC ID)"),
        (false, false, _) => writeln!(out, " cpu {} (APIC ID)", field & 15),
        (true, _, 0xf) => writeln!(out, " mask {:08b} (APIC ID)", destination >> 24),
        (true, true, 0) => {
            writeln!(
                out,
                " cluster {} mask {:016b} (X2APIC ID)",
                field >> 16,
                field & 0xffff
            )
        }
        (true, false, 0) => {
            writeln!(
                out,
                " cluster {} mask {:04b} (APIC ID)",
                field >> 4,
                field & 15
            )
        }
        // The built-in ends no line here.
        (true, ..) => Ok(()),
    }
}

fn print_vectors(out: &mut dyn Write, name: &str, set: &Vectors, level: &Vectors) -> fmt::Result {
    write!(out, "{name}\t ")?;
    let mut none = true;
    for vector in (0..=255).filter(|vector| bit(set, *vector)) {
        none = false;
        let how = if bit(level, vector) { "(level)" } else { "" };
        write!(out, "{vector}{how} ")?;
    }
    writeln!(out, "{}", if none { "(none)" } else { "" })
}
