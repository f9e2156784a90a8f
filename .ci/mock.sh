#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mock in other projects' hands: the Python package from its folder, with clients from PyPI and
# the registry, the first tests of docs/first-test.md, and its recipe for a CI of one's own. Everything but
# cargo's target folder is outside the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
python3 -m venv "$work/venv"
if ! "$work/venv/bin/pip" install --quiet qemu.qmp pytest pytest-xdist mypy > "$work/pip.log" 2>&1; then
    tail -3 "$work/pip.log"
    echo "skipped: the package index cannot be reached"
    exit 0
fi
export PATH="$work/venv/bin:$PATH"

echo "-- the package: installed, typed, tested"
pip install --quiet ./mock-qmp/python
mypy --strict --cache-dir "$work/mypy" mock-qmp/python/src
(cd "$work" && pytest -q -p no:cacheprovider -n 4 "$OLDPWD/mock-qmp/python/tests")

echo "-- the first test, in Python, Rust, shell and Go"
python3 - docs/first-test.md "$work/test_vm.py" <<'END'
import re, sys
blocks = re.findall(r"^```python\n(.*?)^```", open(sys.argv[1]).read(), re.S | re.M)
open(sys.argv[2], "w").write(blocks[0])
END
(cd "$work" && pytest -q -p no:cacheprovider test_vm.py)
cargo run --quiet --locked -p mock-qmp --example first_test
mock-qmp/examples/first_test.sh
if command -v go >/dev/null; then
    (cd "$work" && GOCACHE="$work/go" go test "$OLDPWD/mock-qmp/examples/first_test.go")
else
    echo "skipped: no go"
fi

echo "-- clients that nobody here wrote"
cargo test --quiet --locked -p mock-qmp --test foreign_clients
qapi=mock-qmp/tests/foreign/qapi-client/Cargo.toml
qapi_target=$(realpath -m "${CARGO_TARGET_DIR:-target}/foreign")
if cargo fetch --quiet --locked --manifest-path "$qapi" 2> "$work/fetch.log"; then
    cargo build --quiet --locked --manifest-path "$qapi" --target-dir "$qapi_target"
    for release in 7.2 10.0 11.1; do
        rm -f "$work/qapi.sock"
        mock-qmp serve "$release-x86_64-q35" --listen "unix:$work/qapi.sock" --mode free-reads &
        mock=$!
        while [ ! -S "$work/qapi.sock" ]; do sleep 0.05; done
        # `file:` came with QEMU 8.2.
        target=file:/tmp/there/state
        [ "$release" != 7.2 ] || target="exec:cat > /tmp/there/state"
        timeout 30 "$qapi_target/debug/qapi-client" "$work/qapi.sock" "$target"
        wait "$mock"
    done
else
    tail -1 "$work/fetch.log"
    echo "skipped: the registry cannot be reached for the qapi crate"
fi

echo "-- the recipe: a recording of one's own against one's own client, with the report as an artifact"
cat > "$work/client.py" <<'END'
import asyncio, os, sys, time
from qemu.qmp import QMPClient
async def client():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    qmp = QMPClient("recipe")
    await qmp.connect(sys.argv[1])
    await qmp.execute("query-status")
    await qmp.execute("cont")
    await qmp.execute("query-status")
    await qmp.disconnect()
asyncio.run(client())
END
mock-qmp serve 10.0-x86_64-q35 --listen "unix:$work/qemu.sock" &
vm=$!
while [ ! -S "$work/qemu.sock" ]; do sleep 0.05; done
mock-qmp record --qemu "unix:$work/qemu.sock" --listen "unix:$work/proxy.sock" --output "$work/recordings" --clients 1 &
recorder=$!
timeout 30 python3 "$work/client.py" "$work/proxy.sock"
wait "$recorder"
kill "$vm"
wait "$vm"
recording=$(echo "$work"/recordings/*-x86_64-q35)
mock-qmp check "$recording"
mock-qmp serve "$recording" --listen "unix:$work/vm.sock" --mode strict --report junit "$work/qmp.xml" &
mock=$!
timeout 30 python3 "$work/client.py" "$work/vm.sock"
kill "$mock"
wait "$mock"
grep -q 'failures="0"' "$work/qmp.xml"
cargo run --quiet --locked -p hmp -- --replay "$recording" -c 'info status'
