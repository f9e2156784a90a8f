// SPDX-License-Identifier: GPL-2.0-or-later
//! Registers and tables of real VMs, as `tests/engine/states` holds them: what QEMU was asked, what
//! it wrote, and what the built-in monitor answered at the same moment. The live tests write them
//! (`HMP_RECORD_STATES=1`, with the QEMUs of tests/common/qemu.rs).

use std::sync::Arc;
use std::time::Duration;

use hmp_engine::command::route::Passthrough;
use hmp_engine::engine::{Monitor, Outcome};
use hmp_engine::host::Risk;
use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::Version;
use hmp_engine::table::{INFO, MAIN};

use crate::common::random::Random;
use crate::common::steps::{Moment, Player, Step, folder};

/// A monitor of a VM whose steps are played.
fn monitor(player: &Arc<Player>, moment: &Moment) -> Monitor {
    let routes = MAIN.iter().chain(INFO).flat_map(|row| row.routes);
    let (major, minor, micro) = moment.version;
    let version = Version {
        major,
        minor,
        micro,
    };
    let needs = routes.flat_map(|route| route.needs());
    let needs = needs.copied().filter(|need| *need != "qom-list-get");
    let builder = Monitor::builder(player.clone()).host(player.clone());
    let builder = builder.passthrough(Passthrough::Never).allow(Risk::Risky);
    builder.build_with(Caps::from_parts(version, Some(&moment.arch), needs))
}

#[tokio::test]
async fn states_are_shown_as_the_builtin_showed_them() {
    let mut count = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let moment: Moment = serde_json::from_str(&text).unwrap();
        let player = Arc::new(Player::default());
        let mut monitor = monitor(&player, &moment);
        for line in &moment.lines {
            player.line(&line.steps);
            let mut ours = String::new();
            monitor.run_line(&line.line, &mut ours).await;
            let what = format!("{}: {}", path.display(), line.line);
            if line.builtin.is_empty() {
                // Five levels, which the built-in does not survive.
                assert!(
                    ours.lines().count() > 3 && ours.contains("-rw\n"),
                    "{what}: {ours}"
                );
            } else {
                // What is left out, with a note.
                let is_kept = |line: &&str| match moment.arch.as_str() {
                    "ppc64" => {
                        let unreserved = line.ends_with("@ffffffffffffffff");
                        let begins = |begin: &str| line.starts_with(begin);
                        !(begins("MSR ") || begins("TB ") || begins("CR ") && unreserved)
                    }
                    "riscv64" => !line.starts_with(" fcsr "),
                    "s390x" => !line.starts_with("PSW="),
                    _ => true,
                };
                let lines = line.builtin.lines().filter(is_kept);
                let kept: String = lines.map(|line| format!("{line}\n")).collect();
                assert_eq!(ours, kept, "{what}");
            }
            count += ours.lines().count();
        }
        player.line(&[]);
    }
    assert!(count > 2000, "{count}");
}

/// The tables of a real system lie near each other, and are read together: `info mem` of the kernel
/// that was recorded looks at more than 100.
#[tokio::test]
async fn tables_are_read_together() {
    let text = std::fs::read_to_string(folder().join("11.1-x86_64-linux.json")).unwrap();
    let moment: Moment = serde_json::from_str(&text).unwrap();
    let line = moment.lines.iter().find(|line| line.line == "info mem");
    let player = Arc::new(Player::default());
    player.line(&line.unwrap().steps);
    let mut text = String::new();
    // A request more would be none of those that were made.
    let mut monitor = monitor(&player, &moment);
    let ran = monitor.run_line("info mem", &mut text).await;
    assert_eq!(ran.outcome, Outcome::Done);
    let asked = line.unwrap().steps.iter();
    let reads = asked.filter(|step| matches!(step, Step::Asked(name, ..) if name == "pmemsave"));
    assert!(reads.count() < 40);
}

/// Whatever QEMU writes: nothing panics, and nothing takes long. Every state is damaged in a few
/// places, the same ones in every run.
#[tokio::test]
async fn damaged_states_do_no_harm() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut refused, mut shown) = (0, 0);
    for file in std::fs::read_dir(folder()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let moment: Moment = serde_json::from_str(&text).unwrap();
        for line in &moment.lines {
            for _ in 0..20 {
                let player = Arc::new(Player::lenient());
                player.line(&line.steps);
                player.damage(|bytes| {
                    for _ in 0..=random.below(8) {
                        let at = random.below(bytes.len().max(1) as u64) as usize;
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte = random.below(256) as u8;
                        }
                    }
                    if random.below(5) == 0 {
                        bytes.truncate(random.below(bytes.len().max(1) as u64) as usize);
                    }
                });
                let mut monitor = monitor(&player, &moment);
                let mut text = String::new();
                let running = monitor.run_line(&line.line, &mut text);
                let ran = tokio::time::timeout(Duration::from_secs(20), running).await;
                match ran.expect("it takes long").refusal {
                    Some(_) => refused += 1,
                    None => shown += 1,
                }
            }
        }
    }
    assert!(refused > 100 && shown > 100, "{refused} {shown}");
}
