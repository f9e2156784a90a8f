// SPDX-License-Identifier: GPL-2.0-or-later
//! Reading memory out of a dump: `dump-guest-memory` writes to a descriptor itself, where
//! `pmemsave` opens a path. The VM stands still meanwhile (a tenth of a millisecond for 4 KiB, with
//! whatever memory it has), so that this is for those who permit that. A dump holds RAM and ROM;
//! not devices.

use object::elf::{FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use serde_json::json;

use crate::format::sign::Sign as _;
use crate::guest::given::{DUMP, Given};
use crate::host::Host;
use crate::qmp::{Qmp, QmpError};

/// The QMP commands that a dump takes.
pub const NEEDS: &[&str] = &["getfd", "dump-guest-memory", "closefd"];

/// What a dump may hold beside memory: headers, and notes with the registers of each CPU, some KiB
/// of them.
const MOST_NOTES: u64 = 64 << 20;

/// Why memory is not in a dump.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// The connection is of no use any more.
    #[error(transparent)]
    Lost(QmpError),
    /// QEMU makes no dump, or passing it a descriptor does not work.
    #[error("{0}")]
    Refused(String),
    /// What QEMU wrote is not a dump.
    #[error("QEMU wrote something else than a dump: {0}")]
    Garbage(String),
    /// Something else than memory lies at this address, or nothing.
    #[error("a dump has no memory at {0:#x}")]
    NoMemory(u64),
}

/// `size` bytes of physical memory at `address`, all of which must be RAM or ROM.
pub async fn read(
    qmp: &dyn Qmp,
    host: &dyn Host,
    given: &Given,
    address: u64,
    size: u64,
) -> Result<Vec<u8>, DumpError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let dump = write(qmp, host, given, address, size).await?;
    range_of(&dump, address, size)
}

/// A dump of `size` bytes of physical memory at `address`, some of which must be RAM or ROM, with
/// [notes](crate::guest::notes).
pub async fn write(
    qmp: &dyn Qmp,
    host: &dyn Host,
    given: &Given,
    address: u64,
    size: u64,
) -> Result<Vec<u8>, DumpError> {
    let refused = |why: &str| DumpError::Refused(why.to_owned());
    // QEMU closes its descriptor with the dump.
    let file = host
        .memory_file()
        .ok_or_else(|| refused("this program can't make files in memory"))?;
    let name = json!({"fdname": DUMP});
    let entry = given.named(DUMP);
    qmp.execute_with_fd("getfd", name.clone(), file.fd())
        .await
        .map_err(failed)?;
    let range = json!({
        "paging": false,
        "protocol": format!("fd:{DUMP}"),
        "begin": address.as_signed(),
        "length": size.as_signed(),
    });
    if let Err(error) = qmp.execute("dump-guest-memory", range).await {
        if error.is_fatal() {
            return Err(failed(error));
        }
        // Where QEMU refused before it took the descriptor, it still has it; else it says that it
        // knows none.
        match qmp.execute("closefd", name).await {
            Err(lost) if lost.is_fatal() => return Err(failed(lost)),
            _ => {}
        }
        entry.strike();
        return Err(match error {
            QmpError::Command { desc, .. } if desc.contains("no guest memory to dump") => {
                DumpError::NoMemory(address)
            }
            other => failed(other),
        });
    }
    entry.strike();
    let limit = usize::try_from(size.saturating_add(MOST_NOTES)).unwrap_or(usize::MAX);
    file.read(limit)
        .map_err(|e| refused(&format!("what QEMU wrote can't be read: {e}")))
}

fn failed(error: QmpError) -> DumpError {
    if error.is_fatal() {
        DumpError::Lost(error)
    } else {
        DumpError::Refused(error.to_string())
    }
}

/// `size` bytes at the physical address `address` of a dump in ELF.
pub fn range_of(dump: &[u8], address: u64, size: u64) -> Result<Vec<u8>, DumpError> {
    let garbage = |e: object::Error| DumpError::Garbage(e.to_string());
    let loads = match FileKind::parse(dump).map_err(garbage)? {
        FileKind::Elf32 => loads::<FileHeader32<Endianness>>(dump),
        FileKind::Elf64 => loads::<FileHeader64<Endianness>>(dump),
        other => return Err(DumpError::Garbage(format!("{other:?}"))),
    };
    let mut loads = loads.map_err(garbage)?;
    loads.sort_by_key(|(start, _)| *start);
    let wanted = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    for (start, content) in loads {
        let at = address.wrapping_add(bytes.len() as u64);
        if start > at {
            break;
        }
        let there = usize::try_from(at - start)
            .ok()
            .and_then(|skipped| content.get(skipped..));
        if let Some(there) = there {
            let missing = wanted - bytes.len();
            bytes.extend_from_slice(&there[..there.len().min(missing)]);
        }
        if bytes.len() == wanted {
            return Ok(bytes);
        }
    }
    Err(DumpError::NoMemory(
        address.wrapping_add(bytes.len() as u64),
    ))
}

