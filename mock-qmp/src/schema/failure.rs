// SPDX-License-Identifier: GPL-2.0-or-later
//! An error reply.

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// QEMU's error class.
    pub class: &'static str,
    /// Text for people.
    pub desc: String,
}

impl Failure {
    /// An error of class `GenericError`.
    pub fn generic(desc: impl Into<String>) -> Self {
        Self {
            class: "GenericError",
            desc: desc.into(),
        }
    }

    /// An error of class `DeviceNotFound`.
    pub fn no_device(desc: impl Into<String>) -> Self {
        Self {
            class: "DeviceNotFound",
            desc: desc.into(),
        }
    }

    /// An error of class `CommandNotFound`.
    pub fn not_found(desc: impl Into<String>) -> Self {
        Self {
            class: "CommandNotFound",
            desc: desc.into(),
        }
    }
}
