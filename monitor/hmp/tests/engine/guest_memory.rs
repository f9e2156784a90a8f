// SPDX-License-Identifier: GPL-2.0-or-later
//! Guest memory on a QEMU that is made for it: devices between memory, what can't be read, CPUs
//! that are gone. What is asked of QEMU counts as much as what is shown.

use std::fmt::Write as _;
use std::fs::File;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};

use hmp::host::Unattended;
use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome, Ran};
use hmp_engine::format::sign::Sign as _;
use hmp_engine::qmp::{BoxFuture, Qmp, QmpError, QmpResult};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::engine::run;

/// The region that holds what the CPUs see.
const SYSTEM: &str = "/machine/unattached/system[0]";

/// What a descriptor is called in QEMU.
const GIVEN: &str = "/proc/self/fd/20";

/// More requests than any of these lines needs.
const TOO_MANY: usize = 200;

/// The memory of [`Guest`]: a device between two pieces of RAM, whose ends are within lines of 16
/// bytes.
const LOWER: Range<u64> = 0..0x1008;
const DEVICE: Range<u64> = 0x1008..0x2000;
const UPPER: Range<u64> = 0x2000..0x3004;

/// A QEMU on which nothing runs.
struct Guest {
    version: [u32; 3],
    arch: &'static str,
    /// Where RAM is, by name.
    ram: Vec<Range<u64>>,
    /// Where a device refuses to be read.
    refusing: Range<u64>,
    /// The address whose `pmemsave` writes nothing.
    unwritten: Option<u64>,
    /// Virtual addresses with something behind them.
    mapped: Range<u64>,
    cpus: Mutex<Vec<i64>>,
    /// The CPUs that are there from the next `memsave` on.
    left: Option<Vec<i64>>,
    /// The address space of the CPUs.
    space: &'static str,
    /// A property with which the connection breaks.
    breaks_at: Option<&'static str>,
    /// What `memsave` says instead of writing into a file of the user's.
    refuses_files: Option<&'static str>,
    given: Mutex<Option<File>>,
    requests: Mutex<usize>,
    /// What was asked for of memory and of the built-in monitor.
    asked: Mutex<Vec<String>>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            version: [10, 0, 2],
            arch: "x86_64",
            ram: vec![LOWER, UPPER],
            refusing: 0..0,
            unwritten: None,
            mapped: 0..0,
            cpus: Mutex::new(vec![0, 1]),
            left: None,
            space: SYSTEM,
            breaks_at: None,
            refuses_files: None,
            given: Mutex::default(),
            requests: Mutex::default(),
            asked: Mutex::default(),
        }
    }
}

/// What is in memory.
fn byte(address: u64) -> u8 {
    (address % 251) as u8
}

impl Guest {
    /// What lies where, by name.
    fn regions(&self) -> Vec<(String, Range<u64>)> {
        let ram = self.ram.iter().cloned();
        let ram = ram
            .enumerate()
            .map(|(number, range)| (format!("ram{number}"), range));
        ram.chain([("timer".to_owned(), DEVICE)]).collect()
    }

    /// What the built-in monitor's `xp` shows (`memory_dump` of monitor/hmp-cmds-target.c).
    fn xp(&self, count: u64, size: u64, address: u64) -> String {
        let digits = if self.version[0] < 11 { 16 } else { 8 };
        let per_line = if size == 1 { 8 } else { 16 };
        let (mut text, mut here) = (String::new(), address);
        let end = address + count * size;
        while here < end {
            let next = (here + per_line).min(end);
            let _ = write!(text, "{here:0digits$x}:");
            if !(here..next).all(|address| self.can_read(address)) {
                text += " Cannot access memory\n";
                break;
            }
            for item in (here..next).step_by(size as usize) {
                text += " 0x";
                for address in (item..item + size).rev() {
                    let _ = write!(text, "{:02x}", byte(address));
                }
            }
            text += "\n";
            here = next;
        }
        text
    }

    fn can_read(&self, address: u64) -> bool {
        let regions = self.regions();
        let here = regions.iter().any(|(_, range)| range.contains(&address));
        here && !self.refusing.contains(&address)
    }

    /// The answer to a line `xp/COUNTxSIZE ADDRESS`.
    fn builtin(&self, line: &str) -> String {
        let (format, address) = line.strip_prefix("xp/").unwrap().split_once(' ').unwrap();
        let (count, size) = format.split_once('x').unwrap();
        let size = match size {
            "b" => 1,
            "h" => 2,
            "w" => 4,
            "g" => 8,
            other => panic!("{other}"),
        };
        let address = address.trim_start().strip_prefix("0x").unwrap();
        let address = u64::from_str_radix(address, 16).unwrap();
        self.xp(count.parse().unwrap(), size, address)
            .replace('\n', "\r\n")
    }

