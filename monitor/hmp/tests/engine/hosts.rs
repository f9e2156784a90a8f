// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers for hosts that no test has, from a mock that says what such a host would.

use crate::common::engine::{Requests, on_mock};
use mock_qmp::{Answer, MockQmp};
use serde_json::json;

async fn answer(mock: MockQmp, line: &str) -> String {
    answer_of(mock, "x86_64", line).await
}

async fn answer_of(mock: MockQmp, arch: &str, line: &str) -> String {
    let mock = mock.command("query-target", json!({ "arch": arch }));
    let (_server, mut monitor) = on_mock(mock).await;
    let mut answer = String::new();
    crate::common::engine::run(&mut monitor, line, &mut answer).await;
    answer
}

/// The texts are those of target/i386/sev.c.
#[tokio::test]
async fn encrypted_guests() {
    let sev = |more: serde_json::Value| {
        let mut info = json!({"enabled": true, "api-major": 1, "api-minor": 55, "build-id": 8, "state": "running"});
        for (name, value) in more.as_object().unwrap() {
            info[name] = value.clone();
        }
        MockQmp::scripted().command("query-sev", info)
    };
    for (info, expected) in [
        (json!({"enabled": false}), "SEV is not enabled\n"),
        (
            json!({"sev-type": "sev", "handle": 3, "policy": 1}),
            "SEV type: sev\nstate: running\nbuild: 8\napi version: 1.55\nhandle: 3\ndebug: off\nkey-sharing: on\n",
        ),
        (
            json!({"handle": 3, "policy": 2}),
            "handle: 3\nstate: running\nbuild: 8\napi version: 1.55\ndebug: on\nkey-sharing: off\n",
        ),
        (
            json!({"sev-type": "sev-snp", "snp-policy": 0x10000}),
            "SEV type: sev-snp\nstate: running\nbuild: 8\napi version: 1.55\ndebug: off\nSMT allowed: on\n",
        ),
        (
            json!({"sev-type": "sev-snp", "snp-policy": 0x80000}),
            "SEV type: sev-snp\nstate: running\nbuild: 8\napi version: 1.55\ndebug: on\nSMT allowed: off\n",
        ),
    ] {
        assert_eq!(
            answer(sev(info.clone()), "info sev").await,
            expected,
            "{info}"
        );
    }
}

/// Where registers decide what bytes mean, or a CPU may get there.
#[tokio::test]
async fn instructions_that_are_not_certain() {
    let registers = "format i: how bytes are decoded depends on the CPU's registers";
    let cpu = json!([{"cpu-index": 0, "qom-path": "/cpu0"}]);
    for (version, arch, cpus, kind, start) in [
        ("10.0.2", "x86_64", &cpu, "", registers),
        ("10.0.2", "aarch64", &cpu, "cortex-a57-arm-cpu", registers),
        ("7.2.22", "aarch64", &cpu, "a64fx-arm-cpu", registers),
        (
            "10.0.2",
            "s390x",
            &json!([]),
            "",
            "Can not dump without CPU\n",
        ),
    ] {
        for line in ["x/i 0", "xp/2i 0x1000"] {
            let mut mock = MockQmp::scripted()
                .version(version)
                .command("query-cpus-fast", cpus.clone())
                .command("qom-get", json!(kind));
            for name in [
                "add-fd",
                "memsave",
                "pmemsave",
                "remove-fd",
                "qom-list",
                "x-query-ramblock",
            ] {
                mock = mock.command(name, json!({}));
            }
            let answer = answer_of(mock, arch, line).await;
            assert!(answer.starts_with(start), "{arch} {line}: {answer}");
        }
    }
}

