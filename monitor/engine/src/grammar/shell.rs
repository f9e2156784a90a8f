// SPDX-License-Identifier: GPL-2.0-or-later
//! Command lines split as GLib's `g_shell_parse_argv` splits them, in its words for errors.

/// Why a command line has no words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    /// A quote is not closed.
    #[error("Text ended before matching quote was found for {quote}. (The text was “{text}”)")]
    Quote {
        /// The quote.
        quote: char,
        /// The whole text.
        text: String,
    },
    /// A backslash is the last character.
    #[error("Text ended just after a “\\” character. (The text was “{text}”)")]
    Backslash {
        /// The whole text.
        text: String,
    },
    /// There is nothing but blanks and comments.
    #[error("Text was empty (or contained only whitespace)")]
    Empty,
}

/// Splits `text` into words by the rules of a shell: quotes, backslashes and comments count,
/// nothing is expanded.
pub fn split(text: &str) -> Result<Vec<String>, ShellError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => {
                let _ = chars.by_ref().find(|c| *c == '\n');
            }
            '\\' => match chars.next() {
                None => return Err(ShellError::Backslash { text: text.into() }),
                // A continued line.
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                quoted(c, &mut chars, word).ok_or_else(|| ShellError::Quote {
                    quote: c,
                    text: text.into(),
                })?;
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if words.is_empty() {
        return Err(ShellError::Empty);
    }
    Ok(words)
}

/// Reads up to the closing quote; `None` where there is none.
fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            c if c == quote => return Some(()),
            '\\' if quote == '"' => match chars.next()? {
                '\n' => {}
                c @ ('"' | '\\' | '`' | '$') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let split = |text| split(text).unwrap();
        assert_eq!(split(r#""/bin/sh -c 'a b'" x"#), ["/bin/sh -c 'a b'", "x"]);
        assert_eq!(split(r#"a'b'"c\"d\x" \ e #f"#), ["abc\"d\\x", " e"]);
        assert_eq!(split("a#b '' #c\nd"), ["a#b", "", "d"]);
        assert_eq!(split("a # b c\nd"), ["a", "d"]);
        assert_eq!(split(r#"'a\b\"' "a\"b""#), [r#"a\b\""#, "a\"b"]);
    }

    #[test]
    fn errors() {
        let text = |text| split(text).unwrap_err().to_string();
        // 11.1.3, migrate_set_parameter cpr-exec-command 'a
        assert_eq!(
            text("'a"),
            "Text ended before matching quote was found for '. (The text was “'a”)"
        );
        assert_eq!(
            text(r"a\"),
            r"Text ended just after a “\” character. (The text was “a\”)"
        );
        assert_eq!(text(" "), "Text was empty (or contained only whitespace)");
    }
}
