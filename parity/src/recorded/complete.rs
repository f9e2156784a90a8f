// SPDX-License-Identifier: GPL-2.0-or-later
//! Completions of the built-in that were recorded, beside the QMP session that ours takes for the
//! same.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use hmp::client::Client;
use hmp::host::files::Place;
use hmp_engine::qmp::Qmp;
use mock_qmp::record::{Proxy, Recorder};
use mock_qmp::{MockQmp, Mode, Recording};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::{DIR, folder_name, machine, relayed, through};
use crate::case::Prefixes;
use crate::case::recordings::{self, RecordingsError};
use crate::judge::{Completed, KnownList, Tab};
use crate::live::complete::Random;
use crate::live::prefixes::generated;
use crate::live::programs::Program;
use crate::live::vm::{Vm, VmError, in_dir};
use crate::live::{engine, tabs};

/// The topic's name.
const TOPIC: &str = "completion";

/// What the built-in did with a prefix; one a line, as JSON, in `completion.tab` beside
/// `completion.qmp`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    prefix: String,
    tabs: [Tab; 2],
}

/// Records the prefixes of `list`, and random ones, on `qemu` as a topic of a folder below `out`; returns the folder.
pub async fn record(
    list: &Prefixes,
    random: Random,
    program: &Program,
    out: &Path,
) -> Result<PathBuf, VmError> {
    let failed = |e: &dyn std::fmt::Display| VmError::Failed(e.to_string());
    let mut vm = Vm::start_in(&list.vm, program, Path::new(DIR)).await?;
    list.make_files(vm.dir())?;
    tabs::load_modules(&vm.aux).await?;
    let machine = machine(&list.vm, program);
    let folder = out.join(folder_name(&list.vm, program));
    let mut recorder = Recorder::create(folder.clone(), machine, TOPIC).map_err(|e| failed(&e))?;
    if let Ok(schema) = vm.aux.execute("query-qmp-schema", Value::Null).await {
        let schema = schema.to_string();
        recorder.schema(&schema).map_err(|e| failed(&e))?;
    }
    let recorder = Proxy::new(recorder);
    let (client, passing) = through(&recorder, &vm).await?;
    let mut monitor = engine::native(client.clone()).await?;

    // They are made on a connection of their own, which is not recorded.
    let mut unrecorded = engine::native(vm.aux.clone()).await?;
    let more = generated(&mut unrecorded, random.seed, random.count).await;
    let mut text = String::new();
    for prefix in list.prefixes.iter().chain(&more) {
        let line = vm.fill(prefix);
        let tabs = vm.builtin.tab(&line).await?;
        let ours = tabs::ours(&mut monitor, &line, &vm.place())
            .await
            .map_err(|panic| VmError::Failed(format!("completion panicked: {panic}")))?;
        // What else lies about is another matter in a replay.
        let mut listed = ours.tabs.iter().flat_map(|tab| &tab.list);
        let in_dir = prefix.contains("{dir}/") && listed.all(|word| word.contains(DIR));
        if ours.files && !in_dir {
            continue;
        }
        let recorded = Recorded {
            prefix: prefix.clone(),
            tabs: tabs.map(|tab| tab.replaced(DIR, "{dir}")),
        };
        let json = serde_json::to_string(&recorded).map_err(|e| failed(&e))?;
        // Writing to a string can't fail.
        let _ = writeln!(text, "{json}");
    }
    drop((monitor, client));
    // The proxy ends with the client.
    let _ = passing.await;
    recorder.recorder().finish().map_err(|e| failed(&e))?;
    std::fs::write(folder.join(TOPIC).with_extension("tab"), text)?;
    vm.end().await;
    Ok(folder)
}

/// Completes the recorded prefixes of one file by our engine on the mock.
pub async fn offline(
    path: &Path,
    list: &Prefixes,
    known: &mut KnownList,
) -> Result<Vec<Completed>, RecordingsError> {
    let broken = |e: &dyn std::fmt::Display| {
        RecordingsError::Broken(path.display().to_string(), e.to_string())
    };
    let io = |e| RecordingsError::Io(path.to_owned(), e);
    let recording = Recording::load(path.with_extension("qmp")).map_err(|e| broken(&e))?;
    let qemu = recordings::qemu(&recording);
    let mock = MockQmp::from_recording(recording).mode(Mode::Strict);
    let (server, stream) = mock.serve_in_memory().map_err(io)?;
    let (client, _) = Client::from_unix(stream, &relayed())
        .await
        .map_err(|e| broken(&e))?;
    let mut monitor = engine::native(client).await.map_err(|e| broken(&e))?;
    // Files that candidates are taken from are of this machine.
    let files = tempfile::tempdir().map_err(io)?;
    list.make_files(files.path()).map_err(io)?;
    for disk in &list.vm.disks {
        std::fs::write(files.path().join(&disk.file), "").map_err(io)?;
    }
    let dir = files.path().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for line in std::fs::read_to_string(path).map_err(io)?.lines() {
        let recorded: Recorded = serde_json::from_str(line).map_err(|e| broken(&e))?;
        let text = in_dir(&recorded.prefix, files.path());
        let place = Place::working_in(files.path().to_owned());
        let ours = tabs::ours(&mut monitor, &text, &place).await;
        let builtin = recorded.tabs.map(|tab| tab.replaced("{dir}", &dir));
        found.push(Completed::of(&qemu, &recorded.prefix, &builtin, ours, &dir));
    }
    known.excuse(&mut found);
    drop(monitor);
    if let Err(leftovers) = server.finish()
        && let Some(unknown) = leftovers.unmatched.first()
    {
        return Err(broken(&format!(
            "the recording does not hold {}: {}",
            unknown.request, unknown.problem
        )));
    }
    Ok(found)
}
