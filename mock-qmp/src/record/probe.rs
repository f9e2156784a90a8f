// SPDX-License-Identifier: GPL-2.0-or-later
//! What a recording's description says of the machine, asked from the machine itself.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::framer::Framer;
use crate::json::Value;
use crate::net::Address;
use crate::recording::{FORMAT, Machine, QemuVersion};

/// How long the machine may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What was found out.
#[derive(Debug)]
pub struct Probe {
    /// The description, without schema.
    pub machine: Machine,
    /// JSON text of what query-qmp-schema returned.
    pub schema: String,
}

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

struct Session {
    stream: Box<dyn Connection>,
    framer: Framer,
    messages: std::collections::VecDeque<String>,
}

/// Asks the QEMU at this address. Occupies its monitor for a moment.
pub fn probe(address: &Address) -> io::Result<Probe> {
    let (stream, arguments): (Box<dyn Connection>, _) = match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            let arguments = command_line(&stream);
            (Box::new(stream), arguments)
        }
        Address::Tcp(place) => {
            let stream = TcpStream::connect(place.as_str())?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            (Box::new(stream), Vec::new())
        }
        Address::Memory => return Err(io::ErrorKind::Unsupported.into()),
    };
    let mut session = Session {
        stream,
        framer: Framer::default(),
        messages: Default::default(),
    };
    let greeting = session.message()?;
    let version = greeting
        .get("QMP")
        .and_then(|qmp| QemuVersion::from_json(qmp.get("version")?));
    let Some(qemu) = version else {
        return Err(io::Error::other("no QMP greeting"));
    };
    session.ask("{\"execute\":\"qmp_capabilities\"}")?;
    let arch = session.text("{\"execute\":\"query-target\"}", "arch")?;
    let machine = session.machine()?;
    let schema = session.raw("{\"execute\":\"query-qmp-schema\"}")?;
    let machine = Machine {
        format: FORMAT,
        arch: arch.unwrap_or_default(),
        machine: machine.unwrap_or_default(),
        variant: String::new(),
        arguments,
        schema: String::new(),
        topics: Vec::new(),
        ignore: Vec::new(),
        qemu,
    };
    Ok(Probe { machine, schema })
}

impl Session {
    fn text_message(&mut self) -> io::Result<String> {
        let mut buffer = [0; 64 * 1024];
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.messages.extend(self.framer.feed(&buffer[..count])),
            }
        }
    }

    fn message(&mut self) -> io::Result<Value> {
        Ok(serde_json::from_str::<serde_json::Value>(&self.text_message()?)?.into())
    }

    fn ask(&mut self, request: &str) -> io::Result<Value> {
        self.stream.write_all(request.as_bytes())?;
        loop {
            let message = self.message()?;
            if message.get("event").is_none() {
                return Ok(message);
            }
        }
    }

    /// JSON text of what the request returned.
    fn raw(&mut self, request: &str) -> io::Result<String> {
        let reply = self.ask(request)?;
        let Some(returned) = reply.get("return") else {
            return Err(io::Error::other("an error came back"));
        };
        Ok(serde_json::Value::from(returned).to_string())
    }

    fn text(&mut self, request: &str, member: &str) -> io::Result<Option<String>> {
        let reply = self.ask(request)?;
        Ok(reply
            .get("return")
            .and_then(|value| value.get(member)?.as_str())
            .map(str::to_owned))
    }

    /// The machine type by the shortest name that means it.
    fn machine(&mut self) -> io::Result<Option<String>> {
        let request =
            "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine\",\"property\":\"type\"}}";
        let reply = self.ask(request)?;
        let Some(kind) = reply.get("return").and_then(Value::as_str) else {
            return Ok(None);
        };
        let name = kind.strip_suffix("-machine").unwrap_or(kind).to_owned();
        let machines = self.ask("{\"execute\":\"query-machines\"}")?;
        let entries = machines
            .get("return")
            .and_then(Value::as_array)
            .unwrap_or_default();
        let alias = entries
            .iter()
            .filter(|entry| entry.get("name").and_then(Value::as_str) == Some(&name))
            .find_map(|entry| entry.get("alias")?.as_str().map(str::to_owned));
        Ok(Some(alias.unwrap_or(name)))
    }
}

/// The command line of the process that listens on the other side, without the program's name;
/// empty where the system does not say.
fn command_line(stream: &impl AsFd) -> Vec<String> {
    let read = || -> Option<Vec<String>> {
        let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
        let text = std::fs::read(format!("/proc/{}/cmdline", peer.pid.as_raw_nonzero())).ok()?;
        let words = text
            .split(|&byte| byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned());
        let mut words: Vec<String> = words.skip(1).collect();
        words.pop();
        Some(words)
    };
    read()
        .unwrap_or_default()
        .iter()
        .map(|word| crate::recording::scrub_option(word))
        .collect()
}
