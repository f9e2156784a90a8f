// SPDX-License-Identifier: GPL-2.0-or-later
//! A CPU's section in the state of all devices (target/i386/machine.c, `vmstate_x86_cpu`).

use crate::format::sign::Sign as _;
use crate::guest::bytes::Bytes;
use crate::guest::stream::{Section, Surprise, subsections};
use crate::guest::x86::cpu::{Cpu, Segment};

/// Versions of the layout; the older one lacks what AVX has.
const VERSIONS: std::ops::RangeInclusive<u32> = 11..=12;
const WITH_AVX: u32 = 12;

/// Bits of what QEMU keeps about the CPU's mode.
pub const INHIBITED: u32 = 1 << 3;
/// Protected mode.
pub const PROTECTED: u32 = 1 << 7;
/// Long mode.
pub const LONG: u32 = 1 << 14;
/// Code of 64 bits.
pub const LONG_CODE: u32 = 1 << 15;
/// System management mode.
pub const MANAGEMENT: u32 = 1 << 19;

/// A vector register's eight numbers, the lowest first.
pub type Vector = [u64; 8];

/// Everything that the section holds of the registers that can be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// What the notes of a dump hold too.
    pub cpu: Cpu,
    /// The CPU's mode, see the bits above; the lowest two are its ring.
    pub mode: u32,
    /// The x87 control word.
    pub fpu_control: u16,
    /// The x87 status word, with the top of the stack.
    pub fpu_status: u16,
    /// A bit for each x87 register that is in use.
    pub fpu_tags: u16,
    /// The x87 registers, in physical order: mantissa, sign and exponent.
    pub fpu: [(u64, u16); 8],
    /// DR0 to DR7.
    pub debug: [u64; 8],
    /// Which bits of addresses the A20 gate lets through.
    pub gate: i32,
    /// SSE's control and status.
    pub mxcsr: u32,
    /// EFER.
    pub efer: u64,
    /// What XSAVE manages.
    pub xcr0: u64,
    /// The opmask registers of AVX-512.
    pub masks: [u64; 8],
    /// The vector registers; a build of 32 bits has 8.
    pub vectors: Vec<Vector>,
}

/// Bytes of the subsections, all of version 1 (the same file of 7.2 to 10.2).
const SIZES: &[(&str, usize)] = &[
    ("cpu/exception_info", 11),
    ("cpu/async_pf_msr", 8),
    ("cpu/async_pf_int_msr", 8),
    ("cpu/async_pv_eoi_msr", 8),
    ("cpu/steal_time_msr", 8),
    ("cpu/poll_control_msr", 8),
    ("cpu/fpop_ip_dp", 18),
    ("cpu/msr_tsc_adjust", 8),
    ("cpu/msr_tscdeadline", 8),
    ("cpu/msr_ia32_misc_enable", 8),
    ("cpu/msr_ia32_feature_control", 8),
    ("cpu/msr_architectural_pmu", 344),
    ("cpu/mpx", 88),
    ("cpu/msr_hyperv_hypercall", 16),
    ("cpu/msr_hyperv_vapic", 8),
    ("cpu/msr_hyperv_time", 8),
    ("cpu/msr_hyperv_crash", 40),
    ("cpu/msr_hyperv_runtime", 8),
    ("cpu/msr_hyperv_synic", 152),
    ("cpu/msr_hyperv_stimer", 64),
    ("cpu/msr_hyperv_reenlightenment", 24),
    ("cpu/avx512", 1600),
    ("cpu/xss", 8),
    ("cpu/umwait", 4),
    ("cpu/tsc_khz", 8),
    ("cpu/msr_smi_count", 8),
    ("cpu/pkru", 4),
    ("cpu/pkrs", 4),
    ("cpu/spec_ctrl", 8),
    ("cpu/amd_tsc_scale_msr", 8),
    ("cpu/mcg_ext_ctl", 8),
    ("cpu/virt_ssbd", 8),
    ("cpu/msr_hwcr", 8),
    ("cpu/intel_pt", 104),
    ("cpu/svm_npt", 12),
    ("cpu/svn_npt", 12),
    ("cpu/svm_guest", 4),
    ("cpu/efer32", 8),
    ("cpu/msr_tsx_ctrl", 4),
    ("cpu/intel_sgx", 32),
    ("cpu/pdptrs", 32),
    ("cpu/msr_xfd", 16),
    ("cpu/fred", 72),
    ("cpu/intel_amx_xtile", 8256),
    ("cpu/arch_lbr", 784),
    ("cpu/triple_fault", 1),
    ("cpu/error_code", 4),
];

