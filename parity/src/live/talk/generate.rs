// SPDX-License-Identifier: GPL-2.0-or-later
//! What a client types in a random session: lines, keys and TABs.

use hmp::readline::{Entered, History, Position, Readline};
use hmp_engine::engine::Monitor;

use crate::case::Qemu;
use crate::live::fuzz::{Generator, may_run};
use crate::live::talk::differs::Differs;

/// Lines that change the VM of a session, and can: it is paused, and nothing here ends or runs it.
const CHANGES: &[&str] = &[
    "stop",
    "cpu 1",
    "cpu 0",
    "log int",
    "log none",
    "mouse_button 1",
    "mouse_move 1 2",
    "mouse_set 0",
    "sendkey a",
    "sendkey ctrl-alt-f1",
    "set_link nic0 off",
    "set_link nic0 on",
    "set_link nosuch on",
    "netdev_add user,id=n1",
    "netdev_del n1",
    "netdev_add nosuch,id=x",
    "object_add memory-backend-ram,id=m1,size=1M",
    "object_del m1",
    "object_del nosuch",
    "chardev-add null,id=c1",
    "chardev-remove c1",
    "chardev-remove nosuch",
    "device_add usb-tablet,id=t1,bus=usb.0",
    "device_add nosuch",
    "device_del nosuch",
    "block_resize drv0 8M",
    "block_resize drv0 4M",
    "block_set_io_throttle drv0 0 0 0 0 0 0",
    "drive_add -n 0 driver=null-co,node-name=x0",
    "drive_del nosuch",
    "eject cd0",
    "eject -f cd0",
    "eject nosuch",
    "change vnc password secret",
    "migrate_set_capability xbzrle on",
    "migrate_set_capability xbzrle off",
    "migrate_set_parameter downtime-limit 100",
    "migrate_cancel",
    "balloon 64",
    "boot_set nosuch",
    "ringbuf_write r0 text",
    "ringbuf_read r0 100",
    "qom-set /machine/peripheral/nic0 nosuch 1",
    "sum 0 16",
    "p/x 10",
    "p 1+2*3",
    "x/4xw 0xfffffff0",
    "xp/8xb 0xfffffff0",
    "info history",
    "info network",
    "info cpus",
    "help stop",
    "savevm",
    "nbd_server_stop",
    "snapshot_blkdev nosuch",
    "watchdog_action nosuch",
];

/// Beginnings of lines that TAB has something for.
const BEGINNINGS: &[&str] = &[
    "",
    "s",
    "sys",
    "info ",
    "info b",
    "info vers",
    "help ",
    "help mi",
    "netdev_del ",
    "set_link ",
    "set_link n",
    "object_add ",
    "object_add rng",
    "object_del ",
    "device_del ",
    "eject ",
    "eject c",
    "block_resize d",
    "chardev-remove ",
    "ringbuf_write ",
    "migrate_set_capability ",
    "migrate_set_parameter x",
    "log ",
    "log in",
    "sendkey ctrl-",
    "watchdog_action ",
    "device_add e10",
    "device_add virtio-net",
    "trace-event virtio_bl",
    "zzz ",
    "\"inf",
    "screendump /de",
    "logfile /de",
    "cpu ",
    "p ",
    "x/",
    "drive_del ",
    "netdev_add ",
];

/// Keys that change the line or the cursor.
const KEYS: &[&[u8]] = &[
    b"\x01",
    b"\x05",
    b"\x1b[D",
    b"\x1b[C",
    b"\x1b[D\x1b[D\x1b[D",
    b"\x7f",
    b"\x08",
    b"\x04",
    b"\x1b[3~",
    b"\x17",
    b"\x15",
    b"\x0c",
    b"\x1b[1~",
    b"\x1b[4~",
    b"\x1bOH",
    b"\x1bOF",
    b"\x1b[H",
    b"\x1b[1;5D",
    b"\x1b[?25h",
    b"\x1bx",
    b"\x1b\x1b",
    b"\x9bD",
    b"\x03",
    b"\x00",
    b"\x1a",
    b"\xc3\xa9",
    b"\xff",
    b"z",
    b" ",
    b"\x1b[200~",
    b"\x1b[201~",
];

/// Keys that recall lines.
const RECALLS: &[&[u8]] = &[
    b"\x1b[A",
    b"\x1b[A",
    b"\x1b[A\x1b[A",
    b"\x1b[B",
    b"\x1b[F",
    b"\x1b[E",
    b"\x10",
    b"\x0e",
];