/// A board with an interrupt controller at 0x8000000, whose registers are different for each CPU, and
/// one at 0x9000000 that is seen through an alias.
fn board(cpus: u64) -> MockQmp {
    let list = |arguments: &serde_json::Value| {
        let child =
            |name: &str, kind: &str| json!({"name": name, "type": format!("child<{kind}>")});
        let list = match arguments["path"].as_str().unwrap() {
            "/" => vec![child("machine", "vexpress-machine")],
            "/machine" => vec![
                child("unattached", "container"),
                child("soc", "xlnx-zynqmp"),
            ],
            "/machine/soc" => vec![
                child("gic", "arm_gic"),
                child("zynqmp-gic-alias[3]", "memory-region"),
            ],
            "/machine/unattached" => vec![
                child("system[0]", "memory-region"),
                child("device[0]", "arm_gic"),
            ],
            "/machine/unattached/device[0]" => vec![child("gic_dist[0]", "memory-region")],
            _ => vec![],
        };
        Answer::from(json!(list))
    };
    let get = move |arguments: &serde_json::Value| {
        let path = arguments["path"].as_str().unwrap();
        let alias = path.ends_with("zynqmp-gic-alias[3]");
        let value = match (
            path.ends_with("gic_dist[0]") || alias,
            arguments["property"].as_str().unwrap(),
        ) {
            (true, "addr") if alias => json!(0x900_0000),
            (true, "addr") => json!(0x800_0000),
            (true, "size") => json!(0x1000),
            (true, "container") => json!("/machine/unattached/system[0]"),
            (false, "size") => json!(u64::MAX),
            (false, "num-cpu") => json!(cpus),
            (false, "type") if path.ends_with("device[0]") => json!("arm_gic"),
            (false, "type") if path.ends_with("soc") => json!("xlnx-zynqmp"),
            (false, "type") => json!("vexpress-a9-machine"),
            _ => json!(0),
        };
        Answer::from(value)
    };
    MockQmp::scripted()
        .command("query-memory-size-summary", json!({"base-memory": 4096}))
        .command_with("qom-list", list)
        .command_with("qom-get", get)
        .command("add-fd", json!({}))
        .command("remove-fd", json!({}))
        .command("pmemsave", json!({}))
        .command("memsave", json!({}))
}

#[tokio::test]
async fn registers_of_each_cpu() {
    for (cpus, arch, line, refused) in [
        (2, "arm", "xp/4xw 0x8000000", true),
        (2, "aarch64", "xp/1xb 0x8000fff", true),
        (2, "aarch64", "xp/1xb 0x9000fff", true),
        (2, "aarch64", "xp/1xb 0x9001000", false),
        (1, "aarch64", "xp/1xb 0x9000fff", false),
        (2, "arm", "x/2xg 0x7fffff8", true),
        (2, "arm", "xp/1xb 0x8001000", false),
        (2, "arm", "xp/8xb 0x7fffff8", false),
        (1, "arm", "xp/4xw 0x8000000", false),
        (2, "riscv64", "xp/4xw 0x8000000", false),
        (2, "arm", "sum 0x7000000 0x1000001", true),
        (2, "arm", "sum 0x7000000 0x1000000", false),
        (2, "arm", "x/i 0x8000ffc", true),
        (2, "arm", "pmemsave 0x8000000 1 \"f\"", true),
        (2, "arm", "pmemsave 0x8001000 1 \"f\"", false),
        (2, "arm", "memsave 0x8000000 1 \"f\"", true),
    ] {
        let answer = answer_of(board(cpus), arch, line).await;
        assert_eq!(
            answer.starts_with("refused: "),
            refused,
            "{arch} {line}: {answer}"
        );
    }
}

/// A board with one PowerPC CPU of this type.
fn powerpc(target: &'static str, model: &'static str, family: &'static str) -> MockQmp {
    let base = format!("power{}-cpu", &target[1..]);
    let kind = format!("{model}-{base}");
    let types = json!([
        {"name": format!("{family}-family-{base}"), "abstract": true, "parent": base},
        {"name": kind, "parent": format!("{family}-family-{base}")},
    ]);
    MockQmp::scripted()
        .command(
            "query-cpus-fast",
            json!([{"cpu-index": 0, "qom-path": "/cpu"}]),
        )
        .command("qom-get", json!(kind))
        .command("qom-list-types", types)
        .command("qom-list", json!([]))
        .command("add-fd", json!({}))
        .command("remove-fd", json!({}))
        .command("memsave", json!({}))
}

