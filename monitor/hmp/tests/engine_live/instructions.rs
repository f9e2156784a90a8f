// SPDX-License-Identifier: GPL-2.0-or-later
//! Format `i` of `x` and `xp` on real QEMUs whose instructions are certain: random requests over
//! code, against the built-in's answers; see `HMP_TEST_QEMUS` in tests/common/qemu.rs.

use std::io::Write as _;
use std::path::Path;

use crate::common::engine::{connect, native, run};
use crate::common::qemu::{Qemu, qemus};
use crate::common::random::Random;
use crate::common::roms::{MODES, builtin, in_mode};
use crate::pc::{chosen, has, monitor, pcs};
use hmp_engine::host::Risk;
use hmp_engine::qmp::Qmp;
use serde_json::Value;

const REQUESTS: usize = 300;

/// Bytes of code.
const CODE: u64 = 0x8000;

/// Instructions of compilers and kernels; the low bits of each are registers and numbers.
const A64: &[u32] = &[
    0x8b00_0000, // add x
    0xcb00_0000, // sub x
    0xaa00_03e0, // mov x
    0xd280_0000, // mov, number
    0xf940_0000, // ldr x
    0xb900_0000, // str w
    0x3940_0000, // ldrb
    0xa9bf_7bfd, // stp
    0xa8c1_7bfd, // ldp
    0x9400_0000, // bl
    0x1400_0000, // b
    0x5400_0000, // b.eq
    0xb400_0000, // cbz
    0x3600_0000, // tbz
    0xd65f_03c0, // ret
    0x9100_0000, // add, number
    0xf100_0000, // subs, number
    0x9b00_7c00, // mul
    0xd340_0000, // ubfx
    0x1e60_2800, // fadd
    0x4ea0_8400, // add v
    0xd503_201f, // nop and other hints
    0x9000_0000, // adrp
    0x9a80_0000, // csel
];

fn a64_code(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < CODE {
        let word = A64[usize::try_from(random.below(A64.len() as u64)).unwrap()];
        // Now and then anything.
        let word = match random.below(20) {
            0 => random.below(1 << 32) as u32,
            _ => word | random.below(0x400) as u32,
        };
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

/// Arguments for a QEMU whose CPU has one mode, and where code lies in its memory.
fn machine(program: &Path, code: &Path) -> Option<(Vec<String>, u64)> {
    let name = program.file_name().unwrap().to_string_lossy();
    if name.contains("aarch64") {
        let start = 0x4010_0000;
        let loader = format!(
            "loader,file={},addr={start:#x},force-raw=on",
            code.display()
        );
        let args = ["-m", "64M", "-cpu", "a64fx", "-device", &loader];
        Some((args.map(str::to_owned).to_vec(), start))
    } else if name.contains("s390x") {
        // The firmware is real code; behind this address.
        Some((["-m", "64M"].map(str::to_owned).to_vec(), 0x3d0_0890))
    } else {
        None
    }
}

/// Address and bytes of a line, which don't depend on what the bytes mean.
fn bytes_of(line: &str) -> &str {
    line.split("  ").next().unwrap()
}

#[tokio::test]
async fn random_code_is_decoded_alike() {
    for program in qemus() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let code = folder.path().join("code");
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        std::fs::write(&code, a64_code(&mut random)).unwrap();
        let Some((args, start)) = machine(&program, &code) else {
            continue;
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let qemu = Qemu::start(&program, &args);
        let client = connect(&qemu).await;
        let version = client.execute("query-version", Value::Null).await.unwrap();
        // It has the disassembler of the same release as ours.
        let same = version["qemu"]["major"].as_u64().unwrap() >= 11;
        let mut monitor = native(client.clone()).await;
        let (mut lines, mut alike) = (0, 0);
        for _ in 0..REQUESTS {
            // In the middle of instructions, too, but never at an odd address: no code lies there.
            let address = start + random.below(CODE / 2) * 2;
            let command = random.of(&["x", "xp"]);
            let line = format!("{command}/{}i {address:#x}", random.below(70));
            let theirs = builtin(&client, &line, None).await;
            let mut ours = String::new();
            run(&mut monitor, &line, &mut ours).await;
            if same {
                assert_eq!(ours, theirs, "{}: {line}", program.display());
            }
            let starts = |text: &str| text.lines().map(bytes_of).collect::<Vec<_>>().join("\n");
            assert_eq!(
                starts(&ours),
                starts(&theirs),
                "{}: {line}",
                program.display()
            );
            lines += ours.lines().count();
            alike += ours
                .lines()
                .zip(theirs.lines())
                .filter(|(a, b)| a == b)
                .count();
        }
        let _ = writeln!(
            std::io::stderr(),
            "{}: {alike} of {lines} lines alike",
            program.display()
        );
        assert!(
            lines > REQUESTS * 10 && alike * 10 > lines * 9,
            "{alike} of {lines}"
        );
    }
}

/// Code of every mode, from where it begins and from within instructions. QEMUs before 11 link an
/// older disassembler, whose lines are counted.
#[tokio::test]
async fn instructions_are_decoded_in_the_mode_of_the_cpu() {
    for program in pcs() {
        let name = program.display().to_string();
        let (mut lines, mut same) = (0, 0);
        for (mode, code) in MODES.iter().filter(|(mode, _)| has(&program, mode)) {
            let (_qemu, client) = in_mode(&program, code, &["-cpu", "max"]).await;
            let mut monitor = monitor(&client, Risk::Pausing).await;
            let version = client.execute("query-version", Value::Null).await.unwrap();
            let alike = version["qemu"]["major"].as_u64().unwrap() >= 11;
            let pc = if alike { "$rip" } else { "$eip" };
            for cpu in [0, 1] {
                chosen(&mut monitor, cpu).await;
                for at in [
                    "xp/150i 0xf0000",
                    "xp/40i 0xf0003",
                    "xp/40i 0xfffff000",
                    "x/20i 0xf0000",
                    "x/4i 0x500",
                    &format!("x/2i {pc}"),
                ] {
                    let theirs = builtin(&client, at, Some(cpu)).await;
                    let mut ours = String::new();
                    run(&mut monitor, at, &mut ours).await;
                    if alike {
                        assert_eq!(ours, theirs, "{name} {mode}: {at} of CPU {cpu}");
                    }
                    lines += theirs.lines().count();
                    same += theirs
                        .lines()
                        .zip(ours.lines())
                        .filter(|(a, b)| a == b)
                        .count();
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {same} of {lines} lines of instructions alike"
        );
        assert!(
            lines > 300 && same * 10 > lines * 8,
            "{name}: {same} of {lines}"
        );
    }
}
