// SPDX-License-Identifier: GPL-2.0-or-later
//! The option list that describes a character device, to QMP's back end object (chardev/char.c and
//! the parse functions of chardev/char-*.c).

use serde_json::{Map, Value, json};

use crate::format::sign::Sign as _;
use crate::grammar::keyval::{self, Pair};
use crate::grammar::number::{self, NumberError};
use crate::grammar::size::{self, Rules, SizeError};
use crate::qemu::schema::Schema;
use crate::qmp::version::{Version, v};

/// What the built-in says about an option list, and what it reads in it.
#[derive(Debug, PartialEq)]
pub struct Read {
    /// Lines that come before anything else, with their line ends.
    pub warnings: String,
    /// The options, or the line that says what is wrong.
    pub options: Result<Options, String>,
}

/// Options whose values are of the types that they must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The device's id.
    pub id: Option<String>,
    values: Vec<(String, String)>,
}

/// The type of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bool,
    Number,
    Size,
}

/// What decides whether a QEMU has an option.
#[derive(Clone, Copy)]
enum Known {
    Always,
    Since(Version),
    /// The QMP type of this back end has a member of that name.
    In(&'static str, &'static str),
}

use Kind::{Bool, Number, Size, Text};
use Known::{Always, In, Since};

const OPTIONS: &[(&str, Kind, Known)] = &[
    ("backend", Text, Always),
    ("path", Text, Always),
    // 8.1, commit 5b18a6bf44 of QEMU.
    ("input-path", Text, Since(v(8, 1))),
    ("host", Text, Always),
    ("port", Text, Always),
    ("fd", Text, Always),
    ("localaddr", Text, Always),
    ("localport", Text, Always),
    ("to", Number, Always),
    ("ipv4", Bool, Always),
    ("ipv6", Bool, Always),
    ("wait", Bool, Always),
    ("server", Bool, Always),
    ("delay", Bool, Always),
    ("nodelay", Bool, Always),
    ("reconnect", Number, In("socket", "reconnect")),
    ("reconnect-ms", Number, In("socket", "reconnect-ms")),
    ("telnet", Bool, Always),
    ("tn3270", Bool, Always),
    ("tls-creds", Text, Always),
    ("tls-authz", Text, Always),
    ("websocket", Bool, Always),
    ("width", Number, Always),
    ("height", Number, Always),
    ("cols", Number, Always),
    ("rows", Number, Always),
    ("mux", Bool, Always),
    ("signal", Bool, Always),
    ("name", Text, Always),
    ("debug", Number, Always),
    ("size", Size, Always),
    ("chardev", Text, Always),
    ("chardevs.0", Text, In("hub", "chardevs")),
    ("chardevs.1", Text, In("hub", "chardevs")),
    ("chardevs.2", Text, In("hub", "chardevs")),
    ("chardevs.3", Text, In("hub", "chardevs")),
    ("append", Bool, Always),
    ("logfile", Text, Always),
    ("logappend", Bool, Always),
    ("logtimestamp", Bool, In("null", "logtimestamp")),
    ("mouse", Bool, Always),
    ("clipboard", Bool, Always),
    ("tight", Bool, Always),
    ("abstract", Bool, Always),
];

/// The options that a back end reads, beside those that all have.
const READ: &[(&str, &[&str])] = &[
    ("dbus", &["name"]),
    ("file", &["path", "input-path", "append"]),
    (
        "hub",
        &["chardevs.0", "chardevs.1", "chardevs.2", "chardevs.3"],
    ),
    ("memory", &["size"]),
    ("mux", &["chardev"]),
    ("parallel", &["path"]),
    ("parport", &["path"]),
    ("pipe", &["path"]),
    ("pty", &["path"]),
    ("qemu-vdagent", &["mouse", "clipboard"]),
    ("ringbuf", &["size"]),
    ("serial", &["path"]),
    (
        "socket",
        &[
            "path",
            "host",
            "port",
            "fd",
            "to",
            "ipv4",
            "ipv6",
            "wait",
            "server",
            "delay",
            "nodelay",
            "reconnect",
            "reconnect-ms",
            "telnet",
            "tn3270",
            "tls-creds",
            "tls-authz",
            "websocket",
            "tight",
            "abstract",
        ],
    ),
    ("spiceport", &["name"]),
    ("spicevmc", &["name", "debug"]),
    ("stdio", &["signal"]),
    ("tty", &["path"]),
    (
        "udp",
        &["host", "port", "localaddr", "localport", "ipv4", "ipv6"],
    ),
    ("vc", &["width", "height", "cols", "rows"]),
];

