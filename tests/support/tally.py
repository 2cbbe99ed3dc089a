# SPDX-License-Identifier: MIT
"""Adds up what `meson test` logged. Arguments: testlog.json files. Prints one line for
each file, each failed or skipped case, and at last "<passed> <failed> <skipped>".

A TAP program counts each of its cases, any other program counts as one."""
import json
import re
import sys

LINE = re.compile(r"^(ok|not ok)\b([^#]*)(#\s*skip\b.*)?", re.IGNORECASE)
SKIP_ALL = re.compile(r"^1\.\.0\s*#\s*skip(.*)", re.IGNORECASE | re.MULTILINE)
GOOD = ("OK", "EXPECTEDFAIL")


def cases(test):
    """(verdict, text) of each case of one entry of the log."""
    name, out = test["name"], test.get("stdout") or ""
    failed = 0
    any_case = False
    for line in out.splitlines():
        found = LINE.match(line)
        if not found:
            continue
        any_case = True
        verdict = ("failed" if found[1].lower() != "ok" else
                   "skipped" if found[3] else "passed")
        failed += verdict == "failed"
        yield verdict, f"{name}:{found[2].rstrip()} {found[3] or ''}".rstrip()
    if test["result"] == "SKIP" and not any_case:
        why = SKIP_ALL.search(out)
        yield "skipped", f"{name}:{why[1] if why else ' exit status 77'}"
    elif test["result"] in GOOD and not any_case:
        yield "passed", name
    elif test["result"] not in GOOD + ("SKIP",) and not failed:
        yield "failed", f"{name}: {test['result'].lower()}"  # crashed, timed out, cut short


def main(*logs):
    total = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for path in logs:
        with open(path, encoding="utf-8") as f:
            tests = [json.loads(line) for line in f]
        for test in tests:
            for verdict, text in cases(test):
                total[verdict] += 1
                if verdict != "passed":
                    print(f"  {verdict}: {text}")
        if not tests:
            total["failed"] += 1
            print(f"  failed: {path} is empty")
    print(*total.values())


if __name__ == "__main__":
    main(*sys.argv[1:])
