// SPDX-License-Identifier: GPL-2.0-or-later
//! From options to an exit code.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::engine::Monitor;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::client::{self, Client, Events};
use crate::discover::discover;
use crate::repl::connect::connect;
use crate::repl::editor::Editor;
use crate::repl::exit::Exit;
use crate::repl::history::Session;
use crate::repl::host::Program;
use crate::repl::list::list;
use crate::repl::options::{Form, Options, Target, Task};
use crate::repl::screen::{Screen, say};
use crate::repl::worker::Worker;
use crate::repl::{batch, interactive, leftovers, replay};

/// How long QEMU may take to tell what it offers: without that no command can run, so this belongs
/// to connecting.
const FIRST_ANSWERS: Duration = Duration::from_secs(10);

/// Does what the options ask for. It needs a tokio runtime with I/O and time.
pub async fn run(options: Options) -> Exit {
    if options.task == Task::List {
        return print(&list(&discover()));
    }
    let settings = client::Options {
        wait: options.wait,
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
            Err(text) => Err(text.into()),
        },
        Target::Named(text) => connect(Some(text), &settings).await,
        Target::Discover => connect(None, &settings).await,
    };
    let exit = match connected {
        Ok((client, events)) => start(options, client, events).await,
        Err(failure) => {
            say(&failure.text);
            failure.exit
        }
    };
    drop(mock);
    exit
}

/// Writes a text of the program's own to standard output.
pub fn print(text: &str) -> Exit {
    let mut screen = Screen::stdout();
    let _ = screen.write_str(text);
    screen.end_answer(false);
    screen.end(Exit::Success)
}

async fn start(options: Options, client: Client, events: Events) -> Exit {
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    let prompt = person && options.task == Task::Input;
    let mut editor = match person.then(|| Editor::start(prompt)).transpose() {
        Ok(editor) => editor,
        Err(text) => {
            say(&format!("can't start the line editor: {text}"));
            return Exit::Failed;
        }
    };
    let history = Arc::new(Session::default());
    let host = Program {
        descriptors: options.descriptors,
        asker: editor.as_ref().map(Editor::asker),
        history: Arc::clone(&history),
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
        history: Arc::clone(&history),
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
                interactive::run(&mut worker, editor, &history, &mut interrupts).await
            }
            Err(error) => {
                say(&format!("can't catch Ctrl-C: {error}"));
                Exit::Failed
            }
        },
        (Task::Input, None) => batch::input(&mut worker).await,
        (Task::EndJobs, _) => {
            let exit = leftovers::end(&worker.client, host.as_ref(), &mut worker.screen).await;
            worker.screen.end(exit)
        }
        (Task::List, _) => Exit::Success,
    }
}
