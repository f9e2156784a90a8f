// SPDX-License-Identifier: GPL-2.0-or-later
//! What the manual says, checked against what the library knows.

#[test]
fn the_table_of_faults_is_the_one_that_parses_them() {
    let manual = include_str!("../../docs/mock-qmp.md");
    let (_, rest) = manual.split_once("<!-- faults -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /faults -->\n").unwrap();
    assert_eq!(table, mock_qmp::fault_table());
}
