// SPDX-License-Identifier: GPL-2.0-or-later
//! Secrets do not get into recordings: neither from what a client sends, nor from what QEMU answers.
//! Names decide; where they leave a doubt, a value is taken out.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{Dialect, Object, Parser, Style, Value, write_value};

/// What takes a secret's place.
pub const SCRUBBED: &str = "(scrubbed)";

/// Whether an option, a member or a property of this name holds a secret. `password-secret` does
/// not: its value names an object.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = [
        "passw",
        "passphrase",
        "private-key",
        "keysecret-data",
        "tls-psk",
    ];
    // A website's (`BlockdevOptionsCurlHttp` of qapi/block-core.json); those of l2tpv3 are numbers.
    let last = name.rsplit('.').next().unwrap_or_default();
    matches!(last, "secret" | "cookie")
        || parts.iter().any(|part| name.contains(part)) && !name.ends_with("-secret")
}

/// Whether a property of this name may hold a secret: that of an object `secret` is called `data`.
fn may_be_secret(property: &str) -> bool {
    property == "data" || is_secret(property)
}

/// Takes secrets out of a request's arguments.
pub(crate) fn scrub_request(command: &str, arguments: &mut Object) {
    if command == "human-monitor-command" {
        if let Some(Value::String(line)) = arguments.get_mut("command-line") {
            *line = scrub_line(line);
        }
    }
    let property = arguments.get("property").and_then(Value::as_str);
    if command == "qom-set" && property.is_some_and(may_be_secret) {
        replace(arguments, "value");
    }
    scrub_members(arguments);
}

/// Takes secrets out of the JSON text of what QEMU answered to a request.
pub(crate) fn scrub_reply<'a>(
    command: &str,
    arguments: &Object,
    returned: &'a str,
) -> Cow<'a, str> {
    let argument = |name| arguments.get(name).and_then(Value::as_str);
    let holds_one = match command {
        "qom-get" => argument("property").is_some_and(may_be_secret),
        "human-monitor-command" => argument("command-line").is_some_and(asks_for_one),
        "qom-list-get" => return scrub_properties(returned),
        _ => false,
    };
    if holds_one && returned.trim_start().starts_with('"') {
        return Cow::Owned(format!("\"{SCRUBBED}\""));
    }
    scrub_named(returned)
}

/// JSON text without the values of members whose names say that they are secrets.
fn scrub_named(returned: &str) -> Cow<'_, str> {
    // Most answers name none, and are not taken apart for it.
    let value = has_secret_member(returned).then(|| parsed(returned));
    if let Some(mut value) = value.flatten() {
        let before = value.clone();
        scrub_value(&mut value);
        if value != before {
            return Cow::Owned(written(&value));
        }
    }
    scrub_urls(returned)
}

/// Whether JSON text may have a member of such a name.
fn has_secret_member(text: &str) -> bool {
    let ends = text.match_indices('"');
    let mut ends = ends.filter(|(end, _)| text[end + 1..].trim_start().starts_with(':'));
    ends.any(|(end, _)| {
        let name = text[..end].rsplit('"').next().unwrap_or_default();
        is_secret(name)
    })
}

/// Takes secrets out of what the built-in monitor answered to a line.
pub(crate) fn scrub_answer<'a>(line: &str, answer: &'a str) -> Cow<'a, str> {
    if asks_for_one(line) && answer.starts_with('"') {
        return Cow::Owned(format!("\"{SCRUBBED}\"\r\n"));
    }
    scrub_urls(answer)
}

/// Whether a line of the built-in monitor reads a property that may hold a secret.
fn asks_for_one(line: &str) -> bool {
    let words = words(line);
    let mut words = words.iter().map(|word| unquoted(line, word));
    words.next() == Some("qom-get") && words.nth(1).is_some_and(may_be_secret)
}

