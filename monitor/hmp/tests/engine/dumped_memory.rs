// SPDX-License-Identifier: GPL-2.0-or-later
//! Physical memory out of dumps, for a QEMU that can't open the descriptor that it was passed: its
//! root has no `/proc`.

use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::engine::connect;
use crate::common::qemu::{Qemu, qemus, ram};
use hmp::host::memfd;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::Monitor;
use hmp_engine::host::{Host, MemoryFile, Risk};
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use serde_json::{Value, json};

/// Makes files in memory and no others.
struct NoFiles;

impl Host for NoFiles {
    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn local_time(&self, seconds: Option<i64>) -> (i64, i32) {
        (seconds.unwrap_or(0), 0)
    }

    fn memory_file(&self) -> Option<Box<dyn MemoryFile>> {
        memfd::create()
    }
}

/// A QEMU without `/proc`, with 8 bytes of RAM at 0x1000.
#[derive(Default)]
struct NoProc {
    /// What it says to a dump instead of making one.
    refusal: Option<&'static str>,
    /// What it writes instead of a dump.
    garbage: Option<&'static [u8]>,
    named: Mutex<Option<File>>,
    asked: Mutex<Vec<String>>,
}

impl NoProc {
    fn answer(&self, command: &str, arguments: &Value) -> QmpResult {
        let refused = |desc: &str| {
            Err(QmpError::Command {
                class: "GenericError".into(),
                desc: desc.into(),
            })
        };
        let mut named = self.named.lock().unwrap();
        Ok(match command {
            "query-version" => {
                json!({"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": ""})
            }
            "query-target" => json!({"arch": "x86_64"}),
            "query-commands" => json!(
                [
                    "query-version",
                    "query-target",
                    "query-commands",
                    "add-fd",
                    "remove-fd",
                    "getfd",
                    "closefd",
                    "pmemsave",
                    "memsave",
                    "dump-guest-memory"
                ]
                .map(|name| json!({"name": name}))
            ),
            "pmemsave" | "memsave" => {
                let path = arguments["filename"].as_str().unwrap();
                return refused(&format!(
                    "Could not open '{path}': No such file or directory"
                ));
            }
            "dump-guest-memory" => {
                if let Some(refusal) = self.refusal {
                    return refused(refusal);
                }
                let (begin, length) = (arguments["begin"].as_u64(), arguments["length"].as_u64());
                let (begin, length) = (begin.unwrap(), length.unwrap());
                assert_eq!(arguments["protocol"], "fd:hmp-guest-dump");
                let mut file = named.take().unwrap();
                let (start, end) = (begin.max(0x1000), (begin + length).min(0x1008));
                if start >= end {
                    return refused("dump: no guest memory to dump");
                }
                let dump = dump(
                    start,
                    &b"ABCDEFGH"[start as usize & 7..][..(end - start) as usize],
                );
                file.write_all(self.garbage.unwrap_or(&dump)).unwrap();
                json!({})
            }
            "closefd" if named.take().is_none() => {
                return refused("File descriptor named 'hmp-guest-dump' not found");
            }
            "closefd" | "remove-fd" => json!({}),
            "query-status" => json!({"running": true, "status": "running"}),
            other => panic!("{other} was asked for"),
        })
    }
}

impl Qmp for NoProc {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        self.asked.lock().unwrap().push(command.to_owned());
        let answer = self.answer(command, &arguments);
        Box::pin(async { answer })
    }

    fn execute_with_fd<'a>(
        &'a self,
        command: &'a str,
        _: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        self.asked.lock().unwrap().push(command.to_owned());
        if command == "getfd" {
            let file = File::from(fd.try_clone_to_owned().unwrap());
            *self.named.lock().unwrap() = Some(file);
        }
        Box::pin(async { Ok(json!({"fdset-id": 1, "fd": 20})) })
    }
}

/// An ELF file with one piece of memory.
fn dump(address: u64, content: &[u8]) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([4, 0, 62, 0, 1, 0, 0, 0]);
    let size = content.len() as u64;
    for value in [0, 64, 0] {
        elf.extend(u64::to_le_bytes(value));
    }
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    elf.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    for value in [120, address, address, size, size, 0] {
        elf.extend(value.to_le_bytes());
    }
    elf.extend(content);
    elf
}

async fn answer(qmp: Arc<NoProc>, allow: Risk, line: &str) -> String {
    let builder = Monitor::builder(qmp.clone()).host(Arc::new(NoFiles));
    let builder = builder.passthrough(Passthrough::Never).allow(allow);
    let mut monitor = builder.build().await.unwrap();
    let mut text = String::new();
    crate::common::engine::run(&mut monitor, line, &mut text).await;
    text
}

/// `printf ABCDEFGH | sum`
const SUM: &str = "33421\n";

