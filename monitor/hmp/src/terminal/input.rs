// SPDX-License-Identifier: GPL-2.0-or-later
//! What is typed: read from the terminal on a thread of its own, and kept until somebody asks.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::process::{Signal, getpid, kill_process};

use super::clean::Cleaner;
use super::mode::{Mode, Terminal};

/// Bytes that are kept; what is typed beyond waits in the terminal.
const KEPT: usize = 1 << 20;

/// Bytes that no hand types at once: more are about to come. They are waited for, since whoever shows
/// them shows the whole line each time; for as long as this at most from one to the next.
const MANY: usize = 1 << 10;
const QUIET: Duration = Duration::from_millis(20);

/// How long the rest of a character or of a key may take. A lone Esc is a key too.
const REST: Duration = Duration::from_millis(30);

/// Keys that end a line in some way: behind them nothing may be handed out before they were acted
/// on. Ctrl-C, Ctrl-D, LF, CR.
pub const ENDS: [u8; 4] = [0x03, 0x04, b'\n', b'\r'];

/// Ctrl-\. To the rich editor it is another Ctrl-C, with which it would lose what is behind it.
const QUIT: u8 = 0x1c;

/// Ctrl-Z.
const SUSPEND: u8 = 0x1a;

/// What is typed.
#[derive(Debug)]
pub struct Input {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Wakes the reader where it waits for a key.
    wake: OwnedFd,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: VecDeque<u8>,
    /// Why no more comes: the terminal is gone, or can't be read.
    ended: Option<Result<(), String>>,
    /// Who waits at a prompt.
    wanted: Option<Taker>,
    /// How many prompts there were.
    prompts: u64,
    /// What is to be shown to whoever waits, in whatever mode.
    called: bool,
    /// How many ask that the terminal be left alone.
    lent: usize,
    /// Whether the reader leaves it alone.
    rests: bool,
}

/// Who takes what is typed at a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    /// A line editor that reads a pseudo-terminal.
    Feed,
    /// Who shows the prompt.
    Direct,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Bytes up to one of [`ENDS`], or all there are.
    Bytes(Vec<u8>),
    /// The terminal is gone; the text says why it can't be read, where that is an error.
    Ended(Result<(), String>),
    /// [`Input::call`] was called.
    Called,
    /// The one who asks waits at no prompt any more.
    Unwanted,
}

