# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of the cases with a line that is different or did not run in a report of parity."""

import json
import pathlib
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
bad = {e["case"] for e in report["entries"] if e["verdict"] in ("different", "not-run")}
files = {path.stem: path for path in pathlib.Path("parity/cases").glob("*.toml")}
for case in bad:
    stems = [stem for stem in files if case == stem or case.startswith(stem + "-")]
    print(files[max(stems, key=len)])
