// SPDX-License-Identifier: GPL-2.0-or-later
//! The host of a program that runs on tokio and has nobody to ask: a clock and memory files.

pub mod files;
pub mod inherited;
pub mod memfd;
pub mod owner;
pub mod private_file;
pub mod sockets;
pub mod users;

use std::time::Duration;

use hmp_engine::host::{Fate, Host, MemoryFile, PrivateFile, Sockets};
use hmp_engine::qmp::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The program around the engine, as far as every program on tokio is alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unattended;

impl Host for Unattended {
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        local_time(seconds, &TimeZone::system())
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        memfd::create()
    }

    fn private_file(&self) -> Option<Box<dyn PrivateFile>> {
        private_file::create(&std::env::temp_dir())
    }

    fn sockets(&self) -> Option<&dyn Sockets> {
        Some(&sockets::Private)
    }

    fn owner(&self) -> Option<String> {
        owner::text()
    }

    fn fate(&self, owner: &str) -> Fate {
        owner::fate(owner)
    }
}

/// A moment (now, by default) and the zone's offset from UTC then; beyond the years that are known,
/// UTC.
fn local_time(seconds: Option<i64>, zone: &TimeZone) -> (i64, i32) {
    let moment = match seconds {
        None => Ok(Timestamp::now()),
        Some(seconds) => Timestamp::from_second(seconds),
    };
    match moment {
        Ok(moment) => (moment.as_second(), zone.to_offset(moment).seconds()),
        Err(_) => (seconds.unwrap_or_default(), 0),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::local_time;

    #[test]
    fn times_have_their_zones_offset() {
        let zone = TimeZone::fixed(Offset::constant(2));
        assert_eq!(local_time(Some(0), &zone), (0, 7200));
        assert_eq!(local_time(Some(i64::MAX), &zone), (i64::MAX, 0));
        let (now, offset) = local_time(None, &zone);
        assert!(now > 1_700_000_000 && offset == 7200);
    }
}
