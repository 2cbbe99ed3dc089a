# SPDX-License-Identifier: MIT
"""Many at once: one call for one file, never more calls than slots, every byte of large
answers right in little memory, and stopping a reader stops nothing that is paid for."""
import concurrent.futures
import errno
import hashlib
import os
import signal
import subprocess
import time

import mountfix
import paidfix
from mountfix import errname, load, read, text, wait_for
from paidfix import at_once, outcome

PRICE = 40000
MIB = 1 << 20


class Crowd(paidfix.PaidCase):
    def park(self, n, pattern, files):
        """(ok, failed) of n threads that open `files` paths and read all."""
        done = mountfix.run(mountfix.OPENER, "park", n, pattern, files, timeout=60)
        return tuple(map(int, done.stdout.split()))

    def pattern(self, label, model="imagen-3"):
        return self.mount.path("prompts", f"{label} number %d", model, "1.png")

    def test_200_readers_of_one_file(self):
        """are one job, one call, one bill."""
        self.cloud.config(latency_ms=700)
        pattern = self.pattern("a harbour for many")
        before = self.spent_ud()
        self.assertEqual(self.park(200, pattern, 1), (200, 0))
        counters = self.cloud.counters()
        self.assertEqual(counters["methods"]["predict"]["calls"], 1)
        self.assertEqual(counters["billed_udollars"], PRICE)
        self.assertEqual(self.spent_ud() - before, PRICE)

    def test_spellings_of_one_file(self):
        """are one file too: options in any order, an alias, blanks, NFC."""
        self.cloud.config(latency_ms=300)
        names = ["a café at night/imagen-3/aspect=16:9/guidance=5/1.png",
                 "a café at night/imagen-3/guidance=5/aspect=16x9/1.png",
                 " a café at night /imagen-3.0-generate-001/aspect=16:9/guidance=5/1.png",
                 "a cafe\u0301 at night/imagen-3/guidance=5/aspect=16:9/1.png"]
        got = at_once(lambda n: outcome(self.mount.path("prompts", n)), names * 5)
        self.assertEqual({(e, hashlib.sha256(d).digest()) for e, d in got}, {
            (0, hashlib.sha256(got[0][1]).digest())})
        self.assertEqual(self.billed(), PRICE)

    def test_500_files_in_10_slots(self):
        """All arrive, and never more than max_concurrent are in flight."""
        self.cloud.config(latency_ms=20)
        self.assertEqual(self.park(500, self.pattern("a harbour for one"), 500), (500, 0))
        counters = self.cloud.counters()
        self.assertEqual(counters["max_paid_in_flight"], 10)
        self.assertEqual(counters["methods"]["predict"]["calls"], 500)
        self.assertEqual(counters["billed_udollars"], 500 * PRICE)
        keys = self.cloud.control("keys").values()
        self.assertEqual({k["accepted"] for k in keys if k["method"] == "predict"}, {1})
        self.mount.wait_idle()
        slots = self.mount.control("status.json")["slots"]
        self.assertEqual((slots["active_requests"], slots["available_slots"],
                          slots["queue_size"]), (0, 10, 0))

    def test_count_is_one_call(self):
        """Four readers of count=4 get the four takes of one call."""
        self.cloud.config(latency_ms=300)
        where = self.mount.path("prompts/four quiet ponds/imagen-3/count=4")
        got = at_once(lambda n: outcome(f"{where}/{n}.png"), range(1, 5))
        self.assertEqual([e for e, _ in got], [0] * 4)
        self.assertEqual(len({d for _, d in got}), 4)
        self.assertEqual(self.calls("predict"), 1)
        self.assertEqual(self.billed(), 4 * PRICE)

    def test_count_with_a_filtered_one(self):
        """What was filtered fails alone, costs nothing, and is made alone after rm."""
        self.cloud.fault("filtered_some")
        where = self.mount.path("prompts/four noisy ponds/imagen-3/count=4")
        got = at_once(lambda n: outcome(f"{where}/{n}.png"), range(1, 5))
        self.assertEqual(sorted(errname(e) for e, _ in got), ["0", "0", "0", "EPERM"])
        lost = next(n for n, (e, _) in enumerate(got, 1) if e)
        self.assertIn("person or face", text(f"{where}/{lost}.png.error"))
        self.assertEqual(self.billed(), 3 * PRICE)
        time.sleep(mountfix.SNAPSHOT_S)
        self.assertEqual(load(f"{where}/.cost")["spent_usd"], 0.12)
        self.assertEqual(errname(outcome(f"{where}/{lost}.png")[0]), "EPERM")
        self.assertEqual(self.calls("predict"), 1)
        os.unlink(f"{where}/{lost}.png")
        self.assertEqual(outcome(f"{where}/{lost}.png")[0], 0)
        self.assertEqual(self.calls("predict"), 2)
        self.assertEqual(self.billed(), 4 * PRICE)