/// The options that all back ends have.
const COMMON: &[&str] = &["mux", "logfile", "logappend", "logtimestamp"];

/// The options of a back end on this QEMU, with their types.
pub fn of(backend: &str, schema: &Schema, version: Version) -> Vec<(&'static str, &'static str)> {
    let own = READ.iter().find(|(name, _)| *name == backend);
    let own = own.map_or(&[][..], |(_, names)| names);
    let names = own.iter().chain(COMMON).copied();
    let there = names.filter(|name| {
        // Only newer releases give pseudo terminals a name.
        (backend, *name) != ("pty", "path") || has_member(schema, "pty", "path")
    });
    let shown = there.filter_map(|name| {
        let kind = match kind_of(name, schema, version)? {
            Text => "str",
            Bool => "bool",
            Number => "int",
            Size => "size",
        };
        Some((name, kind))
    });
    shown.collect()
}

/// The members of the QMP type of a back end; `None` for one that the schema does not know.
fn members<'a>(schema: &'a Schema, backend: &str) -> Option<&'a Value> {
    let union = schema.argument("chardev-add", "backend")?;
    let text = |value: &'a Value, key: &str| value.get(key).and_then(Value::as_str);
    let variants = union.get("variants")?.as_array()?;
    let variant = variants.iter().find(|v| text(v, "case") == Some(backend))?;
    schema.member(schema.entity(text(variant, "type")?)?, "data")
}

/// Whether QMP has the back end.
pub fn is_backend(schema: &Schema, backend: &str) -> bool {
    members(schema, backend).is_some()
}

fn has_member(schema: &Schema, backend: &str, member: &str) -> bool {
    members(schema, backend).is_some_and(|kind| schema.member(kind, member).is_some())
}

fn kind_of(name: &str, schema: &Schema, version: Version) -> Option<Kind> {
    let (_, kind, known) = OPTIONS.iter().find(|(n, ..)| *n == name)?;
    let here = match known {
        Always => true,
        Since(first) => version >= *first,
        In(backend, member) => has_member(schema, backend, member),
    };
    here.then_some(*kind)
}

/// Reads the list that follows `chardev-add`.
pub fn read(text: &str, schema: &Schema, version: Version) -> Read {
    let mut warnings = String::new();
    let options = read_into(text, schema, version, &mut warnings);
    Read { warnings, options }
}

fn read_into(
    text: &str,
    schema: &Schema,
    version: Version,
    warnings: &mut String,
) -> Result<Options, String> {
    let mut ids = keyval::pairs(text, None).into_iter();
    let id = ids.find(|pair| pair.key == "id").map(|pair| pair.value);
    if id
        .as_deref()
        .is_some_and(|id| !keyval::is_well_formed_id(id))
    {
        return Err(
            "Parameter 'id' expects an identifier\nIdentifiers consist of letters, digits, '-', '.', '_', starting \
             with a letter.\n"
                .into(),
        );
    }
    let mut values = Vec::new();
    for pair in keyval::pairs(text, Some("backend")) {
        if pair.short && pair.value == "on" && (pair.key == "help" || pair.key == "?") {
            return Err(String::new());
        }
        if pair.short {
            *warnings += &pair.deprecation();
        }
        if pair.key == "id" {
            continue;
        }
        let kind = kind_of(&pair.key, schema, version);
        check(&pair, kind, version)?;
        values.push((pair.key, pair.value));
    }
    Ok(Options { id, values })
}

