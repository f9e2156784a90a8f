// SPDX-License-Identifier: GPL-2.0-or-later
//! Writing a recording.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::builtin::{self, BuiltinLine};
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
    pub fn create(
        folder: impl Into<PathBuf>,
        mut machine: Machine,
    ) -> Result<Self, RecordingError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).map_err(RecordingError::io(&folder))?;
        machine.format = FORMAT;
        let writer = Self { folder, machine };
        writer.write_machine()?;
        Ok(writer)
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
        if self.machine.schema != hash {
            self.machine.schema.clone_from(&hash);
            self.write_machine()?;
        }
        Ok(hash)
    }

    /// Changes the machine description.
    pub fn update_machine(
        &mut self,
        change: impl FnOnce(&mut Machine),
    ) -> Result<(), RecordingError> {
        change(&mut self.machine);
        self.write_machine()
    }

    /// Starts a topic's files, replacing those of the same name.
    pub fn topic(&self, name: &str) -> Result<TopicWriter, RecordingError> {
        TopicWriter::create(&self.folder, name)
    }

    fn write_machine(&self) -> Result<(), RecordingError> {
        let path = self.folder.join("machine.toml");
        std::fs::write(&path, self.machine.to_text()).map_err(RecordingError::io(&path))
    }
}

/// Writes the files of one topic. The built-in monitor's file is made when its first line comes.
#[derive(Debug)]
pub struct TopicWriter {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    builtin_path: PathBuf,
    builtin: Option<BufWriter<File>>,
}

impl TopicWriter {
    pub(crate) fn create(folder: &Path, name: &str) -> Result<Self, RecordingError> {
        let path = folder.join(format!("{name}.qmp"));
        let builtin_path = path.with_extension("hmp");
        let file = File::create(&path).map_err(RecordingError::io(&path))?;
        match std::fs::remove_file(&builtin_path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(RecordingError::Io {
                    path: builtin_path,
                    source: error,
                });
            }
            _ => {}
        }
        let name = name.to_owned();
        let mut writer = Self {
            name,
            path,
            file: BufWriter::new(file),
            builtin_path,
            builtin: None,
        };
        writer.line(&Line::Header {
            topic: writer.name.clone(),
        })?;
        Ok(writer)
    }

    /// Appends a line to the wire's file.
    pub fn line(&mut self, line: &Line) -> Result<(), RecordingError> {
        self.file
            .write_all(line.to_text().as_bytes())
            .map_err(RecordingError::io(&self.path))
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

    /// Appends a line of the built-in monitor's file. Line ends become LF; answers of `help` are
    /// not kept.
    pub fn builtin(&mut self, moment: u32, line: &str, answer: &str) -> Result<(), RecordingError> {
        if matches!(line.split_whitespace().next(), Some("help" | "?")) {
            return Ok(());
        }
        let file = match &mut self.builtin {
            Some(file) => file,
            empty => {
                let file = File::create(&self.builtin_path)
                    .map_err(RecordingError::io(&self.builtin_path))?;
                let mut file = BufWriter::new(file);
                let header = builtin::header(&self.name);
                file.write_all(header.as_bytes())
                    .map_err(RecordingError::io(&self.builtin_path))?;
                empty.insert(file)
            }
        };
        let line = BuiltinLine {
            moment,
            line: line.to_owned(),
            answer: answer.replace("\r\n", "\n"),
        };
        file.write_all(line.to_text().as_bytes())
            .map_err(RecordingError::io(&self.builtin_path))
    }

    /// Writes out what is still in memory.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        self.file.flush().map_err(RecordingError::io(&self.path))?;
        match &mut self.builtin {
            Some(file) => file.flush().map_err(RecordingError::io(&self.builtin_path)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{QemuVersion, Recording};

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
            .builtin(0, "info status", "VM status: running\r\n")
            .unwrap();
        topic.builtin(0, "help", "too long").unwrap();
        topic.flush().unwrap();
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
}
