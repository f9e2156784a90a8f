// SPDX-License-Identifier: GPL-2.0-or-later
//! Completes names of files where QEMU opens them: in its working directory and root, where `/proc`
//! shows those of a QEMU on this machine, else in ours.

use std::fs;
use std::path::{Path, PathBuf};

use hmp_engine::engine::complete::Completion;

/// Where names of files are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where absolute names start.
    root: PathBuf,
    /// Where other names start.
    folder: PathBuf,
    /// What `~/` is short for, as typed by the user.
    home: Option<String>,
}

impl Place {
    /// This process's own.
    #[must_use]
    pub fn ours(home: Option<String>) -> Self {
        Self {
            root: "/".into(),
            folder: ".".into(),
            home,
        }
    }

    /// Those of a process of this system that works in `folder`.
    #[must_use]
    pub fn working_in(folder: PathBuf) -> Self {
        Self {
            root: "/".into(),
            folder,
            home: None,
        }
    }

    /// Those of the process `pid`; ours where the system does not show them.
    #[must_use]
    pub fn of_process(pid: u32, home: Option<String>) -> Self {
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        let folder = PathBuf::from(format!("/proc/{pid}/cwd"));
        if fs::read_dir(&root).is_ok() && fs::read_dir(&folder).is_ok() {
            Self { root, folder, home }
        } else {
            Self::ours(home)
        }
    }

    /// Where we find what is called `name` there.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        match name.strip_prefix('/') {
            Some(below) => self.root.join(below.trim_start_matches('/')),
            None => self.folder.join(name),
        }
    }
}

/// The candidates for the word before byte `pos` of `line`, names of files in `place` included where
/// the argument is one.
#[must_use]
pub fn with_files(completion: Completion, place: &Place, line: &str, pos: usize) -> Vec<String> {
    let mut candidates = completion.candidates;
    if completion.files {
        let typed = line.get(completion.start..pos).unwrap_or_default();
        candidates.extend(complete(place, unquoted(typed)));
    }
    candidates
}

/// A word in quotes, without them.
#[must_use]
pub fn unquoted(word: &str) -> &str {
    let inner = word.strip_prefix('"').unwrap_or(word);
    inner.strip_suffix('"').unwrap_or(inner)
}

/// The files and folders whose path starts with `typed`, folders with a slash behind, sorted.
/// Hidden ones count. `~/` becomes the home folder: QEMU does not know it.
#[must_use]
pub fn complete(place: &Place, typed: &str) -> Vec<String> {
    let expanded = match (typed.strip_prefix("~/"), &place.home) {
        (Some(rest), Some(home)) => format!("{}/{rest}", home.trim_end_matches('/')),
        _ => typed.to_owned(),
    };
    let (folder, name) = match expanded.rfind('/') {
        Some(slash) => expanded.split_at(slash + 1),
        None => ("", expanded.as_str()),
    };
    let read = fs::read_dir(place.path(folder));
    let mut found: Vec<String> = read
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let file = entry.file_name().into_string().ok()?;
            let slash = if is_folder(&entry.path()) { "/" } else { "" };
            file.starts_with(name)
                .then(|| format!("{folder}{file}{slash}"))
        })
        .collect();
    found.sort_unstable();
    found
}

fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(typed: &str) -> Vec<String> {
        complete(&Place::ours(None), typed)
    }

    #[test]
    fn files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().display().to_string();
        for name in ["disk.img", "disk2", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("disks")).unwrap();
        let expected = [
            format!("{base}/disk.img"),
            format!("{base}/disk2"),
            format!("{base}/disks/"),
        ];
        assert_eq!(here(&format!("{base}/di")), expected);
        assert_eq!(here(&format!("{base}/")).len(), 4);
        assert_eq!(here(&format!("{base}/no/such")), [""; 0]);
        assert!(here("Cargo.t").contains(&"Cargo.toml".to_owned()));
        let home = Place::ours(Some(base.clone()));
        assert_eq!(complete(&home, "~/disk."), [format!("{base}/disk.img")]);
    }

    #[test]
    fn a_process_has_a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("only-here"), "").unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        let place = Place::of_process(child.id(), None);
        // The folder is its own once the program was started.
        let mut found = Vec::new();
        for _ in 0..100 {
            found = complete(&place, "only");
            if !found.is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, ["only-here"]);
        assert_eq!(Place::of_process(u32::MAX, None), Place::ours(None));
    }
}
