// SPDX-License-Identifier: GPL-2.0-or-later
//! Block back ends of machines that are put together.

use super::parts::{Parts, option};
use crate::case::Disk;

/// Formats that qemu-img makes beside qcow2 and raw.
const FORMATS: &[&str] = &["vmdk", "vdi", "vpc", "qed", "parallels", "vhdx"];

/// A back end; what `drive=` takes.
pub fn backend(parts: &mut Parts) -> String {
    let node = parts.id("node");
    let nodes = match parts.random.u32(..12) {
        0 => vec![null(&node, parts)],
        1 => vec![raw(parts, &node)],
        2 => vec![qcow2(parts, &node)],
        3 => {
            let below = parts.id("node");
            let image = format!("driver=blkdebug,node-name={node},image={below}");
            vec![raw(parts, &below), image]
        }
        4 => {
            let group = parts.object("throttle-group", ",x-bps-total=1000000,x-iops-read=100");
            let below = parts.id("node");
            let filter =
                format!("driver=throttle,node-name={node},throttle-group={group},file={below}");
            vec![qcow2(parts, &below), filter]
        }
        5 => {
            let below = parts.id("node");
            let filter = format!("driver=copy-on-read,node-name={node},file={below}");
            vec![qcow2(parts, &below), filter]
        }
        6 => {
            let below = parts.id("node");
            let part = format!("driver=raw,node-name={node},file={below},offset=65536,size=131072");
            let image = image(parts, "raw", None);
            vec![
                format!("driver=file,node-name={below},filename={image}"),
                part,
            ]
        }
        _ => return drive(parts, "none"),
    };
    for node in nodes {
        parts.arg("-blockdev", node);
    }
    node
}

/// A drive as users have them, at that interface; its id.
pub fn drive(parts: &mut Parts, interface: &str) -> String {
    let id = parts.id("drive");
    let mut options = format!("if={interface},id={id}");
    match parts.random.u32(..6) {
        0 => {
            let format = parts.pick(FORMATS);
            let file = image(parts, format, None);
            option(&mut options, "file", &file);
            option(&mut options, "format", format);
        }
        1 => options += ",file=null-co://,format=raw,file.read-zeroes=on",
        2 => {
            let file = image(parts, "raw", None);
            option(&mut options, "file", &file);
            option(&mut options, "format", "raw");
        }
        _ => {
            let file = chain(parts);
            option(&mut options, "file", &file);
            option(&mut options, "format", "qcow2");
        }
    }
    for more in [
        ",cache=unsafe",
        ",snapshot=on",
        ",readonly=on",
        ",discard=unmap,detect-zeroes=unmap",
        ",werror=stop,rerror=report",
        ",throttling.bps-total=1048576,throttling.group=g0",
        ",throttling.iops-read=100,throttling.iops-read-max=200",
    ] {
        // A disk that can't be written is not what most devices take, and both write.
        if parts.one_in(if more == ",readonly=on" { 40 } else { 10 }) {
            options += more;
        }
    }
    parts.arg("-drive", options);
    id
}

fn null(node: &str, parts: &mut Parts) -> String {
    let size = parts.pick(&["1048576", "16777216"]);
    let driver = parts.pick(&["null-co", "null-aio"]);
    format!("driver={driver},node-name={node},size={size},read-zeroes=on")
}

fn raw(parts: &mut Parts, node: &str) -> String {
    let file = image(parts, "raw", None);
    let more = parts.pick(&[
        "",
        ",discard=unmap",
        ",file.aio=threads",
        ",cache.direct=off",
        ",detect-zeroes=on",
    ]);
    format!("driver=raw,node-name={node},file.driver=file,file.filename={file}{more}")
}

fn qcow2(parts: &mut Parts, node: &str) -> String {
    let file = chain(parts);
    let more = parts.pick(&[
        "",
        ",lazy-refcounts=on",
        ",discard=unmap",
        ",cache.no-flush=on",
    ]);
    format!("driver=qcow2,node-name={node},file.driver=file,file.filename={file}{more}")
}

/// An image, with others behind it now and then.
fn chain(parts: &mut Parts) -> String {
    let mut backing = None;
    for _ in 0..parts.pick(&[0, 0, 0, 1, 2]) {
        image(parts, "qcow2", backing);
        backing = parts
            .disks
            .last()
            .map(|disk| (disk.file.clone(), "qcow2".to_owned()));
    }
    image(parts, "qcow2", backing)
}

/// A new image; its path.
fn image(parts: &mut Parts, format: &str, backing: Option<(String, String)>) -> String {
    let file = format!("{}.{format}", parts.id("image"));
    let takes = format == "qcow2" && parts.one_in(3);
    parts.disks.push(Disk {
        file: file.clone(),
        format: format.to_owned(),
        size: backing.is_none().then(|| "1M".to_owned()),
        backing,
        write: Vec::new(),
        snapshots: if takes {
            vec!["snap0".to_owned()]
        } else {
            Vec::new()
        },
    });
    format!("{{dir}}/{file}")
}
