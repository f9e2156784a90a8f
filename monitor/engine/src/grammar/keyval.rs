// SPDX-License-Identifier: GPL-2.0-or-later
//! Option strings: `driver,key=value,...`.

use crate::grammar::tree::{self, Members, Repeated};

/// Splits an option string into its items; two commas stand for one inside a value.
pub fn items(options: &str) -> impl Iterator<Item = String> {
    let mut rest = Some(options);
    std::iter::from_fn(move || {
        let mut text = rest.take()?;
        let mut item = String::new();
        loop {
            let Some(comma) = text.find(',') else {
                item.push_str(text);
                return Some(item);
            };
            item.push_str(&text[..comma]);
            text = &text[comma + 1..];
            match text.strip_prefix(',') {
                Some(after) => {
                    item.push(',');
                    text = after;
                }
                None => {
                    rest = (!text.is_empty()).then_some(text);
                    return Some(item);
                }
            }
        }
    })
}

/// One item of an option list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name of the option.
    pub key: String,
    /// Its value; `on` or `off` where the item has none.
    pub value: String,
    /// Whether the item was a word without a value: `key`, or `nokey` for off.
    pub short: bool,
}

impl Pair {
    /// The warning about an item without a value, with its line ends.
    #[must_use]
    pub fn deprecation(&self) -> String {
        let Self { key, value, .. } = self;
        let typed = if value == "off" { "no" } else { "" };
        let instead = match (key.as_str(), value.as_str()) {
            ("delay", "off") => "nodelay=on".to_owned(),
            ("delay", _) => "nodelay=off".to_owned(),
            _ => format!("{key}={value}"),
        };
        format!(
            "warning: short-form boolean option '{typed}{key}' deprecated\nPlease use {instead} instead\n"
        )
    }
}

/// Reads an option list (util/qemu-option.c). Where `implied` names an option, a first item without
/// `=` is its value. Other items without `=` stand for on, or for off behind `no`.
#[must_use]
pub fn pairs(options: &str, implied: Option<&str>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut rest = options;
    while !rest.is_empty() {
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let word = &rest[..end];
        let (pair, after) = if rest[end..].starts_with('=') {
            let (value, after) = value(&rest[end + 1..]);
            (pair(word, value, false), after)
        } else if let (Some(key), true) = (implied, pairs.is_empty()) {
            let (value, after) = value(rest);
            (pair(key, value, false), after)
        } else {
            let pair = match word.strip_prefix("no") {
                Some(key) => pair(key, "off".into(), true),
                None => pair(word, "on".into(), true),
            };
            (pair, &rest[end..])
        };
        pairs.push(pair);
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    pairs
}

fn pair(key: &str, value: String, short: bool) -> Pair {
    Pair {
        key: key.to_owned(),
        value,
        short,
    }
}

/// A value up to a single comma, two commas read as one, and what follows it.
fn value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(',').unwrap_or(rest.len());
        value.push_str(&rest[..end]);
        rest = &rest[end..];
        match rest.strip_prefix(",,") {
            Some(after) => {
                value.push(',');
                rest = after;
            }
            None => return (value, rest),
        }
    }
}

/// What [`parse`] reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyval {
    /// The values, nested by the dots in their keys.
    pub members: Members,
    /// Whether a word `help` or `?` is among them.
    pub help: bool,
}

/// Reads a key-value string (util/keyval.c): keys nest by dots, a later value replaces an earlier
/// one, and only a first item may do without `=`, as the value of `implied`. Errors are in QEMU's
/// words.
pub fn parse(text: &str, implied: Option<&str>) -> Result<Keyval, String> {
    let mut read = Keyval::default();
    let mut implied = implied;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let (word, mut after) = rest.split_at(end);
        let mut replace = |key: &str, text: &str| {
            let fragments: Vec<_> = key.split('.').collect();
            tree::put(&mut read.members, &fragments, text, Repeated::Replaced)
        };
        if end > 0 && !after.starts_with('=') && (word == "help" || word == "?") {
            read.help = true;
        } else if let (true, false, Some(key)) = (end > 0, after.starts_with('='), implied) {
            replace(key, word)?;
        } else {
            check_key(word)?;
            let Some(behind) = after.strip_prefix('=') else {
                return Err(format!("Expected '=' after parameter '{word}'"));
            };
            let (text, behind) = value(behind);
            replace(word, &text)?;
            after = behind;
        }
        implied = None;
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    read.members = tree::listed(read.members, "")?;
    Ok(read)
}

/// Nests an option list by the dots in its keys. Members that are all numbered become lists.
pub fn nest(pairs: &[Pair]) -> Result<Members, String> {
    let mut members = Members::new();
    for pair in pairs {
        let fragments: Vec<&str> = pair.key.split('.').collect();
        tree::put(&mut members, &fragments, &pair.value, Repeated::Kept)?;
    }
    tree::listed(members, "")
}

/// The longest part of a key between dots, in bytes.
const MAX_FRAGMENT: usize = 127;

