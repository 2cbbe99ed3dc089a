# SPDX-License-Identifier: MIT
"""kill -9 of a mount that buys, at random times and at every durable step in turn: what
the local cloud accepted and billed against what the mount says after it.

PROMPTFS_TEST_KILLS: how many (200). PROMPTFS_TEST_SEED: the times.
"""
import hashlib
import os
import random
import shutil
import threading
import time
import unittest
import urllib.parse

import cloudfix
import mountfix
import paidfix

KILLS = int(os.environ.get("PROMPTFS_TEST_KILLS", "200"))
SEED = int(os.environ.get("PROMPTFS_TEST_SEED", "1"))
KILLSTEP = os.environ.get("KILLSTEP", "build/tests/support/libkillstep.so")
STEPS_MAX = 60  # of a mount and its first calls; more than that is random
SETTLED = ("generated", "not generated", "failed", "unknown")
PRICES = {"imagen-3": {"price": {"image": 0.04}, "rpm": None},
          "imagen-2": {"price": {"image": 0.02}, "rpm": None},
          "veo-2": {"price": {"second": 0.5}, "rpm": None}}
# label: tree, model and options, files of the directory, what each costs
KINDS = {
    "picture": ("prompts", "imagen-3", ("1.png",), 40000),
    "other": ("prompts", "imagen-2", ("1.jpg",), 20000),
    "pair": ("prompts", "imagen-3/count=2", ("1.png", "2.png"), 40000),
    "video": ("videos", "veo-2/res=720p", ("5s.mp4",), 2500000),
    "both": ("videos", "veo-2/res=720p/count=2", ("5s-1.mp4", "5s-2.mp4"), 2500000),
    "forbidden": ("prompts", "imagen-3", ("1.png",), 0),
}


