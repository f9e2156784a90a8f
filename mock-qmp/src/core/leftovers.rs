// SPDX-License-Identifier: GPL-2.0-or-later
//! What is left to complain about at the end.

use serde::Serialize;

/// What a strict check found: what was asked and is not recorded, what is recorded and was never
/// reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Leftovers {
    /// Requests that the recording does not hold, in the order in which they came.
    pub unmatched: Vec<Unmatched>,
    /// How many more there were: only the first thousand are kept.
    pub unmatched_more: u64,
    /// Recorded moments that were never reached, as `FILE:LINE: moment N (COMMAND)`.
    pub moments: Vec<String>,
    /// Faults that were asked for and never happened.
    pub faults: Vec<String>,
}

/// A request that the recording does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unmatched {
    /// The request, as compact JSON.
    pub request: String,
    /// What is wrong with it.
    pub problem: String,
    /// What it follows from, such as a change that was left out, if that is known.
    pub cause: Option<String>,
    /// The recorded requests that come closest, as `FILE:LINE: REQUEST`.
    pub nearest: Vec<String>,
    /// How it differs from the closest of its command.
    pub differences: Vec<Difference>,
}

/// A member of a request that is not as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The member, as in `file.filename`.
    pub member: String,
    /// What was sent, as JSON; `None` where it was left out.
    pub sent: Option<String>,
    /// What was recorded.
    pub recorded: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let member = &self.member;
        match (&self.sent, &self.recorded) {
            (Some(sent), Some(recorded)) => write!(f, "{member}: {sent}, recorded: {recorded}"),
            (Some(sent), None) => write!(f, "{member}: {sent}, recorded without it"),
            (None, recorded) => {
                let recorded = recorded.as_deref().unwrap_or_default();
                write!(f, "{member} is missing, recorded: {recorded}")
            }
        }
    }
}

impl Leftovers {
    /// Whether there is nothing to complain about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unmatched.is_empty() && self.moments.is_empty() && self.faults.is_empty()
    }
}

/// Most unmatched requests that are kept.
const MOST: usize = 1000;

impl Leftovers {
    /// What is left over of two runs.
    #[must_use]
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.unmatched.extend(later.unmatched);
        let more = self.unmatched.len().saturating_sub(MOST);
        self.unmatched.truncate(MOST);
        self.unmatched_more += later.unmatched_more + more as u64;
        let known = |all: &[String], one: &String| all.contains(one);
        for moment in later.moments {
            if !known(&self.moments, &moment) {
                self.moments.push(moment);
            }
        }
        for fault in later.faults {
            if !known(&self.faults, &fault) {
                self.faults.push(fault);
            }
        }
        self
    }
}

impl std::error::Error for Leftovers {}

impl std::fmt::Display for Leftovers {
    /// Causes come first, with what follows from each; then the rest.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines = Vec::new();
        let mut causes: Vec<&str> = Vec::new();
        for cause in self.unmatched.iter().filter_map(|one| one.cause.as_deref()) {
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        for cause in causes {
            lines.push(cause.to_owned());
            let of_it = |one: &&Unmatched| one.cause.as_deref() == Some(cause);
            let (changed, follow): (Vec<_>, Vec<_>) = self
                .unmatched
                .iter()
                .filter(of_it)
                .partition(|one| !one.differences.is_empty());
            for one in changed {
                lines.push(format!("  request {}: {}", one.request, one.problem));
                lines.extend(one.differences.iter().map(|one| format!("    {one}")));
            }
            if let Some(first) = follow.first() {
                let requests = match follow.len() {
                    1 => "request follows",
                    _ => "requests follow",
                };
                lines.push(format!(
                    "  {} {requests} from it, the first {}: {}",
                    follow.len(),
                    first.request,
                    first.problem
                ));
            }
        }
        for unmatched in self.unmatched.iter().filter(|one| one.cause.is_none()) {
            lines.push(format!(
                "request {}: {}",
                unmatched.request, unmatched.problem
            ));
            lines.extend(unmatched.differences.iter().map(|one| format!("  {one}")));
            let nearest = unmatched.nearest.iter();
            lines.extend(nearest.map(|nearest| format!("  nearest: {nearest}")));
        }
        if self.unmatched_more > 0 {
            lines.push(format!("and {} requests more", self.unmatched_more));
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