#[tokio::test]
async fn a_dump_is_made_where_the_vm_may_be_stopped() {
    for (allow, made) in [
        (Risk::Safe, false),
        (Risk::Pausing, true),
        (Risk::Risky, true),
    ] {
        let qmp = Arc::new(NoProc::default());
        let text = answer(qmp.clone(), allow, "sum 0x1000 8").await;
        let asked = qmp.asked.lock().unwrap().clone();
        assert_eq!(asked.contains(&"dump-guest-memory".to_owned()), made);
        if made {
            assert_eq!(text, SUM);
        } else {
            assert!(text.contains("Could not open '/proc/self/fd/20'"), "{text}");
        }
        assert_eq!(asked.last().unwrap(), "remove-fd");
    }
}

#[tokio::test]
async fn what_is_no_memory_is_not_shown_as_zeros() {
    for line in ["sum 0x1000 9", "sum 0xfff 2", "sum 0x9000 1"] {
        let text = answer(Arc::default(), Risk::Pausing, line).await;
        assert!(
            text.contains("a dump has no memory at 0x"),
            "{line}: {text}"
        );
    }
}

/// And the descriptor is taken back: what was refused may not have used it.
#[tokio::test]
async fn a_refused_dump() {
    let qmp = Arc::new(NoProc {
        refusal: Some("Dump not allowed during incoming migration."),
        ..NoProc::default()
    });
    let text = answer(qmp.clone(), Risk::Pausing, "sum 0x1000 8").await;
    assert!(text.contains("during incoming migration"), "{text}");
    assert!(qmp.named.lock().unwrap().is_none());
}

#[tokio::test]
async fn something_else_than_a_dump() {
    for garbage in [
        &b""[..],
        b"\x7fELF",
        b"KDUMP   and so on, for more than a header",
    ] {
        let qmp = NoProc {
            garbage: Some(garbage),
            ..NoProc::default()
        };
        let text = answer(Arc::new(qmp), Risk::Pausing, "sum 0x1000 8").await;
        assert!(text.contains("something else than a dump"), "{text}");
    }
}

/// Virtual memory is nowhere in a dump.
#[tokio::test]
async fn virtual_memory() {
    let qmp = Arc::new(NoProc::default());
    let text = answer(qmp.clone(), Risk::Pausing, "x/2xb 0x1000").await;
    assert!(text.contains("Could not open '/proc/self/fd/20'"), "{text}");
    assert!(!qmp.asked.lock().unwrap().contains(&"getfd".to_owned()));
}

/// The plan says it beforehand.
#[tokio::test]
async fn explained() {
    for (allow, told) in [(Risk::Safe, false), (Risk::Pausing, true)] {
        let builder = Monitor::builder(Arc::new(NoProc::default())).allow(allow);
        let plan = json!(builder.build().await.unwrap().explain("sum 0 1"));
        let way = json!([{"risk": "pausing", "qmp": ["getfd", "dump-guest-memory", "closefd"]}]);
        assert_eq!(plan.get("otherwise"), told.then_some(&way), "{plan}");
        assert_eq!(plan["risk"], "safe");
    }
}

/// A program that runs `program` with an empty `/proc`; `None` where this system does not let us.
fn without_proc(program: &Path, folder: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let inside = ["unshare", "--mount", "--map-root-user"];
    let tried = Command::new(inside[0])
        .args(&inside[1..])
        .args(["sh", "-c", "mount -t tmpfs none /proc"])
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        let _ = writeln!(std::io::stderr(), "skipped: no mount namespace to be had");
        return None;
    }
    // The name says the machine.
    let script = folder.join(program.file_name().unwrap());
    let text = format!(
        "#!/bin/sh\nexec {} sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh {} \"$@\"\n",
        inside.join(" "),
        program.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o700)).unwrap();
    Some(script)
}

#[tokio::test]
async fn real_qemus() {
    for program in qemus() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let Some(script) = without_proc(&program, folder.path()) else {
            return;
        };
        let base = ram(&program);
        let loader = format!("loader,addr={base:#x},data=0x0102030405060708,data-len=8");
        let qemu = Qemu::start(&script, &["-m", "256M", "-device", &loader]);
        let lines = [
            format!("xp/9xb {:#x}", base + 1),
            format!("xp/4xw {base:#x}"),
            format!("sum {base:#x} 200001"),
        ];
        let client = connect(&qemu).await;
        let mut texts = Vec::new();
        for allow in [Risk::Safe, Risk::Pausing] {
            let builder = Monitor::builder(Arc::new(client.clone())).host(Arc::new(NoFiles));
            let builder = builder.passthrough(Passthrough::Never).allow(allow);
            let mut monitor = builder.build().await.unwrap();
            let mut text = String::new();
            for line in &lines {
                crate::common::engine::run(&mut monitor, line, &mut text).await;
            }
            texts.push(text);
        }
        if !texts[0].contains("/proc/self/fd") {
            let name = program.display();
            let _ = writeln!(
                std::io::stderr(),
                "{name} skipped: it has a /proc of its own"
            );
            continue;
        }
        let mut builtin = String::new();
        for line in &lines {
            let line = json!({"command-line": line});
            let answer = client.execute("human-monitor-command", line).await.unwrap();
            builtin += &answer.as_str().unwrap().replace("\r\n", "\n");
        }
        assert_eq!(texts[1], builtin, "{}", program.display());
    }
}
