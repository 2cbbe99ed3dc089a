# SPDX-License-Identifier: MIT
"""What a mount that buys does where the machine fails it: a full disk, no descriptors, a
clock that is wrong, a damaged store. A clear state and a sentence; never a wrong charge.
"""
import errno
import os
import random
import resource
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import mountfix
import paidfix

KILLSTEP = os.environ.get("KILLSTEP", "build/tests/support/libkillstep.so")
FLIPS = int(os.environ.get("PROMPTFS_TEST_FLIPS", "60"))
DAY = 86400
PRICE = 40000
PRICES = {"imagen-3": {"price": {"image": 0.04}, "rpm": None}}


class Harm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = paidfix.Cloud("--today", paidfix.THEN)
        cls.cloud.start()

    @classmethod
    def tearDownClass(cls):
        cls.cloud.stop()
        shutil.rmtree(cls.cloud.temp, ignore_errors=True)

    def setUp(self):
        self.cloud.control("faults", verb="DELETE")
        self.cloud.config(latency_ms=0)
        self.cloud.reset()

    def mounted(self, *options, start=True, base=None, **killstep):
        """KILLSTEP_* of the mount; see tests/support/killstep.c."""
        env = {f"KILLSTEP_{k}": str(v) for k, v in killstep.items()}
        if env:
            env["LD_PRELOAD"] = os.path.abspath(KILLSTEP)
        mount = paidfix.PaidMount(self.cloud, "fallback=off", *options, env=env,
                                  catalogue=PRICES, start=start, base=base)
        self.addCleanup(mount.discard)
        return mount

    def again(self, mount, **killstep):
        mount.more_env = {f"KILLSTEP_{k}": str(v) for k, v in killstep.items()}
        if killstep:
            mount.more_env["LD_PRELOAD"] = os.path.abspath(KILLSTEP)
        mount.start()

    def billed(self):
        return self.cloud.counters()["billed_udollars"]

    def refused(self, number, path):
        with self.assertRaises(OSError) as caught:
            mountfix.read(path)
        self.assertEqual(mountfix.errname(caught.exception.errno),
                         mountfix.errname(number))
        return mountfix.text(path + ".error")

    def assertCovered(self, mount):
        billed = self.billed()
        cost = mountfix.load(mount.path(".cost"))
        self.assertGreaterEqual(round((cost["spent_usd"] + cost["reserved_usd"]) * 1e6),
                                billed)
        return cost

    # A full disk

    def flag(self):
        handle, name = tempfile.mkstemp()
        os.close(handle)
        os.unlink(name)
        self.addCleanup(lambda: os.path.exists(name) and os.unlink(name))
        return name

    def raise_flag(self, name):
        with open(name, "w", encoding="ascii"):
            pass

    def test_full_before_the_call(self):
        full = self.flag()
        mount = self.mounted("budget=10/day", FULL=full)
        self.raise_flag(full)
        why = self.refused(errno.ENOSPC, mount.fresh(model="imagen-3"))
        print("#", why.strip())
        self.assertEqual(self.cloud.counters()["methods"].get("predict", {}), {})
        os.unlink(full)
        mount.generate(model="imagen-3")
        self.assertEqual(self.billed(), PRICE)
        self.assertEqual(self.assertCovered(mount)["reserved_usd"], 0)

    def test_full_when_the_answer_comes(self):
        """It is paid: served all the same, stored when there is room, never bought
        again."""
        full = self.flag()
        mount = self.mounted("budget=10/day", FULL=full)
        path, got = mount.fresh(model="imagen-3"), []
        self.cloud.config(latency_ms=700)
        reader = threading.Thread(target=lambda: got.append(paidfix.outcome(path)))
        reader.start()
        self.cloud.wait_for(lambda c: c["methods"].get("predict", {}).get("calls"))
        self.raise_flag(full)
        reader.join(30)
        code, data = got[0]
        print("#", mountfix.errname(code), len(data), "bytes")
        self.assertEqual(self.billed(), PRICE)
        os.unlink(full)
        self.assertEqual(mount.stop(), 0)
        self.again(mount)
        self.assertCovered(mount)
        state = os.getxattr(path, "user.promptfs.state").decode()
        if code == 0:
            self.assertEqual(state, "generated")
            self.assertEqual(mountfix.read(path), data)
        else:
            self.assertEqual(state, "unknown")
            self.refused(errno.EIO, path)
        self.assertEqual(self.billed(), PRICE)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a tmpfs")
    def test_small_filesystem(self):
        base = tempfile.mkdtemp(prefix="promptfs-test-")
        self.addCleanup(shutil.rmtree, base, True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", base],
                              capture_output=True, check=False)
        if done.returncode:
            self.skipTest(done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "-l", base], check=False)
        mount = self.mounted("budget=10/day", base=base)
        why = self.refused(errno.ENOSPC, mount.fresh(model="imagen-3"))
        print("#", why.strip())
        self.assertEqual(self.billed(), 0)
        self.assertEqual(self.assertCovered(mount)["reserved_usd"], 0)
        mount.stop()

    # No descriptors

    def test_descriptors_are_exhausted(self):
        mount = self.mounted("budget=100/day", "max_concurrent=32")
        used = len(os.listdir(f"/proc/{mount.process.pid}/fd"))
        resource.prlimit(mount.process.pid, resource.RLIMIT_NOFILE, (used + 8, used + 8))
        self.cloud.config(latency_ms=300)
        paths = [mount.fresh(model="imagen-3") for _ in range(40)]
        got = paidfix.at_once(paidfix.outcome, paths)
        print("#", sorted({mountfix.errname(code) for code, _ in got}))
        for path, (code, data) in zip(paths, got):
            self.assertEqual(bool(data), code == 0, path)
        made = sum(code == 0 for code, _ in got)
        self.assertEqual(self.billed(), PRICE * made)
        mount.stop()
        mount.start()
        cost = self.assertCovered(mount)
        self.assertEqual(round(cost["spent_usd"] * 1e6), PRICE * made)
        self.assertEqual(cost["reserved_usd"], 0)

    # The clock

    def test_clock_set_back(self):
        """The day of the budget does not come again."""
        mount = self.mounted("budget=0.1/day")
        mount.generate(model="imagen-3")
        mount.generate(model="imagen-3")
        for days in (-40, -1, 0):
            mount.stop()
            self.again(mount, CLOCK=days * DAY)
            with self.subTest(days=days):
                why = self.refused(errno.EDQUOT, mount.fresh(model="imagen-3"))
                self.assertIn("0.02 USD of today's budget is left", why)
        mount.stop()
        self.again(mount, CLOCK=DAY)
        mount.generate(model="imagen-3")
        mount.stop()
        self.again(mount)
        mount.generate(model="imagen-3")
        self.refused(errno.EDQUOT, mount.fresh(model="imagen-3"))
        self.assertEqual(self.billed(), 4 * PRICE)
        self.assertCovered(mount)

    # A damaged store

    def store(self, mount):
        return os.path.join(mount.state, "store.mdb")

    def bought(self, n=3):
        mount = self.mounted("budget=100/day")
        kept = dict(mount.generate(model="imagen-3") for _ in range(n))
        for path in kept:  # nothing may be written any more
            mountfix.settle(path)
        self.assertEqual(mount.stop(), 0)
        return mount, kept

    def test_store_cut_short(self):
        mount, _ = self.bought()
        size = os.path.getsize(self.store(mount))
        for part in (0.9, 0.5, 0):
            os.truncate(self.store(mount), int(size * part))
            with self.subTest(part=part):
                done = mount.command("-f", "-o", f"state={mount.state},backend=vertex",
                                     mount.root, check=False, timeout=20)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr.decode(), "damaged|cut short|empty")
        self.assertEqual(self.billed(), 3 * PRICE)

    def test_rows_of_the_ledger_are_damaged(self):
        """What was spent is not known: nothing is bought, what is there is served."""
        mount, kept = self.bought()
        path = next(iter(kept))
        with open(self.store(mount), "r+b") as f:
            text, prompt = f.read(), os.path.relpath(path, mount.root).encode()
            at = text.find(b"/" + prompt)
            self.assertGreater(at, 0)
            while at > 0:
                f.seek(at + 3)
                f.write(b"\x55")
                at = text.find(b"/" + prompt, at + 1)
        mount.start()
        for kept_path, data in kept.items():
            self.assertEqual(mountfix.read(kept_path), data)
        why = self.refused(errno.EBADMSG, mount.fresh(model="imagen-3"))
        print("#", why.strip())
        self.assertIn("ledger is damaged", why)
        self.assertEqual(self.billed(), 3 * PRICE)
        mount.stop()

    def harmed(self, mount, kept, at, bit):
        """One bit of a copy of the store is turned, and everything is read."""
        with open(self.store(mount), "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 1 << bit]))
        mount.spawn()
        end = time.monotonic() + 20 * mountfix.SLOW
        while mount.process.poll() is None and not mountfix.is_mounted(mount.root):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.002)
        if mount.process.poll() is not None:
            self.assertEqual(mount.process.returncode, 1, mount.log_text())
            return "refused"
        seen = "served"
        for path, data in kept.items():
            code, got = paidfix.outcome(path)
            if code:
                seen = mountfix.errname(code)
            elif got != data:  # `promptfs verify` finds it; reads are as fast as the map
                seen = "other bytes"
        self.assertIsNone(mount.process.poll(), mount.log_text())
        mount.kill()
        return seen

    def keys(self, text, bought):
        """Where the store has keys of files."""
        found = []
        for key in bought.values():
            at = text.find(key)
            while at >= 0:
                found.append(at)
                at = text.find(key, at + 1)
        return found

    def bought_with_keys(self):
        mount, kept = self.bought()
        mount.start()
        keys = {p: bytes.fromhex(mountfix.load(p + ".json")["id"]) for p in kept}
        self.assertEqual(mount.stop(), 0)
        whole = self.store(mount) + ".whole"
        shutil.copy(self.store(mount), whole)
        with open(whole, "rb") as f:
            text = f.read()
        return mount, kept, whole, text, self.keys(text, keys)

    def test_key_of_a_file_is_damaged(self):
        """LMDB has no checksums of keys: a row of the index whose key has changed is not
        found. The file's record says that it was bought."""
        mount, kept, whole, _, places = self.bought_with_keys()
        for at in places:
            shutil.copy(whole, self.store(mount))
            self.harmed(mount, kept, at + 9, 2)
            self.assertEqual(self.billed(), 3 * PRICE, f"bought again, byte {at + 9}")

    def test_bits_are_turned(self):
        mount, kept, whole, text, _ = self.bought_with_keys()
        seed = int(os.environ.get("PROMPTFS_TEST_SEED", "1"))
        dice = random.Random(seed)
        used = [i for i, byte in enumerate(text) if byte]
        seen = {}
        for _ in range(FLIPS):
            shutil.copy(whole, self.store(mount))
            at, bit = dice.choice(used), dice.randrange(8)
            got = self.harmed(mount, kept, at, bit)
            seen[got] = seen.get(got, 0) + 1
            self.assertEqual(self.billed(), 3 * PRICE,
                             f"bought again, seed {seed}, byte {at} bit {bit}")
        print(f"# seed {seed}: {seen}")


if __name__ == "__main__":
    mountfix.main()
