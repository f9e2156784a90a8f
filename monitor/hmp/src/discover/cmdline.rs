// SPDX-License-Identifier: GPL-2.0-or-later
//! What a QEMU's command line says: the machine's name and where it serves QMP. Text in, values
//! out.

use std::collections::HashMap;

use crate::client::option_string::OptionString;
use crate::discover::found::Manager;

/// A QEMU's command line, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// The VM's name (`-name`).
    pub(super) name: Option<String>,
    /// The type of machine (`-machine`), where it is given.
    pub(super) machine: Option<String>,
    /// The QMP monitors that accept connections.
    pub(super) monitors: Vec<Monitor>,
    /// What else accepts connections, so that it is not taken for QMP.
    pub(super) others: Vec<Other>,
}

/// Something that accepts connections and does not serve QMP as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) place: Place,
    /// What it is, as a part of a sentence.
    pub(super) what: &'static str,
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
    /// At a name of the abstract namespace.
    Abstract { name: String, tight: bool },
    /// At a TCP port.
    Tcp { host: String, port: u16 },
    /// At a socket that QEMU inherited, by its descriptor.
    Descriptor(u32),
}

/// Whether this is a full-system QEMU, by the name of its program.
pub(super) fn is_qemu(program: &str) -> bool {
    // The kernel adds this once the file was replaced, as by an upgrade.
    let program = program.strip_suffix(" (deleted)").unwrap_or(program);
    let name = program.rsplit('/').next().unwrap_or(program);
    // A wrapped program of Nix is `.NAME-wrapped`.
    let name = name.strip_prefix('.').unwrap_or(name);
    name.starts_with("qemu-system-") || ["qemu-kvm", "kvm", "qemu"].contains(&name)
}

/// A socket that QEMU listens at, and what it puts around what it serves there.
type Listener = (Place, Option<Around>);

/// A protocol around what a socket serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Telnet,
    Websocket,
    Tls,
}

/// Who serves a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Qmp,
    Human,
    Serial,
    Parallel,
    Other,
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
        let user = match option {
            "qmp" | "qmp-pretty" => Some(User::Qmp),
            "monitor" => Some(User::Human),
            "serial" => Some(User::Serial),
            "parallel" => Some(User::Parallel),
            "name" | "M" | "machine" | "chardev" | "mon" | "object" => None,
            _ => continue,
        };
        let Some(value) = rest.next() else { break };
        let of = |implied: &str, key: &str| {
            let options = OptionString::read(value, implied);
            options.get(key).map(str::to_owned)
        };
        match (user, option) {
            (Some(user), _) => match value.strip_prefix("chardev:") {
                Some(id) => users.push((id.to_owned(), user)),
                None => found.add(short_form(value), user, None),
            },
            (None, "name") => found.name = of("guest", "guest").or(found.name),
            (None, "M" | "machine") => found.machine = of("type", "type").or(found.machine),
            (None, "chardev") => {
                let options = OptionString::read(value, "backend");
                if let (Some("socket"), Some(id)) = (options.get("backend"), options.get("id")) {
                    chardevs.insert(id.to_owned(), socket(&options));
                }
            }
            (None, "object") => users.extend(monitor_object(value)),
            (None, _) => {
                let options = OptionString::read(value, "chardev");
                if let Some(id) = options.get("chardev") {
                    let user = match options.get("mode") {
                        Some("control") => User::Qmp,
                        _ => User::Human,
                    };
                    users.push((id.to_owned(), user));
                }
            }
        }
    }
    for (id, user) in users {
        if let Some(listener) = chardevs.remove(&id) {
            found.add(listener, user, Some(id));
        }
    }
    for listener in chardevs.into_values() {
        found.add(listener, User::Other, None);
    }
    found
}

/// `monitor-qmp,id=ID,chardev=CHARDEV`, or the same as JSON: a monitor as an object, QEMU 11.1.
fn monitor_object(value: &str) -> Option<(String, User)> {
    let json = serde_json::from_str::<serde_json::Value>(value).ok();
    let options = OptionString::read(value, "qom-type");
    let member = |key: &str| match &json {
        Some(object) => object.get(key)?.as_str(),
        None => options.get(key),
    };
    let user = match member("qom-type")? {
        "monitor-qmp" => User::Qmp,
        "monitor-hmp" => User::Human,
        _ => return None,
    };
    Some((member("chardev")?.to_owned(), user))
}

impl CommandLine {
    fn add(&mut self, listener: Option<Listener>, user: User, chardev: Option<String>) {
        let Some((place, around)) = listener else {
            return;
        };
        let what = match (user, around) {
            (User::Qmp, None) => return self.monitors.push(Monitor { place, chardev }),
            (User::Qmp, Some(Around::Telnet)) => "QMP within telnet",
            (User::Qmp, Some(Around::Websocket)) => "QMP within websocket",
            (User::Qmp, Some(Around::Tls)) => "QMP within TLS",
            (User::Human, _) => "a human monitor",
            (User::Serial, _) => "a serial port",
            (User::Parallel, _) => "a parallel port",
            (User::Other, _) => "a character device of the guest",
        };
        self.others.push(Other { place, what });
    }
}

