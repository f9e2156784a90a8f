//! Completions of the built-in that were recorded, beside the QMP session that ours takes for the same.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use mock_qmp::record::{Proxy, Recorder};
use mock_qmp::{MockQmp, Mode, Recording};
use monitor::qmp::Qmp;
use monitor::qmp::client::{Client, Options};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::judge::known::KnownList;
use crate::live::complete::{self, Completed, Prefixes, Tab};
use crate::live::qemu::Qemu;
use crate::live::vm::{Vm, VmError};
use crate::recorded::record;
use crate::recorded::run::OfflineError;

/// The topic's name.
const TOPIC: &str = "completion";

/// What the built-in did with a prefix; one a line, as JSON, in `completion.tab` beside `completion.qmp`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    prefix: String,
    tabs: [Tab; 2],
}

/// Records the prefixes of `list` on `qemu` as a topic of a folder below `out`; returns the folder.
pub async fn record(list: &Prefixes, qemu: &Qemu, out: &Path) -> Result<PathBuf, VmError> {
    let failed = |e: &dyn std::fmt::Display| VmError::Failed(e.to_string());
    let mut vm = Vm::start_in(&list.vm, qemu, Path::new(record::DIR)).await?;
    list.make_files(vm.dir())?;
    complete::load_modules(&vm.aux).await?;
    let machine = record::machine(&list.vm, qemu);
    let folder = out.join(record::folder_name(&list.vm, qemu));
    let mut recorder = Recorder::create(folder.clone(), machine, TOPIC).map_err(|e| failed(&e))?;
    if let Ok(schema) = vm.aux.execute("query-qmp-schema", Value::Null).await {
        let schema = schema.to_string();
        recorder.schema(&schema).map_err(|e| failed(&e))?;
    }
    let recorder = Proxy::new(recorder);
    let (client, passing) = record::through(&recorder, &vm).await?;
    let mut monitor = complete::monitor(client.clone()).await?;

    let mut text = String::new();
    for prefix in &list.prefixes {
        let line = vm.fill(prefix);
        let tabs = vm.builtin.tab(&line).await?;
        complete::ours(&mut monitor, &line).await;
        let recorded = Recorded {
            prefix: prefix.clone(),
            tabs: tabs.map(|tab| Tab {
                line: tab.line.replace(record::DIR, "{dir}"),
                list: tab
                    .list
                    .iter()
                    .map(|w| w.replace(record::DIR, "{dir}"))
                    .collect(),
            }),
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

/// The files with recorded completions below `path`, sorted; there may be none.
pub fn recordings(path: &Path) -> Result<Vec<PathBuf>, OfflineError> {
    match crate::recorded::run::files(path, "tab") {
        Err(OfflineError::Empty(_)) => Ok(Vec::new()),
        found => found,
    }
}

/// Completes the recorded prefixes of one file by our engine on the mock.
pub async fn offline(
    path: &Path,
    list: &Prefixes,
    known: &mut KnownList,
) -> Result<Vec<Completed>, OfflineError> {
    let broken =
        |e: &dyn std::fmt::Display| OfflineError::Broken(path.display().to_string(), e.to_string());
    let io = |e| OfflineError::Io(path.to_owned(), e);
    let recording = Recording::load(path.with_extension("qmp")).map_err(|e| broken(&e))?;
    let qemu = crate::recorded::run::label(&recording);
    let mock = MockQmp::from_recording(recording).mode(Mode::Strict);
    let (server, stream) = mock.serve_in_memory().map_err(io)?;
    let (client, _) = Client::from_unix(stream, &Options::default())
        .await
        .map_err(|e| broken(&e))?;
    let mut monitor = complete::monitor(client).await.map_err(|e| broken(&e))?;
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
        let text = complete::fill(&recorded.prefix, files.path());
        let ours = complete::ours(&mut monitor, &text).await;
        let tabs = recorded.tabs.map(|tab| Tab {
            line: tab.line.replace("{dir}", &dir),
            list: tab.list.iter().map(|w| w.replace("{dir}", &dir)).collect(),
        });
        found.push(complete::judge(
            qemu.clone(),
            &recorded.prefix,
            tabs,
            ours,
            &dir,
        ));
    }
    complete::excuse(&mut found, known);
    drop(monitor);
    if let Err(leftovers) = server.finish().await
        && let Some(unknown) = leftovers.unmatched.first()
    {
        return Err(broken(&format!(
            "the recording does not hold {}: {}",
            unknown.request, unknown.problem
        )));
    }
    Ok(found)
}
