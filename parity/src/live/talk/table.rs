// SPDX-License-Identifier: GPL-2.0-or-later
//! The clients of one conversation, and what each received.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::live::talk::client::{Place, Stream};
use crate::live::talk::conversation::{CLIENT, CLOSED, STEP, Step, bytes, letters};

/// Silence that ends the answer to a write.
pub(super) const QUIET: Duration = Duration::from_millis(60);

/// How long a client may take to be greeted, or to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a client's reader says: bytes, or that the server closed.
type News = (char, u64, Option<Vec<u8>>);

/// The clients of one conversation.
pub(super) struct Table {
    place: Place,
    clients: BTreeMap<char, Client>,
    news: mpsc::UnboundedReceiver<News>,
    tell: mpsc::UnboundedSender<News>,
    connections: u64,
}

struct Client {
    monitor: u32,
    text: String,
    /// Not there when it was closed.
    line: Option<Line>,
    /// Whether the server has closed.
    ended: bool,
    paused: watch::Sender<bool>,
}

struct Line {
    number: u64,
    stream: Stream,
    reader: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Table {
    pub(super) fn new(place: Place) -> Self {
        let (tell, news) = mpsc::unbounded_channel();
        Self {
            place,
            clients: BTreeMap::new(),
            news,
            tell,
            connections: 0,
        }
    }

    pub(super) fn note(&mut self, who: char, text: &str) {
        if let Some(client) = self.clients.get_mut(&who) {
            client.text.push_str(text);
        }
    }

    pub(super) async fn open(&mut self, who: char, monitor: u32) -> io::Result<()> {
        let place = match (&self.place, monitor) {
            (Place::Unix(path), 2) => Place::Unix(path.with_file_name("m2")),
            (place, _) => place.clone(),
        };
        let stream = Stream::connect(&place).await?;
        self.connections += 1;
        let number = self.connections;
        let client = self.clients.entry(who).or_insert_with(|| Client {
            monitor,
            text: String::new(),
            line: None,
            ended: false,
            paused: watch::Sender::new(false),
        });
        let reader = tokio::spawn(read(
            stream.clone(),
            (who, number),
            self.tell.clone(),
            client.paused.subscribe(),
        ));
        client.ended = false;
        client.line = Some(Line {
            number,
            stream,
            reader: reader.abort_handle(),
        });
        Ok(())
    }

    fn hear(&mut self, (who, number, bytes): News) {
        let Some(client) = self.clients.get_mut(&who) else {
            return;
        };
        if client
            .line
            .as_ref()
            .is_none_or(|line| line.number != number)
        {
            return;
        }
        match bytes {
            Some(bytes) => client.text.push_str(&letters(&bytes)),
            None => {
                client.text.push(CLOSED);
                client.ended = true;
            }
        }
    }

    /// Waits for the first bytes, then for silence.
    pub(super) async fn greeted(&mut self, who: char) {
        let before = self.clients.get(&who).map_or(0, |client| client.text.len());
        let deadline = Instant::now() + PATIENCE;
        while self
            .clients
            .get(&who)
            .is_some_and(|client| client.text.len() == before)
        {
            match timeout(deadline - Instant::now(), self.news.recv()).await {
                Ok(Some(news)) => self.hear(news),
                _ => return,
            }
        }
        self.settle(QUIET, Duration::ZERO).await;
    }

    /// Listens until nothing has come for `quiet`, and at least for `least`.
    pub(super) async fn settle(&mut self, quiet: Duration, least: Duration) {
        let begin = Instant::now();
        let mut last = begin;
        loop {
            let until = (last + quiet).max(begin + least);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if let Ok(Some(news)) = timeout(left, self.news.recv()).await {
                self.hear(news);
                last = Instant::now();
            }
        }
    }

    pub(super) async fn send(&mut self, who: char, bytes: &[u8]) {
        let client = self.clients.get(&who).filter(|client| !client.ended);
        let Some(line) = client.and_then(|client| client.line.as_ref()) else {
            return;
        };
        let stream = line.stream.clone();
        match timeout(PATIENCE, stream.write(bytes)).await {
            // The server may close meanwhile.
            Ok(_) => {}
            Err(_) => self.note(who, "<not taken>"),
        }
    }

    pub(super) async fn step(&mut self, who: char, step: &Step) -> io::Result<()> {
        match step {
            Step::Reconnect { at_once, eager } => {
                let monitor = self.leave(who).await;
                if !at_once {
                    sleep(Duration::from_millis(100)).await;
                }
                self.note(who, &STEP.to_string());
                self.open(who, monitor).await?;
                if !eager {
                    self.greeted(who).await;
                }
            }
            Step::Close => {
                self.leave(who).await;
                self.note(who, &STEP.to_string());
                self.settle(QUIET, Duration::ZERO).await;
            }
            Step::HalfClose => {
                if let Some(line) = self
                    .clients
                    .get(&who)
                    .and_then(|client| client.line.as_ref())
                {
                    // The server may have closed before.
                    let _ = line.stream.finish();
                }
                self.note(who, &STEP.to_string());
                self.settle(Duration::from_millis(100), Duration::ZERO)
                    .await;
            }
            Step::Pause | Step::Unpause => {
                if let Some(client) = self.clients.get(&who) {
                    client.paused.send_replace(matches!(step, Step::Pause));
                }
                if matches!(step, Step::Unpause) {
                    self.settle(Duration::from_millis(300), Duration::ZERO)
                        .await;
                }
            }
            Step::Fd { send } => {
                let file = File::open("/dev/null")?;
                if let Some(line) = self
                    .clients
                    .get(&who)
                    .and_then(|client| client.line.as_ref())
                {
                    let stream = line.stream.clone();
                    stream.write_with(&bytes(send), file.as_fd()).await?;
                }
                self.settle(Duration::from_millis(100), Duration::ZERO)
                    .await;
            }
            Step::Send { text, times } => {
                let all = bytes(text).repeat(*times);
                self.send(who, &all).await;
            }
            _ => {}
        }
        Ok(())
    }

    /// Closes a client's connection; which monitor it was at.
    async fn leave(&mut self, who: char) -> u32 {
        let Some(client) = self.clients.get_mut(&who) else {
            return 1;
        };
        client.line = None;
        // Its reader has the other half.
        tokio::task::yield_now().await;
        client.monitor
    }

    pub(super) fn close(&mut self) {
        for client in self.clients.values_mut() {
            client.line = None;
        }
    }

    /// What all received: the first client, then the others, each behind a mark.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (who, client) in &self.clients {
            if *who != 'A' {
                text.extend([CLIENT, *who]);
            }
            text.push_str(&client.text);
        }
        text
    }
}

async fn read(
    stream: Stream,
    (who, number): (char, u64),
    tell: mpsc::UnboundedSender<News>,
    mut paused: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        let read = tokio::select! {
            biased;
            _ = paused.changed() => continue,
            read = stream.read(&mut buffer) => read,
        };
        let count = read.unwrap_or(0);
        let news = buffer.get(..count).filter(|bytes| !bytes.is_empty());
        let ended = news.is_none();
        if tell.send((who, number, news.map(<[u8]>::to_vec))).is_err() || ended {
            return;
        }
    }
}
