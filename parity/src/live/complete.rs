// SPDX-License-Identifier: GPL-2.0-or-later
//! Completion on real QEMUs: the same prefixes with TAB on the built-in monitor and on ours.

use std::sync::Arc;

use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::host::Risk;

use super::prefixes::generated;
use super::programs::Program;
use super::vm::{Vm, VmError};
use super::{engine, tabs};
use crate::case::Prefixes;
use crate::judge::{Completed, KnownList};

/// Prefixes that are made up, in addition.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// The same seed gives the same prefixes on the same QEMU.
    pub seed: u64,
    /// How many.
    pub count: usize,
}

/// Completes `prefixes`, and random ones, on a VM of `list`, by both monitors. A prefix that could
/// not be tried has an entry too. `native_only`: ours never asks the built-in monitor.
pub async fn live(
    list: &Prefixes,
    prefixes: &[String],
    random: Random,
    program: &Program,
    native_only: bool,
    known: &mut KnownList,
) -> Vec<Completed> {
    let mut found = Vec::new();
    let mut prefixes = prefixes.to_vec();
    let failed = match try_live(
        list,
        &mut prefixes,
        random,
        (program, native_only),
        &mut found,
    )
    .await
    {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    for prefix in &prefixes[found.len()..] {
        found.push(Completed::not_run(&program.qemu, prefix, &failed));
    }
    known.excuse(&mut found);
    found
}

async fn try_live(
    list: &Prefixes,
    prefixes: &mut Vec<String>,
    random: Random,
    (program, native_only): (&Program, bool),
    found: &mut Vec<Completed>,
) -> Result<(), VmError> {
    let mut vm = Vm::start(&list.vm, program).await?;
    list.make_files(vm.dir())?;
    tabs::load_modules(&vm.qmp).await?;
    let passthrough = match native_only {
        true => Passthrough::Never,
        false => Passthrough::Auto,
    };
    let mut monitor = engine::with(
        vm.qmp.clone(),
        Arc::new(Unattended),
        passthrough,
        Risk::Safe,
    )
    .await?;
    prefixes.extend(generated(&mut monitor, random.seed, random.count).await);
    for prefix in prefixes.iter() {
        let text = vm.fill(prefix);
        let builtin = vm.builtin.tab(&text).await?;
        let ours = tabs::ours(&mut monitor, &text, &vm.place()).await;
        let dir = vm.dir().to_string_lossy();
        found.push(Completed::of(&program.qemu, prefix, &builtin, ours, &dir));
    }
    vm.end().await;
    Ok(())
}
