// SPDX-License-Identifier: GPL-2.0-or-later
//! What a QEMU's command line says: the machine's name and where it serves QMP. Text in, values
//! out.

use std::collections::HashMap;

use crate::client::option_string::OptionString;
use crate::discover::found::Manager;

/// A QEMU's command line, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// The machine's name (`-name`).
    pub(super) name: Option<String>,
    /// The QMP monitors that accept connections.
    pub(super) monitors: Vec<Monitor>,
}

/// A QMP monitor that accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Monitor {
    pub(super) place: Place,
    /// The id of its character device, where it has one.
    pub(super) chardev: Option<String>,
}

impl Monitor {
    /// Who put it there, going by the names that managers use: libvirt calls the character device
    /// `charmonitor`.
    pub(super) fn manager(&self, path: Option<&str>) -> Option<Manager> {
        let within = |part: &str| path.is_some_and(|path| path.contains(part));
        if self.chardev.as_deref() == Some("charmonitor") || within("/libvirt/") {
            Some(Manager::Libvirt)
        } else if within("/run/qemu-server/") {
            Some(Manager::Proxmox)
        } else {
            None
        }
    }
}

/// Where a monitor listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At a path, as seen by that QEMU.
    Path(String),
    /// At a TCP port.
    Tcp { host: String, port: u16 },
    /// At a socket that QEMU inherited, by its descriptor.
    Descriptor(u32),
}

/// Whether this is a full-system QEMU, by the name of its program.
pub(super) fn is_qemu(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    name.starts_with("qemu-system-") || ["qemu-kvm", "kvm", "qemu"].contains(&name)
}

/// Reads the arguments; those that are not understood are passed over.
pub(super) fn read(arguments: &[String]) -> CommandLine {
    let mut found = CommandLine::default();
    let mut chardevs = HashMap::new();
    let mut users = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(option) = argument.strip_prefix('-') else {
            continue;
        };
        let option = option.strip_prefix('-').unwrap_or(option);
        if !["name", "qmp", "qmp-pretty", "chardev", "mon"].contains(&option) {
            continue;
        }
        let Some(value) = rest.next() else { break };
        match option {
            "name" => {
                found.name = OptionString::read(value, "guest")
                    .get("guest")
                    .map(str::to_owned)
                    .or(found.name);
            }
            "chardev" => {
                let options = OptionString::read(value, "backend");
                if let (Some("socket"), Some(id)) = (options.get("backend"), options.get("id")) {
                    chardevs.insert(id.to_owned(), socket(&options));
                }
            }
            "mon" => {
                let options = OptionString::read(value, "chardev");
                if let (Some("control"), Some(id)) = (options.get("mode"), options.get("chardev")) {
                    users.push(id.to_owned());
                }
            }
            _ => match value.strip_prefix("chardev:") {
                Some(id) => users.push(id.to_owned()),
                None => found
                    .monitors
                    .extend(short_form(value).map(|place| Monitor {
                        place,
                        chardev: None,
                    })),
            },
        }
    }
    for id in users {
        if let Some(Some(place)) = chardevs.remove(&id) {
            found.monitors.push(Monitor {
                place,
                chardev: Some(id),
            });
        }
    }
    found
}

/// `unix:PATH,server=on,...` or `tcp:HOST:PORT,server=on,...`.
fn short_form(value: &str) -> Option<Place> {
    if let Some(rest) = value.strip_prefix("unix:") {
        return socket(&OptionString::read(rest, "path"));
    }
    let rest = value.strip_prefix("tcp:")?;
    let options = OptionString::read(rest, "at");
    let (host, port) = options.get("at")?.rsplit_once(':')?;
    options.flag("server").then(|| tcp(host, port)).flatten()
}

fn socket(options: &OptionString) -> Option<Place> {
    if !options.flag("server") || options.flag("abstract") {
        return None;
    }
    if let Some(path) = options.get("path") {
        return Some(Place::Path(path.to_owned()));
    }
    if let Some(fd) = options.get("fd") {
        return fd.parse().ok().map(Place::Descriptor);
    }
    tcp(
        options.get("host").unwrap_or_default(),
        options.get("port")?,
    )
}

