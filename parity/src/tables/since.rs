// SPDX-License-Identifier: GPL-2.0-or-later
//! Since which release QEMU has its QMP commands, as its schema's documentation (qapi/*.json) says.

use hmp_engine::qmp::version::Version;

use crate::case::qemu::parse_version;

/// Name and release of each command that QEMU 7.2 or 10.0 documents, sorted by name.
const TABLE: &str = include_str!("since.tsv");

/// The release that a command came with; `None` for those that are newer than the table.
#[must_use]
pub fn since(command: &str) -> Option<Version> {
    let mut lines = TABLE.lines().filter_map(|line| line.split_once('\t'));
    let (_, release) = lines.find(|(name, _)| *name == command)?;
    parse_version(release)
}

#[cfg(test)]
mod tests {
    use hmp_engine::qmp::version::v;

    use super::*;

    #[test]
    fn every_line_has_a_release() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<&str> = rows.map(|l| l.split('\t').next().unwrap()).collect();
        assert!(names.len() > 200 && names.is_sorted());
        for name in names {
            assert!(
                since(name).is_some_and(|release| release >= v(0, 13)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_newer_is_not_known() {
        assert_eq!(since("query-status"), Some(v(0, 14)));
        assert_eq!(since("x-query-irq"), Some(v(6, 2)));
        assert_eq!(since("x-query-usernet"), None);
    }
}
