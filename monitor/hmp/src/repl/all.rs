// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines on all running QEMUs of this user at once, an answer with a header for each.

use std::fmt::Write;
use std::sync::Arc;

use hmp_engine::engine::{Monitor, Outcome};
use serde_json::json;

use crate::client::{Client, Options as Connecting};
use crate::discover::{Vm, discover};
use crate::host::Unattended;
use crate::repl::exit::Exit;
use crate::repl::list::{described, field};
use crate::repl::options::{Form, Options};
use crate::repl::screen::{Screen, say};

/// Runs the lines on each; those that a manager keeps to itself, and other users', are left out.
pub(super) async fn lines(options: &Options, lines: &[String]) -> Exit {
    let mut asked = Vec::new();
    for vm in discover() {
        match vm.best().filter(|_| vm.ours) {
            Some(socket) => {
                let address = socket.address.clone();
                let work = one(address, options, lines.to_vec());
                asked.push((described(&vm), tokio::spawn(work)));
            }
            None => say(&format!("left out: {}{}", described(&vm), why(&vm))),
        }
    }
    if asked.is_empty() {
        say("there is no running QEMU of yours with a QMP socket");
        return Exit::Unconnected;
    }
    let mut screen = Screen::stdout();
    let mut exit = Exit::Success;
    for (name, work) in asked {
        let (text, ended) = match work.await {
            Ok(answer) => answer,
            Err(error) => (format!("hmp: {error}\n"), Exit::Failed),
        };
        if options.form == Form::Text {
            let _ = writeln!(screen, "== {name}");
        }
        let _ = screen.write_str(&text);
        screen.fresh_line();
        screen.end_answer(options.null);
        if exit == Exit::Success {
            exit = ended;
        }
    }
    screen.end(exit)
}

fn why(vm: &Vm) -> String {
    match vm.sockets.iter().find_map(|socket| socket.manager) {
        Some(manager) => format!(", which {manager} manages"),
        None if vm.ours => ", which has no QMP socket".to_owned(),
        None => String::new(),
    }
}

/// What one QEMU answers, and how that went.
fn one(
    address: crate::client::address::Address,
    options: &Options,
    lines: Vec<String>,
) -> impl Future<Output = (String, Exit)> + Send + use<> {
    let patience = Connecting::default().connect_timeout;
    let connecting = Connecting {
        wait: options.wait,
        // One that does not answer holds up the others' answers.
        connect_timeout: options
            .timeout
            .map_or(patience, |limit| limit.min(patience)),
        command_timeout: options.timeout,
        ..Connecting::default()
    };
    let (passthrough, allow, form) = (options.passthrough, options.allow, options.form);
    async move {
        let lost = |error: &dyn std::fmt::Display| {
            let text = field(&error.to_string());
            (format!("hmp: {address}: {text}\n"), Exit::Unconnected)
        };
        let client = match Client::connect(&address, &connecting).await {
            Ok((client, _events)) => client,
            Err(error) => return lost(&error),
        };
        let building = Monitor::builder(Arc::new(client))
            .host(Arc::new(Unattended))
            .passthrough(passthrough)
            .allow(allow)
            .patience(connecting.command_timeout)
            .keep_replies(form == Form::Json)
            .build();
        let mut monitor = match building.await {
            Ok(monitor) => monitor,
            Err(error) => return lost(&error),
        };
        let (mut text, mut exit) = (String::new(), Exit::Success);
        for line in &lines {
            if form == Form::Plan {
                let _ = writeln!(text, "{}", json!(monitor.explain(line)));
                continue;
            }
            let mut answer = String::new();
            let ran = monitor.run_line(line, &mut answer).await;
            if form == Form::Json {
                let mut object = json!(ran);
                object["line"] = line.as_str().into();
                object["text"] = answer.into();
                object["vm"] = address.to_string().into();
                let _ = writeln!(text, "{object}");
            } else {
                text.push_str(&answer);
                text.push_str(&ran.shown_notes());
            }
            match ran.outcome {
                Outcome::Done => {}
                Outcome::Failed => exit = Exit::Failed,
                Outcome::Quit => break,
                Outcome::Disconnected(error) => {
                    let _ = writeln!(text, "hmp: {}", field(&error.to_string()));
                    return (text, Exit::Lost);
                }
            }
        }
        (text, exit)
    }
}
