// SPDX-License-Identifier: GPL-2.0-or-later
//! The notes of a memory dump: what it holds of each CPU, beside memory.

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

use crate::guest::dump::DumpError;

/// More notes than the CPUs of any machine have.
const MOST: usize = 1 << 16;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who defined it: `CORE`, `QEMU`.
    pub name: &'a [u8],
    /// Its number there.
    pub kind: u32,
    /// What it says.
    pub content: &'a [u8],
}

/// The notes of a dump in ELF, in their order. Memory is not looked at.
pub fn notes(dump: &[u8]) -> Result<Vec<Note<'_>>, DumpError> {
    let garbage = |e: object::Error| DumpError::Garbage(e.to_string());
    match FileKind::parse(dump).map_err(garbage)? {
        FileKind::Elf32 => read::<FileHeader32<Endianness>>(dump),
        FileKind::Elf64 => read::<FileHeader64<Endianness>>(dump),
        other => return Err(DumpError::Garbage(format!("{other:?}"))),
    }
    .map_err(garbage)?
    .ok_or_else(|| DumpError::Garbage("more notes than CPUs have".into()))
}

fn read<Header: FileHeader<Endian = Endianness>>(
    dump: &[u8],
) -> object::Result<Option<Vec<Note<'_>>>> {
    let header = Header::parse(dump)?;
    let endian = header.endian()?;
    let mut list = Vec::new();
    for segment in header.program_headers(endian, dump)? {
        let Some(mut notes) = segment.notes(endian, dump)? else {
            continue;
        };
        while let Some(note) = notes.next()? {
            if list.len() == MOST {
                return Ok(None);
            }
            list.push(Note {
                name: note.name(),
                kind: note.n_type(endian).0,
                content: note.desc(),
            });
        }
    }
    Ok(Some(list))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A dump of 64 bits with these notes and no memory.
    pub(crate) fn dump(notes: &[Note<'_>]) -> Vec<u8> {
        let mut content = Vec::new();
        for note in notes {
            for number in [note.name.len() + 1, note.content.len(), note.kind as usize] {
                content.extend((number as u32).to_le_bytes());
            }
            content.extend(note.name);
            content.push(0);
            content.resize(content.len().next_multiple_of(4), 0);
            content.extend(note.content);
            content.resize(content.len().next_multiple_of(4), 0);
        }
        let mut dump = b"\x7fELF\x02\x01\x01".to_vec();
        dump.resize(16, 0);
        dump.extend([4, 0, 62, 0, 1, 0, 0, 0]);
        for value in [0, 64, 0] {
            dump.extend(u64::to_le_bytes(value));
        }
        dump.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        dump.extend([4, 0, 0, 0, 0, 0, 0, 0]);
        let size = content.len() as u64;
        for value in [120, 0, 0, size, size, 0] {
            dump.extend(u64::to_le_bytes(value));
        }
        dump.extend(content);
        dump
    }

    fn note(name: &'static str, kind: u32, content: &'static [u8]) -> Note<'static> {
        Note {
            name: name.as_bytes(),
            kind,
            content,
        }
    }

    #[test]
    fn notes_are_found_in_their_order() {
        let list = [
            note("CORE", 1, b"12345"),
            note("QEMU", 0, b""),
            note("", 7, b"x"),
        ];
        assert_eq!(notes(&dump(&list)), Ok(list.to_vec()));
        assert_eq!(notes(&dump(&[])), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_dump_is_refused() {
        let whole = dump(&[note("CORE", 1, b"12345678")]);
        for bytes in [
            b"".as_slice(),
            b"KDUMP   ",
            &whole[..100],
            &whole[..whole.len() - 1],
        ] {
            assert!(matches!(notes(bytes), Err(DumpError::Garbage(_))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = dump(&[note("CORE", 1, b"12345678"), note("QEMU", 0, b"abc")]);
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at.index(len)] = byte;
            }
            bytes.truncate(cut.index(len) + 1);
            if let Ok(found) = notes(&bytes) {
                let total: usize = found.iter().map(|note| note.content.len()).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }
}
