// SPDX-License-Identifier: GPL-2.0-or-later
//! What differs by nature from run to run, in one table. A mask keeps the width of what it hides,
//! but for numbers in the answers of probes, where nobody aligns them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// A part of answers that is not compared.
#[derive(Debug)]
pub struct Mask {
    /// Its name in reports.
    pub name: &'static str,
    /// The command whose answers have it (`info cpus`), [`PROBES`], or empty for all and for
    /// probes.
    pub command: &'static str,
    /// Why it differs.
    pub reason: &'static str,
    pattern: &'static str,
}

/// Stands for the answers of probes where a command is asked for.
pub const PROBES: &str = "probes";

/// The table. The first group of a pattern is what is hidden.
pub const MASKS: &[Mask] = &[
    Mask {
        name: "thread-id",
        command: "",
        reason: "the host numbers threads",
        pattern: r#"thread[-_]id"?[=:] ?(\d+)"#,
    },
    Mask {
        name: "node-name",
        command: "",
        reason: "the last two digits of generated node names are random",
        pattern: r"#(?:block|net)(\d+)",
    },
    Mask {
        name: "port",
        command: "",
        reason: "the host gives ports",
        pattern: r#"(?:127\.0\.0\.1:|localhost:|::1\]?:|"port": "?)(\d{4,5})\b"#,
    },
    Mask {
        name: "pty",
        command: "",
        reason: "the host numbers terminals",
        pattern: r"/dev/pts/(\d+)",
    },
    Mask {
        name: "snapshot-name",
        command: "",
        reason: "wall clock",
        pattern: r"vm-(\d{14})",
    },
    Mask {
        name: "host-address",
        command: "info ramblock",
        reason: "the host places memory",
        pattern: r"(0x0*7[ef][0-9a-f]{10})",
    },
    Mask {
        name: "idle-time",
        command: "info blockstats",
        reason: "time since the last request",
        pattern: r"idle_time_ns[=:] ?(\d+)",
    },
    Mask {
        name: "times",
        command: "info blockstats",
        reason: "measured durations",
        pattern: r"_time_ns=(\d+)",
    },
    Mask {
        name: "times",
        command: "info migrate",
        reason: "measured durations and rates",
        pattern: r"(?:time|downtime|setup|throughput|pages-per-second)[^:\n]*: *([\d.]+)",
    },
    Mask {
        name: "times",
        command: "info migrate",
        reason: "measured durations, as 11.1 words them",
        pattern: r"\b(?:total|setup|down|exp_down)=(\d+)",
    },
    Mask {
        name: "snapshot-date",
        command: "",
        reason: "wall clock",
        pattern: r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",
    },
    Mask {
        name: "snapshot-clock",
        command: "",
        reason: "virtual clock of a guest that ran",
        pattern: r"(\d{2,4}:\d\d:\d\d\.\d{3})",
    },
    Mask {
        name: "snapshot-date",
        command: PROBES,
        reason: "wall clock",
        pattern: r#""(?:date|vm-clock)-n?sec": (\d+)"#,
    },
    Mask {
        name: "actual-size",
        command: PROBES,
        reason: "blocks that the file system gave",
        pattern: r#""actual-size": (\d+)"#,
    },
    Mask {
        name: "migration-times",
        command: PROBES,
        reason: "measured durations and rates",
        pattern: r#""(?:total-time|setup-time|downtime|expected-downtime|mbps|pages-per-second|throughput|dirty-sync-count|dirty-pages-rate|downtime-bytes|transferred|duplicate|normal|normal-bytes|precopy-bytes)": ([\d.e+-]+)"#,
    },
    Mask {
        name: "start-time",
        command: PROBES,
        reason: "clock of the host",
        pattern: r#""start-time": (\d+)"#,
    },
    Mask {
        name: "temporary-file",
        command: "",
        reason: "temporary overlays have random names",
        pattern: r"/vl\.([A-Za-z0-9]{6})",
    },
    Mask {
        name: "state-size",
        command: PROBES,
        reason: "firmware puts random numbers into memory, which pack differently",
        pattern: r#""vm-state-size": (\d+)"#,
    },
    Mask {
        name: "state-size",
        command: PROBES,
        reason: "a VM's state lies behind the end of an image's data",
        pattern: r#""virtual-size": (\d+),\s+"filename": "[^"]*",\s+"format": "file""#,
    },
    Mask {
        name: "time-of-day",
        command: "qom-get",
        reason: "clock of the host",
        pattern: r#""tm_(?:sec|min|hour)": (\d+)"#,
    },
    Mask {
        name: "temporary-file",
        command: "dumpdtb",
        reason: "GLib writes to a file of a random name first",
        pattern: r"\.([A-Z0-9]{6})\u{201d}",
    },
    Mask {
        name: "host-address",
        command: "client_migrate_info",
        reason: "SPICE prints where an object lies in memory",
        pattern: r"\(0x([0-9a-f]+)\)",
    },
    Mask {
        name: "disk-size",
        command: "info block",
        reason: "blocks that the file system gave",
        pattern: r"disk size: (.*)",
    },
    Mask {
        name: "start-time",
        command: "info dirty_rate",
        reason: "clock of the host",
        pattern: r"Start Time: (\d+)",
    },
];

/// Masks of what changes by itself while nobody does anything.
const DRIFTING: &[&str] = &["actual-size"];

/// What a probe saw, without what changes by itself.
#[must_use]
pub fn without_drift(text: &str) -> String {
    let drifting = MASKS.iter().zip(COMPILED.iter());
    let drifting = drifting.filter(|(mask, _)| DRIFTING.contains(&mask.name));
    drifting
        .filter_map(|(_, regex)| regex.as_ref())
        .fold(text.to_owned(), |text, regex| hide(&text, regex, false))
}

