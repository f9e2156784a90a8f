#!/usr/bin/env bash
# Are the tests any good? Changes the code of commands and formats, one small change at a time, and runs the unit tests and
# the offline cases on each: a change that nothing notices (MISSED) is a hole in them.
#
#     .ci/mutants.sh              lists how many changes there are
#     .ci/mutants.sh 0/100        tries the first of a hundred shards, spread over all files
#     .ci/mutants.sh 0/1 FILE     tries those of one file
#
# Needs cargo-mutants (cargo install --locked cargo-mutants). It works in a copy of the last commit below target/mutants,
# where the results lie too (mutants.out); a change takes about as long as building the engine.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0

files=(--file 'monitor/src/commands/**' --file 'monitor/src/format/**')
[ -z "${2:-}" ] || files=(--file "$2")
if [ -z "${1:-}" ]; then
    cargo mutants --list --package monitor "${files[@]}" | wc -l
    exit
fi

copy=${MUTANTS_DIR:-target/mutants}
mkdir -p "$copy"
copy=$(cd "$copy" && pwd)
rm -rf "$copy/tree"
git clone -q . "$copy/tree"
cd "$copy/tree"
# Outside of cargo's own directory, so that several shards share what is built.
export CARGO_TARGET_DIR="$copy/target"
tests=(--lib --test recordings)
cargo test --quiet --workspace "${tests[@]}" > "$copy/baseline.log" 2>&1 || {
    echo "the tests fail without any change: $copy/baseline.log"
    exit 1
}
nice cargo mutants --in-place --package monitor "${files[@]}" --shard "$1" --sharding round-robin --output "$copy" \
    --baseline skip --timeout 180 --test-workspace true --cargo-arg=--lib --cargo-arg=--test=recordings
