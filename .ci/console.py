# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at the commands of the documentation that are for reading (blocks fenced as `console`): our programs know each
subcommand and option that is named, scripts and tests are there."""

import pathlib
import re
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent

# How our programs are called, and which program that is.
CALLS = [
    (["cargo", "xtask"], "xtask"),
    (["cargo", "run", "-p", "parity", "--"], "parity"),
    (["cargo", "run", "-p", "xtask", "--"], "xtask"),
    (["mock-qmp"], "mock-qmp"),
    (["hmp"], "hmp"),
    (["parity"], "parity"),
]


def commands(text):
    """The commands of each block that is fenced as console, as words; what a prompt shows is left out."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M):
        block = block.replace("\\\n", " ")
        prompted = any(line.startswith("$ ") for line in block.splitlines())
        for line in block.splitlines():
            prompt = re.match(r"[$#] ", line)
            if not line.strip() or line.startswith("(") or (prompted and not prompt):
                continue
            if line.startswith("# ") and not prompted and not re.match(r"# [a-z]", line):
                continue
            line = re.sub(r"\s+#.*$", "", line[prompt.end():] if prompt else line)
            for command in re.split(r"\s+(?:&&|\||;)\s+", line.removesuffix("&").strip()):
                words = shlex.split(command)
                while words and re.match(r"\w+=", words[0]):
                    words.pop(0)
                if words:
                    yield words


def called(words):
    """Which of our programs is called, and with what."""
    for start, program in CALLS:
        if words[:len(start)] == start:
            return program, words[len(start):]
    return None


def is_test(name):
    """Whether some package has a test target of this name."""
    places = [f"**/tests/{name}.rs", f"**/tests/{name}/main.rs"]
    return any(next(ROOT.glob(place), None) for place in places)


def fault(words, programs):
    """What is wrong with a command; None where nothing is, or nothing is known of it."""
    ours = called(words)
    if ours:
        program, rest = ours
        if "--" in rest:
            # What comes behind it is another program's.
            rest = rest[:rest.index("--")]
        options = [word.split("=")[0] for word in rest if re.match(r"--\w", word)]
        first = next((at for at, word in enumerate(rest) if word.startswith("-")), len(rest))
        # The words up to the first option: subcommands, and what they are about.
        done = subprocess.run([programs / program, *rest[:first], "--help"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode:
            return f"{program}: {done.stdout.strip().splitlines()[0] if done.stdout.strip() else done.returncode}"
        known = set(re.findall(r"--[\w-]+", done.stdout))
        unknown = [option for option in options if option not in known]
        return f"{program} has no {', '.join(unknown)}" if unknown else None
    if words[0] in ("python3", "bash"):
        words = words[1:]
    if words[0].startswith(".ci/") and not (ROOT / words[0]).exists():
        return f"no {words[0]}"
    for option, path in zip(words, words[1:]):
        if option == "--manifest-path" and not (ROOT / path).exists():
            return f"no {path}"
        if option == "-C" and words[0] == "make" and not (ROOT / path / "Makefile").exists():
            return f"no Makefile in {path}"
        if option == "--test" and words[0] == "cargo" and not is_test(path):
            return f"no test {path}"
        if option == "-p" and words[0] == "cargo" and f'name = "{path}"' not in all_packages():
            return f"no package {path}"
    return None


def all_packages():
    """The Cargo.toml of all our packages, as one text."""
    return "".join(path.read_text() for path in ROOT.glob("*/Cargo.toml")) + \
        "".join(path.read_text() for path in ROOT.glob("*/*/Cargo.toml"))


def check(files, programs):
    """Prints what is wrong; returns how many commands there are, and how many are wrong."""
    count = failed = 0
    for file in files:
        for words in commands(file.read_text()):
            count += 1
            why = fault(words, programs)
            if why:
                failed += 1
                print(f"{file.relative_to(ROOT)}: {shlex.join(words)}\n    {why}")
    return count, failed
