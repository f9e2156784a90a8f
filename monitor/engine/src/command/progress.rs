// SPDX-License-Identifier: GPL-2.0-or-later
//! How long something may go on without getting further.

use std::time::Duration;

use crate::qmp::QmpError;

/// Watches what makes progress, by its state at each look.
#[derive(Debug)]
pub struct Progress<S> {
    limit: Option<Duration>,
    last: Option<S>,
    /// How long the state is the same already. The engine has no clock: the pauses are added up.
    same: Duration,
}

impl<S: PartialEq> Progress<S> {
    /// Begins to watch; without a limit, for as long as it takes.
    pub fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            last: None,
            same: Duration::ZERO,
        }
    }

    /// Takes the state of `what`. An error where it was the same for as long as the limit is.
    pub fn look(&mut self, what: &str, state: S) -> Result<(), QmpError> {
        if self.last.as_ref() != Some(&state) {
            self.same = Duration::ZERO;
            self.last = Some(state);
        }
        match self.limit {
            Some(limit) if self.same >= limit => Err(QmpError::Stalled {
                what: what.to_owned(),
                seconds: limit.as_secs() + u64::from(limit.subsec_nanos() > 0),
            }),
            _ => Ok(()),
        }
    }

    /// A pause is over.
    pub fn paused(&mut self, pause: Duration) {
        self.same += pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_what_stays_the_same_is_given_up() {
        let mut progress = Progress::new(Some(3 * SECOND));
        for state in [1, 1, 1, 2, 2, 2, 3, 3, 3] {
            progress.look("job", state).unwrap();
            progress.paused(SECOND);
        }
        let error = progress.look("job", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "job made no progress within 3 s, its outcome is unknown"
        );
    }

    #[test]
    fn without_a_limit_nothing_is_given_up() {
        let mut progress = Progress::new(None);
        for _ in 0..9 {
            progress.look("job", 1).unwrap();
            progress.paused(1000 * SECOND);
        }
    }
}
