// SPDX-License-Identifier: GPL-2.0-or-later
//! Memory that is hidden from the host: SEV and SGX.

use std::fmt::{self, Write};

use serde::Deserialize;

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::QmpError;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SevInfo {
    enabled: bool,
    // From 9.1 on.
    sev_type: Option<String>,
    api_major: i64,
    api_minor: i64,
    build_id: i64,
    state: String,
    #[serde(default)]
    handle: i64,
    #[serde(default)]
    policy: u64,
    #[serde(default)]
    snp_policy: u64,
}

const POLICY_NO_DEBUG: u64 = 1;
const POLICY_NO_KEY_SHARING: u64 = 2;
const SNP_POLICY_SMT: u64 = 1 << 16;
const SNP_POLICY_DEBUG: u64 = 1 << 19;

/// `info sev`.
pub async fn info_sev(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    match cx.query::<SevInfo>("query-sev").await {
        Ok(info) if info.enabled => print_sev(cx, &info)?,
        Ok(_) | Err(CmdError::Qmp(QmpError::Command { .. })) => return no_sev(cx, NoArgs {}).await,
        Err(error) => return Err(error),
    }
    Ok(())
}

/// `info sev` of a QEMU without.
pub async fn no_sev(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    writeln!(cx, "SEV is not enabled")?;
    Ok(())
}

fn print_sev(out: &mut dyn Write, info: &SevInfo) -> fmt::Result {
    let on = |set: bool| if set { "on" } else { "off" };
    match &info.sev_type {
        Some(kind) => writeln!(out, "SEV type: {kind}")?,
        None => writeln!(out, "handle: {}", info.handle)?,
    }
    writeln!(out, "state: {}", info.state)?;
    writeln!(out, "build: {}", info.build_id)?;
    writeln!(out, "api version: {}.{}", info.api_major, info.api_minor)?;
    if info.sev_type.as_deref() == Some("sev-snp") {
        let policy = info.snp_policy;
        writeln!(out, "debug: {}", on(policy & SNP_POLICY_DEBUG != 0))?;
        return writeln!(out, "SMT allowed: {}", on(policy & SNP_POLICY_SMT != 0));
    }
    if info.sev_type.is_some() {
        writeln!(out, "handle: {}", info.handle)?;
    }
    writeln!(out, "debug: {}", on(info.policy & POLICY_NO_DEBUG == 0))?;
    let sharing = info.policy & POLICY_NO_KEY_SHARING == 0;
    writeln!(out, "key-sharing: {}", on(sharing))
}

#[derive(Deserialize)]
struct SgxInfo {
    sgx: bool,
    sgx1: bool,
    sgx2: bool,
    flc: bool,
    sections: Vec<SgxSection>,
}

#[derive(Deserialize)]
struct SgxSection {
    node: i64,
    size: u64,
}

/// `info sgx`.
pub async fn info_sgx(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let info: SgxInfo = cx.query("query-sgx").await?;
    print_sgx(cx, &info)?;
    Ok(())
}

fn print_sgx(out: &mut dyn Write, info: &SgxInfo) -> fmt::Result {
    let supported = [
        ("SGX", info.sgx),
        ("SGX1", info.sgx1),
        ("SGX2", info.sgx2),
        ("FLC", info.flc),
    ];
    for (name, on) in supported {
        let state = if on { "enabled" } else { "disabled" };
        writeln!(out, "{name} support: {state}")?;
    }
    let mut total = 0u64;
    for section in &info.sections {
        writeln!(out, "NUMA node #{}: size={}", section.node, section.size)?;
        total = total.wrapping_add(section.size);
    }
    writeln!(out, "total size={total}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sev(extra: Value) -> String {
        let mut info = json!({
            "enabled": true, "api-major": 1, "api-minor": 51, "build-id": 3, "state": "running"
        });
        if let (Some(info), Value::Object(mut extra)) = (info.as_object_mut(), extra) {
            info.append(&mut extra);
        }
        let mut text = String::new();
        print_sev(&mut text, &serde_json::from_value(info).unwrap()).unwrap();
        text
    }

    // Shapes from QAPI; no such host was at hand.
    #[test]
    fn sev_kinds() {
        assert_eq!(
            sev(json!({"handle": 1, "policy": 1})),
            "handle: 1\nstate: running\nbuild: 3\napi version: 1.51\ndebug: off\nkey-sharing: on\n"
        );
        assert_eq!(
            sev(json!({"sev-type": "sev", "handle": 1, "policy": 2})),
            "SEV type: sev\nstate: running\nbuild: 3\napi version: 1.51\nhandle: 1\ndebug: on\nkey-sharing: off\n"
        );
        assert_eq!(
            sev(json!({"sev-type": "sev-snp", "snp-policy": 0x30000})),
            "SEV type: sev-snp\nstate: running\nbuild: 3\napi version: 1.51\ndebug: off\nSMT allowed: on\n"
        );
    }

    #[test]
    fn sgx_sections_are_summed() {
        let info = json!({
            "sgx": true, "sgx1": true, "sgx2": false, "flc": true, "sections": [{"node": 0, "size": 4096}, {"node": 1, "size": 8}]
        });
        let mut text = String::new();
        print_sgx(&mut text, &serde_json::from_value(info).unwrap()).unwrap();
        assert_eq!(
            text,
            "SGX support: enabled\nSGX1 support: enabled\nSGX2 support: disabled\nFLC support: enabled\n\
             NUMA node #0: size=4096\nNUMA node #1: size=8\ntotal size=4104\n"
        );
    }
}
