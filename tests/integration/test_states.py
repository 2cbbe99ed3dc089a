# SPDX-License-Identifier: MIT
"""What stands beside a file in each of its states: not generated, queued, generating,
failed, generated; and what the mount as a whole says meanwhile."""
import errno
import os
import re
import subprocess
import time

import mountfix
from mountfix import load, read, text

LOCAL_BUDGET = {"limit_usd": None, "period": "day", "spent_usd": 0, "reserved_usd": 0}
BEFORE = {"state": "not generated", "model": "imagen-3", "unit": "image", "units": 1,
          "unit_price_usd": 0.025, "estimate_usd": 0.025, "worst_case_usd": 0.0336,
          "currency": "USD",
          "alternatives": [{"model": "imagen-2", "estimate_usd": 0.02}],
          "budget": LOCAL_BUDGET}
ALWAYS_LISTED = {"user.promptfs.model", "user.mime_type", "user.xdg.comment"}
LISTED_WHEN_MADE = ALWAYS_LISTED | {
    "user.promptfs." + name for name in ("served_by", "cost_usd", "seed", "sha256", "created")}


class States(mountfix.MountCase):
    options = ("latency=2500", "max_concurrent=1")

    def beside(self, path, state):
        """Each JSON file beside `path` names the state, and stat knows its length."""
        for suffix in (".cost", ".quality", ".json"):
            size = os.stat(path + suffix).st_size
            got = text(path + suffix)
            self.assertEqual(size, len(got.encode()), suffix)
            self.assertTrue(got.startswith('{\n  "') and got.endswith("\n}\n"), got)
            if state != "generated" or suffix != ".quality":
                self.assertEqual(load(path + suffix)["state"], state)
        self.assertEqual(os.getxattr(path, "user.promptfs.state").decode(), state)

    def test_not_generated(self):
        path = self.mount.fresh(model="imagen-3")
        self.beside(path, "not generated")
        self.assertEqual(load(path + ".cost"), BEFORE)
        self.assertEqual(load(path + ".quality"), {"state": "not generated"})
        self.assertEqual(read(path + ".error"), b"")
        self.assertErrno(errno.ENOENT, os.stat, path + ".orig")
        self.assertEqual(set(os.listxattr(path)), ALWAYS_LISTED)
        for name in ("user.promptfs.grade", "user.promptfs.sha256", "user.nosuch"):
            self.assertErrno(errno.ENODATA, os.getxattr, path, name)

    def test_queued_generating_generated(self):
        first = self.mount.fresh("a slow fox", model="imagen-3/style=sketch")
        second = self.mount.fresh("a slow owl")
        readers = []
        for path in (first, second):
            readers.append(subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL))
            mountfix.wait_parked(readers[-1])
        time.sleep(mountfix.SNAPSHOT_S)
        jobs = self.mount.control("status.json")
        self.beside(first, "generating")
        self.beside(second, "queued")
        self.assertErrno(errno.EBUSY, os.unlink, second)
        self.assertEqual([(j["state"], j["position"], j["readers"]) for j in jobs["jobs"]],
                         [("generating", 0, 1), ("queued", 1, 1)])
        self.assertEqual(jobs["slots"], {"active_requests": 1, "available_slots": 0,
                                         "queue_size": 1})
        for reader in readers:
            self.assertEqual(reader.wait(60 * mountfix.SLOW), 0)
        self.beside(first, "generated")
        self.assertEqual(set(os.listxattr(first)), LISTED_WHEN_MADE)
        cost = load(first + ".cost")
        self.assertEqual(
            cost, BEFORE | {"state": "generated", "charged_usd": 0, "served_by": "imagen-3",
                            "attempts": 1, "latency_ms": cost["latency_ms"],
                            "created": cost["created"]})
        self.assertGreaterEqual(cost["latency_ms"], 2500)

    def test_failed(self):
        path = self.mount.path("prompts/a drugged fox/imagen-3/1.png")
        self.assertErrno(errno.EPERM, open, path, "rb")
        self.beside(path, "failed")
        said = 'blocked word "drug" in the prompt'
        self.assertEqual(load(path + ".cost"), BEFORE | {"state": "failed", "error": said})
        self.assertEqual(text(path + ".error"), said + "\n")
        self.assertIn("EPERM /prompts/a drugged fox/imagen-3/1.png: " + said,
                      text(self.mount.path(".promptfs/errors.log")))
        # The log has the sentence too, but never a prompt.
        self.assertIn(said, self.mount.log_text())
        self.assertNotIn("drugged fox", self.mount.log_text())
        os.unlink(path)
        time.sleep(mountfix.SNAPSHOT_S)
        self.beside(path, "not generated")
        self.assertEqual(read(path + ".error"), b"")