fn check(pair: &Pair, kind: Option<Kind>, version: Version) -> Result<(), String> {
    let Pair { key, value, .. } = pair;
    let expects = |what: &str| Err(format!("Parameter '{key}' expects {what}\n"));
    match kind {
        None => Err(format!("Invalid parameter '{key}'\n")),
        Some(Text) => Ok(()),
        Some(Bool) if keyval::boolean(value).is_none() => expects("'on' or 'off'"),
        Some(Bool) => Ok(()),
        Some(Number) => match number::strtou64(value, version) {
            Ok(_) => Ok(()),
            Err(NumberError::Invalid) => expects("a number"),
            Err(NumberError::Range) => Err(format!(
                "Value '{value}' is too large for parameter '{key}'\n"
            )),
        },
        Some(Size) => match size::whole(value, size::BYTES, Rules::of(version)) {
            Ok(_) => Ok(()),
            Err(SizeError::Range) => Err(format!(
                "Value '{value}' is out of range for parameter '{key}'\n"
            )),
            Err(SizeError::Invalid) => expects(&format!(
                "a non-negative number below 2^64\n{}",
                size::SUFFIX_HINT
            )),
        },
    }
}

impl Options {
    /// The last value given for an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether an option is on.
    pub fn is_on(&self, name: &str, default: bool) -> bool {
        self.get(name).and_then(keyval::boolean).unwrap_or(default)
    }

    fn number(&self, name: &str, version: Version) -> Option<u64> {
        number::strtou64(self.get(name)?, version).ok()
    }

    /// The back end in QMP's form, `{type, data}`; errors are in the built-in's words.
    pub fn backend(&self, kind: &str, schema: &Schema, version: Version) -> Result<Value, String> {
        if !is_backend(schema, kind) {
            return Err(format!("'{kind}' is not a valid char driver name"));
        }
        let mut data = match kind {
            "socket" => self.socket(version)?,
            "udp" => self.udp()?,
            _ => self.plain(kind, schema, version)?,
        };
        if let Some(file) = self.get("logfile") {
            data.insert("logfile".into(), file.into());
        }
        let append = self.is_on("logappend", false);
        data.insert("logappend".into(), append.into());
        if self.get("logtimestamp").is_some() {
            let on = self.is_on("logtimestamp", false);
            data.insert("logtimestamp".into(), on.into());
        }
        Ok(json!({"type": kind, "data": data}))
    }

    fn plain(
        &self,
        kind: &str,
        schema: &Schema,
        version: Version,
    ) -> Result<Map<String, Value>, String> {
        let mut data = Map::new();
        let mut text = |member: &str, option: &str, missing: &str| match self.get(option) {
            Some(value) => {
                data.insert(member.into(), value.into());
                Ok(())
            }
            None if missing.is_empty() => Ok(()),
            None => Err(format!("chardev: {missing} given")),
        };
        match kind {
            "file" => {
                text("out", "path", "file: no filename")?;
                text("in", "input-path", "")?;
                let append = self.is_on("append", false);
                data.insert("append".into(), append.into());
            }
            "serial" => text("device", "path", "serial/tty: no device path")?,
            "parallel" => text("device", "path", "parallel: no device path")?,
            "pipe" => text("device", "path", "pipe: no device path")?,
            "pty" if has_member(schema, "pty", "path") => text("path", "path", "")?,
            "mux" => text("chardev", "chardev", "mux: no chardev")?,
            "spicevmc" => text("type", "name", "spice channel: no name")?,
            "spiceport" => text("fqdn", "name", "spice port: no name")?,
            "dbus" => text("name", "name", "dbus: no name")?,
            "stdio" => {
                let signal = self.is_on("signal", true);
                data.insert("signal".into(), signal.into());
            }
            "qemu-vdagent" => {
                let (mouse, clipboard) =
                    (self.is_on("mouse", true), self.is_on("clipboard", false));
                data.insert("mouse".into(), mouse.into());
                data.insert("clipboard".into(), clipboard.into());
            }
            "hub" => {
                let names = (0..4).map_while(|i| self.get(&format!("chardevs.{i}")));
                data.insert("chardevs".into(), names.collect());
            }
            "ringbuf" | "memory" => {
                let size = self
                    .get("size")
                    .map(|s| size::whole(s, size::BYTES, Rules::of(version)));
                if let Some(Ok(size)) = size.filter(|size| *size != Ok(0)) {
                    data.insert("size".into(), size.into());
                }
            }
            "vc" => {
                for name in ["width", "height", "cols", "rows"] {
                    if let Some(value) = self.number(name, version).filter(|n| *n != 0) {
                        // As QEMU keeps it: the largest numbers are the negative ones.
                        data.insert(name.into(), value.as_signed().into());
                    }
                }
            }
            _ => {}
        }
        Ok(data)
    }

