// SPDX-License-Identifier: GPL-2.0-or-later
//! Rows of trees without the built-in monitor.

use super::clients::{Builtin, Raw};
use super::measure::{Row, Thing, program, timed};
use super::relay;
use super::rows::{BUILTIN, Bench};
use super::vms::Vm;
use crate::error::Error;

/// Requests in flight where they are asked raw.
pub const IN_FLIGHT: usize = 8;

impl Bench<'_> {
    /// A tree of a VM, against the requests that it takes.
    pub(super) fn tree(&self, line: &str, vm: &Vm, what: &str) -> Result<Row, Error> {
        let (qmp, builtin) = (vm.qmp(), vm.builtin());
        let (native, start) = (["--native-only", "-c", line], ["--native-only"]);
        // What starting costs has a row of its own.
        let ours: Thing<'_> = Box::new(|| {
            let start = program(&mut self.hmp(&start, &qmp), "")?;
            Ok(program(&mut self.hmp(&native, &qmp), "")? - start)
        });
        let requests = relay::requests(&self.options.hmp, &qmp, &native, &start)?;
        let raw: Thing<'_> = Box::new(|| {
            let mut raw = Raw::with_oob(&qmp)?;
            timed(|| raw.all(&requests, IN_FLIGHT))
        });
        let other: Thing<'_> = Box::new(|| {
            let mut builtin = Builtin::connect(&builtin)?;
            timed(|| builtin.line(line).map(drop))
        });
        let asked = format!("its {} requests raw, {IN_FLIGHT} in flight", requests.len());
        self.row(
            &format!("`{line}` natively, {what}"),
            ours,
            vec![(&asked, Ok(raw)), (BUILTIN, Ok(other))],
        )
    }
}
