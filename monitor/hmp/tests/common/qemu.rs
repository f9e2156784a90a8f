// SPDX-License-Identifier: GPL-2.0-or-later
//! Real QEMUs, for the tests that want one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The QEMUs to test with: those of `HMP_TEST_QEMUS` (system emulators, separated by colons), else
/// `qemu-system-x86_64` where PATH has it. Says so where there is none.
pub fn qemus() -> Vec<PathBuf> {
    let found: Vec<PathBuf> = match std::env::var_os("HMP_TEST_QEMUS") {
        Some(list) => std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths)
            .map(|folder| folder.join("qemu-system-x86_64"))
            .find(|path| path.is_file())
            .into_iter()
            .collect(),
    };
    if found.is_empty() {
        skipped("no QEMU (set HMP_TEST_QEMUS, or put qemu-system-x86_64 on PATH)");
    }
    found
}

/// Says that a test can't do what it is for here.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by a macro: what those print is shown only for tests that fail.
    let _ = writeln!(std::io::stderr(), "{test} skipped: {why}");
}

/// A QEMU without a guest, stopped, with a QMP socket. It ends with its handle.
pub struct Qemu {
    child: Child,
    folder: TempDir,
}

impl Qemu {
    pub fn start(program: &Path, more: &[&str]) -> Self {
        // Some QEMUs run in a root that shares nothing but this folder.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let socket = folder.path().join("q");
        let child = Command::new(program)
            .args(["-nodefaults", "-display", "none", "-S", "-name", "tested"])
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .args(machine(program))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut qemu = Self { child, folder };
        let begun = Instant::now();
        while !socket.exists() {
            let ended = qemu.child.try_wait().unwrap();
            assert_eq!(ended, None, "{} ended at once", program.display());
            assert!(begun.elapsed() < Duration::from_secs(30), "no socket");
            std::thread::sleep(Duration::from_millis(20));
        }
        qemu
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("q")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn wait(&mut self) {
        let begun = Instant::now();
        while self.lives() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The machine for targets that have no default one.
fn machine(program: &Path) -> &'static [&'static str] {
    let name = program.file_name().unwrap().to_string_lossy();
    if name.contains("aarch64") || name.contains("arm") || name.contains("riscv64") {
        &["-M", "virt"]
    } else {
        &[]
    }
}

/// An address in the RAM of a QEMU's machine.
pub fn ram(program: &Path) -> u64 {
    let name = program.file_name().unwrap().to_string_lossy();
    let start = if name.contains("aarch64") || name.contains("arm") {
        0x4000_0000
    } else if name.contains("riscv") {
        0x8000_0000
    } else {
        0
    };
    start + 0x10_0000
}
