// SPDX-License-Identifier: GPL-2.0-or-later
//! What CI holds to: how many instructions `hmp` takes for some work against the mock, and how many
//! requests and bytes it sends. Times on a machine that does other things too are no measure;
//! these are the same on each run, and a request's bytes are most of what a line costs QEMU.
//!
//! The figures of the last commit are in `xtask/bench.tsv`. One that grows by more than 15% fails;
//! one that falls by as much is to be written down (`--write`).

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mock_qmp::{Answer, MockQmp, Server};
use serde_json::{Value, json};

use super::relay;
use crate::error::Error;

/// The figures of the last commit.
const TABLE: &str = "xtask/bench.tsv";

/// How much a figure may be, in hundredths of the last one.
const MOST: u64 = 115;

/// How often the work is done where it takes more: the least counts.
const TRIES: usize = 3;

/// Objects below each of those at the first level of the mock's tree.
const BRANCHES: usize = 16;

/// Work: its name, what `hmp` gets as arguments, and as lines.
struct Work {
    name: &'static str,
    arguments: &'static [&'static str],
    input: String,
}

fn works() -> [Work; 5] {
    let mixed = ["info status\n", "info name\n", "info uuid\n", "info kvm\n"];
    let work = |name, arguments, input| Work {
        name,
        arguments,
        input,
    };
    [
        work("start", &[], String::new()),
        work("one-shot", &["-c", "info status"], String::new()),
        work("lines", &[], "info status\n".repeat(200)),
        work("mixed lines", &[], mixed.concat().repeat(50)),
        work(
            "tree",
            &["--native-only", "-c", "info qom-tree"],
            String::new(),
        ),
    ]
}

/// Figures of one work.
#[derive(Clone, Debug, PartialEq)]
struct Cost {
    name: String,
    /// None without valgrind.
    instructions: Option<u64>,
    requests: u64,
    bytes: u64,
}

/// Compares with the last commit's figures, or writes them down; whether all is well.
pub fn check(hmp: &Path, write: bool) -> Result<bool, Error> {
    let valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if !valgrind {
        super::print("left out: instructions, as there is no valgrind");
    }
    let mut now = Vec::new();
    for work in works() {
        now.push(cost(hmp, &work, valgrind)?);
    }
    if write {
        fs::write(TABLE, table(&now))?;
        return Ok(true);
    }
    let before = read(&fs::read_to_string(TABLE)?)?;
    let mut worse = worse_than(&before, &now);
    // How often it waits depends on what else the machine does.
    for _ in 1..TRIES {
        if worse.is_empty() {
            break;
        }
        for (work, best) in works().iter().zip(&mut now) {
            let again = cost(hmp, work, valgrind)?;
            best.instructions = best.instructions.min(again.instructions);
        }
        worse = worse_than(&before, &now);
    }
    super::print(&table(&now));
    for text in &worse {
        super::print(text);
    }
    Ok(worse.is_empty())
}

/// What grew beyond what it may, a sentence each.
fn worse_than(before: &[Cost], now: &[Cost]) -> Vec<String> {
    let mut worse = Vec::new();
    for cost in now {
        let Some(old) = before.iter().find(|old| old.name == cost.name) else {
            worse.push(format!("{}: not in {TABLE}", cost.name));
            continue;
        };
        let figures = [
            ("instructions", old.instructions, cost.instructions),
            ("requests", Some(old.requests), Some(cost.requests)),
            ("bytes", Some(old.bytes), Some(cost.bytes)),
        ];
        for (what, old, new) in figures {
            if let (Some(old), Some(new)) = (old, new)
                && new * 100 > old * MOST
            {
                let name = &cost.name;
                worse.push(format!("{name}: {new} {what}, {old} at the last commit"));
            }
        }
    }
    worse
}

fn table(costs: &[Cost]) -> String {
    let mut text = String::from("work\tinstructions\trequests\tbytes\n");
    for cost in costs {
        let instructions = cost
            .instructions
            .map_or("-".into(), |count| count.to_string());
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}\t{instructions}\t{}\t{}",
            cost.name, cost.requests, cost.bytes
        );
    }
    text
}

fn read(text: &str) -> Result<Vec<Cost>, Error> {
    let line = |line: &str| {
        let mut fields = line.split('\t');
        Some(Cost {
            name: fields.next()?.to_owned(),
            instructions: fields.next()?.parse().ok(),
            requests: fields.next()?.parse().ok()?,
            bytes: fields.next()?.parse().ok()?,
        })
    };
    let lines = text.lines().skip(1).map(line);
    let costs: Option<Vec<Cost>> = lines.collect();
    costs.ok_or_else(|| format!("{TABLE} can't be read").into())
}