class Bought:
    """A directory of files that one call is to make."""

    def __init__(self, cycle, kind):
        self.tree, self.model, self.names, self.price = KINDS[kind]
        self.kind = kind
        self.label = f"cycle {cycle:05} of {kind} things"
        self.read = {}  # name: bytes a reader got
        self.state = {}

    def path(self, mount, name):
        return mount.path(self.tree, self.label, self.model, name)


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = paidfix.Cloud("--today", paidfix.THEN)
        cls.cloud.start()
        cls.cloud.config(operation_seconds=0.1)
        cls.cloud.fault("filtered_all", method="predict", prompt="of forbidden", times=0)
        cls.mount = paidfix.PaidMount(
            cls.cloud, "budget=100000/day", "max_cost=100", "max_concurrent=200",
            catalogue=PRICES, start=False)
        cls.options = cls.mount.options
        cls.dice = random.Random(SEED)
        cls.kept = []  # generated: for ever
        cls.unknown = []
        cls.sought = []  # in the bucket, in vain

    @classmethod
    def tearDownClass(cls):
        cls.mount.discard()
        cls.cloud.stop()
        shutil.rmtree(cls.cloud.temp, ignore_errors=True)

    # One life of a mount

    def spawn(self, **killstep):
        self.mount.more_env = {f"KILLSTEP_{k}": str(v) for k, v in killstep.items()}
        if killstep:
            self.mount.more_env["LD_PRELOAD"] = os.path.abspath(KILLSTEP)
        self.mount.spawn()

    def serves(self):
        """False: it died before it served."""
        end = time.monotonic() + 20 * mountfix.SLOW
        while self.mount.process.poll() is None:
            if mountfix.is_mounted(self.mount.root):
                return True
            self.assertLess(time.monotonic(), end, "the mount does not serve")
            time.sleep(0.002)
        return False

    def open_all(self, things):
        def work(thing, name):
            try:
                thing.read[name] = mountfix.read(thing.path(self.mount, name))
            except OSError:
                pass
        threads = [threading.Thread(target=work, args=(t, n))
                   for t in things for n in t.names]
        for t in threads:
            t.start()
        return threads

    def tearDown(self):
        if self.mount.process and self.mount.process.poll() is None:
            self.mount.kill()

    def live(self, things, delay, **killstep):
        """Opens all and is killed: after `delay`, or by itself at a durable step."""
        self.spawn(**killstep)
        threads = self.open_all(things) if self.serves() else []
        end = time.monotonic() + delay
        while self.mount.process.poll() is None and time.monotonic() < end:
            if killstep and not any(t.is_alive() for t in threads):
                break
            time.sleep(0.002)
        self.mount.kill()
        for t in threads:
            t.join(30)
            self.assertFalse(t.is_alive(), "a reader hangs after the kill")

    # What is there afterwards

    def state_of(self, thing, name):
        """When it has ended. What is looked for in the bucket and was never accepted
        takes a quarter of an hour: "generating"."""
        end = time.monotonic() + 20 * mountfix.SLOW
        while time.monotonic() < end:
            state = os.getxattr(thing.path(self.mount, name),
                                "user.promptfs.state").decode()
            if state in SETTLED:
                return state
            time.sleep(0.01)
            if thing.tree == "videos" and not self.calls_of(thing):
                return state
        raise AssertionError(f"{thing.label}/{name} is {state} still")

    def calls_of(self, thing):
        """The paid calls of it that the cloud accepted."""
        query = urllib.parse.urlencode({"contains": thing.label})
        calls = self.cloud.control("requests?" + query)["requests"]
        return [c for c in calls if c["accepted"] and c["method"].startswith("predict")]

    def assertMade(self, thing, name, call):
        data = mountfix.read(thing.path(self.mount, name))
        sha = os.getxattr(thing.path(self.mount, name), "user.promptfs.sha256").decode()
        self.assertEqual(hashlib.sha256(data).hexdigest(), sha, thing.label)
        self.assertEqual(thing.read.setdefault(name, data), data, thing.label)
        if "storageUri" in call["body"]["parameters"]:
            self.assertIn(data, self.objects(call), thing.label)

    def objects(self, call):
        """What the cloud put where the call said."""
        uri = call["body"]["parameters"]["storageUri"]
        prefix = uri.split("/", 3)[3]
        base = f"/storage/v1/b/{cloudfix.BUCKET}/o"
        found = self.cloud.call("GET", f"{base}?prefix={urllib.parse.quote(prefix, '')}")
        return [self.cloud.call(
            "GET", f"{base}/{urllib.parse.quote(i['name'], '')}?alt=media").body
            for i in found.json.get("items", [])]

    def check(self, thing):
        """True: it is over."""
        calls = self.calls_of(thing)
        self.assertLessEqual(len(calls), 1, f"{thing.label} was bought twice")
        states = {n: self.state_of(thing, n) for n in thing.names}
        # Rows that were left as sent become unknown one after the other.
        end = time.monotonic() + 5 * mountfix.SLOW
        while (calls and "not generated" in states.values() and
               time.monotonic() < end):
            time.sleep(0.02)
            states = {n: self.state_of(thing, n) for n in thing.names}
        for name, state in states.items():
            where = f"{thing.label}/{name} is {state}, calls: {calls}"
            if state == "generated":
                self.assertEqual(len(calls), 1, where)
                self.assertMade(thing, name, calls[0])
            elif state == "not generated":
                self.assertFalse(calls, where)
                self.assertNotIn(name, thing.read, where)
            elif state == "failed":
                self.assertEqual(thing.kind, "forbidden", where)
            elif state == "generating":
                self.assertFalse(calls, where)
        thing.state = states
        return not {"not generated"} & set(states.values())

    def assertListed(self, things):
        """What is unknown is listed."""
        lost = [t for t in things if "unknown" in t.state.values()]
        said = "\n".join(self.mount.unknown()) if lost else ""
        for thing in lost:
            self.assertIn(thing.label, said)
        return lost

    def root(self):
        cost = mountfix.load(self.mount.path(".cost"))
        return {k: round(cost[k + "_usd"] * 1e6) for k in ("spent", "reserved", "unknown")}

    def assertCovered(self):
        """All that is billed is spent or reserved."""
        billed = self.cloud.counters()["billed_udollars"]
        root = self.root()
        self.assertGreaterEqual(root["spent"] + root["reserved"], billed)
        return billed, root

    # Many lives

    def cycle(self, number, left, **how):
        kinds = self.dice.sample(list(KINDS), 3)
        things = left + [Bought(number, k) for k in kinds]
        self.mount.options = self.options + (
            ("bucket=" + cloudfix.BUCKET,) if self.dice.random() < 0.6 else ())
        self.live(things, **how)
        self.spawn()
        self.assertTrue(self.serves(), self.mount.log_text())
        self.assertCovered()
        over = [t for t in things if self.check(t)]
        self.unknown += self.assertListed(things)
        self.sought += [t for t in over if "generating" in t.state.values()]
        self.kept += [t for t in over if t not in self.unknown + self.sought]
        self.mount.kill()
        return [t for t in things if t not in over][:4]

    def how(self, number):
        if number % 2:
            return {"delay": self.dice.uniform(0, 0.4) * mountfix.SLOW}
        step = 1 + (number // 4) % STEPS_MAX
        return {"delay": 3 * mountfix.SLOW, ("AFTER" if number % 4 else "AT"): step}

    def test_killed_again_and_again(self):
        print(f"# seed {SEED}")
        began = time.monotonic()
        left = []
        for number in range(KILLS):
            left = self.cycle(number, left, **self.how(number))
        print(f"# {KILLS} kills in {time.monotonic() - began:.0f} s: {len(self.kept)} "
              f"bought, {len(self.unknown)} unknown, {len(self.sought)} sought in the "
              f"bucket, {len(left)} not begun")
        self.spawn(CLOCK=3600)  # the search is over by then
        self.assertTrue(self.serves())
        for thing in self.sought:
            mountfix.wait_for(lambda t=thing: self.check(t) and "generating" not in
                              t.state.values(), 10, thing.label)
            self.assertEqual(set(thing.state.values()), {"unknown"}, thing.label)
        self.unknown += self.assertListed(self.sought)
        for thing in self.kept + self.unknown:
            self.assertFalse([n for n in thing.names if self.state_of(thing, n)
                              != thing.state[n]], thing.label)
        billed, root = self.assertCovered()
        lost = sum(c["billed_udollars"] for t in self.unknown for c in self.calls_of(t))
        self.assertEqual(root["reserved"], 0)
        self.assertEqual(root["spent"] - root["unknown"], billed - lost)
        self.assertGreater(len(self.kept), KILLS // 4, "killed too early to prove much")
        self.assertEqual(self.mount.stop(), 0)
        self.mount.command("verify", "-o", f"state={self.mount.state},backend=vertex")


if __name__ == "__main__":
    mountfix.main()
