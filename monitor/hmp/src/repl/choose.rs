// SPDX-License-Identifier: GPL-2.0-or-later
//! Which QEMU to use when none was named, and the list of those that run.

use std::fmt::Write;

use crate::client::address::Address;
use crate::discover::Found;
use crate::terminal::escape::for_terminal;

/// Finds the one socket to use. An error is the text that explains why there is none.
pub(super) fn choose(found: &[Found]) -> Result<Address, String> {
    let free: Vec<_> = found.iter().filter(|f| f.manager.is_none()).collect();
    match free[..] {
        [] if found.is_empty() => Err("found no running QEMU with a QMP socket; \
             start QEMU with -qmp unix:PATH,server=on,wait=off and name the socket: hmp PATH"
            .into()),
        [] => Err(format!(
            "the running QEMUs belong to a manager, which needs their sockets:\n{}\
             ask the manager (virsh qemu-monitor-command --hmp, qm monitor), or name a socket: hmp ADDRESS",
            list(found)
        )),
        [one] => Ok(one.address.clone()),
        _ => Err(format!(
            "several QEMUs are running:\n{}name one: hmp ADDRESS",
            list(found)
        )),
    }
}

/// One line per socket: process, name, address and remarks, with tabs between.
pub(super) fn list(found: &[Found]) -> String {
    let mut text = String::new();
    for socket in found {
        let name = socket.name.as_deref().unwrap_or("-");
        let address = socket.address.to_string();
        let (name, address) = (for_terminal(name), for_terminal(&address));
        let _ = write!(text, "{}\t{name}\t{address}", socket.pid);
        if let Some(manager) = socket.manager {
            let _ = write!(text, "\tmanaged by {manager}");
        }
        if socket.taken {
            text.push_str("\tin use");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Manager;

    fn found(pid: u32, manager: Option<Manager>) -> Found {
        Found {
            pid,
            name: Some(format!("vm{pid}")),
            address: Address::Unix(format!("/tmp/{pid}").into()),
            manager,
            taken: manager.is_some(),
        }
    }

    #[test]
    fn the_only_free_one_is_taken() {
        let all = [found(1, Some(Manager::Libvirt)), found(2, None)];
        assert_eq!(choose(&all), Ok(Address::Unix("/tmp/2".into())));
    }

    #[test]
    fn a_managers_one_is_never_taken() {
        let text = choose(&[found(1, Some(Manager::Proxmox))]).unwrap_err();
        let line = "1\tvm1\tunix:/tmp/1\tmanaged by Proxmox\tin use\n";
        assert!(text.contains(line) && text.contains("qm monitor"), "{text}");
    }

    #[test]
    fn several_are_listed() {
        let text = choose(&[found(1, None), found(2, None)]).unwrap_err();
        assert!(
            text.contains("1\tvm1\tunix:/tmp/1\n2\tvm2\tunix:/tmp/2\n"),
            "{text}"
        );
    }

    #[test]
    fn none_is_explained() {
        let text = choose(&[]).unwrap_err();
        assert!(text.contains("no running QEMU"), "{text}");
    }
}
