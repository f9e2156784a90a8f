// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs the targets by cargo-fuzz, one after the other, and shows what came of each.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{TARGETS, seeds};
use crate::error::Error;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which targets; all where none is named.
    pub targets: Vec<String>,
    /// How long each runs.
    pub seconds: u64,
    /// Where seeds, what was found on the way and findings go, and where it is built.
    pub folder: PathBuf,
    /// Whether a sanitizer is built in; as the toolchain has it where it is not said.
    pub sanitizer: Option<bool>,
}

/// What came of a target.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    executions: u64,
    /// Edges that were reached.
    coverage: u64,
    /// How many inputs are kept.
    kept: u64,
    failed: bool,
}

/// No input is longer.
fn longest(target: &str) -> u32 {
    match target {
        "device_state" | "dumps" => 32 << 10,
        "recordings" | "libvirt" | "hx" => 8 << 10,
        _ => 4 << 10,
    }
}

/// Runs; whether nothing was found.
pub fn run(options: &Options) -> Result<bool, Error> {
    let unknown = options
        .targets
        .iter()
        .find(|name| !TARGETS.contains(&name.as_str()));
    if let Some(name) = unknown {
        return Err(format!("no target {name}: {}", TARGETS.join(", ")).into());
    }
    let nightly = output(Command::new("rustc").args(["+nightly", "--print", "target-libdir"]))
        .map_err(|why| format!("fuzzing takes a nightly toolchain ({why})"))?;
    output(Command::new("cargo").args(["+nightly", "fuzz", "--version"]))
        .map_err(|why| format!("fuzzing takes cargo-fuzz: cargo install cargo-fuzz ({why})"))?;
    let libraries = String::from_utf8_lossy(&nightly.stdout).trim().to_owned();
    let sanitizer = options
        .sanitizer
        .unwrap_or(has_sanitizer(Path::new(&libraries)));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    seeds::write(&options.folder.join("seeds"))?;
    let wanted =
        |name: &&&str| options.targets.is_empty() || options.targets.iter().any(|t| t == *name);
    println!(
        "{:<14} {:>12} {:>9} {:>7}  found",
        "target", "executions", "coverage", "kept"
    );
    let mut good = true;
    for target in TARGETS.iter().filter(wanted) {
        let outcome = try_one(target, &root, options, sanitizer)?;
        let found = if outcome.failed {
            "a fault, see above"
        } else {
            "nothing"
        };
        println!(
            "{target:<14} {:>12} {:>9} {:>7}  {found}",
            outcome.executions, outcome.coverage, outcome.kept
        );
        good &= !outcome.failed;
    }
    Ok(good)
}

/// Whether this toolchain comes with the address sanitizer.
fn has_sanitizer(libraries: &Path) -> bool {
    let files = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    files
        .map(|file| file.file_name())
        .any(|name| name.to_string_lossy().contains("rt.asan"))
}

fn output(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(output),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn try_one(
    target: &str,
    root: &Path,
    options: &Options,
    sanitizer: bool,
) -> Result<Outcome, Error> {
    let folder = std::path::absolute(&options.folder)?;
    let place = |kind: &str| -> Result<PathBuf, Error> {
        let place = folder.join(kind).join(target);
        std::fs::create_dir_all(&place)?;
        Ok(place)
    };
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["+nightly", "fuzz", "run"]);
    if !sanitizer {
        command.args(["-s", "none"]);
    }
    command
        .arg("--target-dir")
        .arg(folder.join("build"))
        .arg(target);
    command.arg(place("corpus")?).arg(place("seeds")?).arg("--");
    command.arg(format!("-max_total_time={}", options.seconds));
    command.arg(format!("-max_len={}", longest(target)));
    command.arg(format!("-artifact_prefix={}/", place("found")?.display()));
    // A minute at one input is a hang; 2 GiB are memory without bound.
    command.args(["-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    // The sources of libFuzzer and the crates are built as they are, without link-time optimisation.
    command
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env_remove("RUSTFLAGS");
    if Path::new("/dev/shm").is_dir() {
        // Some write files.
        command.env("TMPDIR", "/dev/shm");
    }
    let output = command.stdout(Stdio::inherit()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let mut outcome = outcome(&said);
    outcome.failed = !output.status.success();
    if outcome.failed {
        let tail: Vec<&str> = said.lines().collect();
        println!("{}", tail[tail.len().saturating_sub(60)..].join("\n"));
    }
    Ok(outcome)
}

/// From what libFuzzer says.
fn outcome(said: &str) -> Outcome {
    let after = |line: &str, word: &str| {
        let rest = line.split_once(word)?.1.trim_start();
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..digits].parse().ok()
    };
    let mut outcome = Outcome::default();
    for line in said.lines() {
        if let Some(number) = after(line, "stat::number_of_executed_units:") {
            outcome.executions = number;
        }
        if line.starts_with('#') {
            outcome.coverage = after(line, " cov: ").unwrap_or(outcome.coverage);
            outcome.kept = after(line, " corp: ").unwrap_or(outcome.kept);
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_read() {
        let said = "#2\tINITED cov: 700 ft: 701 corp: 1/1b exec/s: 0 rss: 40Mb\n\
                    #9123\tNEW    cov: 812 ft: 1203 corp: 33/1200b lim: 8 exec/s: 4000 rss: 44Mb L: 7/8 MS: 1 X-\n\
                    #20000\tDONE   cov: 815 ft: 1300 corp: 40/1300b lim: 9 exec/s: 4000 rss: 44Mb\n\
                    stat::number_of_executed_units: 20000\nstat::average_exec_per_sec:     4000\n";
        let expected = Outcome {
            executions: 20000,
            coverage: 815,
            kept: 40,
            failed: false,
        };
        assert_eq!(outcome(said), expected);
        assert_eq!(outcome("error: no such command"), Outcome::default());
    }

    #[test]
    fn the_targets_are_those_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
        let files = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = files
            .map(|file| {
                file.unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, TARGETS);
    }

    /// A target without seeds begins at nothing, and finds nothing.
    #[test]
    fn every_target_has_seeds() {
        let folder = tempfile::tempdir().unwrap();
        for (target, count) in seeds::write(folder.path()).unwrap() {
            assert!(count > 0, "{target}");
        }
    }
}
