// SPDX-License-Identifier: GPL-2.0-or-later
//! What the prompt has for a user's eyes, scene by scene, on each QEMU. With `HMP_TEST_PICTURES`, a
//! folder, each scene's screen is left there as `SCENE.svg`: docs/pictures, of one QEMU.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::common::pty::{PATIENCE, Terminal};
use crate::common::qemu::{Qemu, qemus};
use crate::common::screen::Screen;

/// A PC with free and taken root ports, a disk and a network.
const MACHINE: &[&str] = &[
    "-name",
    "web1",
    "-M",
    "q35",
    "-m",
    "64M",
    "-vga",
    "std",
    "-drive",
    "if=none,id=disk0,driver=null-co,size=1G",
    "-device",
    "virtio-blk-pci,drive=disk0",
    "-netdev",
    "user,id=net0",
    "-device",
    "pcie-root-port,id=rp0,chassis=1",
    "-device",
    "pcie-root-port,id=rp1,chassis=2",
    "-device",
    "pcie-root-port,id=rp2,chassis=3",
    "-device",
    "virtio-rng-pci,bus=rp0,id=rng0",
];

/// Longest time that scenes show.
const SHORT: Duration = Duration::from_millis(600);

struct Studio {
    screen: Screen,
    folder: Option<PathBuf>,
}

impl Studio {
    /// At a prompt, with settings.
    fn open(qemu: &Qemu, settings: &str) -> Self {
        let folder = qemu.folder().join("hmp");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), settings).unwrap();
        let mut screen = Screen::of(Terminal::at(
            &qemu.socket(),
            qemu.folder(),
            "xterm",
            &["--prompt", "state"],
        ));
        screen.shows("(qemu) ");
        Self {
            screen,
            folder: std::env::var_os("HMP_TEST_PICTURES").map(PathBuf::from),
        }
    }

    /// An empty screen with a prompt.
    fn clear(&mut self) {
        while self.screen.look(SHORT) {}
        self.screen.types("\x05\x15\x0c");
        self.screen.until("a clear screen", |screen| {
            screen.rows()[0].ends_with("(qemu)") && screen.line() == screen.rows()[0]
        });
    }

    /// Types a text and TAB, and once more when QEMU has answered.
    fn tab(&mut self, text: &str) {
        self.screen.types(&format!("{text}\t"));
        while self.screen.look(SHORT) {}
        self.screen.types("\x0c\t");
    }

    /// Types a line that comes back to the prompt.
    fn line(&mut self, line: &str) {
        self.screen.types(&format!("{line}\r"));
        self.screen.until("the next prompt", |screen| {
            let rows = screen.rows().join("\n");
            let before = rows.rfind(line).map(|at| &rows[at + line.len()..]);
            screen.line().ends_with("(qemu)")
                && before.is_some_and(|behind| behind.contains("(qemu)"))
        });
    }

    /// The scene has all of this on its screen.
    #[track_caller]
    fn scene(&mut self, name: &str, texts: &[&str]) {
        self.screen.until(&format!("{name}: {texts:?}"), |screen| {
            let rows = screen.rows().join("\n");
            texts.iter().all(|text| rows.contains(text))
        });
        if let Some(folder) = &self.folder {
            let picture = self.screen.picture();
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(format!("{name}.svg")), picture).unwrap();
        }
    }
}

#[test]
fn scenes_at_the_prompt() {
    let x86 = |program: &PathBuf| program.to_string_lossy().contains("x86_64");
    for program in qemus().into_iter().filter(x86) {
        let qemu = Qemu::start(&program, MACHINE);
        let mut studio = Studio::open(&qemu, "confirm = true\n");
        studio.scene(
            "banner",
            &[
                "monitor - type 'help'",
                "web1 (process ",
                "q35",
                "Ctrl-D leaves, quit ends the",
            ],
        );
        typing(&mut studio);
        answers(&mut studio);
        running(&mut studio);
        studio.clear();
        studio.screen.types("quit\r");
        studio.scene("confirm", &["quit", "Do it? (y/N)"]);
        studio.screen.types("y\r");
        // A line failed: the one that was meant otherwise.
        assert_eq!(studio.screen.terminal.ends(), 1);
    }
}

/// What happens while a line is typed.
fn typing(studio: &mut Studio) {
    studio.clear();
    studio.tab("device_add virtio-net-pci,m");
    studio.scene("tab", &["mac=", "multifunction="]);
    studio.clear();
    studio.tab("device_add e1000e,bus=");
    studio.scene("tab-bus", &["rp1", "rp2"]);
    let rows = studio.screen.rows().join("\n");
    assert!(!rows.contains("rp0"), "its device is there: {rows}");
    studio.clear();
    studio.line("info blok");
    studio.screen.types_slowly("block_resize ");
    studio.scene(
        "hints",
        &["did you mean 'info block'?", "block_resize device size"],
    );
    assert!(studio.screen.look_of("device size").0, "it is dim");
    studio.clear();
    studio.screen.types_slowly("blok");
    studio.scene("unknown", &["(qemu) blok"]);
    assert_eq!(studio.screen.look_of("blok").1, vt100::Color::Idx(1));
}

/// Lines that only look, and where their answers go.
fn answers(studio: &mut Studio) {
    studio.clear();
    studio.line("info qtree | grep -c pcie-root-port");
    studio.line("info pci | head -n 4");
    studio.line("!date +%Y >/dev/null");
    studio.scene("pipes", &["| grep -c pcie-root-port\n3\n", "Bus  0"]);
    studio.clear();
    studio.line("explain device_del rng0");
    studio.line("qmp query-status");
    studio.scene("explain", &["device_del", "native: ", "\"status\": "]);
    studio.clear();
    studio.line("help migrate_set_parameter");
    studio.scene("help", &["migrate_set_parameter ", "QMP"]);
    studio.clear();
    studio.screen.types("watch -n 0.2 info status\r");
    studio.scene("watch", &["info status", "VM status: paused"]);
    studio.screen.types("\x03");
}

/// A VM that runs.
fn running(studio: &mut Studio) {
    studio.clear();
    studio.line("cont");
    let begun = Instant::now();
    while !studio
        .screen
        .rows()
        .iter()
        .any(|row| row.contains("SeaBIOS"))
    {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", studio.screen.rows());
        studio.clear();
        studio.line("screen -t");
    }
    studio.scene("screen-text", &["SeaBIOS"]);
    studio.clear();
    studio.screen.types("screendump\r");
    studio.screen.until("the prompt behind it", |screen| {
        let rows = screen.rows().join("\n");
        screen.line().ends_with("(qemu)") && rows.contains('▀')
    });
    studio.scene("screendump", &["▀"]);
    studio.clear();
    studio.line("migrate -d exec:cat>/dev/null");
    studio.screen.types("info mig");
    studio.scene("events", &["MIGRATION: completed", "(qemu) info mig"]);
    assert!(studio.screen.look_of("MIGRATION: completed").0, "it is dim");
    studio.clear();
    studio.line("cont");
    // What the pipe holds is sent, no more.
    studio
        .screen
        .types("migrate \"exec:sleep 20; cat >/dev/null\"\r");
    studio.scene("long", &["migrate 2 s", " %", " left"]);
    studio.screen.types("\x03");
    studio.screen.shows("interrupted; the migration goes on");
    studio.line("migrate_cancel");
}
