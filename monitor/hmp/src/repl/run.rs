// SPDX-License-Identifier: GPL-2.0-or-later
//! From options to an exit code.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::mem;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::discover::discover;
use crate::host::private_file;
use crate::repl::asker::Asker;
use crate::repl::connect::Link;
use crate::repl::editor::Editor;
use crate::repl::events::filter::Filter;
use crate::repl::exit::Exit;
use crate::repl::history::{self, HistoryFile, Session};
use crate::repl::home::Home;
use crate::repl::host::Program;
use crate::repl::link::{link, settings};
use crate::repl::list::list;
use crate::repl::options::{Form, Options, Target, Task};
use crate::repl::prompt::state::{Now, Prompt};
use crate::repl::screen::{Screen, say, say_lines};
use crate::repl::settings::Settings;
use crate::repl::signals::Signals;
use crate::repl::worker::Worker;
use crate::repl::{all, batch, leftovers, lines, listening};
use crate::terminal::kind::is_plain;
use crate::terminal::style::Style;

/// Does what the options ask for. It needs a tokio runtime with I/O and time.
pub async fn run(options: Options) -> Exit {
    match options.task {
        Task::List => return print(&list(&discover())),
        Task::Settings => {
            let (settings, wrong) = Settings::load();
            if let Some(text) = wrong {
                say(&text);
                return Exit::Usage;
            }
            return print(&settings.with(options.prompt).shown());
        }
        _ => {}
    }
    if let Task::Listen(how) = &options.task {
        let how = how.clone();
        return listening::run(options, how).await;
    }
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    if let (Target::All, Task::Lines(lines)) = (&options.target, &options.task) {
        return all::lines(&options, lines).await;
    }
    let mut signals = Signals::catch(person && is_input(&options.task));
    // Ends with the program, not before.
    let mut mock = None;
    let connected = tokio::select! {
        biased;
        caught = signals.recv() => return Exit::Signal(caught),
        connected = link(&options, &mut mock) => connected,
    };
    let exit = match connected {
        Ok(link) => start(options, link, person, &mut signals).await,
        Err(failure) => {
            say_lines(&failure.text);
            failure.exit
        }
    };
    drop(mock);
    exit
}

/// Whether lines come from standard input.
fn is_input(task: &Task) -> bool {
    matches!(task, Task::Input)
}

/// Writes a text of the program's own to standard output.
pub fn print(text: &str) -> Exit {
    let mut screen = Screen::stdout();
    let _ = screen.write_str(text);
    screen.end_answer(false);
    screen.end(Exit::Success)
}

