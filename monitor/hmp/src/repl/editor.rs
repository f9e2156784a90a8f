// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt's line editor, on a thread of its own: it blocks while a user types, and the
//! connection must not wait for that.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use hmp_engine::engine::secret;
use rustix::process::{Signal, getpid, kill_process};
use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{ColorMode, Config, ExternalPrinter};
use tokio::sync::{mpsc, oneshot};

use super::assistant::Assistant;
use super::candidates::Offer;
use super::history::HistoryFile;
use super::question::{Questions, Said};
use crate::terminal::escape::for_terminal;
use crate::terminal::feed;
use crate::terminal::input::Input;
use crate::terminal::messages::Messages;
use crate::terminal::mode::{Mode, Terminal};
use crate::terminal::plain::{self, Completed, Read};
use crate::terminal::suspend;

/// The built-in monitor's prompt.
const PROMPT: &str = "(qemu) ";

/// What the editor's thread is asked to do.
enum Ask {
    Line,
    Secret {
        prompt: String,
        reply: oneshot::Sender<Option<String>>,
    },
}

/// The line editor's handle. When it goes, the terminal is as it was.
pub(super) struct Editor {
    asks: Sender<Ask>,
    said: mpsc::UnboundedReceiver<Said>,
    terminal: Arc<Terminal>,
    input: Arc<Input>,
    messages: Arc<Messages>,
}

/// Asks for secrets through the line editor.
pub(super) struct Asker {
    asks: std::sync::Mutex<Sender<Ask>>,
    input: Arc<Input>,
}

/// Ends a question whose answer nobody waits for any more: the next line is not for it.
struct Asked<'a>(Option<&'a Input>);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(input) = self.0 {
            input.give_up();
        }
    }
}

impl Editor {
    /// Starts the thread. `plain`: no escape sequence is written.
    pub(super) fn start(plain: bool, history: Option<HistoryFile>) -> io::Result<Self> {
        let terminal = Arc::new(Terminal::new(feed::terminal()?)?);
        let input = Input::start(Arc::clone(&terminal))?;
        if !plain {
            feed::start(Arc::clone(&input))?;
        }
        let messages = Arc::new(Messages::default());
        let (asks, asked) = channel();
        let (say, said) = mpsc::unbounded_channel();
        let prompt = Prompt {
            terminal: Arc::clone(&terminal),
            input: Arc::clone(&input),
            messages: Arc::clone(&messages),
            questions: Questions(say),
        };
        std::thread::Builder::new()
            .name("line-editor".into())
            .spawn(move || prompt.serve(&asked, plain, history))?;
        Ok(Self {
            asks,
            said,
            terminal,
            input,
            messages,
        })
    }

    pub(super) fn asker(&self) -> Asker {
        Asker {
            asks: self.asks.clone().into(),
            input: Arc::clone(&self.input),
        }
    }

    /// Shows the prompt; what the user does then comes through [`said`](Self::said).
    pub(super) fn prompt(&self) {
        // Without the thread, `said` says so.
        let _ = self.asks.send(Ask::Line);
    }

    /// The next thing the thread says.
    pub(super) async fn said(&mut self) -> Said {
        let said = self.said.recv().await;
        said.unwrap_or_else(|| Said::Failed("the line editor ended".into()))
    }

    /// Shows a text, with its line ends, above the line that is typed.
    pub(super) fn above(&self, text: &str) {
        self.messages.add(for_terminal(text).into_owned());
        self.input.call();
    }

    /// Takes what was typed ahead, so that it is not run.
    pub(super) fn typed_ahead(&self) -> Vec<String> {
        self.input.take()
    }

    /// Gives the terminal back while the program is stopped; to be polled beside everything else.
    pub(super) fn watch(&self) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
        suspend::watch(Arc::clone(&self.terminal), Arc::clone(&self.input))
    }
}

impl Drop for Editor {
    /// The thread may be in the middle of a line; it ends with the program.
    fn drop(&mut self) {
        self.messages.close();
        let _ = self.terminal.set(Mode::Original);
    }
}

impl Asker {
    pub(super) async fn secret(&self, prompt: &str) -> Option<String> {
        let (reply, secret) = oneshot::channel();
        let prompt = prompt.to_owned();
        self.asks
            .lock()
            .ok()?
            .send(Ask::Secret { prompt, reply })
            .ok()?;
        let mut asked = Asked(Some(&self.input));
        let secret = secret.await;
        asked.0 = None;
        secret.ok()?
    }
}

/// What the thread has.
struct Prompt {
    terminal: Arc<Terminal>,
    input: Arc<Input>,
    messages: Arc<Messages>,
    questions: Questions,
}

