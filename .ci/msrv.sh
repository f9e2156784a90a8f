#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Checks with a compiler of the stated minimum (`rust-version`) what does not state another (`hmp` does): rustup's, or
# Debian's, whose packages are unpacked below the build folder and not installed. Says so where neither is to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

stated=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
folder=$(realpath -m "${CARGO_TARGET_DIR:-target}/rust-$stated")

# Debian has such a compiler, or one for its browsers beside that of its release; with all that it is linked to but C's library.
unpack() {
    local found name version web
    found=$(apt-cache madison rustc-web rustc | awk -v stated="$stated" '$3 ~ "^" stated "[.]" { print $1, $3; exit }')
    read -r name version <<<"$found"
    web=${name#rustc}
    mkdir "$folder/packages"
    cd "$folder/packages" || return 1
    apt-get download -q "$name=$version" "libstd-rust$web-dev=$version"
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
        "libstd-rust$web-$stated" | grep -E '^[a-z]' | grep -vE '^(libc6|libgcc-s1|gcc-[0-9]+-base)$' | xargs apt-get download -q
    for name in *.deb; do
        dpkg -x "$name" "$folder"
    done
    rm -r "$folder/packages"
}

compiler() {
    if rustup which --toolchain "$stated" rustc 2>/dev/null; then
        return
    fi
    if [ ! -x "$folder/rustc" ]; then
        command -v apt-get >/dev/null || return 1
        rm -rf "$folder"
        mkdir -p "$folder"
        (unpack) >"$folder/log" 2>&1 || true
        # One step may have failed, for want of room too.
        [ -x "$folder/usr/bin/rustc" ] || return 1
        local libraries
        libraries=$(find "$folder/usr/lib" "$folder/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | grep -v rustlib | sort -u | paste -sd:)
        printf '#!/bin/sh\nexec env LD_LIBRARY_PATH="%s" "%s" "$@"\n' "$libraries" "$folder/usr/bin/rustc" >"$folder/rustc"
        chmod +x "$folder/rustc"
    fi
    "$folder/rustc" --version >/dev/null && echo "$folder/rustc"
}

if rustc=$(compiler); then
    "$rustc" --version
    # What it builds can't be mixed with the other compiler's.
    export RUSTC=$rustc CARGO_TARGET_DIR=$folder/build
    cargo check --locked -p hmp-engine -p hmp-ffi -p mock-qmp
    # The client without the prompt.
    cargo check --locked -p hmp --no-default-features --ignore-rust-version
    rm -rf "$folder/build"
else
    echo "skipped: no compiler of Rust $stated to be had here"
fi
