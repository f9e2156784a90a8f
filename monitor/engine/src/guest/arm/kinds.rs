// SPDX-License-Identifier: GPL-2.0-or-later
//! Which Arm CPUs with instructions of 32 bits there are, as far as their tables differ.

/// What QEMU emulates of a CPU, by the beginning of its type (target/arm/tcg/cpu32.c of 10.0).
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("arm926", Kind::FIFTH),
    ("arm1026", Kind::FIFTH),
    ("ti925t", Kind::FIFTH),
    ("sa11", Kind::FIFTH),
    (
        "pxa",
        Kind {
            small: true,
            ..Kind::FIFTH
        },
    ),
    ("arm1136-r2", Kind::SIXTH),
    (
        "arm1136",
        Kind {
            keys: true,
            ..Kind::SIXTH
        },
    ),
    (
        "arm1176",
        Kind {
            keys: true,
            ..Kind::SIXTH
        },
    ),
    (
        "arm11mpcore",
        Kind {
            keys: true,
            ..Kind::SIXTH
        },
    ),
    ("cortex-a8", Kind::SEVENTH),
    ("cortex-a9", Kind::SEVENTH),
    (
        "cortex-a7",
        Kind {
            keeps: true,
            ..Kind::SEVENTH
        },
    ),
    (
        "cortex-a15",
        Kind {
            keeps: true,
            ..Kind::SEVENTH
        },
    ),
];

/// What of a CPU decides about tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The version of the architecture.
    pub(super) version: u8,
    /// Whether rights have the form with an access flag (V6K).
    pub(super) keys: bool,
    /// Whether a table of 4 KiB pages may have extended small ones (XScale and V6).
    pub(super) small: bool,
    /// Whether tables may keep a system from executing (PXN), so that their entries have one more form.
    pub(super) keeps: bool,
}

impl Kind {
    pub(super) const FIFTH: Self = Self {
        version: 5,
        keys: false,
        small: false,
        keeps: false,
    };
    pub(super) const SIXTH: Self = Self {
        version: 6,
        small: true,
        ..Self::FIFTH
    };
    pub(super) const SEVENTH: Self = Self {
        version: 7,
        keys: true,
        ..Self::SIXTH
    };
    pub(super) const EIGHTH: Self = Self {
        version: 8,
        keeps: true,
        ..Self::SEVENTH
    };

    /// That of a CPU of this type; none of those that are not known here. `eighth`: it is of the eighth
    /// version.
    #[must_use]
    pub fn of(name: &str, eighth: bool) -> Option<Self> {
        if eighth {
            return Some(Self::EIGHTH);
        }
        let known = KINDS.iter().find(|(begin, _)| name.starts_with(begin));
        known.map(|(_, kind)| *kind)
    }
}
