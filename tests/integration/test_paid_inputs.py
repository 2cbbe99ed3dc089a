# SPDX-License-Identifier: MIT
"""Pictures and texts of /inputs in paid requests: they arrive as they are, are bound when
the file is first made, and what cannot be sent is EINVAL before anything is."""
import base64
import errno
import os
import struct
import time
import zlib

import mountfix
import paidfix
from mountfix import errname, load, read, text
from paidfix import outcome

MIB = 1 << 20
BANANA = "gemini-nano-banana-2.1"


def png(width=64, height=48, shade=90, more=0):
    """A small PNG; `more` bytes of ballast in a chunk of its own."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    rows = b"".join(b"\0" + bytes([shade]) * (3 * width) for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + (chunk(b"prIv", bytes(more)) if more else b"")
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Inputs(paidfix.PaidCase):
    options = ("budget=1000/day", "fallback=off")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dog, cls.cat = png(shade=90), png(shade=200)
        cls.jpeg = read(cls.mount.path("prompts/a picture to begin with/imagen-3/1.jpg"))
        cls.mount.input("dog.png", cls.dog)
        cls.mount.input("cat.png", cls.cat)
        cls.mount.input("hill.jpg", cls.jpeg)

    def body(self, method):
        return self.cloud.requests(method=method)[-1]["body"]

    def inline(self):
        """(type, bytes) of the pictures of the last Gemini request."""
        parts = self.body("generateContent")["contents"][0]["parts"]
        return [(p["inlineData"]["mimeType"], base64.b64decode(p["inlineData"]["data"]))
                for p in parts if "inlineData" in p]

    def test_picture(self):
        path = self.mount.path(f"prompts/the same dog at night/{BANANA}/image=dog.png/1.png")
        read(path)
        self.assertEqual(self.inline(), [("image/png", self.dog)])
        # Its contents stay out of the record; its name and digest are in it.
        record = text(path + ".json")
        self.assertNotIn(base64.b64encode(self.dog).decode()[:40], record)
        self.assertIn("dog.png", record)

    def test_two_pictures_in_order(self):
        read(self.mount.path(
            f"prompts/both of them/{BANANA}/image=hill.jpg+cat.png/1.png"))
        self.assertEqual(self.inline(), [("image/jpeg", self.jpeg), ("image/png", self.cat)])

    def test_vision(self):
        path = self.mount.path("prompts/what is this/gemini-pro-vision/image=cat.png/1.txt")
        self.assertTrue(read(path))
        self.assertEqual(self.inline(), [("image/png", self.cat)])
        cost = load(path + ".cost")
        self.assertEqual(round(cost["charged_usd"] * 1e6), self.billed())

    def test_vision_needs_one(self):
        path = self.mount.path("prompts/what is this/gemini-pro-vision/1.txt")
        self.assertNothingSent(path, "image=")

    def test_video(self):
        where = "videos/the dog runs/veo-3.1-lite/res=720p"
        read(self.mount.path(where, "image=dog.png/4s.mp4"))
        image = self.body("predictLongRunning")["instances"][0]["image"]
        self.assertEqual((image["mimeType"], base64.b64decode(image["bytesBase64Encoded"])),
                         ("image/png", self.dog))
        read(self.mount.path(where, "image=dog.png/last=cat.png/4s.mp4"))
        last = self.body("predictLongRunning")["instances"][0]["lastFrame"]
        self.assertEqual(base64.b64decode(last["bytesBase64Encoded"]), self.cat)

    def assertNothingSent(self, path, *words):
        self.assertEqual(errname(outcome(path)[0]), "EINVAL")
        for w in words:
            self.assertIn(w, text(path + ".error"))
        self.assertEqual(self.cloud.counters()["methods"], {})
        time.sleep(mountfix.SNAPSHOT_S)
        self.assertEqual(load(self.mount.path(".cost"))["reserved_usd"], 0)

    def test_missing(self):
        path = self.mount.path(f"prompts/a dog that is not/{BANANA}/image=wolf.png/1.png")
        self.assertNothingSent(path, "wolf.png", "copy it to inputs/wolf.png first")
        # Then it comes, and the same open works.
        self.mount.input("wolf.png", self.dog)
        self.assertTrue(read(path))

    def test_no_picture(self):
        self.mount.input("notes.png", b"these are words, not a picture")
        path = self.mount.path(f"prompts/a dog in words/{BANANA}/image=notes.png/1.png")
        self.assertNothingSent(path, "neither PNG nor JPEG")

    def test_too_large(self):
        self.mount.input("huge.png", png(more=21 * MIB))
        path = self.mount.path(f"prompts/a huge dog/{BANANA}/image=huge.png/1.png")
        self.assertNothingSent(path, "20 MiB")
        self.mount.input("large.png", png(more=14 * MIB))
        self.assertTrue(read(self.mount.path(
            f"prompts/a large dog/{BANANA}/image=large.png/1.png")))

    def test_too_large_together(self):
        for n in range(5):
            self.mount.input(f"part{n}.png", png(shade=n, more=15 * MIB))
        path = self.mount.path(f"prompts/five large dogs/{BANANA}", "image="
                               + "+".join(f"part{n}.png" for n in range(5)), "1.png")
        self.assertNothingSent(path, "64 MiB together")

    def test_not_for_this_model(self):
        """Imagen takes no pictures: no such option, so no such path."""
        self.assertErrno(errno.ENOENT, os.stat,
                         self.mount.path("prompts/a new dog/imagen-3/image=dog.png/1.png"))

    def test_bound_when_made(self):
        """An input that changes later leaves what was bought where it is; .json says so."""
        self.mount.input("pond.png", self.dog)
        path = self.mount.path(f"prompts/a pond like this/{BANANA}/image=pond.png/1.png")
        data = read(path)
        before = text(path + ".json")
        self.mount.input("pond.png", self.cat)
        self.assertEqual(read(path), data)
        self.mount.stop()
        self.mount.start()
        self.assertEqual(read(path), data)
        self.assertNotEqual(text(path + ".json"), before)
        os.unlink(self.mount.path("inputs/pond.png"))
        self.assertEqual(read(path), data)
        self.assertEqual(self.calls("generateContent"), 1)

    def test_prompt_of_an_input(self):
        words = "a valley with " + "many " * 120 + "sheep"
        self.mount.input("valley.txt", words.encode() + b"\n")
        path = self.mount.path("prompts/@valley/imagen-3/1.png")
        data = read(path)
        self.assertEqual(self.body("predict")["instances"][0]["prompt"], words)
        # It is that prompt, whatever becomes of the input.
        os.unlink(self.mount.path("inputs/valley.txt"))
        with open(os.path.dirname(os.path.dirname(path)) + "/.prompt", "rb") as f:
            self.assertNotEqual(f.read(), b"")
        listed = [n for n in os.listdir(self.mount.path("prompts")) if n.startswith("@")]
        self.assertEqual(data, read(self.mount.path("prompts", listed[0], "imagen-3/1.png")))
        self.assertEqual(self.calls("predict"), 1)

    def test_prompt_that_is_too_long(self):
        self.mount.input("novel.txt", b"word " * 300)
        path = self.mount.path("prompts/@novel/imagen-3/1.png")
        self.assertNothingSent(path, "characters")


if __name__ == "__main__":
    mountfix.main()
