// SPDX-License-Identifier: GPL-2.0-or-later
//! Reading guest memory: QEMU writes it into a file in our memory, of which it was passed a
//! descriptor. No file appears on disk, and QEMU may run as another user, in a container or in
//! another root, as long as it sees its own `/proc`.
//!
//! A QEMU that can't be passed a descriptor (over TCP), or can't open it again (a root without
//! `/proc`), writes into a private file of this machine, if it shares those and may. Where the VM
//! may be stopped for a moment, physical memory comes out of a [dump] first.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::format::sign::Sign as _;
use crate::guest::dump::{self, DumpError};
use crate::guest::given::{self, Entry, Given};
use crate::host::{Host, MemoryFile, PrivateFile, Risk};
use crate::qmp::version::{Version, v};
use crate::qmp::{Qmp, QmpError, QmpResult};

/// The first release that drops a descriptor set when it is told to; earlier ones keep it as long as
/// the VM is stopped (9.1, commit 87d67fadb9 of QEMU).
const SETS_GO: Version = v(9, 1);

/// Bytes of the longest list of storage keys that is read: that of a guest of about 32 GiB.
const MOST_KEYS: u64 = 512 << 20;

/// Bytes of the largest screen that is read: twice 8K.
const MOST_PIXELS: u64 = 256 << 20;

/// Bytes of the longest state of devices that is read; most have some 100 KiB.
const MOST_STATE: u64 = 64 << 20;

/// A file that QEMU can write into.
pub struct Reader<'a> {
    qmp: &'a dyn Qmp,
    host: &'a dyn Host,
    given: Given,
    passed: Option<Passed>,
    /// Whether the VM may be stopped for a moment.
    pausing: bool,
    /// Whether QEMU can't open the passed one, so that physical memory comes out of dumps.
    dumps: AtomicBool,
    /// Used instead of the passed one from the moment it is there.
    private: OnceLock<Box<dyn PrivateFile>>,
    /// Nothing more can be expected of the connection.
    lost: AtomicBool,
}

/// A file of which QEMU has a descriptor.
struct Passed {
    file: Box<dyn MemoryFile>,
    held: Held,
    path: String,
    entry: Entry,
}

/// How QEMU holds a descriptor.
enum Held {
    /// In the set of this number.
    Set(i64),
    /// By the name [`given::MEMORY`].
    Named,
}

/// What reading memory needs.
#[derive(Clone)]
pub struct Means<'a> {
    /// The connection.
    pub qmp: &'a dyn Qmp,
    /// The program around.
    pub host: &'a dyn Host,
    /// QEMU's release.
    pub version: Version,
    /// The highest risk class that the user permits.
    pub allow: Risk,
    /// Where it is written down what QEMU was given.
    pub given: Given,
}

/// Why guest memory can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// QMP said no, for a reason of its own.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// This way does not work here.
    #[error("guest memory can't be read over QMP here: {0}")]
    Unavailable(String),
}

/// What memsave found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// All that was asked for.
    All(Vec<u8>),
    /// Part of it can't be accessed; what QEMU wrote before it noticed.
    Part(Vec<u8>),
    /// There is no such CPU.
    NoCpu,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct AddedFd {
    fdset_id: i64,
    fd: i64,
}

impl<'a> Reader<'a> {
    /// Gives QEMU a new file to write into. [`close`](Self::close) takes it back; where the future is
    /// dropped before, [`Given::take_back`] does.
    pub async fn open(means: Means<'a>) -> Result<Self, ReadError> {
        let passed = pass(&means).await;
        let reader = |passed| Self {
            qmp: means.qmp,
            host: means.host,
            given: means.given,
            passed,
            pausing: means.allow >= Risk::Pausing,
            dumps: AtomicBool::new(false),
            private: OnceLock::new(),
            lost: AtomicBool::new(false),
        };
        match passed {
            Ok(passed) => Ok(reader(Some(passed))),
            Err(ReadError::Unavailable(why)) => {
                let reader = reader(None);
                if reader.use_private() {
                    Ok(reader)
                } else {
                    Err(ReadError::Unavailable(why))
                }
            }
            Err(error) => Err(error),
        }
    }

    /// `size` bytes of virtual memory at `address` as the CPU sees it; without a CPU, as the first
    /// one does.
    pub async fn virtual_memory(
        &self,
        address: u64,
        size: u64,
        cpu: Option<i64>,
    ) -> Result<Saved, ReadError> {
        let mut range = range(address, size);
        if let Some(cpu) = cpu {
            range["cpu-index"] = cpu.into();
        }
        match self.write("memsave", range).await {
            Ok(_) => Ok(Saved::All(self.all(size)?)),
            Err(QmpError::Command { desc, .. }) if desc.starts_with("Invalid addr") => {
                Ok(Saved::Part(self.content(size)?))
            }
            Err(QmpError::Command { desc, .. }) if desc.contains("'cpu-index'") => Ok(Saved::NoCpu),
            Err(error) => Err(self.explained(error)),
        }
    }

