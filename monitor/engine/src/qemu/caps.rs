// SPDX-License-Identifier: GPL-2.0-or-later
//! What the connected QEMU offers: its version, its QMP commands, its target.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use futures_util::future::join3;
use serde::Deserialize;
use serde_json::Value;

use crate::qemu::schema::Schema;
use crate::qmp::version::Version;
use crate::qmp::{self, Qmp, QmpError};

/// What is known of a QEMU, learnt at connect time.
#[derive(Clone, Debug, Default)]
pub struct Caps {
    /// From `query-version`.
    pub version: Version,
    /// The package string of `query-version`, as QEMU's builder set it; often empty.
    pub package: String,
    /// The target architecture in QAPI's spelling (`x86_64`, `s390x`, ...), from `query-target`;
    /// unknown in preconfig.
    pub arch: Option<String>,
    /// Whether the machine is not initialised yet (`--preconfig`), so that QEMU refuses most
    /// commands.
    pub preconfig: bool,
    commands: BTreeSet<String>,
    schema: OnceLock<Arc<Schema>>,
}

#[derive(Deserialize)]
struct VersionInfo {
    qemu: Triple,
    #[serde(default)]
    package: String,
}

#[derive(Deserialize)]
struct Triple {
    major: u32,
    minor: u32,
    micro: u32,
}

#[derive(Deserialize)]
struct TargetInfo {
    arch: String,
}

#[derive(Deserialize)]
struct CommandInfo {
    name: String,
}

async fn version(qmp: &dyn Qmp) -> Result<VersionInfo, QmpError> {
    let greeted = qmp.greeting().and_then(|greeting| {
        // A greeting of another form is for `query-version` to make good.
        VersionInfo::deserialize(greeting.get("version")?).ok()
    });
    match greeted {
        Some(version) => Ok(version),
        None => qmp::query(qmp, "query-version", Value::Null).await,
    }
}

async fn target(qmp: &dyn Qmp) -> Result<TargetInfo, QmpError> {
    qmp::query(qmp, "query-target", Value::Null).await
}

impl Caps {
    /// Asks QEMU with `query-commands` and `query-target`, and with `query-version` where its
    /// greeting is not at hand.
    ///
    /// In preconfig QEMU refuses `query-target`, which is how preconfig is told: no QMP command
    /// names that state.
    pub async fn probe(qmp: &dyn Qmp) -> Result<Self, QmpError> {
        // In one go: whoever runs one line waits for these.
        let (version, commands, target) = join3(
            version(qmp),
            qmp::query::<Vec<CommandInfo>>(qmp, "query-commands", Value::Null),
            target(qmp),
        )
        .await;
        let (version, commands) = (version?, commands?);
        let mut caps = Self {
            version: Version {
                major: version.qemu.major,
                minor: version.qemu.minor,
                micro: version.qemu.micro,
            },
            package: version.package,
            arch: None,
            preconfig: false,
            commands: commands.into_iter().map(|c| c.name).collect(),
            schema: OnceLock::new(),
        };
        caps.take_target(target)?;
        Ok(caps)
    }

    /// Looks again whether the machine is initialised by now.
    pub async fn probe_target(&mut self, qmp: &dyn Qmp) -> Result<(), QmpError> {
        self.take_target(target(qmp).await)
    }

    fn take_target(&mut self, answer: Result<TargetInfo, QmpError>) -> Result<(), QmpError> {
        match answer {
            Ok(target) => {
                self.arch = Some(target.arch);
                self.preconfig = false;
                Ok(())
            }
            Err(QmpError::Command { .. }) => {
                self.preconfig = self.has("x-exit-preconfig");
                self.arch = self.told_by_commands().map(str::to_owned);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// The target, or another of its family, as far as commands that only its QEMU has tell it
    /// (QAPI's `if` conditions on targets, until QEMU 11.1 has all commands for all).
    fn told_by_commands(&self) -> Option<&'static str> {
        const OWN: [(&str, &str); 3] = [
            ("rtc-reset-reinjection", "x86_64"),
            ("dump-skeys", "s390x"),
            ("query-gic-capabilities", "aarch64"),
        ];
        let mut targets = OWN.iter().filter(|(command, _)| self.has(command));
        match (targets.next(), targets.next()) {
            (Some((_, target)), None) => Some(target),
            _ => None,
        }
    }

    /// The schema of this QEMU, asked for once (`query-qmp-schema`, some hundred kilobytes).
    pub async fn schema(&self, qmp: &dyn Qmp) -> Result<Arc<Schema>, QmpError> {
        if let Some(schema) = self.schema.get() {
            return Ok(schema.clone());
        }
        let schema = Arc::new(Schema::new(
            qmp.execute("query-qmp-schema", Value::Null).await?,
        ));
        Ok(self.schema.get_or_init(|| schema).clone())
    }

    /// Whether this QEMU has the QMP command.
    #[must_use]
    pub fn has(&self, command: &str) -> bool {
        self.commands.contains(command)
    }

    /// The QMP commands, sorted by name.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().map(String::as_str)
    }

    /// Capabilities as a test or an offline report wants them.
    pub fn from_parts<I, S>(version: Version, arch: Option<&str>, commands: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            version,
            package: String::new(),
            arch: arch.map(str::to_owned),
            preconfig: false,
            commands: commands.into_iter().map(Into::into).collect(),
            schema: OnceLock::new(),
        }
    }
}
