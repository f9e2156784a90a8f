// SPDX-License-Identifier: GPL-2.0-or-later
//! What is done with the files of recordings.

use std::process::ExitCode;

use mock_qmp::recording::locate;
use mock_qmp::{Recording, import as imports, recording, replay};

use crate::Outcome;
use crate::options::{Check, Import, Show};

pub fn check(options: &Check) -> Outcome {
    let mut code = ExitCode::SUCCESS;
    for path in &options.recordings {
        let path = &locate(path);
        let mut problems = recording::check(path)?;
        // A folder whose topics are each to be named is no machine.
        let machine = problems.is_empty().then(|| Recording::load_machine(path));
        if let Some(Ok(machine)) = machine {
            problems = replay::contradictions(&machine);
        }
        for problem in &problems {
            eprintln!("{problem}");
            code = ExitCode::FAILURE;
        }
        if problems.is_empty() {
            println!("{}: good", path.display());
        }
    }
    Ok(code)
}

pub fn show(options: &Show) -> Outcome {
    use std::io::Write as _;
    let text = Recording::load(locate(&options.recording))?.conversation(options.width);
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

pub fn import(options: &Import) -> Outcome {
    for file in &options.files {
        let folder = imports::libvirt(file, &options.output)?;
        println!("{}", folder.display());
    }
    Ok(ExitCode::SUCCESS)
}
