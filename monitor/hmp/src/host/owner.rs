// SPDX-License-Identifier: GPL-2.0-or-later
//! Who began what is found in a QEMU: this program's name for itself, and what became of others.
//!
//! The text is `BOOT.NAMESPACE.PID.START.MOMENT`, in hexadecimal: the first digits of the system's
//! boot id, the number of the pid namespace, the process, its start (in clock ticks since the boot)
//! and the moment (in microseconds since 1970).

use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use hmp_engine::format::sign::Sign as _;
use hmp_engine::host::Fate;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// After so many microseconds, what a program of another boot or namespace left counts as left
/// behind: an hour.
const LONG_AGO: u64 = 3600 * 1_000_000;

/// A process, as its text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    boot: u64,
    namespace: u64,
    pid: i32,
    start: u64,
    moment: u64,
}

/// This program's text at this moment; `None` where `/proc` does not say what it takes.
#[must_use]
pub fn text() -> Option<String> {
    let pid = std::process::id();
    let start = start_of(pid.as_signed())?;
    let (boot, namespace) = here()?;
    let moment = now();
    Some(format!(
        "{boot:x}.{namespace:x}.{pid:x}.{start:x}.{moment:x}"
    ))
}

/// What became of the program with this text.
#[must_use]
pub fn fate(text: &str) -> Fate {
    match (read(text), here()) {
        (Some(owner), Some(here)) => judge(owner, here, now(), lives),
        _ => Fate::Unknown,
    }
}

/// Of another boot or namespace nothing is known but the moment.
fn judge(owner: Owner, here: (u64, u64), now: u64, lives: impl Fn(Owner) -> bool) -> Fate {
    if (owner.boot, owner.namespace) == here {
        if lives(owner) {
            Fate::Lives
        } else {
            Fate::Gone
        }
    } else if now.saturating_sub(owner.moment) > LONG_AGO {
        Fate::Gone
    } else {
        Fate::Unknown
    }
}

fn read(text: &str) -> Option<Owner> {
    let mut numbers = text
        .split('.')
        .map(|number| u64::from_str_radix(number, 16));
    let mut next = || numbers.next()?.ok();
    let owner = Owner {
        boot: next()?,
        namespace: next()?,
        pid: i32::try_from(next()?).ok()?,
        start: next()?,
        moment: next()?,
    };
    numbers.next().is_none().then_some(owner)
}

/// This boot, and the namespace that our process numbers belong to.
fn here() -> Option<(u64, u64)> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let boot = u64::from_str_radix(boot.get(..8)?, 16).ok()?;
    let namespace = std::fs::metadata("/proc/self/ns/pid").ok()?.ino();
    Some((boot, namespace))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0))
}

/// Whether that very process is there. `/proc` may hide those of other users: then the number alone
/// decides.
fn lives(owner: Owner) -> bool {
    let Some(pid) = Pid::from_raw(owner.pid) else {
        return false;
    };
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return false;
    }
    start_of(owner.pid).is_none_or(|start| start == owner.start)
}

/// When a process started, in clock ticks since the boot; `None` where it is not to be seen. One
/// that has ended and was not waited for counts as started never.
pub(crate) fn start_of(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything, brackets too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    if let "Z" | "X" | "x" = fields.next()? {
        return Some(u64::MAX);
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn we_live() {
        let text = text().unwrap();
        assert!(
            text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'),
            "{text}"
        );
        assert_eq!(fate(&text), Fate::Lives);
    }

    #[test]
    fn who_ended_is_gone_waited_for_or_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let (boot, namespace) = here().unwrap();
        let pid = child.id().as_signed();
        let start = start_of(pid).unwrap();
        let text = format!("{boot:x}.{namespace:x}.{pid:x}.{start:x}.0");
        assert_eq!(fate(&text), Fate::Lives);
        let other = format!("{boot:x}.{namespace:x}.{pid:x}.{:x}.0", start + 1);
        assert_eq!(fate(&other), Fate::Gone);
        child.kill().unwrap();
        while start_of(pid) != Some(u64::MAX) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(fate(&text), Fate::Gone);
        child.wait().unwrap();
        assert_eq!(fate(&text), Fate::Gone);
    }

    #[test]
    fn foreign_ones_count_as_gone_after_an_hour() {
        let owner = Owner {
            boot: 1,
            namespace: 2,
            pid: 3,
            start: 4,
            moment: 1_000_000,
        };
        let judged = |here, now| judge(owner, here, now, |_| false);
        assert_eq!(judged((1, 2), 1_000_000), Fate::Gone);
        for here in [(9, 2), (1, 9)] {
            assert_eq!(judged(here, 1_000_000 + LONG_AGO), Fate::Unknown);
            assert_eq!(judged(here, 1_000_001 + LONG_AGO), Fate::Gone);
            // The clock was set back.
            assert_eq!(judged(here, 0), Fate::Unknown);
        }
        assert_eq!(judge(owner, (1, 2), u64::MAX, |_| true), Fate::Lives);
    }

    #[test]
    fn other_text_says_nothing() {
        for text in [
            "",
            "a",
            "1.2.3.4",
            "1.2.3.4.5.6",
            "1.2.ffffffff.4.5",
            "x.2.3.4.5",
            "1..3.4.5",
        ] {
            assert_eq!(fate(text), Fate::Unknown, "{text}");
        }
    }
}
