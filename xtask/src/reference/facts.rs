// SPDX-License-Identifier: GPL-2.0-or-later
//! What is known of each command: rows, routes on the recorded QEMUs, recorded lines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hmp_engine::command::nature::{Effect, Family};
use hmp_engine::command::row::{Command, Presence};
use hmp_engine::qemu::caps::Caps;
use hmp_engine::table::{INFO, MAIN};
use parity::case::{Qemu, recordings};
use parity::judge::Kind;
use parity::recorded::asked::{self, Asked};
use parity::tables::offered::{self, Offers};
use serde_json::Value;

use super::differences::Differences;
use crate::error::Error;

/// The machines whose lines are shown first, and of which every topic is run.
const FIRST: [&str; 2] = ["11.1-x86_64-q35", "10.0-x86_64-q35"];

/// How many topics run at once: some wait for what is going on in the VM.
const AT_ONCE: usize = 8;

/// How many lines an answer may have to be shown whole.
const SHORT: usize = 16;

/// A command of one name: its rows, of which each release has one at most.
pub struct Entry {
    /// Its full name, with `info ` in front of sub-commands.
    pub name: String,
    /// Its rows.
    pub rows: Vec<&'static Command>,
}

impl Entry {
    /// The row of the newest release.
    pub fn row(&self) -> &'static Command {
        self.rows[self.rows.len() - 1]
    }

    /// Its other names.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> {
        self.row().names().skip(1)
    }

    /// What it is about.
    pub fn family(&self) -> Family {
        self.row().family
    }

    /// Its row on a QEMU with these capabilities, if it has it.
    pub fn on(&self, caps: &Caps) -> Option<&'static Command> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.presence(caps) == Presence::Yes)
            .copied()
    }
}

/// All commands, sorted by name within each table.
pub fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (prefix, table) in [("", MAIN), ("info ", INFO)] {
        for row in table {
            let first = row.names().next().unwrap_or_default();
            let name = format!("{prefix}{first}");
            match entries.iter_mut().find(|entry| entry.name == name) {
                Some(entry) => entry.rows.push(row),
                None => entries.push(Entry {
                    name,
                    rows: vec![row],
                }),
            }
        }
    }
    entries
}

/// All that pages are made of.
pub struct Facts {
    /// The commands.
    pub entries: Vec<Entry>,
    /// The recorded QEMUs.
    pub offers: Offers,
    /// What is different on purpose.
    pub differences: Differences,
    /// Every recorded line, by command; not all of them were run.
    pub lines: BTreeMap<String, BTreeSet<String>>,
    /// The version and machine of each recorded folder, for people.
    pub machines: BTreeMap<String, String>,
    /// What was run, by command, those that are shown first first.
    asked: BTreeMap<String, Vec<Asked>>,
}

