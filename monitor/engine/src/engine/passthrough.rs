// SPDX-License-Identifier: GPL-2.0-or-later
//! The built-in monitor's answer to a line.

use std::fmt::Write;

use serde_json::json;

use crate::command::route::PASSTHROUGH;
use crate::engine::monitor::Monitor;
use crate::engine::ran::Outcome;
use crate::qmp::QmpError;

impl Monitor {
    /// Gives the line to the built-in monitor, with the CPU that this session looks at.
    pub(super) async fn pass_through(
        &mut self,
        line: &str,
        out: &mut (dyn Write + Send),
    ) -> Result<Outcome, QmpError> {
        let mut arguments = json!({ "command-line": line });
        if let Some(cpu) = self.session.cpu {
            arguments["cpu-index"] = cpu.into();
        }
        let answer = self.qmp.execute(PASSTHROUGH, arguments).await?;
        let text = answer.as_str().unwrap_or_default().replace("\r\n", "\n");
        let _ = out.write_str(&text);
        Ok(if looks_failed(&text) {
            Outcome::Failed
        } else {
            Outcome::Done
        })
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
