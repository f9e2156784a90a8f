// SPDX-License-Identifier: GPL-2.0-or-later
//! A fault as it is asked for: what goes wrong and when, and how that is written.

use std::str::FromStr;

use super::table::{FaultKind, Row};

/// A fault and when it happens. Faults combine.
///
/// ```
/// use mock_qmp::{Fault, FaultKind};
/// let fault: Fault = "delay:ms=500,command=query-block,nth=2".parse().unwrap();
/// let same = Fault::from(FaultKind::Delay(std::time::Duration::from_millis(500)));
/// assert_eq!(fault, same.on_command("query-block").on_nth(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only with replies to this command; `greeting` is the greeting. Without it, with all but the
    /// greeting and the reply to qmp_capabilities.
    pub command: Option<String>,
    /// Only with the reply of this number, from 1, counting those that the command lets through.
    pub nth: Option<u64>,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self {
            kind,
            command: None,
            nth: None,
        }
    }
}

impl Fault {
    /// The same fault, only with replies to this command.
    pub fn on_command(mut self, command: &str) -> Self {
        self.command = Some(command.to_owned());
        self
    }

    /// The same fault, only with the reply of this number, from 1.
    pub fn on_nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }
}

/// Text that is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is not a fault of this name.
    #[error("'{0}' is not a fault; there are {1}")]
    Unknown(String, String),
    /// A parameter is not `NAME=VALUE`, or unknown to the fault.
    #[error("'{0}' is not a parameter of this fault")]
    Parameter(String),
    /// A value is not a number.
    #[error("'{0}' is not a number")]
    Number(String),
    /// A parameter is given twice.
    #[error("'{0}' is given twice")]
    Twice(String),
    /// `nth` is 0.
    #[error("nth=0 never happens: replies are counted from 1")]
    Nth,
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads `NAME[:PARAMETER=NUMBER][,command=NAME][,nth=NUMBER]`. A comma may take the colon's
    /// place, and the colon that of the first comma.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, parameters) = text.split_once([':', ',']).unwrap_or((text, ""));
        let Some(row) = Row::named(name) else {
            return Err(FaultError::Unknown(name.to_owned(), Row::names()));
        };
        let mut value = row.parameter.as_ref().map_or(0, |own| own.default);
        let (mut command, mut nth) = (None, None);
        let mut seen = Vec::new();
        for parameter in parameters
            .split(',')
            .filter(|parameter| !parameter.is_empty())
        {
            let pair = parameter.split_once('=');
            let Some((key, text)) = pair.filter(|(_, text)| !text.is_empty()) else {
                return Err(FaultError::Parameter(parameter.to_owned()));
            };
            if seen.contains(&key) {
                return Err(FaultError::Twice(key.to_owned()));
            }
            seen.push(key);
            let number = || {
                text.parse::<u64>()
                    .map_err(|_| FaultError::Number(text.to_owned()))
            };
            match key {
                "command" => command = Some(text.to_owned()),
                "nth" => match number()? {
                    0 => return Err(FaultError::Nth),
                    number => nth = Some(number),
                },
                _ if row.parameter.as_ref().is_some_and(|own| own.name == key) => value = number()?,
                _ => return Err(FaultError::Parameter(parameter.to_owned())),
            }
        }
        let kind = (row.make)(value);
        Ok(Self { kind, command, nth })
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = self.kind.row();
        let mut parameters = Vec::new();
        if let (Some(own), Some(value)) = (&row.parameter, self.kind.value()) {
            parameters.push(format!("{}={value}", own.name));
        }
        parameters.extend(
            self.command
                .iter()
                .map(|command| format!("command={command}")),
        );
        parameters.extend(self.nth.iter().map(|nth| format!("nth={nth}")));
        let colon = if parameters.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}", row.name, parameters.join(","))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn all_kinds_are_written_and_read_back() {
        for kind in FaultKind::all() {
            let fault = Fault::from(kind).on_command("stop").on_nth(3);
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
        assert_eq!(
            "silence".parse::<Fault>().unwrap(),
            FaultKind::Silence.into()
        );
    }

    #[rstest]
    #[case("delay,command=stop", "delay:ms=1000,command=stop")]
    #[case("delay:command=stop", "delay:ms=1000,command=stop")]
    #[case("delay:ms=5,command=stop,nth=1", "delay:ms=5,command=stop,nth=1")]
    #[case("silence,nth=2", "silence:nth=2")]
    #[case("silence,command=a:b", "silence:command=a:b")]
    fn understood(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<Fault>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("boom", "'boom' is not a fault; there are delay, late")]
    #[case("delay:s=1", "'s=1' is not a parameter of this fault")]
    #[case("delay:ms=x", "'x' is not a number")]
    #[case("silence:nth=0", "nth=0 never happens: replies are counted from 1")]
    #[case("drop-in,command=", "'command=' is not a parameter of this fault")]
    #[case("silence:nth=1,nth=2", "'nth' is given twice")]
    #[case("silence:x", "'x' is not a parameter of this fault")]
    fn refused(#[case] text: &str, #[case] message: &str) {
        let error = text.parse::<Fault>().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
