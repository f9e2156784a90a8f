// SPDX-License-Identifier: GPL-2.0-or-later
//! Which events are shown: patterns of their names, the last that fits decides.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Patterns as in `* -RTC_CHANGE`: a name, with `*` for any part of it; one behind a `-` takes out
/// again what is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::repl) struct Filter(Vec<String>);

impl Default for Filter {
    /// All but what a guest does by the clock.
    fn default() -> Self {
        Self(vec!["*".into(), "-RTC_CHANGE".into()])
    }
}

impl Filter {
    /// No event.
    pub(in crate::repl) fn none() -> Self {
        Self(Vec::new())
    }

    /// From words. Where the first one takes out, it does so of what is shown by default.
    pub(in crate::repl) fn of(words: &[&str]) -> Self {
        let mut patterns: Vec<String> =
            words.iter().map(|word| word.to_ascii_uppercase()).collect();
        if patterns.first().is_some_and(|first| first.starts_with('-')) {
            patterns.splice(0..0, Self::default().0);
        }
        Self(patterns)
    }

    /// Whether an event of this name is shown.
    pub(in crate::repl) fn lets(&self, name: &str) -> bool {
        let mut shown = false;
        for pattern in &self.0 {
            let (pattern, shows) = match pattern.strip_prefix('-') {
                Some(pattern) => (pattern, false),
                None => (pattern.as_str(), true),
            };
            if fits(pattern, name) {
                shown = shows;
            }
        }
        shown
    }

    /// Whether somebody asked for an event by its name, or for all there are: then also what only
    /// passes is shown.
    pub(in crate::repl) fn asks_for(&self, name: &str) -> bool {
        let usual = Self::default().0;
        let asked = self.0.strip_prefix(usual.as_slice()).unwrap_or(&self.0);
        let mut names = asked.iter().filter(|pattern| !pattern.starts_with('-'));
        self.lets(name) && names.any(|pattern| fits(pattern, name))
    }

    /// The first pattern that fits none of these names.
    pub(in crate::repl) fn unknown(&self, names: &[String]) -> Option<&str> {
        // Those that nobody typed may be of another release.
        let usual = Self::default().0;
        let mut patterns = self.0.iter().filter(|pattern| !usual.contains(pattern));
        let odd = patterns.find(|pattern| {
            let pattern = pattern.strip_prefix('-').unwrap_or(pattern);
            !names.iter().any(|name| fits(pattern, name))
        });
        odd.map(String::as_str)
    }

    /// Whether nothing is shown at all.
    pub(in crate::repl) fn is_none(&self) -> bool {
        self.0.iter().all(|pattern| pattern.starts_with('-'))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_none() {
            true => f.write_str("off"),
            false => f.write_str(&self.0.join(" ")),
        }
    }
}

/// Whether a name fits a pattern; pieces between stars are looked for from left to right, the last
/// one at the end.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("STOP", "STOP", true)]
    #[case("STOP", "STOPS", false)]
    #[case("BLOCK_*", "BLOCK_JOB_READY", true)]
    #[case("*JOB*", "BLOCK_JOB_READY", true)]
    #[case("*_READY", "BLOCK_JOB_READY", true)]
    #[case("B*J*Y", "BLOCK_JOB_READY", true)]
    #[case("B*JX*Y", "BLOCK_JOB_READY", false)]
    #[case("*", "", true)]
    #[case("", "A", false)]
    #[case("A*A", "A", false)]
    fn patterns(#[case] pattern: &str, #[case] name: &str, #[case] fit: bool) {
        assert_eq!(fits(pattern, name), fit);
    }

    #[test]
    fn patterns_that_fit_nothing_are_found() {
        let unknown = |words: &[&str]| {
            let filter = Filter::of(words);
            filter
                .unknown(&["STOP".into(), "BLOCK_JOB_READY".into()])
                .map(str::to_owned)
        };
        assert_eq!(unknown(&["stop", "block_*", "-BLOCK_JOB_READY"]), None);
        assert_eq!(unknown(&["STOP", "bogus"]), Some("BOGUS".into()));
        assert_eq!(unknown(&["-STOPS"]), Some("-STOPS".into()));
    }

    #[test]
    fn the_last_pattern_decides() {
        assert!(Filter::default().lets("STOP") && !Filter::default().lets("RTC_CHANGE"));
        let some = Filter::of(&["-job_*", "JOB_STATUS_CHANGE"]);
        assert!(some.lets("STOP") && some.lets("JOB_STATUS_CHANGE"));
        assert_eq!(some.to_string(), "* -RTC_CHANGE -JOB_* JOB_STATUS_CHANGE");
        assert!(!Filter::of(&["STOP"]).lets("RESUME"));
        assert!(!Filter::default().asks_for("STOP"));
        assert!(!Filter::of(&["-job_*"]).asks_for("STOP"));
        assert!(some.asks_for("JOB_STATUS_CHANGE") && !some.asks_for("STOP"));
        assert!(Filter::of(&["*"]).asks_for("STOP"));
        assert_eq!(Filter::none().to_string(), "off");
    }
}
