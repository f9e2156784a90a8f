// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers from a recording or a script.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use mock_qmp::core::shutdown;
use mock_qmp::record::{Appended, Upstream};
use mock_qmp::recording::locate;
use mock_qmp::{
    Address, Leftovers, MockQmp, Mode, MonitorOptions, Recording, ScriptFile, Server, Timestamps,
};

use crate::options::{Serve, TimestampChoice};
use crate::report::Report;
use crate::signals::Interrupts;
use crate::{Outcome, runtime};

/// How often it is looked whether the report has changed.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

pub fn serve(options: Box<Serve>) -> Outcome {
    let reports = Report::read(&options.report)?;
    let control = match &options.control {
        Some(Address::Unix(path)) => Some(path.clone()),
        None => None,
        Some(other) => return Err(format!("{other}: control is on a Unix socket").into()),
    };
    let plain = options.listen.iter().map(|address| (address, false));
    let pretty = options.listen_pretty.iter().map(|address| (address, true));
    let monitors = plain.chain(pretty);
    let monitors: Vec<_> = monitors
        .map(|(address, pretty)| (address.clone(), MonitorOptions { pretty }))
        .collect();
    let (mock, appended) = mock(*options, control)?;
    let outcome = run(mock, &monitors, &reports);
    if let Some(appended) = appended {
        match appended.finish()? {
            Some(file) => println!("recorded into {}", file.display()),
            None => println!("nothing was asked that is not recorded"),
        }
    }
    outcome
}

/// Serves until the machine ends or somebody interrupts it.
pub fn run(mock: MockQmp, monitors: &[(Address, MonitorOptions)], reports: &[Report]) -> Outcome {
    runtime()?.block_on(async {
        let mut interrupts = Interrupts::new()?;
        let server = mock.serve_monitors(monitors)?;
        for address in server.addresses() {
            println!("listening on {address}");
        }
        tokio::select! {
            () = server.ended() => {}
            error = keep_writing(&server, reports) => return Err(error),
            () = interrupts.wait() => {
                server.end(serde_json::from_str(&shutdown("host-signal")).ok().as_ref());
                server.ended().await;
            }
        }
        let result = server.finish();
        for report in reports {
            report.write(result.as_ref().err().unwrap_or(&Leftovers::default()))?;
        }
        Ok(match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(leftovers) => {
                eprintln!("{leftovers}");
                ExitCode::FAILURE
            }
        })
    })
}

/// Writes the reports whenever it changes; returns what keeps one from being written.
async fn keep_writing(server: &Server, reports: &[Report]) -> Box<dyn std::error::Error> {
    if reports.is_empty() {
        return std::future::pending().await;
    }
    let mut written = None;
    loop {
        let leftovers = server.leftovers();
        if written.as_ref() != Some(&leftovers) {
            for report in reports {
                if let Err(error) = report.write(&leftovers) {
                    return error;
                }
            }
            written = Some(leftovers);
        }
        tokio::time::sleep(REPORT_INTERVAL).await;
    }
}

type Prepared = Result<(MockQmp, Option<Appended>), Box<dyn std::error::Error>>;

fn mock(options: Serve, control: Option<PathBuf>) -> Prepared {
    let script = options.script.map(ScriptFile::load).transpose()?;
    let (mut upstream, mut appended) = (None, None);
    let mut mock = match (options.recording, script) {
        (Some(path), script) => {
            let path = locate(&path);
            let recording = Recording::load_machine(&path)?;
            upstream = match &options.upstream {
                None => None,
                Some(address) if options.record => Some(Upstream::connect_and_record(
                    address,
                    &recording,
                    &path,
                    options.secret,
                )?),
                Some(address) => Some(Upstream::connect(address, &recording)?),
            };
            let mock = MockQmp::from_recording(recording);
            match script {
                Some(script) => mock.script(script),
                None => mock,
            }
        }
        (None, Some(script)) => MockQmp::from_script(script)?,
        (None, None) => return Err("neither a recording nor a script".into()),
    };
    mock = mock
        .mode(if options.strict {
            Mode::Strict
        } else {
            options.mode.into()
        })
        .timing(options.timing.into())
        .timestamps(match options.timestamps {
            TimestampChoice::Now => Timestamps::Now,
            TimestampChoice::Recorded => Timestamps::Recorded,
        })
        .repeat(options.repeat)
        .seed(options.seed);
    if let Some(files) = options.files {
        mock = mock.files(files);
    }
    if let Some(path) = control {
        mock = mock.control(path);
    }
    for (recorded, here) in &options.map {
        mock = mock.map(recorded, here);
    }
    if let Some(upstream) = upstream {
        appended = upstream.appended();
        mock = mock.upstream(upstream);
    }
    mock = options.ignore.into_iter().fold(mock, MockQmp::ignore);
    Ok((
        options.fault.into_iter().fold(mock, MockQmp::fault),
        appended,
    ))
}
