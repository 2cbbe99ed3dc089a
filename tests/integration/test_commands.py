# SPDX-License-Identifier: MIT
"""The command line against a mounted and an unmounted store."""
import os
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

    def test_bad_options_say_why(self):
        for option in ("max_concurrent=0", "max_concurrent=many", "backend=nosuch",
                       "latency=-1"):
            with self.subTest(option):
                self.assertIn(option.split("=")[0], self.said(
                    "-f", "-o", f"state={self.mount.base}/other,{option}", self.mount.root,
                    status=2, timeout=20, stdin=subprocess.DEVNULL))


if __name__ == "__main__":
    mountfix.main()
