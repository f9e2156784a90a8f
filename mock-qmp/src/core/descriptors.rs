// SPDX-License-Identifier: GPL-2.0-or-later
//! Descriptors that clients pass: named ones, and sets.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{FileType, fstat, ftruncate};
use rustix::io::{pwrite, write};

use super::files::{Files, Place};
use crate::json::{Object, Value};
use crate::recording::{Chunk, Content};
use crate::schema::Failure;

/// QEMU's own descriptors take the numbers below; a machine without devices gives the first passed
/// one this number.
const FIRST_NUMBER: i64 = 12;

/// What the clients of a monitor have passed. Both kinds survive a disconnect.
#[derive(Debug)]
pub struct Descriptors {
    /// Those that came with the bytes just read and that no command has taken yet.
    pending: Vec<OwnedFd>,
    named: BTreeMap<String, OwnedFd>,
    sets: BTreeMap<i64, Vec<Passed>>,
    next_number: i64,
    /// Where files of other names are.
    place: Place,
}

#[derive(Debug)]
struct Passed {
    number: i64,
    opaque: Option<String>,
    fd: OwnedFd,
}

impl Default for Descriptors {
    fn default() -> Self {
        Self {
            pending: Vec::new(),
            named: BTreeMap::new(),
            sets: BTreeMap::new(),
            next_number: FIRST_NUMBER,
            place: Place::default(),
        }
    }
}

impl Descriptors {
    /// None yet; the first of a set gets this number.
    pub(crate) fn numbered_from(first: Option<i64>) -> Self {
        Self {
            next_number: first.unwrap_or(FIRST_NUMBER),
            ..Self::default()
        }
    }

    /// Chooses where files are written that are no passed descriptors.
    pub(crate) fn set_files(&mut self, files: Files) {
        self.place = files.into();
    }

    /// Forgets all that were passed.
    pub(crate) fn start_again(&mut self, first: Option<i64>) {
        let place = std::mem::take(&mut self.place);
        *self = Self {
            place,
            ..Self::numbered_from(first)
        };
    }

    /// Descriptors came with bytes: they replace those that nobody took.
    pub fn arrived(&mut self, descriptors: Vec<OwnedFd>) {
        if !descriptors.is_empty() {
            self.pending = descriptors;
        }
    }

    /// Copies of those that no command has taken yet.
    pub(crate) fn copies(&self) -> Vec<OwnedFd> {
        let all = self.pending.iter();
        all.filter_map(|one| one.try_clone().ok()).collect()
    }

