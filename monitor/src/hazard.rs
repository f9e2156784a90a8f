//! Commands and QMP calls that are known to kill, hang or corrupt some QEMU: refused before any route.

use serde_json::{Map, Value, json};

use crate::format::qjson;
use crate::qmp::caps::Caps;
use crate::qmp::{BoxFuture, Qmp, QmpError};
use crate::version::{Version, v};

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

/// The table. Nothing that pauses or risks the VM may stand in a condition.
pub const HAZARDS: &[Hazard] = &[
    Hazard {
        at: At::Line("info virtio-status"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "aborts this QEMU",
        seen: "11.1.3, x86_64 and aarch64, every virtio device tried: assertion in visit_start_struct",
        certain: true,
        condition: condition!(always),
    },
    Hazard {
        at: At::Qmp("x-query-virtio-status"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "aborts this QEMU",
        seen: "11.1.3, x86_64 and aarch64, every virtio device tried: assertion in visit_start_struct",
        certain: true,
        condition: condition!(always),
    },
    Hazard {
        at: At::Line("device_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "with the property 'realized' aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add TYPE,realized=on",
        certain: true,
        condition: condition!(sets_realized),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "with the property 'realized' aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: device_add TYPE,realized=on",
        certain: true,
        condition: condition!(has_realized),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: v(8, 0),
        until: v(11, 0),
        harm: "with an empty id crashes this QEMU",
        seen: "10.0.2 over QMP; 7.2.22 and 11.1.3 refuse the id themselves",
        certain: true,
        condition: condition!(empty_id),
    },
    Hazard {
        at: At::Line("qom-set"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "without -j crashes QEMU for a property that is a structure; use -j and JSON",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set /machine boot x",
        certain: true,
        condition: condition!(plain_set_of_structure),
    },
    Hazard {
        at: At::Line("qom-set"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "of a drive to the block node that the device has already aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set DEVICE drive NODE, and of a virtio device's backend",
        certain: true,
        condition: condition!(sets_the_same_node),
    },
    Hazard {
        at: At::Qmp("qom-set"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "of a drive to the block node that the device has already aborts QEMU",
        seen: "7.2.22, 10.0.2, 11.1.3: qom-set DEVICE drive NODE, and of a virtio device's backend",
        certain: true,
        condition: condition!(sets_the_same_node),
    },
    Hazard {
        at: At::Line("calc_dirty_rate"),
        since: Version::FIRST,
        until: v(10, 0),
        harm: "with -r or -b crashes this QEMU where KVM is off",
        seen: "7.2.22 with TCG: null pointer read; 10.0.2 and 11.1.3 are fine",
        certain: true,
        condition: condition!(dirty_log_without_kvm),
    },
    Hazard {
        at: At::Qmp("calc-dirty-rate"),
        since: Version::FIRST,
        until: v(10, 0),
        harm: "in this mode crashes this QEMU where KVM is off",
        seen: "7.2.22 with TCG: null pointer read; 10.0.2 and 11.1.3 are fine",
        certain: true,
        condition: condition!(dirty_log_without_kvm),
    },
    Hazard {
        at: At::Line("exit_preconfig"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "aborts this QEMU on a machine with its default display adapter and a text console (-vga none or -nodefaults avoids it)",
        seen: "11.1.3 -M q35 and -M pc with --preconfig: duplicate property 'console[0]'",
        certain: false,
        condition: condition!(second_console),
    },
    Hazard {
        at: At::Qmp("x-exit-preconfig"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "aborts this QEMU on a machine with its default display adapter and a text console (-vga none or -nodefaults avoids it)",
        seen: "11.1.3 -M q35 and -M pc with --preconfig: duplicate property 'console[0]'",
        certain: false,
        condition: condition!(second_console),
    },
    Hazard {
        at: At::Line("device_add"),
        since: Version::FIRST,
        until: v(8, 0),
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: device_add virtio-gpu-gl-pci,help and device-list-properties",
        certain: false,
        condition: condition!(names_gl_device),
    },
    Hazard {
        at: At::Qmp("device_add"),
        since: Version::FIRST,
        until: v(8, 0),
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: device_add virtio-gpu-gl-pci,help and device-list-properties",
        certain: false,
        condition: condition!(is_gl_device),
    },
    Hazard {
        at: At::Qmp("device-list-properties"),
        since: Version::FIRST,
        until: v(8, 0),
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: virtio-gpu-gl-pci and virtio-vga-gl",
        certain: false,
        condition: condition!(is_gl_device),
    },
    Hazard {
        at: At::Qmp("qom-list-properties"),
        since: Version::FIRST,
        until: v(8, 0),
        harm: "of a GL device aborts this QEMU where the module for it is not installed",
        seen: "7.2.22: virtio-gpu-gl-pci and virtio-vga-gl",
        certain: false,
        condition: condition!(is_gl_device),
    },
    Hazard {
        at: At::Line("screendump"),
        since: v(8, 2),
        until: Version::NEVER,
        harm: "of this device aborts QEMU: its search for the device's screen meets a text console",
        seen: "10.0.2 and 11.1.3: screendump FILE ID, with the id of a device that has no screen; 7.2.22 says so",
        certain: true,
        condition: condition!(meets_text_console),
    },
    Hazard {
        at: At::Qmp("screendump"),
        since: v(8, 2),
        until: Version::NEVER,
        harm: "of this device aborts QEMU: its search for the device's screen meets a text console",
        seen: "10.0.2 and 11.1.3: screendump FILE ID, with the id of a device that has no screen; 7.2.22 says so",
        certain: true,
        condition: condition!(meets_text_console),
    },
    Hazard {
        at: At::Line("info mem"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "freezes the VM for half a minute and prints garbage where the guest uses 5-level paging, which its CPU allows",
        seen: "7.2.22, 10.0.2, 11.1.3: the built-in reads page 0 as tables when CR4.LA57 is set",
        certain: false,
        condition: condition!(cpu_has_la57),
    },
    Hazard {
        at: At::Qmp("xen-save-devices-state"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "crashes QEMU with a device whose state cannot be migrated",
        seen: "7.2.22, 10.0.2, 11.1.3: nvme, rocker, usb-audio, usb-serial, usb-net, ufs, amd-iommu, virtio-sound",
        certain: true,
        condition: condition!(has_non_migratable_device),
    },
    Hazard {
        at: At::Line("drive_add"),
        since: Version::FIRST,
        until: Version::NEVER,
        harm: "of a null-co or null-aio node aborts QEMU where its size or latency is no number",
        seen: "7.2.22, 10.0.2, 11.1.3: drive_add -n 0 driver=null-co,node-name=n,size=x",
        certain: true,
        condition: condition!(null_node_with_bad_number),
    },
    Hazard {
        at: At::Line("savevm"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(nvme_without_namespace),
    },
    Hazard {
        at: At::Line("migrate"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(nvme_without_namespace),
    },
    Hazard {
        at: At::Qmp("snapshot-save"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(nvme_without_namespace),
    },
    Hazard {
        at: At::Qmp("xen-save-devices-state"),
        since: v(11, 0),
        until: Version::NEVER,
        harm: "crashes this QEMU with an NVMe controller that has no namespace",
        seen: "11.1.3: -device nvme,serial=x without a drive, with savevm and with migrate",
        certain: true,
        condition: condition!(nvme_without_namespace),
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
        let listed = hazard.at == at && caps.version >= hazard.since && caps.version < hazard.until;
        if listed && (hazard.condition)(qmp, caps, args).await {
            return Some(hazard);
        }
    }
    None
}

impl Hazard {
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

async fn always(_: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    true
}

fn text<'a>(args: &'a Map<String, Value>, key: &str) -> &'a str {
    args.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The keys of an option string: `a,b=c,,d` has `a` and `b`.
fn option_keys(options: &str) -> impl Iterator<Item = &str> {
    options
        .split(',')
        .map(|item| item.split_once('=').map_or(item, |(key, _)| key))
}

async fn sets_realized(_: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    option_keys(text(args, "device")).any(|key| key == "realized" || key == "norealized")
}

async fn has_realized(_: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    args.contains_key("realized")
}

async fn empty_id(_: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    args.get("id").and_then(Value::as_str) == Some("")
}

async fn plain_set_of_structure(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    if args.contains_key("json") {
        return false;
    }
    let (path, property) = (text(args, "path"), text(args, "property"));
    let get = json!({"path": path, "property": property});
    match qmp.execute("qom-get", get).await {
        Ok(value) => value.is_object(),
        Err(QmpError::Command { .. }) => is_structure_by_type(qmp, path, property).await,
        Err(_) => false,
    }
}

/// For properties that can't be read: scalars, links and lists of numbers have lower-case type names in QOM.
async fn is_structure_by_type(qmp: &dyn Qmp, path: &str, property: &str) -> bool {
    let Ok(Value::Array(list)) = qmp.execute("qom-list", json!({"path": path})).await else {
        return false;
    };
    list.iter()
        .find(|p| p.get("name").and_then(Value::as_str) == Some(property))
        .and_then(|p| p.get("type").and_then(Value::as_str))
        .is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase()) || kind == "struct")
}

/// The node's parent asks to be given the child that it has. A property of a device with a drive of its own name shows
/// that name, any other the node's.
async fn sets_the_same_node(qmp: &dyn Qmp, caps: &Caps, args: &Map<String, Value>) -> bool {
    let wanted = match args.get("value") {
        Some(Value::String(json)) if args.contains_key("json") => {
            qjson::parse(json, caps.version).ok()
        }
        other => other.cloned(),
    };
    let get = json!({"path": text(args, "path"), "property": text(args, "property")});
    let (Some(Value::String(wanted)), Ok(Value::String(current))) =
        (wanted, qmp.execute("qom-get", get).await)
    else {
        return false;
    };
    if wanted.is_empty() || current.is_empty() {
        return false;
    }
    if wanted == current {
        let flat = json!({"flat": true});
        let nodes = qmp.execute("query-named-block-nodes", flat).await;
        return find_in(nodes, "node-name", &wanted).is_some();
    }
    let backends = qmp.execute("query-block", Value::Null).await;
    find_in(backends, "device", &current)
        .and_then(|backend| backend.get("inserted")?.get("node-name").cloned())
        .is_some_and(|node| node == wanted)
}

/// The first element of a list in an answer whose member `key` is `value`.
fn find_in(answer: Result<Value, QmpError>, key: &str, value: &str) -> Option<Value> {
    let Ok(Value::Array(list)) = answer else {
        return None;
    };
    let mut list = list.into_iter();
    list.find(|element| element.get(key).and_then(Value::as_str) == Some(value))
}

async fn dirty_log_without_kvm(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let mode = text(args, "mode");
    let asked = args.contains_key("dirty_ring")
        || args.contains_key("dirty_bitmap")
        || mode == "dirty-ring"
        || mode == "dirty-bitmap";
    asked && !kvm_enabled(qmp).await
}

async fn kvm_enabled(qmp: &dyn Qmp) -> bool {
    qmp.execute("query-kvm", Value::Null)
        .await
        .is_ok_and(|v| v.get("enabled") == Some(&Value::Bool(true)))
}

/// Boards that bring no display adapter of their own.
const BOARDS_WITHOUT_DISPLAY: &[&str] = &["microvm-machine", "none-machine"];

/// The abort comes when text consoles were numbered before the board makes its display adapter. QMP shows the consoles
/// and the board; whether an adapter will come, it does not tell.
async fn second_console(qmp: &dyn Qmp, caps: &Caps, _: &Map<String, Value>) -> bool {
    if !caps.preconfig {
        return false;
    }
    let Ok(Value::Array(backends)) = qmp.execute("qom-list", json!({"path": "/backend"})).await
    else {
        return false;
    };
    let get = json!({"path": "/machine", "property": "type"});
    let displayless = match qmp.execute("qom-get", get).await {
        Ok(Value::String(kind)) => {
            kind.starts_with("virt-") || BOARDS_WITHOUT_DISPLAY.contains(&kind.as_str())
        }
        _ => false,
    };
    let has_console = backends
        .iter()
        .any(|p| p.get("name").and_then(Value::as_str) == Some("console[0]"));
    has_console && !displayless
}

fn is_gl(driver: &str) -> bool {
    driver.contains("-gl-") || driver.ends_with("-gl")
}

async fn names_gl_device(_: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let options = text(args, "device");
    options
        .split(',')
        .any(|item| is_gl(item.strip_prefix("driver=").unwrap_or(item)))
}

async fn is_gl_device(_: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    ["typename", "driver"]
        .iter()
        .any(|key| is_gl(text(args, key)))
}

/// The search walks the consoles by number, looks at each one's device, and aborts at a console without one.
async fn meets_text_console(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let Some(id) = args.get("device").and_then(Value::as_str) else {
        return false;
    };
    let list = |path: String| async move {
        match qmp.execute("qom-list", json!({"path": path})).await {
            Ok(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    };
    let is = |p: &Value, key: &str, text: &str| p.get(key).and_then(Value::as_str) == Some(text);
    let devices = list("/machine/peripheral".into()).await;
    if !devices.iter().any(|p| is(p, "name", id)) {
        return false;
    }
    let consoles = list("/backend".into()).await;
    for number in 0..consoles.len() {
        let name = format!("console[{number}]");
        let Some(console) = consoles.iter().find(|p| is(p, "name", &name)) else {
            continue;
        };
        if !is(console, "type", "child<qemu-graphic-console>") {
            return true;
        }
        let get = |property: &str| {
            let get = json!({"path": format!("/backend/{name}"), "property": property});
            qmp.execute("qom-get", get)
        };
        let device = get("device").await.unwrap_or_default();
        let head = get("head").await.unwrap_or_default();
        let asked = args.get("head").cloned().unwrap_or_else(|| 0.into());
        if device.as_str() == Some(&format!("/machine/peripheral/{id}")) && head == asked {
            return false;
        }
    }
    false
}

/// The numbers of a null node, which its driver reads without a way to fail (block/null.c).
async fn null_node_with_bad_number(_: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let items: Vec<(String, String)> = crate::keyval::items(text(args, "opts"))
        .filter_map(|item| {
            let (key, value) = item.split_once('=')?;
            let last = key.rsplit('.').next().unwrap_or(key);
            Some((last.to_owned(), value.to_owned()))
        })
        .collect();
    let null = |(key, value): &(String, String)| {
        (key == "driver" && value.starts_with("null-"))
            || (key == "filename" || key == "file") && value.starts_with("null-")
    };
    let bad = |(key, value): &(String, String)| {
        let rules = crate::format::size::Rules::New;
        let number = match key.as_str() {
            "size" => crate::format::size::parse(value, crate::format::size::BYTES, rules).ok(),
            "latency-ns" => match crate::expr::strtoull(value, 0, false) {
                (len, Some(number)) if len > 0 => Some((number, len)),
                _ => None,
            },
            _ => return false,
        };
        number.is_none_or(|(_, len)| len != value.len())
    };
    items.iter().any(null) && items.iter().any(bad)
}

/// Children of these hold the devices that were plugged by a person.
const PLUGGED: &[&str] = &["/machine/peripheral", "/machine/peripheral-anon"];

async fn nvme_without_namespace(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let mut namespaces = false;
    let mut empty = false;
    for folder in PLUGGED {
        let Ok(Value::Array(devices)) = qmp.execute("qom-list", json!({"path": folder})).await
        else {
            continue;
        };
        for device in devices {
            let text = |key: &str| device.get(key).and_then(Value::as_str).unwrap_or_default();
            match text("type") {
                "child<nvme-ns>" => namespaces = true,
                "child<nvme>" => {
                    let path = format!("{folder}/{}", text("name"));
                    let get = json!({"path": path, "property": "drive"});
                    let drive = qmp.execute("qom-get", get).await;
                    empty |= drive.is_ok_and(|d| d.as_str().unwrap_or_default().is_empty());
                }
                _ => {}
            }
        }
    }
    empty && !namespaces
}

async fn cpu_has_la57(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let Ok(Value::Array(cpus)) = qmp.execute("query-cpus-fast", Value::Null).await else {
        return false;
    };
    let Some(path) = cpus.first().and_then(|cpu| cpu.get("qom-path")) else {
        return false;
    };
    let get = json!({"path": path, "property": "la57"});
    matches!(qmp.execute("qom-get", get).await, Ok(Value::Bool(true)))
}

async fn has_non_migratable_device(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    match qmp.execute("query-migrate", Value::Null).await {
        Ok(status) => status
            .get("blocked-reasons")
            .and_then(Value::as_array)
            .is_some_and(|reasons| {
                reasons
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|reason| reason.contains("non-migratable device"))
            }),
        Err(_) => true,
    }
}
