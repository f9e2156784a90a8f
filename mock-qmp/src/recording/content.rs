// SPDX-License-Identifier: GPL-2.0-or-later
//! What QEMU wrote into files and descriptors: how a line describes it, and what is held of it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// Runs of zero bytes shorter than this stay part of the data around them.
const SHORTEST_ZEROS: usize = 64;

/// Most bytes that one write may stand for: a dump of a large VM, whose zeros are holes of a file.
const LIMIT: u64 = 1 << 40;

/// A piece of written content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// UTF-8 text.
    Text(String),
    /// Bytes in base64.
    Base64(String),
    /// So many zero bytes.
    Zeros(u64),
    /// So many bytes that were too many to keep; read back as zeros.
    Omitted(u64),
}

impl Part {
    /// Describes bytes: text where they are text, long runs of zeros by their length.
    #[must_use]
    pub fn describe(bytes: &[u8]) -> Vec<Self> {
        match std::str::from_utf8(bytes) {
            Ok("") => return Vec::new(),
            Ok(text) if !text.contains('\0') => return vec![Self::Text(text.to_owned())],
            _ => {}
        }
        let mut parts = Vec::new();
        let mut rest = bytes;
        let mut start = 0;
        while start < rest.len() {
            let zeros = rest[start..].iter().take_while(|&&byte| byte == 0).count();
            if zeros >= SHORTEST_ZEROS
                || (zeros > 0 && start + zeros == rest.len() && zeros == rest.len())
            {
                if start > 0 {
                    parts.push(Self::Base64(BASE64.encode(&rest[..start])));
                }
                parts.push(Self::Zeros(zeros as u64));
                rest = &rest[start + zeros..];
                start = 0;
            } else {
                start += zeros.max(1);
            }
        }
        if !rest.is_empty() {
            parts.push(Self::Base64(BASE64.encode(rest)));
        }
        parts
    }
}

/// Written content: what a line says in a few bytes takes no more of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    chunks: Vec<Chunk>,
}

/// A piece of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// So many zero bytes.
    Zeros(u64),
}

impl Chunk {
    /// How many bytes it is.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(count) => *count,
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self {
            chunks: vec![Chunk::Bytes(bytes.into())],
        }
    }
}

impl Content {
    /// Reads a description, or says what is wrong with it.
    pub(crate) fn read(parts: &[Part]) -> Result<Self, String> {
        let mut chunks = Vec::new();
        let mut total: u64 = 0;
        for part in parts {
            let chunk = match part {
                Part::Text(text) => Chunk::Bytes(text.as_bytes().into()),
                Part::Base64(text) => {
                    let bytes = BASE64
                        .decode(text)
                        .map_err(|error| format!("base64: {error}"))?;
                    Chunk::Bytes(bytes.into())
                }
                Part::Zeros(count) | Part::Omitted(count) => Chunk::Zeros(*count),
            };
            total = total.saturating_add(chunk.len());
            if total > LIMIT {
                return Err(format!(
                    "written content of {total} bytes is more than {LIMIT}"
                ));
            }
            chunks.push(chunk);
        }
        Ok(Self { chunks })
    }

    /// Its pieces, in order.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// How many bytes it is.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.chunks.iter().map(Chunk::len).sum()
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(content: &Content) -> Vec<u8> {
        let mut all = Vec::new();
        for chunk in content.chunks() {
            match chunk {
                Chunk::Bytes(bytes) => all.extend_from_slice(bytes),
                Chunk::Zeros(count) => all.resize(all.len() + *count as usize, 0),
            }
        }
        all
    }

    fn round(bytes: &[u8]) -> Vec<Part> {
        let parts = Part::describe(bytes);
        let read = Content::read(&parts).unwrap();
        assert_eq!(expanded(&read), bytes);
        assert_eq!(read.len(), bytes.len() as u64);
        parts
    }

    #[test]
    fn content_is_described_and_read_back() {
        assert_eq!(round(b""), []);
        assert_eq!(round(b"P6\n1 1\n"), [Part::Text("P6\n1 1\n".to_owned())]);
        assert_eq!(round(&[0; 4096]), [Part::Zeros(4096)]);
        assert_eq!(round(&[0; 3]), [Part::Zeros(3)]);
        let mixed = [vec![1, 0, 2], vec![0; 100], vec![0xFF]].concat();
        let expected = [
            Part::Base64("AQAC".to_owned()),
            Part::Zeros(100),
            Part::Base64("/w==".to_owned()),
        ];
        assert_eq!(round(&mixed), expected);
    }

    #[test]
    fn too_much_content_is_refused() {
        let text = Part::Text("x".to_owned());
        assert!(Content::read(&[text.clone(), Part::Zeros(u64::MAX)]).is_err());
        assert!(Content::read(&[text.clone(), Part::Omitted(LIMIT)]).is_err());
        assert!(Content::read(&[text, Part::Zeros(LIMIT - 1)]).is_ok());
    }
}
