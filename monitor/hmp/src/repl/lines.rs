// SPDX-License-Identifier: GPL-2.0-or-later
//! Standard input, line by line, read on a thread of its own: the program must be able to end while
//! a read blocks. All lines that one read brings come over at once.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::repl::streams;

/// Bytes of a line that are kept. The built-in's limit is 4095.
const LONGEST: u64 = 1 << 20;

/// A line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end. What is not UTF-8 was replaced.
    Text(String),
    /// It was longer than a line may be, and was passed over.
    TooLong,
    /// It holds a NUL byte, where commands would end.
    Nul,
    /// There may be more, and it can't be read.
    Unreadable(String),
}

/// Standard input as lines. Whoever asks takes the next one: a batch, or a command that wants a
/// secret.
#[derive(Clone)]
pub(super) struct Input(Arc<Mutex<Lines>>);

struct Lines {
    receiver: mpsc::Receiver<Vec<Line>>,
    /// Those that came and were not taken.
    ready: VecDeque<Line>,
}

impl Lines {
    /// Takes over what came meanwhile, so much that memory stays bounded.
    fn look(&mut self) {
        if let Ok(lines) = self.receiver.try_recv() {
            self.ready.extend(lines);
        }
    }
}

impl Input {
    /// The next line; none at the end.
    pub(super) async fn next(&self) -> Option<Line> {
        let mut lines = self.0.lock().await;
        if lines.ready.is_empty() {
            let more = lines.receiver.recv().await?;
            lines.ready.extend(more);
        }
        lines.ready.pop_front()
    }

    /// The line that comes `place` lines behind the next one, where it came already; it stays.
    pub(super) fn coming(&self, place: usize) -> Option<String> {
        // Who waits for a line holds it, and has taken all.
        let mut lines = self.0.try_lock().ok()?;
        if place >= lines.ready.len() {
            lines.look();
        }
        match lines.ready.get(place)? {
            Line::Text(line) => Some(line.clone()),
            _ => None,
        }
    }
}

/// Starts reading standard input. No more lines come behind an error.
pub(super) fn stdin() -> Input {
    let (lines, receiver) = mpsc::channel(2);
    let failed = lines.clone();
    let started = std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || {
            let ended = streams::stdin().and_then(|mut input| {
                loop {
                    let (read, ended) = at_hand(&mut input);
                    let unheard = !read.is_empty() && lines.blocking_send(read).is_err();
                    match ended {
                        Ok(false) if !unheard => {}
                        Ok(_) => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
            });
            if let Err(error) = ended {
                let _ = lines.blocking_send(vec![Line::Unreadable(error.to_string())]);
            }
        });
    if let Err(error) = started {
        let _ = failed.try_send(vec![Line::Unreadable(error.to_string())]);
    }
    let ready = VecDeque::new();
    Input(Arc::new(Mutex::new(Lines { receiver, ready })))
}

/// The next line and those that came with it; and whether that was the end, or why no more come.
fn at_hand<R: Read>(input: &mut BufReader<R>) -> (Vec<Line>, io::Result<bool>) {
    let mut lines = Vec::new();
    loop {
        match next(input) {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => return (lines, Ok(true)),
            Err(error) => return (lines, Err(error)),
        }
        if !input.buffer().contains(&b'\n') {
            return (lines, Ok(false));
        }
    }
}

fn next(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    if input.take(LONGEST + 1).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
    } else if bytes.len() as u64 > LONGEST {
        skip_line(input)?;
        return Ok(Some(Line::TooLong));
    }
    if bytes.ends_with(b"\r") {
        bytes.pop();
    }
    if bytes.contains(&0) {
        return Ok(Some(Line::Nul));
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Some(Line::Text(text)))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let count = end.map_or(chunk.len(), |end| end + 1);
        let done = end.is_some() || chunk.is_empty();
        input.consume(count);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Line> {
        std::iter::from_fn(|| next(&mut bytes).unwrap()).collect()
    }

    fn text(text: &str) -> Line {
        Line::Text(text.into())
    }

    #[test]
    fn ends_of_lines() {
        let lines = all(b"a\n\nb\r\nc\rd\ne");
        assert_eq!(
            lines,
            [text("a"), text(""), text("b"), text("c\rd"), text("e")]
        );
        assert_eq!(all(b""), []);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(all(b"a\xffb\n"), [text("a\u{fffd}b")]);
    }

    #[test]
    fn nothing_is_cut_at_a_nul() {
        let lines = all(b"a\0b\n\0\nc\n");
        assert_eq!(lines, [Line::Nul, Line::Nul, text("c")]);
    }

    #[test]
    fn long_lines_are_passed_over() {
        let longest = vec![b'x'; usize::try_from(LONGEST).unwrap()];
        let input = [&longest[..], b"\n", &longest, b"x\nb\n", &longest, b"x"].concat();
        let lines = all(&input);
        assert_eq!(lines.len(), 4);
        assert!(matches!(&lines[0], Line::Text(text) if text.len() == longest.len()));
        assert_eq!(lines[1..], [Line::TooLong, text("b"), Line::TooLong]);
    }
}
