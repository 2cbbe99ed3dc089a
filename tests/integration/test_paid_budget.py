# SPDX-License-Identifier: MIT
"""Reserved plus spent never passes a budget, however many open at once; who has too
little is told what it would cost, what is left and what would fit."""
import os
import pwd
import time
import unittest

import mountfix
import paidfix
from mountfix import errname, load, read, text
from paidfix import PaidMount, at_once, outcome

PRICE = 40000  # of an imagen-3 picture, micro-USD


class Budget(unittest.TestCase):
    """One cloud for all; each case mounts with a budget of its own."""

    @classmethod
    def setUpClass(cls):
        cls.cloud = cls.enterClassContext(paidfix.Cloud("--today", paidfix.THEN))

    def setUp(self):
        self.cloud.fresh_start()

    def mounted(self, *options, **more):
        mount = PaidMount(self.cloud, *options, **more)
        self.addCleanup(mount.close)
        return mount

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def refused(self, path):
        """The sentence of an open that is refused for its price."""
        with self.assertRaises(OSError) as caught:
            read(path)
        self.assertEqual(errname(caught.exception.errno), "EDQUOT")
        return text(path + ".error").strip()

    def budget(self, mount, name=".cost"):
        return mountfix.load(mount.path(name))["budget"]

    def test_money_for_25_of_100(self):
        """100 opens at the same time: exactly 25 begin; the others are told at once."""
        self.cloud.config(latency_ms=300)
        mount = self.mounted("budget=1/day", "fallback=off")
        paths = [mount.fresh(model="imagen-3") for _ in range(100)]
        got = at_once(outcome, paths)
        self.assertEqual(sorted((errname(e), bool(data)) for e, data in got),
                         sorted([("0", True)] * 25 + [("EDQUOT", False)] * 75))
        counters = self.cloud.counters()
        self.assertEqual(counters["methods"]["predict"]["calls"], 25)
        self.assertEqual(counters["billed_udollars"], 25 * PRICE)
        late = next(p for p, (e, _) in zip(paths, got) if e)
        self.assertEqual(
            text(late + ".error"),
            "this would cost 0.04 USD and 0.00 USD of today's budget is left; raise it with "
            "-o budget=...; imagen-2 would cost 0.02 USD\n")
        cost = load(late + ".cost")
        self.assertEqual(cost["state"], "failed")
        self.assertIn({"model": "imagen-2", "estimate_usd": 0.02}, cost["alternatives"])
        # Also after a restart, and again by the same open: never one more.
        for _ in range(2):
            self.assertEqual(self.budget(mount)["spent_usd"], 1)
            self.assertEqual(self.budget(mount)["reserved_usd"], 0)
            self.assertIn("would cost 0.04 USD", self.refused(late))
            mount.stop()
            mount.start()
        made = [p for p, (e, _) in zip(paths, got) if not e]
        self.assertEqual(at_once(outcome, made), [(0, d) for e, d in got if not e])
        self.assertEqual(self.billed(), 25 * PRICE)

    def test_a_failure_gives_its_money_back(self):
        """What was proven not to be accepted leaves room for another file."""
        mount = self.mounted("budget=0.04/day", "fallback=off")
        first, second = (mount.fresh(model="imagen-3") for _ in range(2))
        self.cloud.fault("403_permission")
        self.assertEqual(errname(outcome(first)[0]), "EACCES")
        read(second)
        self.refused(first)
        self.assertEqual(self.billed(), PRICE)

    def test_unknown_stays_spent(self):
        mount = self.mounted("budget=0.04/day", "fallback=off")
        first, second = (mount.fresh(model="imagen-3") for _ in range(2))
        self.cloud.fault("drop")
        self.assertEqual(errname(outcome(first)[0]), "EIO")
        self.refused(second)
        os.unlink(first)
        self.refused(second)
        mount.stop()
        mount.start()
        self.refused(second)
        self.refused(first)
        self.assertEqual(self.billed(), PRICE)

    def test_the_worst_case_is_reserved(self):
        """With the successor's price above its own, a file needs money for that one."""
        mount = self.mounted("budget=0.03/day", catalogue=paidfix.PRICES | {
            "imagen-3": {"price": {"image": 0.025}, "rpm": None}})
        path = mount.fresh(model="imagen-3")
        cost = load(path + ".cost")
        self.assertEqual((cost["estimate_usd"], cost["worst_case_usd"]), (0.025, 0.0336))
        self.assertIn("would cost 0.0336 USD", self.refused(path))
        self.assertEqual(self.billed(), 0)

    def test_max_cost(self):
        mount = self.mounted("budget=10/day", "max_cost=0.03", "fallback=off")
        path = mount.fresh(model="imagen-3")
        self.assertIn("this would cost 0.04 USD and a file may cost 0.03 USD; raise it with "
                      "-o max_cost=...; imagen-2 would cost 0.02 USD", self.refused(path))
        read(mount.fresh(model="imagen-2"))
        self.assertEqual(self.billed(), 20000)

    def test_periods(self):
        for budget, words in (("0.05/month", "this month's budget"),
                              ("0.05/total", "the total budget"),
                              ("1/day+0.05/month", "this month's budget"),
                              ("0.05/day+1/month", "today's budget")):
            with self.subTest(budget):
                mount = self.mounted(f"budget={budget}", "fallback=off")
                read(mount.fresh(model="imagen-3"))
                self.assertIn(f"0.01 USD of {words} is left",
                              self.refused(mount.fresh(model="imagen-3")))

    def test_default(self):
        """Nobody who says nothing spends more than 5 USD a day, or for one file."""
        mount = self.mounted("fallback=off", catalogue=paidfix.PRICES | {
            "imagen-3": {"price": {"image": 5.01}},
            "imagen-2": {"price": {"image": 3}}})
        budget = self.budget(mount)
        self.assertEqual((budget["limit_usd"], budget["period"]), (5, "day"))
        self.assertIn("a file may cost 5.00 USD", self.refused(mount.fresh(model="imagen-3")))
        read(mount.fresh(model="imagen-2"))
        self.assertIn("2.00 USD of today's budget is left",
                      self.refused(mount.fresh(model="imagen-2")))

    def test_looking_is_free(self):
        """Not a stat, not a listing, not .cost, not a quote: nothing is sent."""
        mount = self.mounted("budget=0.05/day", "fallback=off")
        path = mount.fresh(model="imagen-3")
        os.stat(path)
        os.listdir(os.path.dirname(path))
        for name in ("cost", "quality", "json", "error"):
            read(f"{path}.{name}")
        self.assertIn("0.04", mount.command("quote", path).stdout.decode())
        self.assertEqual(self.cloud.counters()["methods"], {})

    def test_no_price(self):
        """No price, no budget: a row without one is refused before anything is mounted."""
        with self.assertRaisesRegex(AssertionError, 'imagen-3.*"price" is missing'):
            PaidMount(self.cloud, catalogue={"imagen-3": {"price": None}})

    def test_alert(self):
        """From 80 % on .cost says so, and the log once."""
        mount = self.mounted("budget=0.2/day", "fallback=off")
        for made in range(1, 6):
            read(mount.fresh(model="imagen-3"))
            self.assertIs(mountfix.load(mount.path(".cost"))["alert"], made >= 4, made)
            self.assertEqual(mount.log_text().count("alert:"), made >= 4)
            time.sleep(mountfix.SNAPSHOT_S)
        self.assertIn("alert: 0.16 of 0.2 USD of the daily budget", mount.log_text())

    def test_each_user(self):
        mount = self.mounted("budget=1/day", f"budget_uid=0.5/day+{os.getuid()}:0.04/day",
                             "fallback=off")
        read(mount.fresh(model="imagen-3"))
        self.assertIn("raise it with -o budget_uid=...",
                      self.refused(mount.fresh(model="imagen-3")))

    @unittest.skipIf(os.geteuid(), "needs root")
    def test_other_users(self):
        """Each has a sum of his own; who is not named as a spender gets EACCES."""
        try:
            nobody = pwd.getpwnam("nobody").pw_uid
        except KeyError:
            self.skipTest("there is no user nobody")
        mount = self.mounted("budget=1/day", "budget_uid=0.04/day", "allow_other",
                             "fallback=off", "spenders=nobody")
        os.chmod(mount.base, 0o755)

        def as_nobody(path):
            done = mountfix.run("cat", path, check=False, user=nobody)
            return done.stdout, done.stderr.decode()
        mine, his = (mount.fresh(model="imagen-3") for _ in range(2))
        read(mine)
        self.assertTrue(as_nobody(his)[0])
        self.assertIn("quota exceeded", as_nobody(mount.fresh(model="imagen-3"))[1])
        self.refused(mount.fresh(model="imagen-3"))
        self.assertEqual(load(mount.path(".cost"))["by_user"], {"0": 0.04, str(nobody): 0.04})
        mount.stop()
        mount.options = tuple(o for o in mount.options if not o.startswith("spenders"))
        mount.start()
        self.assertIn("Permission denied", as_nobody(mount.fresh(model="imagen-2"))[1])
        self.assertTrue(as_nobody(mine)[0], "what is stored is for all")
        self.assertEqual(self.billed(), 2 * PRICE)

    def test_numbers_are_the_bill(self):
        """What .cost says, in every place that says it, is what the server billed."""
        mount = self.mounted("budget=100/day")
        files = {"prompts/a bowl of plums/imagen-3/1.png": "imagen-3",
                 "prompts/a bowl of plums/imagen-2/aspect=16:9/2.jpg": "imagen-2",
                 "prompts/a bowl of plums/imagen-3/count=4/2.png": "imagen-3",
                 "prompts/a bowl of plums/gemini-nano-banana-2.1/size=2K/1.png":
                     "gemini-nano-banana-2.1",
                 "prompts/a bowl of plums/gemini-pro/1.txt": "gemini-pro",
                 "videos/a bowl of plums/veo-3.1-lite/res=720p/6s.mp4": "veo-3.1-lite"}
        want = {}
        for name, model in files.items():
            before = self.billed()
            read(mount.path(name))
            cost = load(mount.path(name) + ".cost")
            own = self.billed() - before
            want[model] = want.get(model, 0) + own
            self.assertEqual(round(cost["charged_usd"] * 1e6),
                             own / 4 if "count=4" in name else own, name)
            self.assertLessEqual(cost["charged_usd"], cost["worst_case_usd"])
        total = self.billed() / 1e6
        self.assertEqual(total, sum(want.values()) / 1e6)
        time.sleep(mountfix.SNAPSHOT_S)
        for _ in range(2):
            root = mountfix.load(mount.path(".cost"))
            self.assertEqual({m: round(v["spent_usd"] * 1e6)
                              for m, v in root["by_model"].items()}, want)
            self.assertEqual((root["spent_usd"], root["reserved_usd"], root["unknown_usd"],
                              root["generated"]), (total, 0, 0, len(files) + 3))
            self.assertEqual(list(root["by_day"].values()), [total])
            self.assertEqual(root["by_user"], {str(os.getuid()): total})
            self.assertEqual(sum(root["by_program"].values()), total)
            trees = [mountfix.load(mount.path(t, ".cost"))["spent_usd"]
                     for t in ("prompts", "videos")]
            self.assertAlmostEqual(sum(trees), total, places=9)
            metrics = mount.control("metrics.json")
            self.assertEqual(metrics["total_cost_usd"], total)
            mount.stop()
            mount.start()
        self.assertEqual(self.billed() / 1e6, total)


if __name__ == "__main__":
    mountfix.main()
