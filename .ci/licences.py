# SPDX-License-Identifier: GPL-2.0-or-later
"""Fails where something that `hmp` links can't be combined with GPL version 2."""

import json
import subprocess
import sys

# Apache-2.0 alone is not compatible with GPL version 2; "OR" gives a choice.
GOOD = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unlicense", "0BSD", "CC0-1.0", "BSL-1.0", "GPL-2.0-or-later",
        "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"}


def suits(expression):
    """Whether one of the alternatives is good; "/" is an old spelling of OR, and OR in parentheses binds first."""
    expression = expression.replace("/", " OR ")
    if "(" in expression:
        return all(suits(part.strip(" ()")) for part in expression.split(" AND "))
    options = expression.split(" OR ")
    return any(all(licence.strip() in GOOD for licence in option.split(" AND ")) for option in options)


def main():
    tree = subprocess.run(
        ["cargo", "tree", "-p", "hmp", "-e", "normal", "--prefix", "none", "-f", "{p}|{l}"],
        capture_output=True, text=True, check=True).stdout
    bad = 0
    for line in sorted(set(tree.splitlines())):
        package, _, licence = line.partition("|")
        licence = licence.replace(" (*)", "").strip()
        if licence and not suits(licence):
            print(f"{package}: {licence}")
            bad += 1
    print(f"{bad} unsuitable licences")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
