// SPDX-License-Identifier: GPL-2.0-or-later
//! The state of all devices as `xen-save-devices-state` writes it (migration/savevm.c,
//! `qemu_save_device_state`): a magic number, then sections, each between a header and a footer that
//! repeats its number, then one byte 0.
//!
//! No length is anywhere: a section ends where its footer is followed by another section or by the
//! end. What a guest wrote into a device may look like that, so that whoever reads a section checks
//! that it has exactly the length that it should have, and whatever is not as expected is refused.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::guest::bytes::Bytes;

/// `QEVM` and the version of the format.
const START: [u8; 8] = [b'Q', b'E', b'V', b'M', 0, 0, 0, 3];

/// Kinds of things in a stream.
const END: u8 = 0;
const FULL: u8 = 4;
const SUBSECTION: u8 = 5;
const FOOTER: u8 = 0x7e;

/// Devices that are there twice by the same name and number: the IDE controllers of isapc (seen on
/// 7.2.22). Nobody reads them.
const TWICE: &[&str] = &["isa-ide"];

/// More than any QEMU counts to.
const MOST_SECTIONS: usize = 1 << 16;
const HIGHEST: u32 = 0xffff;

/// Why a state is not read: something in it is not as expected. Nothing is guessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state that QEMU wrote is not as expected: {0}")]
pub struct Surprise(pub String);

/// The state of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its name, `cpu` for example.
    pub name: &'a str,
    /// Which one of that name.
    pub instance: u32,
    /// The version of its layout.
    pub version: u32,
    /// What it holds: fields without names or lengths, then [`subsections`].
    pub body: &'a [u8],
}

impl Section<'_> {
    /// Refuses the state of a CPU of another version than these.
    pub fn of_versions(&self, known: RangeInclusive<u32>) -> Result<(), Surprise> {
        match known.contains(&self.version) {
            true => Ok(()),
            false => Err(Surprise(format!(
                "the state of a CPU has version {}",
                self.version
            ))),
        }
    }
}

impl Surprise {
    /// Where a field should be, the state of a CPU has ended.
    #[must_use]
    pub fn short() -> Self {
        Self("the state of a CPU is too short".into())
    }
}

struct Header<'a> {
    id: u32,
    name: &'a str,
    instance: u32,
    version: u32,
}

/// The header at the start of `bytes`, and what follows it.
fn header(bytes: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let mut bytes = Bytes::big_endian(bytes);
    if bytes.byte()? != FULL {
        return None;
    }
    let id = bytes.word()?;
    let length = bytes.byte()?;
    let name = bytes.take(length.into())?;
    let (instance, version) = (bytes.word()?, bytes.word()?);
    let name = std::str::from_utf8(name).ok()?;
    let printable = name.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let plausible = printable && !name.is_empty() && id <= HIGHEST && version <= HIGHEST;
    let header = Header {
        id,
        name,
        instance,
        version,
    };
    plausible.then_some((header, bytes.rest()))
}

/// The sections of a whole state, in their order.
pub fn sections(state: &[u8]) -> Result<Vec<Section<'_>>, Surprise> {
    let surprise = |why: String| Err(Surprise(why));
    let Some(mut rest) = state.strip_prefix(&START) else {
        return surprise("it does not start as the state of devices does".into());
    };
    let mut sections = Vec::new();
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    while rest != [END] {
        let Some((header, behind)) = header(rest) else {
            let at = state.len() - rest.len();
            return surprise(format!("no section starts at byte {at}"));
        };
        let (name, instance) = (header.name, header.instance);
        let size = match body(behind, header.id) {
            Body::Of(size) => size,
            Body::Followed => {
                return surprise(format!("what follows section {name} is not a section"));
            }
            Body::Endless => return surprise(format!("section {name} has no footer")),
        };
        let known = TWICE.contains(&name);
        if !ids.insert(header.id) || !(names.insert((name, instance)) || known) {
            return surprise(format!("section {name} is there twice"));
        }
        if sections.len() == MOST_SECTIONS {
            return surprise("it has too many sections".into());
        }
        sections.push(Section {
            name,
            instance,
            version: header.version,
            body: &behind[..size],
        });
        rest = &behind[size + 5..];
    }
    Ok(sections)
}