    fn socket(&self, version: Version) -> Result<Map<String, Value>, String> {
        let (path, host, fd) = (self.get("path"), self.get("host"), self.get("fd"));
        if [path, host, fd].iter().flatten().count() > 1 {
            return Err("None or one of 'path', 'fd' or 'host' option required.".into());
        }
        if host.is_some() && self.get("port").is_none() {
            return Err("chardev: socket: no port given".into());
        }
        let mut data = Map::new();
        if self.get("delay").is_some() && self.get("nodelay").is_some() {
            return Err("'delay' and 'nodelay' are mutually exclusive".into());
        }
        let address = match (path, host) {
            (Some(path), _) => json!({"type": "unix", "data": {
                "path": path, "tight": self.is_on("tight", true), "abstract": self.is_on("abstract", false),
            }}),
            (None, Some(host)) => {
                let port = self.get("port").unwrap_or_default();
                let mut inet = self.inet(host, port);
                if let Some(to) = self.number("to", version) {
                    inet["data"]["to"] = (to as u16).into();
                }
                inet
            }
            (None, None) => json!({"type": "fd", "data": {"str": fd.unwrap_or_default()}}),
        };
        data.insert("addr".into(), address);
        if self.get("delay").is_some() || self.get("nodelay").is_some() {
            let nodelay = !self.is_on("delay", true) || self.is_on("nodelay", false);
            data.insert("nodelay".into(), nodelay.into());
        }
        // QMP's defaults are others than the built-in's.
        let server = self.is_on("server", false);
        data.insert("server".into(), server.into());
        if server || self.get("wait").is_some() {
            data.insert("wait".into(), self.is_on("wait", true).into());
        }
        for name in ["telnet", "tn3270", "websocket"] {
            if self.get(name).is_some() {
                data.insert(name.into(), self.is_on(name, false).into());
            }
        }
        for name in ["reconnect", "reconnect-ms"] {
            if let Some(time) = self.number(name, version) {
                data.insert(name.into(), time.as_signed().into());
            }
        }
        for name in ["tls-creds", "tls-authz"] {
            if let Some(value) = self.get(name) {
                data.insert(name.into(), value.into());
            }
        }
        Ok(data)
    }

    fn inet(&self, host: &str, port: &str) -> Value {
        let mut address = json!({"host": host, "port": port});
        for name in ["ipv4", "ipv6"] {
            if self.get(name).is_some() {
                address[name] = self.is_on(name, false).into();
            }
        }
        json!({"type": "inet", "data": address})
    }

    fn udp(&self) -> Result<Map<String, Value>, String> {
        let given = |name: &str| self.get(name).filter(|value| !value.is_empty());
        let port = given("port").ok_or("chardev: udp: remote port not specified")?;
        let remote = self.inet(given("host").unwrap_or("localhost"), port);
        let mut data = Map::new();
        data.insert("remote".into(), remote);
        let (address, port) = (given("localaddr"), given("localport"));
        if address.is_some() || port.is_some() {
            let local = json!({"host": address.unwrap_or_default(), "port": port.unwrap_or("0")});
            data.insert("local".into(), json!({"type": "inet", "data": local}));
        }
        Ok(data)
    }
}
