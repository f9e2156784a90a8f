// SPDX-License-Identifier: GPL-2.0-or-later
//! Faults applied to what a monitor sends.

use std::sync::Arc;
use std::time::Duration;

use super::output::Output;
use super::table::{At, FaultKind};
use super::text::Fault;
use crate::timestamp::timestamp;

/// Bytes that are repeated to make something large.
const BLOCK: usize = 64 * 1024;

/// The faults of a server, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Active>,
    random: u64,
    silent: bool,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    /// Replies that its command let through.
    seen: u64,
    happened: bool,
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// What it answers; `greeting` for the greeting.
    pub(crate) command: &'a str,
    /// The whole line.
    pub(crate) line: Vec<u8>,
    /// The id as the line shows it.
    pub(crate) id: Option<String>,
}

/// What is sent of a message, and when.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) outputs: Vec<Output>,
    /// How much later than now, past others.
    pub(crate) late: Duration,
    /// Kept together with what follows within this time.
    pub(crate) merge: Option<Duration>,
}

impl Faults {
    /// The same seed gives the same garbage.
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let faults = faults.into_iter().map(|fault| Active {
            fault,
            seen: 0,
            happened: false,
        });
        Self {
            faults: faults.collect(),
            random: seed,
            silent: false,
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(Active {
            fault,
            seen: 0,
            happened: false,
        });
    }

    /// Starts again, with those that there were at first.
    pub(crate) fn start_again(&mut self, first: usize) {
        self.faults.truncate(first);
        for active in &mut self.faults {
            (active.seen, active.happened) = (0, false);
        }
        self.silent = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether events are withheld as well.
    pub(crate) fn silent(&self) -> bool {
        self.silent
    }

    /// A new connection: what was silent speaks again.
    pub(crate) fn connected(&mut self) {
        self.silent = false;
    }

    /// How long connections are refused at first.
    pub(crate) fn refusal(&mut self) -> Option<Duration> {
        let fault = self
            .faults
            .iter_mut()
            .find(|active| matches!(active.fault.kind, FaultKind::Refuse(_)))?;
        fault.happened = true;
        match fault.fault.kind {
            FaultKind::Refuse(time) => Some(time),
            _ => None,
        }
    }

    /// The faults that never happened.
    pub(crate) fn unused(&self) -> Vec<String> {
        self.faults
            .iter()
            .filter(|active| !active.happened)
            .map(|active| active.fault.to_string())
            .collect()
    }

    /// What becomes of a message. The kinds apply in the order in which they are listed here,
    /// whatever the order in which they were asked for: content first, then what is around it,
    /// then how it is sent.
    /// With one more that happens to this message alone.
    pub(crate) fn apply(&mut self, message: Message<'_>, more: Option<FaultKind>) -> Sent {
        let mut kinds = self.happening(message.command);
        if let Some(kind) = more {
            self.silent |= kind == FaultKind::Silence;
            kinds.push(kind);
        }
        if self.silent {
            return Sent::default();
        }
        let mut sent = Sent::default();
        let mut line = message.line;
        let has = |wanted: &FaultKind| kinds.contains(wanted);
        if has(&FaultKind::NoGreeting) {
            return sent;
        }
        if has(&FaultKind::EndlessGreeting) {
            sent.outputs.push(Output::Bytes(
                b"{\"QMP\": {\"version\": {\"package\": \"".to_vec(),
            ));
            sent.outputs
                .push(Output::Repeat(vec![b'x'; BLOCK].into(), u64::MAX));
            return sent;
        }
        if has(&FaultKind::Error) {
            line = error_line(message.id.as_deref());
        }
        if has(&FaultKind::WrongId) || has(&FaultKind::MissingId) {
            line = with_id(&line, message.id.as_deref(), has(&FaultKind::WrongId));
        }
        if has(&FaultKind::InvalidUtf8) {
            line = with_invalid_utf8(&line);
        }
        if has(&FaultKind::Truncate) {
            line.truncate(line.len() * 2 / 3);
            line.extend_from_slice(b"\r\n");
        }
        let mut body =
            enlarged(&kinds, message.id.as_deref()).unwrap_or_else(|| vec![Output::Bytes(line)]);
        if has(&FaultKind::Duplicate) {
            body.extend(body.clone());
        }
        for kind in &kinds {
            match kind {
                FaultKind::EventBurst(count) => {
                    let event = format!(
                        "{{\"timestamp\": {}, \"event\": \"NIC_RX_FILTER_CHANGED\", \"data\": {{\"path\": \"/machine\"}}}}\r\n",
                        timestamp()
                    );
                    body.insert(0, Output::Repeat(event.into_bytes().into(), *count));
                }
                FaultKind::Garbage(count) => {
                    let garbage = self.garbage(*count);
                    body.insert(0, Output::Bytes(garbage));
                }
                FaultKind::SplitBytes => body = slowly(body, Duration::ZERO),
                FaultKind::Slow(gap) => body = slowly(body, *gap),
                FaultKind::Delay(time) => body.insert(0, Output::Pause(*time)),
                FaultKind::Late(time) => sent.late = *time,
                FaultKind::Merge(time) => sent.merge = Some(*time),
                FaultKind::Unlink => body.insert(0, Output::Unlink),
                _ => {}
            }
        }
        if has(&FaultKind::DropBefore) {
            body = vec![Output::Close];
        } else if has(&FaultKind::DropIn) {
            body = half(body);
            body.push(Output::Close);
        } else if has(&FaultKind::DropAfter) {
            body.push(Output::Close);
        }
        sent.outputs = body;
        sent
    }

    /// The kinds that happen to this message.
    fn happening(&mut self, command: &str) -> Vec<FaultKind> {
        let mut kinds = Vec::new();
        for active in &mut self.faults {
            let fault = &active.fault;
            let concerned = match (fault.kind.row().at, &fault.command) {
                (At::Socket, _) => false,
                (_, Some(wanted)) => wanted == command,
                (At::Greeting, None) => command == "greeting",
                (At::Reply, None) => command != "greeting" && command != "qmp_capabilities",
            };
            if !concerned {
                continue;
            }
            active.seen += 1;
            if fault.nth.is_none_or(|nth| nth == active.seen) {
                active.happened = true;
                self.silent |= fault.kind == FaultKind::Silence;
                kinds.push(fault.kind.clone());
            }
        }
        kinds
    }

    /// Bytes that a JSON parser takes for nothing, without line ends.
    fn garbage(&mut self, count: u64) -> Vec<u8> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut bytes = vec![b'@'];
        while bytes.len() < count {
            // SplitMix64: a few lines that give the same on every machine.
            self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = self.random;
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let byte = ((word ^ (word >> 31)) & 0xFF) as u8;
            if !matches!(byte, b'\n' | b'\r') {
                bytes.push(byte);
            }
        }
        bytes.truncate(count);
        bytes
    }
}

