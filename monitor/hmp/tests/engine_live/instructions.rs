// SPDX-License-Identifier: GPL-2.0-or-later
//! Format `i` of `x` and `xp` on real QEMUs whose instructions are certain: random requests over
//! code, against the built-in's answers; see `HMP_TEST_QEMUS` in tests/common/qemu.rs.

use std::io::Write as _;
use std::path::Path;

use crate::common::engine::{connect, run};
use crate::common::qemu::{Qemu, qemus};
use crate::common::random::Random;
use crate::common::roms::{MODES, builtin, in_mode, run_until};
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

/// The same of 32 bits.
const A32: &[u32] = &[
    0xe080_0000, // add
    0xe240_0000, // sub, number
    0xe1a0_0000, // mov
    0xe3a0_0000, // mov, number
    0xe590_0000, // ldr
    0xe580_0000, // str
    0xe5d0_0000, // ldrb
    0xe1d0_00b0, // ldrh
    0xe92d_4000, // push
    0xe8bd_8000, // pop
    0xeb00_0000, // bl
    0xea00_0000, // b
    0x0a00_0000, // beq
    0x1a00_0000, // bne
    0xe12f_ff1e, // bx lr
    0xe150_0000, // cmp
    0xe000_0090, // mul
    0xe7e0_0050, // ubfx
    0xe320_f000, // nop and other hints
    0xf57f_f050, // barriers
    0xee30_0a00, // vadd
];

/// Those of 16 bits, and pairs of them.
const T32: &[u32] = &[
    0x1800,      // adds
    0x1a00,      // subs
    0x4600,      // mov
    0x2000,      // movs
    0x6800,      // ldr
    0x6000,      // str
    0x7800,      // ldrb
    0xb500,      // push
    0xbd00,      // pop
    0xe000,      // b
    0xd000,      // beq
    0xb100,      // cbz
    0x4770,      // bx lr
    0x2800,      // cmp
    0xbf00,      // nop and other hints
    0xf800_f000, // bl
    0x0000_f8d0, // ldr.w
    0x0000_eb00, // add.w
    0x0000_f240, // movw
];

/// Those of PowerPC.
const PPC: &[u32] = &[
    0x3860_0000, // li
    0x3c60_0000, // lis
    0x7c00_0214, // add
    0x7c00_0050, // subf
    0x7c00_0378, // or
    0xe800_0000, // ld
    0xf800_0000, // std
    0x8000_0000, // lwz
    0x9000_0000, // stw
    0x8800_0000, // lbz
    0x4800_0001, // bl
    0x4182_0000, // beq
    0x4e80_0020, // blr
    0x4e80_0420, // bctr
    0x7c08_02a6, // mflr
    0x7c08_03a6, // mtlr
    0x2c00_0000, // cmpwi
    0x7800_0000, // rldicl
    0x5400_0000, // rlwinm
    0x7c00_0026, // mfcr
    0x6000_0000, // nop
    0x7c00_04ac, // sync
    0xfc00_002a, // fadd
];

/// What code is made of: instructions, and how many of each one's low bits are registers and numbers.
struct Kind {
    instructions: &'static [u32],
    varied: u64,
    narrow: bool,
    big_endian: bool,
}

const A64_CODE: Kind = Kind {
    instructions: A64,
    varied: 0x400,
    narrow: false,
    big_endian: false,
};
const A32_CODE: Kind = Kind {
    instructions: A32,
    varied: 0x100,
    narrow: false,
    big_endian: false,
};
const T32_CODE: Kind = Kind {
    instructions: T32,
    varied: 8,
    narrow: true,
    big_endian: false,
};

const PPC_BIG: Kind = Kind {
    instructions: PPC,
    varied: 0x400,
    narrow: false,
    big_endian: true,
};
const PPC_LITTLE: Kind = Kind {
    big_endian: false,
    ..PPC_BIG
};

impl Kind {
    fn code(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < CODE {
            let chosen = random.below(self.instructions.len() as u64) as usize;
            let word = self.instructions[chosen];
            // Now and then anything.
            let word = match random.below(20) {
                0 if !self.narrow => random.below(1 << 32) as u32,
                _ => word | random.below(self.varied) as u32,
            };
            // Three high bits that are set, and two that are not both clear, begin a pair.
            let short = self.narrow && (word & 0xffff) >> 11 < 0x1d;
            let word = match self.big_endian {
                true => word.to_be_bytes(),
                false => word.to_le_bytes(),
            };
            bytes.extend(&word[..if short { 2 } else { 4 }]);
        }
        bytes
    }
}