/// Commands whose answers differ each time; their shape is compared instead.
pub const VOLATILE: &[(&str, &str)] = &[
    ("info irq", "interrupts of a guest that runs"),
    ("info jit", "counters of the translator"),
    ("info accel", "counters of the translator"),
    ("info pic", "interrupts of a guest that runs"),
    ("info lapic", "timers of a guest that runs"),
    ("info registers", "registers of a guest that runs"),
    ("info usernet", "descriptors and ports of the host"),
];

static COMPILED: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    MASKS
        .iter()
        .map(|mask| Regex::new(mask.pattern).ok())
        .collect()
});

/// The commands whose answers hold help sentences: ours are our own words, while names and
/// parameters must be alike.
const WITH_SENTENCES: &[&str] = &["help", "info"];

/// What reports call help sentences that were cut off.
pub const SENTENCES: &str = "help-sentence";

/// The answer of `command` without help sentences, and whether there were any.
#[must_use]
pub fn without_sentences<'a>(text: &'a str, command: &str) -> (Cow<'a, str>, bool) {
    let has_some = WITH_SENTENCES.contains(&command)
        && (text.contains(" -- ") || text.starts_with("Log items"));
    match has_some {
        true => (cut_sentences(text).into(), true),
        false => (text.into(), false),
    }
}

/// Cuts each help sentence, with the lines that it goes on in.
fn cut_sentences(text: &str) -> String {
    let mut out = String::new();
    let mut in_sentence = false;
    // `help log` lists items in two columns, and goes on at the start of a line.
    let items = text.starts_with("Log items");
    for line in text.lines() {
        let cut = line.split_once(" -- ").or_else(|| line.split_once("  "));
        let goes_on = line.starts_with([' ', '\t']) || items && cut.is_none() && !line.is_empty();
        if in_sentence && goes_on {
            continue;
        }
        let name = cut.map(|(name, _)| name);
        in_sentence = name.is_some();
        out.push_str(name.unwrap_or(line));
        out.push_str(if in_sentence { " -- ...\n" } else { "\n" });
    }
    out
}

/// An answer behind the masks. It has the lines that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The answer.
    pub text: String,
    /// The names of the masks that matched.
    pub used: Vec<&'static str>,
}

/// Hides what the table names for this command.
#[must_use]
pub fn apply(text: &str, command: &str) -> Masked {
    let mut text = text.to_owned();
    let mut used = Vec::new();
    for (mask, regex) in MASKS.iter().zip(COMPILED.iter()) {
        let Some(regex) = regex else { continue };
        let wanted = mask.command.is_empty() || mask.command == command;
        if !wanted {
            continue;
        }
        let width = mask.command != PROBES;
        let hidden = hide(&text, regex, width);
        if hidden != text {
            used.push(mask.name);
            text = hidden;
        }
    }
    Masked { text, used }
}

fn hide(text: &str, regex: &Regex, width: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for captures in regex.captures_iter(text) {
        if let Some(group) = captures.get(1) {
            out.push_str(&text[at..group.start()]);
            let width = if width { group.len() } else { 1 };
            out.push_str(&"#".repeat(width));
            at = group.end();
        }
    }
    out.push_str(&text[at..]);
    out
}

/// The shape of an answer: every run of digits is one mark.
#[must_use]
pub fn shape(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut digits = false;
        for c in line.chars() {
            if c.is_ascii_hexdigit() && (c.is_ascii_digit() || digits) {
                if !digits {
                    out.push('#');
                }
                digits = true;
            } else {
                digits = false;
                if !c.is_whitespace() {
                    out.push(c);
                }
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_has_a_group() {
        for (mask, regex) in MASKS.iter().zip(COMPILED.iter()) {
            let regex = regex.as_ref().unwrap_or_else(|| panic!("{}", mask.pattern));
            assert_eq!(regex.captures_len(), 2, "{}", mask.pattern);
            assert!(!mask.reason.is_empty());
        }
    }

    #[test]
    fn masks_keep_the_width() {
        let Masked { text, used } = apply("* CPU #0: thread_id=1234\n", "info cpus");
        assert_eq!(text, "* CPU #0: thread_id=####\n");
        assert_eq!(used, ["thread-id"]);
    }

    #[test]
    fn probes_have_masks_of_their_own() {
        let Masked { text, .. } = apply("\"actual-size\": 200704,", PROBES);
        assert_eq!(text, "\"actual-size\": #,");
        let Masked { text, used } = apply("\"actual-size\": 200704,", "info block");
        assert_eq!((text.as_str(), used.len()), ("\"actual-size\": 200704,", 0));
    }

    #[test]
    fn help_sentences_are_hidden_and_names_are_not() {
        let cut = |text: &str| without_sentences(text, "help").0.into_owned();
        let builtin = "Log items:\nint   show it\nnochain  do not show\ntraces\n\nUse it\n";
        let items = cut("Log items:\nint   x\nnochain  y\n\nUse it\n");
        assert_eq!(cut(builtin), items);
        assert!(items.contains("nochain") && items.ends_with("\nUse it\n"));
        let ours = cut("stop|s  -- pauses\nx /fmt addr -- y\n");
        let same = cut("stop|s  -- stop\n\t\t\tmore\nx /fmt addr -- z\n");
        let other = cut("stop  -- pauses\nx /fmt addr -- y\n");
        assert_eq!(ours, same);
        assert_ne!(ours, other);
    }

    #[test]
    fn shapes_forget_numbers_and_columns() {
        assert_eq!(shape("TB count   12/0x1f\n"), shape("TB count    7/0x2e\n"));
        assert_ne!(shape("TB count 1\n"), shape("TLB count 1\n"));
    }
}
