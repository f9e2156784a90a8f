// SPDX-License-Identifier: GPL-2.0-or-later
//! The search through `/proc`.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::client::address::Address;
use crate::discover::cmdline::{self, Place, is_qemu};
use crate::discover::found::{Socket, Vm};
use crate::discover::holders::{holders, is_stopped, processes, socket_inode};
use crate::discover::netlink;
use crate::discover::{sockets, tables, tcp};

/// The running QEMUs, by process number; those of other users too, as far as they can be seen.
#[must_use]
pub fn discover() -> Vec<Vm> {
    let seen = Scan::real().all();
    seen.into_iter().map(|seen| seen.vm).collect()
}

/// What the process of this number is, if it is a QEMU. Whether its sockets are taken, and who holds
/// them, is not looked for, which would be a look at all connections and all processes.
#[must_use]
pub fn of_process(pid: u32) -> Option<Vm> {
    let scan = Scan::here();
    let process = Process::of(pid, &scan.proc);
    process.look(pid, &scan).map(|(seen, _)| seen.vm)
}

/// A QEMU with all that its command line says.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) vm: Vm,
    /// Sockets that serve something else than plain QMP, and what.
    pub(super) others: Vec<(Address, &'static str)>,
}

/// Where to look: `/proc` and the kernel, or what a test puts in their place.
pub(super) struct Scan {
    pub(super) proc: PathBuf,
    /// Who asks.
    pub(super) user: u32,
    /// Whether it matters who is connected.
    pub(super) clients: bool,
    /// The other end of each connected unix socket, by inode.
    pub(super) peers: HashMap<u64, u64>,
}

impl Scan {
    pub(super) fn real() -> Self {
        Self {
            clients: true,
            peers: netlink::peers(),
            ..Self::here()
        }
    }

    /// Without the ends of sockets.
    fn here() -> Self {
        Self {
            proc: "/proc".into(),
            user: rustix::process::geteuid().as_raw(),
            clients: false,
            peers: HashMap::new(),
        }
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        let mut clients = Vec::new();
        let mut found = Vec::new();
        for pid in processes(&self.proc) {
            let process = Process::of(pid, &self.proc);
            if let Some((seen, ends)) = process.look(pid, self) {
                found.push(seen);
                clients.push(ends);
            }
        }
        let wanted: HashSet<u64> = clients.iter().flatten().flatten().copied().collect();
        let holders = holders(&self.proc, &wanted);
        for (seen, clients) in found.iter_mut().zip(clients) {
            for (socket, ends) in seen.vm.sockets.iter_mut().zip(clients) {
                socket.holder = ends.iter().find_map(|end| holders.get(end)).cloned();
            }
        }
        found
    }
}

/// A process's folder in `/proc`. Processes end while we look: whatever can't be read is not there.
struct Process {
    own: PathBuf,
    folder: PathBuf,
}

/// The inodes of the clients' ends, for each socket.
type Clients = Vec<Vec<u64>>;

impl Process {
    fn of(pid: u32, proc: &Path) -> Self {
        Self {
            own: proc.join("self"),
            folder: proc.join(pid.to_string()),
        }
    }

    /// What this is, if it is a QEMU.
    fn look(&self, pid: u32, scan: &Scan) -> Option<(Seen, Clients)> {
        let arguments = fs::read(self.folder.join("cmdline")).unwrap_or_default();
        let arguments: Vec<_> = arguments
            .split(|&byte| byte == 0)
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .collect();
        // Whoever runs it chooses what it calls itself; the file that runs says more. That of other
        // users' processes is closed to us: they are mentioned only.
        let known = match self.link("exe") {
            Some(program) => program.to_str().is_some_and(is_qemu),
            None => is_qemu(&arguments[0]),
        };
        if !known {
            return None;
        }
        let owner = self.owner()?;
        let contained = !self.shares("ns/pid") || !self.shares("ns/user");
        let line = cmdline::read(&arguments);
        let tables = self.tables();
        let (mut served, mut clients) = (Vec::new(), Vec::new());
        for monitor in line.monitors {
            let Some(at) = self.locate(&monitor.place, &tables) else {
                continue;
            };
            let (taken, ends) = match scan.clients {
                true => tables.clients(&at, &scan.peers),
                false => (false, Vec::new()),
            };
            served.push(Socket {
                manager: monitor.manager(at.seen.as_deref()),
                address: at.address,
                taken,
                holder: None,
            });
            clients.push(ends);
        }
        let others = line.others.iter().filter_map(|other| {
            let at = self.locate(&other.place, &tables)?;
            Some((at.address, other.what))
        });
        let seen = Seen {
            others: others.collect(),
            vm: Vm {
                pid,
                name: line.name,
                owner,
                ours: owner == scan.user && !contained,
                contained,
                stopped: is_stopped(&scan.proc, pid),
                machine: line.machine,
                sockets: served,
            },
        };
        Some((seen, clients))
    }

