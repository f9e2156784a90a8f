// SPDX-License-Identifier: GPL-2.0-or-later
//! Layout of JSON text without parsing it into values: numbers and strings stay as they were
//! written.

/// Appends valid JSON `text` in QEMU's one-line layout: `", "` and `": "` between, non-ASCII
/// escaped.
///
/// Text that is not JSON is passed on without harm, but what comes out then means nothing.
pub fn respace(out: &mut Vec<u8>, text: &str) {
    relayout(out, text, b", ", b": ");
}

/// Appends valid JSON `text` without any blank between its tokens, non-ASCII escaped.
pub fn compact(out: &mut Vec<u8>, text: &str) {
    relayout(out, text, b",", b":");
}

fn relayout(out: &mut Vec<u8>, text: &str, comma: &[u8], colon: &[u8]) {
    out.reserve(text.len() + text.len() / 8);
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'"' => {
                let end = string_end(bytes, index);
                copy_string(out, &text[index..end]);
                index = end;
                continue;
            }
            b',' => out.extend_from_slice(comma),
            b':' => out.extend_from_slice(colon),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            other => out.push(other),
        }
        index += 1;
    }
}

/// The index after the closing quote of the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut index = start + 1;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' => index += 2,
            b'"' => return index + 1,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// Copies a string literal, escaping what QEMU would not send as it is.
fn copy_string(out: &mut Vec<u8>, literal: &str) {
    if literal.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        out.extend_from_slice(literal.as_bytes());
        return;
    }
    let mut units = [0; 2];
    for character in literal.chars() {
        if matches!(character, ' '..='~') {
            out.push(character as u8);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (String, String) {
        let (mut spaced, mut tight) = (Vec::new(), Vec::new());
        respace(&mut spaced, text);
        compact(&mut tight, text);
        (
            String::from_utf8(spaced).unwrap(),
            String::from_utf8(tight).unwrap(),
        )
    }

    #[test]
    fn layout_changes_and_content_stays() {
        let (spaced, tight) = both("{\"a\":[1.50,\n {}],\"b\" : \"x,y: \\\" z\"}");
        assert_eq!(spaced, r#"{"a": [1.50, {}], "b": "x,y: \" z"}"#);
        assert_eq!(tight, r#"{"a":[1.50,{}],"b":"x,y: \" z"}"#);
    }

    #[test]
    fn non_ascii_is_escaped() {
        assert_eq!(both("\"é𝄞\u{7f}\"").0, r#""\u00E9\uD834\uDD1E\u007F""#);
    }

    #[test]
    fn broken_text_does_no_harm() {
        assert_eq!(both("\"a\\").1, "\"a\\");
        assert_eq!(both("\"é").1, "\"\\u00E9");
    }
}
