// SPDX-License-Identifier: GPL-2.0-or-later
//! Which change of the source is on: the one whose number `HMP_MUTANT` holds. This file is for
//! changed copies of the engine alone.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

const COUNT: usize = 1;

static ON: LazyLock<Option<usize>> = LazyLock::new(|| env::var("HMP_MUTANT").ok()?.parse().ok());
static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
/// Where the changes that are passed by are noted.
static REACHED: LazyLock<Option<File>> = LazyLock::new(|| {
    let file = env::var_os("HMP_MUTANTS_REACHED")?;
    OpenOptions::new().append(true).open(file).ok()
});

pub fn on(number: usize) -> bool {
    if !SEEN[number].swap(true, Ordering::Relaxed)
        && let Some(mut file) = REACHED.as_ref()
    {
        let _ = file.write_all(format!("{number}\n").as_bytes());
    }
    *ON == Some(number)
}
