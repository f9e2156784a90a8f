// SPDX-License-Identifier: GPL-2.0-or-later
//! Prints replies a second, memory growth and load times: `cargo bench -p mock-qmp`.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::print_stdout, reason = "figures are for people")]

#[path = "../tests/performance/measure.rs"]
mod measure;

fn main() {
    print!("{}", measure::measure(1_000_000));
}
