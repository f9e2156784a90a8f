// SPDX-License-Identifier: GPL-2.0-or-later
//! Which QEMU is meant: by an address, a name, a process number, or by nothing at all.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::client::address::Address;
use crate::discover::Vm;
use crate::repl::list::{described, list};

/// Why there is nothing to connect to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unchosen {
    /// What was given can't be understood.
    Usage(String),
    /// There is none. It may come.
    None(String),
    /// Several would do, and a text to say so; somebody may choose.
    Several(Vec<Vm>, String),
    /// It is there, and must not be entered.
    Refused(String),
}

/// The socket that a text names: the path of a socket that is there, an address, or the name or
/// the process number of a running QEMU. Those are looked for only where they matter.
pub(super) fn named(text: &str, running: impl FnOnce() -> Vec<Vm>) -> Result<Address, Unchosen> {
    if let Some(name) = text.strip_prefix("name:") {
        return enter(by_name(name, &running())?);
    }
    if let Some(number) = text.strip_prefix("pid:") {
        let number = number
            .parse()
            .map_err(|_| Unchosen::Usage(format!("'{number}' is not a process number")))?;
        let none = format!("no running QEMU has the process number {number}");
        return enter(by_number(number, &running()).ok_or(Unchosen::None(none))?);
    }
    if is_socket(Path::new(text)) {
        return Ok(Address::Unix(text.into()));
    }
    let address: Address = text
        .parse()
        .map_err(|error| Unchosen::Usage(format!("'{text}': {error}")))?;
    let word = address == Address::Unix(text.into()) && !text.contains('/');
    if !word {
        return Ok(address);
    }
    let running = running();
    let number = text.parse().ok();
    let numbered = number.and_then(|number| by_number(number, &running));
    match (by_name(text, &running), numbered) {
        (Ok(named), Some(numbered)) if named.pid != numbered.pid => {
            Err(Unchosen::Refused(format!(
                "'{text}' is the name of one QEMU (process {}) and the process number of another; \
             say name:{text} or pid:{text}",
                named.pid
            )))
        }
        (Err(Unchosen::None(_)), Some(vm)) => enter(vm),
        // The place itself says best what is wrong with it.
        (Err(Unchosen::None(_)), None) if Path::new(text).exists() => Ok(address),
        (Err(Unchosen::None(_)), None) => Err(Unchosen::None(format!(
            "there is no socket and no running QEMU called '{text}'; hmp --list shows what runs \
             (a line to run comes after the address: hmp ADDRESS LINE, or behind -c)"
        ))),
        (vm, _) => enter(vm?),
    }
}

/// The socket to use where none is named: that of this user's only QEMU.
pub(super) fn any(running: &[Vm]) -> Result<Address, Unchosen> {
    let ours: Vec<_> = running.iter().filter(|vm| vm.ours).collect();
    let usable: Vec<_> = ours.iter().filter(|vm| vm.best().is_some()).collect();
    match usable[..] {
        [] if ours.is_empty() => Err(Unchosen::None(
            "found no running QEMU of yours with a QMP socket; \
             start QEMU with -qmp unix:PATH,server=on,wait=off and name the socket: hmp PATH"
                .into(),
        )),
        [] if ours.iter().all(|vm| vm.sockets.is_empty()) => Err(Unchosen::None(format!(
            "the running QEMUs have no QMP socket:\n{}\
             start QEMU with -qmp unix:PATH,server=on,wait=off",
            list(&cloned(&ours))
        ))),
        [] => Err(Unchosen::Refused(format!(
            "the running QEMUs belong to a manager, which needs their sockets:\n{}\
             ask the manager (virsh qemu-monitor-command --hmp, qm monitor), or name a socket: hmp ADDRESS",
            list(&cloned(&ours))
        ))),
        [one] => enter(one),
        _ => {
            let several: Vec<_> = usable.iter().map(|vm| (**vm).clone()).collect();
            let text = format!(
                "several QEMUs are running:\n{}name one: hmp NAME, hmp PID or hmp ADDRESS",
                list(&several)
            );
            Err(Unchosen::Several(several, text))
        }
    }
}

