// SPDX-License-Identifier: GPL-2.0-or-later
//! What is known of a QEMU, made once and shared between its monitors.

use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use hmp_engine::qemu::caps::Caps;
use hmp_engine::qmp::version::Version;

/// What a QEMU offers: release, target, QMP commands. It never changes, and monitors of different
/// threads may be created with it.
pub struct HmpCaps(Caps);

impl HmpCaps {
    /// A share of them.
    pub(crate) fn get(&self) -> Caps {
        self.0.clone()
    }

    /// As the embedder has them.
    pub(crate) fn share(caps: Caps) -> *mut Self {
        Box::into_raw(Box::new(Self(caps)))
    }
}

/// Makes capabilities from what the embedder knows; `hmp_caps_free` ends them. `package` is that of
/// `query-version`, NULL for none; `arch` the target as QAPI spells it (`x86_64`), NULL where it is
/// not known; `preconfig` is not 0 before the machine is initialised; `commands` are the names of
/// `count` QMP commands, in any order. All texts end with a NUL and are copied. NULL where `commands`
/// is NULL and `count` is not 0.
///
/// # Safety
/// Texts are null or end with a NUL, and `commands` has `count` of them, none of them null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_caps_new(
    major: u32,
    minor: u32,
    micro: u32,
    package: *const c_char,
    arch: *const c_char,
    preconfig: c_int,
    commands: *const *const c_char,
    count: usize,
) -> *mut HmpCaps {
    if commands.is_null() && count > 0 {
        return ptr::null_mut();
    }
    let text = |text: *const c_char| {
        // SAFETY: not null here; it ends with a NUL, by the caller's word.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy())
    };
    let made = catch_unwind(AssertUnwindSafe(|| {
        let names = (0..count).filter_map(|at| {
            // SAFETY: the list has `count` texts, by the caller's word.
            text(unsafe { *commands.add(at) })
        });
        let version = Version {
            major,
            minor,
            micro,
        };
        let mut caps = Caps::from_parts(version, text(arch).as_deref(), names);
        caps.package = text(package).unwrap_or_default().into_owned();
        caps.preconfig = preconfig != 0;
        HmpCaps::share(caps)
    }));
    made.unwrap_or(ptr::null_mut())
}

/// Ends capabilities; monitors that were created with them keep their share. NULL is left alone.
///
/// # Safety
/// `caps` is null or living, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hmp_caps_free(caps: *mut HmpCaps) {
    if !caps.is_null() {
        // SAFETY: this library made it, and nobody uses it any more, by the caller's word.
        drop(unsafe { Box::from_raw(caps) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_names_are_taken_over() {
        let names = [c"stop".as_ptr(), c"query-status".as_ptr()];
        // SAFETY: all texts end with a NUL, and there are two.
        unsafe {
            let made = hmp_caps_new(
                10,
                2,
                1,
                c"pkg".as_ptr(),
                c"x86_64".as_ptr(),
                1,
                names.as_ptr(),
                2,
            );
            let caps = (*made).get();
            hmp_caps_free(made);
            assert_eq!(caps.version.to_string(), "10.2.1");
            assert_eq!((caps.package.as_str(), caps.preconfig), ("pkg", true));
            assert_eq!(
                caps.commands().collect::<Vec<_>>(),
                ["query-status", "stop"]
            );
            let none = ptr::null();
            assert!(hmp_caps_new(9, 0, 0, none, none, 0, ptr::null(), 1).is_null());
            let empty = hmp_caps_new(9, 0, 0, none, none, 0, ptr::null(), 0);
            assert_eq!((*empty).get().arch, None);
            hmp_caps_free(empty);
            hmp_caps_free(ptr::null_mut());
        }
    }
}
