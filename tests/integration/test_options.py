# SPDX-License-Identifier: MIT
"""Option directories, takes, and the links below auto, best and cheap."""
import errno
import os

import mountfix
from mountfix import load, read, text


def png_size(data):
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


class Options(mountfix.MountCase):
    def inode(self, *parts):
        return os.stat(self.mount.path("prompts/a paper boat", *parts)).st_ino

    def test_any_order(self):
        one = self.inode("imagen-3/aspect=16:9/style=anime/seed=7/1.png")
        self.assertEqual(self.inode("imagen-3/seed=7/style=anime/aspect=16:9/1.png"), one)
        self.assertEqual(self.inode("imagen-3/style=anime/seed=7/aspect=16x9/1.png"), one)
        self.assertNotEqual(self.inode("imagen-3/style=anime/seed=8/aspect=16x9/1.png"), one)
        self.assertNotEqual(self.inode("imagen-3/1.png"), one)

    def test_unknown_and_repeated_keys(self):
        for parts in ("imagen-3/colour=red", "imagen-3/aspect", "imagen-3/=", "imagen-3/=1",
                      "imagen-3/Aspect=16:9", "imagen-3/aspect=16:9/aspect=16:9",
                      "imagen-3/aspect=16:9/aspect=1:1", "imagen-3/fps=24"):
            with self.subTest(parts):
                self.assertErrno(errno.ENOENT, self.inode, parts)

    def test_values_outside_the_limits(self):
        for option in ("aspect=17:3", "seed=-1", "seed=abc", "guidance=1e9", "style=baroque",
                       "size=9K", "count=99"):
            path = self.mount.path("prompts/a paper boat/imagen-3", option, "1.png")
            with self.subTest(option):
                try:
                    os.stat(path)
                except FileNotFoundError:
                    continue  # imagen-3 does not take this key at all
                self.assertErrno(errno.EINVAL, open, path, "rb")
                self.assertIn(option.split("=")[0], text(path + ".error"))

    def test_aspect_ratios(self):
        for aspect, ratio in (("1:1", 1), ("16:9", 16 / 9), ("9:16", 9 / 16), ("4:3", 4 / 3),
                              ("3:4", 3 / 4)):
            with self.subTest(aspect):
                width, height = png_size(read(self.mount.path(
                    "prompts/a paper boat/imagen-3", f"aspect={aspect}", "1.png")))
                self.assertAlmostEqual(width / height, ratio, delta=0.08 * ratio)
                self.assertGreaterEqual(width * height, 900_000)

    def test_jpeg(self):
        got = read(self.mount.path("prompts/a paper boat/imagen-3/1.jpg"))
        self.assertEqual((got[:3], got[-2:]), (b"\xff\xd8\xff", b"\xff\xd9"))

    def test_styles_differ(self):
        base = "prompts/a paper boat/imagen-2"
        got = {read(self.mount.path(base, f"style={s}", "1.png"))
               for s in ("photographic", "sketch", "anime")}
        self.assertEqual(len(got), 3)

    def test_takes(self):
        base = "prompts/a paper boat/imagen-2"
        one, two = (read(self.mount.path(base, n)) for n in ("1.png", "2.png"))
        self.assertNotEqual(one, two)
        self.assertNotEqual(self.inode("imagen-2/1.png"), self.inode("imagen-2/2.png"))

    def test_a_take_adds_to_the_seed(self):
        path = self.mount.path("prompts/a paper boat/imagen-3/seed=40/3.png")
        read(path)
        self.assertEqual(os.getxattr(path, "user.promptfs.seed"), b"42")
        self.assertEqual(load(path + ".json")["seed"], 42)

    def test_count_is_one_job(self):
        where = self.mount.path("prompts/four paper boats/imagen-3/count=4")
        before = self.mount.requests()
        got = {read(os.path.join(where, f"{n}.png")) for n in range(1, 5)}
        self.assertEqual(len(got), 4)
        self.assertEqual(self.mount.requests(), before + 1)
        self.assertEqual(sorted(os.listdir(where)), [f"{n}.png" for n in range(1, 5)])
        with self.assertRaises(OSError):
            read(os.path.join(where, "5.png"))

    def test_deterministic(self):
        path = "prompts/a clockwork bird/imagen-3/style=digital-art/seed=5/1.png"
        here = read(self.mount.path(path))
        other = mountfix.Mount()
        self.addCleanup(other.close)
        self.assertTrue(here == read(other.path(path)))

    def test_models_directory(self):
        names = os.listdir(self.mount.path("models"))
        for model in ("imagen-3", "imagen-2", "veo-2", "veo-1.5"):
            self.assertIn(model + ".json", names)
            row = load(self.mount.path("models", model + ".json"))
            self.assertIn(model, str(row))
        self.assertErrno(errno.ENOENT, os.stat, self.mount.path("models/nosuch.json"))


class Selectors(mountfix.MountCase):
    def link(self, *parts, tree="prompts"):
        path = self.mount.path(tree, *parts)
        target = os.readlink(path)
        self.assertEqual(os.lstat(path).st_size, len(target))
        return target

    def test_auto_pictures(self):
        self.assertEqual(self.link("a tin robot/auto/1.png"), "../imagen-2/1.png")
        self.assertEqual(self.link("a tin robot/auto/aspect=16:9/1.png"),
                         "../../imagen-2/aspect=16:9/1.png")
        self.assertEqual(self.link("r" * 100, "auto/1.png"), "../imagen-2/1.png")
        self.assertEqual(self.link("r" * 101, "auto/1.png"), "../imagen-3/1.png")

    def test_auto_videos(self):
        self.assertEqual(self.link("a tin robot/auto/30s.mp4", tree="videos"),
                         "../veo-1.5/30s.mp4")
        self.assertEqual(self.link("a tin robot/auto/61s.mp4", tree="videos"),
                         "../veo-2/61s.mp4")

    def test_the_link_leads_to_the_file(self):
        path = self.mount.path("prompts/a tin drum/auto/aspect=16:9/1.png")
        self.assertEqual(read(path), read(os.path.realpath(path)))
        self.assertTrue(os.path.realpath(path).startswith(self.mount.root))

    def test_sidecars_link_too(self):
        self.assertEqual(self.link("a tin robot/auto/1.png.cost"), "../imagen-2/1.png.cost")
        cost = load(self.mount.path("prompts/a tin robot/auto/1.png.cost"))
        self.assertEqual(cost["model"], "imagen-2")

    def test_best_and_cheap(self):
        for selector in ("best", "cheap"):
            path = self.mount.path("prompts/a tin robot", selector, "1.png")
            model = os.readlink(path).split("/")[1]
            self.assertIn(model + ".json", os.listdir(self.mount.path("models")))
            cost = load(path + ".cost")
            self.assertEqual(cost["state"], "not generated")
        cheap = load(self.mount.path("prompts/a tin robot/cheap/1.png.cost"))
        best = load(self.mount.path("prompts/a tin robot/best/1.png.cost"))
        self.assertLessEqual(cheap["estimate_usd"], best["estimate_usd"])

    def test_an_existing_take_wins(self):
        read(self.mount.path("prompts/a tin whistle/imagen-3/2.png"))
        self.assertEqual(self.link("a tin whistle/auto/2.png"), "../imagen-3/2.png")
        self.assertEqual(self.link("a tin whistle/auto/1.png"), "../imagen-2/1.png")


if __name__ == "__main__":
    mountfix.main()