fn error_line(id: Option<&str>) -> Vec<u8> {
    let id = id.map_or_else(String::new, |id| format!("\"id\": {id}, "));
    let error = "{\"class\": \"GenericError\", \"desc\": \"an error instead of the reply\"}";
    format!("{{{id}\"error\": {error}}}\r\n").into_bytes()
}

/// The line with another id or with none. The id is first or last in it.
fn with_id(line: &[u8], id: Option<&str>, wrong: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let Some(id) = id else {
        // A reply without id gets one where a wrong one is asked for.
        let front = text.trim_end().strip_suffix('}').unwrap_or(&text);
        let text = if wrong {
            format!("{front}, \"id\": \"stranger\"}}\r\n")
        } else {
            text.into_owned()
        };
        return text.into_bytes();
    };
    let (first, last) = (format!("{{\"id\": {id}, "), format!(", \"id\": {id}}}\r\n"));
    let (new_first, new_last) = if wrong {
        ("{\"id\": \"stranger\", ", ", \"id\": \"stranger\"}\r\n")
    } else {
        ("{", "}\r\n")
    };
    if let Some(rest) = text.strip_prefix(&first) {
        return format!("{new_first}{rest}").into_bytes();
    }
    match text.strip_suffix(&last) {
        Some(rest) => format!("{rest}{new_last}").into_bytes(),
        None => line.to_vec(),
    }
}

/// The line with bytes that are not UTF-8 in a string of their own.
fn with_invalid_utf8(line: &[u8]) -> Vec<u8> {
    let end = line
        .iter()
        .rposition(|&byte| byte == b'}')
        .unwrap_or(line.len());
    let mut out = line[..end].to_vec();
    out.extend_from_slice(b", \"x\": \"\xC3\x28\xFF\"");
    out.extend_from_slice(&line[end..]);
    out
}

/// A reply that is large or deep, made while it is sent.
fn enlarged(kinds: &[FaultKind], id: Option<&str>) -> Option<Vec<Output>> {
    let id = id.map_or_else(String::new, |id| format!(", \"id\": {id}"));
    let end = |close: &str| Output::Bytes(format!("{close}{id}}}\r\n").into_bytes());
    kinds.iter().find_map(|kind| match kind {
        FaultKind::Huge(bytes) => Some(vec![
            Output::Bytes(b"{\"return\": \"".to_vec()),
            Output::Repeat(vec![b'x'; BLOCK].into(), bytes / BLOCK as u64),
            Output::Repeat(Arc::from(*b"x"), bytes % BLOCK as u64),
            end("\""),
        ]),
        FaultKind::DepthBomb(depth) => Some(vec![
            Output::Bytes(b"{\"return\": ".to_vec()),
            Output::Repeat(vec![b'['; 1000].into(), depth / 1000),
            Output::Repeat(Arc::from(*b"["), depth % 1000),
            Output::Repeat(Arc::from(*b"]"), depth % 1000),
            Output::Repeat(vec![b']'; 1000].into(), depth / 1000),
            end(""),
        ]),
        _ => None,
    })
}

