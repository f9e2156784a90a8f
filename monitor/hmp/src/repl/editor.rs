// SPDX-License-Identifier: GPL-2.0-or-later
//! The line editor, on a thread of its own: it blocks while a user types, and the connection must
//! not wait for that.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use hmp_engine::engine::complete::Completion;
use hmp_engine::engine::secret;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Helper};
use tokio::sync::{mpsc, oneshot};

use crate::host::files;
use crate::repl::history;

/// The built-in monitor's prompt.
const PROMPT: &str = "(qemu) ";
/// A list longer than this is shown only when the user says so. The built-in keeps 256.
const LIST: usize = 256;
/// How long TAB waits for candidates: QEMU may be busy.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the editor's thread is asked to do.
enum Ask {
    Line,
    Secret {
        prompt: String,
        reply: oneshot::Sender<Option<String>>,
    },
}

/// What the editor's thread says.
pub(super) enum Said {
    /// What could stand at byte `pos` of `line`? The thread waits for the answer.
    Complete {
        line: String,
        pos: usize,
        reply: SyncSender<Completion>,
    },
    /// A line is complete.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the terminal.
    End,
    /// The terminal can't be read.
    Failed(String),
}

/// The line editor's handle. When it goes, the terminal is as it was.
pub(super) struct Editor {
    asks: Sender<Ask>,
    said: mpsc::UnboundedReceiver<Said>,
    /// The terminal's state before the first prompt.
    before: Option<Termios>,
}

/// Asks for secrets through the line editor.
pub(super) struct Asker(std::sync::Mutex<Sender<Ask>>);

impl Editor {
    /// Starts the thread. With `remember`, lines are kept in the history file.
    pub(super) fn start(remember: bool) -> Result<Self, String> {
        let (asks, asked) = channel();
        let (say, said) = mpsc::unbounded_channel();
        let history = remember.then(history_file).flatten();
        std::thread::Builder::new()
            .name("line-editor".into())
            .spawn(move || edit(&asked, &say, history))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            asks,
            said,
            before: None,
        })
    }

    pub(super) fn asker(&self) -> Asker {
        Asker(self.asks.clone().into())
    }

    /// Shows the prompt; what the user does then comes through [`said`](Self::said).
    pub(super) fn prompt(&mut self) {
        if self.before.is_none() {
            self.before = tcgetattr(io::stdin()).ok();
        }
        // Without the thread, `said` says.
        let _ = self.asks.send(Ask::Line);
    }

    /// The next thing the thread says.
    pub(super) async fn said(&mut self) -> Said {
        let said = self.said.recv().await;
        said.unwrap_or_else(|| Said::Failed("the line editor ended".into()))
    }
}

