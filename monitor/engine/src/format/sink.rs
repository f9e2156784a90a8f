// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a line's text goes.

use std::fmt::{self, Write};

/// Takes the text of a line's answer, in pieces, with LF line ends.
pub trait Sink: Write + Send {
    /// Takes the text that says why a line failed. By default it is text like any other, as in the
    /// built-in.
    fn error(&mut self, text: &str) -> fmt::Result {
        self.write_str(text)
    }
}

impl Sink for String {}