type Readline = rustyline::Editor<Assistant, MemHistory>;

impl Prompt {
    fn serve(&self, asked: &Receiver<Ask>, plain: bool, mut history: Option<HistoryFile>) {
        let rich = if plain {
            Ok(None)
        } else {
            self.rich(history.as_mut()).map(Some)
        };
        let mut rich = match rich {
            Ok(rich) => rich,
            Err(error) => {
                let _ = self.questions.0.send(Said::Failed(error.to_string()));
                return;
            }
        };
        for ask in asked {
            let hidden = match &ask {
                Ask::Line => None,
                Ask::Secret { prompt, .. } => Some(prompt.as_str()),
            };
            // Where the terminal is gone, reading says so.
            let _ = self.terminal.set(Mode::Editing);
            self.input.want();
            let read = match &mut rich {
                Some(readline) => read_rich(readline, hidden),
                None => self.read_plain(hidden),
            };
            let interrupts = self.input.unwant();
            let _ = self.terminal.set(Mode::Running);
            if interrupts {
                let _ = kill_process(getpid(), Signal::INT);
            }
            match ask {
                Ask::Line => {
                    if let Read::Line(line) = &read
                        && !secret::may_hold_one(line)
                    {
                        remember(line, rich.as_mut(), history.as_mut());
                    }
                    let _ = self.questions.0.send(match read {
                        Read::Line(line) => Said::Line(line),
                        Read::Interrupted => Said::Interrupted,
                        Read::End => Said::End,
                        Read::Failed(text) => Said::Failed(text),
                    });
                }
                Ask::Secret { reply, .. } => {
                    let _ = reply.send(match read {
                        Read::Line(secret) => Some(secret),
                        _ => None,
                    });
                }
            }
        }
    }

    /// The editor for terminals that understand it.
    fn rich(&self, history: Option<&mut HistoryFile>) -> rustyline::Result<Readline> {
        let config = Config::builder()
            .bell_style(BellStyle::None)
            // Marks around pasted text are taken out before the editor sees them.
            .bracketed_paste(false)
            .history_ignore_space(true)
            // What keeps the line harmless is highlighting, which is off where colours are.
            .color_mode(ColorMode::Forced)
            .build();
        let kept = MemHistory::with_config(&config);
        let mut readline = Readline::with_history(config, kept)?;
        readline.enable_synchronized_output(false);
        readline.set_helper(Some(Assistant {
            questions: self.questions.clone(),
            messages: Arc::clone(&self.messages),
            masked: false,
        }));
        for line in history.map(HistoryFile::load).unwrap_or_default() {
            let _ = readline.add_history_entry(line);
        }
        let mut printer = readline.create_external_printer()?;
        let messages = Arc::clone(&self.messages);
        // The editor takes one at a time, and none while it waits for candidates.
        std::thread::Builder::new()
            .name("messages".into())
            .spawn(move || {
                while let Some(text) = messages.wait() {
                    if printer.print(text).is_err() {
                        return;
                    }
                }
            })?;
        Ok(readline)
    }

    fn read_plain(&self, hidden: Option<&str>) -> Read {
        let mut complete = |text: &str| {
            let (start, candidates) = self.questions.candidates(text, text.len());
            let typed = text.get(start..).unwrap_or_default();
            let Offer { replacement, list } = Offer::new(candidates, typed, self.questions.width());
            // What was typed can't be taken back in all cases: only more is put in.
            let insert = replacement.and_then(|r| r.strip_prefix(typed).map(str::to_owned));
            Completed {
                insert: insert.unwrap_or_default(),
                list,
            }
        };
        plain::read_line(
            &self.input,
            &self.messages,
            &mut io::stdout(),
            hidden.unwrap_or(PROMPT),
            hidden.is_some(),
            &mut complete,
        )
    }
}

fn read_rich(readline: &mut Readline, hidden: Option<&str>) -> Read {
    if let Some(helper) = readline.helper_mut() {
        helper.masked = hidden.is_some();
    }
    match readline.readline(hidden.unwrap_or(PROMPT)) {
        Ok(line) => Read::Line(line),
        Err(ReadlineError::Interrupted) => Read::Interrupted,
        Err(ReadlineError::Eof) => Read::End,
        Err(error) => Read::Failed(error.to_string()),
    }
}

/// Keeps a line for later; written at once, since a session may end in any way.
fn remember(line: &str, readline: Option<&mut Readline>, history: Option<&mut HistoryFile>) {
    if line.trim().is_empty() || line.starts_with(|c: char| c.is_whitespace()) {
        return;
    }
    if let Some(readline) = readline {
        let _ = readline.add_history_entry(line);
    }
    if let Some(history) = history {
        history.add(line);
    }
}