/// `unix:PATH,server=on,...` or `tcp:HOST:PORT,server=on,...`.
fn short_form(value: &str) -> Option<Listener> {
    if let Some(rest) = value.strip_prefix("unix:") {
        return socket(&OptionString::read(rest, "path"));
    }
    let (scheme, rest) = value.split_once(':')?;
    let options = OptionString::read(rest, "at");
    let around = match scheme {
        "tcp" => around(&options),
        "telnet" => Some(Around::Telnet),
        "websocket" => Some(Around::Websocket),
        _ => return None,
    };
    let (host, port) = options.get("at")?.rsplit_once(':')?;
    let place = tcp(host, port).filter(|_| options.flag("server"))?;
    Some((place, around))
}

fn socket(options: &OptionString) -> Option<Listener> {
    if !options.flag("server") {
        return None;
    }
    let place = match (options.get("path"), options.get("fd")) {
        (Some(path), _) if options.flag("abstract") => Place::Abstract {
            name: path.to_owned(),
            tight: options.get("tight").is_none() || options.flag("tight"),
        },
        (Some(path), _) => Place::Path(path.to_owned()),
        (None, Some(fd)) => Place::Descriptor(fd.parse().ok()?),
        (None, None) => tcp(
            options.get("host").unwrap_or_default(),
            options.get("port")?,
        )?,
    };
    Some((place, around(options)))
}

fn around(options: &OptionString) -> Option<Around> {
    if options.flag("telnet") || options.flag("tn3270") {
        Some(Around::Telnet)
    } else if options.flag("websocket") {
        Some(Around::Websocket)
    } else {
        options.get("tls-creds").map(|_| Around::Tls)
    }
}

fn tcp(host: &str, port: &str) -> Option<Place> {
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
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
    #[case("/usr/bin/qemu-system-x86_64 (deleted)", true)]
    #[case("/usr/libexec/qemu-kvm (deleted)", true)]
    #[case("/nix/store/x/bin/.qemu-system-x86_64-wrapped", true)]
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
    #[case("-qmp unix:q,abstract=on,server=on", &[Place::Abstract { name: "q".into(), tight: true }])]
    #[case("-qmp unix:q,abstract,tight=off,server", &[Place::Abstract { name: "q".into(), tight: false }])]
    #[case("-qmp tcp:[::1]:4444,server=on", &[port("::1", 4444)])]
    #[case("-qmp tcp::4444,server,telnet=on -qmp websocket::4444,server", &[])]
    #[case("-chardev socket,id=c,port=9,server=on,tls-creds=t -qmp chardev:c", &[])]
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
    #[case("-object monitor-qmp,id=m,chardev=c -chardev socket,id=c,path=/tmp/q,server=on", &[path("/tmp/q")])]
    #[case(r#"-object {"qom-type":"monitor-qmp","id":"m","chardev":"c"} -chardev socket,id=c,path=/tmp/q,server=on"#, &[path("/tmp/q")])]
    #[case("-object monitor-hmp,id=m,chardev=c -chardev socket,id=c,path=/tmp/q,server=on", &[])]
    #[case("-object {} -object {\"qom-type\":5} -object rng-random,chardev=c", &[])]
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

    #[rstest]
    #[case("-monitor unix:/tmp/m,server=on", "a human monitor")]
    #[case(
        "-mon chardev=c -chardev socket,id=c,path=/tmp/m,server=on",
        "a human monitor"
    )]
    #[case("-serial unix:/tmp/m,server=on", "a serial port")]
    #[case(
        "-chardev socket,id=c,path=/tmp/m,server=on -serial chardev:c",
        "a serial port"
    )]
    #[case("-parallel unix:/tmp/m,server=on", "a parallel port")]
    #[case(
        "-chardev socket,id=c,path=/tmp/m,server=on -device x,chardev=c",
        "a character device of the guest"
    )]
    #[case("-qmp unix:/tmp/m,server=on,telnet=on", "QMP within telnet")]
    #[case("-qmp unix:/tmp/m,server=on,websocket=on", "QMP within websocket")]
    #[case("-qmp unix:/tmp/m,server=on,tls-creds=t", "QMP within TLS")]
    fn other_sockets(#[case] text: &str, #[case] what: &'static str) {
        let found = line(text);
        let place = path("/tmp/m");
        assert_eq!(found.others, [Other { place, what }]);
        assert_eq!(found.monitors, []);
    }

    #[rstest]
    #[case("-M q35,accel=kvm", Some("q35"))]
    #[case("-machine type=virt", Some("virt"))]
    #[case("-machine accel=tcg", None)]
    #[case("-S", None)]
    fn machines(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(line(text).machine.as_deref(), expected);
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
