// SPDX-License-Identifier: GPL-2.0-or-later
//! A QEMU, and what listens in front of it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::live::folder;

/// How long a program may take to open its sockets.
const START: Duration = Duration::from_secs(30);

/// Processes of one machine, ended when it is dropped.
pub(super) struct Machine {
    children: Vec<Child>,
}

impl Machine {
    /// Starts QEMU in `dir`, and waits for `socket`.
    pub(super) async fn start(
        qemu: &Path,
        dir: &Path,
        args: &[String],
        socket: &Path,
    ) -> io::Result<Self> {
        let mut machine = Self {
            children: Vec::new(),
        };
        let mut command = folder::command(qemu, dir);
        command.args(args);
        machine.spawn(command, dir, "qemu", socket).await?;
        Ok(machine)
    }

    /// Starts a program in front of it, and waits for `socket`.
    pub(super) async fn add(
        &mut self,
        program: &Path,
        dir: &Path,
        args: &[String],
        socket: Option<&Path>,
    ) -> io::Result<()> {
        let mut command = folder::command(program, dir);
        command.args(args);
        match socket {
            Some(socket) => self.spawn(command, dir, "hmp", socket).await,
            None => {
                let child = quiet(&mut command, dir, "hmp")?.spawn()?;
                self.children.push(child);
                Ok(())
            }
        }
    }

    async fn spawn(
        &mut self,
        mut command: Command,
        dir: &Path,
        name: &str,
        socket: &Path,
    ) -> io::Result<()> {
        let mut child = quiet(&mut command, dir, name)?.spawn()?;
        let deadline = Instant::now() + START;
        while !socket.exists() {
            if child.try_wait()?.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(log(dir, name)).unwrap_or_default();
                return Err(io::Error::other(format!("{name}: {}", said.trim())));
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.children.push(child);
        Ok(())
    }

    /// The process number of QEMU.
    pub(super) fn pid(&self) -> Option<u32> {
        self.children.first()?.id()
    }

    /// Ends all, the last first.
    pub(super) async fn end(mut self) {
        for child in self.children.iter_mut().rev() {
            // It may have ended by itself.
            let _ = child.kill().await;
        }
    }
}

fn log(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

fn quiet<'a>(command: &'a mut Command, dir: &Path, name: &str) -> io::Result<&'a mut Command> {
    let log = std::fs::File::create(log(dir, name))?;
    Ok(command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true))
}
