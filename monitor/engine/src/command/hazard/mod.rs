//! Commands and QMP calls that are known to kill, hang or corrupt some QEMU: refused before any route.

mod conditions;

use serde_json::{Map, Value};

use crate::qemu::caps::Caps;
use crate::qmp::version::{Version, v};
use crate::qmp::{BoxFuture, Qmp};

/// Where a hazard lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A line of the monitor, by the table name of its command (`info` sub-commands with `info` in front).
    Line(&'static str),
    /// A QMP call.
    Qmp(&'static str),
}

/// One known danger.
#[derive(Debug)]
pub struct Hazard {
    /// What to watch.
    pub at: At,
    /// The first release that has the danger, as far as known.
    pub since: Version,
    /// The first release without it, as far as known.
    pub until: Version,
    /// The targets that have the danger; all where it is empty.
    pub targets: &'static [&'static str],
    /// What QEMU would do, as the second half of a sentence that starts with the command.
    pub harm: &'static str,
    /// How it was seen.
    pub seen: &'static str,
    /// Whether QMP tells for sure that the danger is there; where it does not, `--allow risky` goes on.
    pub certain: bool,
    condition: Condition,
}

/// Whether the danger is there; it may ask QEMU, with calls that are harmless themselves.
type Condition = for<'a> fn(&'a dyn Qmp, &'a Caps, &'a Map<String, Value>) -> BoxFuture<'a, bool>;

macro_rules! condition {
    ($function:path) => {
        |qmp, caps, args| Box::pin($function(qmp, caps, args))
    };
}

/// Every target.
const ANY: &[&str] = &[];

/// Targets with devices that ask which CPU reads them.
const PER_CPU: &[&str] = &["aarch64", "arm", "ppc64"];

const READ_BY_NO_CPU: &str = "10.0.2 and 11.1.3: GICv2 with two CPUs (the default of -M virt), a Cortex-A9's global timer, XIVE of pseries; \
     null pointer read";

const BAD_IMAGE: &str = "of a null-co, null-aio or nvme image aborts QEMU where it can't read the size, latency-ns, read-zeroes or namespace";

const BAD_IMAGE_SEEN: &str = "11.1.3: change cd json:{\"driver\":\"null-co\",\"size\":\"x\"}; the others open images by the same function";

