// SPDX-License-Identifier: GPL-2.0-or-later
//! The mock, from what it plays to where it is served.

use std::io;
use std::path::{Path, PathBuf};

use super::script::{Answer, Script};
use crate::core::{Backend, Files, MonitorOptions};
use crate::fault::Fault;
use crate::net::{Address, Server, Setup, start};
use crate::record::Upstream;
use crate::recording::{QemuVersion, Recording, RecordingError, locate};
use crate::replay::{IgnoredMember, Mode, Replay, Timestamps, Timing};
use crate::script::{Rules, ScriptFile};

fn default_version() -> QemuVersion {
    QemuVersion {
        major: 10,
        minor: 0,
        micro: 2,
        package: String::new(),
    }
}

/// A mock QEMU that is being set up.
///
/// ```
/// # use mock_qmp::MockQmp;
/// # use serde_json::json;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mock = MockQmp::scripted().command("query-status", json!({"status": "running"}));
/// let (server, client) = mock.serve_in_memory().unwrap();
/// // ... talk QMP over `client`, which can pass descriptors too ...
/// # drop(client);
/// server.finish().unwrap();
/// # });
/// ```
#[must_use = "a mock does nothing before it is served"]
pub struct MockQmp {
    recording: Option<Recording>,
    script: Script,
    mode: Mode,
    timing: Timing,
    timestamps: Timestamps,
    ignored: Vec<IgnoredMember>,
    maps: Vec<(String, String)>,
    folder: Option<(PathBuf, PathBuf)>,
    files: Files,
    rules: Option<ScriptFile>,
    repeats: bool,
    control: Option<PathBuf>,
    upstream: Option<Upstream>,
    help: bool,
    options: MonitorOptions,
    faults: Vec<Fault>,
    seed: u64,
}

impl MockQmp {
    /// A mock that replays a recording.
    pub fn from_recording(recording: Recording) -> Self {
        Self {
            recording: Some(recording),
            ..Self::scripted()
        }
    }

    /// A mock that knows only what [`MockQmp::command`] and its like say, besides `query-version`,
    /// `query-commands` and `quit`. It checks no arguments.
    pub fn scripted() -> Self {
        Self {
            recording: None,
            script: Script {
                version: default_version(),
                handlers: Default::default(),
                behind: None,
            },
            mode: Mode::default(),
            timing: Timing::default(),
            timestamps: Timestamps::default(),
            ignored: Vec::new(),
            maps: Vec::new(),
            folder: None,
            files: Files::default(),
            rules: None,
            repeats: false,
            control: None,
            upstream: None,
            help: true,
            options: MonitorOptions::default(),
            faults: Vec::new(),
            seed: 0,
        }
    }

    /// A mock that answers by a script, with nothing behind it but the machine that the script names:
    /// its schema checks requests.
    pub fn from_script(script: ScriptFile) -> Result<Self, RecordingError> {
        let recording = match &script.machine {
            Some(machine) => Recording::blank(locate(machine))?,
            None => {
                let version = script.version.as_deref().and_then(QemuVersion::parse);
                Recording::of_version(version.unwrap_or_else(default_version))?
            }
        };
        Ok(Self::from_recording(recording).script(script))
    }

    /// Lets a script answer before anything else does. What it does not answer, the recording does,
    /// or what [`MockQmp::command`] and its like say.
    pub fn script(mut self, script: ScriptFile) -> Self {
        // What is not of this form was refused when the script was read.
        let ignored = script.ignore.iter().filter_map(|text| text.parse().ok());
        self.ignored.extend(ignored);
        let maps = script.map.iter();
        self.maps
            .extend(maps.map(|(recorded, here)| (recorded.clone(), here.clone())));
        self.rules = Some(script);
        self
    }

    /// Chooses where files are written that requests of a recording or a script name; a temporary
    /// folder is where they go otherwise.
    pub fn files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Chooses which time recorded events carry.
    pub fn timestamps(mut self, timestamps: Timestamps) -> Self {
        self.timestamps = timestamps;
        self
    }

    /// A member of requests that makes no difference.
    pub fn ignore(mut self, member: IgnoredMember) -> Self {
        self.ignored.push(member);
        self
    }

    /// A recorded folder that has another name here, in requests, answers and events.
    pub fn map(mut self, recorded: &str, here: &str) -> Self {
        self.maps.push((recorded.to_owned(), here.to_owned()));
        self
    }

    /// Starts the machine again when it has ended and its clients are gone.
    pub fn repeat(mut self, repeats: bool) -> Self {
        self.repeats = repeats;
        self
    }

    /// Leaves the built-in monitor's `help` unanswered, for clients that have their own. Otherwise it
    /// lists the lines of the recording.
    pub fn without_help(mut self) -> Self {
        self.help = false;
        self
    }

    /// Lets a QEMU answer what the recording does not hold of the present state. The mode makes no
    /// difference then, nor does [`MockQmp::repeat`].
    pub fn upstream(mut self, upstream: Upstream) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// Listens for control on a Unix socket.
    pub fn control(mut self, path: impl Into<PathBuf>) -> Self {
        self.control = Some(path.into());
        self
    }

    /// The version that a scripted mock states, as `MAJOR.MINOR.MICRO`; text that is not a version
    /// changes nothing.
    pub fn version(mut self, version: &str) -> Self {
        if let Some(version) = QemuVersion::parse(version) {
            self.script.version = version;
        }
        self
    }

