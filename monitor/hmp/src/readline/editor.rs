// SPDX-License-Identifier: GPL-2.0-or-later
//! The editor: keys in, echo out.

use crate::readline::history::{History, Position};
use crate::readline::keys::{Key, Keys};
use crate::readline::line::Line;
use crate::readline::list;

/// The prompt for commands.
const PROMPT: &str = "(qemu) ";

/// What a byte led to that the editor can't do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A line is complete. The next byte is read after [`Readline::prompt`].
    Line(Vec<u8>),
    /// What was typed as a secret is complete.
    Secret(Vec<u8>),
    /// What could stand behind this text, the line left of the cursor? The answer goes to
    /// [`Readline::complete`].
    Complete(Vec<u8>),
}

/// One client's line.
#[derive(Clone, Debug)]
pub struct Readline {
    keys: Keys,
    line: Line,
    /// What the last redraw left, and the place of its cursor.
    shown: Vec<u8>,
    at: usize,
    /// The recalled line of the history.
    pub position: Position,
    /// The prompt of a secret that is asked for.
    asks: Option<String>,
}

impl Readline {
    /// An empty line. `emacs`: whether ^N, ^P and ^U are keys.
    #[must_use]
    pub fn new(emacs: bool, position: Position) -> Self {
        Self {
            keys: Keys::new(emacs),
            line: Line::default(),
            shown: Vec::new(),
            at: 0,
            position,
            asks: None,
        }
    }

    /// Asks for a secret: stars are echoed, and nothing of it gets into the history.
    pub fn ask(&mut self, prompt: &str) {
        self.restart();
        self.asks = Some(prompt.to_owned());
    }

    /// Forgets the line, and the sequence that has begun.
    pub fn restart(&mut self) {
        self.line.take();
        self.keys.reset();
    }

    /// Shows the prompt, and the line if there is one.
    pub fn prompt(&mut self, out: &mut Vec<u8>) {
        self.show_prompt(out);
        self.redraw(out);
    }

    fn show_prompt(&mut self, out: &mut Vec<u8>) {
        let prompt = self.asks.as_deref().unwrap_or(PROMPT);
        out.extend_from_slice(prompt.as_bytes());
        self.keys.reset();
        self.shown.clear();
        self.at = 0;
    }

    /// Takes the next byte that the client sent and writes its echo.
    pub fn byte(&mut self, byte: u8, history: &mut History, out: &mut Vec<u8>) -> Option<Entered> {
        match self.keys.key(byte)? {
            Key::Insert(byte) => self.line.insert(byte),
            Key::Start => self.line.start(),
            Key::End => self.line.end(),
            Key::Left => self.line.left(),
            Key::Right => self.line.right(),
            Key::Backspace => self.line.backspace(),
            Key::Delete => self.line.delete(),
            Key::DeleteWord => self.line.delete_word(),
            Key::DeleteToStart => self.line.delete_to_start(),
            Key::Up => {
                let line = history.up(&mut self.position);
                self.recall(line);
            }
            Key::Down => {
                let line = history.down(&mut self.position);
                self.recall(line);
            }
            Key::Clear => {
                out.extend_from_slice(b"\x1b[2J\x1b[1;1H");
                self.show_prompt(out);
            }
            Key::Complete => {
                // The list would show how a secret begins.
                let asked = self.asks.is_none();
                let left = &self.line.text()[..self.line.cursor()];
                return asked.then(|| Entered::Complete(left.to_vec()));
            }
            Key::Enter => return Some(self.enter(history, out)),
        }
        self.redraw(out);
        None
    }

    fn recall(&mut self, line: Option<Vec<u8>>) {
        if let Some(line) = line {
            self.line.set(line);
        }
    }

    fn enter(&mut self, history: &mut History, out: &mut Vec<u8>) -> Entered {
        out.extend_from_slice(b"\r\n");
        self.shown.clear();
        self.at = 0;
        let line = self.line.take();
        if self.asks.take().is_some() {
            return Entered::Secret(line);
        }
        history.add(&line, &mut self.position);
        Entered::Line(line)
    }

    /// Puts in what the candidates have in common behind the last `typed` bytes of what is left of
    /// the cursor, and lists them where there are several.
    pub fn complete(&mut self, mut candidates: Vec<Vec<u8>>, typed: usize, out: &mut Vec<u8>) {
        candidates.sort_unstable();
        candidates.dedup();
        let rest = list::common(&candidates).get(typed..);
        for &byte in rest.unwrap_or_default() {
            self.line.insert(byte);
        }
        match candidates.as_slice() {
            [] => {}
            [one] => {
                if !one.is_empty() && !one.ends_with(b"/") {
                    self.line.insert(b' ');
                }
            }
            _ => {
                out.extend_from_slice(b"\r\n");
                list::columns(&candidates, out);
                self.show_prompt(out);
            }
        }
        self.redraw(out);
    }

