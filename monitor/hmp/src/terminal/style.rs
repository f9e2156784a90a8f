// SPDX-License-Identifier: GPL-2.0-or-later
//! Colours of the prompt, where they are wanted.

use std::borrow::Cow;
use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// Where colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// On terminals that understand escape sequences, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// On those, whatever the environment says.
    Always,
    /// Nowhere.
    Never,
}

/// How something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// As it is.
    Plain,
    /// What stands behind.
    Dim,
    /// What is wrong.
    Red,
    /// Names.
    Bold,
}

/// Whether and how texts are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    on: bool,
}

impl Style {
    /// No colours.
    pub const PLAIN: Self = Self { on: false };

    /// On a terminal that understands escape sequences (`rich`).
    #[must_use]
    pub fn new(colour: Colour, rich: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // https://no-color.org: set, and not empty.
        let unwanted = || variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let on = match colour {
            Colour::Auto => rich && !unwanted(),
            Colour::Always => rich,
            Colour::Never => false,
        };
        Self { on }
    }

    /// Whether there are colours.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.on
    }

    /// A harmless text in a colour. A line end at its end stays behind it.
    #[must_use]
    pub fn paint(self, tint: Tint, text: &str) -> Cow<'_, str> {
        if !self.on || text.is_empty() || tint == Tint::Plain {
            return Cow::Borrowed(text);
        }
        let code = match tint {
            Tint::Plain => 0,
            Tint::Dim => 2,
            Tint::Red => 31,
            Tint::Bold => 1,
        };
        let inner = text.strip_suffix('\n').unwrap_or(text);
        let end = &text[inner.len()..];
        Cow::Owned(format!("\x1b[{code}m{inner}\x1b[0m{end}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Colour::Auto, true, "", true)]
    #[case(Colour::Auto, true, "1", false)]
    #[case(Colour::Auto, false, "", false)]
    #[case(Colour::Always, true, "1", true)]
    #[case(Colour::Always, false, "", false)]
    #[case(Colour::Never, true, "", false)]
    fn where_colours_are(
        #[case] colour: Colour,
        #[case] rich: bool,
        #[case] no_color: &str,
        #[case] on: bool,
    ) {
        let style = Style::new(colour, rich, |_| Some(no_color.into()));
        assert_eq!(style.is_on(), on);
    }

    #[test]
    fn a_line_end_stays_behind() {
        let style = Style { on: true };
        assert_eq!(style.paint(Tint::Red, "a\n"), "\x1b[31ma\x1b[0m\n");
        assert_eq!(Style::PLAIN.paint(Tint::Red, "a\n"), "a\n");
    }
}
