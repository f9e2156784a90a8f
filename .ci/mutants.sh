#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Are the tests any good? Changes the code of commands and formats, one small change at a time, and looks whether unit tests,
# recorded cases or the other tests without a QEMU notice; a change that nothing notices is a hole in them.
#
#     .ci/mutants.sh              tries all of them; prints how many survive by file, lists them in target/mutants/outcomes
#     .ci/mutants.sh --missed F   tries those again that the outcomes F call missed or unreached
#
# Needs cargo-mutants (cargo install --locked cargo-mutants), which knows what to change. It works in a copy of the last
# commit below target/mutants. MUTANTS_DIR names another place.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_TEST_OPT_LEVEL=1

copy=${MUTANTS_DIR:-target/mutants}
mkdir -p "$copy"
copy=$(cd "$copy" && pwd)
rm -rf "$copy/tree"
git clone -q . "$copy/tree"
cd "$copy/tree"
export CARGO_TARGET_DIR="$copy/target"
cargo mutants --list --json --package hmp-engine --file 'monitor/engine/src/commands/**' --file 'monitor/engine/src/format/**' > "$copy/list"
cargo build --quiet --package xtask
cp "$CARGO_TARGET_DIR/debug/xtask" "$copy/driver"
exec nice "$copy/driver" mutants run "$copy/tree" "$copy/list" "$copy/outcomes" "$@"
