#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A first test in shell: starts the shipped machine, sends three requests, looks at the report.
set -eu
folder=$(mktemp -d)
mock-qmp serve "${1:-10.0-x86_64-q35}" --mode free-reads --listen "unix:$folder/qmp" \
    --control "unix:$folder/control" --report json "$folder/report.json" > "$folder/log" 2>&1 &
mock=$!
trap 'kill $mock 2>/dev/null || true; rm -rf "$folder"' EXIT
tries=0
until [ -S "$folder/qmp" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat "$folder/log"; exit 1; }
    sleep 0.05
done
if ! command -v socat >/dev/null; then
    echo "skipped: no socat"
    exit 0
fi
# Input stays open until the answers are there.
{ printf '%s\n' '{"execute": "qmp_capabilities"}' '{"execute": "cont"}' \
    '{"execute": "query-status"}'; sleep 1; } | socat -t1 - "UNIX-CONNECT:$folder/qmp" > "$folder/answers"
grep -q '"event": "RESUME"' "$folder/answers"
grep -q '"status": "running"' "$folder/answers"
# The control socket is lines of JSON: what was asked, and what was not as recorded.
{ printf '%s\n' '{"do": "requests"}' '{"do": "report"}'; sleep 1; } \
    | socat -t1 - "UNIX-CONNECT:$folder/control" > "$folder/control.answers"
grep -q '"command":"query-status"' "$folder/control.answers"
grep -q '"clean":true' "$folder/control.answers"
# An exit code other than 0 says that something was not as recorded.
kill "$mock"
wait "$mock"
grep -q '"clean": true' "$folder/report.json"
echo "the machine runs"
