// SPDX-License-Identifier: GPL-2.0-or-later
//! From what was named to a connection: waits for a turn, and says meanwhile who holds the socket.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::client::address::Address;
use crate::client::{self, Client, ConnectError, Events};
use crate::discover::{Silence, Vm, discover, silence};
use crate::repl::blocking::blocking;
use crate::repl::choose::{Unchosen, any, enter, named, others};
use crate::repl::editor;
use crate::repl::exit::Exit;
use crate::repl::list::{described, field};
use crate::repl::screen::{say, say_lines};

/// When a connection that is not there yet is looked into, so that the reason is said within the
/// first second.
const SOON: Duration = Duration::from_millis(500);

/// How often running QEMUs are looked for, where one is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// What is asked where several QEMUs would do.
const QUESTION: &str = "which one? Its number, and Enter:";

/// Why there is no connection: what to say, its foreign parts escaped, and how to end.
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        let exit = Exit::Unconnected;
        Self { exit, text }
    }
}

/// A connection, and where it leads; a recording has no address.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) events: Events,
    pub(super) address: Option<Address>,
}

/// Connects to what a text names; without one, to this user's only QEMU. Where several would do,
/// `prompt` asks which; without a prompt, the terminal's user is asked.
pub(super) async fn connect(
    text: Option<&str>,
    settings: &client::Options,
    prompt: Option<&editor::Asker>,
) -> Result<Link, Failure> {
    let deadline = settings.wait.map(|wait| Instant::now() + wait);
    let address = address(text, deadline, prompt).await?;
    let mut settings = *settings;
    settings.wait = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    if text.is_none() {
        say(&format!("using {address}"));
    }
    dial(&address, &settings).await
}

/// The address that is meant, waited for until the deadline.
async fn address(
    text: Option<&str>,
    deadline: Option<Instant>,
    prompt: Option<&editor::Asker>,
) -> Result<Address, Failure> {
    loop {
        let (chosen, word) = match text {
            Some(text) => (named(text, discover), None),
            None => {
                let running = discover();
                (any(&running), others(&running))
            }
        };
        let failure = match chosen {
            Ok(address) => {
                word.inspect(|word| say(word));
                return Ok(address);
            }
            Err(Unchosen::None(text)) => {
                let next = Instant::now() + LOOK;
                if deadline.is_some_and(|deadline| next < deadline) {
                    sleep_until(next).await;
                    continue;
                }
                text
            }
            Err(Unchosen::Several(vms, text)) if prompt.is_some() || is_terminal() => {
                match asked(vms, prompt).await {
                    Ok(Some(vm)) => match enter(&vm) {
                        Ok(address) => return Ok(address),
                        Err(_) => text,
                    },
                    Ok(None) if prompt.is_some() => "not connected".into(),
                    Ok(None) => text,
                    Err(error) => format!("can't read standard input: {error}"),
                }
            }
            Err(Unchosen::Several(_, text) | Unchosen::Refused(text)) => text,
            Err(Unchosen::Usage(text)) => {
                let exit = Exit::Usage;
                return Err(Failure { exit, text });
            }
        };
        word.inspect(|word| say(word));
        return Err(failure.into());
    }
}

fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks the user which one; none where nothing was typed.
async fn asked(vms: Vec<Vm>, prompt: Option<&editor::Asker>) -> io::Result<Option<Vm>> {
    say_lines(&menu(&vms));
    let mut question = QUESTION.to_owned();
    loop {
        let answer = match prompt {
            // The keys are the line editor's.
            Some(prompt) => prompt.asks(&format!("{question} ")).await,
            None => {
                say(&question);
                // Signals that end the program are waited for meanwhile.
                Some(blocking(typed).await??)
            }
        };
        let answer = answer.unwrap_or_default();
        let answer = answer.trim();
        if answer.is_empty() {
            return Ok(None);
        }
        let number = answer.parse::<usize>().ok();
        if let Some(vm) = number.and_then(|number| vms.get(number.checked_sub(1)?)) {
            return Ok(Some(vm.clone()));
        }
        question = format!("a number from 1 to {}, or nothing to leave:", vms.len());
    }
}

