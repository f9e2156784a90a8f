// SPDX-License-Identifier: GPL-2.0-or-later
//! From what was named to a connection: waits for a turn, and says meanwhile who holds the socket.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::client::address::Address;
use crate::client::{self, Client, ConnectError, Events};
use crate::discover::{Silence, Vm, discover, silence};
use crate::repl::choose::{Unchosen, any, enter, named, others};
use crate::repl::exit::Exit;
use crate::repl::list::{described, field};
use crate::repl::screen::{say, say_lines};

/// When a connection that is not there yet is looked into, so that the reason is said within the
/// first second.
const SOON: Duration = Duration::from_millis(500);

/// How often running QEMUs are looked for, where one is waited for.
const LOOK: Duration = Duration::from_millis(200);

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

/// Connects to what a text names; without one, to this user's only QEMU.
pub(super) async fn connect(
    text: Option<&str>,
    settings: &client::Options,
) -> Result<Link, Failure> {
    let deadline = settings.wait.map(|wait| Instant::now() + wait);
    let address = address(text, deadline).await?;
    let mut settings = *settings;
    settings.wait = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    if text.is_none() {
        say(&format!("using {address}"));
    }
    dial(&address, &settings).await
}

/// The address that is meant, waited for until the deadline.
async fn address(text: Option<&str>, deadline: Option<Instant>) -> Result<Address, Failure> {
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
            Err(Unchosen::Several(vms, text)) if is_terminal() => match asked(vms).await {
                Ok(Some(vm)) => match enter(&vm) {
                    Ok(address) => return Ok(address),
                    Err(_) => text,
                },
                Ok(None) => text,
                Err(error) => format!("can't read standard input: {error}"),
            },
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
async fn asked(vms: Vec<Vm>) -> io::Result<Option<Vm>> {
    // Signals that end the program are waited for meanwhile.
    tokio::task::spawn_blocking(move || menu(&vms).map(|vm| vm.cloned()))
        .await
        .map_err(io::Error::other)?
}

/// As [`asked`], blocking.
fn menu(vms: &[Vm]) -> io::Result<Option<&Vm>> {
    let mut text = "several QEMUs are running:\n".to_owned();
    for (number, vm) in (1..).zip(vms) {
        let place = vm.best().map(|socket| socket.address.to_string());
        let place = place.unwrap_or_default();
        let _ = writeln!(text, "{number:>4}  {}  {place}", described(vm));
    }
    text.push_str("which one? Its number, and Enter:");
    say_lines(&text);
    loop {
        // A terminal gives a line at a time: nothing that was typed ahead is taken.
        let mut line = [0; 256];
        let count = rustix::io::read(rustix::stdio::stdin(), &mut line)?;
        let line = String::from_utf8_lossy(line.get(..count).unwrap_or_default());
        let line = line.trim();
        if line.is_empty() {
            return Ok(None);
        }
        let number = line.parse::<usize>().ok();
        if let Some(vm) = number.and_then(|number| vms.get(number.checked_sub(1)?)) {
            return Ok(Some(vm));
        }
        say(&format!(
            "a number from 1 to {}, or nothing to leave:",
            vms.len()
        ));
    }
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
    let looking = tokio::task::spawn_blocking(move || silence(&address));
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