    fn list(&self, path: &str) -> Value {
        let child =
            |name: &str, kind: &str| json!({"name": name, "type": format!("child<{kind}>")});
        match path {
            "/" => json!([child("machine", "own-machine")]),
            "/machine" => json!([child("unattached", "container")]),
            "/machine/unattached" => {
                let names = self.regions().into_iter().map(|(name, _)| name);
                let names = names.chain(["system".to_owned()]);
                let region = |name: String| child(&format!("{name}[0]"), "memory-region");
                names.map(region).collect()
            }
            _ => json!([]),
        }
    }

    fn property(&self, path: &str, property: &str) -> Value {
        let name = path.strip_prefix("/machine/unattached/").unwrap_or(path);
        let name = name.strip_suffix("[0]").unwrap_or(name);
        let regions = self.regions();
        let region = regions.iter().find(|(known, _)| known == name);
        match (region, property) {
            (Some((_, range)), "addr") => json!(range.start),
            (Some((_, range)), "size") => json!(range.end - range.start),
            (Some(_), "container") => json!(SYSTEM),
            (None, "size") => json!(u64::MAX),
            (None, "memory") => json!(self.space),
            (None, "type") if self.arch == "s390x" => json!("s390-ccw-virtio-10.0-machine"),
            (None, "type") => json!("own-machine"),
            _ => json!(0),
        }
    }

    /// Writes memory into the file that was given, as far as `readable` says; how many bytes.
    fn save(&self, arguments: &Value, readable: impl Fn(u64) -> bool) -> u64 {
        let start = arguments["val"].as_i64().unwrap().as_unsigned();
        let size = arguments["size"].as_u64().unwrap();
        let addresses = (0..size).map(|offset| start.wrapping_add(offset));
        let bytes: Vec<u8> = addresses.take_while(|a| readable(*a)).map(byte).collect();
        let given = self.given.lock().unwrap();
        let file = given.as_ref().unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        bytes.len() as u64
    }

    fn answer(&self, command: &str, arguments: &Value) -> QmpResult {
        let mut requests = self.requests.lock().unwrap();
        *requests += 1;
        let property = arguments["property"].as_str();
        if *requests > TOO_MANY || self.breaks_at.is_some_and(|name| property == Some(name)) {
            return Err(QmpError::Disconnected {
                command: command.into(),
            });
        }
        let ask = |line: String| self.asked.lock().unwrap().push(line);
        let path = arguments["path"].as_str().unwrap_or_default();
        let number = |name: &str| arguments[name].as_i64().unwrap();
        Ok(match command {
            "query-version" => {
                let [major, minor, micro] = self.version;
                json!({"qemu": {"major": major, "minor": minor, "micro": micro}, "package": ""})
            }
            "query-target" => json!({"arch": self.arch}),
            "query-commands" => {
                let names = [
                    "add-fd",
                    "human-monitor-command",
                    "memsave",
                    "pmemsave",
                    "qom-get",
                    "qom-list",
                    "query-commands",
                    "query-cpus-fast",
                    "query-target",
                    "query-version",
                    "remove-fd",
                    "x-query-ramblock",
                ];
                names
                    .map(|name| json!({"name": name}))
                    .into_iter()
                    .collect()
            }
            "query-memory-size-summary" => json!({"base-memory": LOWER.end}),
            "query-cpus-fast" => {
                let cpu = |index: &i64| json!({"cpu-index": index, "thread-id": 70, "qom-path": format!("/cpu{index}")});
                self.cpus.lock().unwrap().iter().map(cpu).collect()
            }
            "qom-list" => self.list(path),
            "qom-get" if self.space.is_empty() && property == Some("memory") => {
                return refused("Property 'own-cpu.memory' not found");
            }
            "qom-get" => self.property(path, property.unwrap()),
            "x-query-ramblock" => {
                let names = (0..self.ram.len()).map(|number| format!("ram{number} 4 KiB 0x0\n"));
                json!({"human-readable-text": names.collect::<String>()})
            }
            "pmemsave" => {
                let (start, size) = (number("val"), number("size"));
                ask(format!("pmemsave {start:#x} {size:#x}"));
                let written = |_| self.unwritten != Some(start.as_unsigned());
                self.save(arguments, written);
                json!({})
            }
            "memsave" => {
                let (start, size) = (number("val"), number("size"));
                let index = arguments.get("cpu-index").and_then(Value::as_i64);
                let cpu = index.map_or_else(String::new, |index| format!(" of {index}"));
                ask(format!("memsave {start:#x} {size:#x}{cpu}"));
                let mut cpus = self.cpus.lock().unwrap();
                if let Some(left) = &self.left {
                    *cpus = left.clone();
                }
                if !cpus.contains(&index.unwrap_or(0)) {
                    return refused("Parameter 'cpu-index' expects a CPU number");
                }
                if arguments["filename"] != GIVEN {
                    return self.refuses_files.map_or(Ok(json!({})), refused);
                }
                if self.save(arguments, |address| self.mapped.contains(&address)) < size as u64 {
                    return refused(&format!("Invalid addr {start:#x}/size {size} specified"));
                }
                json!({})
            }
            "human-monitor-command" => {
                let line = arguments["command-line"].as_str().unwrap();
                ask(line.to_owned());
                self.builtin(line).into()
            }
            "remove-fd" => json!({}),
            other => panic!("{other} was asked for"),
        })
    }

