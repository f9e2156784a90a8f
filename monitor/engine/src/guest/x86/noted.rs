// SPDX-License-Identifier: GPL-2.0-or-later
//! What the notes of a dump hold of CPUs (target/i386/arch_dump.c): a note `CORE` of each, then a
//! note `QEMU` of each in the same order.

use std::collections::BTreeMap;

use crate::guest::bytes::Bytes;
use crate::guest::dump::DumpError;
use crate::guest::notes::Note;
use crate::guest::x86::cpu::{Cpu, EXTENDED, LONG_CODE, PAGING, Segment};

/// Kinds of notes.
const STATUS: u32 = 1;
const STATE: u32 = 0;

/// The layout of a note `QEMU`.
const VERSION: u32 = 1;
const STATE_SIZE: usize = 440;

/// Sizes of a note `CORE`, and where in it the CPU's number plus 1 is. The larger one is written
/// where the first CPU is in long mode.
const LONG: (usize, usize) = (336, 32);
const SHORT: (usize, usize) = (144, 24);

/// The CPUs by their numbers; `narrow` says that QEMU was built for 32 bits.
pub fn cpus(notes: &[Note<'_>], narrow: bool) -> Result<BTreeMap<i64, Cpu>, DumpError> {
    let garbage = |why: &str| DumpError::Garbage(why.to_owned());
    let of = |name: &'static str, kind| {
        notes
            .iter()
            .filter(move |note| note.name == name.as_bytes() && note.kind == kind)
            .map(|note| note.content)
    };
    let numbers: Vec<_> = of("CORE", STATUS).map(number).collect();
    let states: Vec<_> = of("QEMU", STATE).collect();
    if numbers.len() != states.len() {
        return Err(garbage("not every CPU has both notes"));
    }
    let mut cpus = BTreeMap::new();
    let mut first_is_long = None;
    for (number, state) in numbers.into_iter().zip(states) {
        let (number, long) = number.ok_or_else(|| garbage("a CPU's first note is not known"))?;
        let mut cpu = state_of(state).ok_or_else(|| garbage("a CPU's second note is not known"))?;
        cpu.narrow = narrow;
        let is_first = first_is_long.is_none();
        let long = *first_is_long.get_or_insert(long);
        cpu.long_mode = long_mode(&cpu, is_first, long);
        if cpus.insert(number, cpu).is_some() {
            return Err(garbage("a CPU has notes twice"));
        }
    }
    Ok(cpus)
}

/// The notes say of the first CPU alone whether it is in long mode. Another one that pages with
/// entries of 8 bytes is as the first one is: while a system starts, its CPUs enter that mode
/// together with paging.
fn long_mode(cpu: &Cpu, is_first: bool, first_is_long: bool) -> bool {
    let pages = cpu.control[0] & PAGING != 0 && cpu.control[4] & EXTENDED != 0;
    let code = cpu.code().flags & LONG_CODE != 0;
    match is_first {
        true => first_is_long,
        false => pages && (first_is_long || code),
    }
}

fn number(note: &[u8]) -> Option<(i64, bool)> {
    let (size, at) = [LONG, SHORT]
        .into_iter()
        .find(|(size, _)| *size == note.len())?;
    let number = Bytes::little_endian(note.get(at..)?).word()?;
    Some((i64::from(number) - 1, size == LONG.0))
}

