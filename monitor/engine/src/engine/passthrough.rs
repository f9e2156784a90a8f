// SPDX-License-Identifier: GPL-2.0-or-later
//! The built-in monitor's answer to a line.

use crate::engine::monitor::Monitor;
use crate::engine::pieces::{self, Listing};
use crate::engine::ran::Outcome;
use crate::format::memory::Shown;
use crate::format::sink::Sink;
use crate::grammar::args::Args;
use crate::qemu::builtin;
use crate::qmp::QmpError;

impl Monitor {
    /// Gives the line to the built-in monitor, with the CPU that this session looks at.
    ///
    /// QEMU makes the whole answer before it sends any of it, in a time that grows with the square
    /// of its length, and serves nobody meanwhile: much memory is asked for in pieces.
    pub(super) async fn pass_through(
        &mut self,
        command: Option<&str>,
        args: Option<&Args>,
        line: &str,
        out: &mut dyn Sink,
    ) -> Result<Outcome, QmpError> {
        let failed = match pieces::long(command, args) {
            Some(shown) if shown.letter == 'i' => self.instructions(shown, out).await?,
            Some(shown) => self.items(shown, out).await?,
            None => {
                let text = self.answer(line).await?;
                let failed = looks_failed(&text);
                let _ = match failed {
                    true => out.error(&text),
                    false => out.write_str(&text),
                };
                failed
            }
        };
        Ok(if failed {
            Outcome::Failed
        } else {
            Outcome::Done
        })
    }

    async fn answer(&self, line: &str) -> Result<String, QmpError> {
        builtin::answer(self.qmp.as_ref(), line, self.session.kept.cpu).await
    }

    /// Shows items piece by piece; says whether that looks failed.
    async fn items(&self, mut shown: Shown<'_>, out: &mut dyn Sink) -> Result<bool, QmpError> {
        while let Some(piece) = shown.next_piece() {
            let text = self.answer(&piece.line()).await?;
            // A sink that takes no more is noticed by whoever owns it, between two pieces.
            if out.write_str(&text).is_err() || !piece.is_complete(&text) {
                return Ok(looks_failed(&text));
            }
        }
        Ok(false)
    }

    /// The same with instructions: how many bytes a piece has is known by where the next one begins.
    async fn instructions(&self, shown: Shown<'_>, out: &mut dyn Sink) -> Result<bool, QmpError> {
        let mut listing = Listing::new(shown);
        while let Some(line) = listing.next_line() {
            let text = self.answer(&line).await?;
            let part = listing.take(&text);
            if out.write_str(part).is_err() {
                return Ok(false);
            }
            if looks_failed(part) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the built-in's text reads like an error: it has no other way to say so.
fn looks_failed(text: &str) -> bool {
    text.lines().any(|line| {
        line.starts_with("Error: ")
            || line.starts_with("unknown command: ")
            || (line.starts_with("Try \"help ") && line.ends_with("\" for more information"))
    })
}
