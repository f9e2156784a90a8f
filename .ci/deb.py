#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the Debian package that `cargo deb` would make, where that is not installed: from the same
metadata (`package.metadata.deb` of monitor/hmp/Cargo.toml), with dpkg-deb. Prints its path."""

import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATE = ROOT / "monitor/hmp"
# What this script understands; another key would be left out in silence.
KNOWN = {"maintainer", "license-file", "section", "priority", "revision", "depends",
         "suggests", "extended-description", "maintainer-scripts", "assets"}


def output(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def put(source, place, mode, compress=False):
    """A file of the package; all folders on its way have the usual mode."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if compress:
        place = place.with_name(place.name + ".gz")
        place.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))
    else:
        shutil.copyfile(source, place)
    place.chmod(int(mode, 8))


def depends(said, program, folder):
    """`$auto` is what the program's libraries are in."""
    if "$auto" not in said:
        return said
    if not shutil.which("dpkg-shlibdeps"):
        return said.replace("$auto", "libc6")
    (folder / "debian").mkdir()
    (folder / "debian/control").write_text("Source: hmp\n\nPackage: hmp\nArchitecture: any\n")
    found = output("dpkg-shlibdeps", "-O", str(program), cwd=folder, stderr=None)
    return said.replace("$auto", found.strip().removeprefix("shlibs:Depends="))


def control(package, deb, tree, needs):
    size = sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())
    text = "\n".join(f" {line.strip()}" for line in deb["extended-description"].strip().split("\n"))
    version = package["version"] + (f"-{deb['revision']}" if deb["revision"] else "")
    fields = {
        "Package": package["name"], "Version": version,
        "Architecture": output("dpkg", "--print-architecture").strip(),
        "Section": deb["section"], "Priority": deb["priority"], "Maintainer": deb["maintainer"],
        "Depends": needs, "Suggests": deb["suggests"], "Homepage": package["repository"],
        "Installed-Size": str(size // 1024 + 1),
        "Description": f"{package['description']}\n{text}",
    }
    return fields, "".join(f"{name}: {value}\n" for name, value in fields.items())


def main():
    target, out = (pathlib.Path(argument) for argument in sys.argv[1:])
    package = tomllib.loads((CRATE / "Cargo.toml").read_text())["package"]
    whole = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    for name, value in list(package.items()):
        if value == {"workspace": True}:
            package[name] = whole[name]
    deb = package["metadata"]["deb"]
    if set(deb) != KNOWN:
        raise SystemExit(f"package.metadata.deb: not known here: {set(deb) ^ KNOWN}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tree = folder / "tree"
        for source, place, mode in deb["assets"]:
            built = source.removeprefix("target/release/")
            file = CRATE / source if built == source else target / "release" / built
            place = tree / (place + file.name if place.endswith("/") else place)
            manual = "share/man/" in str(place) or place.name == "changelog"
            put(file, place, mode, compress=manual)
        stripped = tree / "usr/bin/hmp"
        subprocess.run(["strip", "--strip-unneeded", stripped], check=True)
        needs = depends(deb["depends"], stripped, folder)
        written = tree / "usr/share/doc" / package["name"] / "copyright"
        written.write_text((CRATE / deb["license-file"][0]).read_text())
        files = sorted(file for file in tree.rglob("*") if file.is_file())
        sums = "".join(f"{hashlib.md5(file.read_bytes()).hexdigest()}  {file.relative_to(tree)}\n"
                       for file in files)
        fields, text = control(package, deb, tree, needs)
        for script in (CRATE / deb["maintainer-scripts"]).iterdir():
            put(script, tree / "DEBIAN" / script.name, "755")
        (tree / "DEBIAN/control").write_text(text)
        (tree / "DEBIAN/md5sums").write_text(sums)
        for made in (written, tree / "DEBIAN/control", tree / "DEBIAN/md5sums"):
            made.chmod(0o644)
        for inner in [tree, *(inner for inner in tree.rglob("*") if inner.is_dir())]:
            inner.chmod(0o755)
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{fields['Package']}_{fields['Version']}_{fields['Architecture']}.deb"
        output("dpkg-deb", "--root-owner-group", "--build", str(tree), str(path))
        print(path)


if __name__ == "__main__":
    main()
