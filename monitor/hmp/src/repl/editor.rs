// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt's line editor, on a thread of its own: it blocks while a user types, and the
//! connection must not wait for that.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Signal, getpid, kill_process};
use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{ColorMode, CompletionType, Config, ExternalPrinter};
use tokio::sync::{mpsc, oneshot};

use super::assistant::Assistant;
use super::candidates::Offer;
use super::history::HistoryFile;
use super::own::secrets;
use super::question::{Questions, Said};
use super::vocabulary::Vocabulary;
use crate::terminal::feed;
use crate::terminal::input::{Input, Taker};
use crate::terminal::lend::Lender;
use crate::terminal::messages::Messages;
use crate::terminal::mode::{Mode, Terminal};
use crate::terminal::plain::{self, Completed, Echo, Read};
use crate::terminal::style::Style;
use crate::terminal::suspend;

/// The built-in monitor's prompt.
const PROMPT: &str = "(qemu) ";

/// A message without a text, for the line to be painted anew; the assistant goes back up.
const NOTHING: &str = "\n";

/// What the editor's thread is asked to do.
enum Ask {
    /// Behind this text, the prompt.
    Line(String),
    Question {
        text: String,
        echo: Echo,
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
    vocabulary: Vocabulary,
    becomes: Arc<Mutex<Option<String>>>,
}

/// Asks for secrets through the line editor.
pub(super) struct Asker {
    asks: Mutex<Sender<Ask>>,
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
    pub(super) fn start(
        plain: bool,
        style: Style,
        history: Option<HistoryFile>,
    ) -> io::Result<Self> {
        let terminal = Arc::new(Terminal::new(feed::terminal()?)?);
        let input = Input::start(Arc::clone(&terminal))?;
        if !plain {
            feed::start(Arc::clone(&input))?;
        }
        let messages = Arc::new(Messages::default());
        let (asks, asked) = channel();
        let (say, said) = mpsc::unbounded_channel();
        let vocabulary = Vocabulary::default();
        let becomes = Arc::default();
        let prompt = Prompt {
            becomes: Arc::clone(&becomes),
            vocabulary: vocabulary.clone(),
            style,
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
            vocabulary,
            becomes,
        })
    }

    /// The names that the lines that are typed begin with.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(super) fn asker(&self) -> Asker {
        Asker {
            asks: self.asks.clone().into(),
            input: Arc::clone(&self.input),
        }
    }

    /// Shows the prompt, a text in front of it; what the user does then comes through
    /// [`said`](Self::said).
    pub(super) fn prompt(&self, text: &str) {
        // Without the thread, `said` says so.
        let _ = self.asks.send(Ask::Line(text.to_owned()));
    }

    /// Shows another text, as long as the one before, in front of the prompt that is shown; with the
    /// next message.
    pub(super) fn prompt_becomes(&self, text: &str) {
        *lock(&self.becomes) = Some(format!("{text}{PROMPT}"));
    }

    /// Lends the terminal to other programs.
    pub(super) fn lender(&self) -> Lender {
        Lender::new(Arc::clone(&self.terminal), Arc::clone(&self.input))
    }

    /// The next thing the thread says.
    pub(super) async fn said(&mut self) -> Said {
        let said = self.said.recv().await;
        said.unwrap_or_else(|| Said::Failed("the line editor ended".into()))
    }

    /// Shows a harmless text, with its line ends, above the line that is typed.
    pub(super) fn above(&self, text: String) {
        self.messages.add(text);
        self.input.call();
    }

    /// What was to be shown above a line that ended before it could be.
    pub(super) fn not_shown(&self) -> Option<String> {
        self.messages.take()
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
        self.ask(prompt, Echo::Stars).await
    }

    /// As [`secret`](Self::secret), where nothing is shown.
    pub(super) async fn unseen(&self, prompt: &str) -> Option<String> {
        self.ask(prompt, Echo::Nothing).await
    }

    /// Asks a question, whose answer is shown while it is typed; none where the user gives none.
    pub(super) async fn asks(&self, text: &str) -> Option<String> {
        self.ask(text, Echo::Text).await
    }

    async fn ask(&self, text: &str, echo: Echo) -> Option<String> {
        let (reply, answer) = oneshot::channel();
        let question = Ask::Question {
            text: text.to_owned(),
            echo,
            reply,
        };
        self.asks.lock().ok()?.send(question).ok()?;
        let mut asked = Asked(Some(&self.input));
        let answer = answer.await;
        asked.0 = None;
        answer.ok()?
    }
}

