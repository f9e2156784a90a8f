//! Compares the external human monitor with QEMU's built-in one, line by line.
//!
//! A [case] sets up a VM and lists lines. The [runner](live::run) gives each line to the built-in monitor and to our
//! engine and [judges](judge) the answers; where a line changes the VM, [probes](live::probe) show whether both changed it
//! alike. Everything reported is a function of the resulting [`Report`](report::Report).

pub mod case;
pub mod judge;
pub mod live;
pub mod recorded;
pub mod report;
pub mod tables;
