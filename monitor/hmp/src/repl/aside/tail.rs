// SPDX-License-Identifier: GPL-2.0-or-later
//! The end of a line that says where its answer goes: `| PROGRAM`, `> FILE`, `>> FILE`.

use std::path::PathBuf;

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::repl) enum Tail {
    /// Into the standard input of this shell command.
    Pipe(String),
    /// Into a file, made anew.
    File(PathBuf),
    /// Behind what is in a file.
    Append(PathBuf),
}

/// Splits a line in front of the first sign that counts: one that is a word of its own, with blanks
/// around, behind a line that is complete, where the whole would be none. `is_line` says whether a
/// text is a line that can be carried out.
pub(in crate::repl) fn split(
    line: &str,
    is_line: impl Fn(&str) -> bool,
) -> Option<(&str, Result<Tail, String>)> {
    let signs = signs(line);
    if signs.is_empty() || is_line(line) {
        return None;
    }
    for (at, sign) in signs {
        let left = line[..at].trim_end();
        if left.trim().is_empty() || !is_line(left) {
            continue;
        }
        return Some((left, tail(sign, line[at + sign.len()..].trim())));
    }
    None
}

/// The byte where the name of a file begins that an answer goes to, as it is typed.
pub(in crate::repl) fn file_begins(line: &str, is_line: impl Fn(&str) -> bool) -> Option<usize> {
    let signs = signs(line);
    if signs.is_empty() || is_line(line) {
        return None;
    }
    let counts = |left: &str| !left.trim().is_empty() && is_line(left.trim_end());
    let (at, sign) = signs.into_iter().find(|(at, _)| counts(&line[..*at]))?;
    let behind = &line[at + sign.len()..];
    let name = behind.trim_start();
    (sign != "|" && name.len() < behind.len()).then(|| line.len() - name.len())
}

/// Whether a text has a word that may be a sign.
pub(in crate::repl) fn has_signs(text: &str) -> bool {
    !signs(text).is_empty()
}

/// The signs that are words, with their places.
fn signs(line: &str) -> Vec<(usize, &str)> {
    let blank = |c: Option<char>| c.is_none_or(|c| c.is_ascii_whitespace());
    let mut found = Vec::new();
    for sign in ["|", ">", ">>"] {
        for (at, _) in line.match_indices(sign) {
            let before = line[..at].chars().next_back();
            let behind = line[at + sign.len()..].chars().next();
            if before.is_some() && blank(before) && blank(behind) {
                found.push((at, sign));
            }
        }
    }
    found.sort_unstable();
    found
}

fn tail(sign: &str, text: &str) -> Result<Tail, String> {
    if text.is_empty() {
        return Err(format!(
            "{} is missing behind '{sign}'",
            if sign == "|" { "a program" } else { "a file" }
        ));
    }
    if sign == "|" {
        return Ok(Tail::Pipe(text.to_owned()));
    }
    let name = file_name(text)?;
    Ok(match sign {
        ">" => Tail::File(name),
        _ => Tail::Append(name),
    })
}

/// A file's name: one word, in quotes where it has blanks; `~/` is the user's home.
pub(in crate::repl) fn file_name(text: &str) -> Result<PathBuf, String> {
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let name = match quoted {
        Some(name) if !name.contains('"') && !name.is_empty() => name,
        None if !text.contains(|c: char| c.is_ascii_whitespace() || c == '"') => text,
        _ => return Err(format!("'{text}' is not the name of one file")),
    };
    Ok(at_home(name))
}

/// A path, in which `~/` is the user's home.
pub(in crate::repl) fn at_home(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Lines of these words alone are lines.
    fn is_line(text: &str) -> bool {
        let mut words = text.split_whitespace();
        words.next() == Some("info") && words.next().is_some() && words.next().is_none()
            || text.starts_with("print ")
    }

    #[rstest]
    #[case("info mtree | grep vga", "info mtree", Tail::Pipe("grep vga".into()))]
    #[case("info mtree | grep a | wc -l", "info mtree", Tail::Pipe("grep a | wc -l".into()))]
    #[case("info qtree > a b", "info qtree", Tail::Pipe(String::new()))]
    #[case("info qtree > a", "info qtree", Tail::File("a".into()))]
    #[case("info qtree  >>  \"a b\" ", "info qtree", Tail::Append("a b".into()))]
    fn a_sign_behind_a_whole_line_counts(
        #[case] line: &str,
        #[case] left: &str,
        #[case] wanted: Tail,
    ) {
        let (found, tail) = split(line, is_line).unwrap();
        assert_eq!(found, left);
        match wanted {
            Tail::Pipe(text) if text.is_empty() => assert!(tail.is_err()),
            wanted => assert_eq!(tail, Ok(wanted)),
        }
    }

    #[rstest]
    #[case("print 1 | 2")]
    #[case("info mtree|grep vga")]
    #[case("info mtree |grep vga")]
    #[case("| grep vga")]
    #[case("foo | grep vga")]
    #[case("info | less")]
    #[case("info a b > c")]
    fn others_do_not(#[case] line: &str) {
        assert_eq!(split(line, is_line), None);
    }

    #[test]
    fn what_is_missing_is_said() {
        let error = |line| split(line, is_line).unwrap().1.unwrap_err();
        assert_eq!(error("info a |"), "a program is missing behind '|'");
        assert_eq!(error("info a > "), "a file is missing behind '>'");
    }
}
