// SPDX-License-Identifier: GPL-2.0-or-later
//! Descriptors that were open when the program started, by number.

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// A descriptor of our own for the open file behind `number`; none where it is not open. To be called
/// before the program opens anything itself.
#[must_use]
pub fn duplicate(number: RawFd) -> Option<OwnedFd> {
    std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).ok()?;
    #[expect(
        unsafe_code,
        reason = "an inherited descriptor has no safe owner to borrow it from"
    )]
    // SAFETY: the line above found `number` open, so it is not -1, and nothing of ours closes what
    // we did not open.
    let inherited = unsafe { BorrowedFd::borrow_raw(number) };
    inherited.try_clone_to_owned().ok()
}
