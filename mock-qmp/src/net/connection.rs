// SPDX-License-Identifier: GPL-2.0-or-later
//! One connection from greeting to end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::stream::Stream;
use crate::core::Output;

/// How long the end of the connection comes after the reply to `quit`: QEMU has to end first, and a
/// client may write the line end of its request meanwhile, as the crate `qapi` does.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// Bytes read at once.
const READ_SIZE: usize = 64 * 1024;
/// Waiting output from which on a client gets time to read.
const BACKLOG: usize = 1 << 20;
/// How often a client that is not read from is checked for being gone.
const HANG_UP_INTERVAL: Duration = Duration::from_millis(10);

/// Serves one client.
pub(crate) async fn serve(shared: &Arc<Shared>, monitor: usize, stream: Stream) {
    shared.with(|core, now| core.connect(monitor, now));
    tokio::select! {
        () = read(shared, monitor, &stream) => {}
        () = write(shared, monitor, &stream) => {}
    }
    shared.lock().disconnect(monitor);
    drop(stream);
    shared.changed();
}

async fn read(shared: &Arc<Shared>, monitor: usize, stream: &Stream) {
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let Ok((count, with_descriptors)) = stream.look(&mut buffer).await else {
            return;
        };
        if count == 0 {
            if stream.is_hung_up() {
                return;
            }
            shared.lock().input_ended(monitor);
            shared.changed();
            // Whatever is still to be sent is sent; the writer then ends the connection.
            return wait_for_hang_up(stream).await;
        }
        // What QEMU does not read stays in the socket: where it ends then, its client sees the
        // connection reset. Descriptors come by being read.
        let mut passed = match with_descriptors {
            true => match stream.take(&mut buffer[..count]) {
                Ok(passed) => passed,
                Err(_) => return,
            },
            false => Vec::new(),
        };
        let mut start = 0;
        loop {
            let rest = &buffer[start..count];
            let taken =
                shared.with(|core, now| core.feed(monitor, rest, std::mem::take(&mut passed), now));
            let end = start + taken;
            if !with_descriptors && stream.take(&mut buffer[start..end]).is_err() {
                return;
            }
            start = end;
            if start == count && shared.lock().reads(monitor) {
                give_time(shared, monitor).await;
                break;
            }
            // While a command runs nothing is read.
            let resumed = shared.resumed(monitor);
            if tokio::time::timeout(HANG_UP_INTERVAL, resumed)
                .await
                .is_err()
                && stream.is_hung_up()
            {
                return;
            }
        }
    }
}

/// Lets the writer catch up. QEMU reads on however slow its client is, and so does this; but a
/// client that does read must not fill memory by being a little slower.
async fn give_time(shared: &Arc<Shared>, monitor: usize) {
    for _ in 0..10 {
        if shared.lock().backlog(monitor) < BACKLOG {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn wait_for_hang_up(stream: &Stream) {
    while !stream.is_hung_up() {
        tokio::time::sleep(HANG_UP_INTERVAL).await;
    }
}

async fn write(shared: &Arc<Shared>, monitor: usize, stream: &Stream) {
    loop {
        let output = shared.lock().output(monitor);
        let result = match output {
            None => {
                shared.output(monitor).await;
                Ok(false)
            }
            Some(output) => perform(shared, monitor, stream, output).await,
        };
        match result {
            Ok(false) => {}
            // Closed from this side, or gone on the other.
            Ok(true) | Err(_) => return,
        }
    }
}

/// Does one thing; `true` when the connection is to be closed.
async fn perform(
    shared: &Arc<Shared>,
    monitor: usize,
    stream: &Stream,
    output: Output,
) -> io::Result<bool> {
    match output {
        Output::Bytes(bytes) => stream.send(&bytes).await?,
        Output::Shared(bytes) => stream.send(&bytes).await?,
        Output::Repeat(bytes, count) => {
            for _ in 0..count {
                stream.send(&bytes).await?;
            }
        }
        Output::Slowly(bytes, gap) => {
            for byte in bytes.chunks(1) {
                stream.send(byte).await?;
                if gap.is_zero() {
                    tokio::task::yield_now().await;
                } else {
                    tokio::time::sleep(gap).await;
                }
            }
        }
        Output::Pause(time) => tokio::time::sleep(time).await,
        Output::Unlink => shared.unlink(monitor),
        Output::Close => {
            if shared.lock().ended() {
                tokio::time::sleep(LAST_WORDS).await;
            }
            return Ok(true);
        }
    }
    Ok(false)
}
