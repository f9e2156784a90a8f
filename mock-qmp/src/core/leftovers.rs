// SPDX-License-Identifier: GPL-2.0-or-later
//! What a strict server has to complain about when it ends.

/// What a strict server has to complain about when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Requests that the recording does not hold.
    pub unmatched: Vec<Unmatched>,
    /// Recorded moments that were never reached, as `FILE:LINE: moment N (COMMAND)`.
    pub moments: Vec<String>,
    /// Faults that were asked for and never happened.
    pub faults: Vec<String>,
}

/// A request that the recording does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The request, as compact JSON.
    pub request: String,
    /// What is wrong with it.
    pub problem: String,
    /// The recorded requests that come closest, as `FILE:LINE: REQUEST`.
    pub nearest: Vec<String>,
}

impl Leftovers {
    /// Whether there is nothing to complain about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unmatched.is_empty() && self.moments.is_empty() && self.faults.is_empty()
    }
}

impl std::error::Error for Leftovers {}

impl std::fmt::Display for Leftovers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines = Vec::new();
        for unmatched in &self.unmatched {
            lines.push(format!(
                "request {}: {}",
                unmatched.request, unmatched.problem
            ));
            lines.extend(
                unmatched
                    .nearest
                    .iter()
                    .map(|nearest| format!("  nearest: {nearest}")),
            );
        }
        lines.extend(
            self.moments
                .iter()
                .map(|moment| format!("never reached: {moment}")),
        );
        lines.extend(
            self.faults
                .iter()
                .map(|fault| format!("fault never happened: {fault}")),
        );
        f.write_str(&lines.join("\n"))
    }
}
