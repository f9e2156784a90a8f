// SPDX-License-Identifier: GPL-2.0-or-later
//! A domain of a real libvirt: the URI in `HMP_TEST_LIBVIRT`, whose user may start QEMUs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::common::program::{hmp, run};
use crate::common::qemu::{qemus, skipped};

/// `virsh` at the URI.
struct Virsh(PathBuf);

impl Virsh {
    fn at(uri: &str, folder: &Path) -> Self {
        let path = folder.join("virsh");
        fs::write(&path, format!("#!/bin/sh\nexec virsh -c '{uri}' \"$@\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.0).args(arguments).output().unwrap()
    }
}

/// A domain that was never started; it is destroyed with its handle.
struct Domain {
    virsh: Virsh,
    name: String,
    _folder: TempDir,
}

impl Domain {
    fn start(uri: &str, emulator: &Path) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let virsh = Virsh::at(uri, folder.path());
        let name = format!("hmp-test-{}", std::process::id());
        let description = folder.path().join("domain.xml");
        let text = format!(
            "<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>\
             <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>\
             <devices><emulator>{}</emulator></devices></domain>",
            emulator.display()
        );
        fs::write(&description, text).unwrap();
        let made = virsh.run(&["create", "--paused", description.to_str().unwrap()]);
        assert!(made.status.success(), "{made:?}");
        Self {
            virsh,
            name,
            _folder: folder,
        }
    }

    /// What QEMU's own monitor answers, without the line ends that virsh adds.
    fn built_in(&self, line: &str) -> String {
        let command = ["qemu-monitor-command", "--hmp", &self.name, line];
        let answer = self.virsh.run(&command);
        assert!(answer.status.success(), "{answer:?}");
        let text = String::from_utf8(answer.stdout).unwrap();
        text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        self.virsh.run(&["destroy", &self.name]);
    }
}

#[test]
fn a_domain_answers_as_its_own_monitor_does() {
    let Ok(uri) = std::env::var("HMP_TEST_LIBVIRT") else {
        return skipped("no libvirt (HMP_TEST_LIBVIRT is the URI of one)");
    };
    let Some(emulator) = qemus().into_iter().find(|path| {
        path.file_name()
            .is_some_and(|name| name == "qemu-system-x86_64")
    }) else {
        return skipped("no qemu-system-x86_64");
    };
    let domain = Domain::start(&uri, &emulator);
    let ran = |more: &[&str], line: &str| {
        let mut command = hmp();
        command.env("HMP_VIRSH", &domain.virsh.0);
        run(command
            .args(["--libvirt", &domain.name, "--yes"])
            .args(more)
            .args(["-c", line]))
    };
    for line in [
        "info status",
        "info name",
        "info pci",
        "info qtree",
        "info qom-tree",
        "info registers",
        "xp/10xw 0xffff0",
        "x/4i $pc",
        "device_add nosuch",
        "device_del nosuch",
        "qom-list /machine",
        "help info",
        "print 1 +",
        "bogus",
    ] {
        let answer = ran(&[], line);
        let text = answer.stdout.trim_end_matches('\n');
        assert_eq!(text, domain.built_in(line), "{line}: {answer:?}");
    }
    let answer = ran(&[], "device_add virtio-rng-pci,id=r");
    assert_eq!((answer.code, &*answer.stdout), (Some(0), ""), "{answer:?}");
    assert!(domain.built_in("info qtree").contains("id \"r\""));
    for line in ["info status", "info pci", "info qom-tree"] {
        let answer = ran(&["--native-only"], line);
        let text = answer.stdout.trim_end_matches('\n');
        assert_eq!(text, domain.built_in(line), "{line}");
    }
    let answer = ran(&[], "quit");
    assert_eq!((answer.code, &*answer.stdout), (Some(0), ""), "{answer:?}");
}
