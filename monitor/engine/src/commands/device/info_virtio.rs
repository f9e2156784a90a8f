// SPDX-License-Identifier: GPL-2.0-or-later
//! Virtio devices and their queues.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::version::{Version, v};

#[derive(Deserialize)]
struct VirtioInfo {
    path: String,
    name: String,
}

/// The first release that looks for devices in the QOM tree, and so words what it does not find in
/// another way (8.2, commit b532c684e0 of QEMU).
const FROM_TREE: Version = v(8, 2);

/// The first release with features beyond 64 bits (10.2, commit a76f5b795c of QEMU).
const WIDE_FEATURES: Version = v(10, 2);

/// `info virtio`: where there are none, older releases have a sentence, newer ones an error.
pub async fn info_virtio(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let devices: Vec<VirtioInfo> = if !cx.caps.preconfig {
        cx.query("x-query-virtio").await?
    } else if cx.caps.version < FROM_TREE {
        Vec::new()
    } else {
        return Err(CmdError::User("No virtio devices found".into()));
    };
    if devices.is_empty() {
        writeln!(cx, "No VirtIO devices")?;
    }
    for device in devices {
        writeln!(cx, "{} [{}]", device.path, device.name)?;
    }
    Ok(())
}

/// In preconfig, where there are no devices yet, QMP refuses these questions; the built-in looks in
/// vain.
fn look(cx: &Cx<'_>, path: &str, kind: &str) -> CmdResult {
    if cx.caps.preconfig {
        return Err(CmdError::User(format!("Path {path} is not a {kind}")));
    }
    Ok(())
}

/// Arguments of `info virtio-status`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VirtioStatus {
    name: String,
    device_id: u64,
    vhost_started: bool,
    bus_name: Option<String>,
    broken: bool,
    disabled: bool,
    disable_legacy_check: bool,
    started: bool,
    use_started: bool,
    start_on_kick: bool,
    use_guest_notifier_mask: bool,
    vm_running: bool,
    num_vqs: i64,
    queue_sel: u64,
    isr: u64,
    device_endian: String,
    status: Statuses,
    guest_features: Features,
    host_features: Features,
    backend_features: Features,
    vhost_dev: Option<VhostStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Statuses {
    statuses: Vec<String>,
    unknown_statuses: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Features {
    transports: Vec<String>,
    #[serde(default)]
    dev_features: Vec<String>,
    unknown_dev_features: Option<u64>,
    // Bits 64 and up.
    unknown_dev_features2: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Protocols {
    protocols: Vec<String>,
    unknown_protocols: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VhostStatus {
    n_mem_sections: i64,
    n_tmp_sections: i64,
    nvqs: u64,
    vq_index: i64,
    features: Features,
    acked_features: Features,
    backend_features: Features,
    protocol_features: Protocols,
    max_queues: i64,
    backend_cap: i64,
    log_enabled: bool,
    log_size: i64,
}

/// `info virtio-status`.
pub async fn info_status(cx: &mut Cx<'_>, args: Device) -> CmdResult {
    let kind = if cx.caps.version < FROM_TREE {
        "VirtIODevice"
    } else {
        "realized VirtIODevice"
    };
    look(cx, &args.path, kind)?;
    let path = json!({"path": args.path});
    let status: VirtioStatus = cx.query_with("x-query-virtio-status", path).await?;
    let wide = cx.caps.version >= WIDE_FEATURES;
    print_status(cx, &args.path, &status, wide)?;
    Ok(())
}

fn print_status(out: &mut dyn Write, path: &str, s: &VirtioStatus, wide: bool) -> fmt::Result {
    let vhost = if s.vhost_dev.is_some() { "(vhost)" } else { "" };
    // Over QMP a bus without a name is an empty string, or none.
    let bus = s.bus_name.as_deref().filter(|name| !name.is_empty());
    let bus = bus.unwrap_or("(null)");
    writeln!(out, "{path}:")?;
    writeln!(out, "  device_name:             {} {vhost}", s.name)?;
    let values: [(&str, &dyn fmt::Display); 15] = [
        ("device_id", &s.device_id),
        ("vhost_started", &s.vhost_started),
        ("bus_name", &bus),
        ("broken", &s.broken),
        ("disabled", &s.disabled),
        ("disable_legacy_check", &s.disable_legacy_check),
        ("started", &s.started),
        ("use_started", &s.use_started),
        ("start_on_kick", &s.start_on_kick),
        ("use_guest_notifier_mask", &s.use_guest_notifier_mask),
        ("vm_running", &s.vm_running),
        ("num_vqs", &s.num_vqs),
        ("queue_sel", &s.queue_sel),
        ("isr", &s.isr),
        ("endianness", &s.device_endian),
    ];
    for (name, value) in values {
        writeln!(out, "  {:<24} {value}", format!("{name}:"))?;
    }
    writeln!(out, "  status:")?;
    print_list(out, &s.status.statuses)?;
    if let Some(bits) = s.status.unknown_statuses {
        writeln!(out, "  unknown-statuses({bits:#018x})")?;
    }
    writeln!(out, "  Guest features:")?;
    print_features(out, &s.guest_features, wide)?;
    writeln!(out, "  Host features:")?;
    print_features(out, &s.host_features, wide)?;
    writeln!(out, "  Backend features:")?;
    print_features(out, &s.backend_features, wide)?;
    match &s.vhost_dev {
        Some(vhost) => print_vhost(out, vhost, wide),
        None => Ok(()),
    }
}

fn print_vhost(out: &mut dyn Write, v: &VhostStatus, wide: bool) -> fmt::Result {
    writeln!(out, "  VHost:")?;
    let values: [(&str, &dyn fmt::Display); 8] = [
        ("nvqs", &v.nvqs),
        ("vq_index", &v.vq_index),
        ("max_queues", &v.max_queues),
        ("n_mem_sections", &v.n_mem_sections),
        ("n_tmp_sections", &v.n_tmp_sections),
        ("backend_cap", &v.backend_cap),
        ("log_enabled", &v.log_enabled),
        ("log_size", &v.log_size),
    ];
    for (name, value) in values {
        writeln!(out, "    {:<15} {value}", format!("{name}:"))?;
    }
    writeln!(out, "    Features:")?;
    print_features(out, &v.features, wide)?;
    writeln!(out, "    Acked features:")?;
    print_features(out, &v.acked_features, wide)?;
    writeln!(out, "    Backend features:")?;
    print_features(out, &v.backend_features, wide)?;
    writeln!(out, "    Protocol features:")?;
    print_list(out, &v.protocol_features.protocols)?;
    match v.protocol_features.unknown_protocols {
        Some(bits) => writeln!(out, "  unknown-protocols({bits:#018x})"),
        None => Ok(()),
    }
}

/// One item a line, each behind a tab; an empty list is an empty line.
fn print_list(out: &mut dyn Write, items: &[String]) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        let separator = if i == 0 { "" } else { ",\n" };
        write!(out, "{separator}\t{item}")?;
    }
    writeln!(out)
}

fn print_features(out: &mut dyn Write, features: &Features, wide: bool) -> fmt::Result {
    print_list(out, &features.transports)?;
    if !features.dev_features.is_empty() {
        print_list(out, &features.dev_features)?;
    }
    match (
        features.unknown_dev_features,
        features.unknown_dev_features2,
    ) {
        (low, Some(high)) => {
            let low = low.unwrap_or(0);
            writeln!(out, "  unknown-features({high:#018x}{low:016x})")
        }
        // QMP leaves the upper half out, which the built-in prints.
        (Some(low), None) if wide => writeln!(out, "  unknown-features({:#018x}{low:016x})", 0),
        (Some(low), None) => writeln!(out, "  unknown-features({low:#018x})"),
        (None, None) => Ok(()),
    }
}

/// Arguments of the queue commands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    path: String,
    queue: i64,
    index: Option<i64>,
}

