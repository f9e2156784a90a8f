// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity record`.

use parity::case::{self, Case};
use parity::recorded::record;

use crate::cli::Record;
use crate::common::{Done, print, runtime};

impl Record {
    /// Records every case on every QEMU that it suits.
    pub fn run(&self) -> Done {
        let cases = case::load(&self.cases)?;
        let runtime = runtime()?;
        let mut all = true;
        for program in &self.programs.all()? {
            let wanted = |case: &&Case| {
                let is_there = || record::topic(case, program, &self.out).exists();
                case.suits(&program.qemu) && (!self.again || is_there())
            };
            for case in cases.iter().filter(wanted) {
                match runtime.block_on(record::record(case, program, &self.out)) {
                    Ok(folder) => print(&format!("{}: {}\n", folder.display(), case.name))?,
                    Err(error) => {
                        print(&format!("{}: {}: {error}\n", program.qemu, case.name))?;
                        all = false;
                    }
                }
            }
        }
        Ok(all)
    }
}
