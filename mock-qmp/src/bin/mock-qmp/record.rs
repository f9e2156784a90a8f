// SPDX-License-Identifier: GPL-2.0-or-later
//! Records what passes between clients and a QEMU.

use std::process::ExitCode;

use mock_qmp::record::{Proxy, Recorder, probe, record as put_through};
use mock_qmp::{MockQmp, Mode, MonitorOptions, Recording, RecordingError};

use crate::options::{Record, RecordMode};
use crate::signals::Interrupts;
use crate::{Outcome, runtime, serve};

pub fn record(options: Record) -> Outcome {
    let mode = match options.overwrite {
        true => Some(RecordMode::Overwrite),
        false => options.mode,
    };
    let named = |error: std::io::Error| format!("{}: {error}", options.qemu);
    // What is there is answered without the QEMU that it came from.
    let once = mode == Some(RecordMode::Once);
    if let Some(file) = once.then(|| recorded(&options)).flatten() {
        println!("answering from {}", file.display());
        let mock = MockQmp::from_recording(Recording::load(&file)?).mode(Mode::FreeReads);
        let monitors = [(options.listen, MonitorOptions::default())];
        return serve::run(mock, &monitors, &[]);
    }
    let mut found = probe(&options.qemu).map_err(named)?;
    found.machine.variant.clone_from(&options.variant);
    let folder = options.output.join(found.machine.folder_name());
    let create = match mode {
        Some(RecordMode::Overwrite) => Recorder::create,
        Some(RecordMode::Append) => Recorder::append,
        _ => Recorder::create_new,
    };
    let mut recorder = match create(folder.clone(), found.machine, &options.topic) {
        Err(error @ RecordingError::Exists { .. }) => {
            return Err(format!("{error}; --overwrite replaces it").into());
        }
        other => other?,
    };
    recorder.schema(&found.schema)?;
    recorder.keep_content(options.content);
    recorder.hide(options.secret);
    let proxy = Proxy::new(recorder);
    runtime()?.block_on(async {
        let mut interrupts = Interrupts::new()?;
        println!(
            "recording into {}; clients connect to {}",
            folder.display(),
            options.listen
        );
        let result = tokio::select! {
            result = put_through(&options.listen, &options.qemu, &proxy, options.clients) => result,
            () = interrupts.wait() => Ok(()),
        };
        let mut recorder = proxy.recorder();
        if recorder.is_empty() {
            recorder.discard()?;
            result?;
            println!("no client came: nothing is recorded");
            return Ok(ExitCode::SUCCESS);
        }
        recorder.finish()?;
        result?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The recorded topic of this name, if there is exactly one below the output folder.
fn recorded(options: &Record) -> Option<std::path::PathBuf> {
    let folders = std::fs::read_dir(&options.output).ok()?;
    let suffix = match options.variant.as_str() {
        "" => String::new(),
        variant => format!("+{variant}"),
    };
    let files = folders.filter_map(|folder| {
        let folder = folder.ok()?;
        let name = folder.file_name().into_string().ok()?;
        let variant = name.find('+').map_or("", |at| &name[at..]);
        let file = folder.path().join(format!("{}.qmp", options.topic));
        (variant == suffix && file.exists()).then_some(file)
    });
    let files: Vec<_> = files.collect();
    match files.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}
