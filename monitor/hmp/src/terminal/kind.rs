// SPDX-License-Identifier: GPL-2.0-or-later
//! Which terminals are known to understand escape sequences.

/// How the names of terminals begin that understand what the line editor writes: the cursor moves,
/// lines are cleared, and modes that a terminal does not have are passed over.
const RICH: &[&str] = &[
    "alacritty",
    "contour",
    "cygwin",
    "eterm",
    "foot",
    "ghostty",
    "gnome",
    "iterm",
    "kitty",
    "konsole",
    "linux",
    "mintty",
    "ms-terminal",
    "putty",
    "rio",
    "rxvt",
    "screen",
    "st",
    "tmux",
    "vte",
    "wezterm",
    "xterm",
];

/// Whether a terminal of this name (`TERM`) is left without any escape sequence.
#[must_use]
pub fn is_plain(term: Option<&str>) -> bool {
    let name = term.unwrap_or_default().to_ascii_lowercase();
    let family = |rich: &str| {
        name.strip_prefix(rich)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '+']))
    };
    !RICH.iter().any(|rich| family(rich))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("xterm", false)]
    #[case("xterm-256color", false)]
    #[case("screen.xterm-256color", false)]
    #[case("rxvt-unicode-256color", false)]
    #[case("tmux-256color", false)]
    #[case("linux", false)]
    #[case("st-256color", false)]
    #[case("dumb", true)]
    #[case("", true)]
    #[case("unknown", true)]
    #[case("vt100", true)]
    #[case("emacs", true)]
    #[case("stupid", true)]
    fn terminals(#[case] term: &str, #[case] plain: bool) {
        assert_eq!(is_plain(Some(term)), plain);
        assert!(is_plain(None));
    }
}
