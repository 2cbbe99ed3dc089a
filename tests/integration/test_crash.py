# SPDX-License-Identifier: MIT
"""kill -9 at any time loses nothing that was read; one mount per store; ends in order."""
import os
import random
import signal
import subprocess
import threading
import time
import unittest

import mountfix
from mountfix import Mount, read

KILLS = int(os.environ.get("PROMPTFS_TEST_KILLS", "20"))


class Readers:
    """Threads that read fresh paths until the mount dies; what they got."""

    def __init__(self, mount, n=2):
        self.mount = mount
        self.got = {}
        self.threads = [threading.Thread(target=self.work) for _ in range(n)]
        for t in self.threads:
            t.start()

    def work(self):
        try:
            while True:
                # The smallest there is, so that many are stored before the kill.
                path = self.mount.fresh("a windmill", "imagen-2/aspect=16:9", "1.jpg")
                self.got[path] = read(path)
        except OSError:
            return

    def join(self):
        for t in self.threads:
            t.join(30)
        return not any(t.is_alive() for t in self.threads)


class Crash(unittest.TestCase):
    def setUp(self):
        self.mount = Mount()
        self.addCleanup(self.mount.close)

    def assertThere(self, kept):
        for path, data in kept.items():
            st = os.stat(path)
            self.assertEqual(st.st_size, len(data), path)
            self.assertGreater(st.st_blocks, 0)
            self.assertEqual(os.getxattr(path, "user.promptfs.state"), b"generated")
            self.assertIn(os.path.relpath(path, self.mount.path("prompts")).split("/")[0],
                          os.listdir(self.mount.path("prompts")))
            self.assertTrue(read(path) == data, path)

    def test_killed_at_random_times(self):
        seed = random.randrange(1 << 32)
        print(f"# seed {seed}")
        dice = random.Random(seed)
        kept = {}
        for n in range(KILLS):
            note = self.mount.path("inputs", f"note {n}.txt")
            readers = Readers(self.mount)
            with open(note, "wb") as f:
                f.write(b"x" * 1000 * n)
                f.flush()
                os.fsync(f.fileno())
            kept[note] = b"x" * 1000 * n
            time.sleep(dice.uniform(0.005, 2) * mountfix.SLOW ** 0.5)
            self.mount.kill()
            self.assertTrue(readers.join(), "a reader hangs after the kill")
            self.mount.start()
            media = {p: d for p, d in readers.got.items()}
            self.assertThere(media)
            kept.update(media)
        for path, data in kept.items():
            self.assertTrue(read(path) == data, path)
        media = {p: d for p, d in kept.items() if "/prompts/" in p}
        print(f"# {KILLS} kills, {len(media)} files kept")
        self.assertThere(media)
        self.assertGreater(len(media), KILLS // 4, "killed too early to prove anything")
        self.mount.command("verify", "-o", f"state={self.mount.state}")
        self.assertEqual(self.mount.stop(), 0)
        self.mount.command("verify", "-o", f"state={self.mount.state}")
        self.mount.start()

    def test_killed_with_parked_opens(self):
        self.mount.stop()
        self.mount.options = ("latency=60000",)
        self.mount.start()
        readers = [subprocess.Popen(["cat", self.mount.fresh()], stderr=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL) for _ in range(5)]
        for r in readers:
            mountfix.wait_parked(r)
        self.mount.kill()
        for r in readers:
            r.communicate(timeout=5)
            self.assertEqual(r.returncode, 1)
        self.mount.options = ()
        self.mount.start()


class Lifetime(unittest.TestCase):
    def mounted(self, *options, **more):
        mount = Mount(*options, **more)
        self.addCleanup(mount.discard)
        return mount

    def test_fusermount(self):
        mount = self.mounted()
        path, data = mount.generate()
        mountfix.run("fusermount3", "-u", mount.root)
        self.assertEqual(mount.process.wait(20), 0)
        mount.start()
        self.assertEqual(read(path), data)

    def test_signals_end_it(self):
        mount = self.mounted()
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(sig.name):
                self.assertEqual(mount.stop(sig), 0)
                self.assertFalse(mountfix.is_mounted(mount.root))
                mount.start()

    def test_a_stray_signal(self):
        """SIGUSR1 means nothing from outside, and SIGTERM still ends the mount."""
        mount = self.mounted()
        mount.process.send_signal(signal.SIGUSR1)
        _, data = mount.generate()
        self.assertTrue(data)
        self.assertEqual(mount.stop(), 0)

    def test_ends_at_once(self):
        """Stopped while its threads still start."""
        mount = self.mounted()
        for _ in range(5):
            self.assertEqual(mount.stop(timeout=10), 0)
            mount.start()

    def test_ends_with_parked_opens(self):
        mount = self.mounted("latency=60000", "stop_timeout=1")
        readers = [subprocess.Popen(["cat", mount.fresh()], stderr=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL) for _ in range(5)]
        for r in readers:
            mountfix.wait_parked(r)
        start = time.monotonic()
        mount.process.send_signal(signal.SIGTERM)
        for r in readers:
            r.communicate(timeout=10 * mountfix.SLOW)
            self.assertEqual(r.returncode, 1)
        self.assertEqual(mount.process.wait(10 * mountfix.SLOW), 0)
        print(f"# ended after {time.monotonic() - start:.1f} s, stop_timeout 1 s")
        self.assertFalse(mountfix.is_mounted(mount.root))

    def test_stopping_waits_for_calls_in_flight(self):
        mount = self.mounted("latency=1500", "stop_timeout=20")
        path = mount.fresh()
        reader = subprocess.Popen(["cat", path], stderr=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL)
        mountfix.wait_parked(reader)
        self.assertEqual(mount.stop(), 0)
        reader.wait(10)
        mount.start()
        self.assertEqual(os.getxattr(path, "user.promptfs.state"), b"generated")

    def test_second_mount_is_refused(self):
        mount = self.mounted()
        other = os.path.join(mount.base, "second")
        os.mkdir(other)
        done = mount.command("-f", "-o", f"state={mount.state},stop_timeout=1", other,
                             check=False, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(mount.root, done.stderr.decode())
        self.assertFalse(mountfix.is_mounted(other))
        read(mount.fresh())

    def test_second_mount_waits(self):
        mount = self.mounted()
        path, data = mount.generate()
        second = Mount("stop_timeout=15", base=mount.base, start=False)
        second.root = os.path.join(mount.base, "second")
        os.mkdir(second.root)
        self.addCleanup(second.stop)
        second.spawn()
        time.sleep(0.3)
        self.assertFalse(second.is_ready())
        self.assertEqual(mount.stop(), 0)
        mountfix.wait_for(second.is_ready, 15, "the second mount")
        self.assertEqual(read(path.replace(mount.root, second.root)), data)

    def test_damage_is_told(self):
        mount = self.mounted()
        mount.generate()
        mount.stop()
        for name in os.listdir(mount.state):
            store = os.path.join(mount.state, name)
            if os.path.isfile(store) and os.path.getsize(store) > 100_000:
                os.truncate(store, os.path.getsize(store) // 2)
        done = mount.command("-f", "-o", f"state={mount.state}", mount.root, check=False,
                             timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertGreater(len(done.stderr), 20)

    def test_background(self):
        """Without -f the command returns when the mount serves, and not before."""
        mount = self.mounted(start=False)
        mount.command("-o", f"state={mount.state}", mount.root, timeout=20,
                      stdin=subprocess.DEVNULL)
        self.addCleanup(mountfix.unmount, mount.root)
        self.assertTrue(mountfix.is_mounted(mount.root))
        read(mount.fresh())
        mountfix.run("fusermount3", "-u", mount.root)
        mount.start()  # waits until the one before has let the store go


if __name__ == "__main__":
    mountfix.main()
