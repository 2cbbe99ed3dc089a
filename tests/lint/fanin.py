# SPDX-License-Identifier: MIT
"""A change of a header of ours compiles a tenth of the tree at most, but for those named
below. Arguments: the build directory. Skips (77) where ninja has no log of what objects
depend on, or not of all of them."""
import collections
import json
import os
import shutil
import subprocess
import sys

LIMIT_PERCENT = 10
SKIP = 77

# What every file is written with, and what hardly ever changes.
STABLE = {
    "cache/base/buf.h": "the buffer of all texts",
    "cache/base/clk.h": "three clocks and two formats",
    "cache/base/digest.h": "keys and blobs are digests",
    "cache/base/enc.h": "stored numbers: the format is fixed",
    "cache/base/err.h": "every call can fail",
    "cache/base/json.h": "configuration, wire formats and reports are JSON",
    "cache/base/log.h": "every event is logged",
    "cache/base/media_type.h": "stored numbers of media",
    "cache/base/mem.h": "scoped, steal_ptr, new0: the language as we use it",
    "cache/base/str.h": "words of strings",
    "cache/db.h": "the store's schema: the format is fixed",
    "backend/net/loop.h": "what runs on the loop has a post or a timer in it",
    "backend/net/pool.h": "what runs in the pool has an item in it",
    "backend/request/request.h": "what is asked: all layers above speak of it",
    "tests/support/tap.h": "every unit test",
}

# The nouns of whole layers, embedded in the structs above. They are to become
# fewer.
WIDE = {
    "backend/engine/engine.h": "what fs/ asks of the engine",
    "backend/engine/errors.h": "by value in struct engine",
    "backend/engine/flight.h": "by value in struct engine",
    "backend/engine/core.h": "struct engine itself",
    "backend/engine/job.h": "struct job, for its makers",
    "backend/engine/maker.h": "by value in struct engine",
    "backend/engine/run.h": "struct run, for makers and the store",
    "backend/engine/ticket.h": "by way of struct job",
    "backend/engine/slots.h": "by value in struct engine",
    "backend/model/catalogue.h": "a row is in every decision",
    "backend/net/http.h": "calls are in struct paid",
    "backend/policy/limits.h": "segments are in struct paid",
    "backend/policy/price.h": "usage is in every answer on the wire",
    "backend/policy/retry.h": "by value in struct engine",
    "backend/policy/safety.h": "by way of struct engine",
    "backend/policy/select.h": "by way of fs/grammar/grammar.h",
    "backend/provider/remote.h": "calls are in struct paid",
    "backend/provider/provider.h": "by way of struct engine",
    "backend/provider/wire.h": "every wire format",
    "cache/cache.h": "what backend and fs ask of the store",
    "cache/ledger.h": "by way of struct engine",
    "cache/ledger_limit.h": "by value in the configuration",
    "cache/record.h": "by value in jobs and files",
    "fs/config/config.h": "by way of struct promptfs",
    "fs/grammar/grammar.h": "by way of struct promptfs",
    "fs/mount/promptfs.h": "struct promptfs itself",
}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def read_deps(build):
    """What each object was compiled from, as ninja noted it."""
    ninja = shutil.which("ninja") or shutil.which("ninja-build")
    if not ninja or not os.path.exists(os.path.join(build, ".ninja_deps")):
        skip("ninja has no log of dependencies here")
    done = subprocess.run([ninja, "-C", build, "-t", "deps"], capture_output=True,
                          text=True, check=False)
    deps, target = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("    ") and target:
            deps[target].add(os.path.normpath(os.path.join(build, line.strip())))
        elif ": #deps" in line:
            target = line.split(": #deps")[0]
            deps[target] = set()
    return deps


def objects_of(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        return {c["output"] for c in json.load(f) if "output" in c}


def count(build, root):
    """How many objects each header of ours is in, and how many objects there are."""
    deps, objects = read_deps(build), objects_of(build)
    if not objects or len(objects - deps.keys()) * 20 > len(objects):
        skip("not everything was compiled by this ninja")
    seen = collections.Counter()
    for target in objects & deps.keys():
        for path in deps[target]:
            name = os.path.relpath(path, root)
            if name.endswith(".h") and not name.startswith("..") and \
                    not path.startswith(build + os.sep):
                seen[name] += 1
    return seen, len(objects & deps.keys())


def main():
    build = os.path.normpath(sys.argv[1])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    seen, objects = count(build, root)
    named = {**STABLE, **WIDE}
    bad = 0
    for name, n in seen.most_common():
        share = 100 * n / objects
        if share > LIMIT_PERCENT and name not in named:
            print(f"{name}: {n} of {objects} objects ({share:.1f} %) are compiled again "
                  "when it changes; declare forward, or split it")
            bad += 1
    for name in WIDE:
        if 100 * seen[name] <= LIMIT_PERCENT * objects:
            print(f"note: {name} is narrow by now and can come off the list")
    print(f"{len(seen)} headers, {objects} objects, {bad} complaints")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
