// SPDX-License-Identifier: GPL-2.0-or-later
//! What is run on a changed engine: test programs and recorded topics.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use parity::case::{Prefixes, recordings};
use parity::judge::baseline::Baseline;
use parity::judge::{Completed, Entry, KnownList};
use parity::live::side::Ours;
use parity::recorded;
use serde_json::Value;
use tokio::runtime::Builder;

use crate::error::Error;

/// Where a changed engine writes the numbers of the changes that it passes by.
const REACHED: &str = "HMP_MUTANTS_REACHED";

/// Something that can fail.
pub struct Check {
    /// A test program or a topic.
    pub name: String,
    /// The changes that it passes by.
    pub reached: HashSet<usize>,
    /// How long it takes without a change.
    pub took: Duration,
    command: Vec<String>,
    folder: PathBuf,
}

/// What became of a change; with the check that noticed it.
pub enum Outcome {
    /// A check failed.
    Caught(String),
    /// A check did not end.
    TimedOut(String),
    /// All checks passed.
    Missed,
    /// No check passes by it.
    Unreached,
}

impl Outcome {
    /// The word in the table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Caught(_) => "caught",
            Self::TimedOut(_) => "timeout",
            Self::Missed => "missed",
            Self::Unreached => "unreached",
        }
    }

    /// The check that noticed it.
    pub fn check(&self) -> &str {
        match self {
            Self::Caught(check) | Self::TimedOut(check) => check,
            Self::Missed | Self::Unreached => "",
        }
    }

    /// Whether nothing noticed it.
    pub fn survived(&self) -> bool {
        matches!(self, Self::Missed | Self::Unreached)
    }
}

impl Check {
    /// Runs it: whether it passed, and `None` where it took longer than `patience`.
    pub fn run(&self, env: &[(&str, &str)], patience: Duration) -> Option<bool> {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .current_dir(&self.folder)
            .envs(env.iter().copied())
            // Without a live QEMU: what it does by chance is no check.
            .env("HMP_TEST_QEMUS", "")
            .env_remove("HMP_TEST_REPLIES")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let start = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status.success()),
                Ok(None) if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return None;
                }
            }
        }
    }
}

/// All checks, quick ones first, with what they reach. Those that fail or reach nothing without a
/// change are left out.
pub fn learn(tree: &Path) -> Result<Vec<Check>, Error> {
    let mut checks = programs(tree)?;
    let me = tree_program(tree)?;
    let topics = recordings::topics(&tree.join("recordings"))?;
    let completions = recordings::completions(&tree.join("recordings"))?;
    for file in topics.iter().chain(&completions) {
        let name = file.strip_prefix(tree).unwrap_or(file);
        checks.push(Check {
            name: name.display().to_string(),
            command: vec![
                me.clone(),
                "mutants".into(),
                "topic".into(),
                file.display().to_string(),
            ],
            folder: tree.to_owned(),
            reached: HashSet::new(),
            took: Duration::ZERO,
        });
    }
    let list = tempfile::NamedTempFile::new()?;
    let file = list.path().display().to_string();
    let mut usable = Vec::new();
    for mut check in checks {
        fs::write(list.path(), "")?;
        let start = Instant::now();
        let passed = check.run(&[(REACHED, &file)], Duration::from_secs(300));
        check.took = start.elapsed();
        if passed != Some(true) {
            println!("{}: fails without any change; left out", check.name);
            continue;
        }
        let reached = fs::read_to_string(list.path())?;
        check.reached = reached
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        if !check.reached.is_empty() {
            usable.push(check);
        }
    }
    usable.sort_by_key(|check| check.took);
    Ok(usable)
}

/// The test programs; that of all recordings is left out, since the topics are checks of their own.
fn programs(tree: &Path) -> Result<Vec<Check>, Error> {
    let built = built(
        tree,
        &[
            "test",
            "--no-run",
            "--package",
            "hmp-engine",
            "--package",
            "hmp",
            "--package",
            "parity",
            "--lib",
            "--tests",
        ],
    )?;
    let programs = built
        .into_iter()
        .filter(|(name, ..)| name != "recordings" && !name.ends_with("_live"));
    Ok(programs
        .map(|(name, program, folder)| Check {
            name,
            command: vec![program],
            folder,
            reached: HashSet::new(),
            took: Duration::ZERO,
        })
        .collect())
}

/// This program, built with the changed engine.
fn tree_program(tree: &Path) -> Result<String, Error> {
    let built = built(tree, &["build", "--package", "xtask"])?;
    let program = built.into_iter().find(|(name, ..)| name == "xtask");
    Ok(program.ok_or("the program was not built")?.1)
}

/// What cargo built: name, program and its package's folder.
fn built(tree: &Path, args: &[&str]) -> Result<Vec<(String, String, PathBuf)>, Error> {
    let output = Command::new("cargo")
        .args(args)
        .args(["--quiet", "--message-format=json"])
        .current_dir(tree)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo {}: {}", args.join(" "), output.status).into());
    }
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line)?;
        // Tests of a program bring the program itself along.
        let plain = message["target"]["kind"][0] == "bin" && message["profile"]["test"] != true;
        if plain && args[0] == "test" {
            continue;
        }
        let (Some(program), Some(name), Some(manifest)) = (
            message["executable"].as_str(),
            message["target"]["name"].as_str(),
            message["manifest_path"].as_str(),
        ) else {
            continue;
        };
        let folder = Path::new(manifest).parent().unwrap_or(tree);
        found.push((name.to_owned(), program.to_owned(), folder.to_owned()));
    }
    Ok(found)
}

/// Whether our answers of a recorded topic are as good as those of the engine without a change.
pub fn topic(file: &Path) -> Result<bool, Error> {
    let mut known = KnownList::load(Path::new("parity/known.toml"))?;
    if file.extension().is_some_and(|e| e == "tab") {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let list = Prefixes::load(Path::new("parity/completions.toml"))?;
        let completed = recorded::complete::offline(file, &list, &mut known);
        return Ok(runtime.block_on(completed)?.iter().all(Completed::is_clean));
    }
    let entries = recorded::run::run(&[file.to_owned()], &Ours::Engine, &mut known)?;
    let now = Baseline::of(&entries, &[]);
    // Beside the topics, so that each is compared with itself.
    let before = file.with_extension("before");
    if std::env::var_os(REACHED).is_some() {
        fs::write(&before, now.to_text())?;
    }
    let before = Baseline::parse(&fs::read_to_string(before)?)?;
    let is_clean = !entries.is_empty() && entries.iter().all(Entry::is_clean);
    Ok(is_clean && now.since(&before).is_empty())
}
