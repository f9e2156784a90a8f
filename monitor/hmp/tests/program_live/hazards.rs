// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that harm a QEMU are refused, and their neighbours are not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::program::{Ran, hmp, run};
use crate::common::qemu::{Qemu, qemus, skipped};

fn line(qemu: &Qemu, line: &str) -> Ran {
    run(hmp().arg(qemu.socket()).args(["-c", line]))
}

/// Whether a line was refused; the QEMU lives either way.
fn refused(qemu: &mut Qemu, text: &str) -> bool {
    let ran = line(qemu, text);
    assert!(qemu.lives(), "{text}: {ran:?}");
    ran.stdout.starts_with("refused: ")
}

fn release(program: &Path) -> (u32, u32) {
    let output = Command::new(program).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split("version ").nth(1).unwrap();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A running VM with a disk that can hold snapshots, after a `loadvm` that failed.
fn restoring(program: &Path, folder: &Path) -> Option<Qemu> {
    let disk = folder.join("disk");
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", disk.to_str()?, "1M"])
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skipped("no qemu-img");
        return None;
    }
    let drive = format!("if=none,id=d,file={}", disk.display());
    let qemu = Qemu::start(program, &["-m", "32", "-drive", &drive]);
    let ran = run(hmp().arg(qemu.socket()).args([
        "-c",
        "cont",
        "-c",
        "loadvm nosuch",
        "-c",
        "info status",
    ]));
    assert!(ran.stdout.contains("(restore-vm)"), "{ran:?}");
    Some(qemu)
}

#[test]
fn migration_after_a_failed_loadvm() {
    for program in qemus() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let Some(mut qemu) = restoring(&program, folder.path()) else {
            return;
        };
        let file = format!("migrate -d file:{}/state", folder.path().display());
        assert!(refused(&mut qemu, "migrate -d exec:cat>/dev/null"));
        assert!(refused(&mut qemu, "migrate exec:cat>/dev/null"));
        assert!(refused(&mut qemu, "migrate -d unix:/no/such"));
        // A release that knows no files says so.
        assert_eq!(refused(&mut qemu, &file), release(&program) >= (8, 2));
        assert!(!refused(&mut qemu, "migrate -d nosuch:x"));
        assert!(!refused(&mut qemu, "migrate -r tcp:127.0.0.1:1"));
        let allowed = run(hmp().arg(qemu.socket()).args([
            "--allow",
            "risky",
            "-c",
            "migrate -d unix:/no/such",
        ]));
        assert!(!allowed.stdout.starts_with("refused"), "{allowed:?}");
        line(&qemu, "cont");
        assert!(!refused(&mut qemu, "migrate exec:cat>/dev/null"));
    }
}

/// As root, with /dev/net/tun, the tap itself can be made.
#[test]
fn taps_without_vhost() {
    let vhost = Path::new("/dev/vhost-net").exists();
    for program in qemus() {
        let old = release(&program) < (10, 0);
        let new = release(&program) >= (11, 0);
        let mut qemu = Qemu::start(&program, &[]);
        let tap = "script=no,downscript=no";
        for (options, dangerous) in [
            ("vhost=on", old && !vhost),
            ("vhost=on,vhostforce=off", old && !vhost),
            ("vhost=on,queues=2", old && !vhost),
            ("vhost=on,vhostforce=on", false),
            ("vhostforce=on", false),
            ("vhost=off", false),
            ("vhostfd=nosuch", old),
            ("vhost=off,vhostfd=nosuch", false),
            ("vhostfd=99,vhostforce=on", new),
        ] {
            let text = format!("netdev_add tap,id=n,{tap},{options}");
            assert_eq!(
                refused(&mut qemu, &text),
                dangerous,
                "{}: {text}",
                program.display()
            );
            line(&qemu, "netdev_del n");
        }
        assert!(!refused(&mut qemu, "netdev_add user,id=v"));
    }
}

#[test]
fn measuring_that_qemu_refuses() {
    for program in qemus() {
        let old = release(&program) < (10, 0);
        let mut qemu = Qemu::start(&program, &[]);
        for (text, dangerous) in [
            ("calc_dirty_rate -r 1", old),
            ("calc_dirty_rate -b 1", old),
            ("calc_dirty_rate -b 60 128", old),
            ("calc_dirty_rate -r -b 1", false),
            ("calc_dirty_rate -r 0", false),
            ("calc_dirty_rate -r 61", false),
            ("calc_dirty_rate -r -1", false),
            ("calc_dirty_rate -r 1 128", false),
            ("calc_dirty_rate -b 1 127", false),
        ] {
            let harmless = !refused(&mut qemu, text);
            assert_eq!(!harmless, dangerous, "{}: {text}", program.display());
        }
    }
}

