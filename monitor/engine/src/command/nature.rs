// SPDX-License-Identifier: GPL-2.0-or-later
//! What a command is by nature: what it is about, what it does, whether its lines may hold a
//! secret.

/// What commands are about, so that lists can group them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The monitor itself.
    Monitor,
    /// Running, stopping, resetting.
    RunState,
    /// CPUs.
    Cpus,
    /// The guest's memory.
    Memory,
    /// Jobs on block devices.
    BlockJobs,
    /// Snapshots of disks and of the whole VM.
    Snapshots,
    /// Block devices and their images.
    Block,
    /// Character devices.
    CharacterDevices,
    /// Network back ends and devices.
    Network,
    /// Displays and input.
    Display,
    /// Sound.
    Audio,
    /// Devices and objects.
    Devices,
    /// Virtio devices.
    Virtio,
    /// Migration and dirty rates.
    Migration,
    /// Trace events and statistics.
    Tracing,
    /// The machine as a whole.
    Machine,
}

impl Family {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 16] = [
        Self::Monitor,
        Self::RunState,
        Self::Cpus,
        Self::Memory,
        Self::BlockJobs,
        Self::Snapshots,
        Self::Block,
        Self::CharacterDevices,
        Self::Network,
        Self::Display,
        Self::Audio,
        Self::Devices,
        Self::Virtio,
        Self::Migration,
        Self::Tracing,
        Self::Machine,
    ];

    /// The name in lists.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::RunState => "run state",
            Self::Cpus => "CPUs",
            Self::Memory => "memory",
            Self::BlockJobs => "block jobs",
            Self::Snapshots => "snapshots",
            Self::Block => "block",
            Self::CharacterDevices => "character devices",
            Self::Network => "network",
            Self::Display => "display and input",
            Self::Audio => "audio",
            Self::Devices => "devices",
            Self::Virtio => "virtio",
            Self::Migration => "migration",
            Self::Tracing => "tracing and statistics",
            Self::Machine => "machine",
        }
    }
}

/// What a command does to the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it looks, or changes what the monitor itself remembers.
    Looks,
    /// Nothing, but it writes a file.
    Writes,
    /// It changes the VM. The QMP commands, by name or as whole requests, are those whose answers
    /// show the change.
    Changes(&'static [&'static str]),
}

/// Whether lines of a command may hold a password or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// No more than any option of that name may.
    Never,
    /// Yes.
    Always,
    /// Those in which a word holds one of these, in lower case.
    Mentions(&'static [&'static str]),
}

impl Secret {
    /// Whether a line of the command may hold a secret: these words, in lower case, are behind its
    /// name.
    #[must_use]
    pub fn may_be_in<'a>(self, mut words: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Mentions(parts) => words.any(|word| parts.iter().any(|part| word.contains(part))),
        }
    }
}