/// A word about the QEMUs of other users, where there are any.
pub(super) fn others(running: &[Vm]) -> Option<String> {
    let others: Vec<_> = running
        .iter()
        .filter(|vm| !vm.ours)
        .map(described)
        .collect();
    match &others[..] {
        [] => None,
        others => Some(format!(
            "QEMUs of other users run too (pid:NUMBER names one): {}",
            others.join(", ")
        )),
    }
}

/// The socket of a QEMU that was chosen.
pub(super) fn enter(vm: &Vm) -> Result<Address, Unchosen> {
    if let Some(socket) = vm.best() {
        return Ok(socket.address.clone());
    }
    let text = match vm.sockets.first().and_then(|socket| socket.manager) {
        None => format!("{} has no QMP socket that can be reached", described(vm)),
        Some(manager) => format!(
            "{} belongs to {manager}, which needs its socket; name the socket to use it all the \
             same:\n{}",
            described(vm),
            list(std::slice::from_ref(vm))
        ),
    };
    Err(Unchosen::Refused(text))
}

fn by_number(number: u32, running: &[Vm]) -> Option<&Vm> {
    running.iter().find(|vm| vm.pid == number)
}

/// The one QEMU of that name. Another user's counts only to say whose it is: names are free to
/// choose.
fn by_name<'a>(name: &str, running: &'a [Vm]) -> Result<&'a Vm, Unchosen> {
    let of_name = || running.iter().filter(|vm| vm.name.as_deref() == Some(name));
    let ours: Vec<_> = of_name().filter(|vm| vm.ours).collect();
    match (&ours[..], of_name().next()) {
        ([one], _) => Ok(one),
        ([], None) => Err(Unchosen::None(format!(
            "no running QEMU is called '{name}'"
        ))),
        ([], Some(other)) => Err(Unchosen::Refused(format!(
            "{} is not yours; to use it all the same: hmp pid:{}",
            described(other),
            other.pid
        ))),
        _ => {
            let several = cloned(&ours);
            let text = format!(
                "several QEMUs are called '{name}':\n{}name one by its process: hmp pid:NUMBER",
                list(&several)
            );
            Err(Unchosen::Several(several, text))
        }
    }
}

fn cloned(vms: &[&Vm]) -> Vec<Vm> {
    vms.iter().map(|vm| (*vm).clone()).collect()
}

