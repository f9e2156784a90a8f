// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity talk`.

use parity::live::talk::random::{Plan, talk};
use parity::live::talk::{Differs, recorded};

use crate::cli::Talk;
use crate::common::{Done, print, runtime};

impl Talk {
    /// Talks to the sockets of every QEMU.
    pub fn run(&self) -> Done {
        let differs = Differs::load(&self.differs)?;
        let hmp = match &self.hmp {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("hmp"),
        };
        let runtime = runtime()?;
        let mut same = true;
        for program in self.programs.all()? {
            let text = match self.random {
                Some(sessions) => {
                    let plan = Plan {
                        seed: self.seed,
                        sessions,
                        native_only: self.native_only,
                    };
                    let talked = runtime.block_on(talk(&program, &hmp, plan, &differs))?;
                    same &= talked.different.is_empty();
                    talked.render()
                }
                None => {
                    let only = self.only.as_ref();
                    let playing = recorded::play(&self.file, only, &program, &hmp, &differs);
                    let played = runtime.block_on(playing)?;
                    same &= played.different.is_empty();
                    played.render()
                }
            };
            print(&format!("{}:\n{text}", program.qemu))?;
        }
        Ok(same)
    }
}
