// SPDX-License-Identifier: GPL-2.0-or-later
//! What the VM's memory is made of: back ends, pluggable devices, the balloon.

use std::fmt::{self, Write};

use serde::Deserialize;

use crate::command::cx::{CmdResult, Cx, NoArgs};

#[derive(Deserialize)]
struct Balloon {
    actual: i64,
}

/// `info balloon`: in MiB.
pub async fn info_balloon(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: Balloon = cx.query("query-balloon").await?;
    writeln!(cx, "balloon: actual={}", info.actual >> 20)?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Memdev {
    // Absent for a back end that is not in /objects.
    id: Option<String>,
    size: i64,
    merge: bool,
    dump: bool,
    prealloc: bool,
    share: bool,
    reserve: Option<bool>,
    host_nodes: Vec<u16>,
    policy: String,
}

/// `info memdev`: ends with a blank line, whatever it found.
pub async fn info_memdev(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let backends = cx.query::<Vec<Memdev>>("query-memdev").await;
    for backend in backends.iter().flatten() {
        print_memdev(cx, backend)?;
    }
    writeln!(cx)?;
    backends.map(drop)
}

fn print_memdev(out: &mut dyn Write, m: &Memdev) -> fmt::Result {
    let id = m.id.as_deref().unwrap_or("(null)");
    writeln!(out, "memory backend: {id}")?;
    writeln!(out, "  size:  {}", m.size)?;
    writeln!(out, "  merge: {}", m.merge)?;
    writeln!(out, "  dump: {}", m.dump)?;
    writeln!(out, "  prealloc: {}", m.prealloc)?;
    writeln!(out, "  share: {}", m.share)?;
    if let Some(reserve) = m.reserve {
        writeln!(out, "  reserve: {reserve}")?;
    }
    writeln!(out, "  policy: {}", m.policy)?;
    writeln!(out, "  host nodes: {}", ranges(&m.host_nodes))
}

/// Numbers as QEMU's string output visitor lists them: sorted, neighbours joined into ranges.
fn ranges(numbers: &[u16]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let runs = sorted.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let texts: Vec<String> = runs
        .map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        })
        .collect();
    texts.join(",")
}

#[derive(Deserialize)]
struct MemoryDevice {
    #[serde(rename = "type")]
    kind: String,
    data: MemoryDeviceData,
}

/// The members of all kinds together; each kind has its own selection.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct MemoryDeviceData {
    id: Option<String>,
    addr: u64,
    memaddr: Option<u64>,
    slot: i64,
    node: i64,
    size: u64,
    requested_size: u64,
    max_size: u64,
    block_size: u64,
    memdev: Option<String>,
    hotplugged: bool,
    hotpluggable: bool,
}

/// `info memory-devices`.
pub async fn info_memory_devices(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let devices: Vec<MemoryDevice> = cx.query("query-memory-devices").await?;
    for device in &devices {
        print_memory_device(cx, device)?;
    }
    Ok(())
}

