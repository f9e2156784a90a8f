//! Faults: ways in which the other side of a QMP connection can go wrong.

use std::str::FromStr;
use std::time::Duration;

/// What goes wrong. Where nothing else is said it happens to each reply after negotiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The reply, and what comes after it, is sent so much later.
    Delay(Duration),
    /// The connection closes instead of the reply. The command has been carried out.
    DropBefore,
    /// The connection closes in the middle of the reply.
    DropIn,
    /// The connection closes after the reply.
    DropAfter,
    /// Each byte is sent by itself.
    SplitBytes,
    /// What is ready within this time is sent together.
    Merge(Duration),
    /// So many bytes that are no JSON come before the reply.
    Garbage(usize),
    /// The reply holds a string that is no UTF-8.
    InvalidUtf8,
    /// The reply lacks its last third, but not its line end.
    Truncate,
    /// The reply carries another id.
    WrongId,
    /// The reply carries no id.
    MissingId,
    /// The reply comes twice.
    Duplicate,
    /// The reply comes so much later; others do not wait for it.
    Late(Duration),
    /// An error comes instead of the reply. The command has been carried out.
    Error,
    /// So many events come before the reply.
    EventBurst(usize),
    /// The greeting does not end.
    EndlessGreeting,
    /// There is no greeting, as on a socket that serves somebody else.
    NoGreeting,
    /// From this reply on nothing is sent any more.
    Silence,
    /// Each byte comes so much after the one before.
    Slow(Duration),
    /// The reply returns a string of so many bytes.
    Huge(u64),
    /// The reply returns arrays nested so deep.
    DepthBomb(u64),
    /// Connections are refused for so long.
    Refuse(Duration),
    /// The socket's file is removed when the first client has connected.
    Unlink,
}

/// A fault and when it happens. Faults combine.
///
/// ```
/// use mock_qmp::{Fault, FaultKind};
/// let fault: Fault = "delay:ms=500,command=query-block,nth=2".parse().unwrap();
/// let same = Fault::from(FaultKind::Delay(std::time::Duration::from_millis(500)));
/// assert_eq!(fault, same.on_command("query-block").on_nth(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only with replies to this command; `greeting` is the greeting. Without it, with all but the greeting and the
    /// reply to qmp_capabilities.
    pub command: Option<String>,
    /// Only with the reply of this number, from 1, counting those that the command lets through.
    pub nth: Option<u64>,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Fault {
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

/// Text that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no fault of this name.
    #[error("'{0}' is no fault; there are {1}")]
    Unknown(String, String),
    /// A parameter is not `NAME=VALUE`, or unknown to the fault.
    #[error("'{0}' is no parameter of this fault")]
    Parameter(String),
    /// A value is no number.
    #[error("'{0}' is no number")]
    Number(String),
}

/// How a fault is written: name, parameter (if it has one) with its unit, and the parameter's default.
const NAMES: &[(&str, Option<(&str, u64)>)] = &[
    ("delay", Some(("ms", 1000))),
    ("drop-before", None),
    ("drop-in", None),
    ("drop-after", None),
    ("split-bytes", None),
    ("merge", Some(("ms", 50))),
    ("garbage", Some(("bytes", 64))),
    ("invalid-utf8", None),
    ("truncate", None),
    ("wrong-id", None),
    ("missing-id", None),
    ("duplicate", None),
    ("late", Some(("ms", 3000))),
    ("error", None),
    ("event-burst", Some(("count", 1000))),
    ("endless-greeting", None),
    ("no-greeting", None),
    ("silence", None),
    ("slow", Some(("ms", 50))),
    ("huge", Some(("bytes", 200 << 20))),
    ("depth-bomb", Some(("depth", 100_000))),
    ("refuse", Some(("ms", 1000))),
    ("unlink", None),
];

impl FaultKind {
    /// Every kind, with its usual parameter.
    pub fn all() -> Vec<FaultKind> {
        NAMES
            .iter()
            .filter_map(|(name, parameter)| {
                Self::named(name, parameter.map_or(0, |(_, value)| value))
            })
            .collect()
    }

