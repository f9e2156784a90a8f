// SPDX-License-Identifier: GPL-2.0-or-later
//! Imports libvirt's own recordings: the folder that `HMP_TEST_REPLIES` names holds
//! `caps_*.replies` files.

use std::path::PathBuf;

use mock_qmp::{Recording, import, recording};

#[test]
fn real_files_import_and_pass_the_check() {
    let Some(folder) = std::env::var_os("HMP_TEST_REPLIES").map(PathBuf::from) else {
        eprintln!("skipped: no libvirt recordings (HMP_TEST_REPLIES names their folder)");
        return;
    };
    let output = tempfile::tempdir().unwrap();
    let mut imported = 0;
    for file in std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file
            .extension()
            .is_none_or(|extension| extension != "replies")
        {
            continue;
        }
        let folder = import::libvirt(&file, output.path()).unwrap();
        assert_eq!(
            recording::check(&folder).unwrap(),
            Vec::<String>::new(),
            "{}",
            file.display()
        );
        let main = Recording::load(&folder).unwrap();
        let commands: Vec<&str> = main
            .topic()
            .entries()
            .iter()
            .map(|entry| entry.command.as_str())
            .collect();
        for command in ["query-version", "query-commands", "query-qmp-schema"] {
            assert!(
                commands.contains(&command),
                "{}: no {command}",
                file.display()
            );
        }
        imported += 1;
    }
    assert!(imported > 0, "no .replies files in {}", folder.display());
}
