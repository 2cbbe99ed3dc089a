# SPDX-License-Identifier: MIT
"""Which files the lint checks look at: the tree, without builds, dot directories and
what the fuzzers start from."""
import os

TOP = ("cache", "backend", "fs", "tests", "contrib")


def root():
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.dirname(os.path.dirname(here))


def walk(*suffixes, under=TOP):
    """Paths relative to the root, sorted, whose names end with one of `suffixes`."""
    top = root()
    found = []
    for start in under:
        for where, dirs, files in os.walk(os.path.join(top, start)):
            dirs[:] = [d for d in dirs if d[0] != "." and d != "__pycache__"
                       and not d.startswith("corpus_")]
            found += [os.path.relpath(os.path.join(where, f), top)
                      for f in files if f.endswith(suffixes)]
    return sorted(found)


def finish(complaints, checked):
    for line in complaints:
        print(line)
    print(f"{checked} files checked, {len(complaints)} complaints")
    if not checked:
        print("nothing to check: the walk over the tree is broken")
    return 1 if complaints or not checked else 0
