// SPDX-License-Identifier: GPL-2.0-or-later
//! From bytes to keys.

/// What a byte, or the sequence that it ends, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Insert(u8),
    Enter,
    Complete,
    Clear,
    Start,
    End,
    Left,
    Right,
    /// Takes away what is left of the cursor.
    Backspace,
    /// Takes away what is under it.
    Delete,
    /// Takes away the word left of it.
    DeleteWord,
    /// Takes away all that is left of it.
    DeleteToStart,
    Up,
    Down,
}

/// Where in an escape sequence the bytes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    /// Behind ESC.
    Escape,
    /// Behind `ESC [`.
    Csi,
    /// Behind `ESC O`.
    Ss3,
}

/// Reads bytes one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// The number in a CSI sequence; that of the last one until another begins with `ESC [`.
    number: u32,
    /// Whether ^N, ^P and ^U are keys.
    emacs: bool,
}

/// The C1 control that is `ESC [` in one byte.
const CSI: u8 = 0x9b;

const fn control(letter: u8) -> u8 {
    letter & 0x1f
}

impl Keys {
    pub(super) fn new(emacs: bool) -> Self {
        Self {
            emacs,
            ..Self::default()
        }
    }

    /// Forgets the sequence that has begun.
    pub(super) fn reset(&mut self) {
        self.state = State::Plain;
    }

    /// The key that `byte` is, or ends; none for one that means nothing, as yet or at all.
    pub(super) fn key(&mut self, byte: u8) -> Option<Key> {
        match self.state {
            State::Plain => self.plain(byte),
            State::Escape => {
                // Any other byte is lost, line ends too.
                self.state = match byte {
                    b'[' => {
                        self.number = 0;
                        State::Csi
                    }
                    b'O' => State::Ss3,
                    _ => State::Plain,
                };
                None
            }
            State::Csi => {
                if byte.is_ascii_digit() {
                    let digit = u32::from(byte - b'0');
                    self.number = self.number.saturating_mul(10).saturating_add(digit);
                    return None;
                }
                self.state = State::Plain;
                match (byte, self.number) {
                    // `F` is what xterm sends for its End key.
                    (b'A' | b'F', _) => Some(Key::Up),
                    (b'B' | b'E', _) => Some(Key::Down),
                    (b'C', _) => Some(Key::Right),
                    (b'D', _) => Some(Key::Left),
                    (b'~', 1) => Some(Key::Start),
                    (b'~', 3) => Some(Key::Delete),
                    (b'~', 4) => Some(Key::End),
                    _ => None,
                }
            }
            State::Ss3 => {
                self.state = State::Plain;
                match byte {
                    b'F' => Some(Key::End),
                    b'H' => Some(Key::Start),
                    _ => None,
                }
            }
        }
    }

    fn plain(&mut self, byte: u8) -> Option<Key> {
        const A: u8 = control(b'A');
        const D: u8 = control(b'D');
        const E: u8 = control(b'E');
        const H: u8 = control(b'H');
        const L: u8 = control(b'L');
        const N: u8 = control(b'N');
        const P: u8 = control(b'P');
        const U: u8 = control(b'U');
        const W: u8 = control(b'W');
        const ESC: u8 = 0x1b;
        const DEL: u8 = 0x7f;
        match byte {
            b'\n' | b'\r' => Some(Key::Enter),
            b'\t' => Some(Key::Complete),
            A => Some(Key::Start),
            D => Some(Key::Delete),
            E => Some(Key::End),
            H | DEL => Some(Key::Backspace),
            L => Some(Key::Clear),
            W => Some(Key::DeleteWord),
            N if self.emacs => Some(Key::Down),
            P if self.emacs => Some(Key::Up),
            U if self.emacs => Some(Key::DeleteToStart),
            ESC => {
                self.state = State::Escape;
                None
            }
            CSI => {
                self.state = State::Csi;
                None
            }
            b' '.. => Some(Key::Insert(byte)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::new(true);
        bytes.iter().filter_map(|&byte| keys.key(byte)).collect()
    }

    fn typed(text: &[u8]) -> Vec<Key> {
        text.iter().map(|&byte| Key::Insert(byte)).collect()
    }

    #[test]
    fn controls() {
        let all: Vec<u8> = (0..b' ').filter(|byte| *byte != 0x1b).collect();
        let known = [
            Key::Start,
            Key::Delete,
            Key::End,
            Key::Backspace,
            Key::Complete,
            Key::Enter,
            Key::Clear,
            Key::Enter,
            Key::Down,
            Key::Up,
            Key::DeleteToStart,
            Key::DeleteWord,
        ];
        assert_eq!(keys(&all), known);
        let mut old = Keys::new(false);
        assert_eq!(b"\x0e\x10\x15".map(|byte| old.key(byte)), [None; 3]);
        assert_eq!(keys(b"\x7f"), [Key::Backspace]);
    }

    #[test]
    fn sequences() {
        assert_eq!(
            keys(b"\x1b[A\x1b[F\x1b[B\x1b[E"),
            [Key::Up, Key::Up, Key::Down, Key::Down]
        );
        assert_eq!(keys(b"\x1b[1~\x1b[01~\x1bOH"), [Key::Start; 3]);
        assert_eq!(keys(b"\x1b[4~\x1bOF"), [Key::End; 2]);
        assert_eq!(keys(b"\x1b[3~"), [Key::Delete]);
        assert_eq!(keys(b"\x1b[5D\x9bD"), [Key::Left; 2]);
        assert_eq!(keys(b"\x1b[H\x1b[7~\x1b[13~\x1bOA\x1b[2~\x1b[200~"), []);
    }

    #[test]
    fn what_a_sequence_does_not_know_ends_it() {
        assert_eq!(keys(b"\x1b[1;5D"), typed(b"5D"));
        assert_eq!(keys(b"\x1b[?25h"), typed(b"25h"));
        assert_eq!(keys(b"\x1b\x1b[D"), typed(b"[D"));
        assert_eq!(keys(b"\x1b\n"), []);
        assert_eq!(keys(b"\x1b[\n"), []);
        assert_eq!(keys(b"\x1b[[A"), typed(b"A"));
    }

    #[test]
    fn the_short_introducer_keeps_the_last_number() {
        assert_eq!(keys(b"\x1b[1~\x9b~"), [Key::Start; 2]);
        assert_eq!(keys(b"\x1b[\x9b4~"), typed(b"4~"));
    }

    #[test]
    fn numbers_do_not_overflow() {
        assert_eq!(keys(b"\x1b[99999999999999999999~"), []);
    }

    #[test]
    fn letters_are_bytes() {
        let bytes: Vec<u8> = (0x20..=0xff)
            .filter(|byte| ![0x7f, CSI].contains(byte))
            .collect();
        assert_eq!(keys(&bytes), typed(&bytes));
    }
}
