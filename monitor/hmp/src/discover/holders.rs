// SPDX-License-Identifier: GPL-2.0-or-later
//! Which processes have sockets open, from their descriptors in `/proc`: those of this user, for
//! root all.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use crate::discover::found::Holder;

/// The processes with these sockets open, by inode. Where several have one open, the first.
pub(super) fn holders(proc: &Path, wanted: &HashSet<u64>) -> HashMap<u64, Holder> {
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    for pid in processes(proc) {
        let folder = proc.join(pid.to_string());
        let Ok(descriptors) = fs::read_dir(folder.join("fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let target = fs::read_link(descriptor.path()).ok();
            let inode = target.as_deref().and_then(socket_inode);
            if let Some(inode) = inode.filter(|inode| wanted.contains(inode)) {
                let program = || fs::read(folder.join("comm")).unwrap_or_default();
                found.entry(inode).or_insert_with(|| Holder {
                    pid,
                    program: String::from_utf8_lossy(&program()).trim_end().to_owned(),
                });
            }
        }
        if found.len() == wanted.len() {
            break;
        }
    }
    found
}

/// The numbers of all processes, in order.
pub(super) fn processes(proc: &Path) -> Vec<u32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// The inode in a descriptor's link, `socket:[INODE]`.
pub(super) fn socket_inode(target: &Path) -> Option<u64> {
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    inode.strip_suffix(']')?.parse().ok()
}

/// Whether a process is stopped, by a signal or a debugger, from its `stat`: the state follows the
/// program's name in parentheses, which may hold parentheses.
pub(super) fn is_stopped(proc: &Path, pid: u32) -> bool {
    let stat = fs::read(proc.join(pid.to_string()).join("stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|rest| rest.starts_with(['T', 't']))
}
