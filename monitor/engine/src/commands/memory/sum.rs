// SPDX-License-Identifier: GPL-2.0-or-later
//! `sum`: checksums of guest memory.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::cx::{CmdResult, Cx};
use crate::commands::memory::hosted;
use crate::commands::memory::show::CHUNK;
use crate::guest::memory::{ReadError, Reader};

/// Arguments of `sum`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    start: u32,
    size: u32,
}

/// `sum`: the checksum of BSD's `sum` over physical memory; a range that reaches 4 GiB counts as
/// empty.
pub async fn sum(cx: &mut Cx<'_>, args: Sum) -> CmdResult {
    let end = args.start.wrapping_add(args.size);
    if let Some(memory) = cx.host.memory() {
        let (mut sum, mut address) = (0, u64::from(args.start));
        let mut line = [0; hosted::LINE];
        while address < end.into() {
            let left = usize::try_from(u64::from(end) - address).unwrap_or(hosted::LINE);
            let part = &mut line[..left.min(hosted::LINE)];
            hosted::physical(memory, address, part);
            sum = part.iter().fold(sum, bsd_sum);
            address += part.len() as u64;
        }
        writeln!(cx, "{sum:05}")?;
        return Ok(());
    }
    let reader = Reader::open(cx.means()).await?;
    let result = checksum(&reader, args.start, end).await;
    let sum = reader.close(result).await?;
    writeln!(cx, "{sum:05}")?;
    Ok(())
}

async fn checksum(reader: &Reader<'_>, start: u32, end: u32) -> Result<u16, ReadError> {
    let (mut sum, mut address) = (0, u64::from(start));
    while address < end.into() {
        let size = CHUNK.min(u64::from(end) - address);
        let content = reader.physical_memory(address, size).await?;
        sum = content.iter().fold(sum, bsd_sum);
        address += size;
    }
    Ok(sum)
}

fn bsd_sum(sum: u16, byte: &u8) -> u16 {
    sum.rotate_right(1).wrapping_add(u16::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf hello | sum`
    #[test]
    fn checksums_are_bsd_s() {
        assert_eq!(b"hello".iter().fold(0, bsd_sum), 8403);
    }
}
