// SPDX-License-Identifier: GPL-2.0-or-later
//! Work that blocks, beside everything else.

use std::io;

use tokio::sync::oneshot;

/// Does work on a thread of its own. Whoever waits no more leaves it to its end, or to the program's.
/// The runtime's own threads for that end the program in a panic where the system has none to give
/// (`ulimit -u`, `ulimit -v`); here that is an error.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("blocking".into())
        .spawn(move || {
            // Nobody may wait for it any more.
            let _ = done.send(work());
        })?;
    result.await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_fails_is_an_error() {
        assert_eq!(blocking(|| 7).await.ok(), Some(7));
        let silent = || std::panic::resume_unwind(Box::new(()));
        assert!(blocking::<()>(silent).await.is_err());
    }
}
