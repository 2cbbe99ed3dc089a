# SPDX-License-Identifier: MIT
"""What a formatter does not say: SPDX tags, blanks, tabs, line lengths, file names, and
that a file begins by telling what it is for."""
import collections
import os
import re
import sys

import sources

TAG = "SPDX-License-Identifier: MIT"
SOURCES = (".c", ".h", ".py", ".sh", "meson.build", "meson_options.txt")
TEXTS = SOURCES + (".md", ".json", ".1")
COLUMNS = {".c": 88, ".h": 88, ".py": 100, ".sh": 100}


def check_line(path, line):
    limit = COLUMNS.get(os.path.splitext(path)[1])
    if line != line.rstrip():
        yield "blanks at the end of the line"
    if path.endswith(".py") and "\t" in line:
        yield "a tab"
    if limit and len(line.expandtabs(8)) > limit:
        yield f"longer than {limit} columns"


def check_file(path):
    with open(os.path.join(sources.root(), path), encoding="utf-8", newline="") as f:
        text = f.read()
    lines = text.split("\n")
    if path.endswith(SOURCES):
        first = lines[1] if text.startswith("#!") else lines[0]
        if TAG not in first:
            yield f"{path}:1: the first line is not the SPDX tag"
    if text and not text.endswith("\n") and "/corpus" not in path:
        yield f"{path}:{len(lines)}: no newline at the end"
    for number, line in enumerate(lines, 1):
        for wrong in check_line(path, line):
            yield f"{path}:{number}: {wrong}"


def check_opening(path):
    """A .c says what it is for before its first #include, a .h after #pragma once."""
    with open(os.path.join(sources.root(), path), encoding="utf-8") as f:
        lines = f.read().split("\n")[1:]
    if path.endswith(".h"):
        if lines[0] != "#pragma once":
            yield f"{path}:2: not #pragma once"
        lines = lines[1:]
    rest = [line for line in lines if line and not line.startswith("#define ")]
    if not rest or not re.match(r"/\*.*\w", rest[0]):
        yield f"{path}:{'3' if path.endswith('.h') else '2'}: no comment says what it is for"


def check_names(files):
    """A file name says what a module is, so it stands once in the tree."""
    where = collections.defaultdict(list)
    for path in files:
        if path.endswith((".c", ".h")) and not path.startswith("tests/"):
            where[os.path.basename(path)].append(path)
    for paths in where.values():
        if len(paths) > 1:
            yield f"{' and '.join(paths)}: the same name twice"


def main():
    top = [f for f in ("meson.build", "meson_options.txt", "README.md")
           if os.path.exists(os.path.join(sources.root(), f))]
    files = top + sources.walk(*TEXTS)
    complaints = [c for path in files for c in check_file(path)]
    ours = sources.walk(".c", ".h", under=("cache", "backend", "fs"))
    complaints += [c for path in ours for c in check_opening(path)]
    complaints += check_names(files)
    return sources.finish(complaints, len(files))


if __name__ == "__main__":
    sys.exit(main())
