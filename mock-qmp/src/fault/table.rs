// SPDX-License-Identifier: GPL-2.0-or-later
//! Every kind of fault: one row each, from which its name, its parameter and the manual's table
//! come.

use std::fmt::Write as _;
use std::time::Duration;

/// A kind's row.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) parameter: Option<Parameter>,
    pub(super) at: At,
    says: &'static str,
    /// Makes the kind; the number is its parameter's, if it has one.
    pub(super) make: fn(u64) -> FaultKind,
}

/// A kind's parameter: the name says its unit.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) default: u64,
}

/// What a fault happens to where it is asked for without a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Every reply but that to qmp_capabilities.
    Reply,
    /// The greeting.
    Greeting,
    /// The listening socket, before anybody has connected. It happens to no message.
    Socket,
}

/// The value of a parameter, which is written as a number.
trait Value {
    fn from_number(number: u64) -> Self;
    fn number(&self) -> u64;
}

/// Milliseconds.
impl Value for Duration {
    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }

    fn number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Bytes, levels, or so many of something.
impl Value for u64 {
    fn from_number(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

macro_rules! faults {
    ($($kind:ident $(($value:ty, $parameter:ident = $default:expr))?, $name:literal, $at:ident, $says:literal;)*) => {
        /// What goes wrong.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FaultKind {
            $(#[doc = concat!("`", $name, "`: ", $says, ".")] $kind $(($value))?,)*
        }

        const ROWS: &[Row] = &[
            $(Row {
                name: $name,
                parameter: faults!(@parameter $($parameter = $default)?),
                at: At::$at,
                says: $says,
                make: faults!(@make $kind $($value)?),
            },)*
        ];

        impl FaultKind {
            /// The kind's row.
            pub(super) fn row(&self) -> &'static Row {
                &ROWS[match self { $(Self::$kind { .. } => Place::$kind as usize,)* }]
            }

            /// The parameter's value, if there is one.
            pub(super) fn value(&self) -> Option<u64> {
                match self {
                    $($(Self::$kind(value) => Some(<$value as Value>::number(value)),)?)*
                    _ => None,
                }
            }
        }

        /// The kinds in the order of their rows.
        enum Place { $($kind,)* }
    };
    (@parameter $parameter:ident = $default:expr) => {
        Some(Parameter { name: stringify!($parameter), default: $default })
    };
    (@parameter) => { None };
    (@make $kind:ident $value:ty) => { |number| FaultKind::$kind(<$value as Value>::from_number(number)) };
    (@make $kind:ident) => { |_| FaultKind::$kind };
}

#[rustfmt::skip]
faults! {
    Delay(Duration, ms = 1000), "delay", Reply, "the reply and all after it come later";
    Late(Duration, ms = 3000), "late", Reply, "the reply comes later, others do not wait for it";
    Silence, "silence", Reply, "from this reply on nothing is sent";
    Slow(Duration, ms = 50), "slow", Reply, "the reply comes a byte at a time, with pauses";
    SplitBytes, "split-bytes", Reply, "the reply comes a byte at a time";
    Merge(Duration, ms = 50), "merge", Reply, "what is ready within this time is sent together";
    DropBefore, "drop-before", Reply, "the connection closes instead of the reply to what has been carried out";
    DropIn, "drop-in", Reply, "the connection closes in the middle of the reply";
    DropAfter, "drop-after", Reply, "the connection closes after the reply";
    Truncate, "truncate", Reply, "the reply lacks its last third, but not its line end";
    Garbage(u64, bytes = 64), "garbage", Reply, "so many bytes that are not JSON come before the reply";
    InvalidUtf8, "invalid-utf8", Reply, "the reply holds a string that is not UTF-8";
    WrongId, "wrong-id", Reply, "the reply carries another id";
    MissingId, "missing-id", Reply, "the reply carries no id";
    Duplicate, "duplicate", Reply, "the reply comes twice";
    Error, "error", Reply, "an error comes instead of the reply to what has been carried out";
    EventBurst(u64, count = 1000), "event-burst", Reply, "so many events come before the reply";
    Huge(u64, bytes = 200 << 20), "huge", Reply, "the reply returns a string of so many bytes";
    DepthBomb(u64, depth = 100_000), "depth-bomb", Reply, "the reply returns arrays nested so deep";
    NoGreeting, "no-greeting", Greeting, "there is no greeting, as on a socket that serves somebody else";
    EndlessGreeting, "endless-greeting", Greeting, "the greeting does not end";
    Refuse(Duration, ms = 1000), "refuse", Socket, "connections are refused for so long at first";
    Unlink, "unlink", Greeting, "the socket's file is removed once a client has connected";
}

impl Row {
    /// The row of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        ROWS.iter().find(|row| row.name == name)
    }

    /// All names, separated by commas.
    pub(super) fn names() -> String {
        let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        names.join(", ")
    }

    /// The kind with its usual parameter.
    fn usual(&self) -> FaultKind {
        (self.make)(self.parameter.as_ref().map_or(0, |own| own.default))
    }
}

impl FaultKind {
    /// Every kind, with its usual parameter.
    #[must_use]
    pub fn all() -> Vec<Self> {
        ROWS.iter().map(Row::usual).collect()
    }
}

/// The manual's table of faults, in Markdown: how each is written with its usual parameter, and
/// what goes wrong.
#[must_use]
pub fn fault_table() -> String {
    let mut table = "| Fault | What goes wrong |\n|---|---|\n".to_owned();
    for Row {
        name,
        parameter,
        says,
        ..
    } in ROWS
    {
        let own = parameter
            .as_ref()
            .map_or_else(String::new, |own| format!(":{}={}", own.name, own.default));
        // Writing into a String cannot fail.
        let _ = writeln!(table, "| `{name}{own}` | {says} |");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_finds_its_own_row() {
        for row in ROWS {
            assert_eq!(row.usual().row().name, row.name);
            assert_eq!(Row::named(row.name).unwrap().name, row.name, "named twice");
            let value = row.parameter.as_ref().map(|_| 7);
            assert_eq!((row.make)(7).value(), value, "{}", row.name);
        }
    }
}
