// SPDX-License-Identifier: GPL-2.0-or-later
use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn parse(dialect: Dialect, input: &[u8]) -> Vec<String> {
    let mut parser = Parser::new(dialect);
    let mut out = Vec::new();
    for &byte in input {
        parser.feed(byte, &mut |result| {
            out.push(match result {
                Ok(value) => {
                    let mut text = Vec::new();
                    write_value(&mut text, &value, Style::Compact);
                    String::from_utf8(text).unwrap()
                }
                Err(error) => error.text,
            });
        });
    }
    out
}

#[rstest]
#[case(
    "{\"a\" 1 ,2}",
    "JSON parse error, missing : in object pair",
    "1:6: JSON parse error, expecting ':'"
)]
#[case(
    "[1 2]",
    "JSON parse error, expected separator in list",
    "1:4: JSON parse error, expected ',' or ']'"
)]
#[case(
    "{\"a\":1,\"a\":{\"b\":[2]}}",
    "JSON parse error, duplicate key",
    "1:20: JSON parse error, duplicate key"
)]
#[case(
    "{5:1}",
    "JSON parse error, key is not a string in object",
    "1:2: JSON parse error, expecting key"
)]
#[case(
    "{:1}",
    "JSON parse error, expecting value",
    "1:2: JSON parse error, expecting key"
)]
#[case(
    "{\"a\":\n x}",
    "JSON parse error, invalid keyword 'x'",
    "2:2: JSON parse error, invalid keyword 'x'"
)]
#[case(
    "\"\\q\"",
    "JSON parse error, invalid escape sequence in string",
    "1:1: JSON parse error, invalid escape sequence in string"
)]
#[case(
    "\"\\ud834\"",
    "JSON parse error, \\ud834 is not a valid Unicode character",
    "1:1: JSON parse error, \\ud834 is not a valid Unicode character"
)]
fn errors_in_both_dialects(#[case] input: &str, #[case] old: &str, #[case] new: &str) {
    assert_eq!(parse(Dialect::Old, input.as_bytes()), [old]);
    assert_eq!(parse(Dialect::New, input.as_bytes()), [new]);
}

#[test]
fn new_dialect_tells_errors_before_the_value_ends() {
    assert_eq!(parse(Dialect::New, b"{\"a\" 1"), Vec::<String>::new());
    assert_eq!(
        parse(Dialect::New, b"{\"a\" 1 "),
        ["1:6: JSON parse error, expecting ':'"]
    );
    assert_eq!(parse(Dialect::Old, b"{\"a\" 1 "), Vec::<String>::new());
}

#[test]
fn a_stray_byte_in_a_broken_value_is_silent_in_the_new_dialect_only() {
    let input = b"[1,,2 @]";
    let expected = [
        "1:4: JSON parse error, expecting value",
        "1:9: JSON parse error, expecting value",
    ];
    assert_eq!(parse(Dialect::New, input), expected);
    assert_eq!(
        parse(Dialect::Old, input),
        [
            "JSON parse error, stray '@'",
            "JSON parse error, expecting value"
        ]
    );
}

#[test]
fn nesting_is_limited() {
    let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert_eq!(parse(Dialect::Old, &deep(1024)).len(), 1);
    assert_eq!(
        parse(Dialect::New, &deep(1024)),
        parse(Dialect::Old, &deep(1024))
    );
    let old = parse(Dialect::Old, &deep(1025));
    assert_eq!(old[0], "JSON nesting depth limit exceeded");
    assert_eq!(old.len(), 1026);
    assert_eq!(
        parse(Dialect::New, &deep(1025)),
        ["JSON nesting depth limit exceeded"]
    );
    let swallowed = [deep(1025), b"{}".to_vec()].concat();
    assert_eq!(
        parse(Dialect::New, &swallowed),
        ["JSON nesting depth limit exceeded", "{}"]
    );
}

#[rstest]
#[case("9223372036854775808 ", "9223372036854775808")]
#[case("-9223372036854775809 ", "-9.2233720368547758e+18")]
#[case("1e400 ", "inf")]
#[case("1.0 ", "1")]
#[case("{'b':1,'a':2,'execute':3}", "{\"a\":2,\"execute\":3,\"b\":1}")]
#[case("\"\\uD834\\uDD1E\\u0000\"", "\"\\uD834\\uDD1E\\u0000\"")]
fn values(#[case] input: &str, #[case] output: &str) {
    assert_eq!(parse(Dialect::Old, input.as_bytes()), [output]);
    assert_eq!(parse(Dialect::New, input.as_bytes()), [output]);
}

#[test]
fn a_short_escape_quotes_six_bytes() {
    let text = "JSON parse error, \\u12\" is not a valid Unicode character";
    assert_eq!(parse(Dialect::Old, b"\"\\u12\""), [text]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(input in proptest::collection::vec(any::<u8>(), 0..400)) {
        parse(Dialect::Old, &input);
        parse(Dialect::New, &input);
    }

    #[test]
    fn json_like_input_gives_the_same_values(input in "[\\[\\]{}:,\"'a1 \n@]{0,60}") {
        let values = |dialect| -> Vec<String> {
            parse(dialect, input.as_bytes()).into_iter().filter(|line| !line.contains("error")).collect()
        };
        // What the new dialect takes for a value, the old one takes too, in the same order.
        let old = values(Dialect::Old);
        let mut rest = old.iter();
        for value in values(Dialect::New) {
            prop_assert!(rest.any(|other| *other == value));
        }
    }
}
