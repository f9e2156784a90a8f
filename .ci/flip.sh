#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Would one wrong character be noticed? Changes one in the text of `info block`, in a copy of the last commit below
# target/flip, and shows that the tests and the ratchet fail, each naming the command.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=${FLIP_DIR:-target/flip}
mkdir -p "$copy"
copy=$(cd "$copy" && pwd)
rm -rf "$copy/tree"
git clone -q . "$copy/tree"
cd "$copy/tree"
export CARGO_TARGET_DIR=${FLIP_TARGET:-$copy/target} CARGO_TERM_COLOR=never

file=monitor/engine/src/commands/block/info_block.rs
sed -i 's/    Cache mode:  /    cache mode:  /' "$file"
git diff --quiet -- "$file" && { echo "$file no longer holds the text to change"; exit 2; }

noticed() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "$name: did not notice"
        exit 1
    fi
    grep -q "info block was .* is different" <<< "$output" || grep -q "^different .* info block" <<< "$output" || {
        echo "$name: failed without naming the command"
        exit 1
    }
    echo "$name: fails, and names info block"
}

noticed "cargo test" cargo test -q -p parity --test recordings
noticed "the ratchet" cargo run -q -p parity -- run --offline --baseline parity/baseline.tsv
