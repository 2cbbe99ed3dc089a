# SPDX-License-Identifier: MIT
"""Long videos: a plan of paid calls that .cost shows before anyone pays, each part kept
and never paid again, joined to the length that was asked for."""
import errno
import json
import os
import tempfile
import threading
import time
import unittest

import cloudfix
import mountfix
import paidfix
from mountfix import load, read
from paidfix import PaidMount, outcome

LITE = 50000  # veo-3.1-lite at 720p, a second
MODEL = "veo-3.1-lite/res=720p"


def probe(data, *more):
    """What ffprobe says of an MP4."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(data)
        file.flush()
        said = mountfix.run("ffprobe", "-v", "error", "-count_frames", "-of", "json",
                            "-show_entries", "format=duration:stream=codec_type,width,"
                            "height,r_frame_rate,nb_read_frames,duration", *more,
                            file.name)
    said = json.loads(said.stdout)
    streams = {s["codec_type"]: s for s in said["streams"]}
    return float(said["format"]["duration"]), streams


class Videos(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = paidfix.Cloud("--today", paidfix.THEN)
        cls.cloud.start()

    @classmethod
    def tearDownClass(cls):
        cls.cloud.stop()

    def setUp(self):
        self.cloud.control("faults", verb="DELETE")
        self.cloud.reset()
        self.cloud.config(latency_ms=0, operation_seconds=0.1)

    def mounted(self, *options, **more):
        mount = PaidMount(self.cloud, "budget=100/day", "max_cost=20", *options, **more)
        self.addCleanup(mount.close)
        return mount

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def starts(self):
        return self.cloud.counters()["methods"].get("predictLongRunning", {}).get(
            "accepted", 0)

    def cost(self, path):
        time.sleep(mountfix.SNAPSHOT_S)
        return load(path + ".cost")

    def assertVideo(self, data, seconds, audio=True, fps=24):
        """As long as asked within one frame, sound without a gap to its end. Where clips
        were joined, one of two equal frames is left out and the rest take its time."""
        duration, streams = probe(data)
        self.assertAlmostEqual(duration, seconds, delta=1 / fps)
        frames = int(streams["video"]["nb_read_frames"])
        self.assertTrue(seconds * fps - seconds // 4 <= frames <= seconds * fps, frames)
        self.assertEqual("audio" in streams, audio)
        if audio:
            self.assertAlmostEqual(float(streams["audio"]["duration"]), seconds,
                                   delta=0.03)

    def test_thirty_seconds(self):
        """The plan and its price stand in .cost, then are what is billed."""
        mount = self.mounted()
        path = mount.path("videos/a river in a gorge", MODEL, "30s.mp4")
        before = self.cost(path)
        planned = [part["seconds"] for part in before["plan"]]
        self.assertGreaterEqual(sum(planned), 30)
        self.assertEqual({part["state"] for part in before["plan"]}, {"not generated"})
        self.assertAlmostEqual(before["estimate_usd"], sum(planned) * LITE / 1e6)
        self.assertVideo(read(path), 30)
        self.assertEqual(self.starts(), len(planned))
        self.assertEqual(self.billed(), sum(planned) * LITE)
        after = self.cost(path)
        self.assertAlmostEqual(after["charged_usd"], sum(planned) * LITE / 1e6)
        # Each call but the first begins with the last frame of the one before.
        bodies = [json.loads(r["body"]) if isinstance(r["body"], str) else r["body"]
                  for r in self.cloud.requests(method="predictLongRunning")]
        self.assertEqual(["image" in b["instances"][0] for b in bodies],
                         [False] + [True] * (len(planned) - 1))

    def test_a_failed_part_is_all_that_is_bought_again(self):
        mount = self.mounted("retries=0", "fallback=off")
        path = mount.path("videos/a village in the fog", MODEL, "16s.mp4")
        self.cloud.fault("quota_day", method="predictLongRunning", nth=2, times=1)
        self.assertEqual(outcome(path)[0], errno.EBUSY)
        self.assertEqual(self.billed(), 8 * LITE)
        states = [part["state"] for part in self.cost(path)["plan"]]
        self.assertEqual(states, ["generated", "failed"])
        self.assertEqual(load(mount.path(".cost"))["reserved_usd"], 0)
        self.assertVideo(read(path), 16)
        self.assertEqual(self.starts(), 2)
        self.assertEqual(self.billed(), 16 * LITE)
        self.assertAlmostEqual(self.cost(path)["charged_usd"], 16 * LITE / 1e6)

    def test_a_kill_between_parts_pays_nothing_again(self):
        self.cloud.config(operation_seconds=1)
        mount = self.mounted()
        path = mount.path("videos/a forest in spring", MODEL, "24s.mp4")
        thread = threading.Thread(target=outcome, args=(path,))
        thread.start()
        self.cloud.wait_for(lambda c: c["operations"]["started"] == 2)
        mount.kill()
        thread.join(20)
        self.cloud.config(operation_seconds=0.1)
        mount.start()
        self.assertVideo(read(path), 24)
        self.assertEqual(self.starts(), 3)
        self.assertEqual(self.billed(), 24 * LITE)

    def test_an_unknown_part_is_not_bought_again(self):
        mount = self.mounted()
        path = mount.path("videos/a desert at noon", MODEL, "16s.mp4")
        self.cloud.fault("drop", method="predictLongRunning", nth=2)
        self.assertEqual(outcome(path)[0], errno.EIO)
        self.assertEqual(outcome(path)[0], errno.EIO)
        self.assertEqual(self.starts(), 2)
        os.remove(path)  # written off: the first part is still there
        self.assertVideo(read(path), 16)
        self.assertEqual(self.starts(), 3)

    def test_extension_where_that_is_cheaper(self):
        """15 s: 8 and 7 of an extension, not 8 and 8. It needs a bucket."""
        mount = self.mounted(f"bucket={cloudfix.BUCKET}")
        path = mount.path("videos/clouds over a lake", MODEL, "15s.mp4")
        self.assertEqual([part["seconds"] for part in self.cost(path)["plan"]], [8, 7])
        self.assertVideo(read(path), 15)
        self.assertEqual(self.billed(), 15 * LITE)

    def test_the_first_segment_of_a_take_has_no_frame_of_another(self):
        """count=2: the second video begins like the first, without a picture."""
        mount = self.mounted()
        folder = mount.path("videos/a boat", MODEL, "count=2")
        self.assertVideo(read(os.path.join(folder, "16s.mp4")), 16)
        self.assertVideo(read(os.path.join(folder, "16s-2.mp4")), 16)
        bodies = [json.loads(r["body"]) if isinstance(r["body"], str) else r["body"]
                  for r in self.cloud.requests(method="predictLongRunning")]
        self.assertEqual(["image" in body["instances"][0] for body in bodies],
                         [False, True, False, True])

    def test_what_is_shown_is_what_is_reserved(self):
        """The plan and the worst case of .cost, while the calls are under way."""
        bucket = f"bucket={cloudfix.BUCKET}"
        for backend, path, seconds in (
                # Nothing is extended on the Developer API without its own files.
                ("gemini", f"videos/rain on a roof/{MODEL}/15s.mp4", [8, 8]),
                ("vertex", f"videos/rain on a roof/{MODEL}/15s.mp4", [8, 7]),
                # The model makes 5 s at least: that is what is sent and billed.
                ("vertex", "videos/rain on a roof/veo-2/res=720p/3s.mp4", [5])):
            with self.subTest(backend=backend, path=path):
                self.cloud.config(operation_seconds=60)
                mount = self.mounted(bucket, "fallback=off", "stop_timeout=1",
                                     backend=backend)
                before = self.cost(mount.path(path))
                thread = threading.Thread(target=outcome, args=(mount.path(path),))
                thread.start()
                self.wait_for_reserved(mount)
                held = load(mount.path(".cost"))["reserved_usd"]
                plan = before.get("plan", [{"seconds": 5}])
                mount.kill()
                thread.join(20)
                mount.start()
                self.assertEqual([part["seconds"] for part in plan], seconds)
                self.assertAlmostEqual(before["worst_case_usd"], held)

    def wait_for_reserved(self, mount):
        for _ in range(200):
            if load(mount.path(".cost"))["reserved_usd"]:
                return
            time.sleep(0.05)
        self.fail("nothing was reserved")

    def test_rate(self):
        mount = self.mounted("fallback=off")
        path = mount.path("videos/a train at night/veo-2/res=720p/fps=30/6s.mp4")
        self.assertVideo(read(path), 6, audio=False, fps=30)
        self.assertEqual(self.starts(), 1)

    def test_takes(self):
        """Takes of a long video are videos of their own."""
        mount = self.mounted()
        one = mount.path("videos/two boats", MODEL, "12s.mp4")
        two = mount.path("videos/two boats", MODEL, "12s-2.mp4")
        first, second = paidfix.at_once(read, [one, two])
        self.assertVideo(first, 12)
        self.assertVideo(second, 12)
        self.assertEqual(self.starts(), 4)
        self.assertEqual(self.billed(), 24 * LITE)


mountfix.main()
