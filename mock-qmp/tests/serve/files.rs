// SPDX-License-Identifier: GPL-2.0-or-later
//! What a recording wrote into files.

use rstest::rstest;
use serde_json::json;

use crate::mock::{Mock, machine};

#[rstest]
#[case(&[], false, false)]
#[case(&["--files", "none"], false, false)]
#[case(&["--files", "{}/own"], false, true)]
#[case(&["--files", "real"], true, false)]
fn files_are_written_where_that_was_asked_for(
    #[case] options: &[&str],
    #[case] real: bool,
    #[case] own: bool,
) {
    let machine = machine();
    let mock = Mock::start(&[&[machine.as_str()], options].concat());
    let target = tempfile::tempdir_in("/tmp").unwrap();
    let file = target.path().join("screen.ppm");
    std::fs::write(&file, "mine").unwrap();
    let mut client = mock.client();
    let filename = file.display().to_string();
    assert_eq!(
        client.ask("screendump", json!({"filename": filename})),
        json!({})
    );
    let is_mine = std::fs::read(&file).unwrap() == b"mine";
    assert_eq!(is_mine, !real);
    let below = mock.path("own").join(file.strip_prefix("/").unwrap());
    assert_eq!(below.exists(), own);
    if own {
        assert!(std::fs::read(&below).unwrap().starts_with(b"P6"));
    }
}

#[test]
fn what_a_migration_wrote_is_there_when_it_is_asked_for() {
    let machine = machine();
    let mock = Mock::start(&[&machine, "--files", "{}/own"]);
    let mut client = mock.client();
    client.ask("cont", json!({}));
    assert_eq!(
        client.ask("migrate", json!({"uri": "file:/tmp/there/state"})),
        json!({})
    );
    let written = std::fs::read(mock.path("own/tmp/there/state")).unwrap();
    assert!(
        written.starts_with(b"QEVM") && written.len() > 4096,
        "{} bytes",
        written.len()
    );
}
