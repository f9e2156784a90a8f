// SPDX-License-Identifier: GPL-2.0-or-later
//! What the README says about the commands is what the rows say.

use std::path::Path;

#[test]
fn the_status_table_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- status -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /status -->").unwrap();
    let qemus = parity::tables::offered::recorded(&root.join("recordings")).unwrap();
    let expected = parity::tables::status::table(&qemus);
    assert_eq!(
        table, expected,
        "`cargo run -p parity -- status` prints the table"
    );
}
