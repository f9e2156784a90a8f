// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording as a conversation that people can read.

use std::fmt::Write as _;

use super::load::Recording;
use super::topic::{Entry, ReplyBody};
use crate::json::respace;

/// Something in the file, by its line.
enum Item<'a> {
    Request(&'a Entry),
    Reply(&'a Entry),
    Event(&'a super::topic::EventLine),
    Moment(u32, u64),
}

impl Recording {
    /// The session as text, one line per message: `->` is the client, `<-` QEMU, `**` an event,
    /// `hmp>` the built-in monitor. JSON longer than `width` bytes is cut; 0 cuts nothing.
    #[must_use]
    pub fn conversation(&self, width: usize) -> String {
        let topic = self.topic();
        let mut items: Vec<(usize, Item)> = Vec::new();
        for entry in topic.entries() {
            items.push((entry.line, Item::Request(entry)));
            items.extend(
                entry
                    .reply
                    .as_ref()
                    .map(|reply| (reply.line, Item::Reply(entry))),
            );
        }
        items.extend(
            topic
                .events()
                .iter()
                .map(|event| (event.line, Item::Event(event))),
        );
        items.extend(
            topic
                .moments
                .iter()
                .map(|&(number, line, at)| (line, Item::Moment(number, at))),
        );
        items.sort_by_key(|(line, _)| *line);
        let mut out = String::new();
        let mut say = |at: u64, mark: &str, text: &str| {
            // Writing into a String cannot fail.
            let _ = writeln!(out, "{at:>8} ms  {mark} {}", cut(text, width));
        };
        say(
            0,
            "  ",
            &format!("QEMU {} {}", self.version(), self.version().package),
        );
        self.builtin_lines(0, &mut say);
        for (_, item) in items {
            match item {
                Item::Request(entry) => {
                    let arguments = serde_json::Value::from(&crate::json::Value::Object(
                        entry.arguments.clone(),
                    ));
                    let arguments = if entry.arguments.is_empty() {
                        String::new()
                    } else {
                        spaced(&arguments.to_string())
                    };
                    let oob = if entry.oob { " (out of band)" } else { "" };
                    say(
                        entry.at,
                        "->",
                        format!("{}{oob} {arguments}", entry.command).trim_end(),
                    );
                    for wrote in &entry.wrote {
                        say(
                            entry.at,
                            "  ",
                            &format!("{} bytes written to {}", wrote.data.len(), wrote.to),
                        );
                    }
                }
                Item::Reply(entry) => {
                    let Some(reply) = &entry.reply else { continue };
                    let text = match &reply.body {
                        ReplyBody::Schema => "the schema".to_owned(),
                        ReplyBody::Success(range) => spaced(topic.slice(range)),
                        ReplyBody::Error(range) => format!("error {}", spaced(topic.slice(range))),
                    };
                    say(reply.at, "<-", &text);
                }
                Item::Event(event) => say(event.at, "**", &spaced(topic.event_text(event))),
                Item::Moment(number, at) => {
                    say(at, "--", &format!("moment {number}"));
                    self.builtin_lines(number, &mut say);
                }
            }
        }
        out
    }

    fn builtin_lines(&self, moment: u32, say: &mut impl FnMut(u64, &str, &str)) {
        for line in self.builtin().iter().filter(|line| line.moment == moment) {
            say(0, "hmp>", &line.line);
            line.answer.lines().for_each(|text| say(0, "    ", text));
        }
    }
}

fn spaced(text: &str) -> String {
    let mut out = Vec::new();
    respace(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

fn cut(text: &str, width: usize) -> String {
    if width == 0 || text.len() <= width {
        return text.to_owned();
    }
    let end = (0..=width)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    format!("{}... ({} bytes)", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_reads_as_a_conversation() {
        let text = r#"{"format":1}
{"greeting":{"version":{"qemu":{"micro":2,"minor":0,"major":10},"package":"x"},"capabilities":[]},"at":0}
{"moment":1,"at":3}
{"request":{"execute":"stop"},"at":3}
{"event":{"event":"STOP"},"at":4}
{"reply":{"return":{}},"at":5}
{"request":{"execute":"qom-get","arguments":{"path":"/"}},"at":6}
{"reply":{"error":{"class":"GenericError"}},"at":7}
"#;
        let shown = Recording::from_text("t.qmp", text, None)
            .unwrap()
            .conversation(30);
        let expected = [
            "       0 ms     QEMU 10.0.2 x",
            "       3 ms  -- moment 1",
            "       3 ms  -> stop",
            "       4 ms  ** {\"event\": \"STOP\"}",
            "       5 ms  <- {}",
            "       6 ms  -> qom-get {\"path\": \"/\"}",
            "       7 ms  <- error {\"class\": \"GenericError\"... (31 bytes)",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    }
}
