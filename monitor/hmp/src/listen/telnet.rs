// SPDX-License-Identifier: GPL-2.0-or-later
//! What telnet puts around a line, as QEMU's character device has it (chardev/char-socket.c).

/// What a client is sent first: will echo, will suppress go-ahead, will binary, do binary.
pub(super) const GREETING: &[u8] = b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00";

/// Interpret as command.
const IAC: u8 = 0xff;
/// Break, the only command of two bytes.
const BREAK: u8 = 0xf3;

/// Takes commands out of what a client sends. What they say is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Telnet(State);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// Behind the first byte of a command.
    Command,
    /// Behind the second.
    Option,
}

impl Telnet {
    /// The byte of text that `byte` is; none where it belongs to a command.
    pub(super) fn text(&mut self, byte: u8) -> Option<u8> {
        let (state, text) = match (self.0, byte) {
            (State::Text, IAC) => (State::Command, None),
            (State::Text, _) => (State::Text, Some(byte)),
            (State::Command, IAC) => (State::Text, Some(byte)),
            (State::Command, BREAK) | (State::Option, _) => (State::Text, None),
            (State::Command, _) => (State::Option, None),
        };
        self.0 = state;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out() {
        let mut telnet = Telnet::default();
        let sent = b"a\xff\xfb\x01b\xff\xffc\xff\xf3d\xff\xf1ef";
        let text: Vec<u8> = sent.iter().filter_map(|&byte| telnet.text(byte)).collect();
        assert_eq!(text, b"ab\xffcdf");
    }
}
