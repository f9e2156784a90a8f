// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity fuzz`.

use parity::live::fuzz;

use crate::cli::Fuzz;
use crate::common::{Done, print, runtime};

impl Fuzz {
    /// Tries random lines on every QEMU.
    pub fn run(&self) -> Done {
        let runtime = runtime()?;
        let mut same = true;
        for program in self.programs.all()? {
            let found = runtime.block_on(fuzz::on(&program, self.seed, self.count))?;
            print(&format!("{}:\n{}", program.qemu, found.render()))?;
            same &= found.differences.is_empty();
        }
        Ok(same)
    }
}
