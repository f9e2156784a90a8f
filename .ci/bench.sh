#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What some work costs, in instructions, requests and bytes sent: no more than 15% above the last commit's figures
# (xtask/bench.tsv, which `cargo xtask bench --check --write` writes for the debug build). The engine's part has no C code.
set -euo pipefail
cd "$(dirname "$0")/.."
programs="${CARGO_TARGET_DIR:-target}/debug"

# Writing down what tests send is no part of it.
unset HMP_TEST_TRACE
cargo build --locked -p hmp
cargo run --locked -q -p xtask -- bench --check --hmp "$programs/hmp"

if cargo tree --locked -p hmp --no-default-features -e normal,build --prefix none | grep -E '^(cc|cmake|bindgen|pkg-config|capstone) '; then
    echo "hmp without its features builds C code"
    exit 1
fi