/// The table. Nothing that pauses or risks the VM may stand in a condition.
pub const HAZARDS: &[Hazard] = &[
    Hazard {
        at: At::Line("info virtio-status"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "aborts this QEMU",
        seen: "11.1.3, x86_64 and aarch64, every virtio device tried: assertion in visit_start_struct",
        certain: true,
        condition: condition!(conditions::always),
    },
    Hazard {
        at: At::Qmp("x-query-virtio-status"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "aborts this QEMU",
        seen: "11.1.3, x86_64 and aarch64, every virtio device tried: assertion in visit_start_struct",
        certain: true,
        condition: condition!(conditions::always),
    },
    Hazard {
        at: At::Line("device_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "with the property 'realized' aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add TYPE,realized=on",
        certain: true,
        condition: condition!(conditions::sets_realized),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "with the property 'realized' aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add TYPE,realized=on",
        certain: true,
        condition: condition!(conditions::has_realized),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: v(8, 0),
        until: v(11, 0),
        targets: ANY,
        harm: "with an empty id crashes this QEMU",
        seen: "10.0.2 over QMP; 7.2.22 and 11.1.3 refuse the id themselves",
        certain: true,
        condition: condition!(conditions::empty_id),
    },
    Hazard {
        at: At::Line("qom-set"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "without -j crashes QEMU for a property that is a structure; use -j and JSON",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set /machine boot x",
        certain: true,
        condition: condition!(conditions::plain_set_of_structure),
    },
    Hazard {
        at: At::Line("qom-set"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "of a drive to the block node that the device has already aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set DEVICE drive NODE, and of a virtio device's backend",
        certain: true,
        condition: condition!(conditions::sets_the_same_node),
    },
    Hazard {
        at: At::Qmp("qom-set"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "of a drive to the block node that the device has already aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set DEVICE drive NODE, and of a virtio device's backend",
        certain: true,
        condition: condition!(conditions::sets_the_same_node),
    },
    Hazard {
        at: At::Line("calc_dirty_rate"),
        since: Version::FIRST,
        until: v(10, 0),
        targets: ANY,
        harm: "with -r or -b crashes this QEMU where KVM is off",
        seen: "7.2.22 with TCG: null pointer read; 10.0.2 and 11.1.3 are fine",
        certain: true,
        condition: condition!(conditions::dirty_log_without_kvm),
    },
    Hazard {
        at: At::Qmp("calc-dirty-rate"),
        since: Version::FIRST,
        until: v(10, 0),
        targets: ANY,
        harm: "in this mode crashes this QEMU where KVM is off",
        seen: "7.2.22 with TCG: null pointer read; 10.0.2 and 11.1.3 are fine",
        certain: true,
        condition: condition!(conditions::dirty_log_without_kvm),
    },
    Hazard {
        at: At::Line("exit_preconfig"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "aborts this QEMU on a machine with its default display adapter and a text console (-vga none or -nodefaults avoids it)",
        seen: "11.1.3 -M q35 and -M pc with --preconfig: duplicate property 'console[0]'",
        certain: false,
        condition: condition!(conditions::second_console),
    },
    Hazard {
        at: At::Qmp("x-exit-preconfig"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "aborts this QEMU on a machine with its default display adapter and a text console (-vga none or -nodefaults avoids it)",
        seen: "11.1.3 -M q35 and -M pc with --preconfig: duplicate property 'console[0]'",
        certain: false,
        condition: condition!(conditions::second_console),
    },
    Hazard {
        at: At::Line("device_add"),
        since: Version::FIRST,
        until: v(8, 0),
        targets: ANY,
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: device_add virtio-gpu-gl-pci,help and device-list-properties",
        certain: false,
        condition: condition!(conditions::names_gl_device),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: Version::FIRST,
        until: v(8, 0),
        targets: ANY,
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: device_add virtio-gpu-gl-pci,help and device-list-properties",
        certain: false,
        condition: condition!(conditions::is_gl_device),
    },
    Hazard {
        at: At::Qmp("device-list-properties"),
        since: Version::FIRST,
        until: v(8, 0),
        targets: ANY,
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: virtio-gpu-gl-pci and virtio-vga-gl",
        certain: false,
        condition: condition!(conditions::is_gl_device),
    },
    Hazard {
        at: At::Qmp("qom-list-properties"),
        since: Version::FIRST,
        until: v(8, 0),
        targets: ANY,
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: virtio-gpu-gl-pci and virtio-vga-gl",
        certain: false,
        condition: condition!(conditions::is_gl_device),
    },
    Hazard {
        at: At::Line("device_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "of a second rocker switch of the same name aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add rocker, twice: assertion in msix_vector_unuse",
        certain: true,
        condition: condition!(conditions::names_rocker_twice),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "of a second rocker switch of the same name aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add rocker, twice: assertion in msix_vector_unuse",
        certain: true,
        condition: condition!(conditions::is_second_rocker),
    },
    Hazard {
        at: At::Line("screendump"),
        since: v(8, 2),
        until: Version::NEVER,
        targets: ANY,
        harm: "of this device aborts QEMU: its search for the device's screen meets a text console",
        seen: "10.0.2 and 11.1.3: screendump FILE ID, with the id of a device that has no screen; 7.2.22 says so",
        certain: true,
        condition: condition!(conditions::meets_text_console),
    },
    Hazard {
        at: At::Qmp("screendump"),
        since: v(8, 2),
        until: Version::NEVER,
        targets: ANY,
        harm: "of this device aborts QEMU: its search for the device's screen meets a text console",
        seen: "10.0.2 and 11.1.3: screendump FILE ID, with the id of a device that has no screen; 7.2.22 says so",
        certain: true,
        condition: condition!(conditions::meets_text_console),
    },
    Hazard {
        at: At::Line("info mem"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "freezes the VM for half a minute and prints garbage where the guest uses 5-level paging, which its CPU allows",
        seen: "7.2.22, 10.0.2, 11.1.3: the built-in reads page 0 as tables when CR4.LA57 is set",
        certain: false,
        condition: condition!(conditions::cpu_has_la57),
    },
    Hazard {
        at: At::Qmp("xen-save-devices-state"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "crashes QEMU with a device whose state cannot be migrated",
        seen: "7.2.22, 10.0.2, 11.1.3: nvme, rocker, usb-audio, usb-serial, usb-net, ufs, amd-iommu, virtio-sound",
        certain: true,
        condition: condition!(conditions::has_non_migratable_device),
    },
    Hazard {
        at: At::Line("drive_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: "of a null-co, null-aio or nvme node aborts QEMU where it can't read the size, latency-ns, read-zeroes or namespace",
        seen: "7.2.22, 10.0.2, 11.1.3: drive_add -n 0 driver=null-co,node-name=n,size=x; read-zeroes=x, a lone size, nvme's namespace=x",
        certain: true,
        condition: condition!(conditions::drive_with_bad_value),
    },
    Hazard {
        at: At::Line("change"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: BAD_IMAGE,
        seen: BAD_IMAGE_SEEN,
        certain: true,
        condition: condition!(conditions::image_with_bad_value),
    },
    Hazard {
        at: At::Line("drive_backup"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: BAD_IMAGE,
        seen: BAD_IMAGE_SEEN,
        certain: true,
        condition: condition!(conditions::image_with_bad_value),
    },
    Hazard {
        at: At::Line("drive_mirror"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: BAD_IMAGE,
        seen: BAD_IMAGE_SEEN,
        certain: true,
        condition: condition!(conditions::image_with_bad_value),
    },
    Hazard {
        at: At::Line("snapshot_blkdev"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: ANY,
        harm: BAD_IMAGE,
        seen: BAD_IMAGE_SEEN,
        certain: true,
        condition: condition!(conditions::image_with_bad_value),
    },
    Hazard {
        at: At::Line("savevm"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(conditions::nvme_without_namespace),
    },
    Hazard {
        at: At::Line("migrate"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(conditions::nvme_without_namespace),
    },
    Hazard {
        at: At::Qmp("snapshot-save"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(conditions::nvme_without_namespace),
    },
    Hazard {
        at: At::Qmp("xen-save-devices-state"),
        since: v(11, 0),
        until: Version::NEVER,
        targets: ANY,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(conditions::nvme_without_namespace),
    },
    Hazard {
        at: At::Line("xp"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: true,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
    Hazard {
        at: At::Line("sum"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: true,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
    Hazard {
        at: At::Line("pmemsave"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: true,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
    Hazard {
        at: At::Line("x"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: false,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
    Hazard {
        at: At::Line("memsave"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: false,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
    Hazard {
        at: At::Qmp("pmemsave"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: true,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
    Hazard {
        at: At::Qmp("memsave"),
        since: Version::FIRST,
        until: Version::NEVER,
        targets: PER_CPU,
        harm: "of registers that are different for each CPU crashes QEMU, for no CPU reads them",
        seen: READ_BY_NO_CPU,
        certain: false,
        condition: condition!(conditions::reads_registers_of_each_cpu),
    },
];

/// The entry of the table for a QMP call, if it has one.
#[must_use]
pub fn of_call(command: &str) -> Option<At> {
    let mut calls = HAZARDS.iter().map(|hazard| hazard.at);
    calls.find(|at| matches!(at, At::Qmp(listed) if *listed == command))
}

/// The first hazard that `at` with these arguments would meet on this QEMU, if there is one.
pub async fn find(
    at: At,
    qmp: &dyn Qmp,
    caps: &Caps,
    args: &Map<String, Value>,
) -> Option<&'static Hazard> {
    for hazard in HAZARDS {
        if hazard.at == at && hazard.concerns(caps) && (hazard.condition)(qmp, caps, args).await {
            return Some(hazard);
        }
    }
    None
}

impl Hazard {
    /// Whether it is one of this QEMU's, as far as its release and target tell.
    #[must_use]
    pub fn concerns(&self, caps: &Caps) -> bool {
        let here = self.targets.is_empty()
            || caps
                .arch
                .as_deref()
                .is_some_and(|arch| self.targets.contains(&arch));
        here && caps.version >= self.since && caps.version < self.until
    }

    /// The whole sentence, for the person.
    #[must_use]
    pub fn sentence(&self, version: Version) -> String {
        let name = match self.at {
            At::Line(name) | At::Qmp(name) => name,
        };
        let way_out = if self.certain {
            ""
        } else {
            "; --allow risky runs it all the same"
        };
        format!("refused: {name} {} (QEMU {version}){way_out}", self.harm)
    }
}