/// What stands in front of what is typed.
enum Shown {
    Line(String),
    /// A question, and how its answer is shown.
    Question(String, Echo),
}

impl Shown {
    fn text(&self) -> &str {
        match self {
            Self::Line(text) | Self::Question(text, _) => text,
        }
    }

    fn echo(&self) -> Echo {
        match self {
            Self::Line(_) => Echo::Text,
            Self::Question(_, echo) => *echo,
        }
    }

    fn completes(&self) -> bool {
        matches!(self, Self::Line(_))
    }
}

/// What the thread has.
struct Prompt {
    terminal: Arc<Terminal>,
    input: Arc<Input>,
    messages: Arc<Messages>,
    questions: Questions,
    vocabulary: Vocabulary,
    becomes: Arc<Mutex<Option<String>>>,
    style: Style,
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
            let shown = match &ask {
                Ask::Line(text) => Shown::Line(format!("{text}{PROMPT}")),
                Ask::Question { text, echo, .. } => Shown::Question(text.clone(), *echo),
            };
            // Where the terminal is gone, reading says so.
            let _ = self.terminal.set(Mode::Editing);
            // The rich editor moves the cursor for each key, whatever it shows.
            let editor = rich.as_mut().filter(|_| shown.echo() != Echo::Nothing);
            self.input.want(match editor {
                Some(_) => Taker::Feed,
                None => Taker::Direct,
            });
            let read = match editor {
                Some(readline) => read_rich(readline, &shown),
                None => self.read_plain(&shown),
            };
            let interrupts = self.input.unwant();
            let _ = self.terminal.set(Mode::Running);
            if interrupts {
                let _ = kill_process(getpid(), Signal::INT);
            }
            match ask {
                Ask::Line(_) => {
                    match &read {
                        Read::Line(line) if !secrets::may_hold_one(line) => {
                            remember(line, rich.as_mut(), history.as_mut());
                        }
                        _ => {}
                    }
                    let _ = self.questions.0.send(match read {
                        Read::Line(line) => Said::Line(line),
                        Read::Interrupted => Said::Interrupted,
                        Read::End => Said::End,
                        Read::Failed(text) => Said::Failed(text),
                    });
                }
                Ask::Question { reply, .. } => {
                    let _ = reply.send(match read {
                        Read::Line(answer) => Some(answer),
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
            // There is one candidate at most: no list, and no key is waited for.
            .completion_type(CompletionType::List)
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
            prompt: Arc::clone(&self.becomes),
            completes: true,
            vocabulary: self.vocabulary.clone(),
            style: self.style,
            red: Cell::new(false),
            asked: Cell::new(false),
            last: RefCell::new(None),
        }));
        for line in history.map(HistoryFile::load).unwrap_or_default() {
            let _ = readline.add_history_entry(line);
        }
        let mut printer = readline.create_external_printer()?;
        let messages = Arc::clone(&self.messages);
        // A text that the editor has can't be had back when the line ends, and it takes none while it
        // searches or waits for candidates. So it gets none: it is made to paint the line, and whoever
        // gives it the prompt puts what waits in front.
        std::thread::Builder::new()
            .name("messages".into())
            .spawn(move || {
                while messages.wait() {
                    if printer.print(NOTHING.to_owned()).is_err() {
                        return;
                    }
                }
            })?;
        Ok(readline)
    }

    fn read_plain(&self, shown: &Shown) -> Read {
        let mut complete = |text: &str| {
            if !shown.completes() {
                return Completed::default();
            }
            let found = self.questions.candidates(text, text.len());
            let typed = text.get(found.start..).unwrap_or_default();
            let Offer { replacement, list } = Offer::new(found, typed, self.questions.size());
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
            shown.text(),
            shown.echo(),
            &mut complete,
        )
    }
}

fn lock(text: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_rich(readline: &mut Readline, shown: &Shown) -> Read {
    if let Some(helper) = readline.helper_mut() {
        helper.masked = shown.echo() != Echo::Text;
        *lock(&helper.prompt) = None;
        helper.completes = shown.completes();
    }
    match readline.readline(shown.text()) {
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
