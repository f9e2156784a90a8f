// SPDX-License-Identifier: GPL-2.0-or-later
//! Gives the shared library the name that programs find it by.

#![allow(clippy::print_stdout, reason = "cargo reads it")]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libhmp_ffi.so.0");
    }
}