fn state_of(note: &[u8]) -> Option<Cpu> {
    let mut bytes = Bytes::little_endian(note);
    let (version, size) = (bytes.word()?, bytes.word()?);
    if version != VERSION || size as usize != STATE_SIZE || note.len() != STATE_SIZE {
        return None;
    }
    let [ax, bx, cx, dx, si, di, sp, bp] = bytes.numbers(8)?;
    let mut general = [ax, cx, dx, bx, sp, bp, si, di, 0, 0, 0, 0, 0, 0, 0, 0];
    general[8..].copy_from_slice(&bytes.numbers::<8>(8)?);
    let (ip, flags) = (bytes.long()?, bytes.long()?);
    let mut segment = || {
        let (selector, limit, flags, _) =
            (bytes.word()?, bytes.word()?, bytes.word()?, bytes.word()?);
        Some(Segment {
            selector,
            base: bytes.long()?,
            limit,
            flags,
        })
    };
    let (cs, ds, es) = (segment()?, segment()?, segment()?);
    let (fs, gs, ss) = (segment()?, segment()?, segment()?);
    Some(Cpu {
        general,
        ip,
        flags,
        segments: [es, cs, ss, ds, fs, gs],
        ldt: segment()?,
        task: segment()?,
        gdt: segment()?,
        idt: segment()?,
        control: bytes.numbers(8)?,
        kernel_gs_base: bytes.long()?,
        ..Cpu::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::guest::notes::{self, tests::dump};

    fn status(number: u32, long: bool) -> Vec<u8> {
        let (size, at) = if long { LONG } else { SHORT };
        let mut note = vec![0; size];
        note[at..at + 4].copy_from_slice(&(number + 1).to_le_bytes());
        note
    }

    /// Each number holds its place.
    fn state() -> Vec<u8> {
        let mut note: Vec<u8> = [VERSION.to_le_bytes(), 440u32.to_le_bytes()].concat();
        for place in (8..440u64).step_by(8) {
            note.extend(place.to_le_bytes());
        }
        note
    }

    fn read(list: &[(&str, u32, &[u8])]) -> Result<BTreeMap<i64, Cpu>, DumpError> {
        let list: Vec<Note<'_>> = list
            .iter()
            .map(|(name, kind, content)| Note {
                name: name.as_bytes(),
                kind: *kind,
                content,
            })
            .collect();
        let bytes = dump(&list);
        cpus(&notes::notes(&bytes).unwrap(), false)
    }

    #[test]
    fn every_field_has_its_place() {
        let (core, state) = (status(3, true), state());
        let found = read(&[
            ("CORE", 1, &core),
            ("VMCOREINFO", 0, b"x"),
            ("QEMU", 0, &state),
        ]);
        let cpu = &found.unwrap()[&3];
        assert_eq!(cpu.general[..8], [8, 24, 32, 16, 56, 64, 40, 48]);
        assert_eq!((cpu.general[8], cpu.general[15]), (72, 128));
        assert_eq!((cpu.ip, cpu.flags), (136, 144));
        assert_eq!(cpu.segments[1].base, 168);
        assert_eq!(cpu.segments[1].selector, 152);
        assert_eq!(cpu.segments[3].flags, 184);
        assert_eq!(cpu.segments[2].base, 152 + 5 * 24 + 16);
        assert_eq!((cpu.gdt.base, cpu.idt.base), (360, 384));
        assert_eq!(cpu.control, [392, 400, 408, 416, 424]);
        assert_eq!(cpu.kernel_gs_base, 432);
        assert!(cpu.long_mode);
    }

    #[test]
    fn surprises_are_refused() {
        let (core, state) = (status(0, false), state());
        let list: &[(&str, u32, &[u8])] = &[("CORE", 1, &core), ("QEMU", 0, &state)];
        assert_eq!(read(list).unwrap().len(), 1);
        assert_eq!(read(&[]), Ok(BTreeMap::new()));
        assert!(read(&list[..1]).is_err());
        assert!(read(&[list[0], list[0], list[1], list[1]]).is_err());
        assert!(read(&[("CORE", 1, &core[..143]), list[1]]).is_err());
        for (at, byte) in [(0, 2), (4, 0)] {
            let mut other = state.clone();
            other[at] = byte;
            assert!(read(&[list[0], ("QEMU", 0, &other)]).is_err());
        }
        assert!(read(&[list[0], ("QEMU", 0, &state[..432])]).is_err());
    }

    #[test]
    fn the_mode_of_other_cpus_follows_the_first() {
        let mut paging = Cpu::default();
        paging.control[0] = PAGING;
        paging.control[4] = EXTENDED;
        assert!(long_mode(&paging, false, true) && !long_mode(&paging, false, false));
        assert!(!long_mode(&Cpu::default(), false, true) && long_mode(&Cpu::default(), true, true));
        paging.segments[1].flags = LONG_CODE;
        assert!(long_mode(&paging, false, false));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(core in prop::collection::vec(any::<u8>(), 140..340), state in prop::collection::vec(any::<u8>(), 430..450)) {
            let _ = read(&[("CORE", 1, &core), ("QEMU", 0, &state)]);
        }
    }
}
