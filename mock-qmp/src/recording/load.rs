// SPDX-License-Identifier: GPL-2.0-or-later
//! Reading a recording from its folder or from one of its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builtin::BuiltinLine;
use super::error::RecordingError;
use super::machine::{Machine, QemuVersion};
use super::nodes::FirstNodes;
use super::topic::{MAIN_TOPIC, Topic};
use super::{builtin, schema_store, transcript};
use crate::json::Value;

/// One topic of a recording with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(crate) machine: Option<Machine>,
    pub(crate) version: QemuVersion,
    pub(crate) schema: Option<Arc<str>>,
    pub(crate) topic: Arc<Topic>,
    builtin: Arc<[BuiltinLine]>,
}

impl Recording {
    /// Reads a folder's main topic, or the topic file named. A lone file needs neither machine
    /// description nor schema.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let (folder, file) = if path.is_dir() {
            (path.to_owned(), path.join(format!("{MAIN_TOPIC}.qmp")))
        } else {
            (
                path.parent().map_or_else(PathBuf::new, Path::to_owned),
                topic_file(path),
            )
        };
        let file = match file.exists() {
            true => file,
            false => fallback(path, &folder)?.unwrap_or(file),
        };
        let text = std::fs::read_to_string(&file).map_err(RecordingError::io(&file))?;
        let text = if transcript::is_transcript(&text) {
            transcript::migrate(&file, &text)?
        } else {
            text
        };
        let topic = Topic::parse(&file, text)?;
        let machine_file = folder.join("machine.toml");
        let machine = if machine_file.exists() {
            Some(Machine::load(&machine_file)?)
        } else {
            None
        };
        let hash = machine.as_ref().map_or("", |machine| &machine.schema);
        let schema = schema_store::load(&folder, hash)?.map(Arc::from);
        let builtin_file = file.with_extension("hmp");
        let builtin = match std::fs::read_to_string(&builtin_file) {
            Ok(text) => builtin::parse(&builtin_file, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => {
                return Err(RecordingError::Io {
                    path: builtin_file,
                    source,
                });
            }
        };
        Ok(Self::assemble(machine, schema, topic, builtin))
    }

    /// Reads a folder as one machine: the topics that `topics` of its `machine.toml` lists, each
    /// after the one before. A replay takes answers from all of them, as long as the machine is in
    /// the state in which they were given. Where none are listed, and for a file, as
    /// [`Recording::load`].
    pub fn load_machine(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let listed = match path.is_dir() && path.join("machine.toml").exists() {
            true => Machine::load(&path.join("machine.toml"))?.topics,
            false => Vec::new(),
        };
        let files = listed.iter().map(|name| path.join(format!("{name}.qmp")));
        // A part of a machine is a machine too.
        let there: Vec<PathBuf> = files.filter(|file| file.exists()).collect();
        let loaded: Result<Vec<Self>, _> = there.iter().map(Self::load).collect();
        let loaded = loaded?;
        let builtin = loaded.iter().map(|one| one.builtin.clone());
        let builtin: Vec<_> = builtin.collect();
        let topics = loaded.iter().map(|one| Topic::clone(&one.topic)).collect();
        let Some(topic) = Topic::join(topics) else {
            return Self::load(path);
        };
        let nodes = topic.first_nodes();
        let lines = topic.parts.iter().zip(&builtin).flat_map(|(part, lines)| {
            let start = lines.iter().filter(|line| line.moment == 0);
            let own = FirstNodes::of(start.map(|line| line.answer.as_str()));
            let names = own.as_in(&nodes);
            lines.iter().map(move |line| BuiltinLine {
                moment: line.moment.saturating_add(part.moments),
                answer: match &names {
                    Some(names) => names.in_text(&line.answer),
                    None => line.answer.clone(),
                },
                ..line.clone()
            })
        });
        let builtin = lines.collect();
        let first = loaded.into_iter().next();
        first.map_or_else(
            || Self::load(path),
            |first| {
                Ok(Self {
                    topic: Arc::new(topic),
                    builtin,
                    ..first
                })
            },
        )
    }

    /// A machine of the same version and schema as a recorded one, of which nothing is known else.
    pub fn blank(folder: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let folder = folder.as_ref();
        let machine = Machine::load(&folder.join("machine.toml"))?;
        let schema = schema_store::load(folder, &machine.schema)?.map(Arc::from);
        let machine = Machine {
            arguments: Vec::new(),
            ..machine
        };
        Ok(Self::assemble(
            Some(machine),
            schema,
            Self::no_topic(folder)?,
            Vec::new(),
        ))
    }

    /// A QEMU of which only the version is known.
    pub fn of_version(version: QemuVersion) -> Result<Self, RecordingError> {
        let topic = Self::no_topic(Path::new("script"))?;
        let recording = Self::assemble(None, None, topic, Vec::new());
        Ok(Self {
            version,
            ..recording
        })
    }

    fn no_topic(path: &Path) -> Result<Topic, RecordingError> {
        Topic::parse(path, "{\"format\":1}\n")
    }

    /// Makes a recording of the text of a topic file (or of a plain transcript); `name` is
    /// the file in messages. `schema` is JSON text of what query-qmp-schema returned.
    pub fn from_text(name: &str, text: &str, schema: Option<&str>) -> Result<Self, RecordingError> {
        let path = Path::new(name);
        let migrated;
        let text = if transcript::is_transcript(text) {
            migrated = transcript::migrate(path, text)?;
            &migrated
        } else {
            text
        };
        let topic = Topic::parse(path, text)?;
        Ok(Self::assemble(
            None,
            schema.map(Arc::from),
            topic,
            Vec::new(),
        ))
    }

    fn assemble(
        machine: Option<Machine>,
        schema: Option<Arc<str>>,
        topic: Topic,
        builtin: Vec<BuiltinLine>,
    ) -> Self {
        let version = machine
            .as_ref()
            .map(|machine| machine.qemu.clone())
            .or_else(|| greeted(&topic));
        Self {
            machine,
            version: version.unwrap_or_else(|| QemuVersion {
                major: 10,
                ..QemuVersion::default()
            }),
            schema,
            topic: Arc::new(topic),
            builtin: builtin.into(),
        }
    }

    /// The same recording with this schema: JSON text of what query-qmp-schema returned.
    #[must_use]
    pub fn with_schema(mut self, schema: &str) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// The names of a folder's topics, sorted.
    pub fn topics(folder: impl AsRef<Path>) -> Result<Vec<String>, RecordingError> {
        let folder = folder.as_ref();
        let files = std::fs::read_dir(folder).map_err(RecordingError::io(folder))?;
        let mut names = Vec::new();
        for file in files {
            let path = file.map_err(RecordingError::io(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "qmp") {
                let stem = path.file_stem().and_then(|stem| stem.to_str());
                names.extend(stem.map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }

    /// The machine description, unless the recording is a lone file.
    #[must_use]
    pub fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// The QEMU that was recorded; 10.0.0 when the recording does not say.
    #[must_use]
    pub fn version(&self) -> &QemuVersion {
        &self.version
    }

    /// JSON text of what query-qmp-schema returned, if it was recorded.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The QMP session.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// What the built-in monitor answered at the same moments, in the order in which it was asked.
    #[must_use]
    pub fn builtin(&self) -> &[BuiltinLine] {
        &self.builtin
    }
}

/// A folder without a main topic means its only one; a file may have a name of its own.
fn fallback(path: &Path, folder: &Path) -> Result<Option<PathBuf>, RecordingError> {
    if path.is_file() {
        return Ok(Some(path.to_owned()));
    }
    if !path.is_dir() {
        return Ok(None);
    }
    let topics = Recording::topics(folder)?;
    match topics.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(folder.join(format!("{only}.qmp")))),
        _ => Err(RecordingError::Topics {
            path: path.to_owned(),
            topics,
        }),
    }
}

/// The file of a topic that is named with or without the end of its name. A name may hold dots
/// (`10.0-x86_64-q35`), so only our own ends are replaced.
fn topic_file(path: &Path) -> PathBuf {
    let ours = |end: &std::ffi::OsStr| end == "qmp" || end == "hmp";
    if path.extension().is_some_and(ours) {
        return path.with_extension("qmp");
    }
    let mut named = path.as_os_str().to_owned();
    named.push(".qmp");
    let named = PathBuf::from(named);
    // Where neither is there, the name as it was given is what is missing.
    if named.exists() {
        named
    } else {
        path.to_owned()
    }
}

/// The version that the greeting states, or else the first answer to query-version.
fn greeted(topic: &Topic) -> Option<QemuVersion> {
    let parse = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .map(Value::from)
    };
    let greeting = topic.greeting().and_then(parse);
    let version = greeting.and_then(|greeting| QemuVersion::from_json(greeting.get("version")?));
    version.or_else(|| {
        let entry = topic
            .entries()
            .iter()
            .find(|entry| entry.command == "query-version")?;
        QemuVersion::from_json(&parse(topic.returned(entry)?)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_topics_may_hold_dots() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let missing = at("10.0-x86_64-q35");
        let error = Recording::load(&missing).err().unwrap().to_string();
        assert!(error.contains(missing.to_str().unwrap()), "{error}");
        assert!(!error.contains("10.qmp"), "{error}");
        std::fs::write(at("10.0.qmp"), "").unwrap();
        assert_eq!(topic_file(&at("10.0")), at("10.0.qmp"));
        assert_eq!(topic_file(&at("10.0.hmp")), at("10.0.qmp"));
        assert_eq!(topic_file(&at("10.0.qmp")), at("10.0.qmp"));
        assert_eq!(topic_file(&at("session")), at("session"));
    }

    const GREETING: &str = r#"{"QMP":{"version":{"qemu":{"micro":3,"minor":1,"major":11},"package":""},"capabilities":[]}}"#;

    #[test]
    fn a_lone_file_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.log");
        std::fs::write(&file, GREETING).unwrap();
        let recording = Recording::load(&file).unwrap();
        assert_eq!(recording.version().to_string(), "11.1.3");
        assert!(
            recording.machine().is_none()
                && recording.schema().is_none()
                && recording.builtin().is_empty()
        );
    }

    #[test]
    fn a_missing_one_is_named_as_it_was_asked_for() {
        for name in ["/nonexistent/x", "/nonexistent/x.qmp", "/nonexistent/1.0"] {
            let error = Recording::load(name).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("{name}: ")),
                "{error}"
            );
        }
    }
}
