# SPDX-License-Identifier: MIT
"""A promptfs mounted on a paid backend, which is the local cloud of contrib/cloud.

    class Case(paidfix.PaidCase):
        options = ("budget=5/day",)
        def test(self):
            path, data = self.mount.generate(model="imagen-3")
            self.assertEqual(self.billed(), 40000)

Each class has a cloud and a mount of its own; counters are reset before each test.
"""
import concurrent.futures
import json
import os
import shutil
import time

import cloudfix
import mountfix

# A day on which the models of the specification were still served.
THEN = "2025-01-15"

# What the local cloud bills, and nothing that slows a test down.
PRICES = {
    "imagen-3": {"price": {"image": 0.04}, "rpm": None},
    "imagen-2": {"price": {"image": 0.02}, "rpm": None},
    "gemini-pro": {"price": {"million_tokens": {"in": 1.5, "out": 7.5}}},
    "gemini-pro-vision": {"price": {"million_tokens": {"in": 1.5, "out": 7.5}}},
    "veo-3.1-lite": {"price": {"second": {"720p": 0.05, "1080p": 0.08}}},
}
# For backend=openai: all of its models are the user's own rows.
OPENAI = {
    "gpt-image-1": {
        "kind": "picture", "protocol": "openai-image", "wire": {"openai": "gpt-image-1"},
        "options": {"count": {"min": 1, "max": 4, "default": 1}},
        "price": {"image": 0.042}, "refusal": 0},
    "gpt-4o-mini": {
        "kind": "text", "protocol": "openai-chat", "wire": {"openai": "gpt-4o-mini"},
        "input_tokens": 10000,
        "options": {"max_tokens": {"min": 1, "max": 4096, "default": 1000}},
        "price": {"million_tokens": {"in": 0.15, "out": 0.6}}, "refusal": 0},
    "local-image": {
        "kind": "picture", "protocol": "openai-image", "wire": {"openai": "local-image"},
        "price": {"image": 0}},
    "local-chat": {
        "kind": "text", "protocol": "openai-chat", "wire": {"openai": "local-chat"},
        "input_tokens": 10000, "price": {"million_tokens": {"in": 0, "out": 0}}},
}
# The server prices a Gemini picture by its tokens, and its prompt's too; here only the
# picture's, as the catalogue does.
PICTURE_ONLY = {"id": "gemini-nano-banana-2.1",
                "price": {"input_per_m": 0, "output_per_m": 0, "image_per_m": 30_000_000}}


class Cloud(cloudfix.CloudServer):
    root = ""  # nothing to unmount where mountfix ends what is alive

    def start(self, port=0):
        super().start(port)
        mountfix.LIVE.add(self)
        self.control("models", PICTURE_ONLY)

    def stop(self):
        mountfix.LIVE.discard(self)
        return super().stop()

    def fresh_start(self):
        """Counters at zero, no faults, no delays, and nothing in flight that is billed
        later."""
        self.control("faults", verb="DELETE")
        self.config(latency_ms=0, image_bytes=0, operation_seconds=0.2)
        self.wait_for(lambda c: not c["paid_in_flight"], 60)
        self.reset()

    def secrets(self):
        """Texts of which none may ever be written anywhere: keys line by line, and how
        tokens begin."""
        account = self.key("service-account.json")["private_key"].splitlines()
        user = self.key("authorized-user.json")
        return [line for line in account if len(line) > 20 and "-----" not in line] + [
            user["client_secret"], user["refresh_token"], cloudfix.API_KEY,
            cloudfix.OPENAI_KEY, "ya29.", "eyJhbGci", "1//revoked", "Bearer "]


class PaidMount(mountfix.Mount):
    """`catalogue`: rows that are added to the built-in ones or change them. `env`: None
    takes a variable away."""

    def __init__(self, cloud, *options, backend="vertex", env=None, catalogue=PRICES,
                 start=True, **more):
        self.cloud = cloud
        self.more_env = env or {}
        self.secrets = [s.encode() for s in cloud.secrets()]
        super().__init__(f"backend={backend}", *options, start=False, **more)
        if catalogue:
            name = os.path.join(self.base, "catalogue.json")
            with open(name, "w", encoding="utf-8") as f:
                json.dump({"models": catalogue}, f)
            self.options += (f"catalog={name}",)
        if start:
            self.start()

    def environment(self):
        env = super().environment() | self.cloud.env() | self.more_env
        return {k: v for k, v in env.items() if v is not None}

    def written(self):
        """Whatever was written: (name, bytes) of the log and each file of the store."""
        names = [self.log] + [os.path.join(where, f) for where, _, files
                              in os.walk(self.state) for f in files]
        for name in names:
            if os.path.isfile(name):
                with open(name, "rb") as f:
                    yield name, f.read()

    def leaks(self):
        """Secrets of the cloud in the log and the store."""
        return [(name, s) for name, data in self.written() for s in self.secrets
                if s in data]

    def close(self):
        code = self.stop()
        leaks = self.leaks() if os.path.isdir(self.base) else []
        super().close()
        if leaks or code:
            raise AssertionError(f"ended with {code}, secrets were written: {leaks}")

    def input(self, name, data):
        with open(self.path("inputs", name), "wb") as f:
            f.write(data)

    def unknown(self):
        """The lines of `promptfs unknown`."""
        out = self.command("unknown", self.root).stdout.decode()
        return [line for line in out.splitlines() if line.strip()]


def outcome(path):
    """(errno or 0, the bytes) of an open that reads all."""
    try:
        return 0, mountfix.read(path)
    except OSError as e:
        return e.errno, b""


def at_once(work, items, threads=None):
    """`work(item)` of all items, each in a thread of its own; results in order."""
    items = list(items)
    with concurrent.futures.ThreadPoolExecutor(threads or len(items)) as pool:
        return list(pool.map(work, items))


class PaidCase(mountfix.MountCase):
    """One cloud and one mount for a class."""

    backend = "vertex"
    cloud_args = ("--today", THEN)
    options = ("budget=1000/day",)
    catalogue = PRICES
    env = None

    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud(*cls.cloud_args)
        cls.cloud.start()
        try:
            cls.mount = PaidMount(cls.cloud, *cls.options, backend=cls.backend,
                                  catalogue=cls.catalogue, env=cls.env)
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
        self.cloud.fresh_start()

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
