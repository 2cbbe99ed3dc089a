# SPDX-License-Identifier: MIT
"""What names below /prompts and /videos mean: section "the tree" of the contract."""
import errno
import hashlib
import os
import subprocess
import unicodedata
import unittest

import mountfix
from mountfix import load, read, text

NEVER = ("autorun autorun.inf autorun.exe autorun.sh desktop.ini Thumbs.db HEAD BDMV BDAV "
         "VIDEO_TS VIDEO_TS.IFO AUDIO_TS HVDVD_TS DCIM MPEG2 mpegav PICTURES system ostree "
         "var lost+found .hidden .git .directory .Trash .Trash-1000 .sh_thumbnails").split()


def hash16(prompt):
    return "@" + hashlib.sha256(prompt.encode()).hexdigest()[:16]


class Names(mountfix.MountCase):
    def prompt_of(self, name):
        return text(self.mount.path("prompts", name, ".prompt")).rstrip("\n")

    def inode(self, name, model="imagen-3"):
        return os.stat(self.mount.path("prompts", name, model, "1.png")).st_ino

    def test_escapes(self):
        for name, prompt in (
                ("a cat %2F a dog", "a cat / a dog"), ("a cat %2f a dog", "a cat / a dog"),
                ("100%25 wool", "100% wool"), ("100% wool", "100% wool"),
                ("%2Ehidden place", ".hidden place"), ("%2ehidden place", ".hidden place"),
                ("%40 home at last", "@ home at last"), ("ends in %", "ends in %"),
                ("%2 and %zz stay", "%2 and %zz stay"), ("at %2x", "at %2x"),
                ("%2541 is text", "%41 is text"), ("a.b@c.d", "a.b@c.d")):
            with self.subTest(name):
                self.assertEqual(self.prompt_of(name), prompt)

    def test_spellings_are_one_file(self):
        for one, two in (("a cat %2F a dog", "a cat %2f a dog"),
                         ("100%25 wool", "100% wool"), ("a fox in snow", "  a fox in snow "),
                         (unicodedata.normalize("NFC", "un café à Nîmes"),
                          unicodedata.normalize("NFD", "un café à Nîmes"))):
            with self.subTest(two):
                self.assertEqual(self.inode(one), self.inode(two))
        self.assertNotEqual(self.inode("a fox in snow"), self.inode("A fox in snow"))

    def test_nfd_generates_the_nfc_file(self):
        nfc = unicodedata.normalize("NFC", "die Brücke über den Fluß")
        nfd = unicodedata.normalize("NFD", nfc)
        before = self.mount.requests()
        first = read(self.mount.path("prompts", nfd, "imagen-2", "1.png"))
        self.assertEqual(first, read(self.mount.path("prompts", nfc, "imagen-2", "1.png")))
        self.assertEqual(self.mount.requests(), before + 1)
        self.assertIn(nfc, os.listdir(self.mount.path("prompts")))
        self.assertNotIn(nfd, os.listdir(self.mount.path("prompts")))

    def test_not_utf8(self):
        root = self.mount.path("prompts").encode()
        for name in (b"caf\xe9 noir", b"\xff\xfe\xfd\xfc\xfb", b"cut \xe2\x82",
                     b"surrogate \xed\xa0\x80"):
            with self.subTest(name):
                self.assertErrno(errno.EILSEQ, os.stat, os.path.join(root, name))

    def test_never_prompts(self):
        for tree in ("prompts", "videos"):
            for name in NEVER:
                with self.subTest(name):
                    self.assertErrno(errno.ENOENT, os.stat, self.mount.path(tree, name))
        # Everywhere else below a prompt, too.
        for name in (".hidden", ".git", "HEAD", "desktop.ini"):
            self.assertErrno(errno.ENOENT, os.stat,
                             self.mount.path("prompts/a still lake", name))

    def test_blank_is_no_prompt(self):
        for name in (" ", "   ", "\t"):
            self.assertErrno(errno.ENOENT, os.stat, self.mount.path("prompts", name))

    def test_long_prompts(self):
        for size in (255, 256, 700, 1000):
            prompt = ("a long road through many small villages, " * 30)[:size - 1] + "s"
            with self.subTest(size):
                got = read(self.mount.path("prompts", prompt, "imagen-3", "1.png"))
                self.assertEqual(got[:4], b"\x89PNG")
                self.assertEqual(self.prompt_of(prompt), prompt)
                listed = prompt if size <= 255 else hash16(prompt)
                self.assertIn(listed, os.listdir(self.mount.path("prompts")))
                self.assertEqual(self.inode(prompt), self.inode(hash16(prompt)))
                self.assertEqual(
                    got, read(self.mount.path("prompts", hash16(prompt), "imagen-3/1.png")))

    def test_four_thousand_bytes(self):
        """1,000 characters of four bytes; the path is relative, for its limit is 4,095."""
        prompt = "🦊" * 999 + "🌲"
        self.assertEqual(len(prompt.encode()), 4000)
        prompts = os.open(self.mount.path("prompts"), os.O_PATH)
        self.addCleanup(os.close, prompts)
        fd = os.open(prompt + "/imagen-3/1.png", os.O_RDONLY, dir_fd=prompts)
        with open(fd, "rb") as f:
            got = f.read()
        self.assertEqual(got, read(self.mount.path("prompts", hash16(prompt),
                                                   "imagen-3/1.png")))
        self.assertIn(hash16(prompt), os.listdir(self.mount.path("prompts")))

    def test_length_is_counted_in_characters(self):
        for prompt, number in (("x" * 1001, errno.EINVAL), ("kurz", errno.EINVAL),
                               ("日" * 4, errno.EINVAL)):
            path = self.mount.path("prompts", prompt, "imagen-2", "1.png")
            os.stat(path)
            self.assertErrno(number, open, path, "rb")
        read(self.mount.path("prompts", "日本の山々", "imagen-2", "1.png"))

    def test_hash_of_nothing(self):
        self.assertErrno(errno.ENOENT, os.stat, self.mount.path("prompts/@0123456789abcdef"))
        self.assertErrno(errno.ENOENT, os.stat,
                         self.mount.path("prompts", hash16("a prompt nobody used")))

    def test_prompt_from_inputs(self):
        story = "Once upon a time a fox crossed the frozen lake. " * 15
        with open(self.mount.path("inputs/story.txt"), "w", encoding="utf-8") as f:
            f.write(story)
        path = self.mount.path("prompts/@story/imagen-3/1.png")
        got = read(path)
        self.assertEqual(self.prompt_of("@story"), story.strip())
        self.assertEqual(
            got, read(self.mount.path("prompts", story.strip(), "imagen-3/1.png")))
        self.assertEqual(os.stat(path).st_ino, self.inode(story.strip()))
        self.assertErrno(errno.ENOENT, os.stat, self.mount.path("prompts/@nosuchinput"))

    def test_mkdir(self):
        self.assertErrno(errno.EEXIST, os.mkdir, self.mount.path("prompts/a new prompt"))
        self.assertErrno(errno.EEXIST, os.mkdir,
                         self.mount.path("prompts/a new prompt/imagen-3"))

    def test_unknown_models(self):
        for name in ("imagen-33", "imagen", "Imagen-3", "nosuch", "aspect", "1.png"):
            with self.subTest(name):
                self.assertErrno(errno.ENOENT, os.stat,
                                 self.mount.path("prompts/a blue door", name))
        self.assertErrno(errno.ENOENT, os.stat,
                         self.mount.path("videos/a blue door/imagen-3"))
        self.assertErrno(errno.ENOENT, os.stat,
                         self.mount.path("prompts/a blue door/veo-2"))

    def test_aliases(self):
        for alias, model in (("imagen-3.0-generate-001", "imagen-3"),
                             ("imagegeneration@006", "imagen-2"), ("imagen-2.0", "imagen-2")):
            self.assertEqual(self.inode("a blue door", alias), self.inode("a blue door", model))
        for alias, model in (("veo-2.0-001", "veo-2"), ("veo-1.5-001", "veo-1.5")):
            there = [os.stat(self.mount.path("videos/a blue door", m, "4s.mp4")).st_ino
                     for m in (alias, model)]
            self.assertEqual(there[0], there[1])

    def test_file_names(self):
        def stat(name, where="prompts/a blue door/imagen-3"):
            return os.stat(self.mount.path(where, name))

        for name in ("1.png", "999.png", "7.jpg"):
            self.assertTrue(stat(name).st_size)
        for name in ("0.png", "1000.png", "01.png", "+1.png", "1.gif", "1.PNG", "png", ".png",
                     "1", "1.txt", "4s.mp4", "1.png.nosuch", "1.png.cost.cost", "1.png~1",
                     "-1.png", "99999999999999999999.png"):
            with self.subTest(name):
                self.assertErrno(errno.ENOENT, stat, name)
        videos = "videos/a blue door/veo-2"
        for name in ("4s.mp4", "4s-2.mp4", "8s-999.mp4"):
            self.assertTrue(stat(name, videos).st_size)
        for name in ("4.mp4", "s.mp4", "0s.mp4", "04s.mp4", "4s-0.mp4", "4s-1000.mp4", "1.png",
                     "-4s.mp4", "4s-.mp4", "4s.mkv"):
            with self.subTest(name):
                self.assertErrno(errno.ENOENT, stat, name, videos)

    def test_canonical_listing(self):
        read(self.mount.path("prompts", "  half %2f half, 50% %25 ", "imagen-2/1.png"))
        names = [n for n in os.listdir(self.mount.path("prompts")) if n.startswith("half")]
        self.assertEqual(len(names), 1)
        self.assertEqual(self.prompt_of(names[0]), "half / half, 50% %")
        self.assertIn("%2F", names[0])

    def test_json_has_the_prompt(self):
        path = self.mount.path("prompts/a %2F b %2F c/imagen-2/1.png")
        read(path)
        self.assertIn("a / b / c", text(path + ".json"))
        self.assertIsInstance(load(path + ".json"), dict)