fn tcp(host: &str, port: &str) -> Option<Place> {
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    Some(Place::Tcp {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn line(text: &str) -> CommandLine {
        let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        read(&words)
    }

    fn path(path: &str) -> Place {
        Place::Path(path.into())
    }

    fn port(host: &str, port: u16) -> Place {
        Place::Tcp {
            host: host.into(),
            port,
        }
    }

    #[rstest]
    #[case("qemu-system-x86_64", true)]
    #[case("/usr/libexec/qemu-kvm", true)]
    #[case("/usr/bin/kvm", true)]
    #[case("/usr/bin/qemu-x86_64", false)]
    #[case("/usr/bin/qemu-img", false)]
    #[case("", false)]
    fn programs(#[case] program: &str, #[case] expected: bool) {
        assert_eq!(is_qemu(program), expected);
    }

    #[rstest]
    #[case("-qmp unix:/tmp/q,server=on,wait=off", &[path("/tmp/q")])]
    #[case("--qmp unix:/tmp/q,server,nowait", &[path("/tmp/q")])]
    #[case("-qmp-pretty unix:/tmp/a,,b,server=yes", &[path("/tmp/a,b")])]
    #[case("-qmp unix:/tmp/q", &[])]
    #[case("-qmp unix:/tmp/q,server=off", &[])]
    #[case("-qmp unix:q,abstract=on,server=on", &[])]
    #[case("-qmp tcp:localhost:4444,server=on,wait=off", &[port("localhost", 4444)])]
    #[case("-qmp tcp::4444,server", &[port("127.0.0.1", 4444)])]
    #[case("-qmp tcp:host:4444", &[])]
    #[case("-qmp tcp:host:http,server", &[])]
    #[case("-qmp stdio -qmp pty -qmp telnet:h:1,server", &[])]
    #[case("-qmp", &[])]
    #[case("-monitor unix:/tmp/m,server=on", &[])]
    #[case("-mon chardev=c,mode=control -chardev socket,id=c,path=/tmp/q,server=on", &[path("/tmp/q")])]
    #[case("-chardev socket,path=/tmp/q,server,id=c -mon c,mode=control,pretty=on", &[path("/tmp/q")])]
    #[case("-chardev socket,id=c,host=::,port=9,server=on -qmp chardev:c", &[port("::1", 9)])]
    #[case("-chardev socket,id=c,fd=22,server=on -mon chardev=c,mode=control", &[Place::Descriptor(22)])]
    #[case("-chardev socket,id=c,path=/tmp/q,server=on -mon chardev=c,mode=readline", &[])]
    #[case("-chardev socket,id=c,path=/tmp/q,server=on -mon chardev=d,mode=control", &[])]
    #[case("-chardev pty,id=c -mon chardev=c,mode=control", &[])]
    fn monitors(#[case] text: &str, #[case] expected: &[Place]) {
        let found = line(&format!("qemu-system-x86_64 -M q35 {text} -S"));
        let places: Vec<_> = found.monitors.into_iter().map(|m| m.place).collect();
        assert_eq!(places, expected);
    }

    #[rstest]
    #[case("-name vm1", Some("vm1"))]
    #[case("-name guest=vm,,2,debug-threads=on", Some("vm,2"))]
    #[case("-name debug-threads=on,guest=x", Some("x"))]
    #[case("-name process=p", None)]
    #[case("-S", None)]
    fn names(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(line(text).name.as_deref(), expected);
    }

    #[test]
    fn libvirts_command_line_is_told_by_its_chardev() {
        let found = line(
            "-name guest=d,debug-threads=on -chardev socket,id=charmonitor,fd=30,server=on,wait=off \
             -mon chardev=charmonitor,id=monitor,mode=control",
        );
        assert_eq!(found.monitors[0].manager(None), Some(Manager::Libvirt));
    }

    #[rstest]
    #[case(
        "/var/lib/libvirt/qemu/domain-1-d/monitor.sock",
        Some(Manager::Libvirt)
    )]
    #[case(
        "/home/u/.config/libvirt/qemu/lib/domain-1-d/monitor.sock",
        Some(Manager::Libvirt)
    )]
    #[case("/var/run/qemu-server/100.qmp", Some(Manager::Proxmox))]
    #[case("/run/qemu-server/100.qmp", Some(Manager::Proxmox))]
    #[case("/tmp/monitor.sock", None)]
    fn managers(#[case] path: &str, #[case] expected: Option<Manager>) {
        let monitor = Monitor {
            place: Place::Path(path.into()),
            chardev: Some("qmp".into()),
        };
        assert_eq!(monitor.manager(Some(path)), expected);
    }
}
