// SPDX-License-Identifier: GPL-2.0-or-later
//! What the connected QEMU offers: its version, its QMP commands, its target.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::join3;
use serde::Deserialize;
use serde_json::Value;

use crate::qemu::schema::Schema;
use crate::qmp::version::Version;
use crate::qmp::{self, Qmp, QmpError};

/// What is known of a QEMU, learnt at connect time. Clones share the list of commands, and the
/// schema from the moment that one of them asks for it.
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
    /// Shared: a line that is answered ahead of its turn has a monitor of its own.
    commands: Arc<BTreeSet<String>>,
    schema: Arc<OnceLock<Arc<Schema>>>,
    /// For a [guess](Self::guess): whether it was asked what it can't answer.
    beyond: Option<Arc<AtomicBool>>,
}

/// Commands that every QEMU has from 7.2 on, whatever its target and build. Kept sorted.
pub const EVERYWHERE: &[&str] = &[
    "query-balloon",
    "query-block",
    "query-block-jobs",
    "query-blockstats",
    "query-chardev",
    "query-cpus-fast",
    "query-dump",
    "query-hotpluggable-cpus",
    "query-iothreads",
    "query-jobs",
    "query-kvm",
    "query-memdev",
    "query-memory-devices",
    "query-memory-size-summary",
    "query-mice",
    "query-migrate",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-name",
    "query-named-block-nodes",
    "query-status",
    "query-target",
    "query-uuid",
    "query-version",
    "query-vm-generation-id",
];

/// The built-in monitor, which nearly every QEMU has: what a guess answers is not changed by it.
const BUILTIN: &str = "human-monitor-command";

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
            commands: Arc::new(commands.into_iter().map(|c| c.name).collect()),
            schema: Arc::default(),
            beyond: None,
        };
        caps.take_target(target)?;
        Ok(caps)
    }

    /// What can be said of a QEMU by its greeting alone: its version, and the commands that every
    /// QEMU has; none where the greeting is not at hand. Whatever else it is asked makes it
    /// [not enough](Self::was_enough).
    pub fn guess(qmp: &dyn Qmp) -> Option<Self> {
        let version = VersionInfo::deserialize(qmp.greeting()?.get("version")?).ok()?;
        Some(Self {
            version: Version {
                major: version.qemu.major,
                minor: version.qemu.minor,
                micro: version.qemu.micro,
            },
            package: version.package,
            beyond: Some(Arc::default()),
            ..Self::default()
        })
    }

    /// Whether all that was asked of it so far is certain.
    #[must_use]
    pub fn was_enough(&self) -> bool {
        let beyond = self.beyond.as_ref();
        beyond.is_none_or(|beyond| !beyond.load(Ordering::Relaxed))
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
        if let Some(beyond) = &self.beyond {
            let known = command == BUILTIN || EVERYWHERE.binary_search(&command).is_ok();
            beyond.fetch_or(!known, Ordering::Relaxed);
            return known;
        }
        self.commands.contains(command)
    }

    /// The QMP commands, sorted by name.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().map(String::as_str)
    }

    /// Capabilities that are known without asking: those of a program that is QEMU itself, of a test,
    /// of an offline report. `commands` are the QMP commands, in any order. The package is empty and
    /// the machine initialised; both are public members.
    ///
    /// ```
    /// use hmp_engine::qemu::caps::Caps;
    /// use hmp_engine::qmp::version::v;
    ///
    /// let mut caps = Caps::from_parts(v(10, 2), Some("x86_64"), ["query-status", "stop"]);
    /// caps.package = "v10.2.0-dirty".into();
    /// caps.preconfig = true;
    /// assert!(caps.has("stop") && !caps.has("cont"));
    /// ```
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
            commands: Arc::new(commands.into_iter().map(Into::into).collect()),
            schema: Arc::default(),
            beyond: None,
        }
    }
}
