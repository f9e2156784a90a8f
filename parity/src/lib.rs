//! Compares the external human monitor with QEMU's built-in one, line by line.
//!
//! A [case] sets up a VM and lists lines. The [runner](run) gives each line to the built-in monitor and to our
//! engine and [judges](compare) the answers; where a line changes the VM, [probes](probe) show whether both changed it
//! alike. Everything reported is a function of the resulting [`Report`](report::Report).

pub mod baseline;
pub mod builtin;
pub mod case;
pub mod compare;
pub mod complete;
pub mod coverage;
pub mod fuzz;
pub mod gaps;
pub mod hx;
pub mod known;
pub mod mask;
pub mod offered;
pub mod offline;
pub mod probe;
pub mod qemu;
pub mod record;
pub mod report;
pub mod run;
pub mod side;
pub mod status;
pub mod tried;
pub mod vm;
mod vnc;
