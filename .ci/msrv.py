# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the stated minimum of Rust (`rust-version`) to what the linked crates state: fails where one of them wants a newer
one. Many state none: .ci/msrv.sh asks a compiler of that age."""

import sys

from graph import Graph


def number(version):
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def main():
    graph, faults = Graph(), 0
    for ours in graph.members:
        linked = [graph.packages[name] for name in graph.linked(ours, (None, "build"))]
        others = [package for package in linked if package["source"]]
        stated = [package for package in others if package["rust_version"]]
        newest = max(stated, key=lambda package: number(package["rust_version"]))
        for package in stated:
            if number(package["rust_version"]) > number(ours["rust_version"]):
                faults += 1
                print(f"{ours['name']} states {ours['rust_version']}: {package['name']} {package['version']} wants "
                      f"{package['rust_version']}")
        print(f"{ours['name']}: {ours['rust_version']} stated; of {len(others)} linked crates {len(stated)} state one, the "
              f"newest {newest['rust_version']} ({newest['name']})")
    print(f"{faults} faults of minimal versions")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