    /// The monitor on it.
    async fn monitor(self: &Arc<Self>, passthrough: Passthrough) -> Monitor {
        let builder = Monitor::builder(self.clone()).host(Arc::new(Unattended));
        builder.passthrough(passthrough).build().await.unwrap()
    }
}

fn refused(text: &str) -> QmpResult {
    Err(QmpError::Command {
        class: "GenericError".into(),
        desc: text.into(),
    })
}

impl Qmp for Guest {
    fn execute<'a>(&'a self, command: &'a str, arguments: Value) -> BoxFuture<'a, QmpResult> {
        let answer = self.answer(command, &arguments);
        Box::pin(async { answer })
    }

    fn execute_with_fd<'a>(
        &'a self,
        _: &'a str,
        _: Value,
        fd: BorrowedFd<'a>,
    ) -> BoxFuture<'a, QmpResult> {
        let file = File::from(fd.try_clone_to_owned().unwrap());
        *self.given.lock().unwrap() = Some(file);
        Box::pin(async { Ok(json!({"fdset-id": 1, "fd": 20})) })
    }
}

/// What a line shows, how it ends and what it asked for.
async fn shown(guest: Guest, passthrough: Passthrough, line: &str) -> (String, Ran, Vec<String>) {
    let guest = Arc::new(guest);
    let mut monitor = guest.monitor(passthrough).await;
    let mut text = String::new();
    let ran = run(&mut monitor, line, &mut text).await;
    let asked = guest.asked.lock().unwrap().clone();
    (text, ran, asked)
}

/// Memory is read as ever; the device is left to the built-in monitor, in pieces of 64 lines, and
/// the whole looks like its answer.
#[rstest]
// RAM, the device from the middle of a line on, RAM.
#[case(10, (3072, 4, 0), &["pmemsave 0x0 0x1000", "xp/256xw 0x1000", "xp/256xw 0x1400", "xp/256xw 0x1800",
    "xp/256xw 0x1c00", "pmemsave 0x2000 0x1000"])]
// The last line is no whole one.
#[case(10, (3073, 4, 0), &["pmemsave 0x0 0x1000", "xp/256xw 0x1000", "xp/256xw 0x1400", "xp/256xw 0x1800",
    "xp/256xw 0x1c00", "pmemsave 0x2000 0x1004"])]
// Behind the RAM is nothing.
#[case(10, (3076, 4, 0), &["pmemsave 0x0 0x1000", "xp/256xw 0x1000", "xp/256xw 0x1400", "xp/256xw 0x1800",
    "xp/256xw 0x1c00", "pmemsave 0x2000 0x1000"])]
#[case(11, (3200, 4, 0), &["pmemsave 0x0 0x1000", "xp/256xw 0x1000", "xp/256xw 0x1400", "xp/256xw 0x1800",
    "xp/256xw 0x1c00", "pmemsave 0x2000 0x1000"])]
