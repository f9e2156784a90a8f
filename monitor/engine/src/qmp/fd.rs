// SPDX-License-Identifier: GPL-2.0-or-later
//! Open files that are passed along: descriptors where the system has them. Elsewhere there are
//! none, and nothing makes one, so that the engine can be built there all the same.

#[cfg(unix)]
pub use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

#[cfg(not(unix))]
pub use self::nowhere::{AsFd, BorrowedFd, OwnedFd};

#[cfg(not(unix))]
mod nowhere {
    use std::convert::Infallible;
    use std::marker::PhantomData;

    /// A descriptor that is lent; there is none.
    #[derive(Clone, Copy, Debug)]
    pub struct BorrowedFd<'a>(Infallible, PhantomData<&'a ()>);

    /// A descriptor; there is none.
    #[derive(Debug)]
    pub struct OwnedFd(Infallible);

    /// What has a descriptor.
    pub trait AsFd {
        /// Lends it.
        fn as_fd(&self) -> BorrowedFd<'_>;
    }

    impl AsFd for OwnedFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            match self.0 {}
        }
    }
}