fn print_memory_device(out: &mut dyn Write, device: &MemoryDevice) -> fmt::Result {
    let (kind, d) = (device.kind.as_str(), &device.data);
    let memdev = d.memdev.as_deref().unwrap_or_default();
    let id = d.id.as_deref().unwrap_or_default();
    writeln!(out, "Memory device [{kind}]: \"{id}\"")?;
    match kind {
        "dimm" | "nvdimm" => {
            writeln!(out, "  addr: {:#x}", d.addr)?;
            writeln!(out, "  slot: {}", d.slot)?;
            writeln!(out, "  node: {}", d.node)?;
            writeln!(out, "  size: {}", d.size)?;
            writeln!(out, "  memdev: {memdev}")?;
            writeln!(out, "  hotplugged: {}", d.hotplugged)?;
            writeln!(out, "  hotpluggable: {}", d.hotpluggable)
        }
        "virtio-mem" => {
            print_memaddr(out, d)?;
            writeln!(out, "  node: {}", d.node)?;
            writeln!(out, "  requested-size: {}", d.requested_size)?;
            writeln!(out, "  size: {}", d.size)?;
            writeln!(out, "  max-size: {}", d.max_size)?;
            writeln!(out, "  block-size: {}", d.block_size)?;
            writeln!(out, "  memdev: {memdev}")
        }
        "sgx-epc" => {
            print_memaddr(out, d)?;
            writeln!(out, "  size: {}", d.size)?;
            writeln!(out, "  node: {}", d.node)?;
            writeln!(out, "  memdev: {memdev}")
        }
        "hv-balloon" => {
            print_memaddr(out, d)?;
            writeln!(out, "  max-size: {}", d.max_size)?;
            match &d.memdev {
                Some(memdev) => writeln!(out, "  memdev: {memdev}"),
                None => Ok(()),
            }
        }
        // virtio-pmem, and what later releases bring.
        _ => {
            print_memaddr(out, d)?;
            writeln!(out, "  size: {}", d.size)?;
            writeln!(out, "  memdev: {memdev}")
        }
    }
}

fn print_memaddr(out: &mut dyn Write, d: &MemoryDeviceData) -> fmt::Result {
    match d.memaddr {
        Some(address) => writeln!(out, "  memaddr: {address:#x}"),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MemorySizes {
    base_memory: u64,
    plugged_memory: Option<u64>,
}

/// `info memory_size_summary`: in bytes.
pub async fn info_memory_size_summary(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: MemorySizes = cx.query("query-memory-size-summary").await?;
    writeln!(cx, "base memory: {}", info.base_memory)?;
    if let Some(plugged) = info.plugged_memory {
        writeln!(cx, "plugged memory: {plugged}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn host_nodes_are_joined_into_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[3, 0, 1]), "0-1,3");
        assert_eq!(ranges(&[u16::MAX, 5]), "5,65535");
    }

    // 10.0.2: -object memory-backend-ram,id=m0,size=64M,host-nodes=0,policy=bind, and the same on
    // 7.2.22.
    #[test]
    fn a_back_end() {
        let answer = json!({
            "reserve": true, "prealloc": false, "size": 67_108_864, "host-nodes": [0], "share": false, "dump": true,
            "policy": "bind", "merge": true, "id": "m0"
        });
        let mut text = String::new();
        print_memdev(&mut text, &serde_json::from_value(answer).unwrap()).unwrap();
        assert_eq!(
            text,
            "memory backend: m0\n  size:  67108864\n  merge: true\n  dump: true\n  prealloc: false\n  share: false\n  \
             reserve: true\n  policy: bind\n  host nodes: 0\n"
        );
    }

    // The shape of MemoryDeviceInfo in QAPI, and the lines of hw/core/machine-hmp-cmds.c; no host
    // with SGX was at hand.
    #[test]
    fn memory_of_an_enclave() {
        let answer = json!({"type": "sgx-epc", "data": {
            "id": "epc0", "memaddr": 0x1_0000_0000_u64, "size": 65536, "node": 1, "memdev": "/objects/mem0"
        }});
        let mut text = String::new();
        print_memory_device(&mut text, &serde_json::from_value(answer).unwrap()).unwrap();
        assert_eq!(
            text,
            "Memory device [sgx-epc]: \"epc0\"\n  memaddr: 0x100000000\n  size: 65536\n  node: 1\n  \
             memdev: /objects/mem0\n"
        );
    }

    // The shape of MemoryDeviceInfo in QAPI; no Hyper-V guest was at hand.
    #[test]
    fn a_hyperv_balloon_may_have_no_memory_of_its_own() {
        let answer = json!({"type": "hv-balloon", "data": {"id": "hb", "max-size": 4096}});
        let mut text = String::new();
        print_memory_device(&mut text, &serde_json::from_value(answer).unwrap()).unwrap();
        assert_eq!(
            text,
            "Memory device [hv-balloon]: \"hb\"\n  max-size: 4096\n"
        );
    }
}