// From the device, within it, out of it.
#[case(10, (600, 4, 0x1010), &["xp/256xw 0x1010", "xp/256xw 0x1410", "xp/88xw 0x1810"])]
#[case(10, (2001, 1, 0x1010), &["xp/512xb 0x1010", "xp/512xb 0x1210", "xp/512xb 0x1410", "xp/465xb 0x1610"])]
#[case(10, (1400, 1, 0x1000), &["pmemsave 0x1000 0x8", "xp/512xb 0x1008", "xp/512xb 0x1208", "xp/368xb 0x1408"])]
#[case(11, (1100, 2, 0x1f00), &["xp/512xh 0x1f00", "pmemsave 0x2300 0x498"])]
#[case(11, (300, 8, 0x1c10), &["xp/128xg 0x1c10", "pmemsave 0x2010 0x560"])]
// Up to two pieces are the built-in's, as they were typed: after the format follows the rest.
#[case(10, (512, 4, 0x1010), &["xp/512xw  0x1010"])]
#[case(10, (513, 4, 0x1010), &["xp/256xw 0x1010", "xp/256xw 0x1410", "xp/1xw 0x1810"])]
#[case(10, (1024, 1, 0x1010), &["xp/1024xb  0x1010"])]
#[tokio::test]
async fn a_device_between_memory(
    #[case] major: u32,
    #[case] (count, size, address): (u64, u64, u64),
    #[case] requests: &[&str],
) {
    let guest = || Guest {
        version: [major, 0, 0],
        ..Guest::default()
    };
    let letter = [' ', 'b', 'h', ' ', 'w', ' ', ' ', ' ', 'g'][size as usize];
    let line = format!("xp/{count}x{letter} {address:#x}");
    let (text, ran, asked) = shown(guest(), Passthrough::Auto, &line).await;
    assert_eq!(text, guest().xp(count, size, address), "{ran:?}");
    assert_eq!(asked, requests);
}

/// The device refuses in the middle of a piece, and at the start of one.
#[rstest]
#[case(0x1a00..0x2000, &["pmemsave 0x0 0x1000", "xp/256xw 0x1000", "xp/256xw 0x1400", "xp/256xw 0x1800"])]
#[case(0x1bf8..0x1c00, &["pmemsave 0x0 0x1000", "xp/256xw 0x1000", "xp/256xw 0x1400", "xp/256xw 0x1800"])]
#[case(0x1000..0x2000, &["pmemsave 0x0 0x1000", "xp/256xw 0x1000"])]
#[tokio::test]
async fn a_device_refuses(#[case] refusing: Range<u64>, #[case] requests: &[&str]) {
    let guest = || Guest {
        refusing: refusing.clone(),
        ..Guest::default()
    };
    let (text, ran, asked) = shown(guest(), Passthrough::Auto, "xp/3072xw 0").await;
    let expected = guest().xp(3072, 4, 0);
    assert!(expected.ends_with("Cannot access memory\n"));
    assert_eq!(text, expected, "{ran:?}");
    assert_eq!(asked, requests);
}

/// Without the built-in monitor a note says what is not certain, however much it is.
#[tokio::test]
async fn a_device_without_the_builtin() {
    for count in [4, 600] {
        let line = format!("xp/{count}xw 0x1010");
        let (text, ran, asked) = shown(Guest::default(), Passthrough::Never, &line).await;
        let note = "note: QMP does not tell a device that refuses to be read from zeros\n";
        let expected = Guest::default().xp(count, 4, 0x1010) + note;
        assert_eq!(text, expected, "{ran:?}");
        assert_eq!(asked, [format!("pmemsave 0x1010 {:#x}", count * 4)]);
    }
}

/// Of memory alone there is nothing to note, and nothing to ask of the built-in monitor.
#[tokio::test]
async fn memory_without_devices() {
    for passthrough in [Passthrough::Auto, Passthrough::Never] {
        let (text, ran, asked) = shown(Guest::default(), passthrough, "xp/1025xw 0x2000").await;
        assert_eq!(text, Guest::default().xp(1025, 4, 0x2000), "{ran:?}");
        assert_eq!(asked, ["pmemsave 0x2000 0x1004"]);
    }
}

