# SPDX-License-Identifier: MIT
"""Who serves a file: another region, a cheaper model, the successor of a model that is
gone; only after a proven refusal, never above what was reserved, and always told."""
import os
import time
import unittest

import mountfix
import paidfix
from mountfix import errname, load, read, text
from paidfix import PaidMount, outcome

IMAGEN3, IMAGEN2 = "imagen-3.0-generate-001", "imagegeneration@006"
BANANA = "gemini-nano-banana-2.1"


class Route(unittest.TestCase):
    today = paidfix.THEN

    @classmethod
    def setUpClass(cls):
        args = ("--today", cls.today) if cls.today else ()
        cls.cloud = cls.enterClassContext(paidfix.Cloud(*args))

    def setUp(self):
        self.cloud.fresh_start()

    def mounted(self, *options, **more):
        mount = PaidMount(self.cloud, "budget=100/day", *options, **more)
        self.addCleanup(mount.close)
        return mount

    def sent(self):
        """(model, location, status) of each paid call, in order."""
        return [(c["model"], c["location"], c["status"]) for c in
                self.cloud.requests(bodies=0)
                if c["method"] in ("predict", "predictLongRunning", "generateContent")]

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def assertServed(self, path, model, charged):
        """By `model`, as every place that tells it says."""
        self.assertTrue(read(path))
        time.sleep(mountfix.SNAPSHOT_S)
        cost = load(path + ".cost")
        self.assertEqual(cost["served_by"], model)
        self.assertEqual(load(path + ".json")["served_by"], model)
        self.assertEqual(os.getxattr(path, "user.promptfs.served_by").decode(), model)
        self.assertEqual(round(cost["charged_usd"] * 1e6), charged)
        self.assertLessEqual(cost["charged_usd"], cost["worst_case_usd"])

    def assertFails(self, number, path, *words):
        self.assertEqual(errname(outcome(path)[0]), number)
        for w in words:
            self.assertIn(w, text(path + ".error"))


class Regions(Route):
    def test_next_region(self):
        """429 in the first: the second is asked at once, not after a pause."""
        mount = self.mounted("location=us-central1+europe-west4")
        self.cloud.fault("429", location="us-central1", times=0)
        path = mount.fresh(model="imagen-3")
        start = time.monotonic()
        self.assertTrue(read(path))
        self.assertLess(time.monotonic() - start, 1 * mountfix.SLOW)
        self.assertServed(path, "imagen-3", 40000)
        self.assertEqual(self.sent(), [(IMAGEN3, "us-central1", 429),
                                       (IMAGEN3, "europe-west4", 200)])
        self.assertEqual(self.billed(), 40000)

    def test_three_sends_in_all(self):
        mount = self.mounted("location=us-central1+europe-west4+us-east4", "fallback=off")
        self.cloud.fault("503", times=0)
        path = mount.fresh(model="imagen-3")
        self.assertFails("EBUSY", path, "overloaded")
        self.assertEqual([s[1:] for s in self.sent()],
                         [("us-central1", 503), ("europe-west4", 503), ("us-east4", 503)])
        self.assertEqual(self.billed(), 0)

    def test_unknown_is_not_tried_elsewhere(self):
        mount = self.mounted("location=us-central1+europe-west4")
        self.cloud.fault("500")
        self.assertFails("EIO", mount.fresh(model="imagen-3"), "500")
        self.assertEqual(len(self.sent()), 1)

    def test_a_row_has_its_own(self):
        mount = self.mounted("location=us-central1+europe-west4")
        read(mount.fresh(model=BANANA))
        self.assertEqual(self.sent(), [(BANANA, "global", 200)])

    def test_an_operation_is_polled_where_it_is(self):
        mount = self.mounted("location=us-central1+europe-west4")
        self.cloud.fault("429", location="us-central1")
        read(mount.path("videos/a river at dawn/veo-3.1-lite/res=720p/4s.mp4"))
        polls = self.cloud.requests(method="fetchPredictOperation", bodies=0)
        self.assertEqual({c["location"] for c in polls}, {"europe-west4"})
        self.assertEqual(self.billed(), 200000)


