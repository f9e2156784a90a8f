// SPDX-License-Identifier: GPL-2.0-or-later
//! What QEMU writes about a guest: the state of its devices, dumps.

use hmp_engine::guest::{arm, dump, notes, ppc64, riscv, stream, x86};

use crate::{choice, explains};

/// The state of devices, and of CPUs of each target in it.
pub fn device_state(data: &[u8]) {
    match stream::sections(data) {
        Ok(sections) => {
            let total: usize = sections.iter().map(|section| section.body.len()).sum();
            assert!(total <= data.len());
            for section in &sections {
                cpu(section);
            }
        }
        Err(error) => explains(error),
    }
    // What a section holds, without the frame that few mutations keep.
    let (kind, body) = choice(data);
    for version in [7, 12, 22, kind as u32] {
        cpu(&stream::Section {
            name: "cpu",
            instance: 0,
            version,
            body,
        });
    }
    let size = |name: &str, version| (name.len() < 20).then_some(version as usize % 64);
    if let Ok(parts) = stream::subsections(body, size) {
        assert!(parts.iter().map(|part| part.body.len()).sum::<usize>() <= body.len());
    }
}

fn cpu(section: &stream::Section<'_>) {
    for narrow in [false, true] {
        if let Err(error) = x86::section::read(section, narrow) {
            explains(error);
        }
    }
    let _ = arm::section::read(section).map_err(explains);
    let _ = riscv::section::read(section).map_err(explains);
    let _ = ppc64::read(section).map_err(explains);
}

/// Notes and memory of a dump.
pub fn dumps(data: &[u8]) {
    match notes::notes(data) {
        Ok(notes) => {
            for narrow in [false, true] {
                let _ = x86::noted::cpus(&notes, narrow).map_err(explains);
            }
        }
        Err(error) => explains(error),
    }
    let (at, _) = choice(data);
    for (address, size) in [(at as u64, 16), (0, 4096), (u64::MAX - 8, at as u64)] {
        match dump::range_of(data, address, size) {
            Ok(bytes) => assert_eq!(bytes.len() as u64, size),
            Err(error) => explains(error),
        }
    }
}