/// Pieces of memory: where they start, and what is in them.
fn loads<Header: FileHeader<Endian = Endianness>>(
    dump: &[u8],
) -> object::Result<Vec<(u64, &[u8])>> {
    let header = Header::parse(dump)?;
    let endian = header.endian()?;
    let mut loads = Vec::new();
    for segment in header.program_headers(endian, dump)? {
        // A piece that is not in the file has an offset outside.
        if segment.p_type(endian) == PT_LOAD {
            let content = segment.data(endian, dump).ok();
            loads.extend(content.map(|content| (segment.p_paddr(endian).into(), content)));
        }
    }
    Ok(loads)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: usize = 64;
    const SEGMENT: usize = 56;

    /// A dump as QEMU writes it for 64 bits: pieces of memory by their addresses, a note before
    /// them.
    fn dump(big_endian: bool, pieces: &[(u64, &[u8])]) -> Vec<u8> {
        let number = |value: u64, size: usize| {
            let bytes = value.to_le_bytes()[..size].to_vec();
            if big_endian {
                bytes.into_iter().rev().collect()
            } else {
                bytes
            }
        };
        let order = if big_endian { 2 } else { 1 };
        let mut bytes = b"\x7fELF".to_vec();
        bytes.extend([2, order, 1]);
        bytes.resize(16, 0);
        let count = pieces.len() as u64 + 1;
        for (value, size) in [
            (4, 2),
            (62, 2),
            (1, 4),
            (0, 8),
            (HEADER as u64, 8),
            (0, 8),
            (0, 4),
        ] {
            bytes.extend(number(value, size));
        }
        for value in [HEADER as u64, SEGMENT as u64, count, 0, 0, 0] {
            bytes.extend(number(value, 2));
        }
        let mut offset = (HEADER + SEGMENT * (pieces.len() + 1)) as u64;
        let mut segment = |kind: u64, address: u64, size: u64| {
            bytes.extend(number(kind, 4));
            bytes.extend(number(0, 4));
            for value in [offset, address, address, size, size, 0] {
                bytes.extend(number(value, 8));
            }
            offset += size;
        };
        segment(4, 0, 0);
        for (address, content) in pieces {
            segment(1, *address, content.len() as u64);
        }
        bytes.extend(pieces.iter().flat_map(|(_, content)| *content));
        bytes
    }

    #[test]
    fn pieces_are_put_together_and_holes_are_told() {
        for big_endian in [false, true] {
            let pieces: [(u64, &[u8]); 3] =
                [(0x1004, b"efgh"), (0x1000, b"abcd"), (0x2000, b"xyz")];
            let dump = dump(big_endian, &pieces);
            assert_eq!(range_of(&dump, 0x1000, 8).unwrap(), b"abcdefgh");
            assert_eq!(range_of(&dump, 0x1002, 3).unwrap(), b"cde");
            assert_eq!(range_of(&dump, 0x2001, 2).unwrap(), b"yz");
            let hole = |address| Err(DumpError::NoMemory(address));
            assert_eq!(range_of(&dump, 0x1006, 3), hole(0x1008));
            assert_eq!(range_of(&dump, 0x0fff, 2), hole(0x0fff));
            assert_eq!(range_of(&dump, 0x3000, 1), hole(0x3000));
            assert_eq!(range_of(&dump, u64::MAX, 2), hole(u64::MAX));
        }
    }

    #[test]
    fn other_files_are_told() {
        for other in [
            &b""[..],
            b"KDUMP   ",
            b"MZ-not-a-dump-at-all-but-longer-than-16-bytes",
        ] {
            let error = range_of(other, 0, 1).unwrap_err();
            assert!(matches!(error, DumpError::Garbage(_)), "{error:?}");
        }
        let mut cut = dump(false, &[(0, b"abcd")]);
        cut.truncate(cut.len() - 1);
        assert_eq!(range_of(&cut, 0, 1), Err(DumpError::NoMemory(0)));
        cut.truncate(HEADER + 1);
        let error = range_of(&cut, 0, 1).unwrap_err();
        assert!(matches!(error, DumpError::Garbage(_)), "{error:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), address: u64, size in 0..99u64) {
            let _ = range_of(&bytes, address, size);
        }

        #[test]
        fn no_damage_makes_it_panic(
            damage in prop::collection::vec((0..300usize, any::<u8>()), 0..9), big: bool, address in 0..99u64, size: u64,
        ) {
            let mut bytes = dump(big, &[(0, b"abcd"), (4, b"efgh"), (64, b"xyz")]);
            for (at, byte) in damage {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            if let Ok(found) = range_of(&bytes, address, size) {
                prop_assert_eq!(found.len() as u64, size);
            }
        }
    }
}