class Fallback(Route):
    def test_overload(self):
        """imagen-3 refuses for good, imagen-2 serves, for its own price."""
        mount = self.mounted("retries=0")
        self.cloud.fault("503", model=IMAGEN3, times=0)
        path = mount.fresh(model="imagen-3")
        self.assertServed(path, "imagen-2", 20000)
        self.assertEqual(self.sent(), [(IMAGEN3, "us-central1", 503),
                                       (IMAGEN2, "us-central1", 200)])
        self.assertEqual(self.billed(), 20000)
        self.assertIn("imagen-2 serves it instead of imagen-3", mount.log_text())
        # A later fault of nothing: it is stored.
        self.assertTrue(read(path))
        self.assertEqual(self.billed(), 20000)

    def test_quota_of_the_day(self):
        """Waiting does not help: the other at once, with retries left."""
        mount = self.mounted()
        self.cloud.fault("quota_day", model=IMAGEN3, times=0, seconds=30)
        self.assertServed(mount.fresh(model="imagen-3"), "imagen-2", 20000)
        self.assertEqual(len(self.sent()), 2)

    def test_both_overloaded(self):
        mount = self.mounted("retries=0")
        self.cloud.fault("429", times=0)
        path = mount.fresh(model="imagen-3")
        self.assertFails("EBUSY", path)
        self.assertEqual([s[0] for s in self.sent()], [IMAGEN3, IMAGEN2])
        time.sleep(mountfix.SNAPSHOT_S)
        self.assertEqual(load(mount.path(".cost"))["reserved_usd"], 0)

    def test_off(self):
        mount = self.mounted("retries=0", "fallback=off")
        self.cloud.fault("429", times=0)
        self.assertFails("EBUSY", mount.fresh(model="imagen-3"),
                         "quota is exhausted; use imagen-2\n")
        self.assertEqual(len(self.sent()), 1)

    def test_too_long_to_wait(self):
        """A pause above what retries may take in all is the reader's to make."""
        mount = self.mounted("fallback=off")
        self.cloud.fault("429_retry_after", times=0, seconds=3600)
        path = mount.fresh(model="imagen-3")
        self.assertFails("EBUSY", path, "the provider's quota is exhausted; try again in "
                         "3600 s or use imagen-2\n")
        self.assertEqual(len(self.sent()), 1)

    def test_not_after_an_unknown_outcome(self):
        mount = self.mounted("retries=0")
        for kind in ("500", "drop", "502_html"):
            self.cloud.fault(kind)
            self.assertFails("EIO", mount.fresh(model="imagen-3"), "may")
        self.assertEqual({s[0] for s in self.sent()}, {IMAGEN3})

    def test_options_that_are_lost_are_told(self):
        mount = self.mounted("retries=0")
        self.cloud.fault("503", model=IMAGEN3, times=0)
        path = mount.path("prompts/a lamp in fog/imagen-3/aspect=16:9/seed=7/1.png")
        self.assertServed(path, "imagen-2", 20000)
        body = self.cloud.requests(model=IMAGEN2)[-1]["body"]
        self.assertEqual(body["parameters"]["aspectRatio"], "16:9")

    def test_never_above_what_was_reserved(self):
        """The worst case is that of the dearest who may serve it."""
        mount = self.mounted("retries=0", catalogue=paidfix.PRICES | {
            "imagen-2": {"price": {"image": 0.5}, "rpm": None}})
        self.cloud.fault("503", model=IMAGEN3, times=0)
        path = mount.fresh(model="imagen-3")
        worst = load(path + ".cost")["worst_case_usd"]
        self.assertEqual(worst, 0.5)
        self.assertServed(path, "imagen-2", 500000)
        self.assertEqual(self.billed(), 20000)

    def test_no_money_for_the_other(self):
        """Where the budget has no room for the dearer one, nothing is begun at all."""
        mount = PaidMount(self.cloud, "budget=0.1/day", "retries=0",
                          catalogue=paidfix.PRICES | {
                              "imagen-2": {"price": {"image": 0.5}, "rpm": None}})
        self.addCleanup(mount.close)
        self.assertFails("EDQUOT", mount.fresh(model="imagen-3"), "would cost 0.50 USD")
        self.assertEqual(self.sent(), [])