/// What ends a line.
const ENDS: &[&[u8]] = &[b"\n", b"\n", b"\n", b"\r", b"\r\n", b"\n\r"];

/// Deletes the longest line that TAB makes.
const CLEARED: usize = 400;

/// What is typed before the answer is waited for.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) bytes: Vec<u8>,
    /// The lines that it comes to.
    pub(super) lines: Vec<String>,
}

/// Makes sessions from a seed.
pub(super) struct Sessions<'a> {
    random: fastrand::Rng,
    generator: Generator,
    rows: usize,
    monitor: &'a Monitor,
    differs: &'a Differs,
    qemu: &'a Qemu,
    /// What the built-in's editor makes of it, as far as it takes no candidates.
    readline: Readline,
    history: History,
    emacs: bool,
}

impl<'a> Sessions<'a> {
    pub(super) fn new(
        seed: u64,
        monitor: &'a Monitor,
        emacs: bool,
        differs: &'a Differs,
        qemu: &'a Qemu,
    ) -> Self {
        let generator = Generator::new(seed, monitor.rows(), monitor.caps().version);
        Self {
            random: fastrand::Rng::with_seed(seed),
            rows: generator.names().count(),
            generator,
            monitor,
            differs,
            qemu,
            readline: Readline::new(emacs, Position::default()),
            history: History::default(),
            emacs,
        }
    }

    /// Another client, on the same monitor.
    pub(super) fn reconnect(&mut self) {
        self.readline = Readline::new(self.emacs, self.readline.position);
    }

    /// The next piece of a session.
    pub(super) fn next(&mut self) -> Typed {
        loop {
            let bytes = self.bytes();
            let (readline, history) = (self.readline.clone(), self.history.clone());
            let lines = self.lines(&bytes);
            if lines.iter().all(|line| self.is_harmless(line)) {
                return Typed { bytes, lines };
            }
            (self.readline, self.history) = (readline, history);
        }
    }

    /// The end of a session, whose prompt says that all before it was answered.
    pub(super) fn end(&mut self) -> Typed {
        let deleted = b"\x7f".repeat(CLEARED);
        let bytes = [&b"\x05"[..], &deleted, b"p 1\n"].concat();
        let lines = self.lines(&bytes);
        Typed { bytes, lines }
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.usize(..list.len())]
    }

    fn bytes(&mut self) -> Vec<u8> {
        let end = self.pick(ENDS);
        match self.random.usize(..20) {
            0..7 => {
                let row = self.random.usize(..self.rows);
                // A TAB is a key.
                let line = self.generator.line(row).replace('\t', " ");
                [line.as_bytes(), end].concat()
            }
            7..11 => [self.pick(CHANGES).as_bytes(), end].concat(),
            11..15 => {
                let tabs = b"\t".repeat(self.random.usize(1..3));
                let deleted = b"\x7f".repeat(CLEARED);
                [self.pick(BEGINNINGS).as_bytes(), &tabs, b"\x05", &deleted].concat()
            }
            15..18 => {
                let mut bytes = Vec::new();
                for &byte in self.pick(CHANGES).as_bytes() {
                    bytes.push(byte);
                    if self.random.usize(..6) == 0 {
                        bytes.extend_from_slice(self.pick(KEYS));
                    }
                }
                [&bytes, end].concat()
            }
            _ => {
                let mut bytes = Vec::new();
                for _ in 0..self.random.usize(1..6) {
                    bytes.extend_from_slice(self.pick(RECALLS));
                }
                if self.random.bool() {
                    bytes.extend_from_slice(self.pick(KEYS));
                }
                [&bytes, end].concat()
            }
        }
    }

    /// The lines that the bytes come to.
    fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut out = Vec::new();
        for &byte in bytes {
            let entered = self.readline.byte(byte, &mut self.history, &mut out);
            if let Some(Entered::Line(line)) = entered {
                lines.push(String::from_utf8_lossy(&line).into_owned());
            }
            // What was looked for with TAB is deleted again.
            out.clear();
        }
        lines
    }

    fn is_harmless(&self, line: &str) -> bool {
        let known = self.differs.line(line, self.qemu).is_some();
        let listed = || CHANGES.contains(&line.trim());
        !known && (listed() || may_run(self.monitor, line))
    }
}
