// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the messages in what QEMU sends: one JSON object after the other, pretty or not.

/// Longest message that is taken apart; QEMU's largest replies are a few megabytes.
const LONGEST: usize = 512 << 20;

/// Bytes in, messages out.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    message: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Framer {
    /// Takes bytes and returns the messages that they complete. Bytes between messages are skipped.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut messages = Vec::new();
        for &byte in bytes {
            if self.depth == 0 && byte != b'{' {
                continue;
            }
            self.message.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                let message = std::mem::take(&mut self.message);
                messages.push(String::from_utf8_lossy(&message).into_owned());
            } else if self.message.len() > LONGEST {
                *self = Self::default();
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_any_pieces() {
        let text = "{\"a\": \"}\\\"{\"}\r\n{\n  \"b\": [\n  ]\n}\r\n";
        let expected = ["{\"a\": \"}\\\"{\"}", "{\n  \"b\": [\n  ]\n}"];
        assert_eq!(Framer::default().feed(text.as_bytes()), expected);
        let mut framer = Framer::default();
        let messages: Vec<_> = text.bytes().flat_map(|byte| framer.feed(&[byte])).collect();
        assert_eq!(messages, expected);
    }
}
