// SPDX-License-Identifier: GPL-2.0-or-later
//! `cargo xtask sweep-today`: other machines every day. What it finds becomes a case; a run never
//! fails by it.

use std::process::Command;
use std::time::SystemTime;

use hmp_engine::format::time;

use crate::error::Error;

/// Sweeps the QEMUs at hand, and reports.
pub fn run(count: usize) -> Result<(), Error> {
    let seed = today()?;
    let mut sweep = Command::new(env!("CARGO"));
    sweep.args(["run", "-q", "-p", "parity", "--", "sweep"]);
    sweep.args(["--random", &count.to_string(), "--seed", &seed]);
    let status = sweep.status()?;
    match status.code() {
        Some(0) => println!("sweep of {seed}: all alike"),
        Some(1) => println!("sweep of {seed}: differences, see above; each names what repeats it"),
        _ => println!("sweep of {seed}: no sweep ({status})"),
    }
    Ok(())
}

/// The date as a number, such as 20260131, by UTC: the same everywhere on one day.
fn today() -> Result<String, Error> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(date(i64::try_from(since.as_secs())?))
}

fn date(seconds: i64) -> String {
    let mut date = time::compact(seconds, 0);
    date.truncate(8);
    date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_seed() {
        assert_eq!(date(951_782_400), "20000229");
        assert!(today().unwrap().parse::<u64>().is_ok());
    }
}
