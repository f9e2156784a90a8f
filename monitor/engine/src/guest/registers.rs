// SPDX-License-Identifier: GPL-2.0-or-later
//! CPU registers in expressions: their names, by target and release, and their values, as far as
//! the notes of a dump hold them.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::grammar::expr::{RegisterError, Registers};
use crate::guest::dump::{self, DumpError};
use crate::guest::given::Given;
use crate::guest::notes;
use crate::guest::x86::cpu::Cpu;
use crate::guest::x86::names::{self, Deep, Style};
use crate::guest::x86::noted;
use crate::host::{Host, Risk};
use crate::qemu::caps::Caps;
use crate::qemu::missing;
use crate::qmp::Qmp;
use crate::qmp::version::{Version, v};

/// The first release whose names are those of the gdb stub, on every target (11.1, seen: on 11.1.3;
/// the sources of 10.2 have tables).
const GDB_NAMES: Version = v(11, 1);

/// The first release with a table of names for RISC-V (10.2, commit e06d209aa6 of QEMU).
const RISCV_NAMES: Version = v(10, 2);

/// A page that is memory on every machine of these targets.
const PAGE: (u64, u64) = (0, 4096);

/// Why a register has no value here though the user permits what may be permitted.
const NOT_READ: &str = "the notes of a memory dump do not hold it";

/// The same, for what is written down at some moments only.
const INEXACT: &str = "no QMP command reads it, and neither the notes of a memory dump nor the state of \
                       devices holds it as it is";

/// The same, for targets whose names and values are not known here.
const ELSEWHERE: &str = "no QMP command reads it, and without the built-in monitor only x86 has registers in expressions";

/// The state of the CPU whose registers a line names; none where there is no CPU.
#[derive(Clone, Debug)]
pub struct State(Option<(Cpu, Option<Deep>)>);

impl State {
    /// With what the notes of a dump do not hold.
    #[must_use]
    pub fn whole(cpu: Option<(Cpu, Deep)>) -> Self {
        Self(cpu.map(|(cpu, deep)| (cpu, Some(deep))))
    }
}

/// Values of registers by their names.
pub type Values = BTreeMap<String, i64>;

/// Which `$name` the connected QEMU knows, and the values where they were read.
#[derive(Debug)]
pub struct Names<'a> {
    caps: &'a Caps,
    state: Option<&'a State>,
    values: Option<&'a Values>,
    risk: Cell<Option<Risk>>,
    unreadable: Cell<bool>,
}

/// What a name is.
enum Known {
    /// Nothing.
    Unknown,
    /// A register that can be read at this risk.
    At(Risk),
    /// A register, perhaps, that can't be read here.
    Unreadable,
}

fn is_x86(caps: &Caps) -> bool {
    matches!(caps.arch.as_deref(), Some("x86_64" | "i386"))
}

/// Whether it is a build of QEMU for x86 of 32 bits.
#[must_use]
pub fn is_narrow(caps: &Caps) -> bool {
    caps.arch.as_deref() == Some("i386")
}

/// Whether the notes of a dump, as this QEMU writes them, are read here.
#[must_use]
pub fn are_noted(caps: &Caps) -> bool {
    is_x86(caps) && dump::NEEDS.iter().all(|need| caps.has(need))
}

fn style(caps: &Caps) -> Style {
    if caps.version >= GDB_NAMES {
        Style::Gdb
    } else {
        Style::Table
    }
}

impl<'a> Names<'a> {
    /// The names that a QEMU with these capabilities knows, with the values of a state.
    #[must_use]
    pub fn new(caps: &'a Caps, state: Option<&'a State>) -> Self {
        Self {
            caps,
            state,
            values: None,
            risk: Cell::new(None),
            unreadable: Cell::new(false),
        }
    }

    /// The same, with values that are known from elsewhere.
    #[must_use]
    pub fn with(self, values: &'a Values) -> Self {
        Self {
            values: Some(values),
            ..self
        }
    }

    /// What has to be risked to read the registers that were asked for in vain; `None` where one of
    /// them can't be read, or none was asked for.
    #[must_use]
    pub fn risk(&self) -> Option<Risk> {
        self.risk.get().filter(|_| !self.unreadable.get())
    }

    fn known(&self, name: &str) -> Known {
        if is_x86(self.caps) {
            let style = style(self.caps);
            return match names::risk(style, is_narrow(self.caps), name) {
                Some(Risk::Risky) if !self.caps.has("xen-save-devices-state") => Known::Unreadable,
                Some(risk) if dump::NEEDS.iter().all(|need| self.caps.has(need)) => Known::At(risk),
                Some(_) => Known::Unreadable,
                None if names::is_unreadable(style, name) => Known::Unreadable,
                None => Known::Unknown,
            };
        }
        let named = match self.caps.arch.as_deref() {
            _ if self.caps.version >= GDB_NAMES => true,
            // Tables of names exist for these (target/*/monitor.c).
            Some("ppc" | "ppc64" | "sparc" | "sparc64" | "m68k") => true,
            Some("riscv32" | "riscv64") => self.caps.version >= RISCV_NAMES,
            _ => false,
        };
        match named && !name.is_empty() {
            true => Known::Unreadable,
            false => Known::Unknown,
        }
    }

    /// Why a register can't be read, whatever is permitted.
    fn why_not(&self, name: &str) -> &'static str {
        match is_x86(self.caps) {
            true if names::is_unreadable(style(self.caps), name) => INEXACT,
            true => missing::QUERY_REGISTERS.why,
            false => ELSEWHERE,
        }
    }
}

