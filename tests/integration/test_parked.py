# SPDX-License-Identifier: MIT
"""Opens that wait: a thousand at once disturb nobody, and many readers of one path are
one request."""
import os
import subprocess
import time

import mountfix
from mountfix import OPENER, read, run

OPENS = 1000
FILES = 40


def park(mount, opens, files, label):
    pattern = mount.path("prompts", f"{label} %d", "imagen-2", "1.png")
    return subprocess.Popen([OPENER, "park", str(opens), pattern, str(files)],
                            stdout=subprocess.PIPE, text=True)


def waiting_readers(mount):
    return sum(job["readers"] for job in mount.control("status.json")["jobs"])


class Parked(mountfix.MountCase):
    options = ("latency=4000", f"max_concurrent={FILES}")

    def test_a_thousand(self):
        cached, data = self.mount.generate()
        before = self.mount.requests()
        opener = park(self.mount, OPENS, FILES, "a train in the rain")
        self.addCleanup(opener.kill)
        mountfix.wait_for(lambda: waiting_readers(self.mount) >= OPENS, 20,
                          f"{OPENS} readers in status.json")
        slowest, rounds = 0, 0
        while opener.poll() is None and rounds < 50:
            start = time.monotonic()
            run("ls", "-l", os.path.dirname(cached), self.mount.path("prompts"))
            self.assertEqual(read(cached), data)
            slowest = max(slowest, time.monotonic() - start)
            rounds += 1
        print(f"# slowest of {rounds} rounds of ls and a cached read: {slowest:.3f} s")
        self.assertGreater(rounds, 3)
        self.assertLess(slowest, 1 * mountfix.SLOW)
        self.assertEqual(opener.communicate(timeout=120 * mountfix.SLOW)[0],
                         f"{OPENS} 0\n")
        self.assertEqual(self.mount.requests(), before + FILES)
        self.assertEqual(self.mount.control("status.json")["jobs"], [])

    def test_memory(self):
        """A parked open costs memory only, and little of it."""
        def resident_kib():
            with open(f"/proc/{self.mount.process.pid}/status", encoding="ascii") as f:
                fields = dict(line.split(":", 1) for line in f)
            return int(fields["VmRSS"].split()[0]), int(fields["Threads"])

        read(self.mount.fresh())
        memory, threads = resident_kib()
        opener = park(self.mount, OPENS, 4, "a boat in the mist")
        self.addCleanup(opener.kill)
        mountfix.wait_for(lambda: waiting_readers(self.mount) >= OPENS, 20, "the readers")
        more_memory, more_threads = resident_kib()
        print(f"# {OPENS} parked opens: {more_memory - memory} KiB more")
        self.assertLess(more_threads - threads, 12)
        self.assertLess(more_memory - memory, 8192 * mountfix.SLOW)
        self.assertEqual(opener.communicate(timeout=120 * mountfix.SLOW)[0],
                         f"{OPENS} 0\n")


class SingleFlight(mountfix.MountCase):
    options = ("latency=800",)

    def test_two_hundred_readers(self):
        before = self.mount.requests()
        opener = park(self.mount, 200, 1, "one red balloon")
        self.assertEqual(opener.communicate(timeout=60 * mountfix.SLOW)[0], "200 0\n")
        self.assertEqual(self.mount.requests(), before + 1)

    def test_spellings_join(self):
        before = self.mount.requests()
        base = self.mount.path("prompts/one blue balloon/imagen-3")
        readers = [subprocess.Popen(["cat", os.path.join(base, p, "1.png")],
                                    stdout=subprocess.PIPE)
                   for p in ("seed=3/aspect=16:9", "aspect=16:9/seed=3", "aspect=16x9/seed=3")]
        got = {r.communicate(timeout=60 * mountfix.SLOW)[0] for r in readers}
        self.assertEqual(len(got), 1)
        self.assertEqual(self.mount.requests(), before + 1)

    def test_slots_and_queue(self):
        opener = park(self.mount, 30, 30, "thirty small kites")
        self.addCleanup(opener.kill)

        def full():
            slots = self.mount.control("status.json")["slots"]
            return slots["active_requests"] == 10 and slots["queue_size"] > 0 and slots

        slots = mountfix.wait_for(full, 10, "a full queue")
        self.assertEqual(slots["available_slots"], 0)
        states = {j["state"] for j in self.mount.control("status.json")["jobs"]}
        self.assertLessEqual(states, {"queued", "generating"})
        self.assertEqual(opener.communicate(timeout=60 * mountfix.SLOW)[0], "30 0\n")


if __name__ == "__main__":
    mountfix.main()
