// SPDX-License-Identifier: GPL-2.0-or-later
//! The settings of the prompt: a TOML file, and what the command line says beside it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::repl::aside::pager::DEFAULT;
use crate::repl::events::filter::Filter;
use crate::terminal::style::Colour;

/// Bytes of the file that are read.
const READ: u64 = 1 << 20;

/// What the prompt looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// The built-in's.
    #[default]
    Plain,
    /// With the VM's name and state in front.
    State,
}

/// What the command line says of the prompt; what it leaves open is in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// What the prompt looks like.
    pub prompt: Option<Look>,
    /// Where colours are used.
    pub color: Option<Colour>,
    /// No pager is used.
    pub no_pager: bool,
    /// Lines that may lose something are asked about.
    pub confirm: bool,
}

/// The settings of the prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// What the prompt looks like.
    pub(super) prompt: Look,
    /// Where colours are used.
    pub(super) color: Colour,
    /// Which events are shown.
    pub(super) events: Filter,
    /// The pager's command line; an empty one for none.
    pub(super) pager: String,
    /// Whether lines that may lose something are asked about.
    pub(super) confirm: bool,
    /// What the first word of a line stands for.
    pub(super) aliases: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prompt: Look::Plain,
            color: Colour::Auto,
            events: Filter::default(),
            pager: std::env::var("PAGER")
                .ok()
                .filter(|pager| !pager.trim().is_empty())
                .unwrap_or_else(|| DEFAULT.into()),
            confirm: false,
            aliases: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Those of the file, and what is wrong with it.
    pub(super) fn load() -> (Self, Option<String>) {
        let Some(path) = path(|name| std::env::var_os(name)) else {
            return (Self::default(), None);
        };
        let failed = |why: String| {
            let text = format!(
                "{}: {why}; the settings are left out, and lines that may lose something are asked \
                 about",
                path.display()
            );
            // That is what could have been in it for safety.
            let settings = Self {
                confirm: true,
                ..Self::default()
            };
            (settings, Some(text))
        };
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(READ).read_to_string(&mut text)) {
            Ok(_) => {}
            // Of a home that is no folder (`/dev/null`, for some services) there is none either.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return (Self::default(), None);
            }
            Err(error) => return failed(error.to_string()),
        }
        match toml::from_str(&text) {
            Ok(settings) => (settings, None),
            Err(error) => {
                let line = error.span().map(|span| line_of(&text, span.start));
                let place = line.map_or_else(String::new, |line| format!("line {line}: "));
                failed(format!("{place}{}", error.message()))
            }
        }
    }

    /// With what the command line says.
    pub(super) fn with(mut self, overrides: Overrides) -> Self {
        self.prompt = overrides.prompt.unwrap_or(self.prompt);
        self.color = overrides.color.unwrap_or(self.color);
        if overrides.no_pager {
            self.pager.clear();
        }
        self.confirm |= overrides.confirm;
        self
    }

    /// As the file would hold them.
    pub(super) fn shown(&self) -> String {
        // A table of strings and flags can't fail.
        toml::to_string(self).unwrap_or_default()
    }
}

/// The number of the line that a byte is in, from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// `hmp/config.toml` in `$XDG_CONFIG_HOME`, which defaults to `~/.config`. Relative paths in that
/// variable don't count, says the XDG base directory specification.
fn path(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    Some(config?.join("hmp/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let text = "prompt = \"state\"\nconfirm = true\nevents = [\"STOP\"]\n\
                    [aliases]\nst = \"info status\"\n";
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.prompt, Look::State);
        assert_eq!(settings.aliases["st"], "info status");
        assert!(settings.events.lets("STOP") && !settings.events.lets("RESET"));
        assert_eq!(
            toml::from_str::<Settings>(&settings.shown()).unwrap(),
            settings
        );
        assert!(toml::from_str::<Settings>("colour = 1").is_err());
    }

    #[test]
    fn the_command_line_comes_first() {
        let overrides = Overrides {
            prompt: Some(Look::State),
            no_pager: true,
            ..Overrides::default()
        };
        let settings = Settings::default().with(overrides);
        assert_eq!(settings.prompt, Look::State);
        assert!(settings.pager.is_empty() && !settings.confirm);
    }

    #[test]
    fn the_file_is_where_xdg_says() {
        let of = |config: &str, home: &str| {
            path(|name| {
                let value = if name == "HOME" { home } else { config };
                (!value.is_empty()).then(|| value.into())
            })
        };
        assert_eq!(of("", "/h"), Some("/h/.config/hmp/config.toml".into()));
        assert_eq!(of("/c", "/h"), Some("/c/hmp/config.toml".into()));
        assert_eq!(of("c", ""), None);
    }
}
