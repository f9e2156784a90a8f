// SPDX-License-Identifier: GPL-2.0-or-later
//! Completes names of files on this machine, as the built-in does with QEMU's.

use std::fs;
use std::path::Path;

/// The files and folders whose path starts with `typed`, folders with a slash behind, sorted.
/// Hidden ones count.
pub fn complete(typed: &str) -> Vec<String> {
    let (folder, name) = match typed.rfind('/') {
        Some(slash) => typed.split_at(slash + 1),
        None => ("", typed),
    };
    let read = fs::read_dir(if folder.is_empty() { "." } else { folder });
    let mut found: Vec<String> = read
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let file = entry.ok()?.file_name().into_string().ok()?;
            let path = format!("{folder}{file}");
            let slash = if Path::new(&path).is_dir() { "/" } else { "" };
            file.starts_with(name).then(|| path + slash)
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().display();
        for name in ["disk.img", "disk2", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("disks")).unwrap();
        let expected = [
            format!("{base}/disk.img"),
            format!("{base}/disk2"),
            format!("{base}/disks/"),
        ];
        assert_eq!(complete(&format!("{base}/di")), expected);
        assert_eq!(complete(&format!("{base}/")).len(), 4);
        assert_eq!(complete(&format!("{base}/no/such")), [""; 0]);
        assert!(complete("Cargo.t").contains(&"Cargo.toml".to_owned()));
    }
}