/// A key is a name, and names or numbers behind dots.
fn check_key(key: &str) -> Result<(), String> {
    for (i, fragment) in key.split('.').enumerate() {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let name = fragment.starts_with(|c: char| c.is_ascii_alphabetic())
            && fragment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let number = i > 0 && !fragment.is_empty() && digits(fragment);
        if !name && !number {
            return Err(format!("Invalid parameter '{key}'"));
        }
        if fragment.len() > MAX_FRAGMENT {
            let what = if key.contains('.') { " fragment" } else { "" };
            return Err(format!("Parameter{what} '{fragment}' is too long"));
        }
    }
    Ok(())
}

/// The words that options read as a boolean.
#[must_use]
pub fn boolean(value: &str) -> Option<bool> {
    match value {
        "on" | "yes" | "true" | "y" => Some(true),
        "off" | "no" | "false" | "n" => Some(false),
        _ => None,
    }
}

/// The value of the first item with this key; a key alone stands for `on`.
#[must_use]
pub fn first(options: &str, key: &str) -> Option<String> {
    items(options).enumerate().find_map(|(i, item)| {
        match item.split_once('=') {
            Some((name, value)) => (name == key).then(|| value.to_owned()),
            // The first item without = is the value of the implied key.
            None => (i > 0 && item == key).then(|| "on".to_owned()),
        }
    })
}

/// Whether QEMU takes it as an id: a letter, then letters, digits, `-`, `.`, `_` (util/id.c).
#[must_use]
pub fn is_well_formed_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_commas_stand_for_one() {
        let all: Vec<_> = items("a,b=c,,d,e,").collect();
        assert_eq!(all, ["a", "b=c,d", "e"]);
    }

    #[test]
    fn pairs_have_values() {
        let read = |text, implied| {
            let pairs = pairs(text, implied);
            pairs
                .iter()
                .map(|p| format!("{}={}", p.key, p.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read("a,,b,c=d,,e,f,nog,", Some("x")),
            ["x=a,b", "c=d,e", "f=on", "g=off"]
        );
        assert_eq!(read("a,b=,=c", None), ["a=on", "b=", "=c"]);
        assert_eq!(read("a,,b", None), ["a=on", "=on", "b=on"]);
        assert!(read("", Some("x")).is_empty());
    }

    #[test]
    fn short_forms_are_warned_about() {
        let all: String = pairs("server,nowait,nodelay", None)
            .iter()
            .map(Pair::deprecation)
            .collect();
        // 10.0.2, chardev-add socket,...
        assert_eq!(
            all,
            "warning: short-form boolean option 'server' deprecated\nPlease use server=on instead\n\
             warning: short-form boolean option 'nowait' deprecated\nPlease use wait=off instead\n\
             warning: short-form boolean option 'nodelay' deprecated\nPlease use nodelay=on instead\n"
        );
    }

    #[test]
    fn key_values_nest() {
        use crate::grammar::tree::Tree;
        let read = parse("t,a.b=1,,2,a.b=3,l.1=y,l.0=x,help", Some("type")).unwrap();
        let inner = vec![("b".to_owned(), Tree::text("3"))];
        assert_eq!(
            read,
            Keyval {
                members: vec![
                    ("type".into(), Tree::text("t")),
                    ("a".into(), Tree::Members(inner)),
                    (
                        "l".into(),
                        Tree::List(vec![Tree::text("x"), Tree::text("y")])
                    ),
                ],
                help: true,
            }
        );
    }

    // Answers of 10.0.2 to object_add.
    #[rstest::rstest]
    #[case("rng-random,x", "Expected '=' after parameter 'x'")]
    #[case("rng-random,=x", "Invalid parameter ''")]
    #[case("rng-random,0a=x", "Invalid parameter '0a'")]
    #[case("rng-random,a..b=x", "Invalid parameter 'a..b'")]
    #[case("rng-random,a=1,a.b=2", "Parameters 'a.*' used inconsistently")]
    #[case("rng-random,a.b=1,a=2", "Parameters 'a.*' used inconsistently")]
    #[case("rng-random,a.0=1,a.b=2", "Parameters 'a.*' used inconsistently")]
    #[case("rng-random,a.1=1", "Parameter 'a.0' missing")]
    #[case("rng-random,,x", "Invalid parameter ''")]
    fn wrong_key_values(#[case] text: &str, #[case] error: &str) {
        assert_eq!(parse(text, Some("qom-type")), Err(error.into()));
    }

    #[test]
    fn the_first_id_counts() {
        assert_eq!(first("rng,id=a,id=b", "id").as_deref(), Some("a"));
        assert_eq!(first("rng,id", "id").as_deref(), Some("on"));
        assert_eq!(first("id", "id"), None);
    }

    #[test]
    fn ids() {
        assert!(is_well_formed_id("a-b.c_1"));
        assert!(!is_well_formed_id("0a") && !is_well_formed_id("") && !is_well_formed_id("a b"));
    }
}