async fn start(mut options: Options, link: Link, person: bool, signals: &mut Signals) -> Exit {
    let prompt = person && is_input(&options.task);
    let plain = options.plain || is_plain(std::env::var("TERM").ok().as_deref());
    let connecting = settings(&options);
    let settings = match prompt {
        true => {
            let (settings, wrong) = Settings::load();
            wrong.inspect(|text| say(text));
            settings.with(options.prompt)
        }
        false => Settings::default(),
    };
    let style = Style::new(settings.color, prompt && !plain, |name| {
        std::env::var_os(name)
    });
    let mut now = Now::default();
    now.news.filter = match options.plain {
        // A program that drives a prompt reads answers.
        true => Filter::none(),
        false => settings.events.clone(),
    };
    let kept = || HistoryFile::open(history::path(|name| std::env::var_os(name))?).ok();
    let mut editor = match prompt
        .then(|| Editor::start(plain, style, kept()))
        .transpose()
    {
        Ok(editor) => editor,
        Err(error) => {
            say(&format!("can't start the line editor: {error}"));
            return Exit::Failed;
        }
    };
    let input = (is_input(&options.task) && !prompt).then(lines::stdin);
    let history = Arc::new(Session::default());
    let screen = Screen::stdout();
    let host = Program {
        descriptors: mem::take(&mut options.descriptors),
        asker: match &editor {
            Some(editor) => Asker::Prompt(editor.asker()),
            None if person => Asker::Terminal,
            None => match &input {
                Some(input) => Asker::Lines(input.clone()),
                None => Asker::Nobody,
            },
        },
        history: Arc::clone(&history),
        stage: Arc::default(),
        bar: screen.bar(),
    };
    let host = Arc::new(host);
    // Where lines are run, what programs left that are gone is cleared away.
    let runs = matches!(options.task, Task::Lines(_) | Task::Input | Task::EndJobs);
    let clears =
        runs && options.form != Form::Plan && !matches!(options.target, Target::Recording(_));
    let home = Home {
        settings: connecting,
        address: link.address,
        host: Arc::clone(&host),
        passthrough: options.passthrough,
        allow: options.allow,
        clears,
        replies: options.form == Form::Json,
        reconnect: options.reconnect,
        carried: matches!(options.target, Target::Libvirt { .. }),
        exit_on_end: options.exit_on_end,
    };
    let tells = clears && !matches!(options.task, Task::EndJobs);
    // With what is asked at connect, in one write.
    let jobs = async {
        match tells {
            true => leftovers::find(&link.client).await,
            false => Vec::new(),
        }
    };
    let files = async {
        // While QEMU works at the questions.
        tokio::task::yield_now().await;
        if clears {
            private_file::clear(&std::env::temp_dir());
        }
    };
    // One line that only looks need not know what QEMU offers.
    let only = match &options.task {
        Task::Lines(lines) if clears && lines.len() == 1 => lines.first(),
        _ => None,
    };
    let only = only.filter(|line| home.may_look(&link.client, line));
    let building = async {
        if let Some(line) = only {
            let answered = home.only_line(&link.client, line);
            let (answered, jobs, ()) = tokio::join!(answered, jobs, files);
            if let Some((monitor, answer)) = answered? {
                return Ok((monitor, jobs, Some(answer)));
            }
            let monitor = home.monitor(&link.client).await;
            return monitor.map(|monitor| (monitor, jobs, None));
        }
        let (monitor, jobs, ()) = tokio::join!(home.monitor(&link.client), jobs, files);
        monitor.map(|monitor| (monitor, jobs, None))
    };
    let built: Result<_, String> = tokio::select! {
        biased;
        caught = signals.recv() => return Exit::Signal(caught),
        built = building => built,
    };
    let (monitor, jobs, answer) = match built {
        Ok(built) => built,
        Err(text) => {
            say(&text);
            return Exit::Unconnected;
        }
    };
    let mut worker = Worker {
        monitor,
        client: link.client,
        events: link.events,
        screen,
        history: Arc::clone(&history),
        form: options.form,
        null: options.null,
        prompt,
        failed: false,
        running: None,
        sent: 0,
        behind: None,
        shutdown: None,
    };
    worker.screen.colour(style);
    let work = async {
        leftovers::tell(&jobs, host.as_ref());
        match (options.task, &mut editor) {
            (Task::Lines(lines), _) => batch::lines(&mut worker, &lines, answer).await,
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
                    let mut prompt = Prompt {
                        worker: &mut worker,
                        editor,
                        interrupts: &mut interrupts,
                        home: &home,
                        settings,
                        style,
                        plain,
                        now,
                    };
                    let exit = prompt.run().await;
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
                let exit = leftovers::end(&worker.client, host.as_ref(), &mut worker.screen).await;
                worker.screen.end(exit)
            }
            (Task::List | Task::Settings | Task::Listen(_), _) => Exit::Success,
        }
    };
    let ended = tokio::select! {
        biased;
        caught = signals.recv() => Err(caught),
        exit = work => Ok(exit),
    };
    let tidying = async {
        match ended {
            Ok(exit) => {
                worker.tidy().await;
                exit
            }
            Err(caught) => worker.stopped(caught).await,
        }
    };
    // Who asks twice means it.
    tokio::select! {
        biased;
        exit = tidying => exit,
        caught = signals.recv() => Exit::Signal(caught),
    }
}