impl Drop for Editor {
    /// The thread may be in the middle of a line; it ends with the program. Where there was no
    /// prompt the terminal is left alone: touching it would stop a program in the background.
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

impl Asker {
    pub(super) async fn secret(&self, prompt: &str) -> Option<String> {
        let (reply, secret) = oneshot::channel();
        let prompt = prompt.to_owned();
        self.0
            .lock()
            .ok()?
            .send(Ask::Secret { prompt, reply })
            .ok()?;
        secret.await.ok()?
    }
}

fn history_file() -> Option<PathBuf> {
    let path = history::path(|name| std::env::var_os(name))?;
    // Without a place for it there is no history.
    history::prepare(&path).ok()?;
    Some(path)
}

type Readline = rustyline::Editor<Assistant, FileHistory>;

fn edit(asked: &Receiver<Ask>, say: &mpsc::UnboundedSender<Said>, history: Option<PathBuf>) {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .completion_prompt_limit(LIST)
        // Lines of a pasted text are commands of their own.
        .bracketed_paste(false)
        .history_ignore_space(true)
        .build();
    let mut readline = match Readline::with_config(config) {
        Ok(readline) => readline,
        Err(error) => {
            let _ = say.send(Said::Failed(error.to_string()));
            return;
        }
    };
    readline.set_helper(Some(Assistant {
        say: say.clone(),
        masked: false,
    }));
    if let Some(path) = &history {
        let _ = readline.load_history(path);
    }
    for ask in asked {
        match ask {
            Ask::Line => {
                let _ = say.send(read_line(&mut readline, history.as_ref()));
            }
            Ask::Secret { prompt, reply } => {
                let _ = reply.send(read_secret(&mut readline, &prompt));
            }
        }
    }
}

fn read_line(readline: &mut Readline, history: Option<&PathBuf>) -> Said {
    match readline.readline(PROMPT) {
        Ok(line) => {
            if !secret::may_hold_one(&line) && readline.add_history_entry(&line).is_ok() {
                // Written at once: a session may end in any way.
                let _ = history.map(|path| readline.append_history(path));
            }
            Said::Line(line)
        }
        Err(ReadlineError::Interrupted) => Said::Interrupted,
        Err(ReadlineError::Eof) => Said::End,
        Err(error) => Said::Failed(error.to_string()),
    }
}

/// Reads a line that is neither shown nor kept; none on Ctrl-C, Ctrl-D, and on terminals that can't
/// hide it.
fn read_secret(readline: &mut Readline, prompt: &str) -> Option<String> {
    use rustyline::config::Configurer;
    if is_plain(std::env::var("TERM").ok().as_deref()) {
        return None;
    }
    readline.helper_mut()?.masked = true;
    // Masking is highlighting, which is off where colours are.
    readline.set_color_mode(ColorMode::Forced);
    let secret = readline.readline(prompt).ok();
    readline.set_color_mode(ColorMode::Enabled);
    readline.helper_mut()?.masked = false;
    secret
}

/// The terminals on which rustyline leaves the echo to the system.
fn is_plain(term: Option<&str>) -> bool {
    matches!(term, Some("dumb" | "cons25" | "emacs"))
}

struct Assistant {
    say: mpsc::UnboundedSender<Said>,
    masked: bool,
}

impl Helper for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}
impl Validator for Assistant {}

impl Highlighter for Assistant {
    /// As the built-in shows passwords: a star for each character.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.masked {
            Cow::Owned("*".repeat(line.chars().count()))
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.masked
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if self.masked {
            return Ok((pos, Vec::new()));
        }
        let (reply, candidates) = sync_channel(1);
        let question = Said::Complete {
            line: line.to_owned(),
            pos,
            reply,
        };
        let _ = self.say.send(question);
        let completion = candidates.recv_timeout(PATIENCE).unwrap_or_default();
        let start = completion.start.min(pos);
        Ok((start, pairs(with_files(completion, line, pos))))
    }
}

/// The candidates, names of files included where the argument is one.
pub(super) fn with_files(completion: Completion, line: &str, pos: usize) -> Vec<String> {
    let mut candidates = completion.candidates;
    if completion.files {
        candidates.extend(files::complete(
            line.get(completion.start..pos).unwrap_or_default(),
        ));
    }
    candidates
}

/// What is shown and what is put in: a word that is alone is finished, so a blank follows,
/// unless it is a folder.
fn pairs(candidates: Vec<String>) -> Vec<Pair> {
    let alone = candidates.len() == 1;
    let pair = |word: String| Pair {
        replacement: if alone && !word.ends_with('/') {
            format!("{word} ")
        } else {
            word.clone()
        },
        display: word,
    };
    candidates.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_word_gets_a_blank() {
        let replacements = |words: &[&str]| -> Vec<String> {
            let words = words.iter().map(|&word| word.to_owned()).collect();
            pairs(words).into_iter().map(|p| p.replacement).collect()
        };
        assert_eq!(replacements(&["info"]), ["info "]);
        assert_eq!(replacements(&["/tmp/"]), ["/tmp/"]);
        assert_eq!(replacements(&["stop", "sum"]), ["stop", "sum"]);
    }

    #[test]
    fn secrets_are_masked() {
        let (say, _said) = mpsc::unbounded_channel();
        let mut assistant = Assistant { say, masked: true };
        assert_eq!(assistant.highlight("hünter2", 0), "*******");
        assistant.masked = false;
        assert_eq!(assistant.highlight("stop", 0), "stop");
    }

    #[test]
    fn tab_gives_up_where_nobody_answers() {
        let (say, said) = mpsc::unbounded_channel();
        drop(said);
        let assistant = Assistant { say, masked: false };
        let history = FileHistory::new();
        let (start, found) = assistant
            .complete("in", 2, &Context::new(&history))
            .unwrap();
        assert_eq!((start, found.len()), (0, 0));
    }
}
