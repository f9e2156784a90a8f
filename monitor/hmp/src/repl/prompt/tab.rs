// SPDX-License-Identifier: GPL-2.0-or-later
//! TAB: candidates are looked for beside everything else, and keys are not held up for long.

use std::time::Duration;

use hmp_engine::engine::complete::more::Offers;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a key waits for candidates; those that come later are there at the next TAB.
const PATIENCE: Duration = Duration::from_millis(35);

/// What is being looked for.
#[derive(Default)]
pub(in crate::repl) struct Tab {
    search: Option<Search>,
}

struct Search {
    line: String,
    found: JoinHandle<Offers>,
}

impl Drop for Search {
    fn drop(&mut self) {
        self.found.abort();
    }
}

impl Tab {
    /// Candidates for the end of `text`, the line left of the cursor; none where QEMU has not
    /// answered yet.
    /// `look` is how they are looked for.
    pub(in crate::repl) async fn find(
        &mut self,
        text: &str,
        look: impl Future<Output = Offers> + Send + 'static,
    ) -> Option<Offers> {
        let known = self.search.take().filter(|search| search.line == text);
        let mut search = known.unwrap_or_else(|| Search {
            line: text.to_owned(),
            found: tokio::spawn(look),
        });
        match timeout(PATIENCE, &mut search.found).await {
            Ok(found) => Some(found.unwrap_or_default()),
            Err(_) => {
                self.search = Some(search);
                None
            }
        }
    }

    /// Forgets what was looked for: the VM may have changed.
    pub(in crate::repl) fn forget(&mut self) {
        self.search = None;
    }
}
