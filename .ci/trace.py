# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests sent to QEMUs and mocks, in the files of a folder (monitor/hmp/src/client/trace.rs):
for a line, no command that stops the VM without permission for that, none that could harm it
without permission for that."""

import collections
import pathlib
import sys

ALLOW = ["safe", "pausing", "risky"]


def risk(command, purpose):
    """What a command may do to the VM that serves a line for something else, as docs/hmp.md says;
    none for another, and for one that the user or the test itself asked for: the engine's own dump
    goes into a descriptor of this name, and its object for I/O ports has this id."""
    return {
        ("dump-guest-memory", "fd:hmp-guest-dump"): "pausing",
        ("xen-save-devices-state", ""): "risky",
        ("object-add", "hmp-ports"): "risky",
    }.get((command, purpose))


def main(folder):
    sent, faults = collections.Counter(), []
    for path in pathlib.Path(folder).glob("*.tsv"):
        allowed = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            fields = line.split("\t")
            if len(fields) != 4:  # The process was ended while it wrote.
                continue
            connection, what, name, purpose = fields
            if what == "allow":
                allowed[connection] = name
                continue
            needed, allow = risk(name, purpose), allowed.get(connection)
            sent[allow, needed] += 1
            if needed and (allow is None or ALLOW.index(allow) < ALLOW.index(needed)):
                faults.append(f"{path.name}, connection {connection}: {name} with {allow}")
    for (allow, needed), count in sorted(sent.items(), key=str):
        print(f"permitted {allow}: {count} commands that are {needed or 'safe'}")
    # A trace that lacks what it is about shows nothing.
    for seen in [("safe", None), ("pausing", "pausing"), ("risky", "pausing"), ("risky", "risky")]:
        if not sent[seen]:
            faults.append(f"no command that is {seen[1] or 'safe'} where {seen[0]} was permitted")
    print("\n".join(faults[:40]))
    return 1 if faults else 0


sys.exit(main(sys.argv[1]))
