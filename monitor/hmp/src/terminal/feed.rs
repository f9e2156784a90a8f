// SPDX-License-Identifier: GPL-2.0-or-later
//! Hands what is typed to a line editor that reads standard input: through a pseudo-terminal in
//! place of descriptor 0, one line at a time.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::dup;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::stdio::{dup2_stdin, stdin};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::input::{ENDS, Input, Next, Taker};
use super::paste::units;

/// How long what is behind the end of a line waits for the editor to end it. A key that ends most
/// lines may not end this one (Ctrl-D in its middle), and a long line takes the editor longer. From
/// then on keys are fed one by one, each when the one before is read: the editor can't read ahead, and
/// what it leaves is still there at the next prompt.
const ENDING: Duration = Duration::from_millis(300);

/// How often the editor is looked after while it has not read a key.
const GLANCE: Duration = Duration::from_micros(200);

/// How soon the editor is told again that the terminal is gone, in case it did not listen.
const AGAIN: Duration = Duration::from_millis(50);

/// The terminal that standard input was, on a descriptor of its own: descriptor 0 may be needed for
/// the line editor.
pub fn terminal() -> io::Result<OwnedFd> {
    Ok(dup(stdin())?)
}

/// Puts a pseudo-terminal in place of descriptor 0, and feeds it from `input` as long as somebody
/// waits at a prompt.
pub fn start(input: Arc<Input>) -> io::Result<()> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let theirs = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty())?;
    // Nothing is acted on or echoed here, also between prompts.
    let mut raw = tcgetattr(&theirs)?;
    raw.make_raw();
    raw.local_modes -= LocalModes::ECHO;
    tcsetattr(&theirs, OptionalActions::Now, &raw)?;
    dup2_stdin(&theirs)?;
    std::thread::Builder::new()
        .name("feed".into())
        .spawn(move || {
            // Held open: between two prompts nobody else may have it open.
            feed(&input, &ours, &theirs);
        })?;
    Ok(())
}

fn feed(input: &Input, ours: &OwnedFd, theirs: &OwnedFd) {
    let mut careful = false;
    loop {
        let mut prompt = input.wanted(Taker::Feed);
        match input.next(Taker::Feed) {
            Next::Bytes(bytes) => {
                let keys = units(&bytes);
                let fed = match careful {
                    true => keys.iter().try_for_each(|key| {
                        read(theirs)?;
                        // Who has read what came before reads this too.
                        prompt = input.prompt();
                        write_all(ours, key)
                    }),
                    false => write_all(ours, &keys.concat()),
                };
                if fed.is_err() {
                    return;
                }
                // What is behind the end of a line is for whoever reads next: the editor would read
                // it too, and lose it.
                if bytes.last().is_some_and(|last| ENDS.contains(last)) {
                    careful |= !input.over(prompt, ENDING);
                }
            }
            Next::Ended(_) => {
                // What was half typed is not run: it is taken back before the Ctrl-D.
                if write_all(ours, b"\x05\x15\x04").is_err() {
                    return;
                }
                std::thread::sleep(AGAIN);
            }
            // Messages are shown by the editor's own means.
            Next::Called | Next::Unwanted => {}
        }
    }
}

/// Waits until all that was fed is read.
fn read(theirs: &OwnedFd) -> io::Result<()> {
    while rustix::io::ioctl_fionread(theirs)? > 0 {
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

fn write_all(to: &impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
