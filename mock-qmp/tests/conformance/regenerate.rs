// SPDX-License-Identifier: GPL-2.0-or-later
//! Makes the recordings that the mock plays in the cases, from real QEMUs: `HMP_REGENERATE=1 cargo
//! test -p mock-qmp --test conformance_live`. Never part of a test run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use mock_qmp::json::{Dialect, Parser, Value};
use mock_qmp::record::{Proxy, Recorder, probe, proxy};
use mock_qmp::schema::changes_state;

use crate::case::Case;
use crate::live_target::LiveTarget;
use crate::run::Target as _;

/// Records what the cases ask, once for each state of the machine.
pub fn record(qemu: &Path, version: &str, cases: &[Case]) {
    for vm in ["prelaunch", "running", "paused", "preconfig"] {
        let mut target = LiveTarget::start(qemu, vm);
        let address = format!("unix:{}/q2.sock", target.folder().display())
            .parse()
            .unwrap();
        let folder = crate::place::folder(version, vm);
        let mut machine = probe(&address)
            .map(|probe| probe.machine)
            .unwrap_or_else(|error| panic!("{error}"));
        let place = target.folder().to_string_lossy().into_owned();
        machine
            .arguments
            .iter_mut()
            .for_each(|word| *word = word.replace(&place, "/tmp/vm"));
        machine.machine = "q35".to_owned();
        machine.arch = "x86_64".to_owned();
        let mut recorder = Recorder::create(&folder, machine, vm).unwrap();
        recorder.note("made of the conformance cases, see regenerate.rs");
        let recorder = Proxy::new(recorder);
        let (client, server) = UnixStream::pair().unwrap();
        let monitor = target.connect("A");
        let shared = recorder.clone();
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(proxy(server, monitor, &shared)).unwrap();
        });
        play(client, &requests(vm, cases, &target.folder()));
        running.join().unwrap();
        recorder.recorder().finish().unwrap();
    }
}

/// What the cases for this machine ask, those that only look first, so that they are answered as of
/// the start.
fn requests(vm: &str, cases: &[Case], folder: &Path) -> Vec<String> {
    let mut looking = vec![
        "{\"execute\":\"query-status\"}".to_owned(),
        "{\"execute\":\"query-qmp-schema\"}".to_owned(),
    ];
    let mut changing = Vec::new();
    for case in cases
        .iter()
        .filter(|case| crate::place::topic(&case.vm) == vm && case.patience.is_none())
    {
        for text in case.steps.iter().filter_map(|step| step.send.as_ref()) {
            let mut parser = Parser::new(Dialect::Old);
            let mut found = Vec::new();
            let bytes = text.bytes();
            for &byte in bytes.iter().take(10_000) {
                parser.feed(byte, &mut |value| found.extend(value.ok()));
            }
            for request in found {
                let Some((command, text)) = request_text(&request) else {
                    continue;
                };
                let arguments = request
                    .get("arguments")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default();
                let text = text.replace("@DIR@", &folder.to_string_lossy());
                let list = if changes_state(&command, &arguments) || vm == "preconfig" {
                    &mut changing
                } else {
                    &mut looking
                };
                if vm != "prelaunch" || !list.contains(&text) {
                    list.push(text);
                }
                // Each state that a case reaches is looked at.
                if changes_state(&command, &arguments)
                    && ["cont", "stop"].contains(&command.as_str())
                {
                    changing.push("{\"execute\":\"query-status\"}".to_owned());
                }
            }
        }
    }
    looking.dedup();
    looking.extend(changing);
    looking
}

/// The request without its id, if it is one that a recording can hold.
fn request_text(request: &Value) -> Option<(String, String)> {
    let mut members = request.as_object()?.clone();
    members.shift_remove("id");
    let command = members.get("execute")?.as_str()?.to_owned();
    let quits = request
        .get("arguments")
        .and_then(|arguments| arguments.get("command-line")?.as_str())
        == Some("quit");
    if members
        .keys()
        .any(|key| key != "execute" && key != "arguments")
        || command == "qmp_capabilities"
        || quits
        || command == "quit"
    {
        return None;
    }
    Some((
        command,
        serde_json::Value::from(&Value::Object(members)).to_string(),
    ))
}

fn play(client: UnixStream, requests: &[String]) {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let negotiate = "{\"execute\":\"qmp_capabilities\"}".to_owned();
    for request in [&negotiate].into_iter().chain(requests) {
        reader.get_mut().write_all(request.as_bytes()).unwrap();
        line.clear();
        while !(line.starts_with("{\"return\"") || line.starts_with("{\"error\"")) {
            line.clear();
            assert!(
                reader.read_line(&mut line).unwrap() > 0,
                "QEMU ended in {request}"
            );
        }
        // Events of jobs come a little later.
        let wait = if request.contains("blockdev-create") {
            300
        } else {
            2
        };
        std::thread::sleep(std::time::Duration::from_millis(wait));
    }
}