/// A QEMU whose CPU executes instructions of one kind: its arguments, where code lies in its memory,
/// what the CPU has to do first, and what reading its mode needs.
struct Setup {
    args: &'static [&'static str],
    start: u64,
    code: Kind,
    begin: &'static [u32],
    /// What its registers show then.
    done: &'static str,
    allow: Risk,
}

/// Where code lies on the machine virt.
const START: u64 = 0x4010_0000;

/// Where a CPU begins that has to do something.
const BEGIN: u64 = 0x4030_0000;

/// Goes on with instructions of 32 bits at 0x40 behind it, and stays there.
const TO_A32: &[u32] = &to_narrow(0xd280_3a00, 0xeaff_fffe);

/// The same, with those of 16 bits.
const TO_T32: &[u32] = &to_narrow(0xd280_3e00, 0xe7fe_e7fe);

const fn to_narrow(status: u32, stay: u32) -> [u32; 17] {
    let mut words = [0; 17];
    words[0] = status; // mov x0, #status
    words[1] = 0xd518_4000; // msr spsr_el1, x0
    words[2] = 0xd2a8_0601; // mov x1, #0x40300000
    words[3] = 0xf280_0801; // movk x1, #0x40
    words[4] = 0xd518_4021; // msr elr_el1, x1
    words[5] = 0xd69f_03e0; // eret
    words[16] = stay; // b .
    words
}

/// Where a CPU of 32 bits stays, and where it goes on with those of 16 bits.
const STAY_A32: &[u32] = &[0xeaff_fffe];
const STAY_T32: &[u32] = &[
    0xe28f_0001, // add r0, pc, #1
    0xe12f_ff10, // bx r0
    0xe7fe_e7fe, // b .
];

/// What a POWER CPU begins with, as the firmware of the machine pseries.
const FIRMWARE: usize = 0x100;
const STAY_PPC_BIG: &[u32] = &[0x4800_0000];
const TO_PPC_LITTLE: &[u32] = &[
    0x7c60_00a6, // mfmsr r3
    0x6063_0001, // ori r3, r3, 1
    0x7c7b_03a6, // mtsrr1 r3
    0x3880_0118, // li r4, 0x118
    0x7c9a_03a6, // mtsrr0 r4
    0x4c00_0024, // rfid
    0x0000_0048, // b .
];

fn setups(program: &Path) -> Vec<Setup> {
    let name = program.file_name().unwrap().to_string_lossy();
    let virt = |cpu: &'static [&'static str], code, begin, allow| Setup {
        args: cpu,
        start: START,
        code,
        begin,
        done: "R15=40300040",
        allow,
    };
    let risky = |cpu, code, begin, done| Setup {
        done,
        ..virt(cpu, code, begin, Risk::Risky)
    };
    if name.contains("aarch64") {
        let (certain, read) = (&["-cpu", "a64fx"], &["-cpu", "cortex-a57"]);
        vec![
            virt(certain, A64_CODE, &[], Risk::Safe),
            virt(read, A64_CODE, &[], Risk::Risky),
            virt(read, A32_CODE, TO_A32, Risk::Risky),
            virt(read, T32_CODE, TO_T32, Risk::Risky),
        ]
    } else if name.contains("s390x") {
        // The firmware is real code; behind this address.
        vec![Setup {
            start: 0x3d0_0890,
            ..virt(&[], A64_CODE, &[], Risk::Safe)
        }]
    } else if name.ends_with("arm") {
        let (old, eighth) = (&["-cpu", "cortex-a15"], &["-cpu", "max"]);
        vec![
            risky(old, A32_CODE, STAY_A32, "R15=40300000"),
            risky(old, T32_CODE, STAY_T32, "R15=40300008"),
            risky(eighth, A32_CODE, STAY_A32, "R15=40300000"),
            risky(eighth, T32_CODE, STAY_T32, "R15=40300008"),
        ]
    } else if name.contains("ppc64") {
        vec![
            risky(&[], PPC_BIG, STAY_PPC_BIG, "NIP 0000000000000100"),
            risky(&[], PPC_LITTLE, TO_PPC_LITTLE, "NIP 0000000000000118"),
        ]
    } else {
        Vec::new()
    }
}