class Missing(Route):
    def test_remembered(self):
        """A model the provider does not have: its successor, and it is not asked again."""
        mount = self.mounted()
        self.cloud.fault("404_model", model=IMAGEN3, times=0)
        for n in range(3):
            self.assertServed(mount.fresh(model="imagen-3"), BANANA, 33600)
        self.assertEqual([s[0] for s in self.sent()], [IMAGEN3] + [BANANA] * 3)

    def test_gone_in_the_middle(self):
        mount = self.mounted()
        first = mount.fresh(model="imagen-3")
        self.assertServed(first, "imagen-3", 40000)
        self.cloud.fault("404_model", model=IMAGEN3, times=0)
        self.assertServed(mount.fresh(model="imagen-3"), BANANA, 33600)
        self.assertServed(first, "imagen-3", 40000)

    def test_nobody_left(self):
        mount = self.mounted()
        self.cloud.fault("404_model", times=0)
        path = mount.fresh(model="imagen-3")
        self.assertFails("ENOENT", path, "no longer has")
        self.assertEqual(self.billed(), 0)
        time.sleep(mountfix.SNAPSHOT_S)
        self.assertEqual(load(mount.path(".cost"))["reserved_usd"], 0)


class Today(Route):
    """The models of the specification are retired: what promptfs meets in the world."""
    today = None

    def test_pictures(self):
        mount = self.mounted()
        for model in ("imagen-3", "imagen-2"):
            self.assertServed(mount.fresh(model=model), BANANA, 33600)
            self.assertServed(mount.fresh(model=model), BANANA, 33600)
        self.assertEqual([s[0] for s in self.sent()],
                         [IMAGEN3, BANANA, BANANA, IMAGEN2, BANANA, BANANA])
        self.assertIn(f"{BANANA} serves it instead of imagen-3", mount.log_text())
        self.assertEqual(self.billed(), 4 * 33600)

    def test_off(self):
        mount = self.mounted("fallback=off")
        path = mount.fresh(model="imagen-3")
        self.assertFails("ENOENT", path, "no longer has imagen-3", f"use {BANANA}")
        self.assertFails("ENOENT", path, f"use {BANANA}")
        self.assertEqual(len(self.sent()), 1)
        self.assertEqual(self.billed(), 0)

    def test_texts(self):
        mount = self.mounted()
        path = mount.fresh(model="gemini-pro", name="1.txt")
        self.assertTrue(read(path))
        self.assertEqual(load(path + ".cost")["served_by"], "gemini-3.8-flash")
        self.assertLessEqual(load(path + ".cost")["charged_usd"],
                             load(path + ".cost")["worst_case_usd"])

    def test_videos(self):
        """veo-2 made any whole second; a successor must be able to make this one."""
        mount = self.mounted()
        path = mount.path("videos/a river at noon/veo-2/res=720p/4s.mp4")
        worst = load(path + ".cost")["worst_case_usd"]
        self.assertEqual(worst, 0.2)
        self.assertServed(path, "veo-3.1-lite", 200000)
        self.assertEqual([s[0] for s in self.sent()],
                         ["veo-2.0-generate-001", "veo-3.1-lite-generate-001"])
        self.assertEqual(self.billed(), 200000)

    def test_developer_api(self):
        mount = self.mounted(backend="gemini")
        self.assertServed(mount.fresh(model="imagen-3"), BANANA, 33600)


if __name__ == "__main__":
    mountfix.main()
