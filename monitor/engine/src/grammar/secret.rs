// SPDX-License-Identifier: GPL-2.0-or-later
//! Names of what is secret.

/// Whether an option or a property of this name is a secret, in small letters. `password-secret` is
/// none: its value names an object.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let parts = ["passw", "passphrase", "secret", "private-key"];
    let holds = name == "cookie" || name.ends_with(".cookie");
    holds || parts.iter().any(|part| name.contains(part)) && !name.ends_with("-secret")
}
