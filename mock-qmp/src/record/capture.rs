// SPDX-License-Identifier: GPL-2.0-or-later
//! What QEMU writes while it carries out a request: into descriptors that the client passed, or
//! into files.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, fstat};
use rustix::io::pread;

use crate::json::{Object, Value};

/// Commands that write where one of their arguments points, and the argument.
const WRITING: &[(&str, &str)] = &[
    ("dump-guest-memory", "protocol"),
    ("dump-skeys", "filename"),
    ("dumpdtb", "filename"),
    ("memsave", "filename"),
    ("migrate", "uri"),
    ("pmemsave", "filename"),
    ("screendump", "filename"),
    ("xen-save-devices-state", "filename"),
];

/// The descriptors that passed through, held open to be read.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    pending: Vec<OwnedFd>,
    named: BTreeMap<String, OwnedFd>,
    numbered: BTreeMap<i64, OwnedFd>,
    sets: BTreeMap<i64, i64>,
}

impl Capture {
    /// Descriptors passed through; these are copies.
    pub(crate) fn arrived(&mut self, copies: Vec<OwnedFd>) {
        if !copies.is_empty() {
            self.pending = copies;
        }
    }

    /// A request succeeded: keeps what it registered, and reads what it wrote. Returns the name in
    /// the request and the content.
    pub(crate) fn answered(
        &mut self,
        command: &str,
        arguments: &Object,
        returned: &Value,
        limit: usize,
    ) -> Option<(String, io::Result<Written>)> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        match command {
            "getfd" => {
                let copy = self.pending.drain(..).next()?;
                self.named.insert(text("fdname")?.to_owned(), copy);
                return None;
            }
            "add-fd" => {
                let copy = self.pending.drain(..).next()?;
                let number = returned.get("fd")?.as_i64()?;
                self.sets
                    .insert(returned.get("fdset-id")?.as_i64()?, number);
                self.numbered.insert(number, copy);
                return None;
            }
            "closefd" => {
                self.named.remove(text("fdname")?);
                return None;
            }
            "remove-fd" => {
                if let Some(number) = self.sets.remove(&arguments.get("fdset-id")?.as_i64()?) {
                    self.numbered.remove(&number);
                }
                return None;
            }
            _ => {}
        }
        let to = target(command, arguments)?;
        let content = self.read(to, limit)?;
        Some((to.to_owned(), content))
    }

    /// A request failed: what a passed descriptor holds then, since QEMU empties it first, and some
    /// requests fail only after they wrote a part.
    pub(crate) fn failed(
        &mut self,
        command: &str,
        arguments: &Object,
        desc: &str,
        limit: usize,
    ) -> Option<(String, io::Result<Written>)> {
        let to = target(command, arguments)?;
        let passed = ["/proc/self/fd/", "/dev/fd/", "/dev/fdset/"];
        if desc.starts_with("Could not open") || !passed.iter().any(|name| to.starts_with(name)) {
            return None;
        }
        let content = self.read(to, limit)?;
        Some((to.to_owned(), content))
    }

    fn read(&mut self, to: &str, limit: usize) -> Option<io::Result<Written>> {
        let number = |prefix: &str| to.strip_prefix(prefix)?.parse::<i64>().ok();
        if let Some(name) = to.strip_prefix("fd:") {
            return self.named.remove(name).map(|fd| content(&fd, limit));
        }
        if let Some(number) = number("/proc/self/fd/").or_else(|| number("/dev/fd/")) {
            return self.numbered.get(&number).map(|fd| content(fd, limit));
        }
        if let Some(set) = number("/dev/fdset/") {
            return self
                .sets
                .get(&set)
                .and_then(|number| self.numbered.get(number))
                .map(|fd| content(fd, limit));
        }
        let path = to.strip_prefix("file:").unwrap_or(to);
        path.starts_with('/').then(|| {
            let file = std::fs::File::open(path)?;
            content(&file.into(), limit)
        })
    }
}

/// Where a command writes.
fn target<'a>(command: &str, arguments: &'a Object) -> Option<&'a str> {
    let (_, argument) = WRITING.iter().find(|(name, _)| *name == command)?;
    arguments.get(*argument).and_then(Value::as_str)
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Written {
    /// Its first bytes.
    pub(crate) kept: Vec<u8>,
    /// How many more there are.
    pub(crate) omitted: u64,
}

/// The content of a regular file, of which so many bytes are kept.
fn content(fd: &OwnedFd, limit: usize) -> io::Result<Written> {
    let stat = fstat(fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other(
            "not a file whose content can be read back",
        ));
    }
    // A descriptor passed for writing only cannot be read, but the file behind it can.
    let reopened = std::fs::File::open(format!(
        "/proc/self/fd/{}",
        std::os::fd::AsRawFd::as_raw_fd(fd)
    ));
    let reopened = reopened.map(OwnedFd::from);
    let fd = reopened.as_ref().unwrap_or(fd);
    let mut bytes = vec![
        0;
        usize::try_from(stat.st_size)
            .unwrap_or(usize::MAX)
            .min(limit)
    ];
    let mut done = 0;
    while done < bytes.len() {
        match pread(fd, &mut bytes[done..], done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    bytes.truncate(done);
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    Ok(Written {
        omitted: size.saturating_sub(limit as u64),
        kept: bytes,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    fn answered(
        capture: &mut Capture,
        command: &str,
        arguments: serde_json::Value,
        returned: serde_json::Value,
    ) -> Option<(String, Vec<u8>)> {
        let Value::Object(arguments) = Value::from(arguments) else {
            panic!()
        };
        let (to, content) = capture.answered(command, &arguments, &Value::from(returned), 100)?;
        Some((to, content.unwrap().kept))
    }

    #[test]
    fn content_of_passed_descriptors_is_read() {
        let mut capture = Capture::default();
        let mut file = tempfile::tempfile().unwrap();
        capture.arrived(vec![file.try_clone().unwrap().into()]);
        assert_eq!(
            answered(
                &mut capture,
                "add-fd",
                json!({}),
                json!({"fd": 9, "fdset-id": 2})
            ),
            None
        );
        file.write_all(b"memory").unwrap();
        for name in ["/proc/self/fd/9", "/dev/fdset/2"] {
            let found = answered(
                &mut capture,
                "memsave",
                json!({"filename": name}),
                json!({}),
            );
            assert_eq!(found, Some((name.to_owned(), b"memory".to_vec())));
        }
        assert_eq!(
            answered(
                &mut capture,
                "query-status",
                json!({"filename": "/proc/self/fd/9"}),
                json!({})
            ),
            None
        );
    }

    #[test]
    fn named_descriptors_are_used_up() {
        let mut capture = Capture::default();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 200]).unwrap();
        capture.arrived(vec![file.into()]);
        answered(&mut capture, "getfd", json!({"fdname": "x"}), json!({}));
        let arguments = json!({"protocol": "fd:x"});
        let found = answered(
            &mut capture,
            "dump-guest-memory",
            arguments.clone(),
            json!({}),
        )
        .unwrap();
        assert_eq!(found.1.len(), 100);
        assert_eq!(
            answered(&mut capture, "dump-guest-memory", arguments, json!({})),
            None
        );
    }

    #[test]
    fn named_files_are_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"P6").unwrap();
        let name = file.path().to_str().unwrap();
        let found = answered(
            &mut Capture::default(),
            "screendump",
            json!({"filename": name}),
            json!({}),
        );
        assert_eq!(found, Some((name.to_owned(), b"P6".to_vec())));
    }
}
