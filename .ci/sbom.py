# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes what the program `hmp` is made of as CycloneDX 1.5: `python3 .ci/sbom.py FILE`. The same sources give the same bytes.
Fails where a crate has no licence or no checksum."""

import json
import pathlib
import sys
import tomllib

from graph import ROOT, Graph

# What a crate brings besides Rust, which its own licence does not say.
BUNDLED = {"capstone-sys": ("capstone", "BSD-3-Clause", "the C sources that it builds")}


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    found = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
    }
    if package["source"]:
        found["hashes"] = [{"alg": "SHA-256", "content": checksums[package["name"], package["version"]]}]
    if package["name"] in BUNDLED:
        name, licence, what = BUNDLED[package["name"]]
        found["components"] = [{"type": "library", "name": name, "description": what,
                                "licenses": [{"license": {"id": licence}}]}]
    return found


def main():
    graph = Graph()
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock}
    hmp = graph.named("hmp")
    linked = sorted((graph.packages[name] for name in graph.linked(hmp)), key=reference)
    for package in linked:
        missing = [what for what, there in [("licence", package["license"]),
                                            ("checksum", not package["source"] or checksums[package["name"], package["version"]])]
                   if not there]
        if missing:
            sys.exit(f"{package['name']}: no {' and no '.join(missing)}")
    needs = {package["id"]: sorted(reference(graph.packages[name]) for name in graph.needs(package["id"])) for package in linked}
    program = component(hmp, checksums) | {"type": "application"}
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program},
        "components": [component(package, checksums) for package in linked if package is not hmp],
        "dependencies": [{"ref": reference(package), "dependsOn": needs[package["id"]]} for package in linked],
    }
    path = pathlib.Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bom, indent=1) + "\n")
    print(f"{path}: {len(bom['components'])} components")


if __name__ == "__main__":
    main()
