// SPDX-License-Identifier: GPL-2.0-or-later
//! Rocker switches.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde_json::json;

use crate::command::cx::{CmdResult, Cx};

/// The argument of `info rocker` and `info rocker-ports`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Switch {
    name: String,
    id: u64,
    ports: i64,
}

/// `info rocker`.
pub async fn info(cx: &mut Cx<'_>, args: Name) -> CmdResult {
    let switch: Switch = cx
        .query_with("query-rocker", json!({"name": args.name}))
        .await?;
    writeln!(cx, "name: {}", switch.name)?;
    writeln!(cx, "id: {:#x}", switch.id)?;
    writeln!(cx, "ports: {}", switch.ports)?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Port {
    name: String,
    enabled: bool,
    link_up: bool,
    speed: i64,
    duplex: String,
    autoneg: String,
}

/// `info rocker-ports`.
pub async fn info_ports(cx: &mut Cx<'_>, args: Name) -> CmdResult {
    let ports: Vec<Port> = cx
        .query_with("query-rocker-ports", json!({"name": args.name}))
        .await?;
    writeln!(cx, "            ena/    speed/ auto")?;
    writeln!(cx, "      port  link    duplex neg?")?;
    for port in ports {
        let link = match (port.enabled, port.link_up) {
            (false, _) => "!ena",
            (true, true) => "up",
            (true, false) => "down",
        };
        let speed = if port.speed == 10_000 { "10G" } else { "??" };
        let duplex = if port.duplex == "half" { "HD" } else { "FD" };
        let autoneg = if port.autoneg == "off" { "No" } else { "Yes" };
        let name = port.name;
        writeln!(
            cx,
            "{name:>10}  {link:<4}   {speed:<3}  {duplex}  {autoneg}"
        )?;
    }
    Ok(())
}

/// Arguments of `info rocker-of-dpa-flows`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flows {
    name: String,
    tbl_id: Option<i64>,
}