    /// Answers a command always in this way. In front of a recording it takes the recorded answer's
    /// place, and the command is listed by `query-commands`.
    pub fn command(self, name: &str, answer: impl Into<Answer>) -> Self {
        let answer = answer.into();
        self.command_with(name, move |_| answer.clone())
    }

    /// Answers a command in these ways, one after the other, and with the last one for ever.
    pub fn command_sequence(self, name: &str, answers: Vec<Answer>) -> Self {
        let mut answers = std::collections::VecDeque::from(answers);
        self.command_with(name, move |_| match answers.len() {
            0 => Answer::silence(),
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap_or_else(Answer::silence),
        })
    }

    /// Answers a command by asking a function, which gets the arguments.
    pub fn command_with(
        mut self,
        name: &str,
        answer: impl FnMut(&serde_json::Value) -> Answer + Send + 'static,
    ) -> Self {
        self.script
            .handlers
            .insert(name.to_owned(), Box::new(answer));
        self
    }

    /// Chooses how requests that the recording does not hold are treated.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Chooses when recorded answers and events come.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Writes what requests of a recording say is to be written below the folder `recorded`, such
    /// as a screenshot or a dump, below `here` instead. What is elsewhere goes where
    /// [`MockQmp::files`] says.
    pub fn folder(mut self, recorded: impl Into<PathBuf>, here: impl Into<PathBuf>) -> Self {
        self.folder = Some((recorded.into(), here.into()));
        self
    }

    /// Makes it write over several lines, as `-qmp-pretty` does.
    pub fn pretty(mut self, pretty: bool) -> Self {
        self.options.pretty = pretty;
        self
    }

    /// Adds a fault; faults combine.
    pub fn fault(mut self, fault: impl Into<Fault>) -> Self {
        self.faults.push(fault.into());
        self
    }

    /// Chooses what random faults look like: the same seed, the same bytes.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn setup(self) -> io::Result<Setup> {
        let Self {
            recording,
            mut script,
            mode,
            timing,
            timestamps,
            ignored,
            maps,
            folder,
            files,
            rules,
            repeats,
            control,
            upstream,
            help,
            options,
            faults,
            seed,
        } = self;
        let replay = recording.map(|recording| {
            let replay = Replay::new(recording)
                .mode(mode)
                .timing(timing)
                .timestamps(timestamps);
            let replay = ignored.into_iter().fold(replay, Replay::ignore);
            let map =
                |replay: Replay, (recorded, here): &(String, String)| replay.map(recorded, here);
            let replay = maps.iter().fold(replay, map);
            let replay = match help {
                true => replay,
                false => replay.without_help(),
            };
            match folder {
                Some((recorded, here)) => replay.folder(recorded, here),
                None => replay,
            }
        });
        let (behind, upstream) = match (replay, upstream) {
            (Some(replay), Some(upstream)) => {
                let (backend, carried) = upstream.behind(replay).map_err(io::Error::other)?;
                (Some(backend), Some(carried))
            }
            (replay, _) => (
                replay.map(|replay| Box::new(replay) as Box<dyn Backend>),
                None,
            ),
        };
        let mut backend: Box<dyn Backend> = match behind {
            Some(backend) if script.handlers.is_empty() => backend,
            behind => {
                script.behind = behind;
                Box::new(script)
            }
        };
        if rules.is_some() || control.is_some() {
            backend = Box::new(Rules::new(rules.unwrap_or_default(), backend));
        }
        Ok(Setup {
            backend,
            faults,
            seed,
            files,
            repeats: repeats && upstream.is_none(),
            control,
            upstream,
            options,
        })
    }

    /// Serves on these addresses, each a monitor of the same machine. Runs in the caller's tokio
    /// runtime, or in its own where there is none.
    pub fn serve(self, addresses: &[Address]) -> io::Result<Server> {
        let options = self.options;
        let monitors: Vec<_> = addresses
            .iter()
            .map(|address| (address.clone(), options))
            .collect();
        self.serve_monitors(&monitors)
    }

    /// Serves monitors of one machine, each set up by itself.
    pub fn serve_monitors(self, monitors: &[(Address, MonitorOptions)]) -> io::Result<Server> {
        start(self.setup()?, monitors)
    }

    /// Serves on a Unix socket.
    pub fn serve_unix(self, path: impl AsRef<Path>) -> io::Result<Server> {
        self.serve(&[Address::Unix(path.as_ref().to_owned())])
    }

    /// Serves on a TCP socket, such as `127.0.0.1:0`; [`Server::address`] says the port.
    pub fn serve_tcp(self, place: &str) -> io::Result<Server> {
        self.serve(&[Address::Tcp(place.to_owned())])
    }

    /// Serves one client in memory and returns the client's end, which passes descriptors. Needs a
    /// tokio runtime.
    pub fn serve_in_memory(self) -> io::Result<(Server, tokio::net::UnixStream)> {
        let (server, client) = self.serve_pair()?;
        client.set_nonblocking(true)?;
        Ok((server, tokio::net::UnixStream::from_std(client)?))
    }

    /// Like [`MockQmp::serve_in_memory`], with a stream in blocking mode, for callers without a
    /// runtime.
    pub fn serve_pair(self) -> io::Result<(Server, std::os::unix::net::UnixStream)> {
        let server = start(self.setup()?, &[])?;
        let client = server.open_monitor()?;
        Ok((server, client))
    }
}
