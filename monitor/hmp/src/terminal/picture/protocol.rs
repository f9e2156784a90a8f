// SPDX-License-Identifier: GPL-2.0-or-later
//! Which pictures a terminal shows.

use crate::terminal::picture::pixmap::Pixmap;
use crate::terminal::picture::{blocks, encoded, sixel};

/// How a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// kitty's, which Ghostty and WezTerm know too.
    Kitty,
    /// iTerm2's.
    Iterm,
    /// Sixels.
    Sixel,
    /// Half blocks in 24-bit colours.
    Blocks,
}

/// Pixels of a character cell, where a terminal does not say: no picture gets larger than it.
const CELL: (usize, usize) = (8, 16);

impl Protocol {
    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "kitty" => Self::Kitty,
            "iterm" => Self::Iterm,
            "sixel" => Self::Sixel,
            "blocks" => Self::Blocks,
            _ => return None,
        })
    }

    /// The best that a terminal is known to have, by what it puts into the environment.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let term = variable("TERM").unwrap_or_default();
        let program = variable("TERM_PROGRAM").unwrap_or_default();
        let kitty = variable("KITTY_WINDOW_ID").is_some()
            || ["xterm-kitty", "xterm-ghostty"].contains(&term.as_str())
            || ["ghostty", "WezTerm"].contains(&program.as_str());
        // A multiplexer in between passes none of these on.
        if variable("TMUX").is_some() || term.starts_with("screen") || term.starts_with("tmux") {
            return Self::Blocks;
        }
        match (term.as_str(), program.as_str()) {
            _ if kitty => Self::Kitty,
            (_, "iTerm.app") => Self::Iterm,
            (term, _)
                if ["foot", "mlterm", "contour", "yaft"]
                    .iter()
                    .any(|t| term.starts_with(t)) =>
            {
                Self::Sixel
            }
            _ => Self::Blocks,
        }
    }

    /// What is written for a picture, on a terminal of this size in characters.
    #[must_use]
    pub fn draw(self, picture: &Pixmap, columns: usize, rows: usize) -> String {
        let fitting = || picture.within(columns * CELL.0, rows * CELL.1);
        match self {
            Self::Kitty => encoded::kitty(&fitting()),
            Self::Iterm => encoded::iterm(&fitting()),
            Self::Sixel => sixel::draw(&fitting()),
            Self::Blocks => blocks::draw(picture, columns, rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[("TERM", "xterm-kitty")], Protocol::Kitty)]
    #[case(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")], Protocol::Kitty)]
    #[case(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Protocol::Iterm)]
    #[case(&[("TERM", "foot")], Protocol::Sixel)]
    #[case(&[("TERM", "xterm")], Protocol::Blocks)]
    #[case(&[("TERM", "tmux-256color"), ("TERM_PROGRAM", "WezTerm")], Protocol::Blocks)]
    fn terminals(#[case] variables: &[(&str, &str)], #[case] protocol: Protocol) {
        let found = Protocol::of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(found, protocol);
    }

    /// Whatever a guest shows, only these characters are written.
    #[test]
    fn nothing_of_the_picture_is_written_as_it_is() {
        let pixels: Vec<u8> = (0..40 * 40 * 3)
            .map(|n| [0x1b, 0x07, b']', 0x9c][n % 4])
            .collect();
        let picture = Pixmap {
            width: 40,
            height: 40,
            pixels,
        };
        for protocol in [
            Protocol::Kitty,
            Protocol::Iterm,
            Protocol::Sixel,
            Protocol::Blocks,
        ] {
            let text = protocol.draw(&picture, 20, 10);
            let begins = match protocol {
                Protocol::Kitty => "\x1b_G",
                Protocol::Iterm => "\x1b]1337;",
                Protocol::Sixel => "\x1bPq",
                Protocol::Blocks => "\x1b[38;2;",
            };
            assert!(text.starts_with(begins));
            let ends = match protocol {
                Protocol::Iterm => "\x07\n",
                Protocol::Blocks => "\x1b[0m\n",
                _ => "\x1b\\\n",
            };
            assert!(text.ends_with(ends), "{protocol:?}");
            let escapes = text.matches('\x1b').count();
            let own = match protocol {
                Protocol::Kitty => 2 * text.matches("\x1b_G").count(),
                Protocol::Iterm => 1,
                Protocol::Sixel => 2,
                Protocol::Blocks => text.matches("\x1b[").count(),
            };
            assert_eq!(escapes, own, "{protocol:?}");
            assert!(!text.contains('\u{9c}'));
        }
    }
}