    /// The user whose rights it has. Its folder belongs to root where it has changed them.
    fn owner(&self) -> Option<u32> {
        let status = fs::read_to_string(self.folder.join("status")).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let effective = ids.and_then(|ids| ids.split_ascii_whitespace().nth(1)?.parse().ok());
        effective.or_else(|| Some(fs::metadata(&self.folder).ok()?.uid()))
    }

    fn tables(&self) -> Tables {
        Tables {
            folder: self.folder.join("net"),
            unix: OnceCell::new(),
            tcp: OnceCell::new(),
        }
    }

    /// Where to connect.
    fn locate(&self, place: &Place, tables: &Tables) -> Option<Location> {
        let path = match place {
            // What is in another network is out of reach, or somebody else's here.
            Place::Tcp { .. } | Place::Abstract { .. } if !self.shares("ns/net") => return None,
            Place::Tcp { host, port } => {
                let (host, port) = (host.clone(), *port);
                let address = Address::Tcp { host, port };
                return Some(Location {
                    address,
                    seen: None,
                });
            }
            Place::Abstract { name, tight } => {
                let (name, tight) = (name.clone(), *tight);
                return Some(Location {
                    seen: Some(sockets::abstract_path(&name, tight)),
                    address: Address::Abstract { name, tight },
                });
            }
            Place::Path(path) => path.clone(),
            Place::Descriptor(number) => {
                let inode = socket_inode(&self.link(&format!("fd/{number}"))?)?;
                let mut sockets = tables.unix().iter();
                let socket = sockets.find(|s| s.inode == inode && s.listens)?;
                if !socket.path.starts_with('/') {
                    return None;
                }
                socket.path.clone()
            }
        };
        Some(Location {
            address: Address::Unix(self.reach(&path)?),
            seen: Some(path),
        })
    }

    /// The path by which we reach a socket that the process sees at `path`.
    fn reach(&self, path: &str) -> Option<PathBuf> {
        let path = match path.strip_prefix('/') {
            Some(_) => PathBuf::from(path),
            None => self.link("cwd")?.join(path),
        };
        // Within another root the links of that process's folder show paths as seen from inside.
        let root = self.folder.join("root");
        let inside = root.join(path.strip_prefix("/").ok()?);
        let there = match fs::metadata(&inside) {
            Ok(there) => there,
            // Another user's: its root is most likely ours.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let here = fs::metadata(&path).ok()?;
                return here.file_type().is_socket().then_some(path);
            }
            Err(_) => return None,
        };
        if !there.file_type().is_socket() {
            return None;
        }
        let same = |here: fs::Metadata| here.dev() == there.dev() && here.ino() == there.ino();
        Some(if fs::metadata(&path).is_ok_and(same) {
            path
        } else {
            inside
        })
    }

    fn shares(&self, namespace: &str) -> bool {
        match fs::read_link(self.own.join(namespace)) {
            Ok(ours) => self.link(namespace).is_none_or(|theirs| theirs == ours),
            Err(_) => true,
        }
    }

    fn link(&self, name: &str) -> Option<PathBuf> {
        fs::read_link(self.folder.join(name)).ok()
    }
}

/// Where a socket is.
struct Location {
    address: Address,
    /// The path as QEMU sees it, for a unix socket.
    seen: Option<String>,
}

/// The sockets of a network namespace: the kernel takes its time for these, so that they are read
/// where they are needed.
struct Tables {
    folder: PathBuf,
    unix: OnceCell<Vec<sockets::Socket>>,
    tcp: OnceCell<Vec<tcp::Socket>>,
}