impl Registers for Names<'_> {
    fn get(&self, name: &str) -> Result<i64, RegisterError> {
        if let Some(value) = self.values.and_then(|values| values.get(name)) {
            return Ok(*value);
        }
        match self.known(name) {
            Known::Unknown => Err(RegisterError::Unknown),
            Known::Unreadable => {
                self.unreadable.set(true);
                Err(RegisterError::Unavailable(self.why_not(name)))
            }
            Known::At(risk) => {
                let cpu = match self.state {
                    // Without a CPU no name is known.
                    Some(State(None)) => return Err(RegisterError::Unknown),
                    Some(State(Some(cpu))) => Some(cpu),
                    None => None,
                };
                let style = style(self.caps);
                let value =
                    cpu.and_then(|(cpu, deep)| names::value(style, cpu, deep.as_ref(), name));
                value.ok_or_else(|| {
                    self.risk.set(self.risk.get().max(Some(risk)));
                    RegisterError::Unavailable(NOT_READ)
                })
            }
        }
    }
}

/// The names that are known one by one, for lists; none for targets whose names only QEMU knows.
pub fn listed(caps: &Caps) -> impl Iterator<Item = &'static str> {
    let x86 = is_x86(caps);
    names::listed(style(caps), is_narrow(caps)).filter(move |_| x86)
}

/// The registers of CPU number `cpu`; where there is no such CPU, or none is named, of the first
/// one. The VM stands still for a moment, so that this is for those who
/// permit that.
pub async fn read(
    qmp: &dyn Qmp,
    host: &dyn Host,
    given: &Given,
    caps: &Caps,
    cpu: Option<i64>,
) -> Result<State, DumpError> {
    let cpu = of_cpu(qmp, host, given, caps, cpu).await?;
    Ok(State(cpu.map(|cpu| (cpu, None))))
}

/// The same, as the state of an x86 CPU; none where there is no CPU.
pub async fn of_cpu(
    qmp: &dyn Qmp,
    host: &dyn Host,
    given: &Given,
    caps: &Caps,
    cpu: Option<i64>,
) -> Result<Option<Cpu>, DumpError> {
    let (start, size) = PAGE;
    let dump = match dump::write(qmp, host, given, start, size).await {
        // The machine none, for example.
        Err(DumpError::NoMemory(_)) if has_no_cpu(qmp).await? => return Ok(None),
        other => other?,
    };
    let mut cpus = noted::cpus(&notes::notes(&dump)?, is_narrow(caps))?;
    let chosen = cpu.and_then(|number| cpus.remove(&number));
    Ok(chosen.or_else(|| cpus.into_values().next()))
}

async fn has_no_cpu(qmp: &dyn Qmp) -> Result<bool, DumpError> {
    match qmp.execute("query-cpus-fast", Value::Null).await {
        Err(error) if error.is_fatal() => Err(DumpError::Lost(error)),
        answer => Ok(answer.is_ok_and(|cpus| cpus.as_array().is_some_and(Vec::is_empty))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(version: Version, arch: &str, name: &str) -> Result<i64, RegisterError> {
        let caps = Caps::from_parts(version, Some(arch), dump::NEEDS.iter().copied());
        Names::new(&caps, None).get(name)
    }

    fn known(version: Version, arch: &str, name: &str) -> bool {
        get(version, arch, name) != Err(RegisterError::Unknown)
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let why = |version, arch, name| match get(version, arch, name) {
            Err(RegisterError::Unavailable(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(v(11, 1), "x86_64", "mxcsr"), INEXACT);
        assert_eq!(why(v(11, 1), "aarch64", "pc"), ELSEWHERE);
        assert_eq!(why(v(10, 0), "ppc64", "pc"), ELSEWHERE);
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), [""; 0]);
        let unread = Names::new(&caps, None).get("rax");
        let why = missing::QUERY_REGISTERS.why;
        assert_eq!(unread, Err(RegisterError::Unavailable(why)));
    }

    #[test]
    fn names_changed_with_11() {
        assert!(known(v(10, 0), "x86_64", "eax") && known(v(10, 0), "x86_64", "cs.base"));
        assert!(!known(v(10, 0), "x86_64", "rax") && !known(v(10, 0), "x86_64", ""));
        assert!(known(v(11, 1), "x86_64", "rax") && !known(v(11, 1), "x86_64", "cs.base"));
        assert!(!known(v(10, 0), "aarch64", "pc") && known(v(11, 1), "aarch64", "pc"));
    }

    #[test]
    fn the_highest_risk_counts_and_what_cant_be_read() {
        let all = dump::NEEDS
            .iter()
            .copied()
            .chain(["xen-save-devices-state"]);
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), all);
        let names = Names::new(&caps, None);
        assert_eq!(names.risk(), None);
        for (name, risk) in [
            ("rax", Some(Risk::Pausing)),
            ("efer", Some(Risk::Risky)),
            ("rbx", Some(Risk::Risky)),
        ] {
            assert!(names.get(name).is_err());
            assert_eq!(names.risk(), risk);
        }
        let caps = Caps::from_parts(v(11, 1), Some("x86_64"), [""; 0]);
        let names = Names::new(&caps, None);
        assert!(names.get("rax").is_err());
        assert_eq!(names.risk(), None);
        let state = State(Some((Cpu::default(), None)));
        let names = Names::new(&caps, Some(&state));
        assert!(names.get("rax").is_err());
    }
}
