#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the Markdown of the repository: links, anchors, the book's table of contents, columns.

Every link to a file of the repository must lead to one, and an anchor to a heading of it. Every page
below docs/ must be reached from docs/README.md. Prose is at most 100 columns wide; tables, code and
lines without a blank (addresses) may be wider. Addresses outside are not visited.
"""

import pathlib
import re
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs/README.md"
WIDTH = 100
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")


def prose(text):
    """Lines outside code blocks, with their numbers."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and fence is None:
            fence = mark.group(1)
        elif mark and line.strip().startswith(fence):
            fence = None
        elif fence is None:
            yield number, line


def slug(heading):
    """The anchor that forges make of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = []
    for char in text.strip().lower():
        if char == " ":
            kept.append("-")
        elif char in "-_" or unicodedata.category(char)[0] in "LN":
            kept.append(char)
    return "".join(kept)


def anchors(text):
    """All anchors of a page; a heading that comes again has a number."""
    found, seen = set(), {}
    for _, line in prose(text):
        heading = re.match(r"#{1,6} +(.*?) *#*$", line)
        if heading:
            name = slug(heading.group(1))
            count = seen.get(name, 0)
            seen[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
        found.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
    return found


def links(text):
    """The targets of a page's links, with the numbers of their lines."""
    for number, line in prose(text):
        # What is in code is no link.
        bare = re.sub(r"(`+)(?:(?!\1).)*\1", lambda code: "x" * len(code.group()), line)
        for match in LINK.finditer(bare):
            yield number, match.group(1)


def main():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    pages = {}
    for name in filter(None, listed):
        path = ROOT / name
        if path.exists():
            pages[path.resolve()] = path.read_text()
    known = {path: anchors(text) for path, text in pages.items()}
    wrong, count, leads = [], 0, {}
    for path, text in sorted(pages.items()):
        here = path.relative_to(ROOT)
        for number, target in links(text):
            count += 1
            if re.match(r"[a-z]+:", target):
                if not target.startswith(("https://", "mailto:")):
                    wrong.append(f"{here}:{number}: {target} is not https")
                continue
            file, _, anchor = target.partition("#")
            to = (path.parent / file).resolve() if file else path
            if not to.exists():
                wrong.append(f"{here}:{number}: {target}: no such file")
            elif not to.is_relative_to(ROOT):
                wrong.append(f"{here}:{number}: {target} leads out of the repository")
            elif anchor and anchor not in known.get(to, {anchor} if to.suffix != ".md" else set()):
                wrong.append(f"{here}:{number}: {target}: no such heading")
            leads.setdefault(path, set()).add(to)
        for number, line in prose(text):
            wide = len(line) > WIDTH and not re.match(r"\s*(\||<|!?\[|    )", line)
            if wide and re.search(r"\S\s+\S", line.strip("-* ")):
                wrong.append(f"{here}:{number}: {len(line)} columns")
    reached, open_ = set(), [BOOK]
    while open_:
        page = open_.pop()
        if page not in reached:
            reached.add(page)
            open_ += leads.get(page, ())
    for path in sorted(pages):
        if path.is_relative_to(ROOT / "docs") and path not in reached:
            wrong.append(f"{path.relative_to(ROOT)}: not reached from {BOOK.relative_to(ROOT)}")
    for one in wrong:
        print(one)
    print(f"{count} links on {len(pages)} pages, {len(wrong)} mistakes")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
