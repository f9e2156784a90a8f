// SPDX-License-Identifier: GPL-2.0-or-later
//! What decides whether a danger is there: what arguments say alone (`May`), and what QEMU is asked
//! (`Is`). Nothing here may pause or risk the VM.

use std::ops::Range;

use serde_json::{Map, Value, json};

use crate::format::sign::Sign as _;
use crate::grammar::secret::is_secret;
use crate::grammar::{keyval, number, qjson, size};
use crate::guest::{per_cpu, segments};
use crate::qemu::builtin;
use crate::qemu::caps::Caps;
use crate::qmp::version::{Version, v};
use crate::qmp::{Qmp, QmpError};

fn text<'a>(args: &'a Map<String, Value>, key: &str) -> &'a str {
    args.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What `device_add` is given, as QMP takes it: a line has it as one option string.
fn device(args: &Map<String, Value>) -> Map<String, Value> {
    match args.get("device").and_then(Value::as_str) {
        Some(options) => {
            let pairs = keyval::pairs(options, Some("driver")).into_iter();
            pairs.map(|pair| (pair.key, pair.value.into())).collect()
        }
        None => args.clone(),
    }
}

pub fn sets_realized(args: &Map<String, Value>, _: Version) -> bool {
    device(args).contains_key("realized")
}

pub fn has_empty_id(args: &Map<String, Value>, _: Version) -> bool {
    args.get("id").and_then(Value::as_str) == Some("")
}

/// Whether a command of qemu-io's is one that ends the process it runs in (qemu-io-cmds.c).
pub fn ends_the_process(args: &Map<String, Value>, _: Version) -> bool {
    let command = text(args, "command");
    matches!(
        command.split_ascii_whitespace().next(),
        Some("abort" | "sigraise")
    )
}

pub fn is_plain(args: &Map<String, Value>, _: Version) -> bool {
    !args.contains_key("json")
}

/// Whether measuring in another mode than by samples begins: where QEMU finds fault with the
/// arguments, it answers before (qmp_calc_dirty_rate in migration/dirtyrate.c).
pub fn uses_dirty_log(args: &Map<String, Value>, _: Version) -> bool {
    let mode = text(args, "mode");
    let ring = args.contains_key("dirty_ring") || mode == "dirty-ring";
    let bitmap = args.contains_key("dirty_bitmap") || mode == "dirty-bitmap";
    let number = |keys: [&str; 2]| keys.iter().find_map(|key| args.get(*key)?.as_i64());
    // The built-in takes -1 for "not given".
    let samples = number(["sample_pages_per_GB", "sample-pages"]).filter(|pages| *pages != -1);
    let fits = match samples {
        None => true,
        Some(pages) => !ring && (128..=16384).contains(&pages),
    };
    let period = number(["second", "calc-time"]).is_some_and(|s| (1..=60).contains(&s));
    ring != bitmap && fits && period
}

/// Whether a path leads to a virtio device: each has this property, and nothing else has (`virtio_properties`
/// of QEMU's hw/virtio/virtio.c).
pub async fn is_virtio_device(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let list = json!({"path": text(args, "path")});
    let list = qmp.execute("qom-list", list).await.unwrap_or_default();
    let mut all = list.as_array().into_iter().flatten();
    all.any(|property| property["name"] == "use-started")
}

/// Whether a VNC server shows a text console: then it has no display device to name.
pub async fn vnc_shows_text(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let server = qmp.execute("query-vnc", Value::Null).await;
    if !server.is_ok_and(|server| server["enabled"] == true) {
        return false;
    }
    // The first console with a display device is the one that is shown, where there is one.
    let consoles = qmp.execute("qom-list", json!({"path": "/backend"})).await;
    let consoles = consoles.unwrap_or_default();
    let mut kinds = consoles.as_array().into_iter().flatten();
    !kinds.any(|console| console["type"] == "child<qemu-graphic-console>")
}

pub async fn kvm_is_off(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    !kvm_enabled(qmp).await
}

pub fn is_gl_device(args: &Map<String, Value>, _: Version) -> bool {
    let device = device(args);
    ["typename", "driver"]
        .iter()
        .any(|key| is_gl(text(&device, key)))
}

/// Whether the type that all GL devices hold is missing: QEMU loads its modules to answer.
pub async fn gl_module_is_missing(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let types = json!({"implements": "virtio-gpu-gl-device", "abstract": true});
    let types = qmp.execute("qom-list-types", types).await;
    !types.is_ok_and(|types| types.as_array().is_some_and(|types| !types.is_empty()))
}

