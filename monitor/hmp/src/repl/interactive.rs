// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt: a user types, TAB completes, Ctrl-C cancels the running command, Ctrl-D leaves.

use std::fmt::Write;
use std::time::Duration;

use hmp_engine::qmp::QmpError;
use tokio::signal::unix::Signal;
use tokio::time::timeout;

use crate::repl::editor::{Editor, Said};
use crate::repl::exit::Exit;
use crate::repl::screen::say;
use crate::repl::worker::{End, Next, Worker};

/// How long QEMU may take to give candidates; the editor waits a little longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a user at the prompt does next.
enum Typed {
    Line(String),
    Interrupted,
    Leave,
    Failed(String),
    Ended(End),
}

/// Shows the banner, then runs what is typed.
pub(super) async fn run(
    worker: &mut Worker,
    editor: &mut Editor,
    history: &crate::repl::history::Session,
    interrupts: &mut Signal,
) -> Exit {
    let version = worker.monitor.caps().version;
    let _ = writeln!(
        worker.screen,
        "QEMU {version} monitor - type 'help' for more information"
    );
    loop {
        worker.screen.end_answer(false);
        if worker.screen.error().is_some() {
            return worker.unheard();
        }
        let line = match prompt(worker, editor, interrupts).await {
            Typed::Line(line) => line,
            Typed::Interrupted => continue,
            Typed::Leave => return worker.exit(),
            Typed::Failed(text) => {
                say(&format!("can't read the terminal: {text}"));
                return Exit::Failed;
            }
            Typed::Ended(end) => return ended(worker, end),
        };
        history.add(&line);
        forget(interrupts).await;
        let next = tokio::select! {
            biased;
            _ = interrupts.recv() => None,
            next = worker.line(&line) => Some(next),
        };
        worker.screen.fresh_line();
        match next {
            None => {
                let goes_on = worker.give_up().await;
                let goes_on = goes_on.map_or_else(String::new, |text| format!("; {text}"));
                say(&format!("cancelled{goes_on}"));
            }
            Some(Next::Go) => {}
            Some(Next::Unheard) => return worker.unheard(),
            Some(Next::Quit) => {
                worker.gone().await;
                return worker.exit();
            }
            // A limit of ours was passed: the connection is as good as before.
            Some(Next::Lost(error @ (QmpError::Timeout { .. } | QmpError::Stalled { .. })))
                if worker.client.end().is_none() =>
            {
                worker.lost(&error.to_string()).await;
                worker.failed = true;
            }
            Some(Next::Lost(error)) => return worker.lost(&error.to_string()).await,
        }
    }
}

/// Forgets a Ctrl-C that came before the line was complete.
async fn forget(interrupts: &mut Signal) {
    // The runtime looks for news before it goes on.
    tokio::task::yield_now().await;
    tokio::select! {
        biased;
        _ = interrupts.recv() => {}
        () = std::future::ready(()) => {}
    }
}

/// Waits at the prompt. TAB is answered meanwhile, and the connection watched.
async fn prompt(worker: &mut Worker, editor: &mut Editor, interrupts: &mut Signal) -> Typed {
    editor.prompt();
    loop {
        let said = tokio::select! {
            biased;
            said = editor.said() => said,
            end = worker.end() => {
                return Typed::Ended(end);
            }
            // Comes only from terminals that the editor leaves to the system.
            _ = interrupts.recv() => continue,
        };
        match said {
            Said::Complete { line, pos, reply } => {
                let question = worker.monitor.complete(&line, pos);
                let found = timeout(PATIENCE, question).await;
                // The editor may have given up.
                let _ = reply.send(found.unwrap_or_default());
            }
            Said::Line(line) => return Typed::Line(line),
            Said::Interrupted => return Typed::Interrupted,
            Said::End => return Typed::Leave,
            Said::Failed(text) => return Typed::Failed(text),
        }
    }
}

fn ended(worker: &mut Worker, end: End) -> Exit {
    // The cursor is behind the prompt and what was typed.
    let _ = worker.screen.write_str("\r\n");
    worker.screen.end_answer(false);
    match (end, worker.client.end()) {
        (End::Shutdown(reason), _) => {
            say(&format!("QEMU has ended ({reason})"));
            worker.exit()
        }
        (End::Lost, Some(end)) => {
            say(&end.to_string());
            Exit::Lost
        }
        (End::Lost, None) => {
            say("connection to QEMU lost");
            Exit::Lost
        }
    }
}