impl Input {
    /// Starts to read a terminal.
    pub fn start(terminal: Arc<Terminal>) -> io::Result<Arc<Self>> {
        let input = Arc::new(Self {
            queue: Mutex::default(),
            changed: Condvar::new(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let reader = Arc::clone(&input);
        std::thread::Builder::new()
            .name("terminal".into())
            .spawn(move || reader.read(&terminal))?;
        Ok(input)
    }

    /// Somebody waits at a prompt.
    pub fn want(&self, taker: Taker) {
        self.lock().wanted = Some(taker);
        self.changed.notify_all();
    }

    /// Nobody waits any more. Whether the next key is a Ctrl-C: then it is for what runs now.
    pub fn unwant(&self) -> bool {
        let mut queue = self.lock();
        queue.wanted = None;
        queue.prompts += 1;
        self.changed.notify_all();
        let interrupts = queue.bytes.front() == Some(&ENDS[0]);
        if interrupts {
            queue.bytes.pop_front();
        }
        interrupts
    }

    /// Nobody waits for the answer any more: whoever asks in [`next`](Self::next) hears so.
    pub fn give_up(&self) {
        self.lock().wanted = None;
        self.changed.notify_all();
    }

    /// Lets whoever waits in [`next`](Self::next) know that there is something to be shown.
    pub fn call(&self) {
        self.lock().called = true;
        self.changed.notify_all();
    }

    /// Whether something was typed that nobody took yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.lock().bytes.is_empty()
    }

    /// Waits for what comes next.
    pub fn next(&self, taker: Taker) -> Next {
        let mut queue = self.lock();
        // Bytes without an end of a line that were there already.
        let mut seen = 0;
        loop {
            if queue.wanted != Some(taker) {
                return Next::Unwanted;
            }
            if std::mem::take(&mut queue.called) {
                return Next::Called;
            }
            if !queue.bytes.is_empty() {
                let mut behind = queue.bytes.iter().skip(seen);
                let end = behind.position(|byte| ENDS.contains(byte));
                let there = queue.bytes.len();
                if end.is_none() && (MANY..KEPT).contains(&there) && there > seen {
                    seen = there;
                    let waited = self.changed.wait_timeout(queue, QUIET);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
                let length = end.map_or(there, |end| seen + end + 1);
                let bytes = queue.bytes.drain(..length).collect();
                self.changed.notify_all();
                return Next::Bytes(bytes);
            }
            if let Some(end) = &queue.ended {
                return Next::Ended(end.clone());
            }
            queue = self.wait(queue);
        }
    }

    /// Waits until this one waits at a prompt; returns its number.
    pub fn wanted(&self, taker: Taker) -> u64 {
        let mut queue = self.lock();
        while queue.wanted != Some(taker) {
            queue = self.wait(queue);
        }
        queue.prompts
    }

    /// The number of the prompt at hand, or of the one that was last.
    pub fn prompt(&self) -> u64 {
        self.lock().prompts
    }

    /// Waits until the prompt of that number is over, though not for longer than `limit`; returns
    /// whether it is.
    pub fn over(&self, prompt: u64, limit: Duration) -> bool {
        let queue = self.lock();
        let same = |queue: &mut Queue| queue.prompts == prompt;
        let waited = self.changed.wait_timeout_while(queue, limit, same);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.prompts != prompt
    }

    /// Takes what was typed and not handed out, as lines; the last one may be incomplete.
    pub fn take(&self) -> Vec<String> {
        let mut queue = self.lock();
        let bytes: Vec<u8> = queue.bytes.drain(..).collect();
        self.changed.notify_all();
        drop(queue);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text.split(['\r', '\n']).map(str::to_owned);
        lines.filter(|line| !line.is_empty()).collect()
    }

    /// Leaves the terminal's keys to another program; returns when the reader does.
    pub fn pause(&self) {
        let mut queue = self.lock();
        queue.lent += 1;
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        while !queue.rests && queue.ended.is_none() {
            queue = self.wait(queue);
        }
    }

    /// Whether another program has them.
    pub fn is_lent(&self) -> bool {
        self.lock().lent > 0
    }

    /// Takes them again, after as many calls as there were of [`pause`](Self::pause).
    pub fn resume(&self) {
        let mut queue = self.lock();
        queue.lent = queue.lent.saturating_sub(1);
        self.changed.notify_all();
    }

    fn read(&self, terminal: &Terminal) {
        let mut cleaner = Cleaner::default();
        let mut chunk = [0; 4096];
        loop {
            self.room();
            let patience = cleaner.holds().then_some(REST);
            match readable(terminal, &self.wake, patience) {
                Ok(Ready::Terminal) => {}
                Ok(Ready::Woken) => {
                    self.rest();
                    continue;
                }
                Ok(Ready::Nothing) => {
                    self.add(&cleaner.flush(), terminal);
                    continue;
                }
                Err(error) => return self.end(Err(error.to_string())),
            }
            match rustix::io::read(terminal, &mut chunk) {
                // A terminal whose other end is closed gives an error.
                Ok(0) | Err(rustix::io::Errno::IO) => {
                    self.add(&cleaner.flush(), terminal);
                    return self.end(Ok(()));
                }
                Ok(length) => self.add(&cleaner.push(&chunk[..length]), terminal),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(error) => return self.end(Err(error.to_string())),
            }
        }
    }

    fn add(&self, bytes: &[u8], terminal: &Terminal) {
        let editing = terminal.mode() == Mode::Editing;
        let mut queue = self.lock();
        for &byte in bytes {
            match byte {
                QUIT => {}
                SUSPEND if editing => {
                    let _ = kill_process(getpid(), Signal::TSTP);
                }
                // It was typed while a command ran, and read when that had ended, or the other way
                // round: it is for what runs now.
                0x03 if !editing && queue.bytes.is_empty() => {
                    let _ = kill_process(getpid(), Signal::INT);
                }
                byte => queue.bytes.push_back(byte),
            }
        }
        self.changed.notify_all();
    }

    fn end(&self, end: Result<(), String>) {
        self.lock().ended = Some(end);
        self.changed.notify_all();
    }

    /// Waits as long as the terminal is lent.
    fn rest(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.wake, &mut count);
        let mut queue = self.lock();
        queue.rests = true;
        self.changed.notify_all();
        while queue.lent > 0 {
            queue = self.wait(queue);
        }
        queue.rests = false;
    }

    fn room(&self) {
        let mut queue = self.lock();
        while queue.bytes.len() >= KEPT {
            queue = self.wait(queue);
        }
    }

    fn wait<'q>(&self, queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        let woken = self.changed.wait(queue);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is to do for the reader.
enum Ready {
    Terminal,
    Woken,
    Nothing,
}

/// What can be read within this time; without one, whenever that is.
fn readable(terminal: &Terminal, wake: &OwnedFd, patience: Option<Duration>) -> io::Result<Ready> {
    let limit = patience.map(|patience| Timespec {
        tv_sec: 0,
        tv_nsec: patience.subsec_nanos().into(),
    });
    loop {
        let fd = terminal.as_fd();
        let mut fds = [
            PollFd::new(&fd, PollFlags::IN),
            PollFd::new(wake, PollFlags::IN),
        ];
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => return Ok(Ready::Nothing),
            Ok(_) if !fds[1].revents().is_empty() => return Ok(Ready::Woken),
            Ok(_) => return Ok(Ready::Terminal),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
