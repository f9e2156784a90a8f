// SPDX-License-Identifier: GPL-2.0-or-later
//! Tables of Arm CPUs with instructions of 32 bits, without the built-in monitor, on real QEMUs, against its
//! answers: random entries of every form, in memory before the guest switches them on.

use std::io::Write;

use crate::common::engine::{connect, run};
use crate::common::qemu::{Qemu, qemus};
use crate::common::random::Random;
use crate::common::roms::{builtin, run_until};
use crate::pc::monitor;
use hmp_engine::host::Risk;

/// Machine, CPU, where its memory begins, version of the architecture.
const MACHINES: &[(&str, &str, u64, u32)] = &[
    ("versatilepb", "arm926", 0, 5),
    ("versatilepb", "arm1136-r2", 0, 6),
    ("versatilepb", "arm1176", 0, 6),
    ("virt", "cortex-a15", 1 << 30, 7),
    ("virt", "max", 1 << 30, 8),
];

/// How often each is tried, with entries of 32 and, from version 7 on, of 64 bits.
const ROUNDS: u64 = 3;

/// Reads what follows it into registers of the coprocessor 15, the one that switches tables on last, goes to
/// the mode that is there, and stays.
const CODE: &[u32] = &[
    0xe28f_4024, // add r4, pc, #36
    0xe894_00ef, // ldm r4, {r0-r3, r5-r7}
    0xee02_0f10, // TTBR0
    0xee02_1f30, // TTBR1
    0xee02_2f50, // TTBCR
    0xee03_3f10, // DACR
    0xee0d_5f10, // FCSEIDR
    0xee01_6f10, // SCTLR
    0xe121_f007, // msr cpsr_c, r7
    0xeaff_fffe, // b .
    0xe320_f000, // nop
];

/// Offsets in memory: the code, the first tables, a number of pages of second ones.
const BEGIN: u64 = 16 << 20;
const FIRST: [u64; 2] = [BEGIN + 0x10_0000, BEGIN + 0x10_8000];
const SECOND: u64 = BEGIN + 0x11_0000;
const PAGES: u64 = 16;

struct Guest {
    random: Random,
    base: u64,
    version: u32,
    long: bool,
}

impl Guest {
    fn any(&mut self, bits: u32) -> u64 {
        self.random.below(1 << bits)
    }

    fn one<const N: usize>(&mut self, of: [u64; N]) -> u64 {
        of[self.random.below(N as u64) as usize]
    }

    fn second(&mut self) -> u64 {
        self.base + SECOND + self.random.below(PAGES) * 0x1000
    }

    /// Of the first tables, but for what maps the code.
    fn first_entry(&mut self, number: u64) -> u64 {
        let code = self.base + BEGIN;
        if self.long {
            let maps = number == code >> 30;
            return if maps {
                code >> 30 << 30 | 0x741
            } else {
                self.long_entry(false)
            };
        }
        if number == code >> 20 {
            return code | 0xc02;
        }
        let bits = self.any(32);
        match self.one([0, 1, 1, 1, 2, 2, 3]) {
            1 => self.second() | self.any(2) << 10 | bits & 0x3fe & !2 | 1,
            3 if self.version == 5 => self.second() | bits & 0xffc | 3,
            form @ (2 | 3) if self.any(1) == 0 => {
                let section = self.base + (self.any(4) << 20);
                section | bits & 0xf_fffc | form
            }
            form => bits & !3 | form,
        }
    }

    fn long_entry(&mut self, last: bool) -> u64 {
        let form = self.one([0, 1, 3, 3, 3]);
        let place = match form == 3 && !last {
            true => self.second(),
            false => self.base + (self.any(14) << 12),
        };
        let above = self.any(8) << 40;
        let rights = self.any(5) << 59;
        let above = self.one([0, 0, 0, above, rights, 1 << 36]);
        place | above | self.any(10) << 2 | form
    }

    /// What the code puts into registers.
    fn registers(&mut self) -> [u64; 7] {
        let mut domains = self.one([1, 3]);
        for number in 1..16 {
            domains |= self.one([0, 1, 1, 1, 2, 3]) << (2 * number);
        }
        let split = if self.long {
            let halves = self.one([0, 0, 1, 2, 7]) | self.one([0, 0, 1, 2, 5]) << 16;
            halves | 1 << 31 | self.one([0, 0, 1 << 7, 1 << 23]) | self.any(1) << 6
        } else if self.version == 5 {
            0
        } else {
            let off = if self.version > 6 {
                self.one([0, 0, 1, 2])
            } else {
                0
            };
            self.any(3) | off << 4
        };
        let mut control = 1 | match self.version {
            5 => 0x78,
            6 => 0x5_0078,
            7 => 0xc5_0078,
            _ => 0xc5_0838,
        };
        if self.version > 5 {
            control |= self.any(1) << 29;
        }
        if self.version < 7 {
            control |= self.any(2) << 8;
        }
        if self.version == 6 {
            control |= self.any(1) << 23;
        }
        let moved = if self.version < 8 {
            self.one([0, 0, 5 << 25])
        } else {
            0
        };
        // System and user, not to be interrupted.
        let mode = self.one([0xd3, 0xdf, 0xd0]);
        let [low, high] = FIRST.map(|table| self.base + table);
        [low, high, split, domains, moved, control, mode]
    }

