# SPDX-License-Identifier: GPL-2.0-or-later
"""What cargo says of our crates and of what they link, without network once the packages are here."""

import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Graph:
    """The packages of the workspace, and who links whom."""

    def __init__(self):
        text = subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked", "--all-features",
                               "--filter-platform", "x86_64-unknown-linux-gnu"],
                              capture_output=True, text=True, check=True, cwd=ROOT).stdout
        metadata = json.loads(text)
        self.packages = {package["id"]: package for package in metadata["packages"]}
        self.nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        self.members = [self.packages[name] for name in metadata["workspace_members"]]

    def linked(self, package, kinds=(None,)):
        """The ids of what a package links, itself included: `None` is what is linked, `"build"` what runs while it
        is built."""
        found, waiting = set(), [package["id"]]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.needs(name, kinds)
        return found

    def needs(self, name, kinds=(None,)):
        """The ids of what a package links itself."""
        needed = self.nodes[name]["deps"]
        return [need["pkg"] for need in needed if any(kind["kind"] in kinds for kind in need["dep_kinds"])]

    def named(self, name):
        """The crate of ours of that name."""
        return next(package for package in self.members if package["name"] == name)