class Recorded(mountfix.MountCase):
    def test_prompt_as_sent(self):
        path = self.mount.path("prompts/a red fox,, in snow/imagen-3/style=cinematic",
                               "enhance=on/negative=default,rain/1.png")
        read(path)
        about = load(path + ".json")
        self.assertEqual(
            about["prompt_sent"],
            "a red fox, in snow, cinematic lighting, dramatic composition, film-like quality, "
            "high quality, detailed, sharp focus")
        self.assertEqual(
            about["negative_sent"],
            "blurry, low quality, pixelated, distorted, watermark, text, logo, signature, rain")
        self.assertEqual(about["prompt"], "a red fox,, in snow")
        self.assertEqual(about["prompt_length"], 19)
        self.assertEqual(about["dropped_options"], [])

    def test_canonical_options(self):
        base = "prompts/a paper boat"
        for given, canonical in (
                ("imagen-3/aspect=16x9", "imagen-3/aspect=16:9"),
                ("imagen-3/guidance=07.50", "imagen-3/guidance=7.5"),
                ("imagen-3/guidance=.5", "imagen-3/guidance=0.5"),
                ("imagen-3/seed=007", "imagen-3/seed=7"),
                ("imagen-3/style=Anime", "imagen-3/style=anime"),
                ("imagen-3/seed=7/aspect=4x3", "imagen-3/aspect=4:3/seed=7"),
                ("imagen-3.0-generate-001", "imagen-3"),
                ("gemini-3-pro-image/size=4k", "gemini-3-pro-image/size=4K")):
            with self.subTest(given):
                about = load(self.mount.path(base, given, "1.png.json"))
                self.assertEqual(about["path"], f"/{base}/{canonical}/1.png")

    def test_inputs_are_bound_by_digest(self):
        path = self.mount.path("videos/a boat leaves/veo-2/res=720p/image=boat.png/1s.mp4")
        self.assertErrno(errno.EINVAL, open, path, "rb")
        self.assertIn("copy it to inputs/boat.png", text(path + ".error"))
        boat = self.mount.path("inputs/boat.png")
        with open(boat, "wb") as f:
            f.write(read(self.mount.path("prompts/a paper boat/imagen-2/1.png")))
        read(path)
        about = load(path + ".json")
        self.assertEqual(list(about["inputs"]), ["boat.png"])
        self.assertRegex(about["inputs"]["boat.png"], "^[0-9a-f]{64}$")
        self.assertEqual(about["inputs_changed"], [])
        with open(boat, "ab") as f:
            f.write(b"more")
        time.sleep(mountfix.SNAPSHOT_S)
        self.assertEqual(load(path + ".json")["inputs_changed"], ["boat.png"])
        os.unlink(boat)
        self.assertGreater(len(read(path)), 0)

    def test_a_long_video_shows_its_plan(self):
        cost = load(self.mount.path("videos/a long river/veo-2/20s.mp4.cost"))
        self.assertEqual(sum(s["seconds"] for s in cost["plan"]), 20)
        self.assertAlmostEqual(sum(s["estimate_usd"] for s in cost["plan"]),
                               cost["estimate_usd"])
        self.assertEqual({s["state"] for s in cost["plan"]}, {"not generated"})
        self.assertNotIn("plan", load(self.mount.path("videos/a river/veo-2/8s.mp4.cost")))

    def test_prometheus_groups_its_lines(self):
        for model in ("imagen-2", "imagen-3"):
            self.mount.generate(model=model)
        time.sleep(mountfix.SNAPSHOT_S)
        said = text(self.mount.path(".promptfs/metrics.prom"))
        names = [re.match(r"(?:# (?:HELP|TYPE) )?(\w+)", line)[1]
                 for line in said.splitlines()]
        blocks = [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]
        self.assertEqual(len(blocks), len(set(blocks)), said)
        self.assertRegex(said, r'promptfs_requests_total\{model="imagen-2"\} [1-9]')
        self.assertRegex(said, r"(?m)^promptfs_queue_size 0$")

    def test_safety_words(self):
        for word, allowed in (
                ("weapons", False), ("hating", False), ("drugged", False), ("NSFW", False),
                ("weapon-like", False), ("discriminations", False), ("chateau", True),
                ("whatever", True), ("drugstore", True)):
            with self.subTest(word):
                path = self.mount.path("prompts", f"a {word} scene", "imagen-2/1.png")
                if allowed:
                    read(path)
                else:
                    self.assertErrno(errno.EPERM, open, path, "rb")


if __name__ == "__main__":
    mountfix.main()