    /// Brings the client's terminal up to date: the whole text where it changed, then the cursor.
    fn redraw(&mut self, out: &mut Vec<u8>) {
        let text = self.line.text();
        if self.shown != text {
            moves(out, b'D', self.at);
            match self.asks {
                Some(_) => out.extend(std::iter::repeat_n(b'*', text.len())),
                None => out.extend_from_slice(text),
            }
            out.extend_from_slice(b"\x1b[K");
            self.shown.clear();
            self.shown.extend_from_slice(text);
            self.at = text.len();
        }
        let cursor = self.line.cursor();
        match cursor.checked_sub(self.at) {
            Some(right) => moves(out, b'C', right),
            None => moves(out, b'D', self.at - cursor),
        }
        self.at = cursor;
    }
}

/// Moves the cursor, a column at a time.
fn moves(out: &mut Vec<u8>, way: u8, count: usize) {
    for _ in 0..count {
        out.extend_from_slice(&[0x1b, b'[', way]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the editor echoes, and what was entered.
    struct Client {
        readline: Readline,
        history: History,
        out: Vec<u8>,
        entered: Vec<Entered>,
    }

    impl Client {
        fn new() -> Self {
            Self {
                readline: Readline::new(true, Position::default()),
                history: History::default(),
                out: Vec::new(),
                entered: Vec::new(),
            }
        }

        /// The echo of `bytes`, ESC as `^`.
        fn sends(&mut self, bytes: &[u8]) -> String {
            self.out.clear();
            for &byte in bytes {
                let entered = self.readline.byte(byte, &mut self.history, &mut self.out);
                self.entered.extend(entered);
            }
            self.echoed()
        }

        fn echoed(&mut self) -> String {
            let out = std::mem::take(&mut self.out);
            String::from_utf8_lossy(&out).replace('\x1b', "^")
        }
    }

    #[test]
    fn each_byte_redraws_the_line() {
        let mut client = Client::new();
        assert_eq!(client.sends(b"p 1"), "p^[K^[Dp ^[K^[D^[Dp 1^[K");
        assert_eq!(client.sends(b"\x1b[D"), "^[D");
        assert_eq!(client.sends(b"0"), "^[D^[Dp 01^[K^[D");
        assert_eq!(client.sends(b"\x02\x1b[C\x1b[C"), "^[C");
        assert_eq!(client.sends(b"\n"), "\r\n");
        assert_eq!(client.entered, [Entered::Line(b"p 01".to_vec())]);
        assert_eq!(client.history.lines(), [b"p 01"]);
    }

    #[test]
    fn clear_shows_all_again() {
        let mut client = Client::new();
        client.sends(b"abc\x1b[D");
        assert_eq!(client.sends(b"\x0c"), "^[2J^[1;1H(qemu) abc^[K^[D");
    }

    #[test]
    fn a_secret_is_stars() {
        let mut client = Client::new();
        client.readline.ask("Password: ");
        client.readline.prompt(&mut client.out);
        assert_eq!(client.echoed(), "Password: ");
        assert_eq!(client.sends(b"a\t\xc3"), "*^[K^[D**^[K");
        assert_eq!(client.sends(b"\r"), "\r\n");
        assert_eq!(client.entered, [Entered::Secret(b"a\xc3".to_vec())]);
        assert!(client.history.lines().is_empty());
        client.readline.prompt(&mut client.out);
        assert_eq!(client.echoed(), "(qemu) ");
    }

    #[test]
    fn one_candidate_is_put_in() {
        let mut client = Client::new();
        client.sends(b"info versio\t");
        assert_eq!(client.entered, [Entered::Complete(b"info versio".to_vec())]);
        client
            .readline
            .complete(vec![b"version".to_vec()], 6, &mut client.out);
        assert_eq!(
            client.echoed(),
            format!("{}info version ^[K", "^[D".repeat(11))
        );
        client.sends(b"\x15x/");
        client
            .readline
            .complete(vec![b"x/".to_vec()], 2, &mut client.out);
        assert_eq!(client.echoed(), "");
    }

    #[test]
    fn several_are_listed() {
        let mut client = Client::new();
        client.sends(b"sys x\x1b[D\x1b[D");
        let found = vec![
            b"system_b".to_vec(),
            b"system_a".to_vec(),
            b"system_b".to_vec(),
        ];
        client.readline.complete(found, 3, &mut client.out);
        assert_eq!(
            client.echoed(),
            "\r\nsystem_a  system_b  \r\n(qemu) system_ x^[K^[D^[D"
        );
    }

    #[test]
    fn nothing_is_listed_where_nothing_is_known() {
        let mut client = Client::new();
        client.sends(b"zz");
        client.readline.complete(Vec::new(), 2, &mut client.out);
        assert_eq!(client.echoed(), "");
    }

    #[test]
    fn a_prompt_ends_a_sequence() {
        let mut client = Client::new();
        client.sends(b"\x1b[");
        client.readline.prompt(&mut client.out);
        assert_eq!(client.echoed(), "(qemu) ");
        assert_eq!(client.sends(b"A"), "A^[K");
    }
}