/// On CPUs whose MMU has 32 bits, addresses of more harm.
#[tokio::test]
async fn addresses_beyond_segments() {
    for (target, model, family, line, refused) in [
        ("ppc64", "750_v3.1", "750", "x/2xw 0xc000000000000000", true),
        ("ppc64", "750_v3.1", "750", "x -16", true),
        ("ppc64", "750_v3.1", "750", "x/i 0x200000000", true),
        ("ppc64", "750_v3.1", "750", "x/2xw 0x1fffffff8", false),
        ("ppc64", "750_v3.1", "750", "x/3xw 0x1fffffff8", true),
        (
            "ppc64",
            "603e_v4.1",
            "603E",
            "gva2gpa 0xc000000000000000",
            true,
        ),
        ("ppc64", "603e_v4.1", "603E", "gva2gpa 0xc0000000", false),
        ("ppc64", "604", "604", "memsave 0x200000000 1 \"f\"", true),
        ("ppc64", "604", "604", "memsave 0xfff00100 1 \"f\"", false),
        ("ppc64", "604", "604", "xp/2xw 0xc000000000000000", false),
        (
            "ppc64",
            "power9_v2.2",
            "POWER9",
            "x/2xw 0xc000000000000000",
            false,
        ),
        ("ppc64", "e5500", "e5500", "x/2xw 0xc000000000000000", false),
        (
            "ppc",
            "750_v3.1",
            "750",
            "memsave 0x200000000 1 \"f\"",
            true,
        ),
        ("ppc", "750_v3.1", "750", "x/2xw 0x2fff00100", false),
    ] {
        let answer = answer_of(powerpc(target, model, family), target, line).await;
        let starts = answer.starts_with("refused: ");
        assert_eq!(starts, refused, "{target} {model} {line}: {answer}");
    }
}

/// From 11.0 on every target has the commands, and only those with Xen guests answer.
#[tokio::test]
async fn xen_event_channels() {
    let none = "XEN emulation is not available in this QEMU\n";
    for (arch, version, list, inject) in [
        (
            "x86_64",
            "10.0.2",
            "port    1: vcpu: 0 ipi\n",
            "Delivered port 5\n",
        ),
        (
            "i386",
            "11.1.3",
            "port    1: vcpu: 0 ipi\n",
            "Delivered port 5\n",
        ),
        ("aarch64", "11.1.3", none, none),
        ("aarch64", "11.1.0", none, none),
    ] {
        let mock = || {
            let ipi = json!({"port": 1, "vcpu": 0, "type": "ipi", "remote-domain": "", "target": 0, "pending": false, "masked": false});
            MockQmp::scripted()
                .version(version)
                .command("xen-event-list", json!([ipi]))
                .command("xen-event-inject", json!({}))
        };
        assert_eq!(
            answer_of(mock(), arch, "xen-event-list").await,
            list,
            "{arch} {version}"
        );
        assert_eq!(
            answer_of(mock(), arch, "xen-event-inject 5").await,
            inject,
            "{arch} {version}"
        );
    }
}

const DEVICE: &str = "/machine/peripheral/n0/virtio-backend";