/// The subsection of AVX-512 in a build of 32 bits.
const NARROW_AVX512: usize = 8 * 8 + 8 * 32;

/// Reads the section of a CPU; `narrow` says that QEMU was built for 32 bits.
pub fn read(section: &Section<'_>, narrow: bool) -> Result<Whole, Surprise> {
    section.of_versions(VERSIONS)?;
    let mut bytes = Bytes::big_endian(section.body);
    let fixed = fixed(&mut bytes, narrow, section.version >= WITH_AVX);
    let Some((mut whole, format)) = fixed else {
        return Err(Surprise::short());
    };
    if format != 0 {
        return Err(Surprise("the x87 registers have another format".into()));
    }
    let size = |name: &str, version: u32| {
        let known = SIZES.iter().find(|(known, _)| *known == name);
        let (_, size) = known.filter(|_| version == 1)?;
        Some(match name {
            "cpu/avx512" if narrow => NARROW_AVX512,
            _ => *size,
        })
    };
    for part in subsections(bytes.rest(), size)? {
        let mut bytes = Bytes::big_endian(part.body);
        match part.name {
            "cpu/efer32" => whole.efer = bytes.long().unwrap_or(0),
            "cpu/avx512" => {
                let read = avx512(&mut bytes, &mut whole, narrow);
                read.ok_or_else(|| Surprise("the part cpu/avx512 is too short".into()))?;
            }
            _ => {}
        }
    }
    whole.cpu.long_mode = whole.mode & LONG != 0;
    Ok(whole)
}

/// The part that is always there, and the format of the x87 registers.
fn fixed(bytes: &mut Bytes<'_>, narrow: bool, avx: bool) -> Option<(Whole, u16)> {
    let width = if narrow { 4 } else { 8 };
    let count = if narrow { 8 } else { 16 };
    let mut whole = Whole::default();
    whole.cpu.narrow = narrow;
    for register in &mut whole.cpu.general[..count] {
        *register = bytes.number(width)?;
    }
    whole.cpu.ip = bytes.number(width)?;
    whole.cpu.flags = bytes.number(width)?;
    whole.mode = bytes.word()?;
    whole.fpu_control = bytes.half()?;
    whole.fpu_status = bytes.half()?;
    whole.fpu_tags = bytes.half()?;
    let format = bytes.half()?;
    for register in &mut whole.fpu {
        *register = (bytes.long()?, bytes.half()?);
    }
    let mut segment = || {
        Some(Segment {
            selector: bytes.word()?,
            base: bytes.number(width)?,
            limit: bytes.word()?,
            flags: bytes.word()?,
        })
    };
    for register in &mut whole.cpu.segments {
        *register = segment()?;
    }
    whole.cpu.ldt = segment()?;
    whole.cpu.task = segment()?;
    whole.cpu.gdt = segment()?;
    whole.cpu.idt = segment()?;
    // SYSENTER's registers.
    bytes.take(4 + 2 * width)?;
    for number in [0, 2, 3, 4] {
        whole.cpu.control[number] = bytes.number(width)?;
    }
    whole.debug = bytes.numbers(width)?;
    whole.gate = bytes.word()?.as_signed();
    whole.mxcsr = bytes.word()?;
    for _ in 0..count {
        let [low, high] = bytes.numbers(8)?;
        whole.vectors.push([low, high, 0, 0, 0, 0, 0, 0]);
    }
    if !narrow {
        let [efer, _, _, _, _, base] = bytes.numbers(8)?;
        whole.efer = efer;
        whole.cpu.kernel_gs_base = base;
    }
    // Management base, PAT, more about the mode; SVM; MTRRs; what is injected, and the TSC; flags
    // and the start vector; machine checks and clocks.
    bytes.take(16 + 45 + 224 + 20 + 8 + 368)?;
    if avx {
        let [xcr0, _] = bytes.numbers(8)?;
        whole.xcr0 = xcr0;
        for vector in &mut whole.vectors {
            [vector[2], vector[3]] = bytes.numbers(8)?;
        }
    }
    Some((whole, format))
}

