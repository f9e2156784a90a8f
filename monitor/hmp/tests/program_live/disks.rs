// SPDX-License-Identifier: GPL-2.0-or-later
//! An evening with a disk, all through `hmp --native-only` on real QEMUs: snapshots, a mirror, a
//! commit, a backup, NBD exports, disks plugged and unplugged, migration into a file and to another
//! QEMU. What is written before each step is read back after it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::program::{hmp, run};
use crate::common::qemu::{Qemu, qemus};
use tempfile::TempDir;

/// Patterns are written in blocks of this many bytes; block N is filled with N + 1.
const BLOCK: usize = 64 << 10;

/// The disk's size, in blocks.
const BLOCKS: usize = 64;

/// The devices of every VM of the evening.
const MACHINE: &[&str] = &[
    "-m",
    "16M",
    "-device",
    "qemu-xhci,id=usb",
    "-device",
    "virtio-scsi-pci,id=scsi",
    "-device",
    "virtio-blk-pci,id=vb0,drive=d0,share-rw=on",
];

struct Evening {
    qemu: Qemu,
    program: PathBuf,
    folder: TempDir,
    /// The image in use.
    image: PathBuf,
}

impl Evening {
    fn begin(program: &Path) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let image = folder.path().join("base.qcow2");
        create(&image);
        tool("qemu-io", &["-f", "qcow2", "-c", &fill(0), text(&image)]);
        let qemu = start(program, &image, &[]);
        Self {
            qemu,
            program: program.to_owned(),
            folder,
            image,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line, which must succeed, and returns what it prints.
    fn line(&self, line: &str) -> String {
        line_of(&self.qemu, line)
    }

    /// Runs a line that prints nothing.
    fn quiet(&self, line: &str) {
        assert_eq!(self.line(line), "", "{line}");
    }

    /// Exports a drive or node over NBD while `work` gets its URL.
    fn exported(&self, flags: &str, name: &str, work: impl FnOnce(&str)) {
        let socket = self.path("nbd");
        self.quiet(&format!("nbd_server_start unix:{}", text(&socket)));
        self.quiet(&format!("nbd_server_add {flags} {name}"));
        work(&format!("nbd+unix:///{name}?socket={}", text(&socket)));
        self.quiet("nbd_server_stop");
    }

    /// Fills a block of a drive or node.
    fn write(&self, name: &str, block: usize) {
        self.exported("-w", name, |url| {
            tool("qemu-io", &["-f", "raw", "-c", &fill(block), url]);
        });
    }

    /// The blocks of the disk that hold their pattern, as an NBD client sees them.
    fn seen(&self) -> Vec<usize> {
        let copy = self.path("seen");
        self.exported("", "d0", |url| {
            tool(
                "qemu-img",
                &["convert", "-f", "raw", "-O", "raw", url, text(&copy)],
            );
        });
        blocks(&copy)
    }

    /// The blocks of an image that hold their pattern.
    fn holds(&self, image: &Path, format: &str) -> Vec<usize> {
        let copy = self.path("held");
        let (from, to) = (text(image), text(&copy));
        tool(
            "qemu-img",
            &["convert", "-U", "-f", format, "-O", "raw", from, to],
        );
        blocks(&copy)
    }

    /// Waits until `info block-jobs` says so.
    #[track_caller]
    fn jobs(&self, wanted: impl Fn(&str) -> bool) {
        wait(|| wanted(&self.line("info block-jobs")));
    }
}

fn start(program: &Path, image: &Path, more: &[&str]) -> Qemu {
    let drive = format!("if=none,id=d0,format=qcow2,file={}", text(image));
    let mut arguments = vec!["-drive", &drive];
    arguments.extend(MACHINE);
    arguments.extend(more);
    Qemu::start(program, &arguments)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn line_of(qemu: &Qemu, line: &str) -> String {
    let ran = run(hmp().arg(qemu.socket()).args(["--native-only", "-c", line]));
    assert_eq!(
        (ran.stderr.as_str(), ran.code),
        ("", Some(0)),
        "{line}: {ran:?}"
    );
    ran.stdout
}

fn create(image: &Path) {
    let size = (BLOCKS * BLOCK).to_string();
    tool("qemu-img", &["create", "-f", "qcow2", text(image), &size]);
}

/// What makes qemu-io fill a block.
fn fill(block: usize) -> String {
    format!("write -P {} {} {BLOCK}", block + 1, block * BLOCK)
}

/// Runs one of QEMU's tools, which must succeed.
fn tool(name: &str, arguments: &[&str]) {
    let output = Command::new(name).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
}

/// The blocks of a raw image that hold their pattern; all others must be zero.
fn blocks(raw: &Path) -> Vec<usize> {
    let bytes = std::fs::read(raw).unwrap();
    assert_eq!(bytes.len(), BLOCKS * BLOCK);
    let mut found = Vec::new();
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let pattern = u8::try_from(number + 1).unwrap();
        if block.iter().all(|byte| *byte == pattern) {
            found.push(number);
        } else {
            assert!(block.iter().all(|byte| *byte == 0), "block {number}");
        }
    }
    found
}

#[track_caller]
fn wait(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn tools_are_there() -> bool {
    let missing = ["qemu-img", "qemu-io"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(tool) = missing {
        // Not by a macro: what those print is shown only for tests that fail.
        let _ = writeln!(
            std::io::stderr(),
            "the evening is skipped: no {tool} on PATH"
        );
    }
    missing.is_none()
}

#[test]
fn an_evening_with_a_disk() {
    if !tools_are_there() {
        return;
    }
    for program in qemus() {
        let name = program.to_string_lossy().into_owned();
        if !name.ends_with("x86_64") {
            let _ = writeln!(
                std::io::stderr(),
                "the evening is skipped on {name}: not x86_64"
            );
            continue;
        }
        let mut evening = Evening::begin(&program);
        snapshots(&evening);
        live_snapshot(&mut evening);
        mirror(&evening);
        commit(&evening);
        backup(&evening);
        disks_come_and_go(&evening);
        to_a_file_and_back(&mut evening);
        to_another(&mut evening);
        the_end(evening);
    }
}

fn snapshots(evening: &Evening) {
    evening.write("d0", 1);
    evening.quiet("savevm one");
    evening.write("d0", 2);
    evening.quiet("savevm two");
    evening.write("d0", 3);
    assert_eq!(evening.seen(), [0, 1, 2, 3]);
    let list = evening.line("info snapshots");
    assert!(list.contains(" one ") && list.contains(" two "), "{list}");
    evening.quiet("loadvm one");
    assert_eq!(evening.seen(), [0, 1]);
    evening.quiet("loadvm two");
    assert_eq!(evening.seen(), [0, 1, 2]);
    evening.quiet("delvm one");
    let list = evening.line("info snapshots");
    assert!(!list.contains(" one ") && list.contains(" two "), "{list}");
    assert_eq!(evening.seen(), [0, 1, 2]);
}

fn live_snapshot(evening: &mut Evening) {
    evening.write("d0", 3);
    let overlay = evening.path("overlay.qcow2");
    let base = std::mem::replace(&mut evening.image, overlay);
    let overlay = text(&evening.image).to_owned();
    let said = evening.line(&format!("snapshot_blkdev d0 {overlay} qcow2"));
    assert_eq!(said, "");
    evening.write("d0", 4);
    assert_eq!(evening.seen(), [0, 1, 2, 3, 4]);
    assert_eq!(evening.holds(&base, "qcow2"), [0, 1, 2, 3]);
}

fn mirror(evening: &Evening) {
    let copy = evening.path("mirror.raw");
    evening.quiet(&format!("drive_mirror -f d0 {} raw", text(&copy)));
    evening.jobs(|text| {
        let numbers: Vec<_> = text
            .split(' ')
            .filter(|w| w.parse::<u64>().is_ok())
            .collect();
        numbers.len() > 1 && numbers[0] == numbers[1] && numbers[0] != "0"
    });
    evening.write("d0", 5);
    // A mirror that is complete ends, and the disk stays where it is.
    evening.quiet("block_job_cancel d0");
    evening.jobs(|text| text == "No active jobs\n");
    assert_eq!(evening.holds(&copy, "raw"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(evening.seen(), [0, 1, 2, 3, 4, 5]);
}

fn commit(evening: &Evening) {
    evening.quiet("commit d0");
    let base = evening.path("base.qcow2");
    assert_eq!(evening.holds(&base, "qcow2"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(evening.seen(), [0, 1, 2, 3, 4, 5]);
    // The overlay is still the one that is written to.
    evening.write("d0", 6);
    assert_eq!(evening.holds(&base, "qcow2"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(evening.seen(), [0, 1, 2, 3, 4, 5, 6]);
}

fn backup(evening: &Evening) {
    let copy = evening.path("backup.qcow2");
    evening.quiet(&format!("drive_backup -f d0 {} qcow2", text(&copy)));
    evening.jobs(|text| text == "No active jobs\n");
    assert_eq!(evening.holds(&copy, "qcow2"), [0, 1, 2, 3, 4, 5, 6]);
}

fn disks_come_and_go(evening: &Evening) {
    let image = evening.path("hot.qcow2");
    create(&image);
    let devices = ["usb-storage,bus=usb.0", "scsi-hd,bus=scsi.0"];
    for (number, device) in devices.into_iter().enumerate() {
        let options = "driver=qcow2,node-name=hot,file.driver=file,file.filename";
        evening.quiet(&format!("drive_add -n 0 {options}={}", text(&image)));
        evening.write("hot", 10 + number);
        evening.quiet(&format!("device_add {device},id=plugged,drive=hot"));
        let list = evening.line("info block");
        assert!(list.contains("plugged"), "{list}");
        evening.quiet("device_del plugged");
        wait(|| !evening.line("info block").contains("plugged"));
        // The device lets go of the node a moment after it is gone.
        wait(|| {
            let line = ["--native-only", "-c", "drive_del hot"];
            let ran = run(hmp().arg(evening.qemu.socket()).args(line));
            assert!(
                ["", "Node hot is in use\n"].contains(&ran.stdout.as_str()),
                "{ran:?}"
            );
            ran.code == Some(0)
        });
    }
    assert_eq!(evening.holds(&image, "qcow2"), [10, 11]);
}

/// The state goes into a file, and into a new QEMU from there.
fn to_a_file_and_back(evening: &mut Evening) {
    evening.write("d0", 7);
    let file = evening.path("state");
    let old = evening.line("info version").starts_with("7.");
    let (to, from) = if old {
        let file = text(&file);
        (format!("\"exec:cat > {file}\""), format!("exec:cat {file}"))
    } else {
        let uri = format!("file:{}", text(&file));
        (uri.clone(), uri)
    };
    evening.quiet(&format!("migrate {to}"));
    let status = evening.line("info migrate");
    assert!(status.contains("completed"), "{status}");
    assert!(file.metadata().unwrap().len() > 100_000);
    evening.quiet("quit");
    evening.qemu.wait();
    evening.qemu = start(&evening.program, &evening.image, &["-incoming", &from]);
    arrived(evening);
    assert_eq!(evening.seen(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// The state goes over TCP to a QEMU that is told by `hmp` to listen.
fn to_another(evening: &mut Evening) {
    evening.write("d0", 8);
    let other = start(&evening.program, &evening.image, &["-incoming", "defer"]);
    assert_eq!(line_of(&other, "migrate_incoming tcp:127.0.0.1:0"), "");
    let listens = line_of(&other, "info migrate");
    let port = listens
        .split("tcp:127.0.0.1:")
        .nth(1)
        .map(|rest| rest.trim_end_matches(|c: char| !c.is_ascii_digit()))
        .unwrap_or_else(|| panic!("no port in {listens}"));
    evening.quiet(&format!("migrate -d tcp:127.0.0.1:{port}"));
    wait(|| evening.line("info migrate").contains("completed"));
    evening.quiet("quit");
    evening.qemu.wait();
    evening.qemu = other;
    arrived(evening);
    assert_eq!(evening.seen(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

/// Waits until the state has come in.
#[track_caller]
fn arrived(evening: &Evening) {
    wait(|| !evening.line("info status").contains("inmigrate"));
    let status = evening.line("info status");
    assert!(status.starts_with("VM status: paused"), "{status}");
}

fn the_end(mut evening: Evening) {
    evening.write("d0", 9);
    evening.quiet("quit");
    evening.qemu.wait();
    for image in ["base.qcow2", "overlay.qcow2", "backup.qcow2", "hot.qcow2"] {
        tool("qemu-img", &["check", text(&evening.path(image))]);
    }
    let all: Vec<usize> = (0..10).collect();
    assert_eq!(evening.holds(&evening.image, "qcow2"), all);
}
