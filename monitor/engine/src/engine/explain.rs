// SPDX-License-Identifier: GPL-2.0-or-later
//! What `--explain` prints: a decision as one JSON object.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::json;

use crate::command::route::{PASSTHROUGH, Plan, Taken};
use crate::command::vm_state;
use crate::engine::decide::Decision;
use crate::guest::dump;
use crate::host::Risk;

impl Serialize for Decision {
    /// Members: `line`; `command`, the full name, and `arguments` as read; `route` (`native`,
    /// `derived`, `partial`, `local`, `passthrough`, `refused`), `reason` of a refusal (see
    /// [`Refusal::word`](crate::command::route::Refusal::word)), `risk`, `qmp`, the QMP commands
    /// that the route needs, those that read the registers that the line names first; `otherwise`, the ways of a higher risk that are permitted and taken
    /// where that one turns out not to work, each with `risk` and `qmp`; `error`, the text that the
    /// line would print instead; `hazards`, sentences about known dangers that the line may meet on
    /// this QEMU, which running it would look for first.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("line", &self.line)?;
        if let Some(command) = &self.command {
            map.serialize_entry("command", command)?;
        }
        if let Some(arguments) = &self.arguments {
            map.serialize_entry("arguments", arguments)?;
        }
        let way = |map: &mut S::SerializeMap, taken: Taken, risk: Risk, needs: &[&str]| {
            map.serialize_entry("route", taken.word())?;
            map.serialize_entry("risk", &risk)?;
            map.serialize_entry("qmp", needs)
        };
        match &self.plan {
            None if self.error.is_none() => way(&mut map, Taken::Local, Risk::Safe, &[])?,
            None => {}
            Some(Plan::Run(route, _)) => {
                let first = match self.registers {
                    None => &[][..],
                    Some(Risk::Risky) => vm_state::NEEDS,
                    Some(_) => dump::NEEDS,
                };
                let risk = route.risk.max(self.registers.unwrap_or(Risk::Safe));
                let needs = route.needs().iter().filter(|need| !first.contains(need));
                let needs: Vec<&str> = first.iter().chain(needs).copied().collect();
                // Of the registers something of QEMU is needed.
                let taken = match (self.registers, Taken::from(route)) {
                    (Some(_), Taken::Local) => Taken::Derived,
                    (_, taken) => taken,
                };
                way(&mut map, taken, risk, &needs)?;
            }
            Some(Plan::Passthrough) => {
                way(&mut map, Taken::Passthrough, Risk::Safe, &[PASSTHROUGH])?;
            }
            Some(Plan::Refused(refusal)) => {
                map.serialize_entry("route", "refused")?;
                map.serialize_entry("reason", refusal.word())?;
            }
        }
        if !self.otherwise.is_empty() {
            let ways = self.otherwise.iter();
            let ways = ways.map(|way| json!({"risk": way.risk, "qmp": way.needs()}));
            map.serialize_entry("otherwise", &ways.collect::<Vec<_>>())?;
        }
        if let Some(error) = &self.error {
            map.serialize_entry("error", error)?;
        }
        if !self.hazards.is_empty() {
            let hazards = self.hazards.iter().map(ToString::to_string);
            map.serialize_entry("hazards", &hazards.collect::<Vec<_>>())?;
        }
        map.end()
    }
}
