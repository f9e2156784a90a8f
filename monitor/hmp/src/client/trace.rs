// SPDX-License-Identifier: GPL-2.0-or-later
//! What tests look at when they are over: which QMP commands went out, and what the user permitted
//! then. In builds with debug assertions, where `HMP_TEST_TRACE` names a folder; each process has a
//! file of its own there. `.ci/trace.py` reads them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

static FILE: LazyLock<Option<File>> = LazyLock::new(|| {
    let folder = std::env::var_os("HMP_TEST_TRACE").filter(|_| cfg!(debug_assertions))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let name = format!("{}-{}.tsv", std::process::id(), now.as_nanos());
    File::create(Path::new(&folder).join(name)).ok()
});

/// One connection's.
pub(super) struct Trace(u64);

impl Trace {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Lines that follow may do as much to the VM.
    pub(super) fn permitted(&self, allow: &str) {
        self.write("allow", allow, "");
    }

    /// A command goes out. Of its arguments only those that say whose purpose it serves are kept.
    pub(super) fn sent(&self, command: &str, arguments: &Value) {
        let kept = match command {
            "dump-guest-memory" => &arguments["protocol"],
            "object-add" => &arguments["id"],
            _ => &Value::Null,
        };
        self.write("sent", command, kept.as_str().unwrap_or_default());
    }

    fn write(&self, what: &str, name: &str, more: &str) {
        if let Some(mut file) = FILE.as_ref() {
            let fields = [name, more].map(|field| field.replace(['\t', '\n'], " "));
            let line = format!("{}\t{what}\t{}\t{}\n", self.0, fields[0], fields[1]);
            let _ = file.write_all(line.as_bytes());
        }
    }
}
