# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the dependencies to deny.toml, as far as that works without network: fails where something that `hmp` links can't be
combined with GPL version 2, where a crate comes from elsewhere than the registry, and where any version of one will do."""

import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read(name):
    return tomllib.loads((ROOT / name).read_text())


def suits(expression, good):
    """Whether one of the alternatives is good; "/" is an old spelling of OR, and OR in parentheses binds first."""
    expression = expression.replace("/", " OR ")
    if "(" in expression:
        return all(suits(part.strip(" ()"), good) for part in expression.split(" AND "))
    options = expression.split(" OR ")
    return any(all(licence.strip() in good for licence in option.split(" AND ")) for option in options)


def licences(rules):
    """Apache-2.0 alone is not compatible with GPL version 2; "OR" gives a choice."""
    good = set(rules["licenses"]["allow"])
    tree = subprocess.run(
        ["cargo", "tree", "-p", "hmp", "-e", "normal", "--all-features", "--prefix", "none", "-f", "{p}|{l}"],
        capture_output=True, text=True, check=True, cwd=ROOT).stdout
    lines = sorted(set(tree.splitlines()))
    for line in lines:
        package, _, licence = line.partition("|")
        licence = licence.replace(" (*)", "").strip()
        if licence and not suits(licence, good):
            yield f"{package}: unsuitable licence {licence}"
        elif not licence and "(*)" not in package:
            yield f"{package}: no licence"


def sources(rules):
    """Crates of our own have no source; all others must come from the registry."""
    assert rules["sources"] == {"unknown-registry": "deny", "unknown-git": "deny"}, "deny.toml: other rules for sources"
    found = {package["source"] for package in read("Cargo.lock")["package"] if "source" in package}
    registries = {source for source in found if source.startswith("registry+")}
    for source in sorted(found - registries):
        yield f"Cargo.lock: {source} is no registry"
    if len(registries) > 1:
        yield f"Cargo.lock: several registries: {', '.join(sorted(registries))}"


def wildcards(rules):
    """A dependency has a version, is one of the workspace's, or is a folder of ours."""
    assert rules["bans"]["wildcards"] == "deny", "deny.toml: other rules for versions"
    workspace = read("Cargo.toml")
    for member in [".", *workspace["workspace"]["members"]]:
        manifest = read(f"{member}/Cargo.toml")
        tables = [manifest.get("workspace", {}).get("dependencies", {})]
        tables += [manifest.get(name, {}) for name in ("dependencies", "dev-dependencies", "build-dependencies")]
        for name, wanted in (item for table in tables for item in table.items()):
            version = wanted if isinstance(wanted, str) else wanted.get("version", "*")
            ours = isinstance(wanted, dict) and ("path" in wanted or wanted.get("workspace"))
            if "*" in version and not ours:
                yield f"{member}/Cargo.toml: any version of {name}"


def main():
    rules = read("deny.toml")
    faults = [*licences(rules), *sources(rules), *wildcards(rules)]
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults of dependencies")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
