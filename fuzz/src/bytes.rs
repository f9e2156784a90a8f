// SPDX-License-Identifier: GPL-2.0-or-later
//! QMP as bytes.

use hmp::client::frame::{FrameError, Framer, Limits};
use serde_json::Value;

use crate::{choice, explains};

/// Small enough to be met. Reading takes stack by depth, and sanitizers make that several times as
/// much.
const LIMITS: Limits = Limits {
    bytes: 4096,
    depth: 100,
    memory: 100_000,
};

/// What a stream held, up to its end or to what is wrong with it.
type Held = (Vec<(Vec<u8>, Option<Value>)>, Option<FrameError>);

/// The first byte says in how many pieces the rest comes: which must not matter, nor may a message
/// be larger than its limits.
pub fn frames(data: &[u8]) {
    let (pieces, stream) = choice(data);
    let whole = held(stream, stream.len().max(1));
    let (found, error) = held(stream, stream.len() / (pieces + 1) + 1);
    // A message that is too long is found out at its end, or by what is there of it.
    assert_eq!(found, whole.0);
    assert_eq!(
        error.is_some(),
        whole.1.is_some(),
        "{error:?} {:?}",
        whole.1
    );
    for (bytes, value) in &found {
        assert!(bytes.len() <= LIMITS.bytes, "{}", bytes.len());
        assert!(bytes.starts_with(b"{") && bytes.ends_with(b"}") || value.is_none());
        if let Some(value) = value {
            assert!(value.is_object(), "{value}");
        }
    }
    if let Some(error) = error {
        explains(error);
    }
}

fn held(stream: &[u8], size: usize) -> Held {
    let mut framer = Framer::new(LIMITS);
    let mut found = Vec::new();
    for piece in stream.chunks(size) {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => {
                    assert!(frame.depth <= LIMITS.depth);
                    found.push((frame.bytes.to_vec(), frame.parse().ok()));
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}
