#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Serving figures of a real mount beside ext4 and a minimal FUSE passthrough.

Each figure is a ratio within one run; nothing here passes or fails. Page caches are
cold on the first read of a mount (it is mounted anew), the bytes behind are warm.
usage: bench_mount.py PROMPTFS FILL_STORE MEASURE PASSTHROUGH BENCH_STORE [--quick]
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROMPTFS, FILL, MEASURE, PASSTHROUGH, STORE = sys.argv[1:6]
QUICK = "--quick" in sys.argv
MIB = 1 << 20


def run(*args):
    out = subprocess.run([MEASURE, *map(str, args)], check=True, capture_output=True,
                         text=True, timeout=300).stdout.split()
    return float(out[0]), int(out[1])


def wait_mounted(path, proc):
    for _ in range(5000):
        if os.path.ismount(path):
            return
        if proc.poll() is not None:
            break
        time.sleep(0.002)
    raise SystemExit(f"{path} was not mounted")


class Mounted:
    def __init__(self, argv, path):
        self.path = path
        self.start = time.monotonic()
        self.proc = subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        wait_mounted(path, self.proc)
        self.ready = time.monotonic() - self.start

    def __enter__(self):
        return self

    def rss_kib(self):
        with open(f"/proc/{self.proc.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        return 0

    def __exit__(self, *exc):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(timeout=60)


def drop(path):
    """The page cache of plain files, for a first read of ext4 from memory's edge."""
    for root, _, files in os.walk(path):
        for name in files:
            fd = os.open(os.path.join(root, name), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def plain(path, count, size):
    os.makedirs(path)
    block = os.urandom(min(size, MIB)) if size else b""
    for i in range(1, count + 1):
        with open(os.path.join(path, f"{i}.png"), "wb") as f:
            left = size
            while left > 0:
                left -= f.write(block[:left])


def promptfs(state, mnt):
    return Mounted([PROMPTFS, "-f", "-o", f"state={state},log_level=error", mnt], mnt)


def passthrough(src, mnt):
    return Mounted([PASSTHROUGH, src, "-f", mnt], mnt)


def row(name, figures):
    print(f"{name:<34}" + "".join(f"{f:>16}" for f in figures), flush=True)


def rate(result, scale=1.0):
    seconds, count = result
    return count / scale / max(seconds, 1e-9)


def timed(command, option, path, count):
    """Entries a second of the real command, as a whole process."""
    start = time.monotonic()
    subprocess.run([command, option, path], check=True, stdout=subprocess.DEVNULL)
    return count / (time.monotonic() - start)


def reads(tmp, label, count, size, what):
    state, src, mnt = (os.path.join(tmp, d + what) for d in ("state-", "src-", "mnt-"))
    os.makedirs(mnt)
    takes = min(count, 999)
    subprocess.run([FILL, state, "1", str(takes), str(size)], check=True)
    plain(src, takes, size)
    target = "1.png" if count == 1 else ""
    figures = {}
    run(what, os.path.join(src, target))
    drop(src)
    for name, ctx, path in (
            ("ext4", None, src),
            ("passthrough", lambda: passthrough(src, mnt), mnt),
            ("promptfs", lambda: promptfs(state, mnt),
             os.path.join(mnt, "prompts/bench 0/imagen-3"))):
        mounted = ctx() if ctx else None
        try:
            full = os.path.join(path, target)
            first, second = run(what, full), run(what, full)
        finally:
            if mounted:
                mounted.__exit__()
        total = takes * size / MIB
        figures[name] = (total / first[0], total / second[0])
    for i, which in enumerate(("first", "second")):
        base = figures["passthrough"][i]
        row(f"{label}, {which} read MB/s",
            [f"{figures[n][i]:.0f}" for n in ("ext4", "passthrough", "promptfs")]
            + [f"{figures['promptfs'][i] / base:.2f}"])


def names(tmp, count):
    state, src, mnt = (os.path.join(tmp, f"{d}{count}") for d in ("ns", "nsrc", "nmnt"))
    os.makedirs(mnt)
    subprocess.run([FILL, state, str(count), "1", "0"], check=True)
    os.makedirs(src)
    for i in range(count):
        open(os.path.join(src, f"bench {i}"), "wb").close()
    for title, take in (("ls -f", lambda path: timed("ls", "-f", path, count)),
                        ("ls -l", lambda path: timed("ls", "-l", path, count)),
                        ("stat, twice each", lambda path: rate(run("stat", path, 2)))):
        ext4 = take(src)
        base = "-"
        if count <= 10000:  # it keeps a descriptor for each
            with passthrough(src, mnt):
                base = f"{take(mnt):.0f}"
        with promptfs(state, mnt):
            ours = take(os.path.join(mnt, "prompts"))
        row(f"{count} entries, {title} 1/s", [f"{ext4:.0f}", base, f"{ours:.0f}",
                                              f"{ours / ext4:.2f} of ext4"])


def parked(tmp, takes, what):
    state, mnt = (os.path.join(tmp, f"{d}{takes}") for d in ("pstate", "pmnt"))
    os.makedirs(mnt)
    count = 1000 if QUICK else 10000
    mounted = Mounted([PROMPTFS, "-f", "-o",
                       f"state={state},log_level=error,latency=600000,stop_timeout=0", mnt],
                      mnt)
    before = mounted.rss_kib()
    opener = subprocess.Popen([MEASURE, "park", os.path.join(mnt, "prompts"), str(count),
                               str(takes)], stdout=subprocess.PIPE, text=True)
    opener.stdout.readline()
    status = os.path.join(mnt, ".promptfs/status.json")
    for _ in range(600):
        time.sleep(0.05)
        with open(status, encoding="utf-8") as f:
            slots = json.load(f)["slots"]
        if slots["queue_size"] + slots["active_requests"] >= count:
            break
    time.sleep(1.2)
    after = mounted.rss_kib()
    row(f"{count} parked opens, {what}", ["", "", f"{(after - before) / 1024:.1f} MiB",
                                          f"{(after - before) * 1024 / count:.0f} B each"])
    mounted.__exit__()
    opener.wait(timeout=60)


def large_index(tmp):
    """How long until a mount serves with many requests in the index, and its memory."""
    count = 100000 if QUICK else 1000000
    state = subprocess.run([STORE, tmp, "0", str(count), "keep"], check=True, text=True,
                           capture_output=True, timeout=600).stdout.split()[-1]
    mnt = os.path.join(tmp, "bigmnt")
    os.makedirs(mnt)
    times = []
    for _ in range(3):
        with promptfs(state, mnt) as mounted:
            times.append(mounted.ready * 1000)
            os.listdir(mnt)
            memory = mounted.rss_kib() / 1024
    row(f"mount with {count} requests", ["", "", f"{min(times):.0f} ms", f"{memory:.1f} MiB"])


def main():
    tmp = tempfile.mkdtemp(prefix="promptfs-bench-")
    try:
        row("", ["ext4", "passthrough", "promptfs", "ratio"])
        reads(tmp, "256 MiB file", 1, 256 * MIB, "read")
        reads(tmp, "1,000 x 2 MiB", 100 if QUICK else 999, 2 * MIB, "readall")
        for count in (10000,) if QUICK else (10000, 100000):
            names(tmp, count)
        parked(tmp, 100, "of takes")
        parked(tmp, 1, "of prompts")
        large_index(tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


main()
