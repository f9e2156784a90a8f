// SPDX-License-Identifier: GPL-2.0-or-later
//! Names of users, from `/etc/passwd` alone: asking a directory service may take long.

use std::fs;

/// A user for messages: the name, or the number where it has none here.
#[must_use]
pub fn shown(uid: u32) -> String {
    let table = fs::read("/etc/passwd").unwrap_or_default();
    name(&String::from_utf8_lossy(&table), uid).unwrap_or_else(|| uid.to_string())
}

fn name(table: &str, uid: u32) -> Option<String> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numbers() {
        let table = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:5:5::/:\nqemu:x:107:107::/:/x\n";
        assert_eq!(name(table, 0).as_deref(), Some("root"));
        assert_eq!(name(table, 107).as_deref(), Some("qemu"));
        assert_eq!(name(table, 5), None);
        assert_eq!(shown(u32::MAX - 7), (u32::MAX - 7).to_string());
    }
}