fn slowly(outputs: Vec<Output>, gap: Duration) -> Vec<Output> {
    let one = |output| match output {
        Output::Bytes(bytes) => Output::Slowly(bytes, gap),
        other => other,
    };
    outputs.into_iter().map(one).collect()
}

/// The first half of what was to be sent.
fn half(mut outputs: Vec<Output>) -> Vec<Output> {
    match outputs.pop() {
        Some(Output::Bytes(mut bytes)) => {
            bytes.truncate(bytes.len() / 2);
            outputs.push(Output::Bytes(bytes));
        }
        Some(Output::Slowly(mut bytes, gap)) => {
            bytes.truncate(bytes.len() / 2);
            outputs.push(Output::Slowly(bytes, gap));
        }
        _ => {}
    }
    outputs
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sent(faults: &[&str], line: &str, id: Option<&str>) -> String {
        let parsed = faults.iter().map(|text| text.parse().unwrap()).collect();
        let mut faults = Faults::new(parsed, 7);
        let message = Message {
            command: "c",
            line: line.as_bytes().to_vec(),
            id: id.map(str::to_owned),
        };
        let mut out = String::new();
        for output in faults.apply(message, None).outputs {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let shown = match output {
                Output::Bytes(bytes) => text(&bytes),
                Output::Repeat(bytes, count) => text(&bytes).repeat(count as usize),
                Output::Slowly(bytes, gap) => format!("<{}: {}>", gap.as_millis(), text(&bytes)),
                other => format!("<{other:?}>"),
            };
            out.push_str(&shown);
        }
        assert_eq!(faults.unused(), Vec::<String>::new());
        out
    }

    const LINE: &str = "{\"return\": {}, \"id\": 5}\r\n";

    #[rstest]
    #[case("wrong-id", "{\"return\": {}, \"id\": \"stranger\"}\r\n")]
    #[case("missing-id", "{\"return\": {}}\r\n")]
    #[case(
        "duplicate",
        "{\"return\": {}, \"id\": 5}\r\n{\"return\": {}, \"id\": 5}\r\n"
    )]
    #[case("truncate", "{\"return\": {}, \"\r\n")]
    #[case(
        "invalid-utf8",
        "{\"return\": {}, \"id\": 5, \"x\": \"\u{FFFD}(\u{FFFD}\"}\r\n"
    )]
    #[case("drop-before", "<Close>")]
    #[case("drop-in", "{\"return\": {<Close>")]
    #[case("drop-after", "{\"return\": {}, \"id\": 5}\r\n<Close>")]
    #[case("huge:bytes=3", "{\"return\": \"xxx\", \"id\": 5}\r\n")]
    #[case("depth-bomb:depth=2", "{\"return\": [[]], \"id\": 5}\r\n")]
    #[case("split-bytes", "<0: {\"return\": {}, \"id\": 5}\r\n>")]
    #[case("slow:ms=9", "<9: {\"return\": {}, \"id\": 5}\r\n>")]
    #[case("delay:ms=9", "<Pause(9ms)>{\"return\": {}, \"id\": 5}\r\n")]
    #[case(
        "error",
        "{\"id\": 5, \"error\": {\"class\": \"GenericError\", \"desc\": \"an error instead of the reply\"}}\r\n"
    )]
    #[case("silence", "")]
    fn what_is_sent(#[case] fault: &str, #[case] text: &str) {
        assert_eq!(sent(&[fault], LINE, Some("5")), text);
    }

    #[test]
    fn faults_combine_and_are_reproducible() {
        let combined = sent(
            &["drop-after", "wrong-id", "garbage:bytes=10"],
            LINE,
            Some("5"),
        );
        assert!(
            combined.starts_with('@') && combined.ends_with("\"stranger\"}\r\n<Close>"),
            "{combined}"
        );
        assert_eq!(
            combined,
            sent(
                &["drop-after", "wrong-id", "garbage:bytes=10"],
                LINE,
                Some("5")
            )
        );
    }

    #[test]
    fn a_fault_waits_for_its_reply() {
        let mut faults = Faults::new(vec!["drop-before:command=stop,nth=2".parse().unwrap()], 0);
        let mut closes = |command| {
            let message = Message {
                command,
                line: LINE.as_bytes().to_vec(),
                id: None,
            };
            matches!(
                faults.apply(message, None).outputs.last(),
                Some(Output::Close)
            )
        };
        assert_eq!(
            ["stop", "cont", "stop", "stop"].map(&mut closes),
            [false, false, true, false]
        );
        assert_eq!(
            Faults::new(vec!["silence".parse().unwrap()], 0).unused(),
            ["silence"]
        );
    }
}
