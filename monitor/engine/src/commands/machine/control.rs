// SPDX-License-Identifier: GPL-2.0-or-later
//! Doing something to the machine: an interrupt, the balloon, a picture of the screen.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, CmdResult, Cx, NoArgs};
use crate::qmp::fd::AsFd;

/// Targets whose boards send the interrupt to the CPU chosen; elsewhere all CPUs get it.
const NMI_BY_CPU: &[&str] = &["s390x", "ppc", "ppc64"];

/// `nmi`.
pub async fn nmi(cx: &mut Cx<'_>, _: NoArgs) -> CmdResult {
    let by_cpu = cx
        .caps
        .arch
        .as_deref()
        .is_some_and(|arch| NMI_BY_CPU.contains(&arch));
    if by_cpu && cx.session.kept.cpu.is_some_and(|cpu| cpu != 0) {
        return Err(CmdError::Unavailable(
            "nmi: QMP's inject-nmi always takes the first CPU; choose it with 'cpu 0'".into(),
        ));
    }
    cx.execute("inject-nmi", Value::Null).await?;
    Ok(())
}

/// Arguments of `balloon`, in bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balloon {
    value: i64,
}

/// `balloon`.
pub async fn balloon(cx: &mut Cx<'_>, args: Balloon) -> CmdResult {
    cx.execute("balloon", json!({"value": args.value})).await?;
    Ok(())
}

/// Arguments of `screendump`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screendump {
    filename: String,
    format: Option<String>,
    device: Option<String>,
    head: Option<i64>,
}

/// `screendump`: a head counts only together with a device.
pub async fn screendump(cx: &mut Cx<'_>, args: Screendump) -> CmdResult {
    let mut request = json!({"filename": args.filename});
    if let Some(format) = args.format {
        cx.check_enum("screendump", "format", &format).await?;
        request["format"] = format.into();
    }
    if let Some(device) = args.device {
        request["device"] = device.into();
        request["head"] = args.head.unwrap_or(0).into();
    }
    cx.execute("screendump", request).await?;
    Ok(())
}

/// Arguments of `getfd` and `closefd`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    fdname: String,
}

/// `getfd`: passes the descriptor that the program around the engine has under that name. Without
/// one QEMU says what is missing.
pub async fn getfd(cx: &mut Cx<'_>, args: Descriptor) -> CmdResult {
    let request = json!({"fdname": args.fdname});
    match cx.host.descriptor(&args.fdname) {
        Some(fd) => {
            let fd = fd.as_fd();
            cx.qmp().execute_with_fd("getfd", request, fd).await?
        }
        None if cx.caps.preconfig => {
            // QMP refuses the command then, in words that would mislead.
            let missing = "No file descriptor supplied via SCM_RIGHTS";
            return Err(CmdError::User(missing.into()));
        }
        None => cx.execute("getfd", request).await?,
    };
    Ok(())
}

/// `closefd`.
pub async fn closefd(cx: &mut Cx<'_>, args: Descriptor) -> CmdResult {
    if cx.caps.preconfig {
        // QMP lets no descriptor in before initialisation.
        let missing = format!("File descriptor named '{}' not found", args.fdname);
        return Err(CmdError::User(missing));
    }
    cx.execute("closefd", json!({"fdname": args.fdname}))
        .await?;
    Ok(())
}

/// Arguments that name a device or an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    id: String,
}

/// `device_del`: only asks for the device to be unplugged; PCI devices go when the guest agrees.
pub async fn device_del(cx: &mut Cx<'_>, args: Id) -> CmdResult {
    cx.execute("device_del", json!({"id": args.id})).await?;
    Ok(())
}

/// `object_del`.
pub async fn object_del(cx: &mut Cx<'_>, args: Id) -> CmdResult {
    cx.execute("object-del", json!({"id": args.id})).await?;
    Ok(())
}