/// What `qom-list-get` (QEMU 10.1) returns: the properties of each object, with their values.
fn scrub_properties(returned: &str) -> Cow<'_, str> {
    let Some(Value::Array(mut objects)) = parsed(returned) else {
        return scrub_urls(returned);
    };
    let mut changed = false;
    for object in &mut objects {
        let Value::Object(object) = object else {
            continue;
        };
        let Some(Value::Array(properties)) = object.get_mut("properties") else {
            continue;
        };
        for property in properties {
            let Value::Object(property) = property else {
                continue;
            };
            let name = property.get("name").and_then(Value::as_str);
            if name.is_some_and(may_be_secret) {
                changed |= replace(property, "value");
            }
        }
    }
    match changed {
        true => Cow::Owned(scrub_urls(&written(&Value::Array(objects))).into_owned()),
        false => scrub_urls(returned),
    }
}

fn scrub_value(value: &mut Value) {
    match value {
        Value::Object(members) => scrub_members(members),
        Value::Array(elements) => elements.iter_mut().for_each(scrub_value),
        Value::String(text) => {
            if let Cow::Owned(scrubbed) = scrub_urls(text) {
                *text = scrubbed;
            }
        }
        _ => {}
    }
}

fn scrub_members(members: &mut Object) {
    let kind = members.get("qom-type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind.starts_with("secret")) {
        scrub_secret(members);
        // QEMUs before 6.0 take the properties in an object of their own.
        if let Some(Value::Object(properties)) = members.get_mut("props") {
            scrub_secret(properties);
        }
    }
    members.values_mut().for_each(scrub_value);
    let secrets: Vec<String> = members
        .keys()
        .filter(|name| is_secret(name))
        .cloned()
        .collect();
    for name in secrets {
        replace(members, &name);
    }
}

/// Members of a `secret` object that hold none (`SecretCommonProperties` and `SecretProperties` of
/// qapi/crypto.json).
const NO_SECRETS: &[&str] = &[
    "qom-type", "id", "loaded", "format", "keyid", "iv", "file", "props",
];

/// Takes the members of a `secret` object out that may hold it: a mistyped one may too.
fn scrub_secret(members: &mut Object) {
    let names: Vec<String> = members.keys().cloned().collect();
    for name in names
        .iter()
        .filter(|name| !NO_SECRETS.contains(&name.as_str()))
    {
        replace(members, name);
    }
}

/// Puts [`SCRUBBED`] in a string's place, and tells whether there was one.
fn replace(members: &mut Object, name: &str) -> bool {
    let Some(value @ Value::String(_)) = members.get_mut(name) else {
        return false;
    };
    *value = Value::String(SCRUBBED.to_owned());
    true
}

/// Takes secrets out of a line of the built-in monitor.
#[must_use]
pub fn scrub_line(line: &str) -> String {
    let words = words(line);
    let names: Vec<&str> = words.iter().map(|word| unquoted(line, word)).collect();
    let plain: Vec<usize> = (0..words.len())
        .filter(|&at| !names[at].starts_with('-'))
        .collect();
    let plain_names: Vec<&str> = plain.iter().map(|&at| names[at]).collect();
    match plain_names.as_slice() {
        ["set_password", ..] => scrub_password(line, &words, &names),
        ["change", "vnc", "password" | "passwd", _, ..] => cut(line, words[plain[3]].start),
        ["qom-set", _, property, _, ..] if may_be_secret(property) => {
            cut(line, words[plain[3]].start)
        }
        _ => match line.find('{') {
            Some(at) => scrub_options(&line[..at]) + &scrub_json(&line[at..]),
            None => scrub_options(line),
        },
    }
}

/// `set_password [vnc|spice] [-d DISPLAY] PASSWORD [ACTION]`, in whatever order it was typed: all
/// that is known to be something else stays.
fn scrub_password(line: &str, words: &[Range<usize>], names: &[&str]) -> String {
    let mut secrets: Vec<Range<usize>> = Vec::new();
    for (at, word) in words.iter().enumerate().skip(1) {
        let known = match names[at] {
            "vnc" | "spice" => at == 1 || names[at - 1].starts_with('-') || at == 3,
            "keep" | "fail" | "disconnect" => !secrets.is_empty(),
            name => name == "-d" || names[at - 1] == "-d",
        };
        if !known {
            secrets.push(word.clone());
        }
    }
    put(line, &secrets)
}

