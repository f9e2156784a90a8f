// SPDX-License-Identifier: GPL-2.0-or-later
//! One client's connection, from greeting to end.

use std::sync::Arc;

use crate::listen::input::Input;
use crate::listen::over::Over;
use crate::listen::qemu::Qemu;
use crate::listen::seat::Seat;
use crate::listen::state::State;
use crate::listen::stream::Stream;
use crate::listen::telnet::{self, Telnet};
use crate::listen::unread::Unread;
use crate::listen::vacant::Vacant;

/// Bytes read at a time.
const CHUNK: usize = 16 << 10;

/// Bytes read ahead of a line that runs.
const AHEAD: usize = 64 << 10;

/// Bytes of echo after which it is sent before the next byte is looked at.
const PIECE: usize = 256 << 10;

struct Connection {
    stream: Stream,
    telnet: Option<Telnet>,
    input: Input,
    /// Whether the client has sent all.
    ended: bool,
    out: Vec<u8>,
    /// How much of that was sent.
    sent: usize,
    /// Whether the client takes nothing any more.
    deaf: bool,
}

impl Connection {
    fn unsent(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    fn was_sent(&mut self, result: std::io::Result<usize>) {
        match result {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => self.deaf = true,
        }
        if self.deaf || self.sent >= self.out.len() {
            self.out.clear();
            self.out.shrink_to(PIECE);
            self.sent = 0;
        } else if self.sent >= self.out.len() / 2 {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Sends what the client takes now.
    fn flush(&mut self) {
        if !self.unsent().is_empty() {
            let result = self.stream.try_send(self.unsent());
            self.was_sent(result);
        }
    }
}

/// Where a client sits down.
pub(super) struct At {
    pub(super) qemu: Arc<Qemu>,
    pub(super) state: Arc<State>,
    pub(super) vacant: Arc<Vacant>,
    pub(super) unread: Unread,
}

/// Serves a client until it leaves, or QEMU ends.
pub(super) async fn serve(
    stream: Stream,
    telnet: bool,
    At {
        qemu,
        state,
        vacant,
        mut unread,
    }: At,
    mut over: Over,
) {
    let (position, left) = state.left();
    let mut connection = Connection {
        stream,
        telnet: telnet.then_some(left),
        input: Input::default(),
        ended: false,
        out: Vec::new(),
        sent: 0,
        deaf: false,
    };
    if telnet {
        connection.out.extend_from_slice(telnet::GREETING);
    }
    let mut seat = vacant
        .take()
        .unwrap_or_else(|| Seat::new(qemu, Arc::clone(&state), position));
    seat.greet(&mut connection.out);
    tokio::select! {
        biased;
        () = over.wait() => connection.flush(),
        () = talk(&mut connection, &mut seat, &mut unread) => {}
    }
    state.leaves(seat.position(), connection.telnet.unwrap_or(left));
    if seat.goes_on() && !over.has_come() {
        seat.leave();
        vacant.leave(seat);
    }
}

async fn talk(connection: &mut Connection, seat: &mut Seat, unread: &mut Unread) {
    let mut buffer = vec![0; CHUNK];
    loop {
        // What the client does not read holds nothing up.
        let before = connection.out.len();
        while !seat.is_busy() && connection.out.len() - before < PIECE {
            let Some((byte, descriptor)) = connection.input.next() else {
                break;
            };
            descriptor.into_iter().for_each(|fd| seat.receive(fd));
            let text = match &mut connection.telnet {
                Some(telnet) => telnet.text(byte),
                None => Some(byte),
            };
            if let Some(byte) = text {
                seat.byte(byte, &mut connection.out);
            }
        }
        if connection.deaf {
            connection.out.clear();
        }
        let waits = !seat.is_busy() && connection.input.len() > 0;
        if waits {
            // Much echo: some of it goes out, and others have their turn.
            connection.flush();
            tokio::task::yield_now().await;
        }
        if unread.is_too_much(connection.unsent().len()) {
            return;
        }
        if connection.ended {
            // What is left to do is done for a client that reads; a line goes on without one.
            let all_said = !waits && !seat.is_busy() && connection.unsent().is_empty();
            if all_said || seat.is_busy() && connection.stream.is_gone() {
                return;
            }
        }
        let reads = !connection.ended && connection.input.len() < AHEAD;
        let sends = !connection.unsent().is_empty();
        tokio::select! {
            biased;
            () = std::future::ready(()), if waits => {}
            news = seat.news(), if seat.works() => seat.hear(news, &mut connection.out),
            read = connection.stream.recv(&mut buffer), if reads => match read {
                Ok((0, _)) => connection.ended = true,
                Ok((count, descriptor)) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    connection.input.push(bytes, descriptor);
                }
                Err(_) => (connection.ended, connection.deaf) = (true, true),
            },
            sent = connection.stream.send(connection.unsent()), if sends => connection.was_sent(sent),
            // QEMU quits.
            () = std::future::pending(), if seat.has_quit() => {}
        }
    }
}
