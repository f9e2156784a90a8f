// SPDX-License-Identifier: GPL-2.0-or-later
//! Writing a recording.

use std::path::{Path, PathBuf};

use super::builtin::{self, BuiltinLine};
use super::draft::{self, Draft};
use super::error::RecordingError;
use super::line::{FORMAT, Line, ReplyLine};
use super::machine::Machine;
use super::schema_store;

/// Writes a recording's folder: the machine description, the schema, and one pair of files per
/// topic.
#[derive(Debug)]
pub struct RecordingWriter {
    folder: PathBuf,
    machine: Machine,
}

impl RecordingWriter {
    /// Starts (or goes on with) a recording in this folder; topics that are not written again stay.
    /// The machine description is written by [`RecordingWriter::finish`].
    pub fn create(
        folder: impl Into<PathBuf>,
        mut machine: Machine,
    ) -> Result<Self, RecordingError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).map_err(RecordingError::io(&folder))?;
        machine.format = FORMAT;
        // What people wrote there stays.
        if let Ok(before) = Machine::load(&folder.join("machine.toml")) {
            machine.topics = before.topics;
            machine.ignore = before.ignore;
        }
        Ok(Self { folder, machine })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The machine description as it is.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Stores the schema, given as JSON text of what query-qmp-schema returned, and returns its
    /// hash.
    pub fn schema(&mut self, json: &str) -> Result<String, RecordingError> {
        let hash = schema_store::store(&self.folder, json)?;
        self.machine.schema.clone_from(&hash);
        Ok(hash)
    }

    /// Changes the machine description.
    pub fn update_machine(&mut self, change: impl FnOnce(&mut Machine)) {
        change(&mut self.machine);
    }

    /// Starts a topic's files. They replace those of the same name when they are complete.
    pub fn topic(&self, name: &str) -> Result<TopicWriter, RecordingError> {
        let path = self.folder.join(format!("{name}.qmp"));
        TopicWriter::start(name, &path, Draft::create(&path)?)
    }

    /// Starts a topic's files where there are none of this name.
    pub fn new_topic(&self, name: &str) -> Result<TopicWriter, RecordingError> {
        let path = self.folder.join(format!("{name}.qmp"));
        for path in [path.clone(), path.with_extension("hmp")] {
            if path.exists() {
                return Err(RecordingError::Exists { path });
            }
        }
        TopicWriter::start(name, &path, Draft::create_new(&path)?)
    }

    /// Writes the machine description.
    pub fn finish(&self) -> Result<(), RecordingError> {
        draft::write(&self.folder.join("machine.toml"), &self.machine.to_text())
    }
}

/// Writes the files of one topic, which take their places when they are finished. The built-in
/// monitor's file is made when its first line comes.
#[derive(Debug)]
pub struct TopicWriter {
    name: String,
    file: Draft,
    builtin_path: PathBuf,
    builtin: Option<Draft>,
}

impl TopicWriter {
    fn start(name: &str, path: &Path, file: Draft) -> Result<Self, RecordingError> {
        let mut writer = Self {
            name: name.to_owned(),
            file,
            builtin_path: path.with_extension("hmp"),
            builtin: None,
        };
        writer.line(&Line::Header {
            topic: writer.name.clone(),
        })?;
        Ok(writer)
    }

    /// Where it is once it is finished.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Appends a line to the wire's file.
    pub fn line(&mut self, line: &Line) -> Result<(), RecordingError> {
        self.file.write(&line.to_text())
    }

    /// Appends an answer, storing it as a reference if it is a schema.
    pub fn schema_reply(
        &mut self,
        recording: &mut RecordingWriter,
        json: &str,
        at: u64,
    ) -> Result<(), RecordingError> {
        let reply = ReplyLine::Schema(recording.schema(json)?);
        self.line(&Line::Reply {
            reply,
            oob: false,
            at,
        })
    }