/// Takes secrets out of a word of QEMU's command line.
pub(crate) fn scrub_option(word: &str) -> String {
    match word.starts_with('{') {
        true => scrub_json(word),
        false => scrub_options(word),
    }
}

/// Takes secrets out of JSON that people type. What is no JSON is taken out whole, if it names one.
fn scrub_json(text: &str) -> String {
    match parsed(text) {
        Some(mut value) => {
            let before = value.clone();
            scrub_value(&mut value);
            if value == before {
                text.to_owned()
            } else {
                written(&value)
            }
        }
        None if text.contains("secret") || text.contains("passw") => SCRUBBED.to_owned(),
        None => text.to_owned(),
    }
}

/// Replaces the values of options that hold secrets in `a=b,c=d` text; a doubled comma belongs to
/// the value.
fn scrub_options(line: &str) -> String {
    let mut secrets = Vec::new();
    for word in words(line) {
        let text = &line[word.clone()];
        let (start, end) = match text.strip_prefix('"') {
            Some(inner) => (1, 1 + inner.strip_suffix('"').unwrap_or(inner).len()),
            None => (0, text.len()),
        };
        let of_a_secret = text[start..].starts_with("secret") || text.contains("qom-type=secret");
        for option in options(text, start..end) {
            let Some((name, value)) = text[option.clone()].split_once('=') else {
                continue;
            };
            let last = name.rsplit('.').next().unwrap_or(name);
            if is_secret(last) || of_a_secret && !NO_SECRETS.contains(&last) {
                let end = word.start + option.end;
                secrets.push(end - value.len()..end);
            }
        }
    }
    scrub_urls(&put(line, &secrets)).into_owned()
}

/// The options of `a=b,,c,d=e`, where a doubled comma is part of one.
fn options(text: &str, within: Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut start, mut at, mut found) = (within.start, within.start, Vec::new());
    while at < within.end {
        match (bytes[at], bytes.get(at + 1)) {
            (b',', Some(b',')) => at += 2,
            (b',', _) => {
                found.push(start..at);
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    found.push(start..within.end);
    found
}

/// Replaces the password of each `scheme://user:password@host`, and the key of each
/// `rbd:pool/image:key=KEY`.
pub(crate) fn scrub_urls(text: &str) -> Cow<'_, str> {
    let mut secrets: Vec<Range<usize>> = Vec::new();
    for (at, separator) in text.match_indices("://") {
        let start = at + separator.len();
        let ends = |c: char| c.is_whitespace() || "/\"'\\?#<>".contains(c);
        let authority = text[start..].split(ends).next().unwrap_or_default();
        let user_info = authority.rsplit_once('@').map(|(user_info, _)| user_info);
        let pair = user_info.and_then(|it| it.split_once(':'));
        if let Some((user, password)) = pair.filter(|(_, password)| !password.is_empty()) {
            let password_at = start + user.len() + 1;
            secrets.push(password_at..password_at + password.len());
        }
    }
    for (at, start) in text.match_indices("rbd:") {
        let ends = |c: char| c.is_whitespace() || "\"',".contains(c);
        let name = text[at..].split(ends).next().unwrap_or(start);
        let key = name.find(":key=").map(|place| at + place + ":key=".len());
        if let Some(from) = key {
            let until = text[from..at + name.len()].find(':');
            secrets.push(from..until.map_or(at + name.len(), |until| from + until));
        }
    }
    secrets.sort_by_key(|part| part.start);
    secrets.dedup_by(|later, earlier| later.start < earlier.end);
    match secrets.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(put(text, &secrets)),
    }
}

/// Puts [`SCRUBBED`] in the place of these parts, which are in order.
fn put(text: &str, parts: &[Range<usize>]) -> String {
    let mut out = String::new();
    let mut end = 0;
    for part in parts {
        out.push_str(&text[end..part.start]);
        out.push_str(SCRUBBED);
        end = part.end;
    }
    out + &text[end..]
}