fn avx512(bytes: &mut Bytes<'_>, whole: &mut Whole, narrow: bool) -> Option<()> {
    whole.masks = bytes.numbers(8)?;
    for vector in &mut whole.vectors {
        vector[4..].copy_from_slice(&bytes.numbers::<4>(8)?);
    }
    if !narrow {
        for _ in 16..32 {
            whole.vectors.push(bytes.numbers(8)?);
        }
    }
    Some(())
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of the fixed part, as they were counted on 7.2.22, 10.0.2 and 11.1.3.
    const FIXED: usize = 1817;
    const NARROW_FIXED: usize = 1313;

    fn section(version: u32, body: &[u8]) -> Section<'_> {
        Section {
            name: "cpu",
            instance: 0,
            version,
            body,
        }
    }

    #[test]
    fn fields_are_where_they_were_seen() {
        let mut body: Vec<u8> = (0..FIXED).map(|at| (at / 8) as u8).collect();
        // The format of x87 registers.
        body[154..156].fill(0);
        let whole = read(&section(12, &body), false).unwrap();
        let at = |place: usize| u64::from(body[place]) * 0x0101_0101_0101_0101;
        assert_eq!((whole.cpu.general[0], whole.cpu.general[15]), (0, at(120)));
        assert_eq!((whole.cpu.ip, whole.cpu.flags), (at(128), at(136)));
        assert_eq!(whole.mode, at(144) as u32);
        assert_eq!(whole.cpu.control[0], at(456));
        assert_eq!((whole.debug[0], whole.debug[7]), (at(488), at(544)));
        assert_eq!(whole.gate, at(552) as i32);
        assert_eq!(whole.vectors[0][..2], [at(560), at(568)]);
        assert_eq!((whole.efer, whole.cpu.kernel_gs_base), (at(816), at(856)));
        assert_eq!(whole.xcr0.to_be_bytes()[..7], [193; 7]);
        assert_eq!(whole.vectors[0][2].to_be_bytes()[..7], [195; 7]);
    }

    #[test]
    fn another_length_or_version_is_refused() {
        for (size, narrow) in [(FIXED, false), (NARROW_FIXED, true)] {
            let body = vec![0; size + 1];
            assert!(read(&section(12, &body[..size]), narrow).is_ok());
            assert!(read(&section(12, &body), narrow).is_err());
            assert!(read(&section(12, &body[..size - 1]), narrow).is_err());
            for version in [10, 13] {
                let why = read(&section(version, &body[..size]), narrow).unwrap_err();
                assert_eq!(why.0, format!("the state of a CPU has version {version}"));
            }
            assert!(read(&section(12, &body[..size]), !narrow).is_err());
        }
        let mut body = vec![0; FIXED];
        body[155] = 1;
        assert!(read(&section(12, &body), false).is_err());
    }

    #[test]
    fn the_upper_vectors_are_in_a_part_of_their_own() {
        let mut body = vec![0; FIXED];
        body.extend(b"\x05\x0acpu/avx512\0\0\0\x01");
        body.extend((0..200u64).flat_map(u64::to_be_bytes));
        body.extend(b"\x05\x0bcpu/tsc_khz\0\0\0\x01\0\0\0\0\0\0\0\0");
        let whole = read(&section(12, &body), false).unwrap();
        assert_eq!(whole.masks, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(whole.vectors.len(), 32);
        assert_eq!(whole.vectors[0], [0, 0, 0, 0, 8, 9, 10, 11]);
        assert_eq!(whole.vectors[31], [192, 193, 194, 195, 196, 197, 198, 199]);
        body[FIXED + 2..FIXED + 5].copy_from_slice(b"new");
        let why = read(&section(12, &body), false).unwrap_err();
        assert_eq!(why.0, "the part new/avx512 of version 1 is not known here");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            body in prop::collection::vec(any::<u8>(), 1800..1830),
            more in prop::collection::vec(any::<u8>(), 0..40),
            narrow: bool,
        ) {
            let body = [&body[..], b"\x05\x0acpu/avx512\0\0\0\x01", &more].concat();
            for version in 11..=12 {
                let _ = read(&section(version, &body), narrow);
            }
        }
    }
}
