// SPDX-License-Identifier: GPL-2.0-or-later
//! Just enough of the VNC protocol to try a password.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::Duration;

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

const VERSION: &[u8; 12] = b"RFB 003.008\n";

/// The security type where nobody asks, and the one that asks for a password.
const NONE: u8 = 1;
const PASSWORD: u8 = 2;

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Logs in to the server on a unix socket; says in a word what it answers.
pub async fn login(socket: &Path, password: &str) -> Result<String, Error> {
    let late = |_| Error::from(ErrorKind::TimedOut);
    timeout(PATIENCE, talk(socket, password))
        .await
        .map_err(late)?
}

async fn talk(socket: &Path, password: &str) -> Result<String, Error> {
    let mut stream = UnixStream::connect(socket).await?;
    let mut version = [0; VERSION.len()];
    stream.read_exact(&mut version).await?;
    stream.write_all(VERSION).await?;
    let mut kinds = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut kinds).await?;
    if !kinds.contains(&PASSWORD) {
        let open = kinds.contains(&NONE);
        return Ok(if open { "open" } else { "closed" }.into());
    }
    stream.write_u8(PASSWORD).await?;
    let mut challenge = [0; 16];
    stream.read_exact(&mut challenge).await?;
    stream.write_all(&response(challenge, password)).await?;
    let word = match stream.read_u32().await? {
        0 => "accepted",
        _ => "refused",
    };
    Ok(word.into())
}

/// The challenge, encrypted by the password's first eight bytes, each with its bits turned round.
fn response(mut challenge: [u8; 16], password: &str) -> [u8; 16] {
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from.reverse_bits();
    }
    let cipher = Des::new(&Array::from(key));
    for block in challenge.chunks_exact_mut(8) {
        if let Ok(block) = block.try_into() {
            cipher.encrypt_block(block);
        }
    }
    challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_eight_bytes_of_a_password_count() {
        let challenge = [7; 16];
        let long = response(challenge, "longenough");
        assert_eq!(long, response(challenge, "longenou"));
        assert_ne!(long, response(challenge, "longenoU"));
        assert_ne!(long, challenge);
        // Both halves are encrypted alike.
        assert_eq!(long[..8], long[8..]);
    }
}
