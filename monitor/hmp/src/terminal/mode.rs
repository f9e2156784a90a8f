// SPDX-License-Identifier: GPL-2.0-or-later
//! The terminal's modes: ours at the prompt and while a command runs, its own when we leave.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// How keys are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it was found.
    Original,
    /// Every key is a byte to the line editor.
    Editing,
    /// Keys wait for the next prompt, unseen; Ctrl-C and Ctrl-Z are signals.
    Running,
}

/// The terminal behind a descriptor. When it goes, the terminal is as it was found.
#[derive(Debug)]
pub struct Terminal {
    fd: OwnedFd,
    original: Termios,
    mode: Mutex<Mode>,
}

impl Terminal {
    /// Takes a terminal. Its mode stays as it is until the first prompt: to touch it would stop a
    /// program in the background.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        let original = tcgetattr(&fd)?;
        Ok(Self {
            fd,
            original,
            mode: Mutex::new(Mode::Original),
        })
    }

    /// The mode that was set last.
    #[must_use]
    pub fn mode(&self) -> Mode {
        *self.lock()
    }

    /// Sets a mode. Nothing that was typed is thrown away.
    pub fn set(&self, mode: Mode) -> io::Result<()> {
        let mut now = self.lock();
        if *now != mode {
            self.apply(mode)?;
            *now = mode;
        }
        Ok(())
    }

    /// Sets the mode anew: while the program was stopped, others may have changed it.
    pub fn reapply(&self) -> io::Result<()> {
        let mode = self.lock();
        self.apply(*mode)
    }

    /// Gives the terminal back while the program is stopped; [`reapply`](Self::reapply) takes it
    /// again.
    pub fn lend(&self) -> io::Result<()> {
        let _held = self.lock();
        self.apply(Mode::Original)
    }

    fn apply(&self, mode: Mode) -> io::Result<()> {
        let mut wanted = self.original.clone();
        if mode != Mode::Original {
            wanted.input_modes -= InputModes::BRKINT
                | InputModes::ICRNL
                | InputModes::INPCK
                | InputModes::ISTRIP
                | InputModes::IXON;
            wanted.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN;
            // A signal does not throw away what was typed.
            wanted.local_modes |= LocalModes::NOFLSH;
            wanted
                .local_modes
                .set(LocalModes::ISIG, mode == Mode::Running);
            // Ctrl-\ would end the program without giving the terminal back.
            wanted.special_codes[SpecialCodeIndex::VQUIT] = 0;
            wanted.special_codes[SpecialCodeIndex::VMIN] = 1;
            wanted.special_codes[SpecialCodeIndex::VTIME] = 0;
        }
        Ok(tcsetattr(&self.fd, OptionalActions::Now, &wanted)?)
    }

    fn lock(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.set(Mode::Original);
    }
}
