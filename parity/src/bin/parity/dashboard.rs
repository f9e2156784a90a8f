// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity dashboard`.

use parity::report::html;

use crate::cli::Dashboard;
use crate::common::{Done, read_history, read_report, write};

impl Dashboard {
    /// Makes the page.
    pub fn run(&self) -> Done {
        let report = read_report(&self.report)?;
        let before = self.before.as_deref().map(read_report).transpose()?;
        let history = read_history(self.history.as_deref())?;
        write(
            &self.out,
            &html::render(&report, before.as_ref(), &history)?,
        )?;
        Ok(true)
    }
}
