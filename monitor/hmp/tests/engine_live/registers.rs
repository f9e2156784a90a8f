// SPDX-License-Identifier: GPL-2.0-or-later
//! CPU registers without the built-in monitor, on real QEMUs, against its answers.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::common::engine::run;
use crate::common::qemu::qemus;
use crate::common::roms::{MODES, builtin, in_mode};
use hmp::client::Client;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::Risk;

/// Those of x86.
fn pcs() -> impl Iterator<Item = PathBuf> {
    qemus().into_iter().filter(|program| {
        let name = program.file_name().unwrap().to_string_lossy();
        name.contains("x86_64") || name.contains("i386")
    })
}

async fn monitor(client: &Client, allow: Risk) -> Monitor {
    let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(Unattended));
    let builder = builder.passthrough(Passthrough::Never).allow(allow);
    builder.build().await.unwrap()
}

/// Every name of any release, and some of none.
fn names() -> Vec<String> {
    let mut names: Vec<String> = "eax ecx edx ebx esp sp ebp fp esi edi eflags eip pc rip rax rbx rcx \
        rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 \
        ftag fiseg fioff foseg fooff fop ax al EAX rflags r16 xmm0 st0 gdt cs.selector x"
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
    for segment in ["cs", "ds", "es", "ss", "fs", "gs"] {
        names.extend(["", ".base", ".limit"].map(|part| format!("{segment}{part}")));
    }
    names
}

/// Compares a line on both; says whether the built-in answers something else than an error.
async fn alike(monitor: &mut Monitor, client: &Client, what: &str, line: &str, cpu: i64) -> bool {
    let theirs = builtin(client, line, Some(cpu)).await;
    let mut ours = String::new();
    run(monitor, line, &mut ours).await;
    assert_eq!(ours, theirs, "{what}: {line} of CPU {cpu}");
    !theirs.contains("unknown register")
}

async fn chosen(monitor: &mut Monitor, cpu: i64) {
    let mut text = String::new();
    run(monitor, &format!("cpu {cpu}"), &mut text).await;
    assert_eq!(text, "");
}

#[tokio::test]
async fn names_have_the_values_of_the_builtin() {
    for program in pcs() {
        let name = program.display().to_string();
        let (mut checked, mut known) = (0, 0);
        for (mode, code) in MODES {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            let mut monitor = monitor(&client, Risk::Pausing).await;
            let what = format!("{name} {mode}");
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                for name in names() {
                    for format in ["x", "d", "u", "o", "c"] {
                        let line = format!("print/{format} ${name}");
                        checked += 1;
                        known += i32::from(alike(&mut monitor, &client, &what, &line, cpu).await);
                    }
                }
                let pc = ["$pc", "$eip", "$rip"];
                for line in ["x/2xw ", "x/3xb 1+", "print 2*"]
                    .iter()
                    .flat_map(|line| pc.map(|pc| format!("{line}{pc}")))
                {
                    alike(&mut monitor, &client, &what, &line, cpu).await;
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {checked} lines alike, {known} with values"
        );
        assert!(known > checked / 4, "{known} of {checked}");
    }
}