impl Facts {
    /// Reads the recordings, and runs those that are needed.
    pub fn gather(root: &Path) -> Result<Self, Error> {
        let folder = root.join("recordings");
        let mut facts = Self {
            entries: entries(),
            offers: offered::recorded(&folder)?,
            differences: Differences::load(root)?,
            lines: BTreeMap::new(),
            machines: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
        let mut topics = recordings::topics(&folder)?;
        topics.sort_by_key(|topic| place(topic));
        let mut of_topic = Vec::new();
        for topic in &topics {
            of_topic.push(facts.note(topic)?);
        }
        let is_first = |topic: &Path| FIRST.contains(&folder_of(topic));
        let (first, others): (Vec<_>, Vec<_>) = topics
            .into_iter()
            .zip(of_topic)
            .partition(|(topic, _)| is_first(topic));
        facts.run(first.into_iter().map(|(topic, _)| topic).collect())?;
        // Of the others, those that have a command without an example so far.
        let wanted: BTreeSet<&str> = facts.without_example().collect();
        let others = others
            .into_iter()
            .filter(|(_, names)| names.iter().any(|name| wanted.contains(name.as_str())));
        let others = others.map(|(topic, _)| topic).collect();
        facts.run(others)?;
        Ok(facts)
    }

    /// Notes the lines of a topic; returns which commands they are of.
    fn note(&mut self, topic: &Path) -> Result<BTreeSet<String>, Error> {
        let recording = mock_qmp::Recording::load(topic)?;
        let version = recording.version();
        let machine = recording.machine();
        let words = format!(
            "QEMU {}.{}.{}, {}, -M {}",
            version.major,
            version.minor,
            version.micro,
            machine.map_or("", |m| m.arch.as_str()),
            machine.map_or("", |m| m.machine.as_str()),
        );
        self.machines.insert(folder_of(topic).to_owned(), words);
        let mut names = BTreeSet::new();
        for line in recording.builtin() {
            let Some(name) = self.command_of(&line.line) else {
                continue;
            };
            let lines = self.lines.entry(name.clone()).or_default();
            lines.insert(line.line.clone());
            names.insert(name);
        }
        Ok(names)
    }

    /// The full name of the command that a line begins with.
    fn command_of(&self, line: &str) -> Option<String> {
        let mut words = line.split_whitespace();
        let first = words.next()?.split('/').next()?;
        let (prefix, name) = match first {
            "info" => ("info ", words.next()?),
            first => ("", first),
        };
        let mut entries = self.entries.iter();
        let found = entries.find(|entry| {
            let is_info = entry.name.starts_with("info ");
            is_info != prefix.is_empty() && entry.row().names().any(|one| one == name)
        });
        found.map(|entry| entry.name.clone())
    }

    /// Runs topics and keeps their lines by command.
    fn run(&mut self, topics: Vec<PathBuf>) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(topic) = topics.get(number) else {
                    return Ok(done);
                };
                done.push((number, asked::topic(topic)?));
            }
        };
        let mut done = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                let lines = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
                done.extend(lines?);
            }
            Ok::<_, recordings::RecordingsError>(())
        })?;
        done.sort_by_key(|(number, _)| *number);
        for one in done.into_iter().flat_map(|(_, lines)| lines) {
            let command = one.entry.command.clone();
            self.asked.entry(command).or_default().push(one);
        }
        Ok(())
    }

    fn without_example(&self) -> impl Iterator<Item = &str> {
        let without = self.entries.iter().filter(|e| self.example(e).is_none());
        without.map(|entry| entry.name.as_str())
    }

    /// The lines of a command that ran and were right.
    pub fn right(&self, entry: &Entry) -> impl Iterator<Item = &Asked> {
        let asked = self.asked.get(&entry.name).into_iter().flatten();
        asked.filter(|one| one.is_right() && is_plain(&one.entry.line))
    }

    /// The line that shows best what a command does; none where our own code answers none.
    pub fn example(&self, entry: &Entry) -> Option<&Asked> {
        let looks = matches!(entry.row().effect, Effect::Looks | Effect::Writes);
        let rank = |one: &&Asked| {
            let wide = one.entry.builtin.lines().any(|line| line.len() > 100);
            match one.entry.kind {
                Some(Kind::Output) if one.entry.builtin.lines().count() > SHORT => 2,
                Some(Kind::Output) if wide => 1,
                Some(Kind::Output) => 0,
                _ if looks => 3,
                _ => 0,
            }
        };
        self.right(entry).min_by_key(rank)
    }

    /// A line that was recorded of a command that our own code does not answer.
    pub fn recorded(&self, entry: &Entry) -> Option<&Asked> {
        let asked = self.asked.get(&entry.name)?;
        let shown = asked
            .iter()
            .filter(|one| one.is_read && is_plain(&one.entry.line));
        let changes = matches!(entry.row().effect, Effect::Changes(_));
        shown.min_by_key(|one| {
            let answer = &one.entry.builtin;
            // QEMU's hmp_handle_error() puts this in front; a change that is made says nothing.
            let failed = answer.starts_with("Error: ");
            let says = changes && !answer.is_empty();
            // What has more to say is the better example, be it an error of another look.
            let length = answer.lines().count().min(SHORT);
            (failed, says, Reverse(length))
        })
    }

    /// The QMP commands that a command's lines sent.
    pub fn sent(&self, entry: &Entry) -> BTreeSet<&str> {
        let requests = self.right(entry).flat_map(requests);
        let names = requests.filter_map(|request| request.get("execute")?.as_str());
        names.collect()
    }
}

/// The requests of a line, without the question whether the machine is there by now, which is asked
/// behind every line before it is.
pub fn requests(one: &Asked) -> impl Iterator<Item = &Value> {
    let first = one.requests.first();
    let asks = first.is_some_and(|request| request.get("execute") == Some(&"query-target".into()));
    one.requests.iter().skip(usize::from(asks))
}

/// Whether a line can be shown as it is.
fn is_plain(line: &str) -> bool {
    let bytes = line.bytes();
    line.len() <= 120 && bytes.clone().all(|b| (b' '..=b'~').contains(&b))
}

/// The name of a topic's folder.
fn folder_of(topic: &Path) -> &str {
    let folder = topic.parent().and_then(Path::file_name);
    folder.and_then(|name| name.to_str()).unwrap_or_default()
}

/// The order in which lines are shown: the newest x86_64 first, and of each machine the main topic.
fn place(topic: &Path) -> (usize, bool, Reverse<Option<Qemu>>, String, bool, PathBuf) {
    let folder = folder_of(topic);
    let first = FIRST.iter().position(|one| *one == folder);
    let mut parts = folder.splitn(3, '-');
    let qemu = match (parts.next(), parts.next()) {
        (Some(release), Some(arch)) => format!("{release}-{arch}").parse().ok(),
        _ => None,
    };
    (
        first.unwrap_or(FIRST.len()),
        !folder.contains("-x86_64-"),
        Reverse(qemu),
        folder.to_owned(),
        !topic.ends_with("main.qmp"),
        topic.to_owned(),
    )
}
