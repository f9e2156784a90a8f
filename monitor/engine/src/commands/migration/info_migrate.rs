// SPDX-License-Identifier: GPL-2.0-or-later
//! `info migrate`, `info migrate_capabilities`, `info migrate_parameters`.

use std;
use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::command::cx::{CmdResult, Cx, NoArgs};
use crate::format::number::human;
use crate::qmp::version::{Version, v};

/// Arguments of `info migrate`; releases before 10.1 take none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    #[serde(default)]
    all: bool,
}

/// What `query-migrate` says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    status: Option<String>,
    error_desc: Option<String>,
    blocked_reasons: Option<Vec<String>>,
    #[serde(default)]
    total_time: u64,
    expected_downtime: Option<u64>,
    downtime: Option<u64>,
    setup_time: Option<u64>,
    remaining: Option<u64>,
    ram: Option<Ram>,
    disk: Option<Disk>,
    xbzrle_cache: Option<Xbzrle>,
    compression: Option<Compression>,
    cpu_throttle_percentage: Option<u64>,
    dirty_limit_throttle_time_per_round: Option<u64>,
    dirty_limit_ring_full_time: Option<u64>,
    postcopy_blocktime: Option<u64>,
    postcopy_vcpu_blocktime: Option<Vec<u64>>,
    postcopy_latency: Option<u64>,
    postcopy_non_vcpu_latency: Option<u64>,
    postcopy_vcpu_latency: Option<Vec<u64>>,
    postcopy_latency_dist: Option<Vec<u64>>,
    socket_address: Option<Vec<Value>>,
    vfio: Option<Vfio>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ram {
    transferred: u64,
    remaining: u64,
    total: u64,
    duplicate: u64,
    /// Gone in 9.1.
    skipped: Option<u64>,
    normal: u64,
    normal_bytes: u64,
    dirty_pages_rate: u64,
    mbps: f64,
    dirty_sync_count: u64,
    postcopy_requests: u64,
    page_size: u64,
    multifd_bytes: u64,
    pages_per_second: u64,
    precopy_bytes: u64,
    downtime_bytes: u64,
    postcopy_bytes: u64,
    dirty_sync_missed_zero_copy: u64,
}