class Large(paidfix.PaidCase):
    options = ("budget=1000/day", "max_concurrent=64")

    def test_large_answers(self):
        """64 answers of 20 MiB at the same time: all bytes right, in little memory."""
        self.cloud.config(image_bytes=20 * MIB, latency_ms=100)
        paths = [self.mount.path(f"prompts/a huge harbour {n}/imagen-3/1.png")
                 for n in range(64)]
        most = 0
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            jobs = [pool.submit(self.digest, p) for p in paths]
            while not all(j.done() for j in jobs):
                most = max(most, self.resident())
                time.sleep(0.02)
        print(f"# at most {most >> 20} MiB of RssAnon")
        for path, job in zip(paths, jobs):
            size, digest = job.result()
            self.assertGreaterEqual(size, 20 * MIB)
            self.assertEqual(os.getxattr(path, "user.promptfs.sha256").decode(), digest)
        self.assertEqual(len({j.result()[1] for j in jobs}), 64)
        self.assertEqual(self.billed(), 64 * PRICE)
        if mountfix.SLOW == 1:  # sanitizers keep what is freed
            self.assertLess(most, 200 * MIB)

    def digest(self, path):
        """(size, SHA-256) without the file in memory; its PNG must be whole."""
        found, size = hashlib.sha256(), 0
        with open(path, "rb") as f:
            head = f.read(8)
            f.seek(-12, os.SEEK_END)
            tail = f.read()
            f.seek(0)
            while piece := f.read(MIB):
                found.update(piece)
                size += len(piece)
        self.assertEqual(head, b"\x89PNG\r\n\x1a\n")
        self.assertEqual(tail[4:8], b"IEND")
        return size, found.hexdigest()

    def resident(self):
        with open(f"/proc/{self.mount.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) << 10 for line in f
                        if line.startswith("RssAnon"))


class Stopping(paidfix.PaidCase):
    """A reader that is stopped ends at once; what it asked for is bought once."""

    def reader(self, path):
        process = subprocess.Popen([mountfix.OPENER, "open", path], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        mountfix.wait_parked(process)
        return process

    def test_interrupt(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(sig.name):
                self.cloud.reset()
                self.cloud.config(latency_ms=1500)
                path = self.mount.fresh(model="imagen-3")
                process = self.reader(path)
                self.cloud.wait_for(lambda c: c["paid_in_flight"] == 1)
                start = time.monotonic()
                process.send_signal(sig)
                process.wait(10)
                self.assertLess(time.monotonic() - start, 0.5 * mountfix.SLOW)
                self.assertEqual(process.returncode, -sig)
                self.assertEqual(load(path + ".cost")["state"], "generating")
                self.assertTrue(read(path))
                self.assertEqual(self.calls("predict"), 1)
                self.assertEqual(self.billed(), PRICE)

    def test_eintr(self):
        """Ctrl-C as a program sees it that handles SIGINT and ends: EINTR."""
        self.cloud.config(latency_ms=1000)
        path = self.mount.fresh(model="imagen-3")
        process = subprocess.Popen([mountfix.OPENER, "handle", str(int(signal.SIGINT)), path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        mountfix.wait_parked(process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
        self.assertIn(b"EINTR", out)
        self.assertTrue(read(path))
        self.assertEqual(self.billed(), PRICE)

    def test_nobody_waits(self):
        """The result is kept though all who asked are gone."""
        self.cloud.config(latency_ms=500)
        path = self.mount.fresh(model="imagen-3")
        process = self.reader(path)
        process.kill()
        process.wait(10)
        wait_for(lambda: os.getxattr(path, "user.promptfs.state") == b"generated",
                 what="the picture")
        self.assertTrue(read(path))
        self.assertEqual(self.billed(), PRICE)

    def test_rm_of_what_is_being_bought(self):
        self.cloud.config(latency_ms=700)
        path = self.mount.fresh(model="imagen-3")
        process = self.reader(path)
        self.cloud.wait_for(lambda c: c["paid_in_flight"] == 1)
        self.assertErrno(errno.EBUSY, os.unlink, path)
        self.assertEqual(process.communicate(timeout=10)[0].strip(), b"ok")
        os.unlink(path)
        self.assertEqual(self.billed(), PRICE)
        self.assertTrue(read(path), "a new draw")
        self.assertEqual(self.billed(), 2 * PRICE)
        history = os.path.join(os.path.dirname(path), ".history", "1.png~1")
        self.assertTrue(read(history), "what was paid is kept")


class Pacing(paidfix.PaidCase):
    """No more than a row's requests a minute; who must wait holds no slot."""
    options = ("budget=1000/day", "max_concurrent=2", "fallback=off")
    catalogue = paidfix.PRICES | {"imagen-3": paidfix.PRICES["imagen-3"] | {"rpm": 3}}

    def test_requests_a_minute(self):
        paths = [self.mount.fresh(model="imagen-3") for _ in range(6)]
        readers = [subprocess.Popen([mountfix.OPENER, "open", p], stdout=subprocess.PIPE)
                   for p in paths]
        for r in readers:
            self.addCleanup(r.wait, 10)
            self.addCleanup(r.kill)
        self.cloud.wait_for(lambda c: c["methods"].get("predict", {}).get("calls") == 3)
        wait_for(lambda: sum(r.poll() is not None for r in readers) == 3, what="three")
        # Both slots are free: other models go on, as many as like.
        for _ in range(5):
            read(self.mount.fresh(model="imagen-2"))
        self.assertEqual(self.calls("predict"), 3 + 5)
        time.sleep(mountfix.SNAPSHOT_S)
        status = self.mount.control("status.json")
        self.assertEqual(len(status["jobs"]), 3)
        self.assertEqual(status["slots"]["available_slots"], 2)
        self.assertEqual(round(load(self.mount.path(".cost"))["reserved_usd"] * 1e6),
                         3 * PRICE)
        # They are not sent, so nothing of them is left after the mount.
        start = time.monotonic()
        self.assertEqual(self.mount.stop(), 0)
        self.assertLess(time.monotonic() - start, 5 * mountfix.SLOW)
        self.mount.start()
        cost = load(self.mount.path(".cost"))
        self.assertEqual((cost["reserved_usd"], round(cost["spent_usd"] * 1e6)),
                         (0, self.billed()))


if __name__ == "__main__":
    mountfix.main()
