// SPDX-License-Identifier: GPL-2.0-or-later
//! I/O ports, through QEMU's test interface: an object of type `qtest` serves a protocol of lines on
//! a socket, on a VM that is no test too (seen: 7.2.22, 10.0.2, 11.1.3).
//!
//! A line that it does not expect ends QEMU, so that only lines made here are ever sent. A process
//! can have one such object, and one that was deleted leaves a second one mute: it is made once for
//! a VM, under a name that each `hmp` knows, and stays until QEMU ends.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::cx::{CmdError, Cx};
use crate::host::Sockets;
use crate::qemu::objects::Property;

/// The id of the object, and of its character device.
pub const ID: &str = "hmp-ports";

/// What making it takes.
pub const NEEDS: &[&str] = &["qom-list", "query-chardev", "chardev-add", "object-add"];

/// How many bytes a port is read or written by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One.
    Byte,
    /// Two.
    Word,
    /// Four.
    Long,
}

impl Width {
    /// The width of a format's size; any other than 2 and 4 is a byte (`hmp_ioport_read` in
    /// monitor/hmp-cmds-target.c, 7.2).
    #[must_use]
    pub fn of(size: i64) -> Self {
        match size {
            2 => Self::Word,
            4 => Self::Long,
            _ => Self::Byte,
        }
    }

    /// Its letter.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Byte => 'b',
            Self::Word => 'w',
            Self::Long => 'l',
        }
    }

    fn mask(self) -> u32 {
        match self {
            Self::Byte => 0xff,
            Self::Word => 0xffff,
            Self::Long => u32::MAX,
        }
    }
}

/// A look at a port, or a change of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads.
    In(Width, u16),
    /// Writes a value, of which the low bytes count.
    Out(Width, u16, u32),
}

impl Access {
    /// The line of the protocol (system/qtest.c, 7.2 to 11.1).
    fn line(self) -> String {
        match self {
            Self::In(width, port) => format!("in{} {port:#x}", width.letter()),
            Self::Out(width, port, value) => {
                let value = value & width.mask();
                format!("out{} {port:#x} {value:#x}", width.letter())
            }
        }
    }

    /// What was read, or nothing for what was written; none where the reply is another.
    fn value(self, reply: &str) -> Option<u32> {
        let value = reply.strip_prefix("OK")?.trim();
        match self {
            Self::Out(..) => value.is_empty().then_some(0),
            Self::In(width, _) => {
                let digits = value.strip_prefix("0x")?;
                let whole = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let value = u32::from_str_radix(digits, 16).ok().filter(|_| whole)?;
                Some(value & width.mask())
            }
        }
    }
}

/// Does these in this order; what was read, 0 for what was written.
pub async fn access(cx: &mut Cx<'_>, accesses: &[Access]) -> Result<Vec<u32>, CmdError> {
    let Some(sockets) = cx.host.sockets() else {
        return Err(unavailable(
            "this program reaches no sockets that QEMU serves",
        ));
    };
    let path = socket(cx, sockets).await?;
    let lines: Vec<String> = accesses.iter().map(|access| access.line()).collect();
    let replies = sockets.exchange(&path, &lines).await.map_err(|error| {
        unavailable(&format!(
            "the object '{ID}' of this QEMU can't be reached: {error}"
        ))
    })?;
    let values = accesses.iter().zip(&replies);
    let values = values.map(|(access, reply)| {
        let odd = || unavailable(&format!("the object '{ID}' answers {reply:?}"));
        access.value(reply).ok_or_else(odd)
    });
    values.collect()
}

fn unavailable(why: &str) -> CmdError {
    CmdError::Unavailable(why.to_owned())
}

#[derive(Deserialize)]
struct Chardev {
    label: String,
    filename: String,
}

async fn children(cx: &mut Cx<'_>, path: &str) -> Result<Vec<Property>, CmdError> {
    cx.query_with("qom-list", json!({"path": path})).await
}

/// How often is looked whether another program has finished making the object, and how far apart.
const LOOKS: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// The path of the object's socket; it is made where there is none.
async fn socket(cx: &mut Cx<'_>, sockets: &dyn Sockets) -> Result<String, CmdError> {
    let (mut there, mut device) = look(cx).await?;
    let mut failure = None;
    for _ in 0..LOOKS {
        match (there.iter().any(|object| object.name == ID), &device) {
            (true, Some(_)) => break,
            (false, None) if failure.is_some() => break,
            (false, None) => match make(cx, sockets, &there).await {
                // Another program may have been faster.
                Err(error @ CmdError::Qmp(_)) => failure = Some(error),
                done => return done,
            },
            _ => cx.host.sleep(PAUSE).await,
        }
        (there, device) = look(cx).await?;
    }
    let made = there.iter().any(|object| object.name == ID);
    if let (false, Some(error)) = (made, failure) {
        return Err(error);
    }
    match (made, device) {
        (true, Some(device)) => path(&device.filename).ok_or_else(|| {
            unavailable(&format!(
                "the object '{ID}' of this QEMU is reached by {}, which is not known",
                device.filename
            ))
        }),
        (true, None) => Err(unavailable(&format!(
            "the object '{ID}' of this QEMU has no socket of that name"
        ))),
        (false, Some(_)) => Err(unavailable(&format!(
            "this QEMU has a character device '{ID}' without the object: that was deleted, and a QEMU \
             can't have a second one, or the name is taken"
        ))),
        (false, None) => make(cx, sockets, &there).await,
    }
}