#[derive(Debug, Deserialize)]
struct Disk {
    transferred: u64,
    remaining: u64,
    total: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Xbzrle {
    cache_size: u64,
    bytes: u64,
    pages: u64,
    cache_miss: u64,
    cache_miss_rate: f64,
    encoding_rate: f64,
    overflow: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Compression {
    pages: u64,
    busy: u64,
    busy_rate: f64,
    compressed_size: u64,
    compression_rate: f64,
}

#[derive(Debug, Deserialize)]
struct Vfio {
    transferred: u64,
}

/// The first release with the short form, and with `-a` (10.1, commit e09c6d8375 of QEMU).
const SHORT_FORM: Version = v(10, 1);

/// Options like `-only-migratable` and `-global`, and the machine type, decide them.
const GLOBALS_NOTE: &str = "QMP does not show the globals";

/// `info migrate`.
pub async fn info_migrate(cx: &mut Cx<'_>, args: Migrate) -> CmdResult {
    let info: Info = cx.query("query-migrate").await?;
    let version = cx.caps.version;
    if version >= SHORT_FORM {
        print_short(cx, &info)?;
        if args.all {
            writeln!(cx, "Globals:")?;
            print_details(cx, &info)?;
            cx.note(GLOBALS_NOTE);
        }
    } else {
        writeln!(cx, "globals:")?;
        print_long(cx, &info)?;
        cx.note(GLOBALS_NOTE);
    }
    Ok(())
}

fn print_status(out: &mut dyn Write, status: &str, info: &Info) -> fmt::Result {
    write!(out, "{status}")?;
    match &info.error_desc {
        Some(error) if status == "failed" => writeln!(out, " ({error})"),
        _ => writeln!(out),
    }
}

fn print_blocked(out: &mut dyn Write, info: &Info) -> fmt::Result {
    if let Some(reasons) = &info.blocked_reasons {
        writeln!(out, "Outgoing migration blocked:")?;
        for reason in reasons {
            writeln!(out, "  {reason}")?;
        }
    }
    Ok(())
}

fn print_sockets(out: &mut dyn Write, headline: &str, info: &Info) -> fmt::Result {
    if let Some(addresses) = &info.socket_address {
        writeln!(out, "{headline}: [")?;
        for address in addresses {
            writeln!(out, "\t{}", socket_uri(address))?;
        }
        writeln!(out, "]")?;
    }
    Ok(())
}

/// A socket address as QEMU writes it on one line (util/qemu-sockets.c, `socket_uri`).
fn socket_uri(address: &Value) -> String {
    let text = |key: &str| address.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "inet" => format!("tcp:{}:{}", text("host"), text("port")),
        "unix" => format!("unix:{}", text("path")),
        "fd" => format!("fd:{}", text("str")),
        "vsock" => format!("vsock:{}:{}", text("cid"), text("port")),
        _ => "unknown address type".into(),
    }
}

/// The form of releases before 10.1, without the globals.
fn print_long(out: &mut dyn Write, info: &Info) -> fmt::Result {
    print_blocked(out, info)?;
    if let Some(status) = &info.status {
        write!(out, "Migration status: ")?;
        print_status(out, status, info)?;
        writeln!(out, "total time: {} ms", info.total_time)?;
        for (name, value) in [
            ("expected downtime", info.expected_downtime),
            ("downtime", info.downtime),
            ("setup", info.setup_time),
        ] {
            if let Some(value) = value {
                writeln!(out, "{name}: {value} ms")?;
            }
        }
    }
    if let Some(ram) = &info.ram {
        print_ram(out, ram)?;
    }
    if let Some(disk) = &info.disk {
        writeln!(out, "transferred disk: {} kbytes", disk.transferred >> 10)?;
        writeln!(out, "remaining disk: {} kbytes", disk.remaining >> 10)?;
        writeln!(out, "total disk: {} kbytes", disk.total >> 10)?;
    }
    if let Some(x) = &info.xbzrle_cache {
        writeln!(out, "cache size: {} bytes", x.cache_size)?;
        writeln!(out, "xbzrle transferred: {} kbytes", x.bytes >> 10)?;
        writeln!(out, "xbzrle pages: {} pages", x.pages)?;
        writeln!(out, "xbzrle cache miss: {} pages", x.cache_miss)?;
        writeln!(out, "xbzrle cache miss rate: {:.2}", x.cache_miss_rate)?;
        writeln!(out, "xbzrle encoding rate: {:.2}", x.encoding_rate)?;
        writeln!(out, "xbzrle overflow: {}", x.overflow)?;
    }
    if let Some(c) = &info.compression {
        writeln!(out, "compression pages: {} pages", c.pages)?;
        writeln!(out, "compression busy: {}", c.busy)?;
        writeln!(out, "compression busy rate: {:.2}", c.busy_rate)?;
        writeln!(out, "compressed size: {} kbytes", c.compressed_size >> 10)?;
        writeln!(out, "compression rate: {:.2}", c.compression_rate)?;
    }
    for (name, value, unit) in [
        ("cpu throttle percentage", info.cpu_throttle_percentage, ""),
        (
            "dirty-limit throttle time",
            info.dirty_limit_throttle_time_per_round,
            " us",
        ),
        (
            "dirty-limit ring full time",
            info.dirty_limit_ring_full_time,
            " us",
        ),
        ("postcopy blocktime", info.postcopy_blocktime, ""),
    ] {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}{unit}")?;
        }
    }
    if let Some(times) = &info.postcopy_vcpu_blocktime {
        writeln!(out, "postcopy vcpu blocktime: {}", join(times, ","))?;
    }
    print_sockets(out, "socket address", info)?;
    if let Some(vfio) = &info.vfio {
        let transferred = vfio.transferred >> 10;
        writeln!(out, "vfio device transferred: {transferred} kbytes")?;
    }
    Ok(())
}