/// What can't be read is the built-in's, unless lines are out: then the line ends there.
#[tokio::test]
async fn memory_that_is_not_written() {
    let ram = 0x4000..0x2_4000;
    let guest = |unwritten| Guest {
        ram: vec![ram.clone()],
        unwritten: Some(unwritten),
        ..Guest::default()
    };
    let (text, _, asked) = shown(guest(0x4000), Passthrough::Auto, "xp/8xw 0x4000").await;
    assert_eq!(text, guest(0).xp(8, 4, 0x4000));
    assert_eq!(asked, ["pmemsave 0x4000 0x20", "xp/8xw  0x4000"]);
    let line = "xp/16392xw 0x4000";
    let (text, ran, asked) = shown(guest(0x1_4000), Passthrough::Auto, line).await;
    let why =
        "guest memory can't be read over QMP here: QEMU says it wrote 32 bytes, 0 are there\n";
    assert_eq!(text, guest(0).xp(16384, 4, 0x4000) + why, "{ran:?}");
    assert_eq!(asked, ["pmemsave 0x4000 0x10000", "pmemsave 0x14000 0x20"]);
    // So it is where the built-in has had its part already.
    let guest = || Guest {
        unwritten: Some(UPPER.start),
        ..Guest::default()
    };
    let (text, ran, asked) = shown(guest(), Passthrough::Auto, "xp/3000xw 0x1c00").await;
    let why =
        "guest memory can't be read over QMP here: QEMU says it wrote 4096 bytes, 0 are there\n";
    assert_eq!(text, guest().xp(256, 4, 0x1c00) + why, "{ran:?}");
    assert_eq!(asked, ["xp/256xw 0x1c00", "pmemsave 0x2000 0x1000"]);
}

/// A CPU may look at other memory than QOM shows; one that does not say is taken to look at that.
#[tokio::test]
async fn the_address_space_of_the_cpu() {
    for (space, certain) in [
        (SYSTEM, true),
        ("", true),
        ("/machine/unattached/own[0]", false),
    ] {
        let guest = || Guest {
            space,
            ..Guest::default()
        };
        let (text, ran, asked) = shown(guest(), Passthrough::Never, "xp/4xw 0x2000").await;
        if certain {
            assert_eq!(text, guest().xp(4, 4, 0x2000), "{space}: {ran:?}");
        } else {
            assert!(text.contains("an address space of its own"), "{text}");
            assert!(asked.is_empty(), "{asked:?}");
        }
    }
    // The connection breaks at that question: nothing is shown.
    let guest = Guest {
        breaks_at: Some("memory"),
        ..Guest::default()
    };
    let (text, ran, asked) = shown(guest, Passthrough::Never, "xp/4xw 0x2000").await;
    assert!(matches!(ran.outcome, Outcome::Disconnected(_)), "{ran:?}");
    assert_eq!((text, asked), (String::new(), Vec::new()));
}

/// What can be read of virtual memory ends within a line: whole lines before that are shown, and
/// that line is tried alone.
#[rstest]
#[case(0x1000..0x1034, "x/20xw 0x1000", &["memsave 0x1000 0x50", "memsave 0x1030 0x10"], 3)]
#[case(0x1000..0x1000, "x/20xw 0x1000", &["memsave 0x1000 0x50", "memsave 0x1000 0x10"], 0)]
#[case(0x1000..0x1020, "x/12xw 0x1000", &["memsave 0x1000 0x30", "memsave 0x1020 0x10"], 2)]
// Much is read in parts of 64 KiB.
#[case(0x1000..0x2_0000, "x/16392xw 0x1000", &["memsave 0x1000 0x10000", "memsave 0x11000 0x20"], 4098)]
// Little that does not start at a multiple of a line is read line by line.
#[case(0x1000..0x2_0000, "x/10xw 0x1004", &["memsave 0x1004 0x10", "memsave 0x1014 0x10", "memsave 0x1024 0x8"], 3)]
#[tokio::test]
async fn virtual_memory_in_parts(
    #[case] mapped: Range<u64>,
    #[case] line: &str,
    #[case] requests: &[&str],
    #[case] lines: usize,
) {
    let guest = Guest {
        mapped,
        ..Guest::default()
    };
    let whole = Guest {
        ram: vec![LOWER, LOWER.end..0x2_0000],
        ..Guest::default()
    };
    let (format, address) = line[2..].split_once("xw 0x").unwrap();
    let address = u64::from_str_radix(address, 16).unwrap();
    let all = whole.xp(format.parse().unwrap(), 4, address);
    let mut expected: String = all.split_inclusive('\n').take(lines).collect();
    if lines < all.lines().count() {
        let broken = address + 16 * lines as u64;
        let _ = writeln!(expected, "{broken:016x}: Cannot access memory");
    }
    let (text, ran, asked) = shown(guest, Passthrough::Never, line).await;
    assert_eq!(text, expected, "{ran:?}");
    assert_eq!(asked, requests);
}

