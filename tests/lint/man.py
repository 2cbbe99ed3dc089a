# SPDX-License-Identifier: MIT
"""The man page, the completions and the README's table of options name what --help names,
and nothing else.

usage: man.py PROMPTFS MAN_PAGE COMPLETIONS_DIR README
"""
import pathlib
import re
import subprocess
import sys


def help_of(program, *command):
    return subprocess.run([program, *command, "--help"], check=True, text=True, timeout=60,
                          capture_output=True).stdout


def long_flags(text):
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", text))


def plain(man):
    """roff without its marks: "\\-\\-no\\-wait" becomes "--no-wait"."""
    text = re.sub(r"\\f.", "", man).replace("\\-", "-").replace("\\e", "\\")
    return text.replace('"', "")


def readme_options(text):
    """The names before '=' in the first column of the table of mount options."""
    table = text.split("## Options of a mount", 1)[-1].split("\n## ", 1)[0]
    rows = [row.split("|")[1] for row in re.findall(r"^\|.*", table, re.M)]
    return set(re.findall(r"`([a-z_]+)[=`]", " ".join(rows)))


def complaints(program, man_path, completions, readme):
    top = help_of(program)
    commands = re.findall(r"^  ([a-z]+)  ", top.split("commands:")[1].split("options")[0], re.M)
    options = set(re.findall(r"^  ([a-z_]+)=", top.split("options (")[1], re.M))
    man = plain(man_path.read_text())
    flags = long_flags(top).union(*(long_flags(help_of(program, c)) for c in commands))

    for name in commands:
        if not re.search(rf"^\.B {name}$", man, re.M):
            yield f"{man_path}: command {name} has no entry"
        for path in completions:
            if not re.search(rf"\b{name}\b", path.read_text()):
                yield f"{path}: command {name} is missing"
    for name in re.findall(r"^\.B promptfs ([a-z]+)", man, re.M):
        if name not in commands:
            yield f"{man_path}: command {name} is not in --help"
    described = set(re.findall(r"^\.BI? ([a-z_]+)=", man, re.M))
    yield from (f"{man_path}: option {o} is missing" for o in sorted(options - described))
    yield from (f"{man_path}: option {o} is not in --help" for o in sorted(described - options))
    shown = readme_options(readme.read_text())
    yield from (f"{readme}: option {o} is missing" for o in sorted(options - shown))
    yield from (f"{readme}: option {o} is not in --help" for o in sorted(shown - options))
    variables = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", " ".join(
        re.findall(r"\[([A-Z_ ]+)\]$", top, re.M))))
    yield from (f"{man_path}: variable {v} is missing" for v in sorted(variables)
                if not re.search(rf"^\.BR? .*\b{v}\b", man, re.M))
    named = long_flags(man)
    yield from (f"{man_path}: --{f} is missing" for f in sorted(flags - named))
    yield from (f"{man_path}: --{f} is not in --help" for f in sorted(named - flags))


def main():
    program, man, directory, readme = sys.argv[1:]
    found = list(complaints(program, pathlib.Path(man),
                            sorted(pathlib.Path(directory).iterdir()),
                            pathlib.Path(readme)))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
