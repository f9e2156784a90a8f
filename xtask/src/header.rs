// SPDX-License-Identifier: GPL-2.0-or-later
//! The C header of the crate hmp-ffi.

use std::path::Path;

use cbindgen::{Builder, Config};

use crate::error::Error;

/// The crate, and its sources in the order in which the header has what they declare.
const CRATE: &str = "monitor/ffi";
const SOURCES: &[&str] = &["callbacks", "handle", "caps", "entry"];

/// Makes the header.
pub fn make(root: &Path) -> Result<String, Error> {
    let folder = root.join(CRATE);
    let config = Config::from_file(folder.join("cbindgen.toml"))?;
    let mut builder = Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(folder.join("src").join(source).with_extension("rs"));
    }
    let mut header = Vec::new();
    builder.generate()?.write(&mut header);
    let header = String::from_utf8(header)?;
    // What Rust asks of callers of unsafe functions is said in C's words there already.
    let lines = header.lines();
    Ok(without_safety(lines))
}

/// The header without the paragraphs `# Safety`, which say in Rust's terms what C's callers know.
fn without_safety<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in lines {
        let text = line.trim();
        if text == "* # Safety" {
            inside = true;
            // The blank line before it goes too.
            let kept = out.strip_suffix(" *\n").map(str::len);
            out.truncate(kept.unwrap_or(out.len()));
        } else if text.ends_with("*/") {
            inside = false;
        }
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_on_safety_are_left_out() {
        let text = "/**\n * Polls.\n *\n * # Safety\n * Living.\n */\nint poll();\n";
        let made = without_safety(text.lines());
        assert_eq!(made, "/**\n * Polls.\n */\nint poll();\n");
    }
}
