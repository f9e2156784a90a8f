// SPDX-License-Identifier: GPL-2.0-or-later
//! Where the answer to a line at the prompt may go instead of the terminal: a file, another
//! program, a pager.

pub(super) mod child;
pub(super) mod head;
pub(super) mod pager;
pub(super) mod patient;
pub(super) mod tail;
