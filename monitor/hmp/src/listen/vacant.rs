// SPDX-License-Identifier: GPL-2.0-or-later
//! Seats whose clients left while a line ran or asked: the next clients take them, as the built-in
//! goes on with what its last client began.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::listen::seat::Seat;

/// The seats that were left, in that order.
#[derive(Default)]
pub(super) struct Vacant(Mutex<VecDeque<Seat>>);

impl Vacant {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client leaves its seat.
    pub(super) fn leave(&self, seat: Seat) {
        let mut seats = self.lock();
        seats.retain(|seat| !seat.is_over());
        seats.push_back(seat);
    }

    /// The seat that was left first, of those with work to do.
    pub(super) fn take(&self) -> Option<Seat> {
        let mut seats = self.lock();
        seats.retain(|seat| !seat.is_over());
        seats.pop_front()
    }

    /// Drops all.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}
