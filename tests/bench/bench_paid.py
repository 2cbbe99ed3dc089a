#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a paid backend costs in time and memory beside the calls themselves.

A canned server answers both promptfs and a curl loop that makes the same calls. Each
figure is a ratio or a difference within one run; nothing here passes or fails.
usage: bench_paid.py PROMPTFS CANNED CALLERS [--quick]
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROMPTFS, CANNED, CALLERS = sys.argv[1:4]
QUICK = "--quick" in sys.argv
MIB = 1 << 20
CATALOG = {"models": {"m": {
    "title": "Bench", "kind": "picture", "protocol": "openai-image", "quality": 1,
    "wire": {"openai": "m"}, "options": {"size": ["1K"]},
    "pixels": {"1K": {"1:1": [1024, 1024]}}, "price": {"image": 0.01},
    "refusal": 0, "source": "bench", "as_of": "2026-11-26"}}}


class Server:
    def __init__(self, latency_ms, size):
        self.proc = subprocess.Popen([CANNED, str(latency_ms), str(size)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{int(self.proc.stdout.readline())}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.stdin.close()
        self.proc.wait(10)


class Mounted:
    def __init__(self, url, slots):
        self.base = tempfile.mkdtemp(prefix="promptfs-bench-")
        self.root = os.path.join(self.base, "mnt")
        os.mkdir(self.root)
        catalog = os.path.join(self.base, "catalog.json")
        with open(catalog, "w", encoding="utf-8") as f:
            json.dump(CATALOG, f)
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
        self.proc = subprocess.Popen(
            [PROMPTFS, "-f", "-o",
             f"backend=openai,endpoint={url},catalog={catalog},budget=100000/day,"
             f"state={self.base}/state,max_concurrent={slots},log_level=error",
             self.root], env=env)
        while not os.path.ismount(self.root):
            if self.proc.poll() is not None:
                raise SystemExit("promptfs did not mount")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def status(self, name):
        with open(f"/proc/{self.proc.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith(name):
                    return int(line.split()[1])
        return 0

    def ledger_is_checked(self):
        with open(f"{self.root}/.promptfs/status.json", encoding="utf-8") as f:
            return json.load(f).get("money", {}).get("ledger") != "unchecked"

    def __exit__(self, *exc):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(60)
        shutil.rmtree(self.base)


def callers(how, threads, n, where):
    out = subprocess.run([CALLERS, how, str(threads), str(n), where], check=True,
                         capture_output=True, text=True, timeout=600).stdout.split()
    return float(out[0]), int(out[1]) / 1000, int(out[2]) / 1000


def alone(n, size):
    with Server(0, size) as server, Mounted(server.url, 64) as mount:
        callers("open", 1, 20, mount.root + "/prompts/warming up number ")
        _, call, call99 = callers("curl", 1, n, server.url + "/images/generations")
        _, ours, ours99 = callers("open", 1, n, mount.root + "/prompts/one number ")
    print(f"one at a time, {size / MIB:g} MiB: open {ours:.2f} ms (p99 {ours99:.2f}), "
          f"the call alone {call:.2f} ms (p99 {call99:.2f}): added {ours - call:.2f} ms "
          f"at the median, {ours99 - call99:.2f} ms at p99", flush=True)


def at_once(n, size, latency):
    with Server(latency, size) as server, Mounted(server.url, 64) as mount:
        before = mount.status("RssAnon")
        ours, _, _ = callers("open", 64, n, mount.root + "/prompts/many number ")
        peak, anon = mount.status("VmHWM"), mount.status("RssAnon")
        theirs, _, _ = callers("curl", 64, n, server.url + "/images/generations")
    print(f"64 at once, {size / MIB:g} MiB, {latency} ms: {n / ours:.0f} a second, curl "
          f"alone {n / theirs:.0f}: {theirs / ours:.2f}; memory {before // 1024} -> "
          f"{anon // 1024} MiB (peak with mapped pages {peak // 1024})", flush=True)


def main():
    n = 100 if QUICK else 1000
    alone(n, MIB)
    alone(n, 4096)
    at_once(n, MIB, 100)
    at_once(2 * n, 65536, 100)
    at_once(2 * n, 4096, 0)


main()
