// SPDX-License-Identifier: GPL-2.0-or-later
//! The list of running QEMUs, as text.

use crate::discover::{Socket, Vm};
use crate::host::users;
use crate::terminal::escape::for_terminal;

/// The names of the columns.
const HEADER: &str = "PID\tNAME\tOWNER\tSTATE\tMACHINE\tADDRESS\tREMARKS\n";

/// A header and one line per QEMU, with tabs between the columns. `-` is what is not known.
pub(super) fn list(vms: &[Vm]) -> String {
    let mut text = HEADER.to_owned();
    for vm in vms {
        let shown = vm.best().or(vm.sockets.first());
        let fields = [
            vm.pid.to_string(),
            field(vm.name.as_deref().unwrap_or("-")),
            field(&users::shown(vm.owner)),
            (if vm.stopped { "stopped" } else { "running" }).to_owned(),
            field(vm.machine.as_deref().unwrap_or("-")),
            shown.map_or_else(|| "-".to_owned(), |s| field(&s.address.to_string())),
            remarks(vm, shown),
        ];
        text.push_str(&fields.join("\t"));
        text.push('\n');
    }
    text
}

/// A QEMU as a part of a sentence.
pub(super) fn described(vm: &Vm) -> String {
    let name = field(vm.name.as_deref().unwrap_or("a QEMU without a name"));
    if vm.ours {
        return format!("{name} (process {})", vm.pid);
    }
    let owner = field(&users::shown(vm.owner));
    let contained = if vm.contained { ", in a container" } else { "" };
    format!("{name} (process {}, user {owner}{contained})", vm.pid)
}

fn remarks(vm: &Vm, shown: Option<&Socket>) -> String {
    let mut remarks: Vec<String> = Vec::new();
    if vm.contained {
        remarks.push("in a container".to_owned());
    }
    match shown {
        Some(shown) => remarks.extend(about(shown)),
        None if vm.ours => remarks.push("no QMP socket".to_owned()),
        None => remarks.push("no QMP socket within reach".to_owned()),
    }
    for other in vm.sockets.iter().filter(|other| Some(*other) != shown) {
        let about = about(other);
        remarks.push(match about.is_empty() {
            true => format!("also {}", other.address),
            false => format!("also {} ({})", other.address, about.join(", ")),
        });
    }
    match remarks.is_empty() {
        true => "-".to_owned(),
        false => field(&remarks.join("; ")),
    }
}

fn about(socket: &Socket) -> Vec<String> {
    let manager = socket
        .manager
        .map(|manager| format!("managed by {manager}"));
    let taken = socket.taken.then(|| match &socket.holder {
        Some(holder) => format!("in use by {holder}"),
        None => "in use".to_owned(),
    });
    manager.into_iter().chain(taken).collect()
}

/// A text that other programs chose, so that it keeps to its column.
pub(super) fn field(text: &str) -> String {
    let text = for_terminal(text);
    text.replace('\t', "\\x09").replace('\n', "\\x0a")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::address::Address;
    use crate::discover::{Holder, Manager};

    fn socket(path: &str, taken: bool) -> Socket {
        Socket {
            address: Address::Unix(path.into()),
            manager: None,
            taken,
            holder: None,
        }
    }

    fn vm(sockets: Vec<Socket>) -> Vm {
        Vm {
            pid: 5,
            name: Some("web1".into()),
            owner: 0,
            ours: true,
            contained: false,
            stopped: false,
            machine: Some("q35".into()),
            sockets,
        }
    }

    fn line(vm: Vm) -> String {
        let text = list(&[vm]);
        text.strip_prefix(HEADER).unwrap().to_owned()
    }

    #[test]
    fn a_line_per_vm() {
        assert_eq!(
            line(vm(vec![socket("/a", false)])),
            "5\tweb1\troot\trunning\tq35\tunix:/a\t-\n"
        );
        let mut held = socket("/a", true);
        held.holder = Some(Holder {
            pid: 9,
            program: "hmp".into(),
        });
        let two = line(vm(vec![held.clone(), socket("/b", false)]));
        assert_eq!(
            two,
            "5\tweb1\troot\trunning\tq35\tunix:/b\talso unix:/a (in use by hmp (pid 9))\n"
        );
        held.manager = Some(Manager::Libvirt);
        held.holder = None;
        assert!(line(vm(vec![held])).ends_with("\tunix:/a\tmanaged by libvirt; in use\n"));
    }

    #[test]
    fn the_manual_knows_every_column() {
        let manual = include_str!("../../../../docs/hmp.md");
        let (_, table) = manual.split_once("| column | meaning |\n").unwrap();
        let rows = table
            .lines()
            .skip(1)
            .map_while(|line| line.strip_prefix("| `"));
        let names: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert_eq!(names.join("\t") + "\n", HEADER);
    }

    #[test]
    fn what_is_not_known() {
        let nameless = Vm {
            name: None,
            machine: None,
            stopped: true,
            owner: 4_000_000_001,
            ours: false,
            contained: true,
            ..vm(Vec::new())
        };
        assert_eq!(
            described(&nameless),
            "a QEMU without a name (process 5, user 4000000001, in a container)"
        );
        assert_eq!(
            line(nameless),
            "5\t-\t4000000001\tstopped\t-\t-\tin a container; no QMP socket within reach\n"
        );
    }

    #[test]
    fn names_keep_to_their_column() {
        let odd = Vm {
            name: Some("a\tb\nc\x1b".into()),
            ..vm(Vec::new())
        };
        assert_eq!(
            line(odd),
            "5\ta\\x09b\\x0ac\\x1b\troot\trunning\tq35\t-\tno QMP socket\n"
        );
    }
}