fn print_ram(out: &mut dyn Write, ram: &Ram) -> fmt::Result {
    writeln!(out, "transferred ram: {} kbytes", ram.transferred >> 10)?;
    writeln!(out, "throughput: {:.2} mbps", ram.mbps)?;
    writeln!(out, "remaining ram: {} kbytes", ram.remaining >> 10)?;
    writeln!(out, "total ram: {} kbytes", ram.total >> 10)?;
    writeln!(out, "duplicate: {} pages", ram.duplicate)?;
    if let Some(skipped) = ram.skipped {
        writeln!(out, "skipped: {skipped} pages")?;
    }
    writeln!(out, "normal: {} pages", ram.normal)?;
    writeln!(out, "normal bytes: {} kbytes", ram.normal_bytes >> 10)?;
    writeln!(out, "dirty sync count: {}", ram.dirty_sync_count)?;
    writeln!(out, "page size: {} kbytes", ram.page_size >> 10)?;
    writeln!(out, "multifd bytes: {} kbytes", ram.multifd_bytes >> 10)?;
    writeln!(out, "pages-per-second: {}", ram.pages_per_second)?;
    for (name, value, unit) in [
        ("dirty pages rate", ram.dirty_pages_rate, " pages"),
        ("postcopy request count", ram.postcopy_requests, ""),
    ] {
        if value != 0 {
            writeln!(out, "{name}: {value}{unit}")?;
        }
    }
    for (name, value) in [
        ("precopy ram", ram.precopy_bytes),
        ("downtime ram", ram.downtime_bytes),
        ("postcopy ram", ram.postcopy_bytes),
    ] {
        if value != 0 {
            writeln!(out, "{name}: {} kbytes", value >> 10)?;
        }
    }
    if ram.dirty_sync_missed_zero_copy != 0 {
        let times = ram.dirty_sync_missed_zero_copy;
        writeln!(out, "Zero-copy-send fallbacks happened: {times} times")?;
    }
    Ok(())
}

/// The form of 10.1 and later, without what `-a` adds.
fn print_short(out: &mut dyn Write, info: &Info) -> fmt::Result {
    print_blocked(out, info)?;
    if let Some(status) = &info.status {
        write!(out, "Status: \t\t")?;
        print_status(out, status, info)?;
        if info.total_time != 0 {
            write!(out, "Time (ms): \t\ttotal={}", info.total_time)?;
            for (name, value) in [
                ("setup", info.setup_time),
                ("exp_down", info.expected_downtime),
                ("down", info.downtime),
            ] {
                if let Some(value) = value {
                    write!(out, ", {name}={value}")?;
                }
            }
            writeln!(out)?;
        }
    }
    if let Some(remaining) = info.remaining {
        writeln!(out, "Remaining: \t\t{}", human(remaining))?;
    }
    print_sockets(out, "Sockets", info)?;
    let Some(ram) = &info.ram else {
        return Ok(());
    };
    writeln!(out, "RAM info:")?;
    writeln!(out, "  Throughput (Mbps): \t{:.2}", ram.mbps)?;
    writeln!(
        out,
        "  Sizes: \t\tpagesize={}, total={}",
        human(ram.page_size),
        human(ram.total)
    )?;
    writeln!(
        out,
        "  Transfers: \t\ttransferred={}, remain={}",
        human(ram.transferred),
        human(ram.remaining)
    )?;
    write!(
        out,
        "    Channels: \t\tprecopy={}, multifd={}, postcopy={}",
        human(ram.precopy_bytes),
        human(ram.multifd_bytes),
        human(ram.postcopy_bytes)
    )?;
    if let Some(vfio) = &info.vfio {
        write!(out, ", vfio={}", human(vfio.transferred))?;
    }
    writeln!(out)?;
    let (normal, zero) = (ram.normal, ram.duplicate);
    writeln!(out, "    Page Types: \tnormal={normal}, zero={zero}")?;
    write!(
        out,
        "  Page Rates (pps): \ttransfer={}",
        ram.pages_per_second
    )?;
    if ram.dirty_pages_rate != 0 {
        write!(out, ", dirty={}", ram.dirty_pages_rate)?;
    }
    writeln!(out)?;
    write!(out, "  Others: \t\tdirty_syncs={}", ram.dirty_sync_count)?;
    for (name, value) in [
        ("postcopy_req", ram.postcopy_requests),
        ("downtime_bytes", ram.downtime_bytes),
        ("zerocopy_fallbacks", ram.dirty_sync_missed_zero_copy),
    ] {
        if value != 0 {
            write!(out, ", {name}={value}")?;
        }
    }
    writeln!(out)
}

