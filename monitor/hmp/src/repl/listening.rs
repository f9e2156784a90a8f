// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp --listen`: makes the sockets, connects, serves; again where QEMU is waited for.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use hmp_engine::engine::Monitor;

use crate::client::Client;
use crate::client::address::Address;
use crate::host::private_file;
use crate::listen::{Ended, Qemu, Server, notify};
use crate::repl::asker::Asker;
use crate::repl::connect::{Failure, Link};
use crate::repl::exit::Exit;
use crate::repl::history::Session;
use crate::repl::home::Home;
use crate::repl::host::Program;
use crate::repl::link::{link, settings};
use crate::repl::options::{Listening, Options, Target};
use crate::repl::screen::{say, say_lines};
use crate::repl::signals::Signals;
use crate::terminal::bar::Bar;

/// How long QEMU's socket is waited for: both may have been started at once.
const WAIT: Duration = Duration::from_secs(10);

/// Serves until QEMU ends, or a signal comes.
pub(super) async fn run(mut options: Options, how: Listening) -> Exit {
    let descriptors = Arc::new(mem::take(&mut options.descriptors));
    let named = move |name: &str| descriptors.get(name)?.try_clone_to_owned().ok();
    let server = match Server::bind(&how.places, &how.binding, how.manner, named) {
        Ok(server) => server,
        Err(error) => {
            say(&error.to_string());
            return Exit::Failed;
        }
    };
    options.wait.get_or_insert(WAIT);
    let mut signals = Signals::catch(false);
    let exit = tokio::select! {
        biased;
        caught = signals.recv() => {
            say(&format!("ended by {}", caught.name()));
            Exit::Signal(caught)
        }
        exit = serve(&server, &options, &how) => exit,
    };
    notify("STOPPING=1");
    exit
}

async fn serve(server: &Server, options: &Options, how: &Listening) -> Exit {
    // Ends with the program, not before.
    let mut mock = None;
    let (home, mut link, mut monitor) = match connected(options, &mut mock).await {
        Ok(connected) => connected,
        Err(failure) => {
            say_lines(&failure.text);
            return failure.exit;
        }
    };
    for place in &how.places {
        say(&format!("listening at {place}"));
    }
    notify("READY=1");
    loop {
        let Link { client, events, .. } = &mut link;
        let ended = server.serve(qemu(options, client, &monitor), events).await;
        if !options.reconnect || home.address.is_none() {
            return over(ended, &link.client);
        }
        say("QEMU is gone; clients wait until it is back");
        notify("STATUS=waiting for QEMU");
        (link, monitor) = home.back().await;
        say("QEMU is back");
        notify("STATUS=");
    }
}

/// The first connection. With `--reconnect`, a QEMU that is not there yet is waited for.
async fn connected(
    options: &Options,
    mock: &mut Option<mock_qmp::Server>,
) -> Result<(Home, Link, Monitor), Failure> {
    let home = |address| home(options, address);
    let made = async {
        let link = link(options, mock).await?;
        let home = home(link.address.clone());
        let monitor = home.monitor(&link.client).await?;
        Ok((home, link, monitor))
    };
    let failure: Failure = match made.await {
        Ok(connected) => return Ok(connected),
        Err(failure) => failure,
    };
    let address = match &options.target {
        Target::Named(text) if options.reconnect => text.parse().ok(),
        _ => None,
    };
    if address.is_none() || failure.exit != Exit::Unconnected {
        return Err(failure);
    }
    say_lines(&format!("{}; waiting for it", failure.text));
    notify("READY=1\nSTATUS=waiting for QEMU");
    let home = home(address);
    let (link, monitor) = home.back().await;
    notify("STATUS=");
    Ok((home, link, monitor))
}

/// Makes connections to the QEMU at `address`.
fn home(options: &Options, address: Option<Address>) -> Home {
    let recorded = matches!(options.target, Target::Recording(_));
    if !recorded {
        private_file::clear(&std::env::temp_dir());
    }
    Home {
        address,
        settings: settings(options),
        // Clients have hosts of their own.
        host: Arc::new(Program {
            descriptors: Default::default(),
            asker: Asker::Nobody,
            history: Arc::new(Session::default()),
            stage: Arc::default(),
            bar: Bar::default(),
        }),
        passthrough: options.passthrough,
        allow: options.allow,
        clears: !recorded,
        replies: false,
        reconnect: options.reconnect,
        carried: matches!(options.target, Target::Libvirt { .. }),
        exit_on_end: options.exit_on_end,
    }
}

fn qemu(options: &Options, client: &Client, monitor: &Monitor) -> Qemu {
    Qemu {
        client: client.clone(),
        caps: monitor.caps().clone(),
        passthrough: options.passthrough,
        allow: options.allow,
        patience: options.timeout,
    }
}

fn over(ended: Ended, client: &Client) -> Exit {
    match (ended, client.end()) {
        (Ended::Shutdown, _) => Exit::Success,
        (Ended::Lost, Some(end)) => {
            say(&end.to_string());
            Exit::Lost
        }
        (Ended::Lost, None) => {
            say("connection to QEMU lost");
            Exit::Lost
        }
    }
}