/// How long a section's body is.
enum Body {
    /// That many bytes.
    Of(usize),
    /// It has a footer, perhaps, and nothing that is known behind it.
    Followed,
    /// It has none.
    Endless,
}

/// A body goes up to a footer behind which another section starts, or the state ends.
fn body(bytes: &[u8], id: u32) -> Body {
    let mut footer = [FOOTER, 0, 0, 0, 0];
    footer[1..].copy_from_slice(&id.to_be_bytes());
    let footers = bytes.windows(footer.len()).enumerate();
    let mut footers = footers.filter(|(_, window)| *window == footer);
    let ends = |at: usize| {
        let behind = &bytes[at + footer.len()..];
        behind == [END] || header(behind).is_some_and(|(next, _)| next.id != id)
    };
    let mut any = false;
    let found = footers.find(|(at, _)| {
        any = true;
        ends(*at)
    });
    match (found, any) {
        (Some((at, _)), _) => Body::Of(at),
        (None, true) => Body::Followed,
        (None, false) => Body::Endless,
    }
}

/// The section of this name and instance.
pub fn find<'a>(
    sections: &[Section<'a>],
    name: &str,
    instance: u32,
) -> Result<Section<'a>, Surprise> {
    let found = sections
        .iter()
        .find(|s| s.name == name && s.instance == instance);
    let missing = || Surprise(format!("there is no section {name} number {instance}"));
    found.cloned().ok_or_else(missing)
}

/// A part of a section that is written only where it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subsection<'a> {
    /// Its name, with that of its section in front: `cpu/avx512`.
    pub name: &'a str,
    /// What it holds.
    pub body: &'a [u8],
}

/// The subsections in `bytes`, which are what is left of a body behind its fixed part. `size` knows
/// how long each is, by its name and version.
pub fn subsections(
    bytes: &[u8],
    size: impl Fn(&str, u32) -> Option<usize>,
) -> Result<Vec<Subsection<'_>>, Surprise> {
    let mut bytes = Bytes::big_endian(bytes);
    let mut list: Vec<Subsection<'_>> = Vec::new();
    while !bytes.rest().is_empty() {
        let Some((name, version)) = subsection(&mut bytes) else {
            let more = bytes.rest().len();
            return Err(Surprise(format!(
                "a section is longer than expected ({more} bytes)"
            )));
        };
        let Some(body) = size(name, version).and_then(|size| bytes.take(size)) else {
            return Err(Surprise(format!(
                "the part {name} of version {version} is not known here"
            )));
        };
        if list.iter().any(|other| other.name == name) {
            return Err(Surprise(format!("the part {name} is there twice")));
        }
        list.push(Subsection { name, body });
    }
    Ok(list)
}

