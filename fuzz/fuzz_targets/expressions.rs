// SPDX-License-Identifier: GPL-2.0-or-later
//! See [`hmp_fuzz::expressions`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hmp_fuzz::expressions(data));