/// Addresses of 32 bits are read as signed ones before 11.0.
#[tokio::test]
async fn narrow_addresses() {
    for (version, asked_for, shown_as) in [
        ([10, 2, 9], "memsave 0xfffffffffffffff0 0x4", "fffffff0"),
        ([11, 0, 0], "memsave 0xfffffff0 0x4", "fffffff0"),
    ] {
        let guest = Guest {
            version,
            arch: "i386",
            ..Guest::default()
        };
        let (text, ran, asked) = shown(guest, Passthrough::Never, "x/1xw 0xfffffff0").await;
        assert_eq!(asked[0], asked_for);
        assert_eq!(
            text,
            format!("{shown_as}: Cannot access memory\n"),
            "{ran:?}"
        );
    }
}

/// Where the chosen CPU is gone, the first one takes its place; without any, nothing is shown. The
/// built-in answers so with `-M none`.
#[rstest]
#[case("x86_64", "x/2xw 0x1000", ("0x1000 0x8", "0000000000001000: 0x53525150 0x57565554\n", NOT_SHOWN))]
#[case("s390x", "x/1i 0x1000", ("0x1000 0x26", STORE, NOT_SHOWN))]
#[case("x86_64", "memsave 0x1000 8 \"f\"", ("0x1000 0x8", "", "No CPU available\n"))]
#[tokio::test]
async fn a_cpu_that_is_gone(
    #[case] arch: &'static str,
    #[case] line: &str,
    #[case] (request, first, none): (&str, &str, &str),
) {
    for (left, expected) in [(vec![0], first), (vec![], none)] {
        let guest = Arc::new(Guest {
            arch,
            mapped: 0x1000..0x2000,
            left: Some(left),
            ..Guest::default()
        });
        let mut monitor = guest.monitor(Passthrough::Never).await;
        let mut text = String::new();
        run(&mut monitor, "cpu 1", &mut text).await;
        let ran = run(&mut monitor, line, &mut text).await;
        assert_eq!(text, expected, "{ran:?}");
        let asked = guest.asked.lock().unwrap().clone();
        let of_one = format!("memsave {request} of 1");
        assert_eq!(asked, [of_one, format!("memsave {request}")]);
    }
}

const NOT_SHOWN: &str = "Can not dump without CPU\n";

/// A line of 10.0.2.
const STORE: &str = "0x00001000:  5051 5253       st       %r5, 0x253(%r1, %r5)\n";

/// Nothing to show needs a CPU all the same, as with `-M none`.
#[tokio::test]
async fn nothing_to_show() {
    for (cpus, expected) in [(vec![0], ""), (vec![], NOT_SHOWN)] {
        let guest = Guest {
            cpus: Mutex::new(cpus),
            ..Guest::default()
        };
        let (text, ran, asked) = shown(guest, Passthrough::Never, "x/0xw 0x1000").await;
        assert_eq!(text, expected, "{ran:?}");
        assert_eq!(asked, ["memsave 0x0 0x0"]);
    }
}

/// Other reasons why a file is not written are QEMU's own, whichever CPU it was asked for.
#[tokio::test]
async fn a_file_that_is_not_written() {
    let why = "Could not open '/nosuch/x': No such file or directory";
    for (left, requests) in [
        (vec![0, 1], vec!["memsave 0x0 0x1 of 1"]),
        (vec![0], vec!["memsave 0x0 0x1 of 1", "memsave 0x0 0x1"]),
    ] {
        let guest = Arc::new(Guest {
            left: Some(left),
            refuses_files: Some(why),
            ..Guest::default()
        });
        let mut monitor = guest.monitor(Passthrough::Never).await;
        let mut text = String::new();
        run(&mut monitor, "cpu 1", &mut text).await;
        let ran = run(&mut monitor, "memsave 0 1 \"/nosuch/x\"", &mut text).await;
        assert_eq!(text, format!("Error: {why}\n"), "{ran:?}");
        assert_eq!(*guest.asked.lock().unwrap(), requests);
    }
}

/// A device is among instructions of physical memory: a note says so.
#[tokio::test]
async fn instructions_in_a_device() {
    for (address, noted) in [(0x1010, true), (0x2000, false)] {
        let guest = Guest {
            arch: "s390x",
            ..Guest::default()
        };
        let line = format!("xp/1i {address:#x}");
        let (text, ran, asked) = shown(guest, Passthrough::Never, &line).await;
        assert!(text.starts_with(&format!("{address:#010x}:  ")), "{text}");
        assert_eq!(
            text.contains("note: QMP does not tell a device"),
            noted,
            "{ran:?}"
        );
        assert_eq!(asked, [format!("pmemsave {address:#x} 0x20")]);
    }
}
