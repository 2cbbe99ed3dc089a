# SPDX-License-Identifier: MIT
"""Each header compiles alone. Arguments: the build directory, then the compiler."""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

import sources

KEEP = ("-I", "-D", "-std=", "-pthread")


def flags(build):
    """The -I, -isystem and -D of all sources together; tests have settings of their own."""
    seen = {}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = [c for c in json.load(f) if "/tests/" not in c["file"]
                    and not c["file"].startswith("../tests/")]
    for command in commands:
        words = shlex.split(command["command"])
        for word, value in zip(words, words[1:] + [""]):
            if word.startswith(tuple(f"-I../{top}" for top in sources.TOP)):
                continue  # meson adds them; our limits.h is not <limits.h>
            if word.startswith(KEEP):
                seen.setdefault(word.split("=")[0] if word[:2] == "-D" else word, [word])
            elif word == "-isystem":
                seen.setdefault((word, value), [word, value])
    return [word for words in seen.values() for word in words]


def compile_alone(cc, args, build, header):
    cmd = cc + args + ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
                       "-Wno-unused-parameter", "-Wno-missing-field-initializers",
                       "-fsyntax-only", "-x", "c", "-include",
                       os.path.join(sources.root(), header), os.devnull]
    done = subprocess.run(cmd, cwd=build, capture_output=True, text=True, check=False)
    return f"{header} does not compile alone:\n{done.stderr}" if done.returncode else None


def main(build, *cc):
    headers = sources.walk(".h", under=("cache", "backend", "fs", "tests/support"))
    args = flags(build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda h: compile_alone(list(cc), args, build, h), headers)
        return sources.finish([r for r in results if r], len(headers))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
