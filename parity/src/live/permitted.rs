// SPDX-License-Identifier: GPL-2.0-or-later
//! What a permission of the user's is for: the cases with lines that it frees.

use std::sync::Arc;

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde_json::Value;

use crate::case::{Case, Qemu};

/// Nobody is asked: deciding what to do with a line sends nothing.
struct Unasked;

impl Qmp for Unasked {
    fn execute<'a>(&'a self, command: &'a str, _: Value) -> BoxFuture<'a, QmpResult> {
        Box::pin(async move { Err(QmpError::generic(format!("{command} is not sent"))) })
    }
}

/// Whether a line of the case may need this permission on a QEMU that offers this, and no line a
/// refusal.
#[must_use]
pub fn concerns(case: &Case, qemu: &Qemu, caps: &Caps, allow: Risk) -> bool {
    if case.dangerous {
        return false;
    }
    let builder = Monitor::builder(Arc::new(Unasked)).allow(allow);
    let builder = builder.passthrough(Passthrough::Never);
    let monitor = builder.build_with(caps.clone());
    let mut steps = case.steps_on(qemu);
    steps.any(|step| monitor.explain(&step.line).risk() > Risk::Safe)
}

#[cfg(test)]
mod tests {
    use hmp_engine::qmp::version::v;

    use super::*;

    #[test]
    fn a_case_is_concerned_by_one_of_its_lines() {
        let needs = hmp_engine::guest::dump::NEEDS;
        let more = [
            "xen-save-devices-state",
            "add-fd",
            "remove-fd",
            "query-cpus-fast",
        ];
        let commands = needs.iter().chain(&more).copied();
        let caps = Caps::from_parts(v(10, 0), Some("x86_64"), commands);
        let qemu = Qemu::of(&caps);
        let concerned = |lines: &str, allow| {
            let case = toml::from_str(&format!("about = ''\nsteps = {lines}")).unwrap();
            concerns(&case, &qemu, &caps, allow)
        };
        let other = "['stop', 'print 1+1']";
        let named = "['stop', 'print $pc']";
        assert!(!concerned(other, Risk::Risky) && !concerned(named, Risk::Safe));
        assert!(concerned(named, Risk::Pausing) && concerned(named, Risk::Risky));
    }
}
