// SPDX-License-Identifier: GPL-2.0-or-later
//! The connection is cut at every request of commands that take several steps: what may be left is
//! told, the next connection lists it, and `--end-jobs` ends it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use crate::common::peer::GREETING;
use crate::common::program::{Ran, hmp, run};
use hmp::client::frame::{Framer, Limits};
use rstest::rstest;
use serde_json::{Value, json};

/// As much of a QEMU as these commands see: one qcow2 disk on a base image, jobs, a migration.
#[derive(Default)]
struct Model {
    jobs: Vec<(String, &'static str, &'static str)>,
    snapshots: Vec<String>,
    migrating: bool,
    looks: usize,
    /// The requests that were carried out, in their order.
    done: Vec<String>,
}

impl Model {
    fn new() -> Self {
        Self {
            snapshots: vec!["old".into()],
            ..Self::default()
        }
    }

    fn begin(&mut self, id: &Value, kind: &'static str, status: &'static str) -> Value {
        self.jobs
            .push((id.as_str().unwrap().to_owned(), kind, status));
        json!({})
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Value {
        self.done.push(command.to_owned());
        let text = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
        match command {
            "query-version" => json!({"qemu": {"major": 11, "minor": 1, "micro": 0}}),
            "query-commands" => COMMANDS.iter().map(|name| json!({"name": name})).collect(),
            "query-target" => json!({"arch": "x86_64"}),
            "query-block" => json!([{"device": "disk0", "inserted": {"node-name": "n0"}}]),
            "query-named-block-nodes" => {
                let snapshot = |name: &String| {
                    json!({"id": "1", "name": name, "vm-state-size": 1, "date-sec": 0, "date-nsec": 0,
                        "vm-clock-sec": 0, "vm-clock-nsec": 0})
                };
                let snapshots: Vec<_> = self.snapshots.iter().map(snapshot).collect();
                json!([
                    {"node-name": "n0", "drv": "qcow2", "ro": false, "image": {"snapshots": snapshots},
                        "children": [{"child": "backing", "node-name": "b0"}]},
                    {"node-name": "b0", "drv": "qcow2", "ro": true, "image": {}, "children": []},
                ])
            }
            "query-jobs" => {
                let job = |(id, kind, status): &(String, &str, &str)| json!({"id": id, "type": kind, "status": status});
                self.jobs.iter().map(job).collect()
            }
            "query-migrate" => {
                self.looks += usize::from(self.migrating);
                match (self.migrating, self.looks) {
                    (false, _) => json!({}),
                    (true, 1) => json!({"status": "active"}),
                    (true, _) => json!({"status": "completed"}),
                }
            }
            "snapshot-save" => {
                self.snapshots.push(text("tag"));
                self.begin(&arguments["job-id"], "snapshot-save", "concluded")
            }
            "snapshot-load" => self.begin(&arguments["job-id"], "snapshot-load", "concluded"),
            "snapshot-delete" => {
                self.snapshots.retain(|name| *name != text("tag"));
                self.begin(&arguments["job-id"], "snapshot-delete", "concluded")
            }
            "block-commit" => self.begin(&arguments["job-id"], "commit", "ready"),
            "block-job-cancel" | "job-cancel" => {
                let name = text(if command == "job-cancel" {
                    "id"
                } else {
                    "device"
                });
                for job in self.jobs.iter_mut().filter(|job| job.0 == name) {
                    job.2 = "concluded";
                }
                json!({})
            }
            "job-dismiss" => {
                self.jobs.retain(|job| job.0 != text("id"));
                json!({})
            }
            "drive-mirror" => self.begin(&arguments["device"], "mirror", "running"),
            "drive-backup" => self.begin(&arguments["device"], "backup", "running"),
            "migrate" => {
                self.migrating = true;
                json!({})
            }
            _ => json!([]),
        }
    }
}

const COMMANDS: &[&str] = &[
    "block-commit",
    "block-job-cancel",
    "drive-backup",
    "drive-mirror",
    "job-cancel",
    "job-dismiss",
    "migrate",
    "query-block",
    "query-jobs",
    "query-migrate",
    "query-named-block-nodes",
    "snapshot-delete",
    "snapshot-load",
    "snapshot-save",
];

/// How many requests belong to connecting: commands, target, and three after what programs
/// that are gone left.
const CONNECTING: usize = 5;

/// Where to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    /// Instead of carrying out the request of this number.
    Before(usize),
    /// Instead of answering it.
    After(usize),
}