/// A text with [`SCRUBBED`] from there on.
fn cut(text: &str, from: usize) -> String {
    format!("{}{SCRUBBED}", &text[..from])
}

/// Where a line's words are: quoted, or up to the next blank.
fn words(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let (mut at, mut found) = (0, Vec::new());
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let start = at;
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at = (at + 1).min(bytes.len());
            // An escaped character may have been one of several bytes.
            while !line.is_char_boundary(at) {
                at += 1;
            }
        } else {
            while bytes
                .get(at)
                .is_some_and(|byte| !byte.is_ascii_whitespace())
            {
                at += 1;
            }
        }
        match start == at {
            true => return found,
            false => found.push(start..at),
        }
    }
}

/// A word without its quotes.
fn unquoted<'a>(line: &'a str, word: &Range<usize>) -> &'a str {
    line[word.clone()].trim_matches('"')
}

fn parsed(text: &str) -> Option<Value> {
    let mut parser = Parser::new(Dialect::New);
    let mut values = Vec::new();
    for byte in text.bytes().chain([b'\n']) {
        parser.feed(byte, &mut |value| values.push(value));
    }
    match values.as_mut_slice() {
        [Ok(value)] => Some(std::mem::take(value)),
        _ => None,
    }
}

fn written(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value, Style::Compact);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("set_password vnc x keep", "set_password vnc (scrubbed) keep")]
    #[case(
        "set_password  spice \"a x\" -d y",
        "set_password  spice (scrubbed) -d y"
    )]
    #[case("set_password -d y vnc x", "set_password -d y vnc (scrubbed)")]
    #[case(
        "set_password vnc -d y x fail",
        "set_password vnc -d y (scrubbed) fail"
    )]
    #[case(
        "set_password \"vnc\" keep keep",
        "set_password \"vnc\" (scrubbed) keep"
    )]
    #[case("set_password vnc vnc", "set_password vnc (scrubbed)")]
    #[case("change vnc password x", "change vnc password (scrubbed)")]
    #[case(
        "change -f \"vnc\" passwd \"a x\"",
        "change -f \"vnc\" passwd (scrubbed)"
    )]
    #[case(
        "object_add secret,id=s,data=a,,x,format=raw",
        "object_add secret,id=s,data=(scrubbed),format=raw"
    )]
    #[case(
        "object_add \"secret,id=s,data=a x\"",
        "object_add \"secret,id=s,data=(scrubbed)\""
    )]
    #[case(
        "object_add secret,id=s,dta=a,format=raw",
        "object_add secret,id=s,dta=(scrubbed),format=raw"
    )]
    #[case(
        "object_add id=s,qom-type=secret,data=x",
        "object_add id=s,qom-type=secret,data=(scrubbed)"
    )]
    #[case(
        "object_add {\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"x\"}",
        "object_add {\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"(scrubbed)\"}"
    )]
    #[case("object_add {'qom-type':'secret','data':'x'", "object_add (scrubbed)")]
    #[case("device_add y,password=x", "device_add y,password=(scrubbed)")]
    #[case(
        "drive_add 0 file.driver=https,file.cookie=x",
        "drive_add 0 file.driver=https,file.cookie=(scrubbed)"
    )]
    #[case(
        "drive_add 0 file.driver=ssh,file.password=x",
        "drive_add 0 file.driver=ssh,file.password=(scrubbed)"
    )]
    #[case(
        "qom-set -j /objects/s data \"x\"",
        "qom-set -j /objects/s data (scrubbed)"
    )]
    #[case(
        "qom-set /objects/s password a x",
        "qom-set /objects/s password (scrubbed)"
    )]
    #[case(
        "change cd0 http://u:x@h:80/y.iso",
        "change cd0 http://u:(scrubbed)@h:80/y.iso"
    )]
    fn lines(#[case] line: &str, #[case] scrubbed: &str) {
        assert_eq!(scrub_line(line), scrubbed);
    }

    #[rstest]
    #[case("change cd0 /tmp/x")]
    #[case("info status")]
    #[case("drive_add 0 file=x,password-secret=s0")]
    #[case("drive_add 0 file.driver=https,file.cookie-secret=s0")]
    #[case("netdev_add l2tpv3,id=x,rxcookie=5")]
    #[case("object_add {\"qom-type\":\"iothread\",  \"id\":\"i\"}")]
    #[case("object_add {\"qom-type\":")]
    #[case("migrate tcp:[::1]:4444")]
    #[case("change cd0 http://user@host/x:y@z")]
    #[case("\"a\\")]
    #[case("\"\\é")]
    fn plain_lines_stay(#[case] line: &str) {
        assert_eq!(scrub_line(line), line);
    }

    #[rstest]
    #[case("set_password", json!({"protocol": "vnc", "password": "x"}))]
    #[case("change-vnc-password", json!({"password": "x"}))]
    #[case("object-add", json!({"qom-type": "secret", "id": "s", "data": "x"}))]
    #[case("object-add", json!({"qom-type": "secret", "id": "s", "dat": "x"}))]
    #[case("object-add", json!({"qom-type": "secret", "id": "s", "props": {"data": "x"}}))]
    #[case("blockdev-add", json!({"driver": "ssh", "file": {"password": "x"}}))]
    #[case("blockdev-add", json!({"driver": "https", "url": "https://h/y", "cookie": "x"}))]
    #[case("blockdev-add", json!({"driver": "https", "url": "https://u:x@h/y"}))]
    #[case("qom-set", json!({"path": "/objects/s", "property": "data", "value": "x"}))]
    #[case("sev-inject-launch-secret", json!({"packet-header": "h", "secret": "x"}))]
    #[case("human-monitor-command", json!({"command-line": "set_password -d y vnc x"}))]
    fn requests(#[case] command: &str, #[case] arguments: serde_json::Value) {
        let Value::Object(mut members) = Value::from(arguments) else {
            panic!()
        };
        scrub_request(command, &mut members);
        let text = serde_json::Value::from(&Value::Object(members)).to_string();
        assert!(text.contains(SCRUBBED) && !text.contains('x'), "{text}");
    }

    #[rstest]
    #[case("qom-get", json!({"path": "/objects/s", "property": "data"}), r#""x""#)]
    #[case("human-monitor-command", json!({"command-line": "qom-get /objects/s data"}), r#""\"x\"\r\n""#)]
    #[case("qom-list-get", json!({}), r#"[{"properties":[{"name":"data","type":"string","value":"x"}]}]"#)]
    #[case("query-block", json!({}), r#"[{"file":"http://u:x@h/"}]"#)]
    #[case("query-block", json!({}), r#"[{"file":"rbd:pool/img:id=a:key=x:conf=c","b":"rbd:p/i:key=x"}]"#)]
    #[case("query-block", json!({}), r#"[{"a":{"Password" : "x"}}]"#)]
    fn replies(
        #[case] command: &str,
        #[case] arguments: serde_json::Value,
        #[case] returned: &str,
    ) {
        let Value::Object(arguments) = Value::from(arguments) else {
            panic!()
        };
        let scrubbed = scrub_reply(command, &arguments, returned);
        assert!(
            scrubbed.contains(SCRUBBED) && !scrubbed.contains('x'),
            "{scrubbed}"
        );
        assert!(
            serde_json::from_str::<serde_json::Value>(&scrubbed).is_ok(),
            "{scrubbed}"
        );
    }

    #[rstest]
    #[case("qom-get", json!({"property": "type"}), r#""x""#)]
    #[case("qom-get", json!({"property": "data"}), "5")]
    #[case("query-version", json!({}), r#"{"package": "https://bugs@x/"}"#)]
    #[case("query-x", json!({}), r#"[{"name": "password", "password": true, "password-secret": "s"}]"#)]
    fn other_replies_stay(
        #[case] command: &str,
        #[case] arguments: serde_json::Value,
        #[case] returned: &str,
    ) {
        let Value::Object(arguments) = Value::from(arguments) else {
            panic!()
        };
        assert_eq!(scrub_reply(command, &arguments, returned), returned);
    }
}