    /// `size` bytes of physical memory at `address`; where nothing is, they are 0, or the range
    /// can't be read.
    pub async fn physical_memory(&self, address: u64, size: u64) -> Result<Vec<u8>, ReadError> {
        let range = range(address, size);
        if !self.pausing || self.private.get().is_some() {
            return self.saved("pmemsave", range, size).await;
        }
        if !self.dumps.load(Ordering::Relaxed) {
            match self.write_once("pmemsave", range.clone()).await {
                Ok(_) => return self.all(size),
                Err(error) if !self.is_about_the_file(&error) => return Err(self.explained(error)),
                Err(_) => self.dumps.store(true, Ordering::Relaxed),
            }
        }
        match dump::read(self.qmp, self.host, &self.given, address, size).await {
            Ok(bytes) => Ok(bytes),
            Err(DumpError::Lost(error)) => Err(self.explained(error)),
            // A device, or no dump at this moment: nothing is guessed.
            Err(why) => {
                let saved = self.saved("pmemsave", range, size).await;
                match saved {
                    Err(ReadError::Unavailable(_)) => Err(unavailable(&why.to_string())),
                    other => other,
                }
            }
        }
    }

    async fn saved(&self, command: &str, range: Value, size: u64) -> Result<Vec<u8>, ReadError> {
        match self.write(command, range).await {
            Ok(_) => self.all(size),
            Err(error) => Err(self.explained(error)),
        }
    }