pub fn is_rocker(args: &Map<String, Value>, _: Version) -> bool {
    text(&device(args), "driver") == "rocker"
}

pub async fn rocker_exists(qmp: &dyn Qmp, caps: &Caps, args: &Map<String, Value>) -> bool {
    let device = device(args);
    let name = device.get("name").and_then(Value::as_str);
    let query = json!({"name": name.unwrap_or("rocker")});
    caps.has("query-rocker") && qmp.execute("query-rocker", query).await.is_ok()
}

/// Whether a device, or one that may hang on a bus of it, is a rocker switch.
pub async fn takes_rocker_away(qmp: &dyn Qmp, caps: &Caps, args: &Map<String, Value>) -> bool {
    // The types of what a path of QOM holds, by name.
    let children = async |path: &str| {
        let list = qmp.execute("qom-list", json!({"path": path})).await;
        let list = list.unwrap_or_default();
        let all = list.as_array().into_iter().flatten();
        let texts = |child: &Value| {
            ["name", "type"].map(|key| child[key].as_str().unwrap_or_default().to_owned())
        };
        all.map(texts).collect::<Vec<_>>()
    };
    let holds = |all: &[[String; 2]], kinds: &[&str]| {
        all.iter().any(|[_, kind]| kinds.contains(&kind.as_str()))
    };
    const ROCKER: &str = "child<rocker>";
    if !caps.has("query-rocker") {
        return false;
    }
    let named = children("/machine/peripheral").await;
    let id = text(args, "id");
    let id = id.strip_prefix("/machine/peripheral/").unwrap_or(id);
    let path = match id.starts_with('/') {
        true => id.to_owned(),
        false => format!("/machine/peripheral/{id}"),
    };
    match named.iter().find(|[name, _]| name == id) {
        Some([_, kind]) if kind == ROCKER => return true,
        Some(_) => {}
        // A path of QOM may be given, too.
        None if id.contains('/') => {
            let kind = qmp.execute("qom-get", json!({"path": path, "property": "type"}));
            if kind.await.is_ok_and(|kind| kind == "rocker") {
                return true;
            }
        }
        None => return false,
    }
    // What hangs on a bridge goes with it.
    holds(&children(&path).await, &["child<PCI>", "child<PCIE>"])
        && (holds(&named, &[ROCKER])
            || holds(&children("/machine/peripheral-anon").await, &[ROCKER]))
}

pub fn names_device(args: &Map<String, Value>, _: Version) -> bool {
    args.contains_key("device")
}

/// Whether a drive has a value that its driver must be able to read and can't.
pub fn drive_has_bad_value(args: &Map<String, Value>, version: Version) -> bool {
    let items: Vec<(String, String)> = keyval::items(text(args, "opts"))
        .map(|item| match item.split_once('=') {
            Some((key, value)) => {
                let last = key.rsplit('.').next().unwrap_or(key);
                (last.to_owned(), value.to_owned())
            }
            // A name alone switches on, or, with `no` before it, off.
            None => match item.strip_prefix("no") {
                Some(name) => (name.to_owned(), "off".to_owned()),
                None => (item, "on".to_owned()),
            },
        })
        .collect();
    let in_files = args_of_files(items.iter().map(|(_, value)| value.as_str()));
    is_bad(&items, version) || in_files.iter().any(|items| is_bad(items, version))
}

/// Whether an image is named by a JSON object with such a value.
pub fn image_has_bad_value(args: &Map<String, Value>, version: Version) -> bool {
    let files = args_of_files(args.values().filter_map(Value::as_str));
    files.iter().any(|items| is_bad(items, version))
}

/// Whether a property holds a secret, by its name: `data` is that of the objects for secrets. Neither
/// structures nor drives are called so.
fn holds_secret(property: &str) -> bool {
    property == "data" || is_secret(property)
}

/// What may be a secret is not read.
pub async fn plain_set_of_structure(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let (path, property) = (text(args, "path"), text(args, "property"));
    if holds_secret(property) {
        return false;
    }
    let get = json!({"path": path, "property": property});
    let structure = match qmp.execute("qom-get", get).await {
        Ok(value) => value.is_object(),
        Err(QmpError::Command { .. }) => is_structure_by_type(qmp, path, property).await,
        Err(_) => false,
    };
    structure && is_writable(qmp, path, property).await
}

