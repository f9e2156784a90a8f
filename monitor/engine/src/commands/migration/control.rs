// SPDX-License-Identifier: GPL-2.0-or-later
//! Migration, where QMP has the same command.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qemu::schema::Schema;
use crate::qmp::version::{Version, v};

/// Arguments of `announce_self`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announce {
    interfaces: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct AnnounceParameters {
    announce_initial: i64,
    announce_max: i64,
    announce_rounds: i64,
    announce_step: i64,
}

/// `announce_self`: with the timing that migration uses.
pub async fn announce(cx: &mut Cx<'_>, args: Announce) -> CmdResult {
    let timing: AnnounceParameters = cx.query("query-migrate-parameters").await?;
    let mut arguments = json!({
        "initial": timing.announce_initial,
        "max": timing.announce_max,
        "rounds": timing.announce_rounds,
        "step": timing.announce_step,
    });
    if let Some(names) = args.interfaces.filter(|names| !names.is_empty()) {
        arguments["interfaces"] = names.split(',').collect();
    }
    if let Some(id) = args.id {
        arguments["id"] = id.into();
    }
    cx.execute("announce-self", arguments).await?;
    Ok(())
}

/// `migrate_cancel`.
pub async fn cancel(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("migrate_cancel", Value::Null).await?;
    Ok(())
}

/// Arguments of `migrate_continue`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continue {
    state: String,
}

/// `migrate_continue`.
pub async fn go_on(cx: &mut Cx<'_>, args: Continue) -> CmdResult {
    cx.check_enum("migrate-continue", "state", &args.state)
        .await?;
    cx.execute("migrate-continue", json!({"state": args.state}))
        .await?;
    Ok(())
}

/// The argument of `migrate_incoming` and `migrate_recover`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uri {
    uri: String,
}

/// The first release whose built-in monitor reads the address before it looks whether QEMU was
/// started for a migration (8.2, commit 967f2de5c9 of QEMU).
const ADDRESS_FIRST: Version = v(8, 2);

/// What addresses begin with (`migrate_uri_parse` in migration/migration.c of QEMU).
const PROTOCOLS: &[&str] = &["exec:", "rdma:", "tcp:", "unix:", "vsock:", "fd:", "file:"];

/// `migrate_incoming`: a QEMU that knows how stays when the stream is bad, as it does for the
/// built-in.
pub async fn incoming(cx: &mut Cx<'_>, args: Uri) -> CmdResult {
    let known = PROTOCOLS.iter().any(|prefix| args.uri.starts_with(prefix));
    if cx.caps.version >= ADDRESS_FIRST && !known {
        return Err(CmdError::User(format!(
            "unknown migration protocol: {}",
            args.uri
        )));
    }
    let schema = cx.caps.schema(cx.qmp()).await?;
    let mut arguments = json!({"uri": args.uri});
    if schema
        .argument("migrate-incoming", "exit-on-error")
        .is_some()
    {
        arguments["exit-on-error"] = false.into();
    }
    cx.execute("migrate-incoming", arguments).await?;
    Ok(())
}

/// `migrate_recover`.
pub async fn recover(cx: &mut Cx<'_>, args: Uri) -> CmdResult {
    cx.execute("migrate-recover", json!({"uri": args.uri}))
        .await?;
    Ok(())
}

/// `migrate_pause`.
pub async fn pause(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("migrate-pause", Value::Null).await?;
    Ok(())
}

/// `migrate_start_postcopy`.
pub async fn start_postcopy(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("migrate-start-postcopy", Value::Null).await?;
    Ok(())
}

/// `x_colo_lost_heartbeat`.
pub async fn colo_lost_heartbeat(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    cx.execute("x-colo-lost-heartbeat", Value::Null).await?;
    Ok(())
}

/// Arguments of `migrate_set_capability`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetCapability {
    capability: String,
    state: bool,
}

/// `migrate_set_capability`: the others keep their state.
pub async fn set_capability(cx: &mut Cx<'_>, args: SetCapability) -> CmdResult {
    check_warnings(cx, "migrate_set_capability")?;
    let schema = cx.caps.schema(cx.qmp()).await?;
    let known = capabilities(&schema);
    if known.is_some_and(|names| !names.contains(&args.capability.as_str())) {
        let text = format!("invalid parameter value: {}", args.capability);
        return Err(CmdError::User(text));
    }
    let one = json!({"capability": args.capability, "state": args.state});
    cx.execute("migrate-set-capabilities", json!({"capabilities": [one]}))
        .await?;
    Ok(())
}

/// The releases in which QEMU warns about what it has and deprecates
/// (8.2, commit 864128df46 of QEMU; 9.1, commit 0222111a22 of QEMU).
const WARNS: std::ops::Range<Version> = v(8, 2)..v(9, 1);

/// Leaves the line to the built-in where QEMU may warn, which QMP does not show.
pub(super) fn check_warnings(cx: &Cx<'_>, line: &str) -> CmdResult {
    if WARNS.contains(&cx.caps.version) {
        cx.prefer_builtin(&format!("{line}: QMP does not show this QEMU's warnings"))?;
    }
    Ok(())
}

/// The capabilities that this QEMU knows.
fn capabilities(schema: &Schema) -> Option<Vec<&str>> {
    let list = schema.argument("migrate-set-capabilities", "capabilities")?;
    let capability = schema.member(schema.element(list)?, "capability")?;
    Some(Schema::values(capability))
}

/// Arguments of `client_migrate_info`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientInfo {
    protocol: String,
    hostname: String,
    port: Option<i64>,
    tls_port: Option<i64>,
    cert_subject: Option<String>,
}

/// `client_migrate_info`.
pub async fn client_info(cx: &mut Cx<'_>, args: ClientInfo) -> CmdResult {
    let mut arguments = json!({"protocol": args.protocol, "hostname": args.hostname});
    if let Some(port) = args.port {
        arguments["port"] = port.into();
    }
    if let Some(port) = args.tls_port {
        arguments["tls-port"] = port.into();
    }
    if let Some(subject) = args.cert_subject {
        arguments["cert-subject"] = subject.into();
    }
    cx.execute("client_migrate_info", arguments).await?;
    Ok(())
}
