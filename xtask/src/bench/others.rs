// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's own Python clients, in an environment below `target`, where that can be made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `qemu.qmp`'s programs and its interpreter.
#[derive(Clone)]
pub struct Python(PathBuf);

/// One request after the other through the library, as its manual does.
const LIBRARY: &str = "
import asyncio, sys
from qemu.qmp import QMPClient
async def main():
    client = QMPClient('bench')
    await client.connect(sys.argv[1])
    for line in sys.stdin:
        await client.execute(line.strip())
    await client.disconnect()
asyncio.run(main())
";

impl Python {
    /// Makes the environment, or says why there is none.
    pub fn find() -> Result<Self, String> {
        let folder = Path::new("target/bench-python");
        let python = folder.join("bin/python");
        if !folder.join("bin/qmp-shell").exists() {
            quiet(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet", "qemu.qmp"]))?;
        }
        Ok(Self(folder.join("bin")))
    }

    /// `qmp-shell -H`: lines of the built-in monitor over QMP.
    pub fn shell(&self, socket: &Path) -> Command {
        let mut command = Command::new(self.0.join("qmp-shell"));
        command.arg("-H").arg(socket);
        command
    }

    /// The library; it reads names of commands.
    pub fn library(&self, socket: &Path) -> Command {
        let mut command = Command::new(self.0.join("python"));
        command.args(["-c", LIBRARY]).arg(socket);
        command
    }
}

fn quiet(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("it fails").to_owned();
            Err(format!("qemu.qmp is not here: {last}"))
        }
    }
}
