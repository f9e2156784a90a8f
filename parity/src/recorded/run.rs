//! Runs recordings: our engine on the mock, against the built-in's recorded text.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock_qmp::recording::BuiltinLine;
use mock_qmp::{MockQmp, Mode, Recording};
use monitor::engine::Monitor;
use monitor::host::Unattended;
use monitor::qmp::client::{Client, Options};
use monitor::route::Passthrough;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::judge::compare::{self, Verdict};
use crate::judge::known::KnownList;
use crate::live::side::{Ours, Side};
use crate::recorded::record;
use crate::report::Entry;

/// How many topics run at once.
const AT_ONCE: usize = 8;

/// Why recordings can't be run.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The folder can't be read.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, std::io::Error),
    /// There are none.
    #[error("{}: no recordings", .0.display())]
    Empty(PathBuf),
    /// One is broken, or could not be served.
    #[error("{0}: {1}")]
    Broken(String, String),
}

/// The topic files with text of the built-in below `path`, sorted.
pub fn topics(path: &Path) -> Result<Vec<PathBuf>, OfflineError> {
    let found = files(path, "hmp")?.into_iter();
    Ok(found.map(|file| file.with_extension("qmp")).collect())
}

/// The files with this ending below `path`, sorted.
pub(crate) fn files(path: &Path, ending: &str) -> Result<Vec<PathBuf>, OfflineError> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let io = |e| OfflineError::Io(folder.clone(), e);
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?.path();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == ending) {
                found.push(entry);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(OfflineError::Empty(path.to_owned()));
    }
    Ok(found)
}

/// Runs these topics, several at once, since some wait for what is going on in the VM. Returns their entries in the
/// topics' order.
pub fn run(
    topics: &[PathBuf],
    ours: &Ours,
    known: &mut KnownList,
) -> Result<Vec<Entry>, OfflineError> {
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
    for entry in &mut entries {
        if entry.verdict == Verdict::Different
            && let Some(reason) = known.meet(&entry.line, &entry.qemu)
        {
            entry.verdict = Verdict::Known;
            reason.clone_into(&mut entry.note);
        }
    }
    Ok(entries)
}

/// Runs one topic in a runtime of its own.
fn alone(path: &Path, ours: &Ours) -> Result<Vec<Entry>, OfflineError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| OfflineError::Io(path.to_owned(), e))?;
    runtime.block_on(topic(path, ours))
}

/// One topic; nothing is lost: lines that could not run have entries too.
async fn topic(path: &Path, ours: &Ours) -> Result<Vec<Entry>, OfflineError> {
    let name = topic_name(path);
    let broken = |e: &dyn std::fmt::Display| OfflineError::Broken(name.clone(), e.to_string());
    let recording = Recording::load(path).map_err(|e| broken(&e))?;
    let lines = recording.builtin().to_vec();
    let qemu = label(&recording);
    let folder = tempfile::tempdir().map_err(|e| broken(&e))?;
    let mock = MockQmp::from_recording(recording)
        .mode(Mode::Strict)
        .folder(record::DIR, folder.path());
    let (server, mut side, helper) = match ours {
        Ours::Engine => {
            let (server, stream) = mock.serve_in_memory().map_err(|e| broken(&e))?;
            let monitor = engine(stream).await.map_err(|e| broken(&e))?;
            (server, Side::engine(monitor), None)
        }
        Ours::Hmp(program) => {
            let socket = folder.path().join("qmp.sock");
            let server = mock.serve_unix(&socket).map_err(|e| broken(&e))?;
            // The routes are told by an engine on a mock of its own.
            let recording = Recording::load(path).map_err(|e| broken(&e))?;
            let mock = MockQmp::from_recording(recording);
            let (helper, stream) = mock.serve_in_memory().map_err(|e| broken(&e))?;
            let monitor = engine(stream).await.map_err(|e| broken(&e))?;
            let side = Side::hmp(monitor, program, &socket, true).map_err(|e| broken(&e))?;
            (server, side, Some(helper))
        }
    };
    let mut entries = Vec::new();
    let mut moment = 0;
    for line in lines {
        let mut entry = Entry {
            case: name.clone(),
            qemu: qemu.clone(),
            line: line.line.clone(),
            ..Entry::blank()
        };
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
    if let Err(leftovers) = server.finish().await {
        for unknown in &leftovers.unmatched {
            entries.push(Entry {
                case: name.clone(),
                qemu: qemu.clone(),
                verdict: Verdict::Different,
                note: format!(
                    "the recording does not hold {}: {}; nearest: {}",
                    unknown.request,
                    unknown.problem,
                    unknown.nearest.join(", ")
                ),
                ..Entry::blank()
            });
        }
    }
    Ok(entries)
}

async fn engine(stream: UnixStream) -> Result<Monitor, Box<dyn std::error::Error>> {
    let (client, _) = Client::from_unix(stream, &Options::default()).await?;
    let builder = Monitor::builder(Arc::new(client))
        .host(Arc::new(Unattended))
        .passthrough(Passthrough::Never);
    Ok(builder.build().await?)
}

async fn run_line(side: &mut Side, line: &BuiltinLine, entry: &mut Entry) {
    let plan = side.explain(&line.line);
    let text = |key: &str| plan.get(key).and_then(Value::as_str).unwrap_or_default();
    text("command").clone_into(&mut entry.command);
    text("route").clone_into(&mut entry.route);
    entry.builtin.clone_from(&line.answer);
    if let Err(error) = side.line(&line.line, &mut entry.ours).await {
        entry.note = error;
        entry.verdict = Verdict::Different;
        return;
    }
    let answers = (&*entry.builtin, &*entry.ours);
    entry.route = compare::route_taken(text("route"), &entry.command, answers).to_owned();
    entry.verdict = match (entry.route.as_str(), text("reason")) {
        ("refused", "to-convert") => Verdict::Pending,
        ("refused", _) => Verdict::Blocked,
        ("partial", _) => Verdict::Partial,
        _ => {
            let (verdict, masks) =
                compare::answers(&entry.command, (&entry.builtin, ""), (&entry.ours, ""));
            entry.masks = masks.into_iter().map(str::to_owned).collect();
            verdict
        }
    };
}

/// `10.0-x86_64`.
pub(crate) fn label(recording: &Recording) -> String {
    let version = recording.version();
    let arch = recording.machine().map_or("", |m| m.arch.as_str());
    format!("{}.{}-{arch}", version.major, version.minor)
}

/// `10.0-x86_64-q35/main`.
fn topic_name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default();
    format!("{}/{}", folder.to_string_lossy(), stem.to_string_lossy())
}
