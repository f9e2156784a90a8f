// SPDX-License-Identifier: GPL-2.0-or-later
//! What VMs run on: an accelerator of QEMU's, where this host has it.

use std::fs::OpenOptions;
use std::process::Command;

use super::programs::Program;

/// An accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// The host's CPUs.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

impl Accel {
    /// QEMU's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// QEMU's arguments for it.
    #[must_use]
    pub fn args(self) -> [String; 2] {
        ["-accel".to_owned(), self.word().to_owned()]
    }

    /// Why VMs of this QEMU can't run on it here; none where they can.
    #[must_use]
    pub fn lacks(self, program: &Program) -> Option<String> {
        if self == Self::Tcg {
            return None;
        }
        let (guest, host) = (program.qemu.arch(), std::env::consts::ARCH);
        if guest != host {
            return Some(format!("its guests are {guest}, and this host is {host}"));
        }
        if let Err(error) = OpenOptions::new().read(true).write(true).open(KVM) {
            return Some(format!("{KVM}: {error}"));
        }
        // It may see other devices than this process does, and was perhaps built without.
        let listed = Command::new(&program.path)
            .args(["-accel", "help"])
            .output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        match listed {
            Ok(listed) if listed.lines().any(|line| line.trim() == "kvm") => None,
            Ok(_) => Some("it is built without KVM".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Whether arguments leave the choice of an accelerator open.
    #[must_use]
    pub fn is_open(args: &[String]) -> bool {
        let decides = |arg: &String| {
            ["-accel", "-icount", "-enable-kvm"].contains(&arg.as_str()) || arg.contains("accel=")
        };
        !args.iter().any(decides)
    }
}

/// What KVM is opened by.
const KVM: &str = "/dev/kvm";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use hmp_engine::qmp::version::v;

    use super::*;
    use crate::case::Qemu;

    #[test]
    fn another_architecture_has_no_kvm() {
        let program = Program {
            path: PathBuf::from("qemu"),
            version: v(10, 0),
            qemu: Qemu::new(v(10, 0), "sparc"),
            build: String::new(),
        };
        let reason = Accel::Kvm.lacks(&program).unwrap();
        assert!(reason.contains("sparc"), "{reason}");
        assert_eq!(Accel::Tcg.lacks(&program), None);
    }

    #[test]
    fn what_has_an_accelerator_keeps_it() {
        let args = |list: &[&str]| list.iter().map(|&a| a.to_owned()).collect::<Vec<_>>();
        assert!(Accel::is_open(&args(&["-M", "q35"])));
        assert!(!Accel::is_open(&args(&["-M", "q35,accel=tcg"])));
        assert!(!Accel::is_open(&args(&["-icount", "shift=auto"])));
    }
}