/// Address and bytes of a line, which don't depend on what the bytes mean.
fn bytes_of(line: &str) -> &str {
    line.split("  ").next().unwrap()
}

#[tokio::test]
async fn random_code_is_decoded_alike() {
    for program in qemus() {
        for setup in setups(&program) {
            decoded_alike(&program, &setup).await;
        }
    }
}

async fn decoded_alike(program: &Path, setup: &Setup) {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let start = setup.start;
    let name = program.file_name().unwrap().to_string_lossy();
    let ppc = name.contains("ppc64");
    // Memory of the machine begins elsewhere.
    let start = if ppc { start - 0x4000_0000 } else { start };
    let memory = if ppc { "256M" } else { "64M" };
    let mut args = ["-m", memory].map(str::to_owned).to_vec();
    args.extend(setup.args.iter().map(|arg| (*arg).to_owned()));
    if setup.start == START {
        let words = setup.begin.iter();
        let begin = match ppc {
            true => Vec::new(),
            false => words.clone().flat_map(|word| word.to_le_bytes()).collect(),
        };
        if ppc {
            let firmware = folder.path().join("firmware");
            let mut bytes = vec![0; FIRMWARE];
            bytes.extend(words.flat_map(|word| word.to_be_bytes()));
            std::fs::write(&firmware, bytes).unwrap();
            args.extend(["-bios".into(), firmware.display().to_string()]);
        }
        let files = [
            ("code", start, setup.code.code(&mut random)),
            ("begin", BEGIN, begin),
        ];
        for (file, place, bytes) in files.into_iter().filter(|(_, _, bytes)| !bytes.is_empty()) {
            let path = folder.path().join(file);
            std::fs::write(&path, bytes).unwrap();
            args.push("-device".to_owned());
            args.push(format!(
                "loader,file={},addr={place:#x},force-raw=on",
                path.display()
            ));
        }
        if !setup.begin.is_empty() && !ppc {
            args.extend([
                "-device".into(),
                format!("loader,addr={BEGIN:#x},cpu-num=0"),
            ]);
        }
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let qemu = Qemu::start(program, &args);
    let client = connect(&qemu).await;
    if !setup.begin.is_empty() {
        run_until(&client, |registers| registers.contains(setup.done)).await;
    }
    let version = client.execute("query-version", Value::Null).await.unwrap();
    // It has the disassembler of the same release as ours.
    let same = version["qemu"]["major"].as_u64().unwrap() >= 11;
    let mut monitor = monitor(&client, setup.allow).await;
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

/// Old releases of targets of 32 bits take an address for a signed number, and drop what is above.
#[tokio::test]
async fn addresses_of_more_than_32_bits() {
    for program in qemus() {
        let name = program.display().to_string();
        let arm = name.ends_with("arm");
        if !arm && !name.ends_with("i386") {
            continue;
        }
        let args = if arm {
            &["-cpu", "cortex-a15"][..]
        } else {
            &[]
        };
        let qemu = Qemu::start(&program, args);
        let client = connect(&qemu).await;
        let mut monitor = monitor(&client, Risk::Risky).await;
        for address in [
            "0x100000000",
            "0x140000000",
            "0x1000f0000",
            "0xffffffff000ffff0",
            "0xfffffff8",
            "0xfffffffff0",
            "0x80000000",
            "-8",
        ] {
            for command in ["x/2i", "xp/2i", "x/2xw"] {
                let line = format!("{command} {address}");
                let theirs = builtin(&client, &line, None).await;
                let mut ours = String::new();
                run(&mut monitor, &line, &mut ours).await;
                // A note says that a device may be there.
                let places = |text: &str| -> Vec<String> {
                    let lines = text.lines().filter(|line| !line.starts_with("note: "));
                    lines.map(|line| bytes_of(line).to_owned()).collect()
                };
                assert_eq!(places(&ours), places(&theirs), "{name}: {line}");
            }
        }
    }
}