    fn addresses(&mut self) -> Vec<u64> {
        let mut list = vec![0, 0x1f_ffff, 1 << 25, 0xffff_ffff];
        list.extend((0..40).map(|_| self.any(32)));
        list.extend((0..10).map(|_| self.any(25)));
        list.extend((0..20).map(|_| self.any(2) << 30 | self.any(3) << 21 | self.any(21)));
        list.extend((0..4).map(|_| self.base + BEGIN + self.any(22)));
        list
    }
}

#[tokio::test]
async fn addresses_of_32_bits_are_mapped_as_the_builtin_says() {
    for program in qemus() {
        if !program.display().to_string().ends_with("-arm") {
            continue;
        }
        let (mut mapped, mut all) = (0, 0);
        for (number, (machine, cpu, base, version)) in MACHINES.iter().enumerate() {
            let forms: &[bool] = if *version < 7 {
                &[false]
            } else {
                &[false, true]
            };
            for (round, long) in
                (0..ROUNDS).flat_map(|round| forms.iter().map(move |l| (round, *l)))
            {
                let seed = 1 + number as u64 * 64 + round * 2 + u64::from(long);
                let mut guest = Guest {
                    random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
                    base: *base,
                    version: *version,
                    long,
                };
                let folder = tempfile::tempdir_in("/tmp").unwrap();
                let mut args = vec![
                    "-M".to_owned(),
                    (*machine).into(),
                    "-cpu".into(),
                    (*cpu).into(),
                ];
                args.extend(["-m", "128M", "-audio", "none"].map(str::to_owned));
                let mut load = |name: &str, place: u64, bytes: Vec<u8>| {
                    let file = folder.path().join(name);
                    std::fs::write(&file, bytes).unwrap();
                    let loader = format!(
                        "loader,file={},addr={place:#x},force-raw=on",
                        file.display()
                    );
                    args.extend(["-device".to_owned(), loader]);
                };
                let words = |list: Vec<u64>| {
                    list.into_iter()
                        .flat_map(|word| (word as u32).to_le_bytes())
                };
                let entries = |list: Vec<u64>| -> Vec<u8> {
                    match long {
                        true => list.into_iter().flat_map(u64::to_le_bytes).collect(),
                        false => words(list).collect(),
                    }
                };
                for (name, table) in ["low", "high"].into_iter().zip(FIRST) {
                    let count = if long { 512 } else { 4096 };
                    let list = (0..count).map(|number| guest.first_entry(number)).collect();
                    load(name, base + table, entries(list));
                }
                let count = PAGES * if long { 512 } else { 1024 };
                let list = (0..count).map(|_| match long {
                    true => guest.long_entry(false),
                    false => guest.any(30) << 2 | guest.one([0, 1, 2, 2, 3]),
                });
                let list = list.collect();
                load("second", base + SECOND, entries(list));
                let registers = guest.registers();
                let code = CODE.iter().flat_map(|word| word.to_le_bytes());
                let code = code.chain(words(registers.to_vec())).collect();
                load("code", base + BEGIN, code);
                args.push("-device".to_owned());
                args.push(format!("loader,addr={:#x},cpu-num=0", base + BEGIN));
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let qemu = Qemu::start(&program, &args);
                let client = connect(&qemu).await;
                // It has read its mode, or went on from where nothing is mapped.
                run_until(&client, |shown| !shown.contains("R07=00000000")).await;
                let mut monitor = monitor(&client, Risk::Risky).await;
                for address in guest.addresses() {
                    let line = format!("gva2gpa {address:#x}");
                    let theirs = builtin(&client, &line, None).await;
                    let mut ours = String::new();
                    run(&mut monitor, &line, &mut ours).await;
                    assert_eq!(
                        ours,
                        theirs,
                        "{} {cpu} {registers:x?}: {line}",
                        program.display()
                    );
                    mapped += usize::from(theirs.starts_with("gpa"));
                    all += 1;
                }
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{}: {mapped} of {all} addresses are mapped",
            program.display()
        );
        assert!(
            mapped * 10 > all * 3 && mapped * 10 < all * 9,
            "{mapped} of {all}"
        );
    }
}
