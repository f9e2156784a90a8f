// SPDX-License-Identifier: GPL-2.0-or-later
//! Which instructions a CPU executes, as far as that is certain without its registers. They hold a
//! mode on most targets: 16, 32 or 64 bits on x86, A32, T32 or A64 on Arm, byte order on PowerPC,
//! extensions that are enabled on RISC-V.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::format::disassembly::Mode;
use crate::guest::{arm, ppc64, x86};
use crate::qemu::caps::Caps;
use crate::qmp::version::{Version, v};
use crate::qmp::{Qmp, QmpError};

/// CPU types without AArch32, and the first release that keeps a guest from switching to it all the
/// same.
///
/// target/arm/tcg/cpu64.c of 10.0: of all models, a64fx alone has no 2 among the exception levels
/// of ID_AA64PFR0; and exception_return (helper-a64.c) refuses to return to a state that the CPU
/// does not have (10.0, commit 097d68ac2f of QEMU).
const A64_ONLY: &[(&str, Version)] = &[("a64fx-arm-cpu", v(10, 0))];

/// What is known of a CPU's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It executes these.
    Always(Mode),
    /// That depends on its registers.
    InRegisters,
    /// That depends on registers which the state of all devices holds.
    InState,
    /// There is no CPU.
    NoCpu,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cpu {
    cpu_index: i64,
    qom_path: String,
}

/// What an x86 CPU with this state executes: its code segment says so (target/i386/cpu.c,
/// `x86_disas_set_info`).
#[must_use]
pub fn of_state(cpu: &x86::cpu::Cpu) -> Mode {
    match (cpu.long_code(), cpu.code().flags & x86::cpu::WIDE_CODE != 0) {
        (true, _) => Mode::X86Of64,
        (false, true) => Mode::X86Of32,
        (false, false) => Mode::X86Of16,
    }
}

/// What an Arm CPU in this state executes (target/arm/cpu.c, `arm_disas_set_info`); none where that
/// is not known.
#[must_use]
pub fn of_arm_state(whole: &arm::section::Whole, traits: arm::vectors::Traits) -> Option<Mode> {
    const SCTLR_EL1: arm::section::Name = (3, 0, 1, 0, 0);
    /// Words in the other order of bytes, which CPUs have before version 7.
    const SWAPPED: u64 = 1 << 7;
    const THUMB: u64 = 1 << 5;
    let status = whole.status;
    if status & arm::section::NARROW == 0 {
        return Some(Mode::A64);
    }
    let thumb = status & THUMB != 0;
    if traits.eighth {
        return Some(if thumb { Mode::T32 } else { Mode::A32 });
    }
    let known = whole.system(SCTLR_EL1)? & SWAPPED == 0;
    known.then_some(if thumb { Mode::OldT32 } else { Mode::OldA32 })
}

/// What a PowerPC CPU of 64 bits in this state executes (target/ppc/cpu_init.c,
/// `ppc_disas_set_info`).
#[must_use]
pub fn of_ppc64_state(whole: &ppc64::Whole) -> Mode {
    const LITTLE: u64 = 1;
    match whole.state & LITTLE {
        0 => Mode::PpcBig,
        _ => Mode::PpcLittle,
    }
}

/// What CPU number `cpu` executes; where there is no such CPU, or none is named, the first one.
pub async fn of_cpu(qmp: &dyn Qmp, caps: &Caps, cpu: Option<i64>) -> Result<Known, QmpError> {
    let arch = caps.arch.as_deref();
    match arch {
        Some("s390x" | "aarch64") => {}
        Some("arm" | "ppc64") => return Ok(Known::InState),
        _ => return Ok(Known::InRegisters),
    }
    let cpus = qmp.execute("query-cpus-fast", Value::Null).await?;
    let cpus: Vec<Cpu> =
        serde_json::from_value(cpus).map_err(|e| QmpError::unexpected("query-cpus-fast", e))?;
    let chosen = cpus.iter().find(|c| Some(c.cpu_index) == cpu);
    let Some(chosen) = chosen.or(cpus.first()) else {
        return Ok(Known::NoCpu);
    };
    if arch == Some("s390x") {
        return Ok(Known::Always(Mode::S390x));
    }
    let kind = json!({"path": chosen.qom_path, "property": "type"});
    let kind = qmp.execute("qom-get", kind).await?;
    let a64 = A64_ONLY
        .iter()
        .any(|(name, since)| kind == *name && caps.version >= *since);
    Ok(if a64 {
        Known::Always(Mode::A64)
    } else {
        Known::InState
    })
}