impl Tables {
    fn unix(&self) -> &[sockets::Socket] {
        let read = || tables::all(&self.folder.join("unix"), sockets::read);
        self.unix.get_or_init(read)
    }

    fn tcp(&self) -> &[tcp::Socket] {
        let read = || ["tcp", "tcp6"].map(|name| tables::all(&self.folder.join(name), tcp::read));
        self.tcp.get_or_init(|| read().concat())
    }

    /// Whether somebody is connected there, and the inodes of the clients' ends.
    fn clients(&self, at: &Location, peers: &HashMap<u64, u64>) -> (bool, Vec<u64>) {
        match (&at.address, &at.seen) {
            (Address::Tcp { port, .. }, _) => tcp::clients(self.tcp(), *port),
            (_, Some(path)) => {
                let accepted = sockets::accepted(self.unix(), path, peers);
                let ends = accepted.iter().filter_map(|end| peers.get(end).copied());
                (!accepted.is_empty(), ends.collect())
            }
            _ => (false, Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;
    use crate::discover::found::{Holder, Manager};

    /// A folder in the shape of `/proc`, with one QEMU whose root is `root`.
    struct Fake {
        folder: tempfile::TempDir,
    }

    impl Fake {
        fn new(root: &Path, cmdline: &str, table: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let process = folder.path().join("42");
            fs::create_dir_all(process.join("net")).unwrap();
            fs::create_dir_all(process.join("fd")).unwrap();
            fs::create_dir_all(process.join("ns")).unwrap();
            fs::create_dir_all(folder.path().join("self/ns")).unwrap();
            fs::write(process.join("cmdline"), cmdline.replace(' ', "\0")).unwrap();
            fs::write(process.join("net/unix"), format!("header\n{table}")).unwrap();
            symlink(root, process.join("root")).unwrap();
            symlink("/usr/bin/qemu-system-x86_64", process.join("exe")).unwrap();
            fs::create_dir(folder.path().join("7")).unwrap();
            fs::create_dir(folder.path().join("sys")).unwrap();
            Self { folder }
        }

        fn link(&self, target: &str, name: &str) {
            symlink(target, self.folder.path().join(name)).unwrap();
        }

        fn file(&self, name: &str, text: &str) {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn seen(&self, user: u32) -> Vec<Seen> {
            let scan = Scan {
                proc: self.folder.path().to_owned(),
                user,
                clients: true,
                peers: HashMap::from([(5, 900)]),
            };
            scan.all()
        }

        fn scan(&self) -> Vec<Vm> {
            let us = rustix::process::geteuid().as_raw();
            self.seen(us).into_iter().map(|seen| seen.vm).collect()
        }

        fn sockets(&self) -> Vec<Socket> {
            self.scan().remove(0).sockets
        }
    }

    #[test]
    fn a_socket_in_our_root_has_its_own_path() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("q");
        let _listener = UnixListener::bind(&path).unwrap();
        let shown = path.display();
        let fake = Fake::new(
            Path::new("/"),
            &format!("qemu-system-x86_64 -name vm -M q35 -qmp unix:{shown},server=on"),
            &format!("0: 00000003 00000000 00000000 0001 03 5 {shown}\n"),
        );
        let expected = Vm {
            pid: 42,
            name: Some("vm".into()),
            owner: rustix::process::geteuid().as_raw(),
            ours: true,
            contained: false,
            stopped: false,
            machine: Some("q35".into()),
            sockets: vec![Socket {
                address: Address::Unix(path.clone()),
                manager: None,
                taken: true,
                holder: None,
            }],
        };
        assert_eq!(fake.scan(), std::slice::from_ref(&expected));

        fake.file("77/comm", "virt-viewer\n");
        fs::create_dir_all(fake.folder.path().join("77/fd")).unwrap();
        fake.link("socket:[900]", "77/fd/3");
        let holder = Some(Holder {
            pid: 77,
            program: "virt-viewer".into(),
        });
        assert_eq!(fake.sockets()[0].holder, holder);

        fake.file("42/stat", "42 (a) T (b) T 1 2 3");
        assert!(fake.scan()[0].stopped);
        fake.file("42/stat", "42 (a) T (b) S 1 2 3");
        assert!(!fake.scan()[0].stopped);

        drop(place);
        assert_eq!(fake.sockets(), [], "a socket that is gone is not offered");
    }

    #[test]
    fn several_sockets_are_one_vm() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let _listeners = ["a", "b", "s"].map(|name| UnixListener::bind(at(name)).unwrap());
        let folder = place.path().display();
        let fake = Fake::new(
            Path::new("/"),
            &format!(
                "x -qmp unix:{folder}/a,server -qmp unix:{folder}/b,server -serial unix:{folder}/s,server"
            ),
            &format!("0: 00000003 00000000 00000000 0001 03 5 {folder}/a\n"),
        );
        let vm = fake.scan().remove(0);
        assert_eq!(vm.sockets.len(), 2);
        assert_eq!(vm.best().unwrap().address, Address::Unix(at("b")));
        let others = fake.seen(0).remove(0).others;
        assert_eq!(others, [(Address::Unix(at("s")), "a serial port")]);
    }

    #[test]
    fn what_calls_itself_qemu_is_not_believed() {
        let fake = Fake::new(
            Path::new("/"),
            "qemu-system-x86_64 -qmp tcp::4444,server=on",
            "",
        );
        let exe = fake.folder.path().join("42/exe");
        fs::remove_file(&exe).unwrap();
        symlink("/usr/bin/python3.13", &exe).unwrap();
        assert_eq!(fake.scan(), []);
    }

    #[test]
    fn a_socket_in_another_root_is_reached_through_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("run-x")).unwrap();
        let _listener = UnixListener::bind(root.path().join("run-x/q")).unwrap();
        let fake = Fake::new(root.path(), "q -qmp unix:q,server=on", "");
        fake.link("/run-x", "42/cwd");
        let through = fake.folder.path().join("42/root/run-x/q");
        assert_eq!(fake.sockets()[0].address, Address::Unix(through));
    }

