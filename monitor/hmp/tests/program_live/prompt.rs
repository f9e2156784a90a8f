// SPDX-License-Identifier: GPL-2.0-or-later
//! The prompt on real QEMUs, as a user sees it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::pty::{PATIENCE, Terminal};
use crate::common::qemu::{Qemu, qemus};
use crate::common::screen::Screen;

fn at(qemu: &Qemu, more: &[&str]) -> Screen {
    let mut screen = Screen::of(Terminal::at(&qemu.socket(), qemu.folder(), "xterm", more));
    screen.shows("(qemu) ");
    screen
}

/// TAB makes the line this.
fn becomes(screen: &mut Screen, text: &str, line: &str) {
    screen.types(&format!("\x15{text}\t"));
    // What comes late is there at the next TAB.
    let begun = Instant::now();
    while !screen.line().ends_with(line) {
        assert!(begun.elapsed() < PATIENCE, "{line}: {:#?}", screen.rows());
        if !screen.look(Duration::from_millis(500)) {
            screen.types("\t");
        }
    }
}

fn is_x86(program: &Path) -> bool {
    program.to_string_lossy().contains("x86_64")
}

/// A PC without a boot medium, whose firmware says so on its text screen.
#[test]
fn the_screen_of_a_pc() {
    for program in qemus().into_iter().filter(|program| is_x86(program)) {
        let qemu = Qemu::start(
            &program,
            &["-M", "pc", "-m", "64M", "-vga", "std", "-net", "none"],
        );
        let mut screen = at(&qemu, &[]);
        // Half blocks before anything is shown: all black.
        screen.types("screendump\r");
        screen.until("a picture", |screen| {
            screen.rows().iter().any(|row| row.contains('▀'))
        });
        screen.is_at("(qemu)");
        screen.types("\x0c");
        screen.types("cont\r");
        screen.shows(" RESUME");
        screen.is_at("(qemu)");
        let begun = Instant::now();
        while !screen.rows().iter().any(|row| row.contains("SeaBIOS")) {
            assert!(begun.elapsed() < PATIENCE, "{:#?}", screen.rows());
            screen.types("screen -t\r");
            while screen.look(Duration::from_millis(500)) {}
        }
    }
}

#[test]
fn events_and_states_of_a_vm() {
    for program in qemus().into_iter().filter(|program| is_x86(program)) {
        let qemu = Qemu::start(&program, &["-M", "pc", "-m", "16M"]);
        let mut screen = at(&qemu, &["--prompt", "state"]);
        screen.is_at("tested prelaunch (qemu)");
        screen.shows("tested (process ");
        screen.types("cont\r");
        screen.is_at("tested running (qemu)");
        screen.shows(" RESUME");
        screen.types("stop\r");
        screen.is_at("tested paused (qemu)");
        screen.shows(" STOP: paused");
        screen.types("device_add virtio-rng-pci,id=r0\r");
        for (text, line) in [
            (
                "device_add virtio-rng-pci,multif",
                "device_add virtio-rng-pci,multifunction=",
            ),
            (
                "qom-get /machine/peripheral/r0 hotp",
                "qom-get /machine/peripheral/r0 hotplugg",
            ),
        ] {
            becomes(&mut screen, text, line);
        }
        screen.types("\x15info qtree | grep -c virtio-rng-pci\r");
        screen.shows("\n1\n");
        screen.types("explain info status\r");
        screen.shows("native: QMP has the command");
        screen.types("qmp query-status\r");
        screen.shows("\"status\": \"paused\"");
        screen.types("quit\r");
        assert_eq!(screen.terminal.ends(), 0);
    }
}

/// A migration in the background that fails says so.
#[test]
fn the_end_of_a_migration() {
    for program in qemus().into_iter().filter(|program| is_x86(program)) {
        let qemu = Qemu::start(&program, &["-M", "pc", "-m", "16M"]);
        let mut screen = at(&qemu, &[]);
        screen.types("migrate -d exec:false\r");
        screen.shows(" MIGRATION: failed");
        screen.is_at("(qemu)");
        screen.types("migrate -d exec:cat>/dev/null\r");
        screen.shows(" MIGRATION: completed");
        screen.is_at("(qemu)");
    }
}

/// Buses that do not fit or have no room, and memory that is in use, are not offered.
#[test]
fn what_fits_and_is_free_is_offered() {
    for program in qemus().into_iter().filter(|program| is_x86(program)) {
        let machine = ["-M", "q35", "-m", "16M,slots=2,maxmem=1G"];
        let memory = ["-object", "memory-backend-ram,id=free,size=1M"];
        let disk = ["-device", "virtio-scsi-pci,id=s"];
        let ports = [
            "-device",
            "pcie-root-port,id=rp0,chassis=1",
            "-device",
            "pcie-root-port,id=rp1,chassis=2",
            "-device",
            "virtio-rng-pci,bus=rp0",
        ];
        let all = machine.iter().chain(&memory).chain(&disk).chain(&ports);
        let more: Vec<&str> = all.copied().collect();
        let qemu = Qemu::start(&program, &more);
        let mut screen = at(&qemu, &["--color", "never"]);
        for (text, line) in [
            ("device_add e1000e,bus=rp", "device_add e1000e,bus=rp1"),
            ("device_add scsi-hd,bus=", "device_add scsi-hd,bus=s.0"),
            (
                "device_add pc-dimm,memdev=",
                "device_add pc-dimm,memdev=free",
            ),
        ] {
            becomes(&mut screen, text, line);
        }
    }
}

/// A QEMU that is stopped holds no key.
#[test]
fn keys_while_qemu_is_stopped() {
    for program in qemus().into_iter().take(1) {
        let qemu = Qemu::start(&program, &["-M", "none"]);
        let mut screen = at(&qemu, &["--color", "never"]);
        let pid = rustix::process::Pid::from_raw(qemu.pid().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            for letter in "eject abcdefghijklm".chars() {
                let begun = Instant::now();
                screen.types(&letter.to_string());
                screen.until("the key", |screen| {
                    screen.line().ends_with(letter) || letter == ' '
                });
                longest = longest.max(begun.elapsed());
            }
            screen.types("\t\x15");
            screen.until("an empty line", |screen| screen.line() == "(qemu)");
        }
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        println!("1000 keys, 50 TABs, QEMU stopped: {longest:?} at most from key to echo");
        assert!(longest < Duration::from_secs(1), "{longest:?}");
    }
}
