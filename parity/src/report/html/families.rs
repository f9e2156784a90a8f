// SPDX-License-Identifier: GPL-2.0-or-later
//! Families: what commands are about, so that the page can group them.

/// Full names by family, separated by commas. `*` at the end stands for any rest; the first family
/// that fits counts.
const FAMILIES: &[(&str, &str)] = &[
    (
        "monitor",
        "help, i, o, info, clear, log, logfile, quit, print, info history, info version",
    ),
    (
        "run state",
        "cont, stop, system_*, nmi, exit_preconfig, watchdog_action, info status, replay_*, info replay",
    ),
    (
        "CPUs",
        "cpu, mce, info cpus, info registers, info lapic, info tlb, info mem, info hotpluggable-cpus",
    ),
    (
        "memory",
        "x, xp, sum, memsave, pmemsave, gva2gpa, gpa2hva, gpa2hpa, balloon, dump-*, info dump, info balloon, info memory*, \
         info memdev, info mtree, info ramblock, info numa, info skeys, info cmma",
    ),
    (
        "block jobs",
        "block_job_*, block_stream, commit, drive_backup, drive_mirror, info block-jobs",
    ),
    (
        "snapshots",
        "savevm, loadvm, delvm, snapshot_*, info snapshots",
    ),
    (
        "block",
        "block_*, change, eject, drive_add, drive_del, qemu-io, nbd_server_*, info block*",
    ),
    (
        "character devices",
        "chardev-*, ringbuf_*, getfd, closefd, info chardev",
    ),
    (
        "network",
        "netdev_*, hostfwd_*, set_link, announce_self, info network, info usernet, info rocker*",
    ),
    (
        "display and input",
        "screendump, sendkey, mouse_*, set_password, expire_password, info vnc, info spice, info mice",
    ),
    ("audio", "wavcapture, stopcapture, info capture"),
    (
        "devices",
        "device_*, object_*, qom-*, pcie_aer_*, info qom-tree, info qtree, info qdm, info pci, info usb*, info tpm, info via, \
         info pic, info irq, info iothreads, info cryptodev",
    ),
    ("virtio", "info virtio*"),
    (
        "migration",
        "migrat*, x_colo_*, calc_dirty_rate, set_vcpu_dirty_limit, cancel_vcpu_dirty_limit, client_migrate_info, info migrate*, \
         info dirty_rate, info vcpu_dirty_limit, info rdma",
    ),
    (
        "tracing and statistics",
        "trace-*, sync-profile, singlestep, one-insn-per-tb, info trace-*, info sync-profile, info stats, info profile, \
         info opcount, info jit, info accel*",
    ),
    (
        "machine",
        "boot_set, gdbserver, dumpdtb, xen-*, info name, info uuid, info kvm, info roms, info sev, info sgx, info firmware-log, \
         info vm-generation-id",
    ),
];

/// The family of commands that no pattern fits.
pub const OTHER: &str = "other";

/// The family of the command with this full name.
pub fn of(command: &str) -> &'static str {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => command.starts_with(start),
        None => command == pattern,
    };
    FAMILIES
        .iter()
        .find(|(_, patterns)| patterns.split(", ").any(fits))
        .map_or(OTHER, |(family, _)| family)
}

/// All families in the page's order.
pub fn all() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(family, _)| *family).chain([OTHER])
}

#[cfg(test)]
mod tests {
    use monitor::table::{INFO, MAIN};

    use super::*;

    #[test]
    fn every_row_has_a_family() {
        let main = MAIN.iter().map(|row| ("", row));
        for (prefix, row) in main.chain(INFO.iter().map(|row| ("info ", row))) {
            let name = format!("{prefix}{}", row.names().next().unwrap());
            assert_ne!(of(&name), OTHER, "{name}: name its family in families.rs");
        }
        assert_eq!(of("no-such-command"), OTHER);
    }

    #[test]
    fn the_first_family_that_fits_counts() {
        assert_eq!(of("block_job_pause"), "block jobs");
        assert_eq!(of("block_resize"), "block");
        assert_eq!(of("info mem"), "CPUs");
        assert_eq!(of("info memdev"), "memory");
    }
}
