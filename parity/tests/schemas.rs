// SPDX-License-Identifier: GPL-2.0-or-later
//! What machines read is as the schemas in `docs/` say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a value has against a schema of `docs/`.
fn faults(schema: &str, value: &Value) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs").join(schema)).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(value);
    errors
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
}

fn parity(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parity"));
    command.args(args).current_dir(root()).output().unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The reports of a run of one recorded machine.
struct Ran {
    _dir: tempfile::TempDir,
    report: PathBuf,
    junit: PathBuf,
    history: PathBuf,
}

#[test]
fn a_reader_that_leaves_is_not_a_mistake() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_parity"));
    command.args(["status"]).current_dir(root()).stdout(writer);
    let ran = command.stderr(Stdio::piped()).spawn().unwrap();
    let ran = ran.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert!(ran.stderr.is_empty(), "{ran:?}");
}

/// Runs one recorded machine with these further arguments.
fn run_one(more: &[&str]) -> Output {
    let mut args = vec!["run", "--offline", "recordings/10.0-x86_64-microvm"];
    args.extend(["--revision", "abc"]);
    args.extend(more);
    parity(&args)
}

#[test]
fn a_history_goes_on_whatever_its_last_line_ends_with() {
    let dir = tempfile::tempdir().unwrap();
    let history = dir.path().join("h.jsonl");
    let kept = std::fs::read_to_string(root().join("parity/history.jsonl")).unwrap();
    let first = kept.lines().next().unwrap();
    std::fs::write(&history, first).unwrap();
    let args = ["--date", "2026-11-29", "--history"];
    let path = history.to_str().unwrap();
    run_one(&[&args[..], &[path]].concat());
    let text = std::fs::read_to_string(&history).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, first));
    let run: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(faults("history.schema.json", &run), [""; 0]);
}

#[test]
fn a_history_that_can_not_grow_is_said_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (folder, broken, new, report) = (at(""), at("broken"), at("new"), at("r.json"));
    std::fs::write(&broken, "{}\n").unwrap();
    let day = "2026-11-28";
    for (day, history, said) in [
        (day, &folder, folder.as_str()),
        (day, &broken, "broken: line 1: "),
        ("yesterday", &new, "2026-11-28"),
    ] {
        let ran = run_one(&["--json", &report, "--date", day, "--history", history]);
        assert_eq!(ran.status.code(), Some(2), "{history}");
        let error = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(error.contains(said), "{said} not in {error}");
        assert!(!Path::new(&report).exists(), "{history}: it ran");
    }
    // Where nothing grows, a history that is not there is a slip of the pen.
    let ran = parity(&["status", "--mail", "--history", &new]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("new: "));
}

fn ran() -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (report, junit, history) = (path("r.json"), path("r.xml"), path("h.jsonl"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut args: Vec<String> = [
        "run",
        "--offline",
        "recordings/10.0-x86_64-microvm",
        "--date",
        "2026-11-28",
        "--revision",
        "abc",
    ]
    .map(str::to_owned)
    .into();
    for (option, path) in [
        ("--json", &report),
        ("--junit", &junit),
        ("--history", &history),
    ] {
        args.extend([option.to_owned(), text(path)]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // Twice: a history grows. The exit code is about known differences of other recordings.
    for _ in 0..2 {
        assert_ne!(parity(&args).status.code(), Some(2));
    }
    Ran {
        _dir: dir,
        report,
        junit,
        history,
    }
}

#[test]
fn reports_and_histories_fit_their_schemas() {
    let ran = ran();
    let report = json(&ran.report);
    assert_eq!(faults("report.schema.json", &report), [""; 0]);
    assert_eq!(report["date"], "2026-11-28");
    assert_eq!(report["builds"]["10.0-x86_64"].as_array().unwrap().len(), 1);
    let mut odd = report.clone();
    odd["entries"][0]["verdict"] = json!("splendid");
    assert!(!faults("report.schema.json", &odd).is_empty());

    let kept = root().join("parity/history.jsonl");
    let text = std::fs::read_to_string(&ran.history).unwrap();
    assert_eq!(text.lines().count(), 2);
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(!kept.is_empty());
    for line in text.lines().chain(kept.lines()) {
        let mut run: Value = serde_json::from_str(line).unwrap();
        assert_eq!(faults("history.schema.json", &run), [""; 0]);
        run["format"] = json!(2);
        assert!(!faults("history.schema.json", &run).is_empty());
    }
    fits_junit(&ran.junit);
}

/// Asks xmllint, where it is installed.
fn fits_junit(path: &Path) {
    let schema = root().join("docs/junit.xsd");
    let lint = |path: &Path| {
        let mut xmllint = Command::new("xmllint");
        xmllint
            .args(["--noout", "--schema"])
            .arg(&schema)
            .arg(path)
            .output()
    };
    let Ok(said) = lint(path) else {
        let _ = writeln!(
            std::io::stderr(),
            "docs/junit.xsd skipped: no xmllint on PATH"
        );
        return;
    };
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let odd = std::fs::read_to_string(path).unwrap();
    let odd = odd.replacen("<testcase ", "<testcase odd=\"1\" ", 1);
    let broken = path.with_extension("odd.xml");
    std::fs::write(&broken, odd).unwrap();
    assert!(!lint(&broken).unwrap().status.success());
}

#[test]
fn gaps_fit_their_schema() {
    let ran = parity(&["gaps", "--json"]);
    let gaps: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(faults("gaps.schema.json", &gaps), [""; 0]);
    assert!(gaps.as_array().unwrap().len() > 30);
    assert!(!faults("gaps.schema.json", &json!([{"name": "x"}])).is_empty());
}

#[test]
fn exit_codes_are_as_they_are_documented() {
    let docs = std::fs::read_to_string(root().join("docs/parity.md")).unwrap();
    let code = |args: &[&str]| parity(args).status.code().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let tree = empty.path().to_str().unwrap();
    let told = [
        (0, code(&["status"])),
        (1, {
            let text = "    {\n .name = \"odd\",\n .args_type = \"\",\n },\n";
            for (name, text) in [
                ("VERSION", "10.0.0"),
                ("hmp-commands.hx", text),
                ("hmp-commands-info.hx", ""),
            ] {
                std::fs::write(empty.path().join(name), text).unwrap();
            }
            code(&["hx", "check", tree])
        }),
        (2, code(&["hx", "check", "no such tree"])),
        // The tree above has no schema.
        (2, code(&["schema", "diff", tree, "10.0-x86_64"])),
        (0, code(&["schema", "diff", "10.0-x86_64", "10.0-x86_64"])),
        (2, code(&["run", "--history", "x"])),
        (2, code(&["gaps", "--qapi", "Cargo.toml"])),
    ];
    for (documented, seen) in told {
        assert_eq!(documented, seen);
        assert!(docs.contains(&format!("| {documented} | ")), "{documented}");
    }
}
