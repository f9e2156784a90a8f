// SPDX-License-Identifier: GPL-2.0-or-later
//! The search through `/proc`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::client::address::Address;
use crate::discover::cmdline::{self, Monitor, Place, is_qemu};
use crate::discover::found::Found;
use crate::discover::sockets;

/// The QMP sockets of this user's running QEMUs, by process number; root sees everybody's.
#[must_use]
pub fn discover() -> Vec<Found> {
    let user = rustix::process::geteuid().as_raw();
    scan(Path::new("/proc"), (user != 0).then_some(user))
}

/// Looks through `/proc`, or what a test puts in its place, at the processes of `user`, or all.
fn scan(proc: &Path, user: Option<u32>) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(proc) else {
        return Vec::new();
    };
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let mut found = Vec::new();
    for pid in pids {
        let process = Process {
            own: proc.join("self"),
            folder: proc.join(pid.to_string()),
        };
        let owner = fs::metadata(&process.folder).map(|m| m.uid());
        if owner.is_ok_and(|owner| user.is_none_or(|user| user == owner)) {
            process.monitors(pid, &mut found);
        }
    }
    found
}

/// A process's folder in `/proc`. Processes end while we look: whatever can't be read is not there.
struct Process {
    own: PathBuf,
    folder: PathBuf,
}

impl Process {
    fn monitors(&self, pid: u32, found: &mut Vec<Found>) {
        let arguments = fs::read(self.folder.join("cmdline")).unwrap_or_default();
        let arguments: Vec<_> = arguments
            .split(|&byte| byte == 0)
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .collect();
        let program = self.link("exe");
        let program = program.as_deref().and_then(Path::to_str);
        if !is_qemu(&arguments[0]) && !program.is_some_and(is_qemu) {
            return;
        }
        let line = cmdline::read(&arguments);
        let table = fs::read_to_string(self.folder.join("net/unix")).unwrap_or_default();
        let sockets = sockets::read(&table);
        for monitor in line.monitors {
            let Some((address, path)) = self.locate(&monitor, &sockets) else {
                continue;
            };
            found.push(Found {
                pid,
                name: line.name.clone(),
                address,
                manager: monitor.manager(path.as_deref()),
                taken: path.is_some_and(|path| sockets::is_taken(&sockets, &path)),
            });
        }
    }

    /// Where to connect, and the path as QEMU sees it.
    fn locate(
        &self,
        monitor: &Monitor,
        sockets: &[sockets::Socket],
    ) -> Option<(Address, Option<String>)> {
        let path = match &monitor.place {
            // A port of another network is out of reach, or somebody else's here.
            Place::Tcp { .. } if !self.shares("ns/net") => return None,
            Place::Tcp { host, port } => {
                let (host, port) = (host.clone(), *port);
                return Some((Address::Tcp { host, port }, None));
            }
            Place::Path(path) => path.clone(),
            Place::Descriptor(number) => {
                let target = self.link(&format!("fd/{number}"))?;
                let inode = target.to_str()?.strip_prefix("socket:[")?;
                let inode: u64 = inode.strip_suffix(']')?.parse().ok()?;
                let socket = sockets.iter().find(|s| s.inode == inode && s.listens)?;
                if !socket.path.starts_with('/') {
                    return None;
                }
                socket.path.clone()
            }
        };
        Some((Address::Unix(self.reach(&path)?), Some(path)))
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
        let there = fs::metadata(&inside).ok()?;
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::discover::found::Manager;

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

        fn scan(&self) -> Vec<Found> {
            scan(self.folder.path(), None)
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
            &format!("qemu-system-x86_64 -name vm -qmp unix:{shown},server=on"),
            &format!("0: 00000003 00000000 00000000 0001 03 5 {shown}\n"),
        );
        let expected = Found {
            pid: 42,
            name: Some("vm".into()),
            address: Address::Unix(path.clone()),
            manager: None,
            taken: true,
        };
        assert_eq!(fake.scan(), [expected]);
        drop(place);
        assert_eq!(fake.scan(), [], "a socket that is gone is not offered");
    }

    #[test]
    fn a_socket_in_another_root_is_reached_through_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("run-x")).unwrap();
        let _listener = UnixListener::bind(root.path().join("run-x/q")).unwrap();
        let fake = Fake::new(root.path(), "q -qmp unix:q,server=on", "");
        fake.link("/run-x", "42/cwd");
        let through = fake.folder.path().join("42/root/run-x/q");
        assert_eq!(fake.scan()[0].address, Address::Unix(through));
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
        let found = fake.scan();
        assert_eq!(found[0].address, Address::Unix(path));
        assert_eq!(found[0].manager, Some(Manager::Libvirt));
        assert!(!found[0].taken);
    }

    #[test]
    fn ports_of_another_network_are_left_out() {
        let fake = Fake::new(Path::new("/"), "q -qmp tcp::4444,server=on", "");
        assert_eq!(fake.scan()[0].address.to_string(), "tcp:127.0.0.1:4444");
        fake.link("net:[1]", "self/ns/net");
        fake.link("net:[2]", "42/ns/net");
        assert_eq!(fake.scan(), []);
    }

    #[test]
    fn other_users_processes_are_left_out() {
        let fake = Fake::new(Path::new("/"), "q -qmp tcp::4444,server=on", "");
        let us = rustix::process::geteuid().as_raw();
        assert_eq!(scan(fake.folder.path(), Some(us)).len(), 1);
        assert_eq!(scan(fake.folder.path(), Some(us + 1)), []);
    }
}