    /// Gives back the descriptors that no command took.
    pub(crate) fn take_pending(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.pending)
    }

    /// A command takes one: the first, and the others of the same message are lost.
    fn take(&mut self) -> Result<OwnedFd, Failure> {
        let mut pending = std::mem::take(&mut self.pending).into_iter();
        pending
            .next()
            .ok_or_else(|| Failure::generic("No file descriptor supplied via SCM_RIGHTS"))
    }

    /// Carries out a command that concerns descriptors only. The arguments' types have been
    /// checked.
    pub fn execute(&mut self, command: &str, arguments: &Object) -> Option<Result<Value, Failure>> {
        Some(match command {
            "getfd" => self.getfd(arguments),
            "closefd" => self.closefd(arguments),
            "add-fd" => self.add(arguments),
            "remove-fd" => self.remove(arguments),
            "query-fdsets" => Ok(self.query()),
            _ => return None,
        })
    }

    fn getfd(&mut self, arguments: &Object) -> Result<Value, Failure> {
        let name = text(arguments, "fdname")?;
        let fd = self.take()?;
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            let problem = "Parameter 'fdname' expects a name not starting with a digit";
            return Err(Failure::generic(problem));
        }
        self.named.insert(name, fd);
        Ok(Value::Object(Object::new()))
    }

    fn closefd(&mut self, arguments: &Object) -> Result<Value, Failure> {
        let name = text(arguments, "fdname")?;
        match self.named.remove(&name) {
            Some(_) => Ok(Value::Object(Object::new())),
            None => Err(Failure::generic(format!(
                "File descriptor named '{name}' not found"
            ))),
        }
    }

    fn add(&mut self, arguments: &Object) -> Result<Value, Failure> {
        let opaque = arguments
            .get("opaque")
            .and_then(|opaque| opaque.as_str())
            .map(str::to_owned);
        let fd = self.take()?;
        let id = match arguments.get("fdset-id").and_then(Value::as_i64) {
            Some(id) if id < 0 => {
                return Err(Failure::generic(
                    "Parameter 'fdset-id' expects a non-negative value",
                ));
            }
            Some(id) => id,
            None => self
                .sets
                .keys()
                .zip(0..)
                .take_while(|(id, index)| *id == index)
                .count() as i64,
        };
        let number = self.next_number;
        self.next_number += 1;
        self.sets
            .entry(id)
            .or_default()
            .push(Passed { number, opaque, fd });
        let reply = [
            ("fd".to_owned(), Value::Int(number)),
            ("fdset-id".to_owned(), Value::Int(id)),
        ];
        Ok(Value::Object(reply.into()))
    }

    fn remove(&mut self, arguments: &Object) -> Result<Value, Failure> {
        let integer = |name: &str| arguments.get(name).and_then(Value::as_i64);
        let Some(id) = integer("fdset-id") else {
            return Err(Failure::generic("Parameter 'fdset-id' is missing"));
        };
        let fd = integer("fd");
        let found = self.sets.get_mut(&id).is_some_and(|set| {
            let before = set.len();
            set.retain(|passed| fd.is_some_and(|fd| fd != passed.number));
            fd.is_none() || set.len() < before
        });
        if !found {
            let fd = fd.map_or_else(String::new, |fd| format!(", fd:{fd}"));
            return Err(Failure::generic(format!(
                "File descriptor named 'fdset-id:{id}{fd}' not found"
            )));
        }
        self.sets.retain(|_, set| !set.is_empty());
        Ok(Value::Object(Object::new()))
    }

    fn query(&self) -> Value {
        let sets = self.sets.iter().rev().map(|(id, set)| {
            let fds = set.iter().map(|passed| {
                let mut entry = Object::from([("fd".to_owned(), Value::Int(passed.number))]);
                if let Some(opaque) = &passed.opaque {
                    entry.insert("opaque".to_owned(), Value::String(opaque.clone()));
                }
                Value::Object(entry)
            });
            let members = [
                ("fds".to_owned(), Value::Array(fds.collect())),
                ("fdset-id".to_owned(), Value::Int(*id)),
            ];
            Value::Object(members.into())
        });
        Value::Array(sets.collect())
    }

    /// Writes where a request's argument points: a passed descriptor (`/proc/self/fd/N`,
    /// `/dev/fdset/N`, `fd:NAME`) or, with or without `file:`, a file of that name.
    pub(crate) fn write(&mut self, to: &str, content: &Content) -> io::Result<()> {
        if self.write_passed(to, content)? {
            return Ok(());
        }
        let path = to.strip_prefix("file:").unwrap_or(to);
        match self.place.create(path)? {
            Some(file) => rewrite(&file.into(), content),
            None => Ok(()),
        }
    }

    /// The same, to where a path says: somebody named the argument.
    pub(crate) fn write_as_named(&mut self, to: &str, content: &Content) -> io::Result<()> {
        if self.write_passed(to, content)? {
            return Ok(());
        }
        let path = to.strip_prefix("file:").unwrap_or(to);
        self.write_file(path.as_ref(), content)
    }

    /// Writes to a passed descriptor, and says whether one is meant.
    fn write_passed(&mut self, to: &str, content: &Content) -> io::Result<bool> {
        if let Some(name) = to.strip_prefix("fd:") {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            let fd = self.named.remove(name).ok_or(missing)?;
            append(&fd, content)?;
            return Ok(true);
        }
        let path = to.strip_prefix("file:").unwrap_or(to);
        if let Some(number) = path
            .strip_prefix("/proc/self/fd/")
            .or(path.strip_prefix("/dev/fd/"))
        {
            let number = number.parse::<i64>().ok();
            let mut sets = self.sets.values().flatten();
            let mut named = self.named.values();
            // One in a set has the number that we made up, one with a name its own.
            let in_set = sets.find(|passed| Some(passed.number) == number);
            let fd = match in_set {
                Some(passed) => Some(&passed.fd),
                None => named.find(|fd| Some(i64::from(fd.as_raw_fd())) == number),
            };
            rewrite(fd.ok_or(io::ErrorKind::NotFound)?, content)?;
            return Ok(true);
        }
        if let Some(id) = path.strip_prefix("/dev/fdset/") {
            let set = id.parse().ok().and_then(|id: i64| self.sets.get(&id));
            let passed = set
                .and_then(|set| set.first())
                .ok_or(io::ErrorKind::NotFound)?;
            rewrite(&passed.fd, content)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Writes a file that the mock's owner named.
    pub(crate) fn write_file(&self, path: &std::path::Path, content: &Content) -> io::Result<()> {
        rewrite(&std::fs::File::create(path)?.into(), content)
    }
}

fn text(arguments: &Object, name: &str) -> Result<String, Failure> {
    let value = arguments.get(name).and_then(|value| value.as_str());
    value
        .map(str::to_owned)
        .ok_or_else(|| Failure::generic(format!("Parameter '{name}' is missing")))
}

/// What opening the file anew for writing would do: a regular file gets this content, a pipe gets it
/// appended. Zeros become holes of a file.
fn rewrite(fd: &OwnedFd, content: &Content) -> io::Result<()> {
    let regular =
        fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    if !regular {
        return append(fd, content);
    }
    ftruncate(fd, 0)?;
    let mut place = 0;
    for chunk in content.chunks() {
        if let Chunk::Bytes(bytes) = chunk {
            write_at(fd, bytes, place)?;
        }
        place += chunk.len();
    }
    Ok(ftruncate(fd, place)?)
}

fn write_at(fd: &OwnedFd, bytes: &[u8], place: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match pwrite(fd, &bytes[done..], place + done as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => done += count,
        }
    }
    Ok(())
}

