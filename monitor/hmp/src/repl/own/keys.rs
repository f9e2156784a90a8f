// SPDX-License-Identifier: GPL-2.0-or-later
//! `type`: the keys of a text, on a keyboard with the layout en-us.

use std::time::Duration;

use hmp_engine::command::cx::CmdError;
use hmp_engine::engine::Monitor;
use serde_json::json;

/// How long a key is held, and how long it then takes to the next: a guest may be slow.
const HELD: u64 = 10;
const PAUSE: Duration = Duration::from_millis(30);

/// Characters that need no shift, and those of the same keys with it (pc-bios/keymaps/en-us).
const KEYS: &[(char, char, &str)] = &[
    ('`', '~', "grave_accent"),
    ('1', '!', "1"),
    ('2', '@', "2"),
    ('3', '#', "3"),
    ('4', '$', "4"),
    ('5', '%', "5"),
    ('6', '^', "6"),
    ('7', '&', "7"),
    ('8', '*', "8"),
    ('9', '(', "9"),
    ('0', ')', "0"),
    ('-', '_', "minus"),
    ('=', '+', "equal"),
    ('[', '{', "bracket_left"),
    (']', '}', "bracket_right"),
    ('\\', '|', "backslash"),
    (';', ':', "semicolon"),
    ('\'', '"', "apostrophe"),
    (',', '<', "comma"),
    ('.', '>', "dot"),
    ('/', '?', "slash"),
];

/// The keys of a character, those that are held first.
fn keys(letter: char) -> Option<Vec<String>> {
    let shifted = |key: &str| vec!["shift".to_owned(), key.to_owned()];
    Some(match letter {
        'a'..='z' => vec![letter.to_string()],
        'A'..='Z' => shifted(&letter.to_ascii_lowercase().to_string()),
        ' ' => vec!["spc".into()],
        '\n' => vec!["ret".into()],
        '\t' => vec!["tab".into()],
        _ => KEYS.iter().find_map(|(plain, shift, key)| {
            if *plain == letter {
                return Some(vec![(*key).to_owned()]);
            }
            (*shift == letter).then(|| shifted(key))
        })?,
    })
}

/// The keys of a text, in which `\n` is Enter, `\t` is Tab and `\\` a backslash; an error names a
/// character that has none.
pub(in crate::repl) fn of(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut all = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('\\') => '\\',
                _ => return Err("behind '\\' comes n, t or '\\'".into()),
            },
            letter => letter,
        };
        let keys = keys(letter).ok_or_else(|| format!("there is no key for '{letter}'"))?;
        all.push(keys);
    }
    Ok(all)
}

/// Sends the keys one after the other.
pub(in crate::repl) async fn send(
    monitor: &mut Monitor,
    keys: Vec<Vec<String>>,
) -> Result<(), CmdError> {
    for chord in keys {
        let codes: Vec<_> = chord
            .iter()
            .map(|key| json!({"type": "qcode", "data": key}))
            .collect();
        let arguments = json!({"keys": codes, "hold-time": HELD});
        monitor.execute("send-key", arguments).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_ascii_has_its_keys() {
        for letter in ' '..='~' {
            assert!(keys(letter).is_some(), "{letter}");
        }
        assert_eq!(
            of("aB\\n").unwrap(),
            [vec!["a"], vec!["shift", "b"], vec!["ret"]]
        );
        assert_eq!(
            of("\\\\_").unwrap(),
            [vec!["backslash"], vec!["shift", "minus"]]
        );
        assert!(of("ä").unwrap_err().contains('ä'));
        assert!(of("\\x").is_err() && of("\\").is_err());
    }
}
