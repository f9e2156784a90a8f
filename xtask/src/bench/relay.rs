// SPDX-License-Identifier: GPL-2.0-or-later
//! A socket between `hmp` and a server that sees what is sent, and from it the requests that a line
//! takes, to be asked again as raw QMP.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Deserializer, Value};

use super::measure::program;
use crate::error::Error;

/// Passes one client's bytes on to a server, and shows each piece of them; ends as the client does.
pub fn pass(listener: &UnixListener, server: &Path, mut seen: impl FnMut(&[u8])) -> io::Result<()> {
    let (mut client, _) = listener.accept()?;
    let mut server = UnixStream::connect(server)?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        // Whoever goes first ends it.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut chunk = [0; 1 << 16];
    loop {
        let length = client.read(&mut chunk)?;
        if length == 0 {
            server.shutdown(Shutdown::Write)?;
            drop(back);
            return Ok(());
        }
        seen(&chunk[..length]);
        server.write_all(&chunk[..length])?;
    }
}

/// The requests of `hmp` with these arguments beyond those with `without`, in their shortest form.
pub fn requests(
    hmp: &Path,
    socket: &Path,
    arguments: &[&str],
    without: &[&str],
) -> Result<Vec<String>, Error> {
    let base = sent(hmp, socket, without)?;
    Ok(beyond(sent(hmp, socket, arguments)?, &base))
}

/// What is in `all` more often than in `base`, in order.
fn beyond(all: Vec<String>, base: &[String]) -> Vec<String> {
    let mut base = base.to_vec();
    let mut rest = Vec::new();
    for request in all {
        match base.iter().position(|known| *known == request) {
            Some(at) => drop(base.swap_remove(at)),
            None => rest.push(request),
        }
    }
    rest
}

fn sent(hmp: &Path, socket: &Path, arguments: &[&str]) -> Result<Vec<String>, Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("relay");
    let listener = UnixListener::bind(&path)?;
    let server = socket.to_owned();
    let relay = thread::spawn(move || {
        let mut bytes = Vec::new();
        pass(&listener, &server, |piece| bytes.extend_from_slice(piece))?;
        Ok::<_, io::Error>(bytes)
    });
    program(Command::new(hmp).args(arguments).arg(&path), "")?;
    let bytes = relay.join().map_err(|_| "the relay ended early")??;
    shortest(&bytes)
}

/// Requests without their ids; negotiation is not one of them.
fn shortest(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let mut requests = Vec::new();
    for request in Deserializer::from_slice(bytes).into_iter::<Value>() {
        let mut request = request?;
        if let Some(members) = request.as_object_mut() {
            members.remove("id");
        }
        if request["execute"] != "qmp_capabilities" {
            requests.push(request.to_string());
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_beyond_the_start_in_their_shortest_form() {
        let start = b"{\"execute\":\"qmp_capabilities\"}{\"execute\":\"a\"}";
        let line = b"{\"execute\":\"a\",\"id\":1}\n{\"execute\":\"a\"}{\"execute\":\"b\",\"id\":2}";
        let requests = beyond(shortest(line).unwrap(), &shortest(start).unwrap());
        assert_eq!(requests, ["{\"execute\":\"a\"}", "{\"execute\":\"b\"}"]);
        assert!(shortest(b"{\"execute\":").is_err());
    }

    #[test]
    fn a_relay_shows_what_passes() {
        let folder = tempfile::tempdir().unwrap();
        let [path, behind] = ["front", "behind"].map(|name| folder.path().join(name));
        let (front, server) = (
            UnixListener::bind(&path).unwrap(),
            UnixListener::bind(&behind).unwrap(),
        );
        let relay = thread::spawn(move || {
            let mut bytes = Vec::new();
            pass(&front, &behind, |piece| bytes.extend_from_slice(piece)).unwrap();
            bytes
        });
        let mut client = UnixStream::connect(path).unwrap();
        client.write_all(b"asked").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let mut got = Vec::new();
        served.read_to_end(&mut got).unwrap();
        served.write_all(b"answered").unwrap();
        drop(served);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(
            (got.as_slice(), answer.as_slice()),
            (&b"asked"[..], &b"answered"[..])
        );
        assert_eq!(relay.join().unwrap(), b"asked");
    }
}