    fn named(name: &str, value: u64) -> Option<Self> {
        let time = Duration::from_millis(value);
        let count = usize::try_from(value).unwrap_or(usize::MAX);
        Some(match name {
            "delay" => FaultKind::Delay(time),
            "drop-before" => FaultKind::DropBefore,
            "drop-in" => FaultKind::DropIn,
            "drop-after" => FaultKind::DropAfter,
            "split-bytes" => FaultKind::SplitBytes,
            "merge" => FaultKind::Merge(time),
            "garbage" => FaultKind::Garbage(count),
            "invalid-utf8" => FaultKind::InvalidUtf8,
            "truncate" => FaultKind::Truncate,
            "wrong-id" => FaultKind::WrongId,
            "missing-id" => FaultKind::MissingId,
            "duplicate" => FaultKind::Duplicate,
            "late" => FaultKind::Late(time),
            "error" => FaultKind::Error,
            "event-burst" => FaultKind::EventBurst(count),
            "endless-greeting" => FaultKind::EndlessGreeting,
            "no-greeting" => FaultKind::NoGreeting,
            "silence" => FaultKind::Silence,
            "slow" => FaultKind::Slow(time),
            "huge" => FaultKind::Huge(value),
            "depth-bomb" => FaultKind::DepthBomb(value),
            "refuse" => FaultKind::Refuse(time),
            "unlink" => FaultKind::Unlink,
            _ => return None,
        })
    }

    /// The name and the parameter's value.
    fn parts(&self) -> (&'static str, Option<u64>) {
        let ms = |time: &Duration| Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        match self {
            FaultKind::Delay(time) => ("delay", ms(time)),
            FaultKind::DropBefore => ("drop-before", None),
            FaultKind::DropIn => ("drop-in", None),
            FaultKind::DropAfter => ("drop-after", None),
            FaultKind::SplitBytes => ("split-bytes", None),
            FaultKind::Merge(time) => ("merge", ms(time)),
            FaultKind::Garbage(bytes) => ("garbage", Some(*bytes as u64)),
            FaultKind::InvalidUtf8 => ("invalid-utf8", None),
            FaultKind::Truncate => ("truncate", None),
            FaultKind::WrongId => ("wrong-id", None),
            FaultKind::MissingId => ("missing-id", None),
            FaultKind::Duplicate => ("duplicate", None),
            FaultKind::Late(time) => ("late", ms(time)),
            FaultKind::Error => ("error", None),
            FaultKind::EventBurst(count) => ("event-burst", Some(*count as u64)),
            FaultKind::EndlessGreeting => ("endless-greeting", None),
            FaultKind::NoGreeting => ("no-greeting", None),
            FaultKind::Silence => ("silence", None),
            FaultKind::Slow(time) => ("slow", ms(time)),
            FaultKind::Huge(bytes) => ("huge", Some(*bytes)),
            FaultKind::DepthBomb(depth) => ("depth-bomb", Some(*depth)),
            FaultKind::Refuse(time) => ("refuse", ms(time)),
            FaultKind::Unlink => ("unlink", None),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads `NAME[:PARAMETER=NUMBER][,command=NAME][,nth=NUMBER]`.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
        let known = || {
            NAMES
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Some((_, own)) = NAMES.iter().find(|(known, _)| *known == name) else {
            return Err(FaultError::Unknown(name.to_owned(), known()));
        };
        let mut value = own.map_or(0, |(_, default)| default);
        let (mut command, mut nth) = (None, None);
        for parameter in parameters
            .split(',')
            .filter(|parameter| !parameter.is_empty())
        {
            let Some((key, text)) = parameter.split_once('=') else {
                return Err(FaultError::Parameter(parameter.to_owned()));
            };
            let number = || {
                text.parse::<u64>()
                    .map_err(|_| FaultError::Number(text.to_owned()))
            };
            match key {
                "command" => command = Some(text.to_owned()),
                "nth" => nth = Some(number()?),
                _ if own.is_some_and(|(own, _)| own == key) => value = number()?,
                _ => return Err(FaultError::Parameter(parameter.to_owned())),
            }
        }
        let kind = FaultKind::named(name, value)
            .ok_or_else(|| FaultError::Unknown(name.to_owned(), known()))?;
        Ok(Fault { kind, command, nth })
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, value) = self.kind.parts();
        let own = NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, own)| *own);
        let mut parameters = Vec::new();
        if let (Some((key, _)), Some(value)) = (own, value) {
            parameters.push(format!("{key}={value}"));
        }
        parameters.extend(
            self.command
                .iter()
                .map(|command| format!("command={command}")),
        );
        parameters.extend(self.nth.iter().map(|nth| format!("nth={nth}")));
        let colon = if parameters.is_empty() { "" } else { ":" };
        write!(f, "{name}{colon}{}", parameters.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn all_kinds_are_written_and_read_back() {
        assert_eq!(FaultKind::all().len(), NAMES.len());
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
    #[case("boom", "'boom' is no fault; there are delay, drop-before")]
    #[case("delay:s=1", "'s=1' is no parameter of this fault")]
    #[case("delay:ms=x", "'x' is no number")]
    #[case("silence:x", "'x' is no parameter of this fault")]
    fn refused(#[case] text: &str, #[case] message: &str) {
        let error = text.parse::<Fault>().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