fn is_socket(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::{Manager, Socket};

    fn vm(pid: u32, name: &str) -> Vm {
        Vm {
            pid,
            name: Some(name.into()),
            owner: 0,
            ours: true,
            contained: false,
            stopped: false,
            machine: None,
            sockets: vec![socket(&format!("/tmp/{pid}"), None, false)],
        }
    }

    fn socket(path: &str, manager: Option<Manager>, taken: bool) -> Socket {
        Socket {
            address: Address::Unix(path.into()),
            manager,
            taken,
            holder: None,
        }
    }

    fn managed(pid: u32, manager: Manager) -> Vm {
        Vm {
            sockets: vec![socket(&format!("/tmp/{pid}"), Some(manager), true)],
            ..vm(pid, "managed")
        }
    }

    fn foreign(pid: u32, name: &str) -> Vm {
        Vm {
            owner: 4_000_000_001,
            ours: false,
            ..vm(pid, name)
        }
    }

    fn at(path: &str) -> Result<Address, Unchosen> {
        Ok(Address::Unix(path.into()))
    }

    fn refused(result: Result<Address, Unchosen>) -> String {
        match result {
            Err(Unchosen::Refused(text) | Unchosen::None(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_only_one_of_ours_is_taken() {
        let all = [managed(1, Manager::Libvirt), vm(2, "a"), foreign(3, "b")];
        assert_eq!(any(&all), at("/tmp/2"));
        let word = others(&all).unwrap();
        assert!(word.contains("b (process 3, user 4000000001)"), "{word}");
        assert_eq!(others(&all[..2]), None);
    }

    #[test]
    fn others_are_never_entered_unasked() {
        let text = refused(any(&[foreign(3, "b")]));
        assert!(text.contains("no running QEMU of yours"), "{text}");
        let text = refused(named("b", || vec![foreign(3, "b")]));
        assert!(
            text.contains("user 4000000001) is not yours; to use it")
                && text.ends_with("hmp pid:3")
        );
        assert_eq!(
            named("b", || vec![foreign(3, "b"), vm(2, "b")]),
            at("/tmp/2")
        );
        assert_eq!(named("pid:3", || vec![foreign(3, "b")]), at("/tmp/3"));
    }

    #[test]
    fn a_managers_one_is_never_taken() {
        let text = refused(any(&[managed(1, Manager::Proxmox)]));
        assert!(
            text.contains("managed by Proxmox") && text.contains("qm monitor"),
            "{text}"
        );
        let text = refused(named("managed", || vec![managed(1, Manager::Libvirt)]));
        assert!(text.contains("belongs to libvirt"), "{text}");
    }

    #[test]
    fn several_are_listed() {
        let Err(Unchosen::Several(vms, text)) = any(&[vm(1, "a"), vm(2, "b")]) else {
            panic!();
        };
        assert_eq!(vms.len(), 2);
        assert!(
            text.contains("unix:/tmp/1") && text.contains("unix:/tmp/2"),
            "{text}"
        );
        let twins = named("a", || vec![vm(1, "a"), vm(2, "a"), vm(3, "b")]);
        assert!(matches!(twins, Err(Unchosen::Several(vms, _)) if vms.len() == 2));
    }

    #[test]
    fn a_free_socket_comes_first() {
        let mut one = vm(1, "a");
        one.sockets.insert(0, socket("/tmp/held", None, true));
        assert_eq!(any(std::slice::from_ref(&one)), at("/tmp/1"));
        one.sockets.pop();
        assert_eq!(any(&[one]), at("/tmp/held"));
    }

    #[test]
    fn none_is_explained() {
        assert!(refused(any(&[])).contains("no running QEMU"));
        let silent = Vm {
            sockets: Vec::new(),
            ..vm(1, "a")
        };
        let text = refused(any(std::slice::from_ref(&silent)));
        assert!(
            text.contains("have no QMP socket") && text.contains("\ta\t"),
            "{text}"
        );
        let text = refused(named("a", || vec![silent]));
        assert!(text.contains("a (process 1) has no QMP socket"), "{text}");
        let text = refused(named("info", Vec::new));
        assert!(
            text.contains("'info'") && text.contains("hmp ADDRESS LINE"),
            "{text}"
        );
    }

    #[test]
    fn names_and_numbers() {
        let all = || vec![vm(6879, "web1"), vm(7, "6879"), vm(8, "7000")];
        assert_eq!(named("web1", all), at("/tmp/6879"));
        assert_eq!(named("name:web1", all), at("/tmp/6879"));
        assert_eq!(named("7", all), at("/tmp/7"));
        assert_eq!(named("7000", all), at("/tmp/8"));
        assert_eq!(named("pid:6879", all), at("/tmp/6879"));
        assert_eq!(named("name:6879", all), at("/tmp/7"));
        let text = refused(named("6879", all));
        assert!(text.contains("name:6879 or pid:6879"), "{text}");
        refused(named("pid:99", all));
        refused(named("name:99", all));
        assert!(matches!(named("pid:x", all), Err(Unchosen::Usage(_))));
    }

    #[test]
    fn addresses_come_before_names() {
        let never = || -> Vec<Vm> { panic!("nobody looks") };
        assert_eq!(named("unix:web1", never), at("web1"));
        assert_eq!(named("./web1", never), at("./web1"));
        let port = named("localhost:5", never).unwrap();
        assert_eq!(port.to_string(), "tcp:localhost:5");
        assert!(matches!(named("tcp:x", never), Err(Unchosen::Usage(_))));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a:1");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let text = path.to_str().unwrap();
        assert_eq!(named(text, never), at(text));
        // A folder of our working directory, which no QEMU is called.
        assert_eq!(named("src", Vec::new), at("src"));
        assert_eq!(named("src", || vec![vm(1, "src")]), at("/tmp/1"));
    }
}
