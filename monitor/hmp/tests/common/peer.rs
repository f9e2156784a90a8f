// SPDX-License-Identifier: GPL-2.0-or-later
//! The other end of a connection, driven by hand: for what no well-behaved server does.

use hmp::client::frame::{Framer, Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// QEMU's greeting, as 10.0.2 sends it.
pub const GREETING: &str = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, \
     \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n";

pub struct Peer<S> {
    stream: S,
    framer: Framer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            framer: Framer::new(Limits::default()),
        }
    }

    /// Greets and answers the negotiation, which it returns.
    pub async fn greet(&mut self) -> Value {
        self.write(GREETING.as_bytes()).await;
        let request = self.request().await;
        self.reply(&request, json!({})).await;
        request
    }

    /// The next request.
    pub async fn request(&mut self) -> Value {
        self.request_or_end().await.expect("no request came")
    }

    /// The next request, or none where the connection ended.
    pub async fn request_or_end(&mut self) -> Option<Value> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                return Some(frame.parse().unwrap());
            }
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.framer.push(&chunk[..count]),
            }
        }
    }

    pub async fn reply(&mut self, request: &Value, result: Value) {
        let reply = json!({"return": result, "id": request["id"]});
        self.send(&reply).await;
    }

    pub async fn send(&mut self, message: &Value) {
        self.write(format!("{message}\r\n").as_bytes()).await;
    }

    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Writes what the other end takes.
    pub async fn try_write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }
}