fn subsection<'a>(bytes: &mut Bytes<'a>) -> Option<(&'a str, u32)> {
    let mut ahead = bytes.clone();
    if ahead.byte()? != SUBSECTION {
        return None;
    }
    let length = ahead.byte()?;
    let name = std::str::from_utf8(ahead.take(length.into())?).ok()?;
    let version = ahead.word()?;
    let plausible = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    *bytes = ahead;
    plausible.then_some((name, version))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(id: u32, name: &str, instance: u32, version: u32) -> Vec<u8> {
        let mut bytes = vec![FULL];
        bytes.extend(id.to_be_bytes());
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.extend(instance.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes
    }

    /// A state with these sections, numbered from 1.
    pub(crate) fn state(list: &[(&str, u32, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = START.to_vec();
        for (id, (name, instance, version, body)) in (1..).zip(list) {
            bytes.extend(head(id, name, *instance, *version));
            bytes.extend(*body);
            bytes.push(FOOTER);
            bytes.extend(id.to_be_bytes());
        }
        bytes.push(END);
        bytes
    }

    const LIST: &[(&str, u32, u32, &[u8])] = &[
        ("timer", 0, 2, &[7; 24]),
        ("cpu_common", 0, 1, b"\0\0\0\x01"),
        // A footer of its own, as a guest may have written it into a device.
        ("cpu", 0, 12, b"~\0\0\0\x03 and more"),
        ("cpu", 1, 12, b""),
    ];

    #[test]
    fn sections_are_found() {
        let bytes = state(LIST);
        let found = sections(&bytes).unwrap();
        let told = LIST.iter().map(|&(name, instance, version, body)| Section {
            name,
            instance,
            version,
            body,
        });
        assert_eq!(found, told.collect::<Vec<_>>());
        assert_eq!(find(&found, "cpu", 1).unwrap().body, b"");
        assert_eq!(
            find(&found, "apic", 0).unwrap_err().0,
            "there is no section apic number 0"
        );
        assert_eq!(sections(&state(&[])), Ok(Vec::new()));
    }

    #[test]
    fn surprises_are_refused() {
        let whole = state(LIST);
        let why = |bytes: &[u8]| sections(bytes).unwrap_err().0;
        assert!(why(b"").contains("does not start"));
        assert!(why(b"QEVM\0\0\0\x04\0").contains("does not start"));
        // A configuration section; a byte more; a byte less.
        assert!(why(b"QEVM\0\0\0\x03\x07\0\0\0\0\0").contains("no section starts at byte 8"));
        assert!(
            why(&[&whole[..], &[0]].concat()).contains("what follows section cpu is not a section")
        );
        assert!(
            why(&whole[..whole.len() - 1]).contains("what follows section cpu is not a section")
        );
        let ide = state(&[("isa-ide", 0, 1, b"a"), ("isa-ide", 0, 1, b"b")]);
        assert_eq!(sections(&ide).unwrap().len(), 2);
        let twice = state(&[("cpu", 0, 12, b""), ("cpu", 0, 12, b"")]);
        assert_eq!(why(&twice), "section cpu is there twice");
        // Sections without footers, as machine types up to 2.3 have them.
        let bare = [&START[..], &head(1, "cpu", 0, 12), b"body", &[END]].concat();
        assert!(why(&bare).contains("section cpu has no footer"));
    }

    fn sub(name: &str, version: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![SUBSECTION, name.len() as u8];
        bytes.extend(name.as_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn subsections_have_known_names_and_sizes() {
        let size = |name: &str, version: u32| match (name, version) {
            ("cpu/xss", 1) => Some(8),
            ("cpu/pkru", 1) => Some(4),
            _ => None,
        };
        let why = |bytes: &[u8]| subsections(bytes, size).unwrap_err().0;
        let (xss, pkru) = (sub("cpu/xss", 1, b"12345678"), sub("cpu/pkru", 1, b"1234"));
        let both = [&xss[..], &pkru].concat();
        let found = subsections(&both, size).unwrap();
        assert_eq!(
            (found[0].body, found[1].name),
            (&b"12345678"[..], "cpu/pkru")
        );
        assert_eq!(subsections(b"", size), Ok(Vec::new()));
        assert_eq!(
            why(&sub("cpu/new", 1, b"")),
            "the part cpu/new of version 1 is not known here"
        );
        assert!(why(&sub("cpu/xss", 2, b"12345678")).contains("of version 2"));
        assert!(why(&sub("cpu/xss", 1, b"1234567")).contains("not known here"));
        assert_eq!(
            why(&[&xss[..], &xss].concat()),
            "the part cpu/xss is there twice"
        );
        assert_eq!(
            why(&[&xss[..], b"1"].concat()),
            "a section is longer than expected (1 bytes)"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in any::<prop::sample::Index>(),
            noise in prop::collection::vec(prop::sample::select(vec![0, 1, 3, 4, 5, 0x7e, b'c']), 0..200),
        ) {
            let mut bytes = state(LIST);
            let len = bytes.len();
            for (at, byte) in changes {
                bytes[at.index(len)] = byte;
            }
            bytes.truncate(cut.index(len) + 1);
            bytes.extend(&noise);
            if let Ok(found) = sections(&bytes) {
                let total: usize = found.iter().map(|section| section.body.len()).sum();
                prop_assert!(total < bytes.len());
            }
            let _ = subsections(&noise, |name, _| Some(name.len()));
        }
    }
}