    /// The storage keys of an s390x guest, as QEMU writes them: one line of text for each page.
    pub async fn storage_keys(&self) -> Result<String, ReadError> {
        match self.write("dump-skeys", json!({})).await {
            Ok(_) => {
                let bytes = self.content(MOST_KEYS)?;
                if bytes.is_empty() {
                    return Err(unavailable("QEMU wrote nothing"));
                }
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(error) => Err(self.explained(error)),
        }
    }

    /// What the first screen shows, as QEMU's `screendump` writes it: a portable pixmap (P6).
    pub async fn screen(&self) -> Result<Vec<u8>, ReadError> {
        match self.write("screendump", json!({})).await {
            Ok(_) => self.content(MOST_PIXELS),
            Err(error) => Err(self.explained(error)),
        }
    }

    /// The state of all devices; whoever asks for it has looked whether that harms the VM.
    pub async fn device_state(&self) -> Result<Vec<u8>, ReadError> {
        // Left out, it would take the block devices away from a VM that is stopped.
        match self
            .write("xen-save-devices-state", json!({"live": false}))
            .await
        {
            Ok(_) => self.content(MOST_STATE),
            Err(error) => Err(self.explained(error)),
        }
    }

    /// Takes the descriptor back. What came of the reading counts more than what comes of that.
    pub async fn close<T, E: From<ReadError>>(self, result: Result<T, E>) -> Result<T, E> {
        // Without a connection there is nobody to ask; with a time-out, it may still come back.
        let Some(passed) = self.passed.filter(|_| !self.lost.load(Ordering::Relaxed)) else {
            return result;
        };
        let removed = match passed.held {
            Held::Set(id) => {
                let remove = json!({"fdset-id": id});
                self.qmp.execute("remove-fd", remove).await
            }
            Held::Named => {
                let close = json!({"fdname": given::MEMORY});
                self.qmp.execute("closefd", close).await
            }
        };
        if !matches!(&removed, Err(error) if error.is_fatal()) {
            passed.entry.strike();
        }
        let value = result?;
        removed.map_err(ReadError::Qmp)?;
        Ok(value)
    }

    /// Has QEMU write, and once more where it can't open the passed descriptor again.
    async fn write(&self, command: &str, arguments: Value) -> QmpResult {
        loop {
            match self.write_once(command, arguments.clone()).await {
                Err(error)
                    if self.is_about_the_file(&error)
                        && self.private.get().is_none()
                        && self.use_private() => {}
                other => return other,
            }
        }
    }

    async fn write_once(&self, command: &str, mut arguments: Value) -> QmpResult {
        arguments["filename"] = self.path().into();
        self.qmp.execute(command, arguments).await
    }

    /// Whether QEMU can't write into the file that it was given.
    fn is_about_the_file(&self, error: &QmpError) -> bool {
        matches!(error, QmpError::Command { desc, .. } if desc.contains(self.path()))
    }

    fn path(&self) -> &str {
        match (self.private.get(), &self.passed) {
            (Some(private), _) => private.path(),
            (None, Some(passed)) => &passed.path,
            // One of them is there from the start.
            (None, None) => "",
        }
    }

    /// Makes a private file; says whether there is one now.
    fn use_private(&self) -> bool {
        let file = if self.qmp.may_share_files() {
            self.host.private_file()
        } else {
            None
        };
        file.is_some_and(|file| self.private.set(file).is_ok())
    }

    /// Exactly `size` bytes: else QEMU wrote somewhere else.
    fn all(&self, size: u64) -> Result<Vec<u8>, ReadError> {
        let bytes = self.content(size)?;
        if bytes.len() as u64 == size {
            return Ok(bytes);
        }
        let found = bytes.len();
        Err(unavailable(&format!(
            "QEMU says it wrote {size} bytes, {found} are there"
        )))
    }

    fn content(&self, size: u64) -> Result<Vec<u8>, ReadError> {
        let limit = usize::try_from(size).unwrap_or(usize::MAX);
        let read = match (self.private.get(), &self.passed) {
            (Some(private), _) => private.take(limit),
            (None, Some(passed)) => passed.file.read(limit),
            (None, None) => Ok(Vec::new()),
        };
        read.map_err(|e| unavailable(&format!("what QEMU wrote can't be read: {e}")))
    }

    fn explained(&self, error: QmpError) -> ReadError {
        self.lost.fetch_or(error.is_fatal(), Ordering::Relaxed);
        match error {
            QmpError::Command { desc, .. } if desc.contains(self.path()) => unavailable(&format!(
                "QEMU can't write into the file it was given: {desc}"
            )),
            other => other.into(),
        }
    }
}

/// Passes QEMU a descriptor of a file in memory.
async fn pass(means: &Means<'_>) -> Result<Passed, ReadError> {
    let Some(file) = means.host.memory_file() else {
        return Err(unavailable("this program can't make files in memory"));
    };
    if means.version < SETS_GO {
        match pass_by_name(means, file).await? {
            Ok(passed) => Ok(passed),
            Err(_) if is_stopped(means.qmp).await? => Err(unavailable(
                "this QEMU would keep the descriptor as long as the VM is stopped",
            )),
            Err(file) => pass_in_set(means, file).await,
        }
    } else {
        pass_in_set(means, file).await
    }
}

async fn pass_in_set(means: &Means<'_>, file: Box<dyn MemoryFile>) -> Result<Passed, ReadError> {
    let (entry, opaque) = means.given.set(means.host);
    let request = json!({"opaque": opaque});
    let added = match means
        .qmp
        .execute_with_fd("add-fd", request, file.fd())
        .await
    {
        Err(error) => return Err(not_taken(entry, error)),
        Ok(added) => added,
    };
    let added: AddedFd =
        serde_json::from_value(added).map_err(|e| QmpError::unexpected("add-fd", e))?;
    entry.numbered(added.fdset_id);
    Ok(Passed {
        file,
        held: Held::Set(added.fdset_id),
        path: format!("/proc/self/fd/{}", added.fd),
        entry,
    })
}

/// Passes the file by name, which needs its number in QEMU from elsewhere; gives the file back where
/// that is not to be had.
async fn pass_by_name(
    means: &Means<'_>,
    file: Box<dyn MemoryFile>,
) -> Result<Result<Passed, Box<dyn MemoryFile>>, ReadError> {
    if !means.qmp.sees_numbers() {
        return Ok(Err(file));
    }
    let entry = means.given.named(given::MEMORY);
    let name = json!({"fdname": given::MEMORY});
    if let Err(error) = means
        .qmp
        .execute_with_fd("getfd", name.clone(), file.fd())
        .await
    {
        return Err(not_taken(entry, error));
    }
    if let Some(number) = means.qmp.number_of(file.fd()) {
        return Ok(Ok(Passed {
            file,
            held: Held::Named,
            path: format!("/proc/self/fd/{number}"),
            entry,
        }));
    }
    means.qmp.execute("closefd", name).await?;
    entry.strike();
    Ok(Err(file))
}

/// QEMU took no descriptor, or did not say so.
fn not_taken(entry: Entry, error: QmpError) -> ReadError {
    if error.is_fatal() {
        return error.into();
    }
    entry.strike();
    match error {
        QmpError::Unsupported(why) => unavailable(&why),
        QmpError::Command { desc, .. } => unavailable(&format!("QEMU takes no descriptor: {desc}")),
        other => other.into(),
    }
}

async fn is_stopped(qmp: &dyn Qmp) -> Result<bool, QmpError> {
    match qmp.execute("query-status", Value::Null).await {
        Ok(status) => Ok(status.get("running") == Some(&Value::Bool(false))),
        Err(error) if error.is_fatal() => Err(error),
        Err(_) => Ok(false),
    }
}

// Old releases take signed addresses only, new ones read them as unsigned.
fn range(address: u64, size: u64) -> Value {
    json!({"val": address.as_signed(), "size": size})
}

fn unavailable(why: &str) -> ReadError {
    ReadError::Unavailable(why.to_owned())
}