    #[test]
    fn an_inherited_socket_is_found_by_its_inode() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("monitor.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let fake = Fake::new(
            Path::new("/"),
            "x -chardev socket,id=charmonitor,fd=9,server=on -mon chardev=charmonitor,mode=control",
            &format!(
                "0: 00000002 00000000 00010000 0001 01 77 {}\n",
                path.display()
            ),
        );
        fake.link("socket:[77]", "42/fd/9");
        let found = fake.sockets();
        assert_eq!(found[0].address, Address::Unix(path));
        assert_eq!(found[0].manager, Some(Manager::Libvirt));
        assert!(!found[0].taken);
    }

    #[test]
    fn what_runs_in_a_container_is_not_ours() {
        for namespace in ["ns/pid", "ns/user"] {
            let fake = Fake::new(Path::new("/"), "q -qmp tcp::4444,server=on", "");
            fake.link("x:[1]", &format!("self/{namespace}"));
            fake.link("x:[2]", &format!("42/{namespace}"));
            let vm = fake.scan().remove(0);
            assert!(vm.contained && !vm.ours, "{namespace}");
        }
    }

    #[test]
    fn ports_of_another_network_are_left_out() {
        let fake = Fake::new(Path::new("/"), "q -qmp tcp::4444,server=on", "");
        assert_eq!(fake.sockets()[0].address.to_string(), "tcp:127.0.0.1:4444");
        fake.link("net:[1]", "self/ns/net");
        fake.link("net:[2]", "42/ns/net");
        assert_eq!(fake.sockets(), []);
    }

    #[test]
    fn other_users_processes_are_marked() {
        let fake = Fake::new(Path::new("/"), "q -qmp tcp::4444,server=on", "");
        let us = rustix::process::geteuid().as_raw();
        let vm = |user| fake.seen(user).remove(0).vm;
        assert_eq!((vm(us).ours, vm(us).owner), (true, us));
        assert!(!vm(us + 1).ours);
        // The rights of the process count, not who its folder belongs to.
        fake.file("42/status", "Name:\tq\nUid:\t7\t8\t9\t10\n");
        assert_eq!((vm(us).ours, vm(us).owner), (false, 8));
        assert!(vm(8).ours);
    }
}
