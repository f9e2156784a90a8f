// SPDX-License-Identifier: GPL-2.0-or-later
//! What all recordings of a VM's QMP session have in common.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;

use hmp::client::{Client, Options};
use mock_qmp::record::{Proxy, proxy};
use mock_qmp::recording::{FORMAT, Machine, QemuVersion, without_repeats};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::case::Case;
use crate::live::programs::Program;
use crate::live::vm::{Vm, VmError};

/// Where the VMs of recordings live, so that every recording has the same paths.
pub const DIR: &str = "/tmp/hmp-vm";

/// A connection to the VM through the recorder, and the task that passes it on, which ends with the
/// client.
pub async fn through(recorder: &Proxy, vm: &Vm) -> Result<(Client, JoinHandle<()>), VmError> {
    let (client, inner) = StdUnixStream::pair()?;
    let qemu_side = StdUnixStream::connect(vm.dir().join("rec.sock"))?;
    let recorder = recorder.clone();
    let passing = tokio::spawn(async move {
        let _ = proxy(inner, qemu_side, &recorder).await;
    });
    client.set_nonblocking(true)?;
    let client = UnixStream::from_std(client)?;
    let (client, _) = Client::from_unix(client, &relayed()).await?;
    Ok((client, passing))
}

/// How to connect to what stands between us and the QEMU of a recording, when it is made and when
/// it is replayed.
#[must_use]
pub fn relayed() -> Options {
    Options {
        relayed: true,
        ..Options::default()
    }
}

/// What a recording says of its machine.
#[must_use]
pub fn machine(case: &Case, program: &Program) -> Machine {
    Machine {
        format: FORMAT,
        arch: program.qemu.arch().to_owned(),
        machine: machine_type(case).to_owned(),
        variant: case.variant.clone(),
        arguments: Vec::new(),
        schema: String::new(),
        topics: Vec::new(),
        ignore: Vec::new(),
        qemu: QemuVersion {
            major: program.version.major,
            minor: program.version.minor,
            micro: program.version.micro,
            package: String::new(),
        },
    }
}

/// The folder of recordings of a case.
#[must_use]
pub fn folder_name(case: &Case, program: &Program) -> String {
    let variant = match case.variant.as_str() {
        "" => String::new(),
        variant => format!("+{variant}"),
    };
    format!("{}-{}{variant}", program.qemu, machine_type(case))
}

fn machine_type(case: &Case) -> &str {
    case.machine().unwrap_or("default")
}

/// Takes repeats out of a topic that is finished.
pub fn tidy(topic: &Path) -> std::io::Result<()> {
    let text = std::fs::read_to_string(topic)?;
    std::fs::write(topic, without_repeats(&text))
}