/// A back end outside QEMU, which no test has; the texts are those of hw/virtio/virtio-hmp-cmds.c.
#[tokio::test]
async fn virtio_devices_with_vhost() {
    let features = json!({"transports": ["A", "B"], "dev-features": ["C"]});
    let unknown = json!({"transports": [], "unknown-dev-features": 1, "unknown-dev-features2": 2});
    let status = json!({
        "name": "virtio-net", "device-id": 1, "vhost-started": true, "bus-name": "", "broken": false, "disabled": false,
        "disable-legacy-check": false, "started": true, "use-started": true, "start-on-kick": false,
        "use-guest-notifier-mask": true, "vm-running": true, "num-vqs": 3, "queue-sel": 2, "isr": 1,
        "device-endian": "little", "status": {"statuses": ["OK"], "unknown-statuses": 16},
        "guest-features": features, "host-features": features, "backend-features": unknown,
        "vhost-dev": {
            "n-mem-sections": 4, "n-tmp-sections": 5, "nvqs": 2, "vq-index": 0, "max-queues": 1, "backend-cap": 7,
            "log-enabled": false, "log-size": 0, "features": features, "acked-features": features,
            "backend-features": {"transports": [], "unknown-dev-features": 8},
            "protocol-features": {"protocols": ["P"], "unknown-protocols": 32}
        }
    });
    let mock = MockQmp::scripted().command("x-query-virtio-status", status);
    let list = "\tA,\n\tB\n\tC\n";
    assert_eq!(
        answer(mock, &format!("info virtio-status {DEVICE}")).await,
        format!(
            "{DEVICE}:\n  device_name:             virtio-net (vhost)\n  device_id:               1\n\
             \x20 vhost_started:           true\n  bus_name:                (null)\n  broken:                  false\n\
             \x20 disabled:                false\n  disable_legacy_check:    false\n  started:                 true\n\
             \x20 use_started:             true\n  start_on_kick:           false\n\
             \x20 use_guest_notifier_mask: true\n  vm_running:              true\n  num_vqs:                 3\n\
             \x20 queue_sel:               2\n  isr:                     1\n  endianness:              little\n\
             \x20 status:\n\tOK\n  unknown-statuses(0x0000000000000010)\n  Guest features:\n{list}  Host features:\n{list}\
             \x20 Backend features:\n\n  unknown-features(0x00000000000000020000000000000001)\n  VHost:\n\
             \x20   nvqs:           2\n    vq_index:       0\n    max_queues:     1\n    n_mem_sections: 4\n\
             \x20   n_tmp_sections: 5\n    backend_cap:    7\n    log_enabled:    false\n    log_size:       0\n\
             \x20   Features:\n{list}    Acked features:\n{list}    Backend features:\n\n\
             \x20 unknown-features(0x0000000000000008)\n    Protocol features:\n\tP\n\
             \x20 unknown-protocols(0x0000000000000020)\n"
        )
    );
    let queue = json!({
        "name": "virtio-net", "kick": 20, "call": 21, "num": 256, "desc": 4096, "desc-phys": 8192, "desc-size": 16,
        "avail": 1, "avail-phys": 2, "avail-size": 3, "used": 4, "used-phys": 5, "used-size": 6
    });
    let mock = MockQmp::scripted().command("x-query-virtio-vhost-queue-status", queue);
    assert_eq!(
        answer(mock, &format!("info virtio-vhost-queue-status {DEVICE} 0")).await,
        format!(
            "{DEVICE}:\n  device_name:          virtio-net (vhost)\n  kick:                 20\n  call:                 21\n\
             \x20 VRing:\n    num:         256\n    desc:        0x0000000000001000\n    desc_phys:   0x0000000000002000\n\
             \x20   desc_size:   16\n    avail:       0x0000000000000001\n    avail_phys:  0x0000000000000002\n\
             \x20   avail_size:  3\n    used:        0x0000000000000004\n    used_phys:   0x0000000000000005\n\
             \x20   used_size:   6\n"
        )
    );
}

