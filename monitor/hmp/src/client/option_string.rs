// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's option strings: `value,key=value,flag`, where `,,` is a comma within a value.

/// The pieces of an option string, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionString(Vec<(String, String)>);

impl OptionString {
    /// Reads any text. A first piece without `=` is the value of `implied`; a later one is a flag
    /// that is on, and `nowait` is `wait=off`, as QEMU has it.
    pub(crate) fn read(text: &str, implied: &str) -> Self {
        let mut pieces = vec![String::new()];
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match pieces.last_mut() {
                Some(piece) if letter != ',' || letters.next_if_eq(&',').is_some() => {
                    piece.push(letter);
                }
                _ => pieces.push(String::new()),
            }
        }
        let pairs = pieces.into_iter().enumerate();
        let pairs = pairs.map(|(number, piece)| match piece.split_once('=') {
            Some((key, value)) if number > 0 || is_key(key) => (key.to_owned(), value.to_owned()),
            _ if number == 0 => (implied.to_owned(), piece),
            _ if piece == "nowait" => ("wait".to_owned(), "off".to_owned()),
            _ => (piece, "on".to_owned()),
        });
        Self(pairs.collect())
    }

    /// The last value of a key, which is the one that counts.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(name, _)| name == key)?;
        Some(&found.1)
    }

    /// Whether a key is there and on.
    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("on" | "yes" | "true" | "y"))
    }

    /// All keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

/// Whether a text is the name of an option, and no part of a path that holds `=`.
fn is_key(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.bytes().all(letter)
}

/// A value as it is written in an option string.
pub(crate) fn escaped(value: &str) -> String {
    value.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let options = OptionString::read("a,,b=c,server,nowait,x=1,x=2,y=off", "path");
        assert_eq!(options.get("path"), Some("a,b=c"));
        assert!(options.flag("server") && !options.flag("y") && !options.flag("z"));
        assert_eq!(options.get("wait"), Some("off"));
        assert_eq!(options.get("x"), Some("2"));
        let keys: Vec<_> = options.keys().collect();
        assert_eq!(keys, ["path", "server", "wait", "x", "x", "y"]);
    }

    #[test]
    fn a_value_is_read_back() {
        for value in ["a,b", ",", ",,x", "/tmp/a=b,"] {
            let read = OptionString::read(&escaped(value), "path");
            assert_eq!(read.get("path"), Some(value));
        }
    }
}