/// What `-a` adds behind the globals.
fn print_details(out: &mut dyn Write, info: &Info) -> fmt::Result {
    if let Some(x) = &info.xbzrle_cache {
        writeln!(
            out,
            "XBZRLE: size={}, transferred={}, pages={}, miss={}",
            x.cache_size, x.bytes, x.pages, x.cache_miss
        )?;
        writeln!(
            out,
            "  miss_rate={:.2}, encode_rate={:.2}, overflow={}",
            x.cache_miss_rate, x.encoding_rate, x.overflow
        )?;
    }
    for (name, value) in [
        ("CPU Throttle (%)", info.cpu_throttle_percentage),
        (
            "Dirty-limit Throttle (us)",
            info.dirty_limit_throttle_time_per_round,
        ),
        (
            "Dirty-limit Ring Full (us)",
            info.dirty_limit_ring_full_time,
        ),
        ("Postcopy Blocktime (ms)", info.postcopy_blocktime),
    ] {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}")?;
        }
    }
    if let Some(times) = &info.postcopy_vcpu_blocktime {
        let times = join(times, ", ");
        writeln!(out, "Postcopy vCPU Blocktime (ms):\n [{times}]")?;
    }
    if let Some(value) = info.postcopy_latency {
        writeln!(out, "Postcopy Latency (ns): {value}")?;
    }
    if let Some(value) = info.postcopy_non_vcpu_latency {
        writeln!(out, "Postcopy non-vCPU Latency (ns): {value}")?;
    }
    if let Some(times) = &info.postcopy_vcpu_latency {
        let times = join(times, ", ");
        writeln!(out, "Postcopy vCPU Latencies (ns):\n [{times}]")?;
    }
    if let Some(counts) = &info.postcopy_latency_dist {
        writeln!(out, "Postcopy Latency Distribution:")?;
        for (power, count) in counts.iter().enumerate() {
            let (from, to) = (microseconds(power), microseconds(power + 1));
            writeln!(out, "  [ {from:>8} - {to:>8} ]: {count:>10}")?;
        }
    }
    Ok(())
}

/// Two to the `power` microseconds, in the largest unit that leaves a whole number.
fn microseconds(power: usize) -> String {
    let value = 1u64
        .checked_shl(power.try_into().unwrap_or(u32::MAX))
        .unwrap_or(0);
    match value {
        0..1_000 => format!("{value} us"),
        1_000..1_000_000 => format!("{} ms", value / 1_000),
        _ => format!("{} sec", value / 1_000_000),
    }
}

fn join(values: &[u64], separator: &str) -> String {
    let texts: Vec<_> = values.iter().map(u64::to_string).collect();
    texts.join(separator)
}

#[derive(Deserialize)]
struct Capability {
    capability: String,
    state: bool,
}

/// `info migrate_capabilities`.
pub async fn info_capabilities(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let capabilities: Vec<Capability> = cx.query("query-migrate-capabilities").await?;
    for Capability { capability, state } in capabilities {
        writeln!(cx, "{capability}: {}", if state { "on" } else { "off" })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn powers_of_two_in_three_units() {
        let texts = [0, 9, 10, 19, 20, 29, 30, 63, 64, usize::MAX].map(microseconds);
        assert_eq!(
            texts,
            [
                "1 us",
                "512 us",
                "1 ms",
                "524 ms",
                "1 sec",
                "536 sec",
                "1073 sec",
                "9223372036854 sec",
                "0 us",
                "0 us"
            ]
        );
    }

    #[test]
    fn addresses_on_one_line() {
        for (address, text) in [
            (
                json!({"type": "inet", "host": "::1", "port": "5"}),
                "tcp:::1:5",
            ),
            (json!({"type": "unix", "path": "/a"}), "unix:/a"),
            (json!({"type": "fd", "str": "7"}), "fd:7"),
            (
                json!({"type": "vsock", "cid": "3", "port": "4"}),
                "vsock:3:4",
            ),
            (json!({"type": "new"}), "unknown address type"),
        ] {
            assert_eq!(socket_uri(&address), text);
        }
    }
}