/// Most bytes that are written where zeros can't be holes.
const APPENDED: u64 = 256 << 20;

fn append(fd: &OwnedFd, content: &Content) -> io::Result<()> {
    if content.len() > APPENDED {
        let text = format!(
            "{} bytes are too many for what is not a file",
            content.len()
        );
        return Err(io::Error::other(text));
    }
    let zeros = [0; 64 * 1024];
    for chunk in content.chunks() {
        match chunk {
            Chunk::Bytes(bytes) => write_all(fd, bytes)?,
            Chunk::Zeros(count) => {
                let mut left = *count;
                while left > 0 {
                    let piece = left.min(zeros.len() as u64);
                    write_all(fd, &zeros[..piece as usize])?;
                    left -= piece;
                }
            }
        }
    }
    Ok(())
}

fn write_all(fd: &OwnedFd, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match write(fd, data)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => data = &data[count..],
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use serde_json::json;

    use super::*;
    use crate::recording::Part;

    #[test]
    fn a_dump_of_a_large_vm_is_a_file_with_holes() {
        use std::os::unix::fs::MetadataExt as _;

        let size = 64 << 30;
        let parts = [Part::Text("head".into()), Part::Omitted(size)];
        let content = Content::read(&parts).unwrap();
        let file = tempfile::tempfile().unwrap();
        rewrite(&file.try_clone().unwrap().into(), &content).unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.len(), size + 4);
        assert!(metadata.blocks() < 100, "{}", metadata.blocks());
        let (_reader, writer) = io::pipe().unwrap();
        let error = rewrite(&writer.into(), &content).unwrap_err();
        assert!(error.to_string().contains("too many"), "{error}");
    }

    fn run(descriptors: &mut Descriptors, command: &str, arguments: serde_json::Value) -> String {
        let arguments = Value::from(arguments);
        match descriptors
            .execute(command, arguments.as_object().unwrap())
            .unwrap()
        {
            Ok(value) => serde_json::Value::from(&value).to_string(),
            Err(failure) => failure.desc,
        }
    }

    fn pass(descriptors: &mut Descriptors) -> std::fs::File {
        let file = tempfile::tempfile().unwrap();
        descriptors.arrived(vec![file.try_clone().unwrap().into()]);
        file
    }

    #[test]
    fn sets_are_kept_as_qemu_keeps_them() {
        let mut all = Descriptors::default();
        assert_eq!(
            run(&mut all, "add-fd", json!({})),
            "No file descriptor supplied via SCM_RIGHTS"
        );
        pass(&mut all);
        assert_eq!(
            run(&mut all, "add-fd", json!({"opaque": "x"})),
            r#"{"fd":12,"fdset-id":0}"#
        );
        pass(&mut all);
        assert_eq!(
            run(&mut all, "add-fd", json!({"fdset-id": 4})),
            r#"{"fd":13,"fdset-id":4}"#
        );
        pass(&mut all);
        assert_eq!(
            run(&mut all, "add-fd", json!({})),
            r#"{"fd":14,"fdset-id":1}"#
        );
        let listed = r#"[{"fds":[{"fd":13}],"fdset-id":4},{"fds":[{"fd":14}],"fdset-id":1},{"fds":[{"fd":12,"opaque":"x"}],"fdset-id":0}]"#;
        assert_eq!(run(&mut all, "query-fdsets", json!({})), listed);
        assert_eq!(
            run(&mut all, "remove-fd", json!({"fdset-id": 4, "fd": 13})),
            "{}"
        );
        let gone = "File descriptor named 'fdset-id:4, fd:13' not found";
        assert_eq!(
            run(&mut all, "remove-fd", json!({"fdset-id": 4, "fd": 13})),
            gone
        );
        assert_eq!(run(&mut all, "remove-fd", json!({"fdset-id": 0})), "{}");
    }

    #[test]
    fn only_the_first_of_a_message_counts() {
        let mut all = Descriptors::default();
        let two = [
            tempfile::tempfile().unwrap().into(),
            tempfile::tempfile().unwrap().into(),
        ];
        all.arrived(two.into());
        assert_eq!(run(&mut all, "getfd", json!({"fdname": "a"})), "{}");
        let none = "No file descriptor supplied via SCM_RIGHTS";
        assert_eq!(run(&mut all, "getfd", json!({"fdname": "b"})), none);
        assert_eq!(run(&mut all, "closefd", json!({"fdname": "a"})), "{}");
        assert_eq!(
            run(&mut all, "closefd", json!({"fdname": "a"})),
            "File descriptor named 'a' not found"
        );
    }

    #[test]
    fn content_reaches_the_clients_file() {
        let mut all = Descriptors::default();
        let mut file = pass(&mut all);
        file.write_all(b"old and longer").unwrap();
        run(&mut all, "add-fd", json!({}));
        all.write("/proc/self/fd/12", &Content::from(&b"new"[..]))
            .unwrap();
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "new");
        assert!(all.write("/proc/self/fd/99", &Content::default()).is_err());
        assert!(all.write("fd:x", &Content::default()).is_err());
    }
}
