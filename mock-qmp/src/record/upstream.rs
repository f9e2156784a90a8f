// SPDX-License-Identifier: GPL-2.0-or-later
//! A QEMU that answers what a recording does not hold: connected, looked at, recorded.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::framer::Framer;
use super::probe::{Probe, probe};
use super::proxy::Proxy;
use super::recorder::Recorder;
use super::through::{Message, Through};
use crate::core::Backend;
use crate::net::{Address, Carried, Sent, Socket};
use crate::recording::{MAIN_TOPIC, Machine, QemuVersion, Recording, RecordingError};
use crate::replay::Replay;

/// How long the QEMU may take to greet and to say its state.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a QEMU cannot stand behind a recording.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It cannot be reached, or is not one.
    #[error("{address}: {source}")]
    Io {
        /// Where it was looked for.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// It is another machine than the recorded one.
    #[error("{address} is {found}, and what is recorded is {recorded}")]
    Other {
        /// Where it is.
        address: Address,
        /// Its version, target, machine type or state.
        found: String,
        /// The recording's.
        recorded: String,
    },
    /// What it answers cannot be recorded.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// A QEMU that is connected, and whoever records what passes.
#[derive(Debug)]
pub struct Upstream {
    socket: Socket,
    framer: Framer,
    recorder: Option<Proxy>,
    outgoing: UnboundedSender<Sent>,
    sent: UnboundedReceiver<Sent>,
    run_state: Option<String>,
    address: Address,
    asked: Arc<AtomicBool>,
}

/// The topic that an [`Upstream`] adds to a recording.
#[derive(Debug)]
pub struct Appended {
    proxy: Proxy,
    asked: Arc<AtomicBool>,
}

impl Appended {
    /// Puts it in its place, and returns its file; `None` where nothing was asked of the QEMU, so
    /// that there is nothing to add.
    pub fn finish(self) -> Result<Option<PathBuf>, RecordingError> {
        let mut recorder = self.proxy.recorder();
        match self.asked.load(Ordering::Relaxed) {
            true => recorder.finish().map(|()| Some(recorder.path().to_owned())),
            false => recorder.discard().map(|()| None),
        }
    }
}

impl Upstream {
    /// Connects to the QEMU at this address. It must be of the recording's version, target and
    /// machine type, and in the state in which the recording begins.
    pub fn connect(address: &Address, recording: &Recording) -> Result<Self, UpstreamError> {
        let found = named(address, probe(address))?;
        same_machine(address, &found, recording)?;
        named(address, Self::negotiate(address, None))
    }

    /// The same, and records what passes as one more topic of the recording that was loaded from
    /// `path`; [`Upstream::appended`] puts it in its place in the end. Members of the names in
    /// `secrets` are hidden.
    pub fn connect_and_record(
        address: &Address,
        recording: &Recording,
        path: &Path,
        secrets: Vec<String>,
    ) -> Result<Self, UpstreamError> {
        let found = named(address, probe(address))?;
        same_machine(address, &found, recording)?;
        let stem = |file: &Path| Some(file.file_stem()?.to_str()?.to_owned());
        let (folder, topic) = match path.is_dir() {
            true => (path, None),
            false => (path.parent().unwrap_or(path), stem(path)),
        };
        let topic = topic.unwrap_or_else(|| MAIN_TOPIC.to_owned());
        let machine = recording.machine().cloned();
        let known = machine.as_ref().is_some_and(|one| !one.schema.is_empty());
        let mut recorder = Recorder::append(folder, machine.unwrap_or(found.machine), &topic)?;
        if !known {
            recorder.schema(&found.schema)?;
        }
        recorder.hide(secrets);
        named(
            address,
            Self::negotiate(address, Some(Proxy::new(recorder))),
        )
    }

    /// What is recorded of what passes, to be finished when the mock has ended.
    #[must_use]
    pub fn appended(&self) -> Option<Appended> {
        let proxy = self.recorder.clone()?;
        Some(Appended {
            proxy,
            asked: self.asked.clone(),
        })
    }

    fn negotiate(address: &Address, recorder: Option<Proxy>) -> io::Result<Self> {
        let (outgoing, sent) = unbounded_channel();
        let mut upstream = Self {
            socket: Socket::connect(address, PATIENCE)?,
            framer: Framer::default(),
            recorder,
            outgoing,
            sent,
            run_state: None,
            address: address.clone(),
            asked: Arc::default(),
        };
        upstream.answer()?;
        upstream.ask(b"{\"execute\":\"qmp_capabilities\"}")?;
        let status = upstream.ask(b"{\"execute\":\"query-status\"}")?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        let status = status["return"]["status"].as_str();
        upstream.run_state = status.map(str::to_owned);
        Ok(upstream)
    }

    fn ask(&mut self, request: &[u8]) -> io::Result<String> {
        if let Some(recorder) = &self.recorder {
            recorder.recorder().client_sent(request, Vec::new());
        }
        self.socket.write_all(request)?;
        self.answer()
    }

    /// The next message that is no event.
    fn answer(&mut self) -> io::Result<String> {
        let mut buffer = [0; 64 * 1024];
        loop {
            let count = self.socket.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(recorder) = &self.recorder {
                recorder.recorder().qemu_sent(&buffer[..count]);
            }
            let messages = self.framer.feed(&buffer[..count]).into_iter();
            let mut answers = messages.filter(|message| Message::read(message).event.is_none());
            if let Some(answer) = answers.next() {
                return Ok(answer);
            }
        }
    }

    /// Puts the QEMU behind a replay. The rest is what carries bytes.
    pub(crate) fn behind(
        self,
        replay: Replay,
    ) -> Result<(Box<dyn Backend>, Carried), UpstreamError> {
        match (&self.run_state, replay.start_state()) {
            (Some(found), Some(recorded)) if found != recorded => {
                return Err(UpstreamError::Other {
                    address: self.address,
                    found: format!("'{found}'"),
                    recorded: format!("'{recorded}' at its start"),
                });
            }
            _ => {}
        }
        let through = Through::new(
            replay.present_only(),
            self.outgoing,
            self.framer,
            self.recorder,
            self.asked,
        );
        Ok((Box::new(through), (self.socket, self.sent)))
    }
}

fn named<T>(address: &Address, result: io::Result<T>) -> Result<T, UpstreamError> {
    result.map_err(|source| UpstreamError::Io {
        address: address.clone(),
        source,
    })
}

/// Answers of two machines must not be mixed.
fn same_machine(
    address: &Address,
    found: &Probe,
    recording: &Recording,
) -> Result<(), UpstreamError> {
    let version = |version: &QemuVersion| format!("QEMU {version}");
    let kind = |machine: &Machine| format!("{} {}", machine.arch, machine.machine);
    let mut pairs = vec![(version(&found.machine.qemu), version(recording.version()))];
    if let Some(machine) = recording.machine() {
        pairs.push((kind(&found.machine), kind(machine)));
    }
    match pairs
        .into_iter()
        .find(|(found, recorded)| found != recorded)
    {
        None => Ok(()),
        Some((found, recorded)) => Err(UpstreamError::Other {
            address: address.clone(),
            found,
            recorded,
        }),
    }
}