    /// Appends a line of the built-in monitor's file; answers of `help` are not kept.
    pub fn builtin(&mut self, line: &BuiltinLine) -> Result<(), RecordingError> {
        if matches!(line.line.split_whitespace().next(), Some("help" | "?")) {
            return Ok(());
        }
        let file = match &mut self.builtin {
            Some(file) => file,
            empty => {
                let mut file = Draft::create(&self.builtin_path)?;
                file.write(&builtin::header(&self.name))?;
                empty.insert(file)
            }
        };
        file.write(&line.to_text())
    }

    /// Writes out what is still in memory, and puts the files in their places.
    pub fn finish(&mut self) -> Result<(), RecordingError> {
        self.file.finish()?;
        match &mut self.builtin {
            Some(file) => file.finish(),
            None => draft::remove(&self.builtin_path),
        }
    }

    /// Removes what has been written, unless it is finished: what it was to replace stays.
    pub fn discard(&mut self) -> Result<(), RecordingError> {
        self.file.discard()?;
        self.builtin.as_mut().map_or(Ok(()), Draft::discard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{QemuVersion, Recording};

    fn typed(line: &str, answer: &str) -> BuiltinLine {
        BuiltinLine {
            line: line.to_owned(),
            answer: answer.to_owned(),
            ..BuiltinLine::default()
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine {
            qemu: QemuVersion::parse("7.2.0").unwrap(),
            ..Machine::example()
        };
        let folder = root.path().join(machine.folder_name());
        let mut writer = RecordingWriter::create(&folder, machine).unwrap();
        let mut topic = writer.topic("main").unwrap();
        topic
            .line(&Line::Request {
                text: "{\"execute\":\"query-qmp-schema\"}".to_owned(),
                at: 1,
            })
            .unwrap();
        topic
            .schema_reply(&mut writer, "[{\"name\": \"x\"}]", 2)
            .unwrap();
        topic
            .builtin(&typed("info status", "VM status: running\n"))
            .unwrap();
        topic.builtin(&typed("help", "too long")).unwrap();
        assert!(Recording::load(&folder).is_err());
        topic.finish().unwrap();
        writer.finish().unwrap();
        let recording = Recording::load(&folder).unwrap();
        assert_eq!(recording.schema(), Some("[\n{\"name\":\"x\"}\n]\n"));
        assert_eq!(recording.version().to_string(), "7.2.0");
        let [line] = recording.builtin() else {
            panic!("{:?}", recording.builtin())
        };
        assert_eq!(line.answer, "VM status: running\n");
        assert_eq!(Recording::topics(&folder).unwrap(), ["main"]);
        assert!(
            Recording::load(folder.join("main.qmp"))
                .unwrap()
                .machine()
                .is_some()
        );
    }
    #[test]
    fn what_is_there_stays_until_the_end() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let writer = RecordingWriter::create(root.path(), Machine::example()).unwrap();
        let mut topic = writer.new_topic("main").unwrap();
        let path = root.path().join("main.qmp.part");
        let unfinished = writer.new_topic("main").unwrap_err();
        assert_eq!(
            unfinished.to_string(),
            format!("{}: exists already", path.display())
        );
        topic.builtin(&typed("info version", "10.0.2\n")).unwrap();
        topic.finish().unwrap();
        writer.finish().unwrap();
        let mode = |name: &str| {
            let metadata = std::fs::metadata(root.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        let files = ["main.qmp", "main.hmp", "machine.toml"];
        assert_eq!(files.map(mode), [0o600; 3]);
        assert!(matches!(
            writer.new_topic("main"),
            Err(RecordingError::Exists { .. })
        ));
        let path = root.path().join("main.qmp");
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&path, open).unwrap();
        let before = std::fs::read_to_string(&path).unwrap();
        let note = Line::Note {
            text: "another".to_owned(),
        };
        let mut other = writer.topic("main").unwrap();
        other.line(&note).unwrap();
        other.discard().unwrap();
        let mut other = writer.topic("main").unwrap();
        other.line(&note).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert!(root.path().join("main.hmp").exists());
        other.finish().unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("another"));
        assert_eq!(mode("main.qmp"), 0o640, "the owner's choice");
        let mut left: Vec<_> = std::fs::read_dir(root.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["machine.toml", "main.qmp"]);
    }
}
