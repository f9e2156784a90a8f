// SPDX-License-Identifier: GPL-2.0-or-later
//! Which lines carry a secret, so that programs keep them out of histories and recordings.

use crate::command::rows;
use crate::grammar::secret::is_secret;
use crate::table::MAIN;

/// Whether a line may hold a password or a key. In doubt it does: a line that is missing from a
/// history costs little.
#[must_use]
pub fn may_hold_one(line: &str) -> bool {
    let line = line.to_ascii_lowercase().replace('"', "");
    let mut words = line.split_ascii_whitespace();
    let command = words.next().unwrap_or_default();
    rows::find(MAIN, command).is_some_and(|row| row.secret.may_be_in(words.clone()))
        || words.any(sets_secret)
}

/// Whether a line has QEMU's user asked for a password, so that the next one may be it.
#[must_use]
pub fn asks_for_one(line: &str) -> bool {
    let line = line.replace('"', "");
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    matches!(words[..], ["change", _, "passwd" | "password"])
}

/// Whether a word sets something that is called a secret: `a=b,password=x`, `{password:x`.
fn sets_secret(word: &str) -> bool {
    word.split([',', '{'])
        .filter_map(|option| option.split(['=', ':']).next().filter(|key| *key != option))
        .any(is_secret)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("set_password vnc hunter2")]
    #[case("  set_password spice hunter2 fail")]
    #[case("SET_PASSWORD x")]
    #[case("change vnc password hunter2")]
    #[case("change vnc \"passwd\" hunter2")]
    #[case("object_add secret,id=s,data=hunter2")]
    #[case("object_add secret_keyring,id=s")]
    #[case("object_add qom-type=secret,id=s,data=hunter2")]
    #[case("object_add \"secret,id=s,data=hunter2\"")]
    #[case("device_add usb-ccid,password=hunter2")]
    #[case("drive_add 0 file=x,file.password=hunter2")]
    #[case("chardev-add socket,id=a,secret=hunter2")]
    #[case("qom-set /objects/s data hunter2")]
    #[case("qom-set -j /objects/s password x")]
    #[case("device_add {\"driver\":\"x\",\"password\":\"x\"}")]
    fn secret(#[case] line: &str) {
        assert!(may_hold_one(line));
    }

    #[test]
    fn a_password_that_is_not_there_is_asked_for() {
        assert!(asks_for_one("change vnc password"));
        assert!(asks_for_one(" change \"vnc\" passwd "));
        for line in [
            "change vnc password x",
            "set_password vnc x",
            "change cd0 a",
            "",
        ] {
            assert!(!asks_for_one(line), "{line}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("info status")]
    #[case("change cd0 /tmp/a.iso")]
    #[case("object_add rng-random,id=r")]
    #[case("object_del secret0")]
    #[case("expire_password vnc never")]
    #[case("drive_add 0 file=x,password-secret=s0")]
    #[case("qom-set /machine x y")]
    #[case("help set_password")]
    fn plain(#[case] line: &str) {
        assert!(!may_hold_one(line));
    }
}
