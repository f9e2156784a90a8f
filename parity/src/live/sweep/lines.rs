// SPDX-License-Identifier: GPL-2.0-or-later
//! The lines of a sweep: from the rows of commands that only look, and what the VM has.

use hmp_engine::command::nature::{Effect, Family};
use hmp_engine::command::row::{Command, Comp};
use hmp_engine::command::rows::Rows;
use hmp_engine::qmp::version::Version;

pub use super::things::Things;

/// Rows that only look and whose answers are not for a comparison.
const LEFT_OUT: &[(&str, &str)] = &[
    ("help", "its sentences are our own"),
    ("info", "without a name it is the help of all its commands"),
    ("clear", "it clears the screen"),
    ("cpu", "it changes what later lines of one monitor mean"),
];

/// Lines of one row, where it is not the whole tree of objects that is asked for.
const MOST: usize = 24;

/// A line as far as it is put together.
#[derive(Clone, Default)]
struct Draft {
    line: String,
    /// The object that an argument named.
    path: String,
}

/// All lines for a VM; with `all`, every object that [`Things`] found is asked for.
#[must_use]
pub fn of(rows: &Rows, version: Version, things: &Things, all: bool) -> Vec<String> {
    let looks = rows.all().filter(|(_, row)| row.effect == Effect::Looks);
    let mut lines = Vec::new();
    for (prefix, row) in looks {
        let name = row.names().next().unwrap_or_default();
        if prefix.is_empty() && LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        let mut drafts = vec![Draft {
            line: format!("{prefix}{name}"),
            path: String::new(),
        }];
        let specs = row.args_in(version).split(',').filter(|s| !s.is_empty());
        for (key, kind) in specs.filter_map(|spec| spec.split_once(':')) {
            let longer = drafts
                .iter()
                .map(|draft| with(draft, row, key, kind, things));
            drafts = longer.flatten().collect();
        }
        if name == "stats" && things.cpus == 0 {
            // Of virtual CPUs that are not there: the built-in ends QEMU.
            drafts.retain(|draft| !draft.line.contains("vcpu"));
        }
        let whole = all && row.family == Family::Devices;
        lines.extend(thinned(drafts, if whole { usize::MAX } else { MOST }));
    }
    lines
}

/// At most so many of them, from all along the list.
fn thinned(drafts: Vec<Draft>, most: usize) -> impl Iterator<Item = String> {
    let step = drafts.len().div_ceil(most).max(1);
    drafts.into_iter().step_by(step).map(|draft| draft.line)
}

/// The drafts that one more argument makes of one.
fn with(draft: &Draft, row: &Command, key: &str, kind: &str, things: &Things) -> Vec<Draft> {
    if let Some(flag) = kind.strip_prefix('-') {
        let set = Draft {
            line: format!("{} -{}", draft.line, flag.get(..1).unwrap_or_default()),
            ..draft.clone()
        };
        return vec![draft.clone(), set];
    }
    let optional = kind.ends_with('?');
    let mut made: Vec<Draft> = values(draft, row, key, kind, things)
        .into_iter()
        .map(|value| Draft {
            // A format belongs to the name.
            line: match kind.starts_with('/') {
                true => format!("{}{value}", draft.line),
                false => format!("{} {value}", draft.line),
            },
            path: if key == "path" {
                value
            } else {
                draft.path.clone()
            },
        })
        .collect();
    if optional {
        made.insert(0, draft.clone());
    }
    made
}

/// What an argument can be on this VM, beside being left out.
fn values(draft: &Draft, row: &Command, key: &str, kind: &str, things: &Things) -> Vec<String> {
    let owned = |list: &[&str]| list.iter().map(|&value| value.to_owned()).collect();
    let completes = row.complete.iter().find(|(name, _)| *name == key);
    if let Some((_, Comp::TraceEvent)) = completes {
        return owned(&["virtio_*", "qmp_enter", "nosuch*"]);
    }
    match (kind.chars().next().unwrap_or('s'), key) {
        ('/', _) if row.name.starts_with("print") => owned(&["", "/x"]),
        ('/', _) => owned(&["/4xw", "/2i", "/8cb"]),
        ('B', _) => [things.drives.clone(), things.nodes.clone()].concat(),
        ('l' | 'i', "addr" | "start") => owned(&things.addresses),
        ('l', "val") => owned(&["(1+2)*3"]),
        ('i', "size") => owned(&["16"]),
        ('o', _) => owned(&["1k"]),
        ('i', "vcpu") if row.family == Family::Cpus => {
            let mut last: Vec<_> = [0, things.cpus].map(|cpu| cpu.to_string()).into();
            last.extend(things.cpus.checked_sub(1).map(|cpu| cpu.to_string()));
            last
        }
        ('i', "apic-id") => owned(&["0", "1"]),
        ('i', "queue") => owned(&["0", "1", "99"]),
        ('s', "path") if row.family == Family::Virtio => things.virtio.clone(),
        ('s', "path") => things.objects.keys().cloned().collect(),
        ('s', "property") => {
            let properties = things.objects.get(&draft.path);
            properties.cloned().unwrap_or_default()
        }
        ('s', "name") if row.family == Family::Network => things.rockers.clone(),
        ('s', "target") => owned(&["vm", "vcpu", "cryptodev"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use hmp_engine::qemu::caps::Caps;
    use hmp_engine::qmp::version::v;
    use hmp_engine::table;

    use super::*;

    fn made(version: Version, all: bool) -> Vec<String> {
        let commands = ["query-spice", "query-vnc", "x-query-virtio"];
        let caps = Caps::from_parts(version, Some("x86_64"), commands);
        let things = Things {
            cpus: 2,
            drives: vec!["disk0".into()],
            nodes: vec!["node0".into()],
            virtio: vec!["/v".into()],
            objects: [
                ("/m".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
                ("/n".to_owned(), vec!["c".to_owned()]),
            ]
            .into(),
            addresses: vec!["0"],
            ..Things::default()
        };
        of(&table::rows(&caps), version, &things, all)
    }

    #[test]
    fn arguments_are_those_that_the_vm_has() {
        let lines = made(v(10, 0), false);
        let has = |line: &str| lines.iter().any(|l| l == line);
        for line in [
            "info status",
            "info block",
            "info block -n -v node0",
            "info block disk0",
            "info qtree -b",
            "info registers 1",
            "info registers -a",
            "info virtio-queue-status /v 1",
            "qom-list /m",
            "qom-get /m b",
            "qom-get /n c",
            "xp/4xw 0",
            "info mtree -f -d -o -D",
            "print/x (1+2)*3",
        ] {
            assert!(has(line), "{line} is not among {lines:#?}");
        }
        assert!(!has("qom-get /n a") && !has("info rocker") && !has("info skeys 0"));
        assert!(!made(v(7, 2), false).contains(&"info qtree -b".to_owned()));
    }

    #[test]
    fn lines_only_look_and_no_row_has_too_many() {
        for line in made(v(11, 1), false) {
            let first = line.split([' ', '/']).next().unwrap();
            let name = match first {
                "info" => line.split(' ').take(2).collect::<Vec<_>>().join(" "),
                other => other.to_owned(),
            };
            let row = table::named(&name).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(row.effect, Effect::Looks, "{line}");
            assert!(!LEFT_OUT.iter().any(|(left_out, _)| *left_out == name));
        }
        let many = (0..1000).map(|n| Draft {
            line: n.to_string(),
            path: String::new(),
        });
        let few: Vec<_> = thinned(many.collect(), MOST).collect();
        assert!(few.len() <= MOST && few[0] == "0", "{few:?}");
    }
}
