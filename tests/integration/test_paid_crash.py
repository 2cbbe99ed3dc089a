# SPDX-License-Identifier: MIT
"""kill -9 and orderly ends in the middle of paid calls: what reached us is never lost,
what may be paid is never sent again by itself, and every video is paid once."""
import os
import threading
import time
import unittest

import cloudfix
import mountfix
import paidfix
from mountfix import errname, load, read, text, wait_for
from paidfix import PaidMount, outcome

PICTURE, VIDEO = 40000, 200000


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(paidfix.Cloud("--today", paidfix.THEN))

    def setUp(self):
        self.cloud.fresh_start()

    def mounted(self, *options):
        mount = PaidMount(self.cloud, "budget=100/day", "fallback=off", *options)
        self.addCleanup(mount.close)
        return mount

    def video(self, mount, label="a river in a gorge"):
        return mount.path("videos", label, "veo-3.1-lite/res=720p/4s.mp4")

    def begin(self, path):
        """Opens in a thread; the list gets (errno, bytes)."""
        got = []
        thread = threading.Thread(target=lambda: got.append(outcome(path)))
        thread.start()
        self.addCleanup(thread.join, 30)
        return thread, got

    def in_flight(self, n=1):
        self.cloud.wait_for(lambda c: c["paid_in_flight"] == n)

    def running(self):
        self.cloud.wait_for(lambda c: c["operations"]["polls"] >= 1)

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def calls(self, method):
        return self.cloud.counters()["methods"].get(method, {}).get("calls", 0)

    def root(self, mount):
        time.sleep(mountfix.SNAPSHOT_S)
        cost = load(mount.path(".cost"))
        return tuple(round(cost[n] * 1e6) for n in ("spent_usd", "unknown_usd",
                                                    "reserved_usd"))

    def generated(self, path):
        return os.getxattr(path, "user.promptfs.state") == b"generated"


class Operations:
    """With a bucket and without."""

    def test_killed_while_an_operation_runs(self):
        """The next mount has the video, though nobody asks: paid once."""
        self.cloud.config(operation_seconds=1)
        mount = self.mounted()
        path = self.video(mount)
        thread, _ = self.begin(path)
        self.running()
        mount.kill()
        thread.join(10)
        mount.start()
        wait_for(lambda: self.generated(path), 20, "the video")
        self.assertEqual(read(path)[4:8], b"ftyp")
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.billed(), VIDEO)
        self.assertEqual(self.root(mount), (VIDEO, 0, 0))

    def test_stopped_while_an_operation_runs(self):
        """SIGTERM ends at once; the next mount goes on."""
        self.cloud.config(operation_seconds=2)
        mount = self.mounted()
        path = self.video(mount)
        thread, got = self.begin(path)
        self.running()
        start = time.monotonic()
        self.assertEqual(mount.stop(), 0)
        self.assertLess(time.monotonic() - start, 1.5 * mountfix.SLOW)
        thread.join(10)
        self.assertNotEqual(got[0][0], 0)
        mount.start()
        self.assertEqual(self.root(mount)[0], 0)
        wait_for(lambda: self.generated(path), 20, "the video")
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.root(mount), (VIDEO, 0, 0))


