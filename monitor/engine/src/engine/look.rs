// SPDX-License-Identifier: GPL-2.0-or-later
//! What a program around the monitor may want to look at beside lines.

use crate::command::cx::CmdError;
use crate::engine::monitor::Monitor;
use crate::guest::memory::{Means, ReadError, Reader};

impl Monitor {
    /// What the first screen shows, as a portable pixmap (P6), through a descriptor that is passed,
    /// or a private file.
    pub async fn screen(&mut self) -> Result<Vec<u8>, CmdError> {
        let reader = Reader::open(self.means()).await.map_err(unseen)?;
        let screen = reader.screen().await;
        Ok(reader.close(screen).await?)
    }

    /// `size` bytes of physical memory at `address`; where nothing is, they are 0.
    pub async fn physical_memory(&mut self, address: u64, size: u64) -> Result<Vec<u8>, CmdError> {
        let reader = Reader::open(self.means()).await?;
        let bytes = reader.physical_memory(address, size).await;
        Ok(reader.close(bytes).await?)
    }

    fn means(&self) -> Means<'_> {
        Means {
            qmp: self.qmp.as_ref(),
            host: self.host.as_ref(),
            version: self.caps.version,
            allow: self.policy.allow,
            given: self.session.given.clone(),
        }
    }
}

/// That the screen can't be seen is what matters to who asked for it, not how it would be read.
fn unseen(error: ReadError) -> CmdError {
    match error {
        ReadError::Unavailable(why) => {
            CmdError::User(format!("the screen can't be shown here: {why}"))
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_seen_is_the_screen() {
        let error = unseen(ReadError::Unavailable("no descriptors".into()));
        let text = "the screen can't be shown here: no descriptors";
        assert_eq!(error.to_string(), text);
    }
}
