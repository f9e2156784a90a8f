#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command blocks of README, CONTRIBUTING, SECURITY and docs/: what is printed must work.

A block fenced as `sh` is run line by line, in a copy of the repository's paths: `/tmp/` in it is a
folder of its own (where `cargo install` installs, too), where a mock QEMU of a recording answers on `qmp.sock` and `m.sock`, and `DIR` is
a QEMU source tree, if there is one. A line that ends in `# needs QEMU` is skipped, with a word,
where no QEMU is on the path; one in a block fenced as `console` is for reading, and looked at by console.py.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import console

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORDING = ROOT / "recordings/10.0-x86_64-q35"
LIMIT = 600


def blocks(text):
    """The lines of each block that is fenced as sh."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M):
        yield [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def serve(folder, name, programs):
    """A mock of the recorded QEMU; one client at a time, as QEMU has it."""
    address = f"unix:{folder}/{name}"
    mock = subprocess.Popen([programs / "mock-qmp", "serve", RECORDING, "--listen", address],
                            stdout=subprocess.DEVNULL)
    for _ in range(200):
        if (folder / name).exists():
            return mock
        time.sleep(0.05)
    raise SystemExit("the mock does not listen")


def run(line, folder, env):
    """Runs a line; returns why it failed."""
    background = line.split("  #")[0].rstrip().endswith("&")
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    if done.returncode and not background:
        return f"exit code {done.returncode}: {done.stdout.decode(errors='replace')[-600:]}"
    return None


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    subprocess.run(["cargo", "build", "--quiet", "--workspace", "--bins"], cwd=ROOT, check=True)
    programs = target / "debug"
    env = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}")
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    files += sorted((ROOT / "docs").rglob("*.md"))
    has_qemu = shutil.which("qemu-system-x86_64") is not None
    failed = count = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "disk.img").write_bytes(bytes(1 << 20))
        env["XDG_STATE_HOME"] = name
        env["CARGO_INSTALL_ROOT"] = name
        mocks = [serve(folder, socket, programs) for socket in ("qmp.sock", "m.sock")]
        try:
            for file in files:
                for block in blocks(file.read_text()):
                    for line in block:
                        where = f"{file.relative_to(ROOT)}: {line}"
                        if "# needs QEMU" in line and not has_qemu:
                            print(f"skipped, no QEMU on the path: {where}")
                            continue
                        count += 1
                        why = run(line.replace("/tmp/", f"{folder}/"), folder, env)
                        if why:
                            failed += 1
                            print(f"{where}\n    {why}")
        finally:
            for mock in mocks:
                mock.terminate()
                mock.wait()
    print(f"{count} commands of the documentation, {failed} failed")
    read, wrong = console.check(files, programs)
    print(f"{read} commands that are for reading, {wrong} wrong")
    return 1 if failed or wrong or not count or not read else 0


if __name__ == "__main__":
    sys.exit(main())
