#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the release twice, from two copies of the last commit in folders of other names and depths, and fails where the two
# programs are not the same bytes. Folders of the build machine are not in them: paths are cut off (--remap-path-prefix).
set -euo pipefail
cd "$(dirname "$0")/.."

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
home=$(realpath "${CARGO_HOME:-$HOME/.cargo}")

build() {
    local folder=$1
    mkdir -p "$folder"
    git archive HEAD | tar -x -C "$folder"
    (
        cd "$folder"
        # C code (capstone) is built with the same folders cut off.
        export CFLAGS="-ffile-prefix-map=$home=/cargo -ffile-prefix-map=$folder=/hmp"
        export RUSTFLAGS="--remap-path-prefix=$home=/cargo --remap-path-prefix=$folder=/hmp"
        export CARGO_TARGET_DIR="$folder/target" CARGO_INCREMENTAL=0
        cargo build --release --locked -q -p hmp
        strip -o "$folder/stripped" target/release/hmp
    )
}

build "$made/one"
build "$made/a/longer-name-of-a-folder/two"
sha256sum "$made/one/target/release/hmp" "$made/a/longer-name-of-a-folder/two/target/release/hmp" | cut -d' ' -f1
cmp "$made/one/target/release/hmp" "$made/a/longer-name-of-a-folder/two/target/release/hmp"
if grep -aq "$made" "$made/one/target/release/hmp"; then
    echo "the folder of the build is in the program"
    exit 1
fi
echo "two builds, one hash; stripped $(stat -c %s "$made/one/stripped") bytes"