class NegativeNames(unittest.TestCase):
    """A name that can never appear is looked up once; one that may, every time."""

    def setUp(self):
        self.mount = mountfix.Mount(start=False)
        self.addCleanup(self.mount.close)
        self.log = open(self.mount.log, "ab")
        self.addCleanup(self.log.close)
        self.mount.process = subprocess.Popen(
            [mountfix.PROMPTFS, "-d", "-o", f"state={self.mount.state}", self.mount.root],
            env=self.mount.environment(), stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log)
        mountfix.LIVE.add(self.mount)
        mountfix.wait_for(self.mount.is_ready, 20, "the mount")

    def lookups(self, path):
        def count():
            with open(self.mount.log, "rb") as f:
                return f.read().count(b"opcode: LOOKUP")
        os.listdir(self.mount.path(os.path.dirname(path)))
        before = count()
        for _ in range(5):
            self.assertFalse(os.path.lexists(self.mount.path(path)))
        return count() - before

    def test_cached(self):
        for path in ("prompts/HEAD", "videos/VIDEO_TS.IFO", "prompts/lost+found",
                     "prompts/.git", "prompts/a cat/.hidden", "prompts/a cat/nosuch",
                     "prompts/a cat/imagen-3/9.gif", ".Trash"):
            with self.subTest(path):
                self.assertEqual(self.lookups(path), 1)
        for path in ("prompts/@nosuch", "inputs/nosuch", "prompts/a cat/imagen-3/best.png",
                     "prompts/a cat/imagen-3/.history/1.png~1"):
            with self.subTest(path):
                self.assertEqual(self.lookups(path), 5)


if __name__ == "__main__":
    mountfix.main()