/// For properties that can't be read: scalars, links and lists of numbers have lower-case type
/// names in QOM.
async fn is_structure_by_type(qmp: &dyn Qmp, path: &str, property: &str) -> bool {
    let list = qmp.execute("qom-list", json!({"path": path})).await;
    find_in(list, "name", property)
        .and_then(|found| Some(found.get("type")?.as_str()?.to_owned()))
        .is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase()) || kind == "struct")
}

/// Whether a property that is a structure can be set. QMP shows that only when it is tried: with an
/// array, which no structure can be read from, so that nothing is set (object_property_set looks for
/// a setter first, in qom/object.c).
async fn is_writable(qmp: &dyn Qmp, path: &str, property: &str) -> bool {
    let set = json!({"path": path, "property": property, "value": []});
    !matches!(
        qmp.execute("qom-set", set).await,
        Err(QmpError::Command { desc, .. }) if desc.ends_with("is not writable")
    )
}

/// The node's parent asks to be given the child that it has. A property of a device with a drive of
/// its own name shows that name, any other the node's. What may be a secret is not read.
pub async fn sets_the_same_node(qmp: &dyn Qmp, caps: &Caps, args: &Map<String, Value>) -> bool {
    let wanted = match args.get("value") {
        Some(Value::String(json)) if args.contains_key("json") => {
            qjson::parse(json, caps.version).ok()
        }
        other => other.cloned(),
    };
    let (path, property) = (text(args, "path"), text(args, "property"));
    if holds_secret(property) {
        return false;
    }
    let get = json!({"path": path, "property": property});
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

async fn kvm_enabled(qmp: &dyn Qmp) -> bool {
    qmp.execute("query-kvm", Value::Null)
        .await
        .is_ok_and(|v| v.get("enabled") == Some(&Value::Bool(true)))
}

/// The scheme of where a migration goes to. One that is to be resumed goes nowhere, for none was
/// paused in that state.
fn scheme(args: &Map<String, Value>) -> &str {
    if args.get("resume") == Some(&Value::Bool(true)) {
        return "";
    }
    text(args, "uri").split_once(':').map_or("", |(s, _)| s)
}

/// The first release that migrates to files (8.2, commit 2a9e2e595f of QEMU).
const FILES: Version = v(8, 2);

/// Whether a migration goes where it can certainly begin.
pub fn goes_to_a_command_or_file(args: &Map<String, Value>, version: Version) -> bool {
    match scheme(args) {
        "exec" => true,
        "file" => version >= FILES,
        _ => false,
    }
}

/// Whether a migration goes where somebody may answer.
pub fn goes_to_a_socket(args: &Map<String, Value>, _: Version) -> bool {
    matches!(scheme(args), "tcp" | "unix" | "vsock" | "rdma" | "fd")
}

/// The state that a `loadvm` leaves which failed while the VM ran.
pub async fn is_restoring(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let status = qmp.execute("query-status", Value::Null).await;
    status.is_ok_and(|s| s.get("status").and_then(Value::as_str) == Some("restore-vm"))
}

/// What `netdev_add` is given, as text: a line has it as one option string.
fn netdev(args: &Map<String, Value>) -> Map<String, Value> {
    match args.get("netdev").and_then(Value::as_str) {
        Some(options) => {
            let pairs = keyval::pairs(options, Some("type")).into_iter();
            pairs.map(|pair| (pair.key, pair.value.into())).collect()
        }
        None => args.clone(),
    }
}

/// Whether an option of a backend is switched on; none where it is not given.
fn switch(netdev: &Map<String, Value>, key: &str) -> Option<bool> {
    match netdev.get(key)? {
        Value::Bool(on) => Some(*on),
        other => keyval::boolean(other.as_str().unwrap_or_default()),
    }
}

/// Whether a tap uses the kernel's vhost if it can, and goes without it otherwise.
fn tries_vhost(netdev: &Map<String, Value>) -> bool {
    let vhost = switch(netdev, "vhost").unwrap_or_else(|| has_vhost_descriptor(netdev));
    let forced = switch(netdev, "vhostforce") == Some(true);
    text(netdev, "type") == "tap" && vhost && !forced
}

fn has_vhost_descriptor(netdev: &Map<String, Value>) -> bool {
    netdev.contains_key("vhostfd") || netdev.contains_key("vhostfds")
}

/// Whether a tap opens the kernel's vhost itself.
pub fn opens_vhost(args: &Map<String, Value>, _: Version) -> bool {
    let netdev = netdev(args);
    tries_vhost(&netdev) && !has_vhost_descriptor(&netdev)
}

/// Whether a tap gets the kernel's vhost by a descriptor.
pub fn gets_vhost(args: &Map<String, Value>, _: Version) -> bool {
    let netdev = netdev(args);
    tries_vhost(&netdev) && has_vhost_descriptor(&netdev)
}

/// Whether a tap gets the kernel's vhost by the number of a descriptor, which need not be open.
pub fn gets_vhost_by_number(args: &Map<String, Value>, _: Version) -> bool {
    let netdev = netdev(args);
    text(&netdev, "type") == "tap"
        && switch(&netdev, "vhost") != Some(false)
        && text(&netdev, "vhostfd").starts_with(|c: char| c.is_ascii_digit())
}

/// Whether QEMU may not be able to open the kernel's vhost.
pub async fn lacks_vhost(qmp: &dyn Qmp, caps: &Caps, args: &Map<String, Value>) -> bool {
    may_make_tap(qmp, caps, args).await && qmp.can_open("/dev/vhost-net") != Some(true)
}

/// Whether QEMU may be able to make the tap, which comes first.
pub async fn may_make_tap(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
    let netdev = netdev(args);
    let given = ["fd", "fds", "helper"]
        .iter()
        .any(|key| netdev.contains_key(*key));
    given || qmp.can_open("/dev/net/tun") != Some(false)
}

/// Boards that bring no display adapter of their own.
const BOARDS_WITHOUT_DISPLAY: &[&str] = &["microvm-machine", "none-machine"];

/// The abort comes when text consoles were numbered before the board makes its display adapter. QMP
/// shows the consoles and the board; whether an adapter will come, it does not tell.
/// Whether a user added a macio device, whose VIA then has no clock (hw/misc/macio/cuda.c).
pub async fn has_clockless_via(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    for parent in ["/machine/peripheral", "/machine/peripheral-anon"] {
        let list = qmp.execute("qom-list", json!({"path": parent})).await;
        let list = list.unwrap_or_default();
        for child in list.as_array().into_iter().flatten() {
            let member = |name: &str| child.get(name).and_then(Value::as_str).unwrap_or_default();
            if !member("type").starts_with("child<macio-") {
                continue;
            }
            let path = format!("{parent}/{}/cuda", member("name"));
            let get = json!({"path": path, "property": "timebase-frequency"});
            if matches!(qmp.execute("qom-get", get).await, Ok(clock) if clock == 0) {
                return true;
            }
        }
    }
    false
}

/// Whether the machine is `none`.
pub async fn has_no_machine(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let get = json!({"path": "/machine", "property": "type"});
    matches!(qmp.execute("qom-get", get).await, Ok(Value::String(kind)) if kind == "none-machine")
}

pub async fn second_console(qmp: &dyn Qmp, caps: &Caps, _: &Map<String, Value>) -> bool {
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

/// The search walks the consoles by number, looks at each one's device, and aborts at a console
/// without one.
pub async fn meets_text_console(qmp: &dyn Qmp, _: &Caps, args: &Map<String, Value>) -> bool {
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

/// Whether QEMU can read a value.
type Reads = fn(&str, Version) -> bool;

/// Options that block drivers read with no way to fail (block/null.c, block/nvme.c): how a driver's
/// name begins, the option, and whether QEMU can read a value.
const MUST_BE_READ: &[(&str, &str, Reads)] = &[
    ("null-", "size", |value, version| {
        size::whole(value, size::BYTES, size::Rules::of(version)).is_ok()
    }),
    ("null-", "latency-ns", reads_number),
    ("null-", "read-zeroes", |value, _| {
        keyval::boolean(value).is_some()
    }),
    ("nvme", "namespace", reads_number),
];

fn reads_number(value: &str, version: Version) -> bool {
    number::strtou64(value, version).is_ok()
}

fn is_bad(items: &[(String, String)], version: Version) -> bool {
    let names_driver = |key: &str| matches!(key, "driver" | "format" | "file" | "filename");
    MUST_BE_READ.iter().any(|(driver, option, reads)| {
        let mut all = items.iter();
        all.any(|(key, value)| names_driver(key) && value.starts_with(driver))
            && items
                .iter()
                .any(|(key, value)| key == option && !reads(value, version))
    })
}

/// What file names of the form `json:{...}` hold: each member's last name, and its value as an
/// option's.
fn args_of_files<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Vec<(String, String)>> {
    let objects = names.filter_map(|name| {
        let text = name.strip_prefix("json:")?;
        qjson::parse(text, Version::FIRST).ok()
    });
    objects
        .map(|object| {
            let mut items = Vec::new();
            flatten("", &object, &mut items);
            items
        })
        .collect()
}

fn flatten(key: &str, value: &Value, items: &mut Vec<(String, String)>) {
    let text = match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(key.rsplit('.').next().unwrap_or(key), value, items);
            }
            return;
        }
        Value::String(text) => text.clone(),
        Value::Bool(on) => if *on { "on" } else { "off" }.into(),
        other => other.to_string(),
    };
    items.push((key.to_owned(), text));
}