/// The queue is cut to 16 bits, and an index of which all bits are set is none.
#[tokio::test]
async fn elements_of_virtio_queues() {
    let element = |arguments: &serde_json::Value| {
        let index = arguments.get("index").cloned().unwrap_or(json!(99));
        Answer::from(json!({
            "name": format!("queue {}", arguments["queue"]), "index": index,
            "descs": [
                {"addr": 16, "len": 4294967295u32, "flags": ["write", "next"]},
                {"addr": 32, "len": 5}
            ],
            "avail": {"flags": 1, "idx": 2, "ring": 3}, "used": {"flags": 4, "idx": 5}
        }))
    };
    for (words, queue, index) in [
        ("0", 0, 99),
        ("65537 3", 1, 3),
        ("1 0xffffffff", 1, 99),
        ("1 65538", 1, 2),
    ] {
        let mock = MockQmp::scripted().command_with("x-query-virtio-queue-element", element);
        assert_eq!(
            answer(mock, &format!("info virtio-queue-element {DEVICE} {words}")).await,
            format!(
                "{DEVICE}:\n  device_name: queue {queue}\n  index:   {index}\n  desc:\n    descs:\n\
                 \x20       addr 0x10 len -1 (write, next),\n        addr 0x20 len 5\n  avail:\n    flags: 1\n    idx:   2\n\
                 \x20   ring:  3\n  used:\n    flags: 4\n    idx:   5\n"
            )
        );
    }
}

/// Where QMP says no reason, the built-in has one on QEMU's standard error.
#[tokio::test]
async fn how_migrations_end() {
    for (info, expected) in [
        (
            json!({"status": "failed", "error-desc": "no route"}),
            "Error: no route\n",
        ),
        (json!({"status": "failed"}), "Error: migration failed\n"),
        (json!({"status": "completed"}), ""),
        (json!({"status": "cancelled"}), ""),
    ] {
        let mock = MockQmp::scripted()
            .command("migrate", json!({}))
            .command("query-migrate", info);
        assert_eq!(answer(mock, "migrate tcp:h:1").await, expected);
    }
}

/// From 9.2 on, a region without an address says so.
#[tokio::test]
async fn regions_of_pci_devices_that_are_not_mapped() {
    for (version, shown) in [
        (
            "9.1.3",
            "BAR0: 32 bit memory at 0xffffffffffffffff [0x00000ffe].",
        ),
        ("9.2.0", "BAR0: 32 bit memory (not mapped)\n"),
    ] {
        let device = json!({
            "bus": 0, "slot": 2, "function": 0, "qdev_id": "x", "class_info": {"class": 264}, "id": {"device": 1, "vendor": 2},
            "regions": [{"prefetch": false, "mem_type_64": false, "bar": 0, "size": 4096, "address": -1, "type": "memory"}]
        });
        let mock = MockQmp::scripted()
            .version(version)
            .command("query-pci", json!([{"bus": 0, "devices": [device]}]));
        let text = answer(mock, "info pci").await;
        assert!(text.contains(shown), "{version}: {text}");
    }
}

