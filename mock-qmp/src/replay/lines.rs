// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines of the built-in monitor as the requests that they stand for.

use std::borrow::Cow;
use std::ops::Range;

use super::relations::{LINES, Named};
use crate::json::{Object, Value};
use crate::schema::BUILTIN;

/// The command that a request stands for, and its arguments; those of a line as far as they matter
/// to the state.
pub(super) fn meant<'a>(
    command: &'a str,
    arguments: &'a Object,
) -> Option<(&'a str, Cow<'a, Object>)> {
    if command != BUILTIN {
        return Some((command, Cow::Borrowed(arguments)));
    }
    let line = arguments.get("command-line")?.as_str()?;
    let (command, arguments) = request(line)?;
    Some((command, Cow::Owned(arguments)))
}

/// The command that a line stands for. What it is about is `id`, or `tag` of a snapshot; what
/// follows is `filename`.
fn request(line: &str) -> Option<(&'static str, Object)> {
    let (command, name) = named(line)?;
    let value = |text: &str| Value::String(text.to_owned());
    let members = ["id", "tag"].map(|member| (member.to_owned(), value(&line[name.clone()])));
    let mut arguments = Object::from(members);
    let next = line[name.end..].split_whitespace().next();
    arguments.extend(next.map(|next| ("filename".to_owned(), value(next))));
    Some((command, arguments))
}

/// The command that a line stands for, and where in it the name is of what it is about.
pub(super) fn named(line: &str) -> Option<(&'static str, Range<usize>)> {
    let mut words = line.split_whitespace();
    let verb = words.next()?;
    let (_, command, named) = LINES.iter().find(|(word, ..)| *word == verb)?;
    let word = words.find(|word| !word.starts_with('-'))?;
    let name = match named {
        Named::Word => word,
        Named::Option => word
            .split(',')
            .find_map(|option| option.strip_prefix("id="))?,
    };
    let start = (name.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    Some((command, start..start + name.len()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("device_add usb-kbd,id=k1", Some(("device_add", "k1")))]
    #[case("  device_add usb-kbd,port=1,id=k1  ", Some(("device_add", "k1")))]
    #[case("device_del k1", Some(("device_del", "k1")))]
    #[case("savevm first", Some(("snapshot-save", "first")))]
    #[case("eject -f cd0", Some(("eject", "cd0")))]
    #[case("object_add iothread,id=i", Some(("object-add", "i")))]
    #[case("device_add usb-kbd", None)]
    #[case("savevm", None)]
    #[case("info status", None)]
    #[case("", None)]
    fn a_line_is_a_request(#[case] line: &str, #[case] expected: Option<(&str, &str)>) {
        let found = request(line);
        let found = found
            .as_ref()
            .map(|(command, arguments)| (*command, arguments["id"].as_str().unwrap()));
        assert_eq!(found, expected);
    }
}