#[derive(Deserialize)]
struct Flow {
    hits: u64,
    key: Key,
    mask: Mask,
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Key {
    priority: i64,
    tbl_id: i64,
    in_pport: Option<i64>,
    tunnel_id: Option<i64>,
    vlan_id: Option<i64>,
    eth_type: Option<u32>,
    eth_src: Option<String>,
    eth_dst: Option<String>,
    ip_proto: Option<i64>,
    ip_tos: Option<i64>,
    ip_dst: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mask {
    in_pport: Option<i64>,
    tunnel_id: Option<i64>,
    vlan_id: Option<i64>,
    eth_src: Option<String>,
    eth_dst: Option<String>,
    ip_proto: Option<i64>,
    ip_tos: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Action {
    goto_tbl: Option<i64>,
    group_id: Option<u32>,
    new_vlan_id: Option<u16>,
}

/// `info rocker-of-dpa-flows`.
pub async fn info_flows(cx: &mut Cx<'_>, args: Flows) -> CmdResult {
    let mut arguments = json!({"name": args.name});
    // The built-in takes 0xffffffff for "not given".
    if let Some(table) = args.tbl_id.filter(|id| *id != 0xffff_ffff) {
        arguments["tbl-id"] = table.into();
    }
    let flows: Vec<Flow> = cx
        .query_with("query-rocker-of-dpa-flows", arguments)
        .await?;
    writeln!(cx, "prio tbl hits key(mask) --> actions")?;
    for flow in &flows {
        print_flow(cx, flow)?;
    }
    Ok(())
}

/// The bits of a VLAN tag that are its number.
const VLAN_ID: i64 = 0xfff;

fn print_flow(out: &mut dyn Write, flow: &Flow) -> fmt::Result {
    let Flow {
        hits,
        key,
        mask,
        action,
    } = flow;
    let hits = if *hits == 0 {
        String::new()
    } else {
        hits.to_string()
    };
    write!(out, "{:<4} {:<3} {hits:<4}", key.priority, key.tbl_id)?;
    print_number(out, "pport", key.in_pport, mask.in_pport)?;
    let vlan = key.vlan_id.map(|id| id & VLAN_ID);
    print_number(out, "vlan", vlan, mask.vlan_id)?;
    print_number(out, "tunnel", key.tunnel_id, mask.tunnel_id)?;
    match key.eth_type {
        None => {}
        Some(0x0806) => write!(out, " ARP")?,
        Some(0x0800) => write!(out, " IP")?,
        Some(0x86dd) => write!(out, " IPv6")?,
        Some(0x8809) => write!(out, " LACP")?,
        Some(0x88cc) => write!(out, " LLDP")?,
        Some(other) => write!(out, " eth type {other:#06x}")?,
    }
    print_mac(out, "src", key.eth_src.as_deref(), mask.eth_src.as_deref())?;
    print_mac(out, "dst", key.eth_dst.as_deref(), mask.eth_dst.as_deref())?;
    print_number(out, "proto", key.ip_proto, mask.ip_proto)?;
    print_number(out, "TOS", key.ip_tos, mask.ip_tos)?;
    if let Some(address) = &key.ip_dst {
        write!(out, " dst {address}")?;
    }
    if action.goto_tbl.is_some() || action.group_id.is_some() || action.new_vlan_id.is_some() {
        write!(out, " -->")?;
    }
    if let Some(vlan) = action.new_vlan_id {
        // In network order.
        write!(out, " apply new vlan {}", u16::from_be(vlan))?;
    }
    if let Some(group) = action.group_id {
        write!(out, " write group {group:#010x}")?;
    }
    if let Some(table) = action.goto_tbl {
        write!(out, " goto tbl {table}")?;
    }
    writeln!(out)
}

fn print_number(
    out: &mut dyn Write,
    name: &str,
    value: Option<i64>,
    mask: Option<i64>,
) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    write!(out, " {name} {value}")?;
    match mask {
        Some(mask) => write!(out, "({mask:#x})"),
        None => Ok(()),
    }
}

/// The multicast bit alone: as a mask, it stands for whole classes of addresses.
const MULTICAST: &str = "01:00:00:00:00:00";
const NO_BITS: &str = "00:00:00:00:00:00";

fn print_mac(
    out: &mut dyn Write,
    name: &str,
    value: Option<&str>,
    mask: Option<&str>,
) -> fmt::Result {
    match (value, mask) {
        (None, _) => Ok(()),
        (Some(MULTICAST), Some(MULTICAST)) => write!(out, " {name} <any mcast/bcast>"),
        (Some(NO_BITS), Some(MULTICAST)) => write!(out, " {name} <any ucast>"),
        (Some(value), Some(mask)) => write!(out, " {name} {value}({mask})"),
        (Some(value), None) => write!(out, " {name} {value}"),
    }
}

/// Arguments of `info rocker-of-dpa-groups`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    name: String,
    #[serde(rename = "type")]
    kind: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Group {
    id: u32,
    #[serde(rename = "type")]
    kind: i64,
    vlan_id: Option<i64>,
    pport: Option<i64>,
    index: Option<i64>,
    out_pport: Option<i64>,
    group_id: Option<u32>,
    set_vlan_id: Option<i64>,
    pop_vlan: Option<i64>,
    group_ids: Option<Vec<u32>>,
    set_eth_src: Option<String>,
    set_eth_dst: Option<String>,
    ttl_check: Option<i64>,
}

/// The number that the built-in takes for groups of every type.
const EVERY_TYPE: u8 = 9;

/// `info rocker-of-dpa-groups`.
pub async fn info_groups(cx: &mut Cx<'_>, args: Groups) -> CmdResult {
    let mut arguments = json!({"name": args.name});
    let kind = args.kind.map_or(EVERY_TYPE, |kind| kind as u8);
    if kind != EVERY_TYPE {
        arguments["type"] = kind.into();
    }
    let groups: Vec<Group> = cx
        .query_with("query-rocker-of-dpa-groups", arguments)
        .await?;
    writeln!(cx, "id (decode) --> buckets")?;
    for group in &groups {
        print_group(cx, group)?;
    }
    Ok(())
}

/// The kinds of groups, by number.
const GROUPS: [&str; 9] = [
    "L2 interface",
    "L2 rewrite",
    "L3 unicast",
    "L2 multicast",
    "L2 flood",
    "L3 interface",
    "L3 multicast",
    "L3 ECMP",
    "L2 overlay",
];

fn print_group(out: &mut dyn Write, group: &Group) -> fmt::Result {
    let kind = usize::try_from(group.kind).ok();
    let kind = kind.and_then(|kind| GROUPS.get(kind)).unwrap_or(&"unknown");
    write!(out, "{:#010x} (type {kind}", group.id)?;
    for (name, value) in [
        ("vlan", group.vlan_id),
        ("pport", group.pport),
        ("index", group.index),
    ] {
        if let Some(value) = value {
            write!(out, " {name} {value}")?;
        }
    }
    write!(out, ") -->")?;
    let vlan = group.set_vlan_id.filter(|id| *id != 0);
    if let Some(id) = vlan {
        write!(out, " set vlan {}", id & VLAN_ID)?;
    }
    let mut set = vlan.is_some();
    for (name, address) in [("src", &group.set_eth_src), ("dst", &group.set_eth_dst)] {
        if let Some(address) = address {
            write!(out, "{} {name} {address}", if set { "" } else { " set" })?;
            set = true;
        }
    }
    let given = |value: Option<i64>| value.is_some_and(|v| v != 0);
    if given(group.ttl_check) {
        write!(out, " check TTL")?;
    }
    if let Some(id) = group.group_id.filter(|id| *id != 0) {
        write!(out, " group id {id:#010x}")?;
    }
    if given(group.pop_vlan) {
        write!(out, " pop vlan")?;
    }
    if let Some(port) = group.out_pport {
        write!(out, " out pport {port}")?;
    }
    if let Some(ids) = &group.group_ids {
        let ids: Vec<_> = ids.iter().map(|id| format!("{id:#010x}")).collect();
        write!(out, " groups [{}]", ids.join(","))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn flow(value: Value) -> String {
        let mut text = String::new();
        print_flow(&mut text, &serde_json::from_value(value).unwrap()).unwrap();
        text
    }

    // No guest driver was at hand to fill the tables: these follow hw/net/rocker/rocker-hmp-cmds.c.
    #[test]
    fn flows() {
        assert_eq!(
            flow(json!({
                "cookie": 1, "hits": 0,
                "key": {"priority": 1, "tbl-id": 10, "vlan-id": 0x1005, "in-pport": 1},
                "mask": {"vlan-id": 0x1fff},
                "action": {"goto-tbl": 20, "new-vlan-id": 0x0500},
            })),
            "1    10       pport 1 vlan 5(0x1fff) --> apply new vlan 5 goto tbl 20\n"
        );
        assert_eq!(
            flow(json!({
                "cookie": 1, "hits": 7,
                "key": {
                    "priority": 2, "tbl-id": 60, "eth-type": 0x0805, "ip-proto": 6,
                    "eth-src": "00:00:00:00:00:00", "eth-dst": "52:54:00:12:34:56",
                },
                "mask": {"eth-src": "01:00:00:00:00:00", "ip-proto": 255},
                "action": {"group-id": 0x10},
            })),
            "2    60  7    eth type 0x0805 src <any ucast> dst 52:54:00:12:34:56 proto 6(0xff) --> write group 0x00000010\n"
        );
    }

    #[test]
    fn groups() {
        let group = json!({
            "id": 0x2000_0001, "type": 2, "index": 1, "set-eth-src": "a", "set-eth-dst": "b", "set-vlan-id": 0,
            "ttl-check": 1, "group-id": 5, "group-ids": [1, 2],
        });
        let mut text = String::new();
        print_group(&mut text, &serde_json::from_value(group).unwrap()).unwrap();
        assert_eq!(
            text,
            "0x20000001 (type L3 unicast index 1) --> set src a dst b check TTL group id 0x00000005 groups [0x00000001,0x00000002]\n"
        );
    }
}
