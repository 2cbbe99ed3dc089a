# SPDX-License-Identifier: MIT
"""A promptfs mounted on a paid backend, which is the local cloud of contrib/cloud.

    class Case(paidfix.PaidCase):
        options = ("budget=5/day",)
        def test(self):
            path, data = self.mount.generate(model="imagen-3")
            self.assertEqual(self.billed(), 40000)

Each class has a cloud and a mount of its own; counters are reset before each test.
"""
import shutil
import time

import cloudfix
import mountfix

# A day on which the models of the specification were still served.
THEN = "2025-01-15"


class PaidMount(mountfix.Mount):
    def __init__(self, cloud, *options, backend="vertex", env=None, **more):
        self.cloud = cloud
        self.more_env = env or {}
        super().__init__(f"backend={backend}", *options, **more)

    def environment(self):
        return super().environment() | self.cloud.env() | self.more_env

    def input(self, name, data):
        with open(self.path("inputs", name), "wb") as f:
            f.write(data)

    def unknown(self):
        """The lines of `promptfs unknown`."""
        out = self.command("unknown", self.root).stdout.decode()
        return [line for line in out.splitlines() if line.strip()]


class PaidCase(mountfix.MountCase):
    """One cloud and one mount for a class."""

    backend = "vertex"
    cloud_args = ("--today", THEN)
    options = ("budget=1000/day",)

    @classmethod
    def setUpClass(cls):
        cls.cloud = cloudfix.CloudServer(*cls.cloud_args)
        cls.cloud.start()
        try:
            cls.mount = PaidMount(cls.cloud, *cls.options, backend=cls.backend)
        except BaseException:
            cls.cloud.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            cls.mount.close()
        finally:
            cls.cloud.stop()
            shutil.rmtree(cls.cloud.temp, ignore_errors=True)

    def setUp(self):
        self.cloud.control("faults", verb="DELETE")
        self.cloud.reset()

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def calls(self, method):
        return self.cloud.counters()["methods"].get(method, {}).get("calls", 0)

    def refused(self, number, path):
        """The open fails with it; the sentence in .error."""
        self.assertErrno(number, mountfix.read, path)
        return mountfix.text(path + ".error")

    def cost(self, path):
        time.sleep(mountfix.SNAPSHOT_S)
        return mountfix.load(path + ".cost")

    def spent_ud(self):
        """What the mount says was spent, micro-USD."""
        time.sleep(mountfix.SNAPSHOT_S)
        return round(mountfix.load(self.mount.path(".cost"))["spent_usd"] * 1e6)