#[test]
fn structures_that_can_not_be_set() {
    for program in qemus() {
        let mut qemu = Qemu::start(&program, &[]);
        assert!(refused(&mut qemu, "qom-set /machine boot x"));
        for (path, property) in [
            ("/machine", "rtc-time"),
            ("/machine/unattached/device[0]", "feature-words"),
            ("/machine/unattached/device[0]", "crash-information"),
        ] {
            let text = format!("qom-set {path} {property} x");
            let own = line(&qemu, &text).stdout;
            let builtin =
                run(hmp()
                    .arg(qemu.socket())
                    .args(["--passthrough", "always", "-c", &text]));
            assert_eq!(own, builtin.stdout, "{}: {text}", program.display());
            assert!(!own.starts_with("refused"), "{own}");
        }
        let explained = run(hmp().arg(qemu.socket()).args([
            "--explain",
            "-c",
            "device_add virtio-net-pci,id=x",
            "-c",
            "device_add virtio-net-pci,id=x,realized=on",
        ]));
        let hazards: Vec<_> = explained
            .stdout
            .lines()
            .map(|object| object.contains("\"hazards\""))
            .collect();
        assert_eq!(hazards, [false, true], "{explained:?}");
    }
}

/// With tables, which the firmware makes, an address beyond the segments would crash QEMU.
#[test]
fn addresses_beyond_segments() {
    for program in qemus()
        .into_iter()
        .filter(|p| p.to_string_lossy().ends_with("ppc64"))
    {
        let mut qemu = Qemu::start(&program, &["-M", "g3beige"]);
        assert!(!refused(&mut qemu, "cont"));
        std::thread::sleep(Duration::from_secs(2));
        for (text, harmful) in [
            ("x/2xw 0xc000000000000000", true),
            ("x/2i -16", true),
            ("gva2gpa 0xc000000000000000", true),
            ("memsave -16 8 \"/dev/null\"", true),
            ("x/2xw 0xfff00100", false),
            ("xp/2xw 0xc000000000000000", false),
        ] {
            for options in [
                &[][..],
                &["--native-only"],
                &["--native-only", "--allow", "risky"],
            ] {
                let socket = qemu.socket();
                let ran = run(hmp().args(options).arg(socket).args(["-c", text]));
                assert!(qemu.lives(), "{text} {options:?}: {ran:?}");
                let starts = ran.stdout.starts_with("refused: ");
                assert_eq!(starts, harmful, "{text} {options:?}: {ran:?}");
            }
        }
    }
}

/// The built-in monitor of QEMU for 32 bits extends the sign of an address, with the same end; we do
/// not.
#[test]
fn addresses_with_a_sign() {
    let ppc = |program: &PathBuf| program.to_string_lossy().ends_with("ppc");
    for program in qemus().into_iter().filter(ppc) {
        let mut qemu = Qemu::start(&program, &["-M", "g3beige"]);
        let before = line(&qemu, "x/2xw 0xfff00100").stdout;
        assert!(before.starts_with("fff00100: 0x48"), "{before}");
        assert!(!refused(&mut qemu, "cont"));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!refused(&mut qemu, "x/2xw 0xfff00100"));
        assert!(refused(&mut qemu, "x/2i 0xfff00100"));
        assert!(refused(&mut qemu, "memsave -16 8 \"/dev/null\""));
        assert!(!refused(&mut qemu, "gva2gpa 0xfff00100"));
    }
}

/// A register that the built-in monitor reads may hold such an address.
#[test]
fn addresses_in_registers() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let code = folder.path().join("code");
    // movz x0, 0x800, lsl 16; b .
    let words = [0xd2a1_0000u32, 0x1400_0000];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(&code, bytes).unwrap();
    for program in qemus() {
        let name = program.to_string_lossy();
        if !name.ends_with("aarch64") || release(&program) < (11, 1) {
            continue;
        }
        let loader = format!(
            "loader,file={},addr=0x40300000,force-raw=on",
            code.display()
        );
        let more = [
            "-M",
            "virt,gic-version=2",
            "-smp",
            "2",
            "-cpu",
            "cortex-a57",
        ];
        let place = [
            "-device",
            &loader,
            "-device",
            "loader,addr=0x40300000,cpu-num=0",
        ];
        let mut qemu = Qemu::start(&program, &[&more[..], &place].concat());
        assert!(!refused(&mut qemu, "cont"));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!refused(&mut qemu, "stop"));
        assert_eq!(line(&qemu, "print/x $x0").stdout, "0x8000000\n");
        for (text, harmful) in [
            ("x/4xw $x0", true),
            ("xp/4xw $x0 + ($x1 & 0)", true),
            ("x/2i $x0", true),
            ("x/4xw $pc", false),
            ("x/2xw $x0 + 0x38000000", false),
            ("x $nosuch", false),
        ] {
            assert_eq!(refused(&mut qemu, text), harmful, "{text}");
        }
    }
}

/// No permission lifts what is known to crash QEMU.
#[test]
fn registers_of_each_cpu_whatever_is_allowed() {
    for program in qemus()
        .into_iter()
        .filter(|p| p.to_string_lossy().ends_with("aarch64"))
    {
        let more = ["-M", "virt,gic-version=2", "-smp", "2"];
        let mut qemu = Qemu::start(&program, &more);
        for text in ["x/4xw 0x8010000", "x/i 0x8000000", "xp/4xw 0x8000000"] {
            for options in [&[][..], &["--native-only"]] {
                let allowed = ["--allow", "risky", "-c", text];
                let ran = run(hmp().args(options).arg(qemu.socket()).args(allowed));
                assert!(qemu.lives(), "{text}: {ran:?}");
                assert!(ran.stdout.starts_with("refused: "), "{text}: {ran:?}");
            }
        }
    }
}
