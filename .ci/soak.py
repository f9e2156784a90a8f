# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws what tests/soak measured: `python3 .ci/soak.py FIGURES PICTURE`. Three panels beside each other, of commands, reconnects
and events; memory above, descriptors below."""

import csv
import pathlib
import sys

WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 110, 60, 40, 40
MARGIN = 10


def ceiling(values):
    """A round number above them all."""
    most, step = max(values) * 1.25, 1
    while step * 10 < most:
        step *= 10
    return -(-most // step) * step


def line(points, colour):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>'


def text(x, y, words, anchor="start"):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>'


def panel(rows, key, top, left, most, colour):
    last = int(rows[-1]["done"])
    points = [(left + WIDTH * int(row["done"]) / last, top + HEIGHT * (1 - float(row[key]) / most)) for row in rows]
    frame = f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>'
    return [frame, line(points, colour)]


def main():
    rows = list(csv.DictReader(pathlib.Path(sys.argv[1]).open(), delimiter="\t"))
    phases = list(dict.fromkeys(row["phase"] for row in rows))
    below = TOP + HEIGHT + GAP
    width, height = LEFT + len(phases) * (WIDTH + MARGIN) + MARGIN, below + HEIGHT + 30
    memory = ceiling([float(row["KiB"]) / 1024 for row in rows])
    descriptors = ceiling([int(row["descriptors"]) for row in rows])
    out = ["<!-- SPDX-License-Identifier: GPL-2.0-or-later -->",
           f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    out += [text(LEFT - 6, TOP + 10, f"{memory:g} MiB", "end"), text(LEFT - 6, TOP + HEIGHT, "0", "end"),
            text(LEFT - 6, below + 10, f"{descriptors:g} fds", "end"), text(LEFT - 6, below + HEIGHT, "0", "end")]
    for number, phase in enumerate(phases):
        mine = [row | {"MiB": float(row["KiB"]) / 1024} for row in rows if row["phase"] == phase]
        left = LEFT + number * (WIDTH + MARGIN)
        first, last = mine[len(mine) // 10], mine[-1]
        out += panel(mine, "MiB", TOP, left, memory, "#1f6fb2") + panel(mine, "descriptors", below, left, descriptors, "#b2571f")
        out.append(text(left, TOP - 22, f"{int(last['done']):,} {phase}"))
        out.append(text(left, TOP - 6, f"{first['MiB']:.1f} MiB when warm, {last['MiB']:.1f} MiB at the end"))
        out.append(text(left, below - 6, f"{first['descriptors']} descriptors, then {last['descriptors']}"))
    out.append("</svg>")
    pathlib.Path(sys.argv[2]).write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
