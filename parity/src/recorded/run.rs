// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs recordings: our engine on the mock, against the built-in's recorded text.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hmp::client::Client;
use hmp_engine::engine::Monitor;
use mock_qmp::recording::BuiltinLine;
use mock_qmp::{Files, MockQmp, Mode, Recording};
use tokio::net::UnixStream;

use super::session::{DIR, relayed};
use crate::case::recordings::{self, RecordingsError};
use crate::judge::compare::Expected;
use crate::judge::{Entry, KnownList, Verdict, ladder};
use crate::live::engine;
use crate::live::side::{Options, Ours, Side};

/// How many topics run at once.
const AT_ONCE: usize = 8;

/// Runs these topics, several at once, since some wait for what is going on in the VM. Returns
/// their entries in the topics' order.
pub fn run(
    topics: &[PathBuf],
    ours: &Ours,
    known: &mut KnownList,
) -> Result<Vec<Entry>, RecordingsError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = topics.get(number) else {
                return Ok(done);
            };
            done.push((number, alone(path, ours)?));
        }
    };
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            done.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(())
    })?;
    done.sort_by_key(|(number, _)| *number);
    let mut entries: Vec<Entry> = done.into_iter().flat_map(|(_, entries)| entries).collect();
    known.excuse(&mut entries);
    Ok(entries)
}

/// Runs one topic in a runtime of its own.
fn alone(path: &Path, ours: &Ours) -> Result<Vec<Entry>, RecordingsError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| RecordingsError::Io(path.to_owned(), e))?;
    runtime.block_on(topic(path, ours))
}

/// A mock that answers what was recorded and nothing else, with files in a folder of its own.
pub(super) fn strict(recording: Recording, folder: &Path) -> MockQmp {
    MockQmp::from_recording(recording)
        .mode(Mode::Strict)
        .files(Files::WhereEmpty)
        .folder(DIR, folder)
}

/// One topic; nothing is lost: lines that could not run have entries too.
async fn topic(path: &Path, ours: &Ours) -> Result<Vec<Entry>, RecordingsError> {
    let name = topic_name(path);
    let broken = |e: &dyn std::fmt::Display| RecordingsError::Broken(name.clone(), e.to_string());
    let recording = Recording::load(path).map_err(|e| broken(&e))?;
    let lines = recording.builtin().to_vec();
    let qemu = recordings::qemu(&recording);
    let folder = tempfile::tempdir().map_err(|e| broken(&e))?;
    let mock = strict(recording, folder.path());
    let (server, mut side, helper) = match ours {
        Ours::Engine => {
            let (server, stream) = mock.serve_in_memory().map_err(|e| broken(&e))?;
            let monitor = connected(stream).await.map_err(|e| broken(&e))?;
            (server, Side::engine(monitor), None)
        }
        Ours::Hmp(program) => {
            let socket = folder.path().join("qmp.sock");
            let server = mock.serve_unix(&socket).map_err(|e| broken(&e))?;
            // The routes are planned by an engine on a mock of its own.
            let recording = Recording::load(path).map_err(|e| broken(&e))?;
            let mock = MockQmp::from_recording(recording).without_help();
            let (helper, stream) = mock.serve_in_memory().map_err(|e| broken(&e))?;
            let monitor = connected(stream).await.map_err(|e| broken(&e))?;
            let side =
                Side::hmp(monitor, program, &socket, Options::NATIVE).map_err(|e| broken(&e))?;
            (server, side, Some(helper))
        }
    };
    let mut entries = Vec::new();
    let mut moment = 0;
    for line in lines {
        let mut entry = Entry::new(&name, &qemu, &line.line);
        if line.moment > moment {
            moment = line.moment;
            // Where our own requests led there already, this changes nothing.
            server.go_to_moment(moment);
        }
        run_line(&mut side, &line, &mut entry).await;
        entries.push(entry);
    }
    side.end().await;
    drop(helper);
    if let Err(leftovers) = server.finish() {
        for unknown in &leftovers.unmatched {
            entries.push(Entry {
                verdict: Verdict::Different,
                note: format!(
                    "the recording does not hold {}: {}; nearest: {}",
                    unknown.request,
                    unknown.problem,
                    unknown.nearest.join(", ")
                ),
                ..Entry::new(&name, &qemu, "")
            });
        }
    }
    Ok(entries)
}

async fn connected(stream: UnixStream) -> Result<Monitor, Box<dyn std::error::Error>> {
    let (client, _) = Client::from_unix(stream, &relayed()).await?;
    Ok(engine::native(client).await?)
}

pub(super) async fn run_line(side: &mut Side, line: &BuiltinLine, entry: &mut Entry) {
    let ran = side.line(&line.line).await;
    entry.builtin.clone_from(&line.answer);
    ladder::take(entry, &ran);
    let expected = match line.other_vm {
        true => Expected::Other {
            answer: &line.answer,
            dir: "",
            our_dir: "",
        },
        false => Expected::Same {
            first: &line.answer,
            again: line.again.as_deref().unwrap_or(&line.answer),
        },
    };
    ladder::judge(entry, &ran, ladder::compare(&ran, expected));
}

/// `10.0-x86_64-q35/main`.
pub(super) fn topic_name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default();
    format!("{}/{}", folder.to_string_lossy(), stem.to_string_lossy())
}
