// SPDX-License-Identifier: GPL-2.0-or-later
//! Machines while they are put together: ids, chance, and the back ends that devices need.

use std::collections::{BTreeMap, BTreeSet};

use super::offers::Offers;
use crate::case::Disk;

/// A machine while it is put together.
pub struct Parts<'a> {
    /// Chance.
    pub random: fastrand::Rng,
    /// What QEMU offers.
    pub offers: &'a Offers,
    /// The arguments so far.
    pub args: Vec<String>,
    /// The images so far.
    pub disks: Vec<Disk>,
    /// The types of buses that devices can be plugged into.
    pub reach: BTreeSet<String>,
    /// Buses with a name, by type.
    pub named: Vec<(String, String)>,
    /// Whether a device is one of memory.
    pub has_memory: bool,
    ids: BTreeMap<&'static str, usize>,
    audio: Option<String>,
}

impl<'a> Parts<'a> {
    /// Nothing yet.
    pub fn new(offers: &'a Offers, random: fastrand::Rng, reach: &[String]) -> Self {
        Self {
            random,
            offers,
            args: Vec::new(),
            disks: Vec::new(),
            reach: reach.iter().cloned().collect(),
            named: Vec::new(),
            has_memory: false,
            ids: BTreeMap::new(),
            audio: None,
        }
    }

    /// Whether something happens that happens once in `n` times.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.random.u32(..n) == 0
    }

    /// One of a list.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.usize(..list.len())]
    }

    /// The next number of a kind.
    pub fn number(&mut self, kind: &'static str) -> usize {
        let next = self.ids.entry(kind).or_default();
        *next += 1;
        *next - 1
    }

    /// The next id of a kind.
    pub fn id(&mut self, kind: &'static str) -> String {
        format!("{kind}{}", self.number(kind))
    }

    /// An argument with its value.
    pub fn arg(&mut self, name: &str, value: impl Into<String>) {
        self.args.extend([name.to_owned(), value.into()]);
    }

    /// An object of that type; its id.
    pub fn object(&mut self, kind: &str, options: &str) -> String {
        let id = self.id("obj");
        self.arg("-object", format!("{kind},id={id}{options}"));
        id
    }

    /// A back end for a network device; its id.
    pub fn netdev(&mut self) -> String {
        let id = self.id("net");
        let number = self.number("hub");
        let unix = "addr.type=unix,addr.path={dir}";
        let options = match self.random.u32(..6) {
            0 => format!("hubport,id={id},hubid={}", number / 2),
            1 => format!("stream,id={id},server=on,{unix}/{id}.sock"),
            2 => format!(
                "dgram,id={id},local.type=unix,local.path={{dir}}/{id}.sock,remote.type=unix,remote.path={{dir}}/{id}.peer"
            ),
            3 => format!("socket,id={id},listen=127.0.0.1:0"),
            4 => format!("user,id={id},restrict=on,hostname=guest{number}"),
            _ => format!("user,id={id},restrict=on"),
        };
        self.arg("-netdev", options);
        if self.one_in(6) {
            let dump = format!(",netdev={id},file={{dir}}/{id}.dump");
            self.object("filter-dump", &dump);
        } else if self.one_in(6) {
            self.object("filter-buffer", &format!(",netdev={id},interval=1000"));
        }
        id
    }

    /// A character device; its id.
    pub fn chardev(&mut self) -> String {
        let id = self.id("chr");
        let kinds: Vec<&str> = CHARDEVS
            .iter()
            .map(|(kind, _)| *kind)
            .filter(|kind| self.offers.chardevs.contains(*kind))
            .collect();
        let kind = if kinds.is_empty() {
            "null"
        } else {
            self.pick(&kinds)
        };
        let options = CHARDEVS.iter().find(|(name, _)| *name == kind);
        let options = options
            .map_or("", |(_, options)| *options)
            .replace("{id}", &id);
        self.arg("-chardev", format!("{kind},id={id}{options}"));
        id
    }

    /// The machine's sound back end; its id.
    pub fn audio(&mut self) -> String {
        if let Some(id) = &self.audio {
            return id.clone();
        }
        let id = self.id("snd");
        self.arg("-audiodev", format!("none,id={id}"));
        self.audio = Some(id.clone());
        id
    }

    /// Memory for a device; its id.
    pub fn memory(&mut self) -> String {
        let kind = self.pick(&["memory-backend-ram", "memory-backend-memfd"]);
        let share = self.pick(&["", ",share=on", ",merge=off", ",dump=off", ",prealloc=on"]);
        self.object(kind, &format!(",size=16M{share}"))
    }
}

/// Adds an option to those of an argument.
pub fn option(options: &mut String, name: &str, value: &str) {
    options.extend([",", name, "=", value]);
}

/// Types of character devices, with their options.
const CHARDEVS: &[(&str, &str)] = &[
    ("null", ""),
    ("ringbuf", ",size=4096"),
    ("socket", ",path={dir}/{id}.sock,server=on,wait=off"),
    (
        "socket",
        ",host=127.0.0.1,port=0,server=on,wait=off,telnet=on",
    ),
    ("file", ",path={dir}/{id}.out"),
    ("pty", ""),
    ("vc", ",cols=80,rows=24"),
    ("udp", ",host=127.0.0.1,port=9"),
    ("testdev", ""),
    ("msmouse", ""),
    ("wctablet", ""),
    ("memory", ""),
    ("null", ",logfile={dir}/{id}.log"),
    ("null", ",mux=on"),
];
