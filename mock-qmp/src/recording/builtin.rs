// SPDX-License-Identifier: GPL-2.0-or-later
//! `.hmp` files: what the built-in monitor answered at the same moments.

use std::path::Path;

use serde::Deserialize;

use super::error::RecordingError;
use super::line::{FORMAT, quoted};

/// A line typed into the built-in monitor, and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BuiltinLine {
    /// How many state changes there were before the line was typed.
    pub moment: u32,
    /// The line, without its end.
    pub line: String,
    /// The answer with LF line ends, without echo and prompt.
    pub answer: String,
    /// What it answered when it was asked again at once, where that was something else.
    #[serde(default)]
    pub again: Option<String>,
    /// Whether it was asked on another VM than that of the QMP session, which was started and
    /// treated alike: what the host gives (thread ids, ports, times) is another there.
    #[serde(default)]
    pub other_vm: bool,
}

impl BuiltinLine {
    /// The file's line with its LF.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (line, answer) = (quoted(&self.line), quoted(&self.answer));
        let again = self.again.as_deref().map(quoted);
        let again = again.map(|again| format!(",\"again\":{again}"));
        let again = again.unwrap_or_default();
        let other_vm = if self.other_vm {
            ",\"other-vm\":true"
        } else {
            ""
        };
        format!(
            "{{\"moment\":{},\"line\":{line},\"answer\":{answer}{again}{other_vm}}}\n",
            self.moment
        )
    }
}

/// The first line of a file.
pub(crate) fn header(topic: &str) -> String {
    format!("{{\"format\":{FORMAT},\"topic\":{}}}\n", quoted(topic))
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// Reads a file's text.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Vec<BuiltinLine>, RecordingError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let header = (index == 0).then(|| serde_json::from_str::<Header>(line));
        if let Some(Ok(header)) = header {
            if header.format > FORMAT {
                return Err(RecordingError::TooNew {
                    path: path.to_owned(),
                    found: header.format,
                });
            }
            continue;
        }
        let parsed = serde_json::from_str(line);
        lines.push(
            parsed.map_err(|error| RecordingError::line(path, index + 1, error.to_string()))?,
        );
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back() {
        let line = BuiltinLine {
            moment: 2,
            line: "info \"x\"".to_owned(),
            answer: "é\n".to_owned(),
            ..BuiltinLine::default()
        };
        let other = BuiltinLine {
            again: Some("\"\n".to_owned()),
            other_vm: true,
            ..line.clone()
        };
        let text = header("main") + &line.to_text() + &other.to_text();
        assert_eq!(parse(Path::new("x.hmp"), &text).unwrap(), [line, other]);
        let error = parse(Path::new("x.hmp"), "{\"format\":1}\n{\"moment\":1}\n").unwrap_err();
        assert!(error.to_string().starts_with("x.hmp:2: "), "{error}");
        assert!(matches!(
            parse(Path::new("x"), "{\"format\":9}\n"),
            Err(RecordingError::TooNew { found: 9, .. })
        ));
    }
}