class Crash(Operations, Case):
    # ---- operations ----

    def test_killed_again_and_again(self):
        self.cloud.config(operation_seconds=2)
        mount = self.mounted()
        path = self.video(mount)
        thread, _ = self.begin(path)
        self.running()
        for _ in range(4):
            mount.kill()
            mount.start()
        thread.join(10)
        self.assertTrue(read(path))
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.root(mount), (VIDEO, 0, 0))

    def test_an_open_joins_what_goes_on(self):
        """A reader that comes right after the new mount waits for the old operation."""
        self.cloud.config(operation_seconds=1.5)
        mount = self.mounted()
        path = self.video(mount)
        self.begin(path)
        self.running()
        mount.kill()
        mount.start()
        self.assertTrue(read(path))
        self.assertEqual(self.calls("predictLongRunning"), 1)

    def test_stopped_while_an_operation_begins(self):
        """Its name is awaited, the video is not."""
        self.cloud.config(operation_seconds=3, latency_ms=700)
        mount = self.mounted()
        path = self.video(mount)
        self.begin(path)
        self.in_flight()
        start = time.monotonic()
        self.assertEqual(mount.stop(), 0)
        self.assertLess(time.monotonic() - start, 2.5 * mountfix.SLOW)
        mount.start()
        wait_for(lambda: self.generated(path), 20, "the video")
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.root(mount), (VIDEO, 0, 0))

    def test_lost_for_good(self):
        """The provider forgot the operation: unknown, told, and never sent again."""
        self.cloud.config(operation_seconds=30)
        mount = self.mounted()
        path = self.video(mount)
        self.begin(path)
        self.running()
        mount.kill()
        self.cloud.stop()
        self.cloud.start(self.cloud.port)  # without a memory
        mount.start()
        wait_for(lambda: load(path + ".cost")["state"] == "unknown", 20, "the verdict")
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertIn("does not know the operation", text(path + ".error"))
        self.assertEqual(self.calls("predictLongRunning"), 0)
        self.assertEqual(self.root(mount), (VIDEO, VIDEO, 0))

    # ---- calls in flight ----

    def test_killed_while_a_call_is_in_flight(self):
        """Unknown: EIO with a sentence, listed, counted as spent; rm writes it off and the
        next open buys anew."""
        self.cloud.config(latency_ms=1000)
        mount = self.mounted()
        path = mount.fresh(model="imagen-3")
        thread, _ = self.begin(path)
        self.in_flight()
        mount.kill()
        thread.join(10)
        self.cloud.config(latency_ms=0)
        mount.start()
        wait_for(lambda: load(path + ".cost")["state"] == "unknown", 10, "the verdict")
        for _ in range(2):
            self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertIn("may be paid", text(path + ".error"))
        self.assertEqual(self.root(mount), (PICTURE, PICTURE, 0))
        listed = mount.unknown()
        self.assertTrue(any("number 1/imagen-3/1.png" in line for line in listed), listed)
        self.cloud.wait_for(lambda c: not c["paid_in_flight"])
        self.assertEqual(self.calls("predict"), 1)
        # Over another restart too.
        mount.stop()
        mount.start()
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        os.unlink(path)
        self.assertEqual(self.root(mount), (PICTURE, 0, 0))
        self.assertTrue(read(path))
        self.assertEqual(self.root(mount), (2 * PICTURE, 0, 0))
        self.assertEqual(self.billed(), 2 * PICTURE)
        self.assertIn("no call", " ".join(mount.unknown()))

    def test_settled_as_not_paid(self):
        """promptfs settle: the bill says it was not paid, so it can be bought again."""
        self.cloud.fault("504")
        mount = self.mounted()
        path = mount.fresh(model="imagen-3")
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertEqual(self.root(mount), (PICTURE, PICTURE, 0))
        number = next(w for line in mount.unknown() for w in line.split() if w.isdigit())
        mount.command("settle", "--not-paid", number, "-o", f"state={mount.state}")
        self.assertEqual(self.root(mount), (0, 0, 0))
        self.assertTrue(read(path))
        self.assertEqual(self.root(mount), (PICTURE, 0, 0))

    def test_killed_before_anything_was_sent(self):
        """What is only reserved is given back: bought by the next open, once."""
        mount = self.mounted("max_concurrent=1")
        self.cloud.config(latency_ms=round(3000 * mountfix.SLOW))
        first, second = (mount.fresh(model="imagen-3") for _ in range(2))
        self.begin(first)
        self.in_flight()
        self.begin(second)
        wait_for(lambda: load(mount.path(".cost"))["reserved_usd"] == 0.08,
                 what="the second reservation")
        mount.kill()
        self.cloud.config(latency_ms=0)
        mount.start()
        self.assertTrue(read(second))
        self.assertEqual(self.root(mount), (2 * PICTURE, PICTURE, 0))
        self.assertEqual(self.calls("predict"), 2)

    def test_stopped_while_a_call_is_in_flight(self):
        """SIGTERM waits for it and keeps the result."""
        self.cloud.config(latency_ms=1500)
        mount = self.mounted()
        path = mount.fresh(model="imagen-3")
        self.begin(path)
        self.in_flight()
        start = time.monotonic()
        self.assertEqual(mount.stop(), 0)
        took = time.monotonic() - start
        self.assertGreater(took, 0.5)
        self.assertLess(took, 6 * mountfix.SLOW)
        mount.start()
        self.assertTrue(self.generated(path))
        self.assertTrue(read(path))
        self.assertEqual(self.calls("predict"), 1)
        self.assertEqual(self.root(mount), (PICTURE, 0, 0))

    def test_stopped_without_patience(self):
        """stop_timeout over: unknown, not lost from the books."""
        self.cloud.config(latency_ms=4000)
        mount = self.mounted("stop_timeout=1")
        path = mount.fresh(model="imagen-3")
        self.begin(path)
        self.in_flight()
        start = time.monotonic()
        self.assertEqual(mount.stop(), 0)
        self.assertLess(time.monotonic() - start, 3.5 * mountfix.SLOW)
        mount.start()
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertEqual(self.root(mount), (PICTURE, PICTURE, 0))
        self.assertEqual(self.calls("predict"), 1)

    def test_killed_while_an_answer_arrives(self):
        """Half of the bytes are here: unknown, and no half file is ever served."""
        self.cloud.fault("stall_body", seconds=3)
        self.cloud.config(image_bytes=4 << 20)
        mount = self.mounted()
        path = mount.fresh(model="imagen-3")
        self.begin(path)
        self.in_flight()
        time.sleep(0.2)
        mount.kill()
        mount.start()
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertEqual(self.root(mount), (PICTURE, PICTURE, 0))
        mount.command("verify", "-o", f"state={mount.state}")

    def test_killed_at_many_moments(self):
        """Whenever it is: what is generated was billed, what was billed is known of, and
        nothing is sent twice."""
        mount = self.mounted()
        self.cloud.config(latency_ms=30)
        stop = threading.Event()

        def work():
            while not stop.is_set():
                outcome(mount.fresh(model="imagen-3"))
        for n in range(6):
            stop.clear()
            threads = [threading.Thread(target=work) for _ in range(4)]
            for t in threads:
                t.start()
            time.sleep(0.11 + 0.037 * n)
            stop.set()
            mount.kill()
            for t in threads:
                t.join(20)
            mount.start()
        self.cloud.wait_for(lambda c: not c["paid_in_flight"])
        wait_for(lambda: load(mount.path(".cost"))["reserved_usd"] == 0, what="the sums")
        spent, _, _ = self.root(mount)
        self.assertGreaterEqual(spent, self.billed())
        for key in self.cloud.control("keys").values():
            if key["method"] == "predict":
                self.assertLessEqual(key["accepted"], 1)
        self.assertGreater(self.billed(), 6 * PICTURE, "killed too early")


