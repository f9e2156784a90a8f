//! Other people's recordings.

mod libvirt;

pub use libvirt::libvirt;
