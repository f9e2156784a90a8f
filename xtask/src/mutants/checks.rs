// SPDX-License-Identifier: GPL-2.0-or-later
//! What is run on a changed engine: tests, recorded topics, and cases on real QEMUs.

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use parity::case::{self, Prefixes, recordings};
use parity::live::programs;
use serde_json::Value;

use super::cargo::cargo;
use super::judge::REACHED;
use crate::error::Error;

/// What kind of check it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A recorded topic.
    Recorded,
    /// A test.
    Unit,
    /// A case on a real QEMU.
    Live,
}

/// Something that can fail.
pub struct Check {
    /// A test, a topic, or a case and its QEMU.
    pub name: String,
    /// What it is.
    pub kind: Kind,
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
    fn new(name: String, kind: Kind, command: &[&str], folder: &Path) -> Self {
        Self {
            name,
            kind,
            command: command.iter().map(|&word| word.to_owned()).collect(),
            folder: folder.to_owned(),
            reached: HashSet::new(),
            took: Duration::ZERO,
        }
    }

    /// With what it reaches, which is written to `list` on the way; `None` where it is of no use.
    fn learned(mut self, list: &Path) -> Option<Self> {
        fs::write(list, "").ok()?;
        let start = Instant::now();
        let file = list.display().to_string();
        let passed = self.run(&[(REACHED, &file)], Duration::from_secs(300));
        self.took = start.elapsed();
        if passed != Some(true) {
            println!("{}: fails without any change; left out", self.name);
            return None;
        }
        let reached = fs::read_to_string(list).ok()?;
        self.reached = reached
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        Some(self).filter(|check| !check.reached.is_empty())
    }

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
            .stderr(Stdio::null())
            // With all QEMUs that it starts.
            .process_group(0);
        let mut child = command.spawn().ok()?;
        let start = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status.success()),
                Ok(None) if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => {
                    let group = format!("-{}", child.id());
                    let _ = Command::new("kill").args(["-9", "--", &group]).status();
                    let _ = child.wait();
                    return None;
                }
            }
        }
    }
}

/// All checks that need no QEMU: tests and recorded topics.
pub fn offline(tree: &Path) -> Result<Vec<Check>, Error> {
    let mut checks = tests(tree)?;
    let me = tree_program(tree)?;
    let topics = recordings::topics(&tree.join("recordings"))?;
    let completions = recordings::completions(&tree.join("recordings"))?;
    for file in topics.iter().chain(&completions) {
        let name = file
            .strip_prefix(tree)
            .unwrap_or(file)
            .display()
            .to_string();
        let file = file.display().to_string();
        let command = [me.as_str(), "mutants", "topic", &file];
        checks.push(Check::new(name, Kind::Recorded, &command, tree));
    }
    Ok(checks)
}

/// All cases on all QEMUs at hand, and what TAB does there.
pub fn live(tree: &Path) -> Result<Vec<Check>, Error> {
    let me = tree_program(tree)?;
    let folder = tree.join("parity/cases");
    let cases = case::load(&folder)?;
    let prefixes = Prefixes::load(&tree.join("parity/completions.toml"))?;
    let mut checks = Vec::new();
    for program in programs::available() {
        let (path, qemu) = (program.path.display().to_string(), &program.qemu);
        for case in cases.iter().filter(|case| case.suits(qemu)) {
            let command = [me.as_str(), "mutants", "case", &case.name, &path];
            let name = format!("{} on {qemu}", case.name);
            checks.push(Check::new(name, Kind::Live, &command, tree));
        }
        if prefixes.vm.suits(qemu) {
            let command = [me.as_str(), "mutants", "tabs", &path];
            checks.push(Check::new(
                format!("TAB on {qemu}"),
                Kind::Live,
                &command,
                tree,
            ));
        }
    }
    Ok(checks)
}

/// Runs all checks, `jobs` at a time, without a change, to see what they reach. Quick ones come
/// first; those that fail or reach nothing are left out.
pub fn learn(checks: Vec<Check>, jobs: usize) -> Result<Vec<Check>, Error> {
    let next = AtomicUsize::new(0);
    let usable = Mutex::new(Vec::new());
    let lists: Vec<_> = (0..jobs)
        .map(|_| tempfile::NamedTempFile::new())
        .collect::<Result<_, _>>()?;
    let checks: Vec<_> = checks
        .into_iter()
        .map(|check| Mutex::new(Some(check)))
        .collect();
    std::thread::scope(|scope| {
        for list in &lists {
            scope.spawn(|| {
                while let Some(check) = checks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let check = check.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(check) = check.and_then(|check| check.learned(list.path())) {
                        let mut usable = usable.lock().unwrap_or_else(PoisonError::into_inner);
                        usable.push(check);
                    }
                }
            });
        }
    });
    let mut usable = usable.into_inner().unwrap_or_else(PoisonError::into_inner);
    usable.sort_by_key(|check| check.took);
    Ok(usable)
}

/// Runs those of `checks` that pass by a change until one notices it.
pub fn attempt<'c>(checks: impl Iterator<Item = &'c Check>, number: usize) -> Outcome {
    let mut reached = checks
        .filter(|check| check.reached.contains(&number))
        .peekable();
    if reached.peek().is_none() {
        return Outcome::Unreached;
    }
    for check in reached {
        let patience = check.took * 10 + Duration::from_secs(20);
        let failed = match check.run(&[("HMP_MUTANT", &number.to_string())], patience) {
            Some(true) => continue,
            Some(false) => Outcome::Caught(check.name.clone()),
            None => Outcome::TimedOut(check.name.clone()),
        };
        // Where it fails without the change as well, time has decided: it is no check now.
        if check.run(&[], patience) == Some(true) {
            return failed;
        }
    }
    Outcome::Missed
}

/// All tests, each alone; that of all recordings is left out, since the topics are checks of their
/// own.
fn tests(tree: &Path) -> Result<Vec<Check>, Error> {
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
    let mut checks = Vec::new();
    for (name, program, folder) in built {
        if name == "recordings" || name.ends_with("_live") {
            continue;
        }
        let list = Command::new(&program)
            .arg("--list")
            .current_dir(&folder)
            .output()?;
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        for test in list.lines().filter_map(|line| line.strip_suffix(": test")) {
            let command = [program.as_str(), "--exact", test];
            let name = format!("{name} {test}");
            checks.push(Check::new(name, Kind::Unit, &command, &folder));
        }
    }
    Ok(checks)
}

/// This program, built with the changed engine.
fn tree_program(tree: &Path) -> Result<String, Error> {
    let built = built(tree, &["build", "--package", "xtask"])?;
    let program = built.into_iter().find(|(name, ..)| name == "xtask");
    Ok(program.ok_or("the program was not built")?.1)
}

/// What cargo built: name, program and its package's folder.
fn built(tree: &Path, args: &[&str]) -> Result<Vec<(String, String, PathBuf)>, Error> {
    let output = cargo(tree)
        .args(args)
        .args(["--quiet", "--message-format=json"])
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