/// Serves one connection. Requests are counted from the one behind the negotiation.
fn serve(mut stream: UnixStream, model: &Mutex<Model>, cut: Cut) {
    stream.write_all(GREETING.as_bytes()).unwrap();
    let mut framer = Framer::new(Limits::default());
    let mut chunk = [0; 4096];
    let mut number = 0;
    loop {
        while let Some(frame) = framer.next_frame().unwrap() {
            let request: Value = frame.parse().unwrap();
            let command = request["execute"].as_str().unwrap();
            let mut result = json!({});
            if command != "qmp_capabilities" {
                number += 1;
                if cut == Cut::Before(number) {
                    return;
                }
                result = model
                    .lock()
                    .unwrap()
                    .execute(command, &request["arguments"]);
                if cut == Cut::After(number) {
                    return;
                }
            }
            let reply = json!({"return": result, "id": request["id"]});
            if stream.write_all(format!("{reply}\r\n").as_bytes()).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => framer.push(&chunk[..count]),
        }
    }
}

/// Runs `hmp` with these arguments on the model.
fn connect(model: &Arc<Mutex<Model>>, cut: Cut, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("q")).unwrap();
    let served = model.clone();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        serve(stream, &served, cut);
    });
    let ran = run(hmp()
        .arg(folder.path().join("q"))
        .arg("--native-only")
        .args(arguments));
    thread.join().unwrap();
    ran
}

/// What the user must be told when the connection is cut while the model is in this state.
fn owed(model: &Model) -> Vec<String> {
    let mut owed: Vec<String> = model.jobs.iter().map(|job| job.0.clone()).collect();
    if model.migrating && model.looks < 2 {
        owed.push("migrate_cancel".into());
    }
    if model.snapshots.is_empty() && model.done.iter().any(|c| c == "query-migrate") {
        owed.push("'old'".into());
    }
    owed
}

#[rstest]
#[case("savevm new")]
#[case("savevm old")]
#[case("loadvm old")]
#[case("delvm old")]
#[case("commit disk0")]
#[case("commit all")]
#[case("drive_mirror disk0 /tmp/target")]
#[case("drive_backup disk0 /tmp/target")]
#[case("migrate tcp:127.0.0.1:4444")]
#[case("migrate -d tcp:127.0.0.1:4444")]
fn nothing_is_left_untold(#[case] line: &str) {
    for cut in [Cut::Before as fn(usize) -> Cut, Cut::After] {
        let mut number = 1;
        loop {
            assert!(number < 100, "{line} does not end");
            let model = Arc::new(Mutex::new(Model::new()));
            let ran = connect(&model, cut(number), &["-c", line]);
            let place = format!("{line}, {:?}: {ran:?}", cut(number));
            if ran.code == Some(0) {
                assert_eq!(ran.stderr, "", "{place}");
                assert!(
                    number > CONNECTING + 2,
                    "{place}: fewer requests than connecting needs"
                );
                break;
            }
            let code = if number > CONNECTING { 4 } else { 3 };
            assert_eq!(ran.code, Some(code), "{place}");
            assert!(ran.stderr.contains("lost"), "{place}");
            for word in owed(&model.lock().unwrap()) {
                assert!(ran.stderr.contains(&word), "{place}: nothing of {word}");
            }
            comes_clean(&model, &place);
            number += 1;
        }
    }
}

/// The next connection lists what is left of our name; `--end-jobs` ends that and nothing else.
fn comes_clean(model: &Arc<Mutex<Model>>, place: &str) {
    let names = || -> Vec<String> {
        let model = model.lock().unwrap();
        model.jobs.iter().map(|job| job.0.clone()).collect()
    };
    let (ours, others): (Vec<_>, Vec<_>) =
        names().into_iter().partition(|id| id.starts_with("hmp-"));
    let next = connect(model, Cut::Never, &["-c", "help quit"]);
    assert_eq!(next.stderr.lines().count(), ours.len(), "{place}: {next:?}");
    for id in &ours {
        assert!(next.stderr.contains(id.as_str()), "{place}: {next:?}");
        assert!(next.stderr.contains("--end-jobs"), "{place}: {next:?}");
    }
    let end = connect(model, Cut::Never, &["--end-jobs"]);
    assert_eq!(end.code, Some(0), "{place}: {end:?}");
    assert_eq!(end.stdout.lines().count(), ours.len(), "{place}: {end:?}");
    assert_eq!(names(), others, "{place}");
}

#[test]
fn what_does_not_end_is_told() {
    let model = Arc::new(Mutex::new(Model::new()));
    let job = ("hmp-commit".to_owned(), "commit", "running");
    model.lock().unwrap().jobs.push(job);
    let ran = connect(&model, Cut::After(CONNECTING + 1), &["--end-jobs"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("connection to QEMU lost"), "{ran:?}");
    let ran = connect(&model, Cut::Never, &["--end-jobs"]);
    assert_eq!(
        ran.stdout,
        "the job hmp-commit (commit, running): cleared away\n"
    );
    assert_eq!(ran.code, Some(0));
}