impl Queue {
    /// QMP takes 16 bits; the built-in cuts what it was given down to them.
    fn number(&self) -> u16 {
        self.queue as u16
    }

    /// The index asked for; all 32 bits set mean none.
    fn index(&self) -> Option<u16> {
        self.index.filter(|i| *i as i32 != -1).map(|i| i as u16)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct QueueStatus {
    name: String,
    queue_index: u64,
    inuse: i64,
    used_idx: u64,
    signalled_used: u64,
    signalled_used_valid: bool,
    last_avail_idx: Option<u64>,
    shadow_avail_idx: Option<u64>,
    vring_num: i64,
    vring_num_default: i64,
    vring_align: i64,
    vring_desc: u64,
    vring_avail: u64,
    vring_used: u64,
}

/// `info virtio-queue-status`.
pub async fn info_queue_status(cx: &mut Cx<'_>, args: Queue) -> CmdResult {
    look(cx, &args.path, "VirtIODevice")?;
    let queue = json!({"path": args.path, "queue": args.number()});
    let s: QueueStatus = cx.query_with("x-query-virtio-queue-status", queue).await?;
    print_queue_status(cx, &args.path, &s)?;
    Ok(())
}

fn print_queue_status(out: &mut dyn Write, path: &str, s: &QueueStatus) -> fmt::Result {
    writeln!(out, "{path}:")?;
    writeln!(out, "  device_name:          {}", s.name)?;
    writeln!(out, "  queue_index:          {}", s.queue_index)?;
    writeln!(out, "  inuse:                {}", s.inuse)?;
    writeln!(out, "  used_idx:             {}", s.used_idx)?;
    writeln!(out, "  signalled_used:       {}", s.signalled_used)?;
    writeln!(out, "  signalled_used_valid: {}", s.signalled_used_valid)?;
    if let Some(index) = s.last_avail_idx {
        writeln!(out, "  last_avail_idx:       {index}")?;
    }
    if let Some(index) = s.shadow_avail_idx {
        writeln!(out, "  shadow_avail_idx:     {index}")?;
    }
    writeln!(out, "  VRing:")?;
    writeln!(out, "    num:          {}", s.vring_num)?;
    writeln!(out, "    num_default:  {}", s.vring_num_default)?;
    writeln!(out, "    align:        {}", s.vring_align)?;
    writeln!(out, "    desc:         {:#018x}", s.vring_desc)?;
    writeln!(out, "    avail:        {:#018x}", s.vring_avail)?;
    writeln!(out, "    used:         {:#018x}", s.vring_used)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VhostQueueStatus {
    name: String,
    kick: i64,
    call: i64,
    num: i64,
    desc: u64,
    desc_phys: u64,
    desc_size: i64,
    avail: u64,
    avail_phys: u64,
    avail_size: i64,
    used: u64,
    used_phys: u64,
    used_size: i64,
}

/// `info virtio-vhost-queue-status`.
pub async fn info_vhost_queue_status(cx: &mut Cx<'_>, args: Queue) -> CmdResult {
    look(cx, &args.path, "VirtIODevice")?;
    let queue = json!({"path": args.path, "queue": args.number()});
    let s: VhostQueueStatus = cx
        .query_with("x-query-virtio-vhost-queue-status", queue)
        .await?;
    print_vhost_queue_status(cx, &args.path, &s)?;
    Ok(())
}

fn print_vhost_queue_status(out: &mut dyn Write, path: &str, s: &VhostQueueStatus) -> fmt::Result {
    writeln!(out, "{path}:")?;
    writeln!(out, "  device_name:          {} (vhost)", s.name)?;
    writeln!(out, "  kick:                 {}", s.kick)?;
    writeln!(out, "  call:                 {}", s.call)?;
    writeln!(out, "  VRing:")?;
    writeln!(out, "    num:         {}", s.num)?;
    let rings = [
        ("desc", s.desc, s.desc_phys, s.desc_size),
        ("avail", s.avail, s.avail_phys, s.avail_size),
        ("used", s.used, s.used_phys, s.used_size),
    ];
    for (name, virt, phys, size) in rings {
        writeln!(out, "    {:<12} {virt:#018x}", format!("{name}:"))?;
        writeln!(out, "    {:<12} {phys:#018x}", format!("{name}_phys:"))?;
        writeln!(out, "    {:<12} {size}", format!("{name}_size:"))?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct QueueElement {
    name: String,
    index: u64,
    descs: Vec<Descriptor>,
    avail: Avail,
    used: Used,
}

#[derive(Deserialize)]
struct Descriptor {
    addr: u64,
    len: u64,
    #[serde(default)]
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct Avail {
    flags: u64,
    idx: u64,
    ring: u64,
}

#[derive(Deserialize)]
struct Used {
    flags: u64,
    idx: u64,
}

/// `info virtio-queue-element`; without an index, the queue's head.
pub async fn info_queue_element(cx: &mut Cx<'_>, args: Queue) -> CmdResult {
    look(cx, &args.path, "VirtIO device")?;
    let mut element = json!({"path": args.path, "queue": args.number()});
    if let Some(index) = args.index() {
        element["index"] = index.into();
    }
    let e: QueueElement = cx
        .query_with("x-query-virtio-queue-element", element)
        .await?;
    print_queue_element(cx, &args.path, &e)?;
    Ok(())
}

fn print_queue_element(out: &mut dyn Write, path: &str, e: &QueueElement) -> fmt::Result {
    writeln!(out, "{path}:")?;
    writeln!(out, "  device_name: {}", e.name)?;
    writeln!(out, "  index:   {}", e.index)?;
    writeln!(out, "  desc:\n    descs:")?;
    for (i, desc) in e.descs.iter().enumerate() {
        let separator = if i == 0 { "" } else { ",\n" };
        // A length prints as a signed number.
        let len = desc.len as i32;
        write!(out, "{separator}        addr {:#x} len {len}", desc.addr)?;
        if !desc.flags.is_empty() {
            write!(out, " ({})", desc.flags.join(", "))?;
        }
    }
    writeln!(out)?;
    writeln!(out, "  avail:")?;
    writeln!(out, "    flags: {}", e.avail.flags)?;
    writeln!(out, "    idx:   {}", e.avail.idx)?;
    writeln!(out, "    ring:  {}", e.avail.ring)?;
    writeln!(out, "  used:")?;
    writeln!(out, "    flags: {}", e.used.flags)?;
    writeln!(out, "    idx:   {}", e.used.idx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_features_are_as_wide_as_the_release_has_them() {
        let features: Features =
            serde_json::from_value(json!({"transports": [], "unknown-dev-features": 0x4000_0000}))
                .unwrap();
        let printed = |wide| {
            let mut text = String::new();
            print_features(&mut text, &features, wide).unwrap();
            text
        };
        assert_eq!(printed(false), "\n  unknown-features(0x0000000040000000)\n");
        assert_eq!(
            printed(true),
            "\n  unknown-features(0x00000000000000000000000040000000)\n"
        );
    }
}
