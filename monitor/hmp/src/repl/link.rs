// SPDX-License-Identifier: GPL-2.0-or-later
//! From options to a connection.

use crate::client;
use crate::client::relay::{self, Carrier};
use crate::repl::connect::{Failure, Link, connect};
use crate::repl::options::{Options, Target};
use crate::repl::{libvirt, replay};

/// Connects to what the options name; a recording is served by `mock`.
pub(super) async fn link(
    options: &Options,
    mock: &mut Option<mock_qmp::Server>,
) -> Result<Link, Failure> {
    let settings = settings(options);
    match &options.target {
        Target::Recording(path) => {
            let settings = client::Options {
                relayed: true,
                ..settings
            };
            let (server, client, events) = replay::connect(path, &settings).await?;
            *mock = Some(server);
            Ok(Link {
                client,
                events,
                address: None,
            })
        }
        Target::Libvirt { domain, agreed } => {
            libvirt::agree(domain, *agreed).await?;
            let connected = relay::connect(Carrier::virsh(domain), &settings).await;
            let (client, events) = connected.map_err(|error| error.to_string())?;
            Ok(Link {
                client,
                events,
                address: None,
            })
        }
        Target::All => Err("all QEMUs have no prompt".to_owned().into()),
        Target::Named(text) => connect(Some(text), &settings, None).await,
        Target::Discover => connect(None, &settings, None).await,
    }
}

/// How connections are made.
pub(super) fn settings(options: &Options) -> client::Options {
    client::Options {
        wait: options.wait,
        command_timeout: options.timeout,
        ..client::Options::default()
    }
}
