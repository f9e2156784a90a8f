// SPDX-License-Identifier: GPL-2.0-or-later
//! From options to an exit code.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::engine::Monitor;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::client::address::Address;
use crate::client::{self, Client, Events};
use crate::discover::discover;
use crate::repl::asker::Asker;
use crate::repl::editor::Editor;
use crate::repl::exit::Exit;
use crate::repl::history::{self, HistoryFile, Session};
use crate::repl::host::Program;
use crate::repl::options::{Form, Options, Target, Task};
use crate::repl::screen::{Screen, say};
use crate::repl::worker::Worker;
use crate::repl::{batch, choose, interactive, leftovers, lines, replay};
use crate::terminal::kind::is_plain;

/// How long QEMU may take to tell what it offers: without that no command can run, so this belongs
/// to connecting.
const FIRST_ANSWERS: Duration = Duration::from_secs(10);

/// Does what the options ask for. It needs a tokio runtime with I/O and time.
pub async fn run(options: Options) -> Exit {
    if options.task == Task::List {
        let mut screen = Screen::stdout();
        let _ = screen.write_str(&choose::list(&discover()));
        screen.end_answer(false);
        return Exit::Success;
    }
    let settings = client::Options {
        command_timeout: options.timeout,
        ..client::Options::default()
    };
    // Ends with the program, not before.
    let mut mock = None;
    let connected = match &options.target {
        Target::Recording(path) => match replay::connect(path, &settings).await {
            Ok((server, client, events)) => {
                mock = Some(server);
                Ok((client, events))
            }
            Err(text) => Err(text),
        },
        Target::Address(address) => to_address(address, &settings).await,
        Target::Discover => match choose::choose(&discover()) {
            Ok(address) => {
                say(&format!("using {address}"));
                to_address(&address, &settings).await
            }
            Err(text) => Err(text),
        },
    };
    let exit = match connected {
        Ok((client, events)) => start(options, client, events).await,
        Err(text) => {
            say(&text);
            Exit::Unconnected
        }
    };
    drop(mock);
    exit
}

async fn to_address(
    address: &Address,
    settings: &client::Options,
) -> Result<(Client, Events), String> {
    let connected = Client::connect(address, settings).await;
    connected.map_err(|error| format!("{address}: {error}"))
}

async fn start(options: Options, client: Client, events: Events) -> Exit {
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    let prompt = person && options.task == Task::Input;
    let plain = options.plain || is_plain(std::env::var("TERM").ok().as_deref());
    let kept = || HistoryFile::open(history::path(|name| std::env::var_os(name))?).ok();
    let mut editor = match prompt.then(|| Editor::start(plain, kept())).transpose() {
        Ok(editor) => editor,
        Err(error) => {
            say(&format!("can't start the line editor: {error}"));
            return Exit::Failed;
        }
    };
    let input = (options.task == Task::Input && !prompt).then(lines::stdin);
    let history = Arc::new(Session::default());
    let host = Program {
        descriptors: options.descriptors,
        asker: match &editor {
            Some(editor) => Asker::Prompt(editor.asker()),
            None if person => Asker::Terminal,
            None => match &input {
                Some(input) => Asker::Lines(input.clone()),
                None => Asker::Nobody,
            },
        },
        history: prompt.then(|| Arc::clone(&history)),
    };
    let host = Arc::new(host);
    let building = Monitor::builder(Arc::new(client.clone()))
        .host(host.clone())
        .passthrough(options.passthrough)
        .allow(options.allow)
        .build();
    let monitor = match timeout(FIRST_ANSWERS, building).await {
        Ok(Ok(monitor)) => monitor,
        Ok(Err(error)) => {
            say(&error.to_string());
            return Exit::Unconnected;
        }
        Err(_) => {
            let seconds = FIRST_ANSWERS.as_secs();
            say(&format!(
                "connected, but QEMU does not answer within {seconds} s; it may be busy or stuck"
            ));
            return Exit::Unconnected;
        }
    };
    let looks = matches!(options.task, Task::Lines(_) | Task::Input);
    if looks && options.form != Form::Plan && !matches!(options.target, Target::Recording(_)) {
        leftovers::tell(&client, monitor.caps()).await;
    }
    let mut worker = Worker {
        monitor,
        client,
        events,
        screen: Screen::stdout(),
        form: options.form,
        null: options.null,
        failed: false,
        shutdown: None,
    };
    match (options.task, &mut editor) {
        (Task::Lines(lines), _) => batch::lines(&mut worker, &lines).await,
        (Task::Complete(text), _) => batch::complete(&mut worker, &text).await,
        (Task::Input, Some(editor)) => match signal(SignalKind::interrupt()) {
            Ok(mut interrupts) => {
                let watching = match editor.watch() {
                    Ok(watch) => tokio::spawn(watch),
                    Err(error) => {
                        say(&format!("can't catch Ctrl-Z: {error}"));
                        return Exit::Failed;
                    }
                };
                let exit = interactive::run(&mut worker, editor, &history, &mut interrupts).await;
                watching.abort();
                exit
            }
            Err(error) => {
                say(&format!("can't catch Ctrl-C: {error}"));
                Exit::Failed
            }
        },
        (Task::Input, None) => match &input {
            Some(input) => batch::input(&mut worker, input).await,
            None => Exit::Success,
        },
        (Task::EndJobs, _) => {
            leftovers::end(&worker.client, host.as_ref(), &mut worker.screen).await
        }
        (Task::List, _) => Exit::Success,
    }
}
