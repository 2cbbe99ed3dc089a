# SPDX-License-Identifier: MIT
"""The command line against a mounted and an unmounted store."""
import hashlib
import os
import signal
import subprocess

import mountfix
from mountfix import read


class Commands(mountfix.MountCase):
    def said(self, *args, status=0, **more):
        done = self.mount.command(*args, check=False, **more)
        both = (done.stdout + done.stderr).decode()
        self.assertEqual(done.returncode, status, both)
        return both

    def test_help_and_version(self):
        self.assertIn("MOUNTPOINT", self.said("--help"))
        self.assertRegex(self.said("--version"), r"\d+\.\d+\.\d+")

    def test_help_of_each_command(self):
        for command in ("status", "fetch", "quote", "models", "verify", "pin", "prune",
                        "unknown", "settle"):
            with self.subTest(command):
                self.assertIn(f"usage: promptfs {command}", self.said(command, "--help"))
                self.assertIn(f"promptfs {command} --help",
                              self.said(command, "--nosuch", status=2))
                self.assertIn(command, self.said("--help"))

    def test_fetch_wrongly(self):
        path = self.mount.fresh()
        for jobs in ("0", "x", "-1", "100000"):
            self.assertIn("--jobs", self.said("fetch", "-j", jobs, path, status=2))
        self.said("fetch", status=2)
        self.assertIn("not in a mounted promptfs", self.said("fetch", "/etc/passwd", status=1))
        self.assertIn("misspelt", self.said(
            "fetch", self.mount.path("prompts/a kite/nosuch/1.png"), status=1))

    def test_fetch_without_waiting(self):
        path = self.mount.fresh("a kite later")
        self.assertIn("queued", self.said("fetch", "--no-wait", path))
        mountfix.wait_for(lambda: os.stat(path).st_blocks, 30, "the file")

    def test_quote_totals(self):
        made, _ = self.mount.generate(model="imagen-3")
        said = self.said("quote", made, self.mount.fresh(model="imagen-3"),
                         self.mount.fresh(model="veo-2", name="8s.mp4", tree="videos"))
        total = next(line.split() for line in said.splitlines() if line.startswith("total"))
        self.assertEqual(float(total[1]), 0.225)

    def test_status_keeps_watching(self):
        watch = subprocess.Popen([mountfix.PROMPTFS, "status", "-w", self.mount.root],
                                 env=self.mount.environment(), stdout=subprocess.PIPE)
        with watch:
            for _ in range(3):
                self.assertTrue(watch.stdout.readline())
            self.assertIsNone(watch.poll())
            watch.send_signal(signal.SIGINT)
            watch.stdout.read()
        self.assertIn(watch.returncode, (0, 130, -signal.SIGINT))

    def test_usage(self):
        self.said(status=2)
        self.said("--nosuch", status=2)
        self.assertIn("nosuch", self.said("-o", "nosuch=1", self.mount.root, status=2))

    def test_no_such_mount_point(self):
        self.assertIn("/nonexistent", self.said("/nonexistent/place", status=1))

    def test_status(self):
        read(self.mount.fresh())
        self.said("status", self.mount.root)

    def test_models(self):
        said = self.said("models")
        for model in ("imagen-3", "imagen-2", "veo-2", "veo-1.5"):
            self.assertIn(model, said)

    def test_quote(self):
        before = self.mount.requests()
        self.assertIn("0.025", self.said("quote", self.mount.fresh(model="imagen-3")))
        paths = "\n".join(self.mount.fresh() for _ in range(3)) + "\n"
        self.assertIn("0.06", self.said("quote", "-", input=paths.encode()))
        self.assertEqual(self.mount.requests(), before)

    def test_fetch(self):
        paths = [self.mount.fresh("a fetched kite") for _ in range(4)]
        self.said("fetch", "-j", "2", *paths)
        for path in paths:
            self.assertGreater(os.stat(path).st_blocks, 0)

    def test_fetch_a_list(self):
        paths = [self.mount.fresh("a listed kite") for _ in range(3)]
        self.said("fetch", "-", input="\n".join(paths).encode())
        for path in paths:
            self.assertGreater(os.stat(path).st_blocks, 0)

    def test_fetch_counts_failures(self):
        good = self.mount.fresh()
        bad = self.mount.path("prompts/a weapon/imagen-2/1.png")
        said = self.said("fetch", good, bad, status=1)
        self.assertIn("weapon", said)
        self.assertGreater(os.stat(good).st_blocks, 0)

    def test_pin_lists_a_prompt(self):
        self.said("pin", self.mount.path("prompts/a pinned prompt"))
        self.assertIn("a pinned prompt", os.listdir(self.mount.path("prompts")))

    def test_pin_undone(self):
        path = self.mount.path("prompts/pinned for a moment")
        self.said("pin", path)
        self.said("pin", "--undo", path)
        self.assertNotIn("pinned for a moment", os.listdir(self.mount.path("prompts")))

    def test_prune_asks_first(self):
        path, first = self.mount.generate()
        os.unlink(path)
        removed = os.path.join(os.path.dirname(path), ".history/1.png~1")
        for more in ((), ("--dry-run",), ("--dry-run", "--older-than", "1d")):
            self.said("prune", *more, self.mount.root, stdin=subprocess.DEVNULL)
            self.assertEqual(read(removed), first)
        self.said("prune", "--older-than", "soon", self.mount.root, status=2)

    def test_prune_frees_history_only(self):
        path, first = self.mount.generate()
        kept, data = self.mount.generate()
        os.unlink(path)
        removed = os.path.join(os.path.dirname(path), ".history/1.png~1")
        self.assertEqual(read(removed), first)
        self.said("prune", "--yes", "-o", f"state={self.mount.state}")
        with self.assertRaises(FileNotFoundError):
            os.stat(removed)
        self.assertEqual(read(kept), data)

    def test_verify(self):
        read(self.mount.fresh())
        self.said("verify", "-o", f"state={self.mount.state}")

    def test_unmounted(self):
        path, data = self.mount.generate()
        self.assertEqual(self.mount.stop(), 0)
        self.said("verify", "-o", f"state={self.mount.state}")
        self.mount.start()
        self.assertEqual(read(path), data)

    def test_verify_finds_a_flipped_byte(self):
        path, data = self.mount.generate()
        self.assertEqual(self.mount.stop(), 0)
        store = os.path.join(self.mount.state, "store.mdb")
        with open(store, "r+b") as f:
            at = f.read().find(data[4096:4160])
            f.seek(at)
            f.write(bytes([data[4096] ^ 0xff]))
        said = self.said("verify", "-o", f"state={self.mount.state}", status=1)
        self.assertIn(hashlib.sha256(data).hexdigest()[:16], said)
        self.mount.start()
        self.said("verify", self.mount.root, status=1)
        with open(self.mount.path("README.txt"), "rb") as f:
            self.assertTrue(f.read())
        self.assertEqual(self.mount.stop(), 0)
        with open(store, "r+b") as f:
            f.seek(at)
            f.write(data[4096:4097])
        self.mount.start()
        self.assertEqual(read(path), data)

    def test_bad_options_say_why(self):
        for option in ("max_concurrent=0", "max_concurrent=many", "backend=nosuch",
                       "latency=-1"):
            with self.subTest(option):
                self.assertIn(option.split("=")[0], self.said(
                    "-f", "-o", f"state={self.mount.base}/other,{option}", self.mount.root,
                    status=2, timeout=20, stdin=subprocess.DEVNULL))


if __name__ == "__main__":
    mountfix.main()