fn cost(hmp: &Path, work: &Work, valgrind: bool) -> Result<Cost, Error> {
    let folder = tempfile::tempdir()?;
    let counted = Counted::start(folder.path())?;
    run(Command::new(hmp), work, &counted.path)?;
    let (requests, bytes) = (&counted.requests, &counted.bytes);
    let (requests, bytes) = (
        requests.load(Ordering::SeqCst),
        bytes.load(Ordering::SeqCst),
    );
    let mut instructions = None;
    if valgrind {
        let out = folder.path().join("out");
        let mut command = Command::new("valgrind");
        let file = format!("--callgrind-out-file={}", out.display());
        command.args(["-q", "--tool=callgrind", &file]).arg(hmp);
        run(command, work, &counted.mock)?;
        let text = fs::read_to_string(out)?;
        let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
        let total = total.or_else(|| text.lines().find_map(|line| line.strip_prefix("totals: ")));
        instructions = total.and_then(|total| total.trim().parse().ok());
    }
    Ok(Cost {
        name: work.name.to_owned(),
        instructions,
        requests,
        bytes,
    })
}

fn run(mut command: Command, work: &Work, socket: &Path) -> Result<(), Error> {
    let mut child = command
        .args(work.arguments)
        .arg(socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(work.input.as_bytes())?;
    }
    match child.wait()?.success() {
        true => Ok(()),
        false => Err(format!("hmp failed at {}", work.name).into()),
    }
}

/// A mock, and a socket in front of it that counts what one client sends.
struct Counted {
    path: PathBuf,
    mock: PathBuf,
    requests: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    _server: Server,
}

impl Counted {
    fn start(folder: &Path) -> Result<Self, Error> {
        let (path, mock) = (folder.join("counted"), folder.join("mock"));
        let server = machine().serve_unix(&mock)?;
        let listener = UnixListener::bind(&path)?;
        let (requests, bytes) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counts = (Arc::clone(&requests), Arc::clone(&bytes));
        let behind = mock.clone();
        std::thread::spawn(move || {
            relay::pass(&listener, &behind, |piece| {
                let lines = piece.iter().filter(|byte| **byte == b'\n').count();
                counts.0.fetch_add(lines as u64, Ordering::SeqCst);
                counts.1.fetch_add(piece.len() as u64, Ordering::SeqCst);
            })
        });
        Ok(Self {
            path,
            mock,
            requests,
            bytes,
            _server: server,
        })
    }
}

/// A QEMU with answers for the work.
fn machine() -> MockQmp {
    MockQmp::scripted()
        .version("10.0.2")
        .command("query-target", json!({"arch": "x86_64"}))
        .command("query-jobs", json!([]))
        .command("query-fdsets", json!([]))
        .command(
            "query-status",
            json!({"status": "running", "running": true}),
        )
        .command("query-name", json!({"name": "vm"}))
        .command(
            "query-uuid",
            json!({"UUID": "00000000-0000-0000-0000-000000000000"}),
        )
        .command("query-kvm", json!({"enabled": false, "present": true}))
        .command("qom-get", json!("pc-q35-10.0-machine"))
        .command_with("qom-list", |arguments| Answer::from(listed(arguments)))
}

/// A tree of two levels.
fn listed(arguments: &Value) -> Value {
    let path = arguments["path"].as_str().unwrap_or_default();
    let depth = path.split('/').filter(|name| !name.is_empty()).count();
    let mut list = vec![json!({"name": "type", "type": "string"})];
    if depth < 3 {
        let child = |n| json!({"name": format!("device[{n}]"), "type": "child<device>"});
        list.extend((0..BRANCHES).map(child));
    }
    list.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(instructions: Option<u64>, requests: u64) -> Cost {
        Cost {
            name: "x".into(),
            instructions,
            requests,
            bytes: 1000,
        }
    }

    #[test]
    fn more_than_fifteen_in_a_hundred_is_too_much() {
        let before = [cost(Some(1000), 100)];
        assert!(worse_than(&before, &[cost(Some(1150), 115)]).is_empty());
        assert_eq!(worse_than(&before, &[cost(Some(1151), 100)]).len(), 1);
        assert_eq!(worse_than(&before, &[cost(None, 116)]).len(), 1);
        assert_eq!(worse_than(&[], &[cost(None, 1)]).len(), 1);
    }

    #[test]
    fn the_table_is_read_as_it_was_written() {
        let costs = [cost(Some(5), 1), cost(None, 2)];
        assert_eq!(read(&table(&costs)).unwrap(), costs);
        assert!(read("work\nx\t1\n").is_err());
    }

    #[test]
    fn the_committed_table_has_all_work() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench.tsv");
        let costs = read(&fs::read_to_string(path).unwrap()).unwrap();
        let names: Vec<&str> = costs.iter().map(|cost| cost.name.as_str()).collect();
        assert_eq!(names, works().map(|work| work.name));
    }
}
