// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMUs to measure on: stopped, with a QMP socket and the built-in monitor on one of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::clients::{Builtin, Raw};
use crate::error::Error;

/// Root ports of the VM of the trees.
pub const PORTS: usize = 100;

/// How long a QEMU may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A QEMU that ends with this.
pub struct Vm {
    child: Child,
    folder: TempDir,
}

impl Vm {
    /// A PC without devices, and what `more` adds.
    pub fn start(qemu: &Path, more: &[String]) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let socket = |name: &str| {
            let path = folder.path().join(name);
            format!("unix:{},server=on,wait=off", path.display())
        };
        let child = Command::new(qemu)
            .args(["-nodefaults", "-display", "none", "-S"])
            .args(["-qmp", &socket("qmp"), "-monitor", &socket("hmp")])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut vm = Self { child, folder };
        let begun = Instant::now();
        // The second socket is there when all is.
        while Builtin::connect(&vm.builtin()).is_err() || Raw::connect(&vm.qmp()).is_err() {
            if let Some(status) = vm.child.try_wait()? {
                return Err(format!("{} ended: {status}", qemu.display()).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} does not begin", qemu.display()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(vm)
    }

    pub fn qmp(&self) -> PathBuf {
        self.folder.path().join("qmp")
    }

    pub fn builtin(&self) -> PathBuf {
        self.folder.path().join("hmp")
    }

    /// A path of this VM's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // One that has ended needs no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A q35 with this many root ports.
pub fn with_ports(count: usize) -> Vec<String> {
    let mut arguments = vec!["-M".to_owned(), "q35".to_owned()];
    for number in 0..count {
        let (slot, function) = (2 + number / 8, number % 8);
        arguments.push("-device".into());
        arguments.push(format!(
            "pcie-root-port,id=p{number},chassis={},addr={slot:x}.{function:x},multifunction=on",
            number + 1
        ));
    }
    arguments
}