/// Children of these hold the devices that were plugged by a user.
const PLUGGED: &[&str] = &["/machine/peripheral", "/machine/peripheral-anon"];

pub async fn nvme_without_namespace(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
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

/// The bit of CR4 for tables of five levels.
const CR4_LA57: u64 = 1 << 12;

pub async fn cpu_has_la57(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
    let Ok(Value::Array(cpus)) = qmp.execute("query-cpus-fast", Value::Null).await else {
        return false;
    };
    let Some(path) = cpus.first().and_then(|cpu| cpu.get("qom-path")) else {
        return false;
    };
    let get = json!({"path": path, "property": "la57"});
    if !matches!(qmp.execute("qom-get", get).await, Ok(Value::Bool(true))) {
        return false;
    }
    // The built-in, whose way this is, says which CPUs use it; where it does not, they may.
    let text = builtin::answer(qmp, "info registers -a", None).await;
    let text = text.unwrap_or_default();
    let mut values = text.split("CR4=").skip(1).map(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_hexdigit()).next();
        u64::from_str_radix(digits.unwrap_or_default(), 16).ok()
    });
    let known = text.contains("CR4=");
    !known || values.any(|value| value.is_none_or(|value| value & CR4_LA57 != 0))
}

pub async fn has_non_migratable_device(qmp: &dyn Qmp, _: &Caps, _: &Map<String, Value>) -> bool {
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

/// Of a virtual address only the machine's view without an MMU is known.
pub async fn reads_registers_of_each_cpu(
    qmp: &dyn Qmp,
    caps: &Caps,
    args: &Map<String, Value>,
) -> bool {
    match read(args) {
        Some(range) => per_cpu::among(qmp, caps, range).await.unwrap_or(false),
        None => false,
    }
}

/// The addresses that are read, of lines and calls that say how many.
fn read(args: &Map<String, Value>) -> Option<Range<u64>> {
    let number = |key: &str| args.get(key).and_then(Value::as_i64);
    let start = first_address(args)?;
    let size = match (text(args, "format"), number("count"), number("size")) {
        // Instructions: as many bytes as the longest have, and what is read ahead.
        ("i", Some(count), _) => count.max(1) * 8 + 32,
        (_, Some(count), Some(size)) => count.saturating_mul(size),
        (_, None, Some(size)) => size,
        _ => return None,
    };
    Some(start..start.saturating_add(u64::try_from(size).unwrap_or(0)))
}

fn first_address(args: &Map<String, Value>) -> Option<u64> {
    let number = |key: &str| args.get(key).and_then(Value::as_i64);
    let first = ["addr", "val", "start"].into_iter().find_map(number);
    first.map(i64::as_unsigned)
}

/// Whether an address is beyond PowerPC's segments.
pub fn is_beyond_segments(args: &Map<String, Value>, _: Version) -> bool {
    let end = read(args).map_or(0, |range| range.end);
    first_address(args).is_some_and(|start| start >= segments::END) || end > segments::END
}

/// Whether an address of 32 bits is negative as a signed number.
pub fn is_negative_in_32_bits(args: &Map<String, Value>, _: Version) -> bool {
    let ends = read(args).map(|range| [range.start, range.end]);
    let mut ends = ends.into_iter().flatten();
    ends.any(|address| (address as i32) < 0)
}

pub async fn has_segments(qmp: &dyn Qmp, caps: &Caps, _: &Map<String, Value>) -> bool {
    segments::has(qmp, caps).await.unwrap_or(false)
}