/// What QEMU says of an image, as block/qapi.c prints it.
#[tokio::test]
async fn images() {
    let block = |image: serde_json::Value| {
        let mut image = image;
        for (name, value) in [
            ("filename", json!("a")),
            ("format", json!("qcow2")),
            ("virtual-size", json!(1024)),
            ("actual-size", json!(512)),
        ] {
            image[name] = value;
        }
        let cache = json!({"writeback": true, "direct": false, "no-flush": false});
        json!([{
            "device": "d0", "type": "unknown", "removable": false, "locked": false,
            "inserted": {
                "file": "a", "node-name": "n0", "ro": false, "drv": "qcow2", "backing_file_depth": 0, "encrypted": false,
                "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0, "detect_zeroes": "off",
                "write_threshold": 0, "image": image, "cache": cache
            }
        }])
    };
    let head = "\nImages:\nimage: a\nfile format: qcow2\nvirtual size: 1 KiB (1024 bytes)\ndisk size: 512 B\n";
    let none = json!({"type": "qcow2", "data": {}});
    for (version, image, rest) in [
        (
            "10.0.2",
            json!({"backing-filename": "b", "full-backing-filename": "b"}),
            "backing file: b\n",
        ),
        (
            "10.0.2",
            json!({"backing-filename": "b", "full-backing-filename": "/b", "backing-filename-format": "raw"}),
            "backing file: b (actual path: /b)\nbacking file format: raw\n",
        ),
        (
            "10.0.2",
            json!({"backing-filename": "b"}),
            "backing file: b (cannot determine actual path)\n",
        ),
        (
            "7.2.22",
            json!({"format-specific": none}),
            "Format specific information:\n",
        ),
        ("8.0.0", json!({"format-specific": none}), ""),
        (
            "10.0.2",
            json!({"format-specific": {"type": "qcow2", "data": {
                "compat": "1.1", "refcount-bits": 16, "lazy": false,
                "bitmaps": [{"name": "m", "flags": ["auto"]}, []], "encrypt": {"detail": {"slot": 1}}
            }}}),
            "Format specific information:\n    compat: 1.1\n    refcount bits: 16\n    lazy: false\n    bitmaps:\n\
             \x20       [0]:\n            name: m\n            flags:\n                [0]: auto\n        [1]:\n\
             \x20   encrypt:\n        detail:\n            slot: 1\n",
        ),
    ] {
        let mock = MockQmp::scripted()
            .version(version)
            .command("query-block", block(image))
            .command("query-named-block-nodes", json!([]));
        let text = answer(mock, "info block -v d0").await;
        assert!(
            text.ends_with(&format!("{head}{rest}")),
            "{version}: {text}"
        );
    }
}

/// Releases before 9.1 keep a descriptor set as long as the VM is stopped: they get a name.
#[tokio::test]
async fn no_descriptor_is_given_that_would_stay() {
    for (version, in_set) in [("7.2.0", false), ("9.0.0", false), ("9.1.0", true)] {
        let (sets, names, closed) = <(Requests, Requests, Requests)>::default();
        let mock = MockQmp::scripted()
            .version(version)
            .command("memsave", json!({}))
            .command("remove-fd", json!({}));
        let mock = sets.of(mock, "add-fd", |_| json!({"fdset-id": 1, "fd": 12}).into());
        let mock = names.of(mock, "getfd", |_| json!({}).into());
        let mock = closed.of(mock, "closefd", |_| json!({}).into());
        answer(mock, "x 0").await;
        let counts = [&sets, &names, &closed].map(|requests| requests.seen().len());
        // It is tried twice, for this mock writes nothing.
        let expected = if in_set { [2, 0, 0] } else { [0, 2, 2] };
        assert_eq!(counts, expected, "{version}");
    }
}

/// The connection breaks while QEMU has a descriptor set of ours; the monitor of the next one takes
/// it back, if it is told to go on there.
#[tokio::test]
async fn what_was_given_is_taken_back_on_the_next_connection() {
    let given = || {
        MockQmp::scripted()
            .command("query-target", json!({"arch": "x86_64"}))
            .command("add-fd", json!({"fdset-id": 7, "fd": 12}))
            .command("query-name", json!({"name": "vm"}))
    };
    let breaks = |_: &serde_json::Value| Answer::from(json!({})).quits();
    let mock = given().command("remove-fd", json!({}));
    let (_server, mut first) = on_mock(mock.command_with("memsave", breaks)).await;
    let mut lost = String::new();
    crate::common::engine::run(&mut first, "x/4cb 0", &mut lost).await;
    assert!(!first.is_tidy(), "{lost}");
    for (goes_on, expected) in [(true, vec![json!({"fdset-id": 7})]), (false, vec![])] {
        let taken = Requests::default();
        let mock = taken.of(given(), "remove-fd", |_| Answer::from(json!({})));
        let (_server, mut next) = on_mock(mock).await;
        if goes_on {
            next.goes_on_after(&first);
        }
        let mut name = String::new();
        crate::common::engine::run(&mut next, "info name", &mut name).await;
        assert_eq!(name, "vm\n");
        assert_eq!(taken.seen(), expected);
        assert!(next.is_tidy());
    }
}
