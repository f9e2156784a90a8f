//! Reading guest memory: QEMU writes it into a file in our memory, of which it was passed a descriptor. No file appears
//! on disk, and QEMU may run as another user, in a container or in another root, as long as it sees its own `/proc`.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::qmp::{MemoryFile, Qmp, QmpError};

/// Bytes of the longest list of storage keys that is read: that of a guest of about 32 GiB.
const MOST_KEYS: u64 = 512 << 20;

/// A file that QEMU can write into.
pub struct Reader<'a> {
    qmp: &'a dyn Qmp,
    file: Box<dyn MemoryFile>,
    fdset: i64,
    path: String,
    /// Nothing more can be expected of the connection.
    lost: AtomicBool,
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
    /// Passes QEMU the descriptor of `file`, a new one, if the program could make one. [`close`](Self::close) takes it back; QEMU also drops it when the connection ends.
    pub async fn open(
        qmp: &'a dyn Qmp,
        file: Option<Box<dyn MemoryFile>>,
    ) -> Result<Self, ReadError> {
        let Some(file) = file else {
            return Err(unavailable("this program can't make files in memory"));
        };
        let opaque = json!({"opaque": "hmp"});
        let added = match qmp.execute_with_fd("add-fd", opaque, file.fd()).await {
            Err(QmpError::Unsupported(why)) => return Err(unavailable(&why)),
            other => other?,
        };
        let added: AddedFd =
            serde_json::from_value(added).map_err(|e| QmpError::unexpected("add-fd", e))?;
        Ok(Self {
            qmp,
            file,
            fdset: added.fdset_id,
            path: format!("/proc/self/fd/{}", added.fd),
            lost: AtomicBool::new(false),
        })
    }

    /// `size` bytes of virtual memory at `address` as the CPU sees it; without a CPU, as the first one does.
    pub async fn virtual_memory(
        &self,
        address: u64,
        size: u64,
        cpu: Option<i64>,
    ) -> Result<Saved, ReadError> {
        let mut save = self.save(address, size);
        if let Some(cpu) = cpu {
            save["cpu-index"] = cpu.into();
        }
        match self.qmp.execute("memsave", save).await {
            Ok(_) => Ok(Saved::All(self.content(size)?)),
            Err(QmpError::Command { desc, .. }) if desc.starts_with("Invalid addr") => {
                Ok(Saved::Part(self.content(size)?))
            }
            Err(QmpError::Command { desc, .. }) if desc.contains("'cpu-index'") => Ok(Saved::NoCpu),
            Err(error) => Err(self.explained(error)),
        }
    }

    /// `size` bytes of physical memory at `address`; where nothing is, they are 0.
    pub async fn physical_memory(&self, address: u64, size: u64) -> Result<Vec<u8>, ReadError> {
        match self.qmp.execute("pmemsave", self.save(address, size)).await {
            Ok(_) => self.content(size),
            Err(error) => Err(self.explained(error)),
        }
    }

    /// The storage keys of an s390x guest, as QEMU writes them: one line of text for each page.
    pub async fn storage_keys(&self) -> Result<String, ReadError> {
        let file = json!({"filename": self.path});
        match self.qmp.execute("dump-skeys", file).await {
            Ok(_) => {
                let bytes = self.content(MOST_KEYS)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(error) => Err(self.explained(error)),
        }
    }

    /// Takes the descriptor back. What came of the reading counts more than what comes of that.
    pub async fn close<T, E: From<ReadError>>(self, result: Result<T, E>) -> Result<T, E> {
        // QEMU drops the descriptor when the connection ends.
        if self.lost.load(Ordering::Relaxed) {
            return result;
        }
        let remove = json!({"fdset-id": self.fdset});
        let removed = self.qmp.execute("remove-fd", remove).await;
        let value = result?;
        removed.map_err(ReadError::Qmp)?;
        Ok(value)
    }

    // Old releases take signed addresses only, new ones read them as unsigned.
    fn save(&self, address: u64, size: u64) -> Value {
        json!({"val": address.cast_signed(), "size": size, "filename": self.path})
    }

    fn content(&self, size: u64) -> Result<Vec<u8>, ReadError> {
        let limit = usize::try_from(size).unwrap_or(usize::MAX);
        self.file
            .read(limit)
            .map_err(|e| unavailable(&format!("what QEMU wrote can't be read: {e}")))
    }

    fn explained(&self, error: QmpError) -> ReadError {
        self.lost.fetch_or(error.is_fatal(), Ordering::Relaxed);
        match error {
            QmpError::Command { desc, .. } if desc.contains(&self.path) => unavailable(&format!(
                "QEMU can't write into a passed descriptor: {desc}"
            )),
            other => other.into(),
        }
    }
}

fn unavailable(why: &str) -> ReadError {
    ReadError::Unavailable(why.to_owned())
}
