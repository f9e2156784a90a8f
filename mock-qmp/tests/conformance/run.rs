// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs a case against a target.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::case::{Case, Expected, Step};
use crate::client::Client;
use crate::compare::{check, count, within, without_descriptors, without_time};

/// Something with monitors: a real QEMU, or the mock.
pub trait Target {
    /// Connects to a monitor: A, B, or C, which is pretty.
    fn connect(&mut self, monitor: &str) -> UnixStream;
    /// A folder whose name takes the place of `@DIR@`.
    fn folder(&self) -> PathBuf;
    /// Lets the guest do something.
    fn guest(&mut self, action: &str);
    /// Sends a signal to the process.
    fn signal(&mut self, name: &str);
    /// What is expected of the world at the end, such as `process gone`; an error where it is not
    /// so.
    fn claim(&mut self, claim: &str) -> Result<(), String>;
}

/// Runs a case on a machine in the right state.
pub fn run(case: &Case, target: &mut dyn Target, new_dialect: bool) -> Result<(), String> {
    let expected = case
        .expect_11
        .as_ref()
        .filter(|_| new_dialect)
        .unwrap_or(&case.expect);
    let (claims, expected): (Vec<&Expected>, Vec<&Expected>) =
        expected.iter().partition(|one| is_claim(one));
    let expected = by_connection(&expected);
    let patience = Duration::from_secs(case.patience.unwrap_or(10));
    let mut clients = BTreeMap::from([("A".to_owned(), open(target, "A", &case.state))]);
    let mut notes = Vec::new();
    let mut start = Instant::now();
    for step in &case.steps {
        act(step, target, &mut clients, &mut notes, &mut start);
    }
    for (name, expected) in &expected {
        let client = clients
            .get_mut(name)
            .ok_or_else(|| format!("no connection {name}"))?;
        let missing = count(expected).saturating_sub(client.lines.len());
        client.wait(missing, patience);
    }
    let quiet = Instant::now() + Duration::from_millis(50);
    while Instant::now() < quiet {
        clients.values_mut().for_each(Client::pump);
    }
    for (name, client) in &mut clients {
        for (_, line) in &mut client.lines {
            *line = without_time(line);
            if case.mask.as_deref() == Some("fd") {
                *line = without_descriptors(line);
            }
        }
        let expected = expected.get(name).map_or(&[][..], Vec::as_slice);
        check(expected, &client.lines, start).map_err(|problem| format!("{name}: {problem}"))?;
    }
    for (id, range) in &case.times {
        let (at, _) = reply(&clients["A"], id).ok_or_else(|| format!("no reply {id}"))?;
        within(at.saturating_duration_since(start), *range, id)?;
    }
    for claim in claims {
        let Expected::Line(text) = claim else {
            continue;
        };
        let text = text.trim_start_matches('<').trim_end_matches('>');
        match text.strip_prefix("new socket: ") {
            Some(said) if notes.iter().any(|note: &String| note == said) => {}
            Some(said) => return Err(format!("expected {said}, the new socket said {notes:?}")),
            None => target.claim(text)?,
        }
    }
    Ok(())
}

fn is_claim(expected: &Expected) -> bool {
    matches!(expected, Expected::Line(text) if text.starts_with('<') && text != "<EOF>")
}

/// Sorts expected lines by the connection that they name.
fn by_connection(expected: &[&Expected]) -> BTreeMap<String, Vec<Expected>> {
    let mut sorted: BTreeMap<String, Vec<Expected>> = BTreeMap::new();
    for one in expected {
        let named = match one {
            Expected::Line(text) if text.as_bytes().get(1..3) == Some(b": ") => {
                Some((text[..1].to_owned(), Expected::Line(text[3..].to_owned())))
            }
            _ => None,
        };
        let (name, one) = named.unwrap_or_else(|| ("A".to_owned(), (*one).clone()));
        sorted.entry(name).or_default().push(one);
    }
    sorted
}

fn reply<'a>(client: &'a Client, id: &str) -> Option<&'a (Instant, String)> {
    client.lines.iter().find(|(_, line)| {
        line.contains(&format!("\"id\": \"{id}\"")) || line.ends_with(&format!("\"id\": {id}}}"))
    })
}

fn open(target: &mut dyn Target, monitor: &str, state: &str) -> Client {
    let mut client = Client::new(target.connect(monitor));
    if state != "fresh" {
        client.skip_greeting();
    }
    match state {
        "negotiated" => client.negotiate(false),
        "oob" => client.negotiate(true),
        _ => {}
    }
    client
}

fn act(
    step: &Step,
    target: &mut dyn Target,
    clients: &mut BTreeMap<String, Client>,
    notes: &mut Vec<String>,
    start: &mut Instant,
) {
    let name = step.on.as_deref().unwrap_or("A");
    if let Some(monitor) = &step.open {
        let client = open(target, monitor, step.state.as_deref().unwrap_or("greeted"));
        clients.insert(monitor.clone(), client);
        return;
    }
    let Some(client) = clients.get_mut(name) else {
        panic!("no connection {name}")
    };
    if let Some(text) = &step.send {
        let bytes = text.bytes();
        let folder = target.folder();
        let bytes = match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("@DIR@") => text
                .replace("@DIR@", &folder.to_string_lossy())
                .into_bytes(),
            _ => bytes,
        };
        *start = Instant::now();
        client.send(&bytes, step.descriptors);
    }
    if let Some(seconds) = step.pause {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < until {
            client.pump();
        }
    }
    if let Some(seconds) = step.unread {
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
    if let Some(lines) = step.wait {
        client.wait(lines, Duration::from_secs(10));
    }
    if let Some(lines) = step.drop {
        client
            .lines
            .truncate(client.lines.len().saturating_sub(lines));
    }
    if step.forget {
        client.lines.clear();
    }
    if step.close {
        client.close();
        // The other side has to notice before the next client comes.
        std::thread::sleep(Duration::from_millis(50));
    }
    if step.connect {
        client.connect(target.connect(name));
    }
    if step.shutdown {
        client.shutdown();
    }
    if let Some(signal) = &step.signal {
        target.signal(signal);
    }
    if let Some(action) = &step.guest {
        *start = Instant::now();
        for time in 0..step.times.max(1) {
            if time > 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            target.guest(action);
        }
    }
    if let Some(socket) = &step.peek {
        notes.push(peek(&target.folder().join(socket)));
    }
}

/// What a socket says within half a second, in the form in which the cases note it.
fn peek(path: &Path) -> String {
    use std::io::Read;
    let Ok(mut stream) = UnixStream::connect(path) else {
        return "nothing".to_owned();
    };
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut buffer = [0; 60];
    match stream.read(&mut buffer) {
        Ok(count) if count > 0 => format!("b'{}'", String::from_utf8_lossy(&buffer[..count])),
        _ => "nothing".to_owned(),
    }
}