/// What can be chosen from, a line each behind the first.
fn menu(vms: &[Vm]) -> String {
    let mut text = "several QEMUs are running:".to_owned();
    for (number, vm) in (1..).zip(vms) {
        let place = vm.best().map(|socket| socket.address.to_string());
        let place = place.unwrap_or_default();
        let _ = write!(text, "\n{number:>4}  {}  {place}", described(vm));
    }
    text
}

/// A line that is typed. A terminal gives a line at a time: nothing that was typed ahead is taken.
fn typed() -> io::Result<String> {
    let mut line = [0; 256];
    let count = rustix::io::read(rustix::stdio::stdin(), &mut line)?;
    Ok(String::from_utf8_lossy(line.get(..count).unwrap_or_default()).into_owned())
}

/// Connects, and says what holds it up.
pub(super) async fn dial(address: &Address, settings: &client::Options) -> Result<Link, Failure> {
    let connecting = Client::connect(address, settings);
    tokio::pin!(connecting);
    let limit = settings.wait.unwrap_or(settings.connect_timeout);
    let early = tokio::select! {
        biased;
        connected = &mut connecting => Some(connected),
        () = sleep(SOON) => None,
    };
    let connected = match early {
        Some(connected) => connected,
        None => {
            let why = tokio::select! {
                biased;
                connected = &mut connecting => Err(connected),
                why = reason(address) => Ok(why),
            };
            match why {
                Err(connected) => connected,
                Ok(why @ Silence::Other { .. }) => {
                    return Err(explained(address, &why).unwrap_or_default().into());
                }
                Ok(why) => {
                    if let Some(text) = explained(address, &why) {
                        let seconds = limit.as_secs_f64().ceil();
                        say(&format!("{text}; waiting up to {seconds} s"));
                    }
                    connecting.await
                }
            }
        }
    };
    let error = match connected {
        Ok((client, events)) => {
            return Ok(Link {
                client,
                events,
                address: Some(address.clone()),
            });
        }
        Err(error) => error,
    };
    let why = match error.is_silence() {
        true => explained(address, &reason(address).await),
        false => None,
    };
    let text = match (why, &error) {
        (Some(why), ConnectError::NoGreeting { seconds }) => {
            format!("{why}; no greeting within {seconds} s")
        }
        (Some(why), _) => format!("{why}, and more are waiting"),
        (None, error) => format!("{address}: {error}"),
    };
    Err(field(&text).into())
}

/// Why the socket is silent, found out beside the connection that is waited for.
async fn reason(address: &Address) -> Silence {
    let address = address.clone();
    let looking = blocking(move || silence(&address));
    looking.await.unwrap_or(Silence::Unknown)
}

/// A sentence without its end. Programs choose their names: it stays one line.
fn explained(address: &Address, why: &Silence) -> Option<String> {
    let text = match why {
        Silence::Unknown => return None,
        Silence::Stopped(process) => format!(
            "{address}: the process that serves it, {process}, is stopped \
             ('kill -CONT {}' lets it go on)",
            process.pid
        ),
        Silence::Other { what, pid } => format!(
            "{address}: QEMU (pid {pid}) serves {what} there; hmp needs QMP on a plain socket \
             (-qmp unix:PATH,server=on,wait=off)"
        ),
        Silence::Held { by, free } => {
            let by = match by {
                Some(holder) => holder.to_string(),
                None => "another client".to_owned(),
            };
            let free = match free {
                Some(free) => format!("; {free} of the same QEMU is free"),
                None => String::new(),
            };
            format!("{address} is held by {by} (QMP serves one client at a time){free}")
        }
    };
    Some(field(&text))
}
