// SPDX-License-Identifier: GPL-2.0-or-later
//! The engine on a connection, as every kind of run builds it.

use std::sync::Arc;

use hmp::client::Client;
use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::{Host, Risk};
use hmp_engine::qmp::QmpError;

/// The engine without help of the built-in monitor, and without a user.
pub async fn native(client: Client) -> Result<Monitor, QmpError> {
    with(client, Arc::new(Unattended), Passthrough::Never, Risk::Safe).await
}

/// The engine in the program `host`.
pub async fn with(
    client: Client,
    host: Arc<dyn Host>,
    passthrough: Passthrough,
    allow: Risk,
) -> Result<Monitor, QmpError> {
    let builder = Monitor::builder(Arc::new(client)).host(host);
    builder.passthrough(passthrough).allow(allow).build().await
}