class Bucket(Operations, Case):
    """With bucket= videos are put where they can be found again."""

    def mounted(self, *options):
        return super().mounted(f"bucket={cloudfix.BUCKET}", *options)

    def test_results_come_from_the_bucket(self):
        mount = self.mounted()
        path = self.video(mount, "a river in a bucket")
        self.assertEqual(read(path)[4:8], b"ftyp")
        body = self.cloud.requests(method="predictLongRunning")[-1]["body"]
        self.assertTrue(body["parameters"]["storageUri"].startswith(
            f"gs://{cloudfix.BUCKET}/promptfs/"))
        self.assertEqual(self.calls("storage.get"), 1)
        self.assertEqual(self.billed(), VIDEO)

    def test_fetching_fails_for_a_while(self):
        self.cloud.fault("503", method="storage.get", times=2)
        mount = self.mounted()
        self.assertTrue(read(self.video(mount, "a river in a leaky bucket")))
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.billed(), VIDEO)

    def test_fetching_fails_for_long(self):
        """EIO now; the next open fetches what is paid already."""
        self.cloud.fault("503", method="storage.get", times=0)
        mount = self.mounted()
        path = self.video(mount, "a river in a hole")
        self.assertEqual(errname(outcome(path)[0]), "EIO")
        self.assertIn("fetching", text(path + ".error"))
        self.cloud.control("faults", verb="DELETE")
        self.assertTrue(read(path))
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.assertEqual(self.root(mount), (VIDEO, 0, 0))

    def test_killed_between_acceptance_and_answer(self):
        """The name of the operation never came; the video is found and adopted."""
        self.cloud.fault("stall", method="predictLongRunning", seconds=5)
        mount = self.mounted()
        path = self.video(mount, "a river of which nobody knows")
        thread, _ = self.begin(path)
        self.cloud.wait_for(lambda c: c["operations"]["started"] == 1)
        mount.kill()
        thread.join(10)
        mount.start()
        wait_for(lambda: self.generated(path), 25, "the video in the bucket")
        self.assertEqual(read(path)[4:8], b"ftyp")
        self.assertEqual(self.calls("predictLongRunning"), 1)
        self.cloud.wait_for(lambda c: c["billed_udollars"] == VIDEO)
        self.assertEqual(self.root(mount), (VIDEO, 0, 0))


if __name__ == "__main__":
    mountfix.main()