/// The objects, and the object's character device.
async fn look(cx: &mut Cx<'_>) -> Result<(Vec<Property>, Option<Chardev>), CmdError> {
    let there = children(cx, "/objects").await?;
    let devices: Vec<Chardev> = cx.query("query-chardev").await?;
    let device = devices.into_iter().find(|device| device.label == ID);
    Ok((there, device))
}

async fn make(
    cx: &mut Cx<'_>,
    sockets: &dyn Sockets,
    there: &[Property],
) -> Result<String, CmdError> {
    let machine = children(cx, "/machine").await?;
    let serves = |objects: &[Property]| objects.iter().any(|o| o.kind == "child<qtest>");
    if serves(there) || serves(&machine) {
        return Err(unavailable(
            "this QEMU serves another with its qtest object",
        ));
    }
    let types = json!({"implements": "qtest"});
    let types: Vec<Value> = cx.query_with("qom-list-types", types).await?;
    if types.is_empty() {
        return Err(unavailable("this QEMU has no objects of type qtest"));
    }
    let Some(path) = sockets.lasting() else {
        return Err(unavailable(
            "no socket can be made that only this user reaches",
        ));
    };
    let made = add(cx, &path).await;
    match made {
        Ok(()) => {
            cx.host.say(&format!(
                "QEMU has an object '{ID}' now, of type qtest, whose socket only you can reach: it \
                 stays until QEMU ends"
            ));
            Ok(path)
        }
        Err(error) => {
            sockets.forget(&path);
            Err(error)
        }
    }
}

async fn add(cx: &mut Cx<'_>, path: &str) -> Result<(), CmdError> {
    let address = json!({"type": "unix", "data": {"path": path}});
    let socket = json!({"addr": address, "server": true, "wait": false});
    let device = json!({"id": ID, "backend": {"type": "socket", "data": socket}});
    cx.execute("chardev-add", device).await?;
    let object = json!({"qom-type": "qtest", "id": ID, "chardev": ID, "log": "none"});
    cx.execute("object-add", object).await?;
    Ok(())
}

/// The path in what `query-chardev` says of a unix socket: `disconnected:unix:PATH,server=on`.
fn path(filename: &str) -> Option<String> {
    let name = filename.strip_prefix("disconnected:").unwrap_or(filename);
    let (path, _) = name.strip_prefix("unix:")?.rsplit_once(",server")?;
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Access::In(Width::Byte, 0x70), "inb 0x70", "OK 0x00ff", Some(0xff))]
    #[case(
        Access::In(Width::Word, 0xffff),
        "inw 0xffff",
        "OK 0x1234",
        Some(0x1234)
    )]
    #[case(
        Access::In(Width::Long, 0xcf8),
        "inl 0xcf8",
        "OK 0x80000000",
        Some(0x8000_0000)
    )]
    #[case(Access::Out(Width::Byte, 0x70, 0x1ff), "outb 0x70 0xff", "OK", Some(0))]
    #[case(
        Access::Out(Width::Long, 0, u32::MAX),
        "outl 0x0 0xffffffff",
        "OK 0x1",
        None
    )]
    #[case(Access::In(Width::Byte, 0), "inb 0x0", "FAIL Unknown command", None)]
    #[case(Access::In(Width::Byte, 0), "inb 0x0", "OK 0x+f", None)]
    fn lines_and_replies(
        #[case] access: Access,
        #[case] line: &str,
        #[case] reply: &str,
        #[case] value: Option<u32>,
    ) {
        assert_eq!(access.line(), line);
        assert_eq!(access.value(reply), value);
    }

    #[rstest]
    #[case("disconnected:unix:/run/h/port,server=on", Some("/run/h/port"))]
    #[case("unix:/a,server/port,server=on", Some("/a,server/port"))]
    #[case("disconnected:tcp:127.0.0.1:1,server=on", None)]
    #[case("pty:/dev/pts/1", None)]
    fn paths(#[case] filename: &str, #[case] expected: Option<&str>) {
        assert_eq!(path(filename).as_deref(), expected);
    }
}
