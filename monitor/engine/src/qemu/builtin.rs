// SPDX-License-Identifier: GPL-2.0-or-later
//! The built-in monitor, over QMP.

use serde_json::json;

use crate::qmp::{Qmp, QmpError};

/// The QMP command that runs a line of it.
pub const COMMAND: &str = "human-monitor-command";

/// Its answer to a line, with LF line ends, where it looks at this CPU.
pub async fn answer(qmp: &dyn Qmp, line: &str, cpu: Option<i64>) -> Result<String, QmpError> {
    let mut arguments = json!({ "command-line": line });
    if let Some(cpu) = cpu {
        arguments["cpu-index"] = cpu.into();
    }
    let answer = qmp.execute(COMMAND, arguments).await?;
    Ok(answer.as_str().unwrap_or_default().replace("\r\n", "\n"))
}
