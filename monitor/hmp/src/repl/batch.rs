// SPDX-License-Identifier: GPL-2.0-or-later
//! Without a user: runs the lines of the command line or of standard input, prints candidates.

use std::fmt::Write;
use std::time::Duration;

use hmp_engine::engine::Answer;
use tokio::time::timeout;

use crate::host::files::with_files;
use crate::repl::ahead::Ahead;
use crate::repl::exit::Exit;
use crate::repl::lines::{Input, Line};
use crate::repl::screen::say;
use crate::repl::worker::{End, Next, Worker};

/// How long a line that may already be on its way is waited for when the connection is gone.
const GRACE: Duration = Duration::from_millis(200);

/// How long candidates may take: whoever asks for them waits at a keyboard.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the lines of the command line; the first may have its answer already.
pub(super) async fn lines(
    worker: &mut Worker,
    lines: &[String],
    mut first: Option<Answer>,
) -> Exit {
    let mut ahead = Ahead::default();
    for (number, line) in lines.iter().enumerate() {
        let left = lines.len() - number - 1;
        let coming = |place| lines.get(number + 1 + place).cloned();
        worker.begins(line.clone());
        let answer = match first.take() {
            Some(answer) => Some(answer),
            None => ahead.turn(worker, line, coming).await,
        };
        match worker.line_with(line, answer).await {
            Next::Go => {}
            Next::Unheard => return worker.unheard(),
            Next::Quit => {
                worker.gone().await;
                return match left {
                    0 => worker.exit(),
                    1 => lost("QEMU has quit; one line was not run"),
                    _ => lost(&format!("QEMU has quit; {left} lines were not run")),
                };
            }
            Next::Lost(error) => {
                return match left {
                    0 => worker.lost(&error.to_string()).await,
                    1 => {
                        worker
                            .lost(&format!("{error}; one more line was not run"))
                            .await
                    }
                    _ => {
                        worker
                            .lost(&format!("{error}; {left} more lines were not run"))
                            .await
                    }
                };
            }
        }
    }
    worker.exit()
}

/// Runs the lines of standard input as they come.
pub(super) async fn input(worker: &mut Worker, input: &Input) -> Exit {
    let mut ahead = Ahead::default();
    loop {
        let line = tokio::select! {
            biased;
            line = input.next() => line,
            end = worker.end() => return ended(worker, input, end).await,
        };
        let next = match line {
            None => return worker.exit(),
            Some(Line::Text(line)) => {
                worker.begins(line.clone());
                let answer = ahead.turn(worker, &line, |place| input.coming(place)).await;
                worker.line_with(&line, answer).await
            }
            Some(Line::TooLong) => not_run(worker, "is longer than 1 MiB"),
            Some(Line::Nul) => not_run(worker, "holds a NUL byte"),
            Some(Line::Unreadable(error)) => {
                say(&format!("can't read standard input: {error}"));
                return Exit::Failed;
            }
        };
        match next {
            Next::Go => {}
            Next::Unheard => return worker.unheard(),
            Next::Lost(error) => return worker.lost(&error.to_string()).await,
            Next::Quit => {
                worker.gone().await;
                return match timeout(GRACE, input.next()).await {
                    Ok(Some(_)) => lost("QEMU has quit; lines of input were not run"),
                    Ok(None) | Err(_) => worker.exit(),
                };
            }
        }
    }
}

/// A line of input that is no line: an answer of its own all the same.
fn not_run(worker: &mut Worker, why: &str) -> Next {
    say(&format!("a line of input {why}; it was not run"));
    worker.failed = true;
    worker.screen.end_answer(worker.null);
    Next::Go
}

/// Prints the candidates for the end of `text`, one per line.
pub(super) async fn complete(worker: &mut Worker, text: &str) -> Exit {
    let question = worker.monitor.complete(text, text.len());
    let Ok(completion) = timeout(PATIENCE, question).await else {
        return lost("QEMU does not answer");
    };
    let failed = completion.failed.clone();
    for candidate in with_files(completion, &worker.place(), text, text.len()) {
        let _ = writeln!(worker.screen, "{candidate}");
    }
    worker.screen.end_answer(worker.null);
    match failed {
        Some(error) => lost(&error.to_string()),
        None => worker.unheard(),
    }
}

/// The connection ended between two lines. Where no more lines come, nothing was lost.
async fn ended(worker: &Worker, input: &Input, end: End) -> Exit {
    if let Ok(None) = timeout(GRACE, input.next()).await {
        return worker.exit();
    }
    match (end, worker.client.end()) {
        (End::Shutdown(reason), _) => lost(&format!("QEMU has ended ({reason})")),
        (End::Lost, Some(end)) => lost(&end.to_string()),
        (End::Lost, None) => lost("connection to QEMU lost"),
    }
}

fn lost(text: &str) -> Exit {
    say(text);
    Exit::Lost
}
