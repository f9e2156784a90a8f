// SPDX-License-Identifier: GPL-2.0-or-later
//! The table of internal snapshots (block/qapi.c, `bdrv_snapshot_dump`).

use serde::Deserialize;

use crate::format::number::human;
use crate::format::sign::Sign as _;
use crate::format::text::{left, right};
use crate::format::time;
use crate::qmp::version::{Version, v};

/// A snapshot inside an image, as QMP describes it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Snapshot {
    /// The number that the image gave it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Bytes of saved memory and device state; 0 for snapshots of the disk alone.
    pub vm_state_size: u64,
    /// When it was taken, in seconds since 1970.
    pub date_sec: i64,
    /// The guest's clock, in whole seconds.
    pub vm_clock_sec: i64,
    /// The rest of the guest's clock, in nanoseconds.
    pub vm_clock_nsec: i64,
    /// The number of instructions, where they are counted.
    pub icount: Option<i64>,
}

/// The first release that prints `--` where instructions are not counted, and columns of other
/// widths (9.0, commit 52df1a5b61 of QEMU).
const NEW_COLUMNS: Version = v(9, 0);

/// The line above the table, without a line end.
#[must_use]
pub fn header(version: Version) -> &'static str {
    if version < NEW_COLUMNS {
        "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT"
    } else {
        "ID      TAG               VM_SIZE                DATE        VM_CLOCK     ICOUNT"
    }
}

/// The line of one snapshot, without a line end. `id` is in its first column; `offset` is the
/// distance from UTC when it was taken, in seconds.
#[must_use]
pub fn row(snapshot: &Snapshot, id: &str, offset: i32, version: Version) -> String {
    let nanoseconds = snapshot
        .vm_clock_sec
        .wrapping_mul(1_000_000_000)
        .wrapping_add(snapshot.vm_clock_nsec)
        .as_unsigned();
    let seconds = nanoseconds / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let (seconds, milliseconds) = (seconds % 60, nanoseconds / 1_000_000 % 1000);
    let size = human(snapshot.vm_state_size);
    let date = time::date_and_time(snapshot.date_sec, offset);
    let icount = snapshot.icount.map(|n| n.to_string());
    if version < NEW_COLUMNS {
        let clock = format!("{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}");
        format!(
            "{} {} {size:>8}{date:>20}{clock:>13}{:>11}",
            left(id, 9),
            left(&snapshot.name, 16),
            icount.unwrap_or_default()
        )
    } else {
        let clock = format!("{hours:04}:{minutes:02}:{seconds:02}.{milliseconds:03}");
        format!(
            "{} {} {size:>8} {date:>19} {clock:>15} {}",
            left(id, 7),
            left(&snapshot.name, 16),
            right(icount.as_deref().unwrap_or("--"), 10)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rows as 7.2.22 and 10.0.2 print them.
    #[test]
    fn columns_changed_with_9_0() {
        let snapshot = Snapshot {
            id: "1".into(),
            name: "one".into(),
            vm_state_size: 84_746_240,
            date_sec: 951_782_399,
            vm_clock_sec: 2 * 3600 + 3 * 60 + 4,
            vm_clock_nsec: 56_789_000,
            icount: None,
        };
        let row = |version| row(&snapshot, "1", 0, version);
        let old = "1         one              80.8 MiB 2000-02-28 23:59:59 02:03:04.056           ";
        let new =
            "1       one              80.8 MiB 2000-02-28 23:59:59  0002:03:04.056         --";
        assert_eq!((row(v(8, 2)), row(v(9, 0))), (old.into(), new.into()));
        assert_eq!(header(v(8, 2)).find("VM SIZE"), Some(28));
        assert_eq!(header(v(9, 0)).find("VM_SIZE"), Some(26));
    }
}
